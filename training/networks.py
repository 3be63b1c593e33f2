"""The mask-estimation network, teacher and student from one module and one config each.

    features [T, B, 2, 256] --embed--> [T, B, C, 64] --to trunk--> [T, B, D] --LSTM blocks--> [T, B, D]
        --from trunk--> [T, B, C, 64] (+ embedding) --decode--> residual mask [T, B, 2, 256]

The embedding looks along frequency within one frame, at real and imaginary parts and at magnitudes: rectified sums of
real and imaginary parts alone are a poor magnitude, and a mask depends on that before all. Magnitudes also go to the
trunk directly, bin by bin. Memory over time is in the recurrent trunk alone, which spans the whole band. That shape
was chosen by measurement: it learns faster per minute than recurrences shared across bands, at the same time per
frame (docs/training.md), because one frame is a handful of fat operators. The trunk's two linear maps are the band
plan: learned, like a filter bank, over 64 positions of 125 Hz. LSTM rather than GRU because torch trains it on a CPU
through one fused oneDNN operator, about four times faster (`python -m benchmarks training-speed`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from enhancer.features import HIGH_BANDS, HIGH_INPUTS, NETWORK_BINS

STRIDE = 4
KERNEL = 8
POSITIONS = NETWORK_BINS // STRIDE
FRAMES_PER_SECOND = 100
# Of the probability of speech, above 8 kHz: a doubt is a pause more often than a word (docs/decisions.md).
PRESENCE_POWER = 4


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of a `BandRecurrentNet`."""

    channels: int = 16  # of the convolutions along frequency
    trunk: int = 128  # width of the full-band trunk
    blocks: int = 2  # LSTM layers
    bidirectional: bool = False  # True only for teachers: such a network cannot stream


# Hidden and cell state of each block, [directions, B, trunk].
State = list[tuple[Tensor, Tensor]]


@dataclass
class NetworkOutput:
    """What a network says of a batch, and what it was thinking."""

    mask: Tensor  # [T, B, 2, 256], residual: the mask is one plus this
    high_gain: Tensor  # [T, B, 16], 0..1
    presence: Tensor  # [T, B], logits
    hidden: list[Tensor]  # after each block, [T, B, trunk]
    bands: Tensor  # what the mask is read from, [T, B, channels, 64]
    state: State  # after the last frame


class Trunk(nn.Module):
    """LSTM layers over time with a residual around each; directions of a bidirectional layer are summed."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.LSTM(config.trunk, config.trunk, bidirectional=config.bidirectional) for _ in range(config.blocks)
        )

    def forward(self, x: Tensor, state: State | None) -> tuple[list[Tensor], State]:
        hidden, last = [], []
        for index, block in enumerate(self.blocks):
            y, carried = block(x, None if state is None else state[index])
            if block.bidirectional:
                y = y.unflatten(-1, (2, -1)).sum(-2)
            x = x + y
            hidden.append(x)
            last.append(carried)
        return hidden, last


class BandRecurrentNet(nn.Module):
    """Residual complex mask, high-band gains and speech presence from level-normalised spectra."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        c, d = config.channels, config.trunk
        pad = (KERNEL - STRIDE) // 2
        self.embed = nn.Conv1d(3, c, KERNEL, STRIDE, pad)
        self.refine = nn.Conv1d(c, c, 3, padding=1)
        self.to_trunk = nn.Linear(c * POSITIONS, d)
        self.magnitude_to_trunk = nn.Linear(NETWORK_BINS, d, bias=False)
        self.high_to_trunk = nn.Linear(HIGH_INPUTS, d, bias=False)  # no bias: all zero means no high band
        self.trunk = Trunk(config)
        self.from_trunk = nn.Linear(d, c * POSITIONS)
        self.merge = nn.Conv1d(c, c, 3, padding=1)
        self.to_mask = nn.ConvTranspose1d(c, 2, KERNEL, STRIDE, pad)
        # One linear map for all that is said once a frame: 16 high-band gains and speech presence.
        self.to_frame = nn.Linear(d, HIGH_BANDS + 1)
        nn.init.zeros_(self.to_mask.weight)  # untrained, it passes speech through
        nn.init.zeros_(self.to_mask.bias)

    def forward(self, core: Tensor, high: Tensor, state: State | None = None) -> NetworkOutput:
        """Shapes: core [T, B, 2, 256], high [T, B, 17]; state None: nothing heard yet."""
        frames, batch = core.shape[:2]
        magnitude = core.square().sum(2, keepdim=True).sqrt()
        seen = torch.cat([core, magnitude], dim=2).flatten(0, 1)
        embedded = torch.relu(self.refine(torch.relu(self.embed(seen))))
        x = self.to_trunk(embedded.flatten(1)).unflatten(0, (frames, batch))
        x = x + self.magnitude_to_trunk(magnitude.squeeze(2)) + self.high_to_trunk(high)
        hidden, last = self.trunk(torch.relu(x), state)
        decoded = self.from_trunk(hidden[-1].flatten(0, 1)).unflatten(1, (self.config.channels, POSITIONS))
        decoded = torch.relu(self.merge(torch.relu(decoded + embedded)))
        mask = self.to_mask(decoded).unflatten(0, (frames, batch))
        bands = decoded.unflatten(0, (frames, batch))
        said = self.to_frame(hidden[-1])
        # Above 8 kHz there is less to tell speech from noise: what opens those bands is that somebody speaks at all.
        opening = torch.sigmoid(said[..., HIGH_BANDS:]).pow(PRESENCE_POWER)
        high_gain = torch.sigmoid(said[..., :HIGH_BANDS]) * opening
        return NetworkOutput(mask, high_gain, said[..., HIGH_BANDS], hidden, bands, last)

    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())

    def macs_per_second(self) -> int:
        """Multiply-accumulates per second of audio, by the sizes: convolutions, linear maps and LSTM products."""
        c, d = self.config.channels, self.config.trunk
        convolutions = (3 + 2) * c * KERNEL * POSITIONS + 2 * (c * c * 3 * POSITIONS)
        linear = 2 * c * POSITIONS * d + (NETWORK_BINS + HIGH_INPUTS) * d + d * (HIGH_BANDS + 1)
        directions = 2 if self.config.bidirectional else 1
        recurrent = self.config.blocks * directions * 8 * d * d
        return FRAMES_PER_SECOND * (convolutions + linear + recurrent)
