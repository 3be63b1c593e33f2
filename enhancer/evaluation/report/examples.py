"""The files that are shown and played: best, median and worst, ten seconds of each before, after and clean."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np

from enhancer.errors import UserError
from enhancer.evaluation.alignment import align, find_delay
from enhancer.evaluation.measures import Measure, at_rate
from enhancer.evaluation.mel_spectrogram import mel_spectrogram_db
from enhancer.evaluation.pairs import Pair
from enhancer.evaluation.report.material import Material
from enhancer.evaluation.scoring import ENHANCED, MAX_DELAY_S, NOISY, Method, Sound, read_sound

LONGEST_S = 10.0
CLEAN = "clean"
_LEAD_S = 30.0  # of sound before the piece that our system hears, of longer files: its memory is seconds
_MOST_HZ = 48_000
_ROWS, _COLUMNS = 160, 800
_RANGE_DB = 75.0  # below the loudest bin of the clean sound
_CEILING = 0.99


@dataclass(frozen=True)
class Version:
    """One version of an example: 16-bit FLAC, and its spectrogram as PNG."""

    system: str
    sound: bytes
    picture: bytes


@dataclass(frozen=True)
class Example:
    """A file that stands for others. `problem` says why it has no `versions`, where it has none."""

    rank: str
    name: str
    measure: Measure
    begin_s: float = 0.0
    seconds: float = 0.0
    whole_s: float = 0.0
    sample_rate: int = 0
    versions: list[Version] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: str = ""


def examples(material: Material) -> list[Example]:
    """Best, median and worst by gain in the measure that files are ranked by (by value, without noisy files)."""
    if not material.summary.worst:
        return []
    key = material.summary.worst[0].measure
    measure = next(m for m in material.summary.measures() if m.key == key)
    pairs = {pair.name: pair for pair in material.pairs}
    return [_example(rank, pairs[name], measure, material) for rank, name in _chosen(material, key)]


def _chosen(material: Material, key: str) -> list[tuple[str, str]]:
    gains = material.gains(key)
    order = [material.summary.names[i] for i in np.argsort(-gains, kind="stable") if not np.isnan(gains[i])]
    if len(order) < 3:
        return list(zip(("best", "worst") if len(order) == 2 else ("only file",), order, strict=True))
    return [("best", order[0]), ("median", order[len(order) // 2]), ("worst", order[-1])]


def _example(rank: str, pair: Pair, measure: Measure, material: Material) -> Example:
    try:
        return _cut(rank, pair, measure, material.ours, material.method)
    except UserError as error:
        return Example(rank, pair.name, measure, problem=error.message)
    except OSError as error:
        return Example(rank, pair.name, measure, problem=f"{error.filename} cannot be read: {error.strerror}")


def _cut(rank: str, pair: Pair, measure: Measure, ours: str, method: Method) -> Example:
    """Reads a file's versions and cuts the same seconds out of each."""
    clean = read_sound(pair.clean) if pair.clean else None
    sounds = {NOISY: read_sound(pair.noisy)} if pair.noisy else {}
    if ours == ENHANCED:
        assert pair.enhanced is not None
        sounds[ENHANCED] = read_sound(pair.enhanced)
    lead = clean or next(iter(sounds.values()))
    rate = min(_MOST_HZ, lead.sample_rate, *(sound.sample_rate for sound in sounds.values()))
    seconds = min(LONGEST_S, lead.seconds, *(sound.seconds for sound in sounds.values()))
    begin_s = _loudest(lead, seconds)
    if ours != ENHANCED:
        sounds[ours] = _denoised(sounds[NOISY], begin_s, seconds, method)

    reference = _piece(lead, begin_s, seconds, rate)
    pieces = {}
    for system, sound in sounds.items():
        delay_s = _delay_s(_piece(sound, begin_s, seconds, rate), reference, rate) if method.align else 0.0
        pieces[system] = _piece(sound, begin_s + delay_s, seconds, rate)
    if clean:
        pieces[CLEAN] = reference

    notes = []
    if lead.samples.shape[1] > 1:
        notes.append(f"channel 1 of {lead.samples.shape[1]}")
    peak = max(float(np.abs(piece).max()) for piece in pieces.values())
    if peak > _CEILING:
        notes.append(f"all versions turned down by {20 * np.log10(peak / _CEILING):.1f} dB, so that none clips")
    loud = min(1.0, _CEILING / peak) if peak else 1.0
    levels = {system: _levels(piece, rate) for system, piece in pieces.items()}
    top = float(levels[CLEAN].max() if clean and np.any(reference) else max(level.max() for level in levels.values()))
    versions = [Version(s, _flac(loud * piece, rate), _png(levels[s], top)) for s, piece in pieces.items()]
    return Example(rank, pair.name, measure, begin_s, seconds, lead.seconds, rate, versions, notes)


def _loudest(sound: Sound, seconds: float) -> float:
    """Where the `seconds` with the most energy begin, to 0.1 s."""
    step = max(round(0.1 * sound.sample_rate), 1)
    energy = np.concatenate([[0.0], np.cumsum(np.square(sound.samples[:, 0], dtype=np.float64))])
    length = round(seconds * sound.sample_rate)
    begins = np.arange(0, len(sound.samples) - length + 1, step)
    return float(begins[np.argmax(energy[begins + length] - energy[begins])]) / sound.sample_rate


def _denoised(noisy: Sound, begin_s: float, seconds: float, method: Method) -> Sound:
    """The noisy file with the asked piece, and 0.1 s on either side of it, as our system makes it; else silence."""
    from enhancer.engine import denoise
    from enhancer.model import Student

    rate = noisy.sample_rate
    begin = max(0, round((begin_s - MAX_DELAY_S - _LEAD_S) * rate))
    end = round((begin_s + seconds + MAX_DELAY_S) * rate)
    out = np.zeros_like(noisy.samples)
    part = noisy.samples[begin:end]
    out[begin:end] = denoise(
        part, rate, attenuation_limit_db=method.attenuation_limit_db, model=Student(method.model)
    )  # fmt: skip
    return Sound(noisy.path, out, rate)


def _delay_s(estimate: np.ndarray, reference: np.ndarray, rate: int) -> float:
    try:
        return find_delay(estimate, reference, round(MAX_DELAY_S * rate)) / rate
    except ValueError:  # silence: nothing to find
        return 0.0


def _piece(sound: Sound, begin_s: float, seconds: float, rate: int) -> np.ndarray:
    """The first channel from `begin_s` (may be below 0) on, zeros where the file has none; at `rate`."""
    own = sound.sample_rate
    piece = align(sound.samples[:, 0], round(begin_s * own), round(seconds * own))
    return np.ascontiguousarray(at_rate(piece, own, rate))


def _levels(piece: np.ndarray, rate: int) -> np.ndarray:
    return mel_spectrogram_db(piece, rate, _ROWS, hop_s=max(0.004, len(piece) / rate / _COLUMNS))


def _flac(piece: np.ndarray, rate: int) -> bytes:
    """Lossless, and every browser plays it: codecs would hide what there is to hear."""
    import soundfile

    memory = io.BytesIO()
    soundfile.write(memory, piece, rate, format="FLAC", subtype="PCM_16", compression_level=1.0)
    return memory.getvalue()


def _png(levels: np.ndarray, top_db: float) -> bytes:
    """Shapes: levels [rows, frames] in dB, low to high."""
    from matplotlib import colormaps
    from PIL import Image

    grey = np.clip((levels[::-1] - (top_db - _RANGE_DB)) / _RANGE_DB, 0, 1)
    picture = Image.fromarray(np.round(grey * 255).astype(np.uint8), "P")
    picture.putpalette((colormaps["magma"](np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes())
    memory = io.BytesIO()
    picture.save(memory, "PNG", optimize=True)
    return memory.getvalue()
