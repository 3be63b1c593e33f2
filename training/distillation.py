"""The teacher's ("soft") loss: what the student learns from another network rather than from the clean target.

Total = (1 - alpha) * hard + alpha * soft, with soft = output + beta * features. See docs/distillation.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from enhancer.errors import ConfigError
from enhancer.spectral import CORE_BINS
from training.torch_spectral import compress


@dataclass(frozen=True)
class DistillationConfig:
    """How a student is taught by cached outputs and features of a teacher."""

    caches: tuple[str, ...] = ()  # folders made by `training teachers cache`; batches come from one at a time
    share: float = 0.3  # of all batches, those drawn from the cache; the others are supervised only
    alpha_start: float = 0.7  # weight of the soft loss on those batches at the beginning ...
    alpha_end: float = 0.3  # ... and at the end, linear in between: teacher first, truth last
    similarity: float = 1.0  # weight (beta) of the similarity-preserving feature term
    projected: float = 0.0  # weight (beta) of the projected feature term
    reliability: bool = True  # trust the teacher only where it is nearer to the clean target than the student

    def __post_init__(self) -> None:
        if not self.caches:
            raise ConfigError("[distillation] names no caches", "make one with: training teachers cache")


def alpha_at(config: DistillationConfig, progress: float) -> float:
    """Weight of the soft loss after a share `progress` (0..1) of the run."""
    return config.alpha_start + (config.alpha_end - config.alpha_start) * progress


def output_loss(student: Tensor, teacher: Tensor, clean: Tensor | None, scale: Tensor) -> Tensor:
    """Compressed-complex distance of the student's to the teacher's enhanced spectra, unit by unit as reliable.

    Each time-frequency unit weighs max(0, 1 - e_teacher / e_student), errors against the clean target: a teacher worse
    than the student teaches nothing there. Without a clean target (None) every unit weighs one.
    Shapes: complex [frames, batch, bins]; only the core is compared; scale [1, batch, 1].
    """
    s, t = compress(student[..., :CORE_BINS], scale), compress(teacher[..., :CORE_BINS], scale)
    distance = s.squared_distance(t)
    if clean is None:
        return distance.mean()
    c = compress(clean[..., :CORE_BINS], scale)
    with torch.no_grad():
        teacher_error, student_error = t.squared_distance(c), s.squared_distance(c)
        weight = (1.0 - teacher_error / student_error.clamp_min(1e-8)).clamp_min(0.0)
    return (weight * distance).mean()


def similarity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Distance of the frame-by-frame similarity matrices of two feature sequences, whatever their widths.

    Rows of the Gram matrices are brought to unit length, as by Tung & Mori (2019, eq. 2-4); frames of one item take the
    place of items of a batch, as by Cheng et al. (2022). The temporal mean is removed first: a constant direction
    shared by all frames would make every similarity near one.
    Shapes: student [frames, batch, D1], teacher [frames, batch, D2].
    """

    def gram(x: Tensor) -> Tensor:
        x = (x - x.mean(0)).transpose(0, 1)
        return nn.functional.normalize(x @ x.transpose(1, 2), dim=-1)

    return (gram(student) - gram(teacher)).square().sum(-1).mean()


class Projection(nn.Module):
    """Linear map of the student's features onto a teacher's, compared after normalisation over time."""

    def __init__(self, student_width: int, teacher_width: int) -> None:
        super().__init__()
        self.map = nn.Linear(student_width, teacher_width)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Mean squared error of the mapped features [frames, batch, D1] to the teacher's [frames, batch, D2], each
        teacher dimension standardised within the item."""
        centred = teacher - teacher.mean(0)
        return (self.map(student) - centred / centred.std(0).clamp_min(1e-4)).square().mean()
