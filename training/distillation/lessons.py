"""Who teaches a batch, and what the student is told: own teachers run on the fly, external ones from their cache.

On the fly or cached is a matter of cost: our own teachers are run on each batch, because a pass without gradients
costs less than a student's step and every mixture stays new; external ones cost far more, so what they said of some
hours of mixtures is kept (docs/distillation.md has the figures).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from enhancer.errors import UserError
from training.checkpoint import load_checkpoint
from training.data.batch import DrawnBatch
from training.distillation.terms import (
    DistillationConfig,
    Projection,
    Word,
    bands_of_items,
    block_pairs,
    frames_first_to_items,
    output_loss,
    similarity_loss,
)
from training.evaluate import averaged_network
from training.networks import BandRecurrentNet, NetworkConfig, NetworkOutput
from training.torch_spectral import SpectralTransform


def load_teacher(path: Path) -> BandRecurrentNet:
    """The averaged network of a checkpoint, to be asked, not trained. Raises UserError when it is none, or when its
    bands are not this version's."""
    try:
        network = averaged_network(load_checkpoint(path))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(
            f"the teacher {path} has another band plan or layout than this version: {reason}",
            "train it again with: training train --config teacher",
        ) from None
    return network.requires_grad_(False).eval()


class Lessons(nn.Module):
    """The soft terms of a run. Only its projections are trained; teachers are left out of its state."""

    def __init__(self, config: DistillationConfig, student: NetworkConfig, cached_widths: Sequence[int]) -> None:
        """`student`: the sizes of who is taught; `cached_widths`: width of each cache's features, 0 where it has none.

        Raises UserError when a teacher's checkpoint is missing or does not fit.
        """
        super().__init__()
        self.config = config
        # In a plain tuple: not parameters of the run, not part of its checkpoints.
        self.teachers = tuple(load_teacher(Path(path)) for path in self.config.teachers)
        self.projections = nn.ModuleDict()
        if self.config.projected:
            for number, teacher in enumerate(self.teachers):
                for block in range(min(student.blocks, teacher.config.blocks)):
                    self.projections[f"own{number}_{block}"] = Projection(student.trunk, teacher.config.trunk)
            for number, width in enumerate(cached_widths):
                if width:
                    self.projections[f"cached{number}_0"] = Projection(student.trunk, width)

    def to(self, *args, **kwargs) -> Lessons:
        for teacher in self.teachers:
            teacher.to(*args, **kwargs)
        return super().to(*args, **kwargs)

    def soft_terms(
        self,
        wanted: Collection[str],
        batch: DrawnBatch,
        transform: SpectralTransform,
        inputs: tuple[Tensor, Tensor],
        spectra: Tensor,
        said: NetworkOutput,
        enhanced: Tensor,
        target: Tensor | None,
        scale: Tensor,
    ) -> dict[str, Tensor]:
        """Those of the terms "output", "similarity" and "projected" that are wanted; empty where nobody teaches.

        Shapes: inputs as the network's; spectra, enhanced, target complex [frames, batch, bins]; scale [1, batch, 1].
        """
        words = self._words(batch, transform, inputs, spectra) if wanted else {}
        terms: dict[str, Tensor] = {}
        if not words:
            return terms
        if "output" in wanted:
            heard = [word.enhanced for word in words.values()]
            terms["output"] = output_loss(enhanced, heard, target, scale, self.config.reliability)
        legible = {name: word for name, word in words.items() if word.hidden}  # whose features can be read
        if "similarity" in wanted and legible:
            terms["similarity"] = torch.stack([_similarity(said, word) for word in legible.values()]).mean()
        if "projected" in wanted and legible:
            distances = [
                self.projections[f"{name}_{number}"](said.hidden[i], word.hidden[j])
                for name, word in legible.items()
                for number, (i, j) in enumerate(block_pairs(said.hidden, word.hidden))
            ]
            terms["projected"] = torch.stack(distances).mean()
        return terms

    @torch.no_grad()
    def _words(
        self, batch: DrawnBatch, transform: SpectralTransform, inputs: tuple[Tensor, Tensor], spectra: Tensor
    ) -> dict[str, Word]:
        words = {}
        for number, teacher in enumerate(self.teachers):
            out = teacher(*inputs)
            enhanced = transform.apply(spectra, out.mask.float(), out.high_gain.float())
            words[f"own{number}"] = Word(enhanced, [h.float() for h in out.hidden], out.bands.float())
        if batch.taught is not None and self.config.cached_word:
            features = batch.taught.features
            hidden = [] if features is None else [features.transpose(0, 1)]
            words[f"cached{batch.taught.teacher}"] = Word(transform.analysis(batch.taught.enhanced), hidden, None)
        return words


def _similarity(said: NetworkOutput, word: Word) -> Tensor:
    """Mean of the frame-by-frame terms over pairs of blocks, and of the band-by-band term where both have bands."""
    terms = [
        similarity_loss(frames_first_to_items(said.hidden[i]), frames_first_to_items(word.hidden[j]))
        for i, j in block_pairs(said.hidden, word.hidden)
    ]
    if word.bands is not None:
        terms.append(similarity_loss(bands_of_items(said.bands), bands_of_items(word.bands)))
    return torch.stack(terms).mean()
