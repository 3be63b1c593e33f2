"""From a microphone to a loudspeaker in simulated time: constant latency, no clicks, whatever the clocks do."""

import numpy as np
import pytest

from benchmarks.simulated_devices import Device, SimulatedTime, simulate
from enhancer.engine import Enhancer
from enhancer.live.clock import MODES
from enhancer.live.output import OutputBranch
from enhancer.live.pipeline import Pipeline

RATE = 16_000
HOP = RATE // 100


def tone(start: int, count: int, hz: float = 200.0, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(start, start + count) / RATE)).astype(np.float32)[:, None]


class Run:
    """One simulated run in bypass (the network would only cost time here), and what came out."""

    def __init__(self, microphone: Device, loudspeaker: Device, seconds: float, mode: str = "normal") -> None:
        self.time = SimulatedTime()
        enhancer = Enhancer(RATE, block_size=HOP)
        enhancer.rest()
        self.pipeline = Pipeline(enhancer, self._branches(loudspeaker.sample_rate, mode), now=self.time)
        self.branch = self.pipeline.branches[0]
        self.latencies: list[tuple[float, float]] = []
        self.played: list[np.ndarray] = []
        simulate(self.time, self.pipeline, self.branch, microphone, loudspeaker, seconds, tone, self._heard)
        self.sound = np.concatenate(self.played)[:, 0]

    def _branches(self, rate: int, mode: str):
        return lambda clock: [OutputBranch(clock, rate, 1, MODES[mode], self.time)]

    def _heard(self, now: float, block: np.ndarray) -> None:
        self.played.append(block.copy())
        self.latencies.append((now, self.branch.latency_s))

    def latency_ms(self, after_s: float) -> np.ndarray:
        return 1e3 * np.array([late for when, late in self.latencies if when > after_s])

    def largest_jump(self) -> float:
        return float(np.abs(np.diff(self.sound)).max())


OWN_JUMP = 0.3 * 2 * np.pi * 200 / RATE  # of the tone from sample to sample


@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_clocks_that_differ_change_neither_the_latency_nor_the_sound(ppm):
    run = Run(Device(RATE, 2 * HOP, jitter_s=0.002), Device(RATE, 2 * HOP, ppm=ppm, jitter_s=0.002), 100.0)
    late = run.latency_ms(after_s=60.0)
    assert np.ptp(late) < 5.0
    assert abs(late.mean() - 1e3 * run.branch.target_s) < 2.0
    assert run.branch.drift_ppm == pytest.approx(-ppm, abs=30.0)
    assert (run.branch.underruns, run.branch.cuts, run.pipeline.overruns) == (0, 0, 0)
    assert run.largest_jump() < 1.02 * OWN_JUMP


@pytest.mark.parametrize("backlog", [False, True])
def test_a_microphone_that_stalls_is_a_gap_without_clicks_and_is_made_up_for_within_a_second(backlog):
    microphone = Device(RATE, HOP, jitter_s=0.001, stalls=((5.0, 5.2),), backlog=backlog)
    run = Run(microphone, Device(RATE, HOP, jitter_s=0.001), 10.0)
    late = run.latency_ms(after_s=6.2)
    assert np.abs(late - 1e3 * run.branch.target_s).max() < 5.0
    assert run.branch.underruns == 1
    assert run.largest_jump() < 2.5 * OWN_JUMP


def test_a_loudspeaker_that_stalls_leaves_no_latency_behind():
    loudspeaker = Device(RATE, HOP, jitter_s=0.001, stalls=((5.0, 5.2),))
    run = Run(Device(RATE, HOP, jitter_s=0.001), loudspeaker, 10.0)
    assert np.abs(run.latency_ms(after_s=6.2) - 1e3 * run.branch.target_s).max() < 5.0
    assert 1 <= run.branch.cuts <= 2  # what it saw of the stall at first, and the rest
    assert run.largest_jump() < 2.5 * OWN_JUMP


@pytest.mark.parametrize(("block", "rate"), [(37, RATE), (HOP, 48_000), (441, 44_100), (1024, 48_000)])
def test_blocks_and_rates_of_the_devices_may_be_any(block, rate):
    run = Run(Device(RATE, 53, jitter_s=0.001), Device(rate, block, jitter_s=0.001), 8.0)
    assert run.branch.underruns == 0
    sound = run.sound[rate:]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert np.argmax(spectrum) * rate / len(sound) == pytest.approx(200.0, abs=0.5)
    assert sound.std() == pytest.approx(0.3 / np.sqrt(2), rel=0.01)


def test_modes_trade_latency_for_safety():
    late = [
        Run(Device(RATE, HOP), Device(RATE, HOP), 8.0, mode).latency_ms(after_s=5.0).mean()
        for mode in ("low", "normal", "safe")
    ]
    assert late == sorted(late)
    assert late[0] < 20.0


def test_a_machine_that_is_too_slow_passes_sound_on_and_tries_again():
    time = SimulatedTime()
    enhancer = Enhancer(RATE, block_size=HOP)
    pipeline = Pipeline(enhancer, lambda clock: [], now=time)
    slow = 0.015

    def listener(heard: np.ndarray, passed: np.ndarray) -> None:
        time.now += slow if not enhancer.bypass else 0.001  # what computing costs, in simulated time

    pipeline._listeners = [listener]
    overloaded = []
    for number in range(900):
        time.now = max(time.now, 0.010 * number)
        pipeline.receive(tone(number * HOP, HOP))
        pipeline.work()
        overloaded.append(pipeline.overloaded)
        if pipeline.overloads == 1 and pipeline.overloaded:
            slow = 0.002
    assert overloaded.index(True) * 0.010 < 0.5
    assert not overloaded[-1] and pipeline.overloads == 1
    assert 4.0 < sum(overloaded) * 0.010 < 6.0


def test_exact_zeros_for_two_seconds_are_a_muted_microphone_until_sound_comes():
    time = SimulatedTime()
    pipeline = Pipeline(Enhancer(RATE, block_size=HOP), lambda clock: [], now=time)
    pipeline.bypass = True

    def hear(block: np.ndarray, seconds: float) -> None:
        for _ in range(round(100 * seconds)):
            pipeline.receive(block)
            pipeline.work()

    hear(np.zeros((HOP, 1), np.float32), 1.9)
    assert not pipeline.muted
    hear(np.zeros((HOP, 1), np.float32), 0.2)
    assert pipeline.muted
    hear(tone(0, HOP, level=1e-4), 0.01)
    assert not pipeline.muted
