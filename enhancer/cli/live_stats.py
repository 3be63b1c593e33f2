"""Figures of a live run, gathered while it goes and written at its end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from enhancer.cli.display import clock
from enhancer.live.meters import Meters
from enhancer.live.protocol import EngineState as State
from enhancer.live.protocol import Event, StatusReply
from enhancer.media.atomic import replacing

COUNTERS = ("frames", "input_xruns", "output_xruns")
LATENCIES = ("algorithm", "buffers", "input_device", "output_device")


@dataclass
class LiveStats:
    """To be fed several times a second. Counters go on where the engine begins anew (it has slept, was restarted)."""

    seconds: dict[str, float] = field(default_factory=dict)  # in each state
    counters: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0))
    restarts: int = 0
    events: list[dict[str, object]] = field(default_factory=list)
    _seen: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0))
    _latency: list[float] = field(default_factory=list)  # least, sum, most
    _samples: int = 0
    _cpu: float = 0.0
    _last: Meters = field(default_factory=Meters)
    _slowest_ms: float = 0.0

    def happened(self, at_s: float, event: Event) -> None:
        """An event of the engine, `at_s` seconds after the start."""
        self.events.append({"at_s": round(at_s, 2), "state": str(event.state), "message": event.text})

    def add(self, elapsed_s: float, status: StatusReply, meters: Meters) -> None:
        """What was seen `elapsed_s` after the last time."""
        state = str(status.state)
        self.seconds[state] = self.seconds.get(state, 0.0) + elapsed_s
        self._cpu += meters.cpu_share * elapsed_s
        if meters.state is not State.RUNNING or not meters.frames:
            return
        for name in COUNTERS:
            now = getattr(meters, name)
            self.counters[name] += now - self._seen[name] if now >= self._seen[name] else now
            self._seen[name] = now
        latency = meters.latency_ms
        least, total, most = self._latency or (latency, 0.0, latency)
        self._latency = [min(least, latency), total + latency, max(most, latency)]
        self._samples += 1
        self._slowest_ms = max(self._slowest_ms, meters.frame_max_ms)
        self._last = meters

    def figures(self) -> dict[str, object]:
        """All of it. frame_ms: p50 and p99 over the last 10 s. latency_ms: the parts as they were last."""
        total, last = sum(self.seconds.values()), self._last
        latency: dict[str, float] = {}
        if self._latency:
            least, summed, most = self._latency
            latency = {"min": least, "mean": summed / self._samples, "max": most}
            latency |= {part: getattr(last, f"latency_{part}_ms") for part in LATENCIES}
        return {
            "seconds": round(total, 3),
            "seconds_in_state": {state: round(value, 3) for state, value in self.seconds.items()},
            **self.counters,
            "frame_ms": _rounded({"p50": last.frame_p50_ms, "p99": last.frame_p99_ms, "max": self._slowest_ms}),
            "latency_ms": _rounded(latency),
            "drift_ppm": round(last.drift_ppm, 2),
            "cpu_share": round(self._cpu / total, 4) if total else 0.0,
            "restarts": self.restarts,
            "events": self.events,
        }

    def summary(self) -> str:
        """The run in a line."""
        total = sum(self.seconds.values())
        xruns = self.counters["input_xruns"] + self.counters["output_xruns"]
        sound = clock(self.counters["frames"] / 100)
        return f"{clock(total)}: {sound} of sound enhanced, {xruns} {'xrun' if xruns == 1 else 'xruns'}"

    def write(self, path: Path) -> None:
        """The figures as JSON. Raises OutputError."""
        with replacing(path, overwrite=True) as temporary:
            temporary.write_text(json.dumps(self.figures(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}
