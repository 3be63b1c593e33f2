"""How far the default recogniser of word error rates can be trusted: what it loses to noise that nobody hears."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.clips import ROOT, demo_clips, read
from benchmarks.tables import as_text, replace_block
from enhancer import denoise
from enhancer.evaluation.measures import at_rate
from enhancer.evaluation.words import DEFAULT, SAMPLE_RATE, normalised, recogniser

SNRS_DB = (60, 40, 30, 20)


def run(*, write: bool) -> None:
    """Prints errors per 100 words of the English clips: with white noise, and as the demo has them, denoised or not."""
    voices, noisy, cleaned = [], [], []
    for clip in demo_clips():
        if clip.title.startswith("English"):
            voices.append(_mono(clip.clean(), clip.sample_rate))
            noisy.append(_mono(clip.noisy(), clip.sample_rate))
            cleaned.append(_mono(denoise(clip.noisy(), clip.sample_rate), clip.sample_rate))
    in_demo = len(voices)
    voices += [
        _mono(read(ROOT / "tests" / "data" / f"speech_16k_{who}.flac"), SAMPLE_RATE) for who in ("female", "male")
    ]
    texts = [_heard(voice) for voice in voices]
    seconds = sum(map(len, voices)) / SAMPLE_RATE

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(f"heard by {DEFAULT}: {len(voices)} English clips, {seconds:.0f} s")
    table.add_column("words", justify="right")
    table.add_column("errors per 100", justify="right")
    rng = np.random.default_rng(0)
    for snr_db in SNRS_DB:
        disturbed = [_with_noise(voice, snr_db, rng) for voice in voices]
        table.add_row(f"white noise, {snr_db} dB below the voice", *_errors(texts, disturbed))
    table.add_row("the demo's noisy clips", *_errors(texts[:in_demo], noisy))
    table.add_row("... denoised", *_errors(texts[:in_demo], cleaned))
    Console().print(table)
    if write:
        replace_block(ROOT / "docs" / "evaluation.md", "recogniser", as_text(table))


def _mono(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """The first channel at the recogniser's rate: [n, channels] -> [m]."""
    return at_rate(samples[:, 0], sample_rate, SAMPLE_RATE)


def _with_noise(voice: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    return voice + np.std(voice) * 10 ** (-snr_db / 20) * rng.standard_normal(voice.size)


def _heard(signal: np.ndarray) -> str:
    return normalised(recogniser(DEFAULT)(signal))


def _errors(texts: list[str], signals: list[np.ndarray]) -> tuple[str, str]:
    """Words of the clean clips, and errors per 100 of them, all clips together."""
    from jiwer import wer

    return str(sum(len(text.split()) for text in texts)), f"{100 * wer(texts, [_heard(x) for x in signals]):.0f}"
