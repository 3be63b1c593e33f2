"""DeepFilterNet3, low-latency variant, as a teacher: its output and, as features, the state of its filter decoder.

The network and the signal path around it are `enhancer.evaluation.peers.deepfilternet`'s. The library's shortcuts for
very clean and very noisy frames are not needed in a teacher.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import numpy as np

from enhancer.errors import ConfigError
from enhancer.evaluation.peers.deepfilternet import RATE, DeepFilterNet, unpack
from training.teachers import fetch, graph
from training.teachers.base import TeacherOutput, standardise

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
    licence = fetch.WHEELS["deepfilternet3-ll"].licence
    feature_dims = HIDDEN_DIMS

    def __init__(self, path: Path, sample_rate: int = 16000):
        if sample_rate not in (16000, RATE):
            raise ConfigError(f"{self.name} is run at 16000 or {RATE} Hz, not {sample_rate}")
        self.sample_rate = sample_rate
        content = path.read_bytes()
        self.sha256 = hashlib.sha256(content).hexdigest()
        graphs = unpack(content)
        decoder = graph.parse(graphs["df_dec"], "DeepFilterNet3's df_dec")
        graph.expose(decoder, HIDDEN)
        self._network = DeepFilterNet(graphs | {"df_dec": decoder.SerializeToString()}, HIDDEN)

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
        enhanced, hidden = self._network.enhance(soxr.resample(x, self.sample_rate, RATE))
        assert hidden is not None
        enhanced = soxr.resample(enhanced, RATE, self.sample_rate)
        enhanced = np.pad(enhanced[:samples], (0, max(0, samples - len(enhanced)))) * np.float32(rms / INPUT_RMS)
        return TeacherOutput(enhanced, standardise(hidden[:frames] @ self._projection))

    def enhance(self, noisy: np.ndarray) -> np.ndarray:
        """Enhanced float32 [N] of noisy [N]: no delay, right polarity and level."""
        return self.run(noisy).enhanced

    def features(self, noisy: np.ndarray) -> np.ndarray | None:
        """Hidden features float16 [N // hop, dims] of noisy [N]; row t is of the 20 ms that end with hop t."""
        return self.run(noisy).features


def load(sample_rate: int = 16000) -> DeepFilterNet3:
    """The fetched teacher. Raises ModelError, naming the command, when it has not been fetched."""
    return DeepFilterNet3(fetch.fetched("deepfilternet3-ll"), sample_rate)
