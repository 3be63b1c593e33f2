"""That live sound is the sound of files: through `enhancer live` on real servers, whole, free of clicks, on time."""

import time

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from benchmarks.clips import demo_clips
from benchmarks.live_latency import Probe
from benchmarks.live_process import LiveProcess
from enhancer import denoise
from enhancer.evaluation.metrics import estoi, si_sdr
from enhancer.live.protocol import Bypass, EngineState, Monitor, Record, SetDevices, SetLimit
from enhancer.live.pulse_streams import PulseBackend
from enhancer.live.recording_paths import SIDES
from tests.live.conftest import SERVERS
from tests.live.sound_servers import in_time, wait_until
from tests.live.test_control import FLOOD, process

RATE = 48_000
HOP = RATE // 100
PATIENT_MS = 200  # asked by players and recorders, which shall not be what breaks the sound
FINE = 8  # places between two samples
PIECE = RATE // 5  # over which the drift resampler's speed is as good as constant


@pytest.fixture(scope="module", params=SERVERS)
def live(request):
    """`enhancer live --virtual-mic`, awake, on either server."""
    server = request.getfixturevalue({"pulseaudio": "pulse_server", "pipewire": "pipewire_server"}[request.param])
    with LiveProcess(server, "--virtual-mic", "--keep-open", "--input", "microphone") as live:
        yield live


def demo_sound(side: str) -> np.ndarray:
    """5 s of a demo clip, one channel: its `noisy` or its `clean` side."""
    (clip, *_) = (clip for clip in demo_clips() if clip.sample_rate == RATE)
    return getattr(clip, side)()[: 5 * RATE, 0]


def place_of(piece: np.ndarray, sound: np.ndarray) -> float:
    """Where in a longer sound the piece is most like it, between samples, too."""
    size = 1 << len(sound).bit_length()
    match = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(piece, size)), size)
    best = int(np.argmax(match[: len(sound) - len(piece) + 1]))
    before, here, after = match[[best - 1, best, best + 1]]
    return best + 0.5 * (before - after) / (before - 2 * here + after)


def aligned(recording: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """What of the recording is the reference, at its places: the drift resampler reads a little faster or slower."""
    start = round(place_of(reference, recording))
    reach = 200
    fine, fine_reference = resample_poly(recording, FINE, 1), resample_poly(reference, FINE, 1)
    firsts = np.arange(0, len(reference) - PIECE + 1, PIECE // 2)
    delays = []
    for first in firsts:
        piece = fine_reference[first * FINE : (first + PIECE) * FINE] * np.hanning(PIECE * FINE)
        around = fine[(start + first - reach) * FINE : (start + first + PIECE + reach) * FINE]
        delays.append(start - reach + place_of(piece, around) / FINE)
    places = np.arange(len(reference))
    places = places + np.interp(places, firsts + PIECE / 2, delays)
    return np.interp(FINE * places, np.arange(len(fine)), fine)


def level_db(sound: np.ndarray, reference: np.ndarray) -> float:
    return 10 * np.log10(np.mean(sound**2) / np.mean(reference**2))


def test_what_call_programs_hear_is_what_files_become(live, tmp_path_factory):
    noisy, clean = (demo_sound(side) for side in ("noisy", "clean"))

    def attempt() -> None:
        takes, before = tmp_path_factory.mktemp("takes"), live.xruns
        call = live.server.record("enhancer_mic", latency_ms=PATIENT_MS)
        live.request(Record(str(takes)))
        player = live.server.play("room", noisy, latency_ms=PATIENT_MS)
        wait_until(lambda: player.poll() is not None or live.xruns > before, 30.0, "it is played", every_s=0.1)
        if live.xruns == before:
            time.sleep(0.5)
        player.kill()
        ended = player.wait()
        live.request(Record(None))
        call = call.stop()
        assert live.xruns == before, "the engine lost blocks"
        assert ended == 0

        heard, passed = (soundfile.read(next(takes.glob(f"*-{side}.flac")), dtype="float32")[0] for side in SIDES)
        start = round(place_of(noisy, heard))
        assert np.array_equal(heard[start : start + len(noisy)], noisy), "the microphone is not heard bit by bit"

        # As the engine has it: silence before, and the file's first sample at the same place in a hop.
        lead = 100 * HOP + start % HOP
        offline = denoise(np.concatenate([np.zeros(lead, np.float32), noisy]), RATE)[lead:]
        # What the network remembers of earlier sound is all the difference: -44 dB, -32 dB just after other speech.
        # Without `lead`, other hops than the file's, it would be -25 dB; a hop that is lost or comes twice, above 0.
        assert level_db(passed[start : start + len(noisy)] - offline, offline) < -28

        # -38 dB: the drift resampler moves the sound by up to 300 ppm, here by a sample in two seconds. `aligned`
        # knows where it is to a twentieth of a sample, which is a hundredth of the level at 1 kHz, a tenth at 16.
        after_server = aligned(call, offline)
        assert level_db((after_server - offline)[PIECE:-PIECE], offline[PIECE:-PIECE]) < -25

        # 11.4 -> 16.3 dB, .70 -> .78
        assert si_sdr(after_server, clean) > si_sdr(noisy, clean) + 3
        assert estoi(after_server, clean, RATE) > estoi(noisy, clean, RATE) + 0.03

    in_time(attempt, trials=6)  # one that loses a block ends at once


def jumps(live, requests) -> tuple[float, float]:
    """Largest first and second difference of a tone that is heard while `requests` are made, by those of its own."""
    before = live.xruns
    tone = (0.3 * np.sin(2 * np.pi * 440 / RATE * np.arange(10 * RATE))).astype(np.float32)
    player = live.server.play("room", tone, latency_ms=PATIENT_MS)
    time.sleep(0.7)  # its own beginning is over
    recording = live.server.record("enhancer_mic", latency_ms=PATIENT_MS)
    for request in requests:
        live.request(request)
        time.sleep(0.15)
        if live.xruns > before:
            break  # this trial shows nothing
    time.sleep(PATIENT_MS / 1e3)
    call = recording.stop()
    player.kill()
    player.wait()
    assert live.xruns == before, "the engine lost blocks"
    assert call.std() > 0.02, "the tone is heard"
    return tuple(float(np.abs(np.diff(call, n)).max() / np.abs(np.diff(tone, n)).max()) for n in (1, 2))


@pytest.mark.parametrize(
    "requests",
    [
        [Bypass(True), Monitor(True), SetLimit(6.0), Monitor(False), Bypass(False), SetLimit(30.0), SetLimit(None)],
        [Bypass(True), SetDevices(input="room.monitor"), SetDevices(input="microphone"), Bypass(False)],
    ],
    ids=["bypass, strength and monitor", "another microphone"],
)
def test_switches_are_turned_without_a_click(live, requests):
    def attempt() -> None:
        # PipeWire mixes two channels of a monitor into one 3 dB louder. A fall that begins on the tone's steepest
        # sample bends 17 times as much as the tone; where two sounds are joined without a fade it is hundreds.
        first, second = jumps(live, requests)
        assert first < 1.5
        assert second < 20

    in_time(attempt)


def test_the_latency_that_is_told_is_the_latency_that_is(live):
    noisy, backend = demo_sound("noisy"), PulseBackend(live.server.address)

    def attempt() -> None:
        with (
            Probe(backend, "loudspeaker", "loudspeaker.monitor", noisy) as plain,
            Probe(backend, "room", "enhancer_mic", noisy) as whole,
        ):
            time.sleep(3.0)
            measured_ms, told_ms = 1e3 * (whole.latency_s() - plain.latency_s()), live.meters.latency_ms
        assert 20 < measured_ms < 200
        assert abs(measured_ms - told_ms) < 30

    in_time(attempt)


@pytest.mark.parametrize("live", ["pulseaudio"], indirect=True)
def test_clients_that_never_read_or_ask_without_end_cost_no_sound(live):
    flood = "import os; os.nice(max(0, -os.nice(0)))" + FLOOD  # as other programs run

    def attempt() -> None:
        before, frames = live.xruns, live.meters.frames
        with process(flood, live.runtime, "never"), process(flood, live.runtime, "reads"):
            time.sleep(3.0)
            assert live.status().state is EngineState.RUNNING
        assert live.meters.frames - frames > 290, "frames are missing"
        assert live.xruns == before, "the engine lost blocks"

    in_time(attempt)
