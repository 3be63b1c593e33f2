"""Windows, framing and overlap-add: exact, causal, the same for streams and whole signals."""

import numpy as np
import pytest

from enhancer.spectral import GRID_16K, GRID_48K, Analysis, Grid, Synthesis, istft, stft


@pytest.fixture(params=[GRID_16K, GRID_48K], ids=["16k", "48k"])
def grid(request) -> Grid:
    return request.param


def through(grid, samples, frames_a_call):
    analysis, synthesis = Analysis(grid, samples.shape[0]), Synthesis(grid, samples.shape[0])
    step = frames_a_call * grid.hop
    parts = [
        synthesis.process(analysis.process(samples[:, start : start + step])).copy()
        for start in range(0, samples.shape[1], step)
    ]
    return np.concatenate(parts, axis=1)


def test_windows_multiply_to_a_hann_window_of_20_ms(grid):
    product = grid.analysis_window[-2 * grid.hop :] * grid.synthesis_window
    np.testing.assert_allclose(product[: grid.hop] + product[grid.hop :], 1.0, atol=1e-12)
    assert grid.n_fft == 0.032 * grid.sample_rate
    assert grid.latency == 0.020 * grid.sample_rate


def test_only_the_two_grids_exist():
    with pytest.raises(ValueError, match="44100"):
        Grid(44_100)


@pytest.mark.parametrize("frames_a_call", [1, 3, 100])
def test_a_stream_is_reconstructed_one_hop_late(grid, speech_like, frames_a_call):
    samples = speech_like(grid.sample_rate, 3.0, channels=2).T
    output = through(grid, samples, frames_a_call)
    np.testing.assert_allclose(output[:, grid.hop :], samples[:, : -grid.hop], atol=1e-6)
    np.testing.assert_allclose(output[:, : grid.hop], 0.0, atol=1e-6)


def test_a_whole_signal_of_any_length_is_reconstructed(grid, speech_like):
    for length in (1, grid.hop - 1, grid.hop, 7 * grid.hop + 5):
        samples = speech_like(grid.sample_rate, 1.0)[None, -length:]
        np.testing.assert_allclose(istft(stft(samples, grid), grid, length), samples, atol=1e-6)


def test_calls_of_any_length_give_the_same_spectra(grid, speech_like):
    samples = speech_like(grid.sample_rate, 2.5)[None]
    whole = stft(samples, grid)[:250]
    analysis, start, parts = Analysis(grid), 0, []
    for frames in (1, 100, 2, 47, 100):
        parts.append(analysis.process(samples[:, start * grid.hop : (start + frames) * grid.hop]).copy())
        start += frames
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_both_grids_show_the_same_sound_alike():
    time_48k = np.arange(48_000) / 48_000
    tones = sum(np.sin(2 * np.pi * frequency * time_48k) for frequency in (250.0, 1000.0, 3000.0, 6500.0)) / 8
    wide = stft(tones[None, ::3].astype(np.float32), GRID_16K)[20:80]
    full = stft(tones[None].astype(np.float32), GRID_48K)[20:80, :, :257]
    strong = np.abs(wide) > 0.1
    np.testing.assert_allclose(np.abs(full)[strong], np.abs(wide)[strong], rtol=0.02)


def test_reset_equals_new(grid, speech_like):
    samples = speech_like(grid.sample_rate, 0.1)[None]
    analysis, synthesis = Analysis(grid), Synthesis(grid)
    first = synthesis.process(analysis.process(samples)).copy()
    analysis.reset()
    synthesis.reset()
    np.testing.assert_array_equal(synthesis.process(analysis.process(samples)), first)
