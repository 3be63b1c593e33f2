"""What the engine shows of itself, gathered from the worker's sound, the session's counters and the clock."""

from __future__ import annotations

from time import monotonic, process_time

import numpy as np

from enhancer.live.metering import SnrEstimate, SoundMeter
from enhancer.live.meters import Meters
from enhancer.live.pipeline import FrameTimes
from enhancer.live.protocol import EngineState
from enhancer.live.session import SAMPLE_RATE, Session

SLOW_S = 1.0  # between looks at what changes slowly or costs much: CPU, frame times


class Gauges:
    """`hear` by the worker, `values` by whoever publishes."""

    def __init__(self) -> None:
        self._heard, self._passed = SoundMeter(SAMPLE_RATE), SoundMeter(SAMPLE_RATE)
        self._snr, self._snr_at = SnrEstimate(), monotonic()
        self._cpu_share, self._cpu_at, self._cpu_s = 0.0, monotonic(), process_time()
        self._frame_times, self._frames_at = FrameTimes(), 0.0

    def hear(self, heard: np.ndarray, passed: np.ndarray) -> None:
        """A hop of both sides [frames, channels]."""
        self._heard.hear(heard)
        self._passed.hear(passed)

    def values(self, state: EngineState, users: int, session: Session | None, *, spectra: bool) -> Meters:
        """All there is to show now. Without `spectra`, which cost more than all the rest, these are silent."""
        now = monotonic()
        if now - self._cpu_at >= SLOW_S:
            used = process_time()
            self._cpu_share = (used - self._cpu_s) / (now - self._cpu_at)
            self._cpu_at, self._cpu_s = now, used
        if session is None:
            return Meters(state=state, readers=users, cpu_share=self._cpu_share)
        pipeline, branch = session.pipeline, session.branches[0]
        if now - self._frames_at >= SLOW_S or not self._frame_times.max_ms:
            self._frames_at, self._frame_times = now, pipeline.frame_times
        stats, times = pipeline.enhancer.stats, self._frame_times
        self._snr.update(self._heard.power, self._passed.power, stats.speech_presence, now - self._snr_at)
        self._snr_at = now
        into, out = session.device_latencies_s
        shown = (
            {"input_spectrum_db": self._heard.spectrum_db(), "output_spectrum_db": self._passed.spectrum_db()}
            if spectra
            else {}
        )
        return Meters(
            state=state,
            readers=users,
            cpu_share=self._cpu_share,
            input_rms_dbfs=self._heard.rms_dbfs,
            input_peak_dbfs=self._heard.peak_dbfs,
            output_rms_dbfs=self._passed.rms_dbfs,
            output_peak_dbfs=self._passed.peak_dbfs,
            gain_reduction_db=stats.gain_reduction_db,
            snr_db=self._snr.db,
            speech_presence=stats.speech_presence,
            frames=stats.frames,
            frame_p50_ms=times.p50_ms,
            frame_p99_ms=times.p99_ms,
            frame_max_ms=times.max_ms,
            input_xruns=session.input_xruns,
            output_xruns=session.output_xruns,
            drift_ppm=branch.drift_ppm,
            latency_algorithm_ms=1e3 * pipeline.enhancer.latency_samples / SAMPLE_RATE,
            latency_buffers_ms=1e3 * branch.latency_s,
            latency_input_device_ms=1e3 * into,
            latency_output_device_ms=1e3 * out,
            **shown,
        )
