"""What the shipped student takes off the speech of the demo clips: clean speech's level, and speech bins in noise."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.clips import demo_clips
from enhancer import denoise
from enhancer.model import Student
from enhancer.spectral import Grid, stft
from training.data.levels import active_level_db

BANDS_HZ = ((0, 1000), (1000, 4000), (4000, 6000), (6000, 8000))
SPEECH_SNR_DB = 10.0  # a bin is speech where the clean spectrum is this far above the noise


def run() -> None:
    """Prints, clip by clip, the level change of the clean recording and the gain of speech bins in the noisy one."""
    student = Student()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("dB")
    table.add_column("clean level", justify="right")
    for low, high in BANDS_HZ:
        table.add_column(f"{low / 1000:g}-{high / 1000:g} kHz", justify="right")
    for clip in demo_clips():
        clean, noisy = (np.ascontiguousarray(signal[:, 0]) for signal in (clip.clean(), clip.noisy()))
        kept = denoise(clean, clip.sample_rate, model=student)
        change = active_level_db(kept, clip.sample_rate) - active_level_db(clean, clip.sample_rate)
        enhanced = denoise(noisy, clip.sample_rate, model=student)
        grid = Grid(clip.sample_rate)
        x, n, y = (np.abs(stft(signal[None], grid)[:, 0]) for signal in (clean, noisy - clean, enhanced))
        mixture = np.abs(stft(noisy[None], grid)[:, 0])
        speech = x > n * 10.0 ** (SPEECH_SNR_DB / 20.0)
        hertz = np.arange(grid.bins) * grid.sample_rate / grid.n_fft
        gains = []
        for low, high in BANDS_HZ:
            chosen = speech & (hertz >= max(low, 100.0)) & (hertz < high)
            gains.append(f"{20.0 * np.log10(np.mean(y[chosen] / mixture[chosen])):.1f}" if chosen.any() else "-")
        table.add_row(clip.title, f"{change:.2f}", *gains)
    Console(highlight=False).print(table)
