"""How much the supervised loss and each soft term weigh at a point of the run: mixed, two-step or dynamic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.distillation.terms import DistillationConfig

FEATURES = ("similarity", "projected")
MEASURE_EVERY = 20  # steps between measurements of the gradients: one costs a backward pass a term
KEEP = 0.8  # of the smoothed norms at a new measurement


def alpha_at(config: DistillationConfig, progress: float) -> float:
    """Weight of the soft loss after a share `progress` (0..1) of the run."""
    return config.alpha_start + (config.alpha_end - config.alpha_start) * progress


def wanted_terms(config: DistillationConfig, progress: float) -> frozenset[str]:
    """Names of the soft terms that count after a share `progress` (0..1) of the run; the others need no teacher."""
    weighted = {name for name in ("output", *FEATURES) if getattr(config, name)}
    features = weighted.intersection(FEATURES)
    if config.schedule == "two-step" and features:
        weighted = features if progress < config.first_share else weighted - features
    return frozenset(weighted)


def blend(config: DistillationConfig, hard: Tensor | None, soft: Mapping[str, Tensor], progress: float) -> Tensor:
    """The loss of the schedules "mixed" and "two-step" from the wanted terms; hard is None without a clean target.

    mixed: (1 - alpha) hard + alpha (output + beta features), terms by their weights in the config.
    two-step (Nathoo et al., 2024): the features alone for the first `first_share` of the budget, then
    (1 - alpha) hard + alpha output without them. A batch that nobody teaches counts with its hard loss at any time.
    """
    weighted = [getattr(config, name) * term for name, term in soft.items()]
    if not weighted:
        assert hard is not None, "unpaired batches without a soft term"
        return hard
    total = torch.stack(weighted).sum()
    two_steps = config.schedule == "two-step" and config.first_share > 0.0
    if hard is None or (two_steps and soft.keys() <= set(FEATURES)):
        return total
    if two_steps:
        progress = (progress - config.first_share) / (1.0 - config.first_share)
    alpha = alpha_at(config, progress)
    return (1.0 - alpha) * hard + alpha * total


class GradientBalance:
    """The schedule "dynamic": weights that keep each term's gradient on the trunk at its configured share.

    The hard loss keeps weight one; a term's weight is (share / share of hard) * |g_hard| / |g_term|, with norms of the
    gradients on the trunk's weights measured every few steps and smoothed: the balancer of EnCodec (Défossez et al.,
    2022, eq. 5), on the shared trunk instead of the output.
    """

    def __init__(self, config: DistillationConfig, trunk: nn.Module) -> None:
        self.config = config
        self.parameters = list(trunk.parameters())
        self.norms: dict[str, float] = {}

    def blend(self, hard: Tensor | None, soft: Mapping[str, Tensor], step: int) -> Tensor:
        """The balanced loss of one step; hard is None where no clean target exists."""
        terms = self._grouped(soft)
        if hard is not None:
            due = step % MEASURE_EVERY == 0 or not {"hard", *terms} <= self.norms.keys()
            if due and terms:
                self._measure({"hard": hard, **terms})
        parts = [self.weight(name) * term for name, term in terms.items()]
        return torch.stack([*([] if hard is None else [hard]), *parts]).sum()

    def weight(self, name: str) -> float:
        """Weight of the term "output" or "features" beside the hard loss; 0 before both have been measured."""
        if not {"hard", name} <= self.norms.keys() or self.norms[name] <= 0.0:
            return 0.0
        shares = self.config.shares
        return getattr(shares, name) / shares.hard * self.norms["hard"] / self.norms[name]

    def _grouped(self, soft: Mapping[str, Tensor]) -> dict[str, Tensor]:
        features = [getattr(self.config, name) * soft[name] for name in FEATURES if name in soft]
        grouped = {"output": soft["output"]} if "output" in soft else {}
        return grouped | ({"features": torch.stack(features).sum()} if features else {})

    def _measure(self, terms: Mapping[str, Tensor]) -> None:
        norms = torch.stack([self._norm(term) for term in terms.values()])
        if dist.is_initialized():  # all processes must weigh alike, or their averaged gradient means nothing
            dist.all_reduce(norms)
            norms /= dist.get_world_size()
        for name, norm in zip(terms, norms.tolist(), strict=True):
            if norm == norm and norm != float("inf"):
                self.norms[name] = KEEP * self.norms[name] + (1.0 - KEEP) * norm if name in self.norms else norm

    def _norm(self, term: Tensor) -> Tensor:
        gradients: Sequence[Tensor | None] = torch.autograd.grad(
            term, self.parameters, retain_graph=True, allow_unused=True
        )
        squares = [g.square().sum() for g in gradients if g is not None]
        return torch.stack(squares).sum().sqrt() if squares else torch.zeros((), device=term.device)
