"""What the student is to reach against each peer, and whether a measured difference does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from enhancer.evaluation.statistics import Mean


@dataclass(frozen=True)
class Verdict:
    """Whether an aim is met (None: there is none, the distance is the answer), and by how much it is missed.

    `missed_by` is in the unit of the measure, a factor for costs, NaN where the aim is met or the point is another:
    `why` says it then.
    """

    met: bool | None
    missed_by: float = math.nan
    why: str = ""


MET, REPORTED = Verdict(True), Verdict(None)


class Aim(Protocol):
    """Judges a mean paired difference, counted so that more is better for us."""

    @property
    def says(self) -> str: ...

    def judge(self, difference: Mean) -> Verdict: ...


@dataclass(frozen=True)
class AtLeast:
    """The mean difference is `amount` or more."""

    amount: float

    @property
    def says(self) -> str:
        return f"+{self.amount:g}"

    def judge(self, difference: Mean) -> Verdict:
        return MET if difference.mean >= self.amount else Verdict(False, self.amount - difference.mean)


@dataclass(frozen=True)
class Above:
    """The 95 % interval of the difference lies above 0."""

    says: str = "above"

    def judge(self, difference: Mean) -> Verdict:
        if difference.low > 0:
            return MET
        if difference.mean > 0:
            return Verdict(False, why="not beyond chance")
        return Verdict(False, -difference.mean)


@dataclass(frozen=True)
class Level:
    """The 95 % interval of the difference holds 0 or lies above it."""

    says: str = "level or above"

    def judge(self, difference: Mean) -> Verdict:
        return MET if difference.high >= 0 or difference.mean >= 0 else Verdict(False, -difference.mean)


@dataclass(frozen=True)
class Reported:
    """No aim: the distance itself is asked for."""

    says: str = "the distance"

    def judge(self, difference: Mean) -> Verdict:
        return REPORTED


@dataclass(frozen=True)
class Share:
    """Our real-time factor is at most this share of the peer's: 1 / `divisor`; below it where the divisor is 1."""

    divisor: int = 1

    @property
    def says(self) -> str:
        return "cheaper" if self.divisor == 1 else f"<= 1/{self.divisor}"

    def judge(self, share: float) -> Verdict:
        """`share` is our real-time factor over the peer's."""
        if share * self.divisor < 1 or (self.divisor > 1 and share * self.divisor == 1):
            return MET
        return Verdict(False, share * self.divisor)


@dataclass(frozen=True)
class Against:
    """What is asked against one peer: by measure of quality, and of cost frame by frame and on whole files."""

    peer: str  # a name of enhancer.evaluation.peers
    quality: Mapping[str, Aim]
    streaming: Share | None = field(default_factory=Share)
    files: Share = field(default_factory=Share)


QUALITY = ("pesq_wb", "estoi", "si_sdr")
AIMS = (
    Against("rnnoise", dict(zip(QUALITY, (AtLeast(0.45), AtLeast(0.04), AtLeast(3.0)), strict=True))),
    # NSNet2 and DeepFilterNet3-ll run here on whole files alone: their graphs hand out no state.
    Against("nsnet2", dict.fromkeys(QUALITY, Above()), streaming=None),
    Against("gtcrn", dict.fromkeys(QUALITY, Above())),
    Against("dtln", dict.fromkeys(QUALITY, Above())),
    Against("deepfilternet3", dict.fromkeys(QUALITY, Level()), Share(3), Share(10)),
    Against("deepfilternet3-ll", dict.fromkeys(QUALITY, Reported()), None, Share(8)),
)
