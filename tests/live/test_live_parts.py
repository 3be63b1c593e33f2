"""The parts that live sound passes through: rings, cuts and gaps, the resampler that follows a clock."""

import threading

import numpy as np
import pytest

from enhancer.live.drift import DriftResampler
from enhancer.live.metering import SnrEstimate
from enhancer.live.ring import Ring
from enhancer.live.splice import Cutter, Gap
from enhancer.live.wake import Wake


def test_a_ring_gives_back_in_order_what_two_threads_put_in_and_take_out():
    ring, total, taken = Ring(1000, 1), 200_000, []

    def write() -> None:
        done = 0
        while done < total:
            count = min(total - done, 1 + done % 333)
            done += ring.write(np.arange(done, done + count, dtype=np.float32)[:, None])

    writer = threading.Thread(target=write)
    writer.start()
    out = np.empty((271, 1), np.float32)
    while sum(map(len, taken)) < total:
        taken.append(out[: ring.read(out)].copy())
    writer.join()
    assert np.array_equal(np.concatenate(taken)[:, 0], np.arange(total, dtype=np.float32))


def test_a_full_ring_takes_what_there_is_room_for():
    ring = Ring(10, 2)
    assert ring.write(np.ones((8, 2), np.float32)) == 8
    assert ring.write(np.ones((8, 2), np.float32)) == 2
    assert ring.fill == 10


def sine(count: int, step: float, start: float = 0.0) -> np.ndarray:
    return np.sin(step * (start + np.arange(count))).astype(np.float32)[:, None]


@pytest.mark.parametrize("block", [1, 7, 160, 480])
@pytest.mark.parametrize("cut", [100, 3000])
def test_a_cut_takes_away_exactly_that_much_and_leaves_no_click(block, cut):
    sound, cutter = sine(9600, 0.02), Cutter(48_000, 1)
    first = -(-2000 // block) * block
    parts = [sound[:first]]
    cutter.cut(cut)
    parts += [cutter.process(sound[start : start + block]) for start in range(first, len(sound), block)]
    left = np.concatenate(parts)
    assert len(left) == len(sound) - cut
    assert not cutter.busy
    assert np.abs(np.diff(left[:, 0])).max() < 0.025
    assert np.array_equal(left[-1000:], sound[-1000:])


@pytest.mark.parametrize("block", [1, 64, 480])
def test_a_gap_falls_and_rises_without_a_click(block):
    gap, sound, out = Gap(48_000, 1), sine(9600, 0.02), []
    for start in range(0, len(sound), block):
        part = sound[start : start + block].copy()
        if 3000 <= start < 6000:
            gap.fill(part)
        else:
            gap.sound(part)
        out.append(part)
    heard = np.concatenate(out)[:, 0]
    assert np.abs(np.diff(heard)).max() < 0.025
    assert np.abs(heard[4000:5900]).max() == 0.0
    assert np.array_equal(heard[7500:], sound[7500:, 0])


@pytest.mark.parametrize(("in_rate", "out_rate"), [(48_000, 48_000), (16_000, 48_000), (48_000, 44_100)])
@pytest.mark.parametrize("correction", [0.0, 2e-4, -3e-4])
def test_the_resampler_follows_any_correction(in_rate, out_rate, correction):
    resampler = DriftResampler(in_rate, out_rate, 1, 480)
    step = 2 * np.pi * 440 / in_rate
    blocks = [resampler.push(sine(480, step, start), correction).copy() for start in range(0, 96_000, 480)]
    out = np.concatenate(blocks)[:, 0].astype(float)
    ratio = in_rate / out_rate * (1 + correction)
    assert len(out) == pytest.approx(96_000 / ratio, abs=in_rate // 1000)
    positions = np.arange(len(out)) * ratio - resampler.delay_s * in_rate
    settled = positions > 100
    assert np.abs(out - np.sin(step * positions))[settled].max() < 1e-4


def test_a_correction_that_moves_is_not_heard():
    resampler, rng = DriftResampler(48_000, 48_000, 1, 480), np.random.default_rng(1)
    step = 2 * np.pi * 440 / 48_000
    out = [resampler.push(sine(480, step, s), 3e-4 * rng.uniform(-1, 1)).copy() for s in range(0, 96_000, 480)]
    sound = np.concatenate(out)[200:, 0]
    assert np.abs(np.diff(sound)).max() < 1.01 * step
    assert np.abs(np.diff(sound, 2)).max() < 1.05 * step**2


def test_a_doorbell_that_rings_while_nobody_waits_is_heard_and_never_blocks():
    wake = Wake()
    for _ in range(100_000):
        wake.up()
    wake.wait()
    woken = threading.Event()
    thread = threading.Thread(target=lambda: (wake.wait(), woken.set()))
    thread.start()
    wake.up()
    assert woken.wait(0.4)
    thread.join()


@pytest.mark.parametrize("rate", [2, 20, 100])
def test_the_estimate_of_the_noise_settles_as_fast_however_often_it_is_made(rate):
    snr = SnrEstimate()
    for _ in range(rate):  # a second of speech 10 dB above the noise
        snr.update(1.1, 1.0, 1.0, 1 / rate)
    assert snr.db == pytest.approx(10.0, abs=0.1)
    for _ in range(rate):  # a second, in which ten times the noise comes nearer by 63 %
        snr.update(2.0, 1.0, 1.0, 1 / rate)
    noise = 0.1 * (1 - np.exp(-1)) * np.exp(-1) + 1.0 * (1 - np.exp(-1))
    assert snr.db == pytest.approx(10 * np.log10((1 - np.exp(-2)) / noise), abs=0.1)
