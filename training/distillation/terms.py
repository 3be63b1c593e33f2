"""The teachers' ("soft") losses: what the student learns from other networks rather than from the clean target.

The terms alone; `lessons` decides who speaks, `schedules` how much each term weighs. Formulas and sources:
docs/distillation.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from enhancer.errors import ConfigError
from enhancer.spectral import CORE_BINS
from training.torch_spectral import Compressed, compress

Schedule = Literal["mixed", "two-step", "dynamic"]


@dataclass(frozen=True)
class GradientShares:
    """Parts of the trunk's gradient that the dynamic schedule gives to each term; only their ratios matter."""

    hard: float = 0.5
    output: float = 0.3
    features: float = 0.2

    def __post_init__(self) -> None:
        if self.hard <= 0 or self.output < 0 or self.features < 0:
            raise ConfigError("[distillation.shares] needs hard > 0 and no negative share")


@dataclass(frozen=True)
class DistillationConfig:
    """Who teaches, by which terms, and when."""

    teachers: tuple[str, ...] = ()  # checkpoints of our own teachers: they hear every batch
    caches: tuple[str, ...] = ()  # folders made by `training teachers cache`; a batch comes from one at a time
    share: float = 0.3  # of all batches, those drawn from the caches
    cached_word: bool = True  # False: the caches' mixtures are used, what the external teacher said of them is not
    unpaired: float = 0.0  # of all batches, noisy-only recordings, which teach through the soft terms alone
    schedule: Schedule = "mixed"
    alpha_start: float = 0.7  # weight of the soft loss at the beginning ...
    alpha_end: float = 0.3  # ... and at the end, linear in between: teacher first, truth last
    first_share: float = 0.25  # two-step: of the budget, what is spent on the features alone
    output: float = 1.0  # weight of the output term
    similarity: float = 1.0  # weight (beta) of the similarity-preserving feature term
    projected: float = 0.0  # weight (beta) of the projected feature term
    reliability: bool = True  # trust a teacher only where it is nearer to the clean target than the student
    shares: GradientShares = field(default_factory=GradientShares)  # dynamic: of the trunk's gradient

    def __post_init__(self) -> None:
        if not self.caches and not self.teachers:
            raise ConfigError(
                "[distillation] names neither teachers nor caches",
                "train a teacher, or make a cache with: training teachers cache",
            )
        if self.schedule not in get_args(Schedule):
            raise ConfigError(f"distillation.schedule is {self.schedule!r}", f"one of: {', '.join(get_args(Schedule))}")
        for name in ("share", "unpaired", "alpha_start", "alpha_end", "first_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"distillation.{name} = {getattr(self, name)} is not a share between 0 and 1")
        if self.schedule == "two-step" and self.first_share == 1.0:
            raise ConfigError("distillation.first_share = 1 leaves nothing for the second step")
        if self.unpaired and not (self.teachers and self.output):
            raise ConfigError(
                "unpaired batches need a teacher of our own and its output term",
                "name one in distillation.teachers, and set distillation.output",
            )


@dataclass(frozen=True)
class Word:
    """What one teacher says of a batch."""

    enhanced: Tensor  # complex [frames, batch, bins], core bins at least
    hidden: list[Tensor]  # features [frames, batch, width], the last being the nearest to the mask
    bands: Tensor | None  # features over frequency [frames, batch, channels, positions]; None: it has none to compare


def output_loss(
    student: Tensor, words: Sequence[Tensor], clean: Tensor | None, scale: Tensor, reliability: bool = True
) -> Tensor:
    """Compressed-complex distance of the student's to the teachers' enhanced spectra on the core, unit by unit.

    Each time-frequency unit listens to the teacher that is nearest to the clean target there, and with `reliability`
    weighs max(0, 1 - e_teacher / e_student): a teacher worse than the student teaches nothing. Without a clean target
    (None) every unit weighs one, and several teachers count alike.
    Shapes: complex [frames, batch, bins]; scale [1, batch, 1].
    """
    s = compress(student[..., :CORE_BINS], scale)
    said = [compress(word[..., :CORE_BINS], scale) for word in words]
    if clean is None:
        return torch.stack([s.squared_distance(t).mean() for t in said]).mean()
    c = compress(clean[..., :CORE_BINS], scale)
    nearest, error = _nearest(said, c)
    distance = s.squared_distance(nearest)
    if not reliability:
        return distance.mean()
    weight = (1.0 - error / s.squared_distance(c).detach().clamp_min(1e-8)).clamp_min(0.0)
    return (weight * distance).mean()


def _nearest(said: Sequence[Compressed], clean: Compressed) -> tuple[Compressed, Tensor]:
    """Of several spectra the one nearest to the clean target, unit by unit, and its squared error there."""
    best, error = said[0], said[0].squared_distance(clean)
    for other in said[1:]:
        its_error = other.squared_distance(clean)
        nearer = its_error < error
        best = Compressed(
            torch.where(nearer, other.real, best.real),
            torch.where(nearer, other.imag, best.imag),
            torch.where(nearer, other.magnitude, best.magnitude),
        )
        error = torch.minimum(error, its_error)
    return best, error


def similarity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Distance of the similarity matrices of two feature sequences, whatever their widths.

    Rows of the Gram matrices are brought to unit length, as by Tung & Mori (2019, eq. 2-4); frames (or bands) of one
    item take the place of items of a batch, as by Cheng et al. (2022). The mean over them is removed first: a constant
    direction shared by all would make every similarity near one.
    Shapes: student [batch, N, D1], teacher [batch, N, D2]; N frames, or N bands.
    """

    def gram(x: Tensor) -> Tensor:
        x = x - x.mean(1, keepdim=True)
        return nn.functional.normalize(x @ x.transpose(1, 2), dim=-1)

    return (gram(student) - gram(teacher)).square().sum(-1).mean()


def frames_first_to_items(features: Tensor) -> Tensor:
    """[frames, batch, width] -> [batch, frames, width], for frame-by-frame similarities."""
    return features.transpose(0, 1)


def bands_of_items(features: Tensor) -> Tensor:
    """[frames, batch, channels, positions] -> [batch, positions, frames * channels], for band-by-band similarities."""
    return features.permute(1, 3, 0, 2).flatten(2)


def block_pairs(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Which of the student's features answer to which of the teacher's: the last to the last, and so on backwards."""
    count = min(len(student), len(teacher))
    return [(len(student) - k, len(teacher) - k) for k in range(count, 0, -1)]


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
