"""Random mixtures to listen to and look at: WAV pairs, what was drawn, and a contact sheet of spectrograms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from training.data.mixing import Mixer, Mixture


def write_mixtures(mixer: Mixer, out: Path, *, count: int, seconds: float, full_share: float = 1 / 3) -> list[dict]:
    """Writes `count` mixtures to `out`: NN_noisy.wav, NN_clean.wav, mixtures.json and contact_sheet.png.

    About `full_share` of them are at 48 kHz, the others at 16 kHz. Returns what was drawn, as in mixtures.json.
    """
    import soundfile

    out.mkdir(parents=True, exist_ok=True)
    mixtures = []
    for number in range(count):
        full = int((number + 1) * full_share) > int(number * full_share)
        rate = 48000 if full else 16000
        batch = mixer.batch(1, seconds, rate)
        mixture = Mixture(batch.noisy[0], batch.clean[0], batch.info[0])
        mixtures.append(mixture)
        for side in ("noisy", "clean"):
            soundfile.write(out / f"{number:02d}_{side}.wav", getattr(mixture, side), rate, subtype="PCM_16")
    drawn = [m.info for m in mixtures]
    (out / "mixtures.json").write_text(json.dumps(drawn, indent=1), encoding="utf-8")
    contact_sheet(mixtures, out / "contact_sheet.png")
    return drawn


def contact_sheet(mixtures: list[Mixture], path: Path) -> None:
    """One picture: noisy above clean for each mixture, 0-8 kHz (0-24 kHz at 48 kHz), 80 dB below the noisy peak."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(6, len(mixtures))
    lines = -(-len(mixtures) // columns)
    figure = Figure(figsize=(3.4 * columns, 3.6 * lines), layout="constrained")
    axes = figure.subplots(2 * lines, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for number, mixture in enumerate(mixtures):
        rate, column, line = mixture.info["sample_rate"], number % columns, number // columns
        pair = [_spectrogram_db(x, rate) for x in (mixture.noisy, mixture.clean)]
        top = max(float(pair[0].max()), -60.0)
        for side, picture in enumerate(pair):
            axes[2 * line + side, column].imshow(
                picture, origin="lower", aspect="auto", cmap="magma", vmin=top - 80, vmax=top, interpolation="nearest"
            )
        axes[2 * line, column].set_title(_caption(number, mixture.info), fontsize=7)
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=70)


def _caption(number: int, info: dict) -> str:
    noise = " + ".join(n["category"] for n in info.get("noise", [])) or "no noise"
    snr = "" if info["snr_db"] is None else f" {info['snr_db']:.0f} dB"
    room = f" room {info['rt60_s']:.1f} s" if info["reverberant"] else ""
    second = " 2 speakers" if info.get("second_speaker") else ""
    facts = f"{number:02d} {info['sample_rate'] // 1000}k{snr} {info['level_db']:.0f} dBFS{room}{second}"
    return f"{facts} {' '.join(info['effects'])}\n{info['speaker'][:40]}\n{noise}"


def _spectrogram_db(x: np.ndarray, sample_rate: int) -> np.ndarray:
    """Magnitudes in dB [bins, frames], 32 ms Hann windows every 10 ms."""
    size, hop = int(0.032 * sample_rate), int(0.010 * sample_rate)
    frames = np.lib.stride_tricks.sliding_window_view(x, size)[::hop] * np.hanning(size).astype(np.float32)
    return 20 * np.log10(np.abs(np.fft.rfft(frames).T) / size * 4 + 1e-7)
