"""Shipping a student: a candidate replaces the shipped pair of files unless it is worse, and then says by how much.

What is compared is what users run: both ONNX files through `enhancer.denoise`, mixture by mixture on the fixed
validation set. The candidate's weights are rounded to half precision first, so that the checkpoint beside the ONNX file
holds the very weights that were scored.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from enhancer.errors import ConfigError, ModelError, OutputError, UserError
from enhancer.model import METADATA_KEY, Student
from training.card import attribution, describe
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, slim
from training.data.fixed_sets import fixed_hash
from training.data.pools import Pools
from training.evaluate import averaged_network
from training.evaluation.items import fixed_entries
from training.evaluation.results import Results
from training.evaluation.run import run
from training.evaluation.systems import Exported, Noisy, System
from training.export import export
from training.fingerprint import weights_sha256
from training.narrowing import dynamic_int8
from training.networks import BandRecurrentNet
from training.verdict import (
    CANDIDATE,
    SHIPPED,
    TOLERANCE,
    accepted_losses,
    against_card,
    differences_for_card,
    paired,
    scores_for_card,
    table,
)

MODEL, LIGHT, WEIGHTS = "student.onnx", "light.onnx", "student.safetensors"
TEACHER = "teacher.safetensors"  # our own, for who trains on
CREDITS = "training-data.tsv"  # whose recordings the student learnt from
MOST_BYTES = 3_000_000  # of the ONNX file

Display = Callable[[str], AbstractContextManager[Callable[[float], None]]]


@dataclass(frozen=True)
class Wish:
    """What to ship, into which folder, and the measures (keys of `TOLERANCE`) on which a loss is accepted."""

    checkpoint: Path
    out: Path
    pools: Path
    items: int = 200
    trades: Sequence[str] = ()
    jobs: int = 1


def ship(wish: Wish, display: Display, say: Callable[[str], None]) -> None:
    """Puts a checkpoint's averaged weights into `wish.out` as student.onnx and student.safetensors, and in 8 bits as
    light.onnx, with the credits of the recordings and our own teacher, where one taught: all or none.

    `display(what)` is entered around each long part and gives a function to call with the share of it that is done;
    `say` prints lines of results. Raises UserError, and writes nothing, when the candidate is worse than what is there
    on a measure that is not traded, is over 3 MB, cannot stream, or when the two cannot be compared.
    """
    if unknown := [metric for metric in wish.trades if metric not in TOLERANCE]:
        raise ConfigError(f"--trade {unknown[0]} names no measure", f"known are {', '.join(TOLERANCE)}")
    checkpoint = slim(load_checkpoint(wish.checkpoint))
    network = averaged_network(checkpoint)
    pools = Pools(wish.pools)
    with _staging(wish.out) as folder:
        files = {name: Path(folder) / name for name in (MODEL, LIGHT, WEIGHTS, CREDITS)}
        card = describe(checkpoint, network, pools, items=0)
        _export(network, files[MODEL], card)
        _narrow(files[MODEL], files[LIGHT], {})
        changes, scores = _compared(wish, files[MODEL], files[LIGHT], pools, display, say)
        _export(network, files[MODEL], card | changes | {"scores": scores[CANDIDATE]})
        _narrow(files[MODEL], files[LIGHT], {"scores": scores[LIGHT]})
        save_checkpoint(files[WEIGHTS], checkpoint)
        if (teacher := _own_teacher(checkpoint)) is not None:
            files[TEACHER] = Path(folder) / TEACHER
            save_checkpoint(files[TEACHER], teacher)
        files[CREDITS].write_text(attribution(pools), encoding="utf-8")
        try:
            replace_together({path: wish.out / name for name, path in files.items()})
        except OSError as error:
            raise _cannot_write(wish.out, error) from error


def _own_teacher(student: Checkpoint) -> Checkpoint | None:
    """The averaged weights of the first teacher of our own that a student's last run had."""
    distillation = student.facts["config"].get("distillation")
    if not distillation or not distillation.get("teachers"):
        return None
    return slim(load_checkpoint(Path(distillation["teachers"][0])), ("ema",))


def _staging(out: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder inside `out`, so that what is made there needs only a rename. Raises OutputError before any work."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=out, prefix=".ship-")
    except OSError as error:
        raise _cannot_write(out, error) from error


def _cannot_write(out: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write into {out}: {error.strerror or error}", "choose another --out")


def _export(network: BandRecurrentNet, path: Path, card: dict[str, Any]) -> None:
    """Writes the ONNX file. Raises UserError if it is too large to ship."""
    export(network, path, "student", card)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise UserError(
            f"the candidate takes {size / 1e6:.2f} MB, {(size - MOST_BYTES) / 1e6:.2f} MB more than may ship; "
            "nothing was written",
            "train a smaller [network]: `training networks CONFIG` prints its size",
        )


def _narrow(model: Path, light: Path, facts: dict[str, Any]) -> None:
    """Writes the model in 8 bits, with its card but for the name, the hash and `facts`."""
    dynamic_int8(model, light, ["LSTM", "MatMul"], seven_bits=True)
    narrowed = onnx.load(light)
    card = json.loads(next(entry.value for entry in narrowed.metadata_props if entry.key == METADATA_KEY))
    card |= {"name": "light", "narrowed_from": card["weights_sha256"], "weights_sha256": weights_sha256(narrowed)}
    helper.set_model_props(narrowed, {METADATA_KEY: json.dumps(card | facts, ensure_ascii=False)})
    onnx.save(narrowed, light)


def _compared(
    wish: Wish, model: Path, light: Path, pools: Pools, display: Display, say: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What the card says of the student that is replaced; and the scores of the candidate and of its light form.

    Raises UserError when the candidate is worse on a measure that is not traded.
    """
    here = wish.out / MODEL
    systems: list[System] = [Noisy(), Exported(CANDIDATE, model), Exported(LIGHT, light)]
    hashes = {split: fixed_hash(pools, split) for split in ("val", "test")}
    replaced: dict[str, Any] = {}
    if not here.is_file():
        validated = _scored(systems, pools, "val", wish, display)
        say(f"{here} is the first of its kind: there is nothing to compare with")
    else:
        card, runs = _card_of(here)
        validated = _scored([*systems, Exported(SHIPPED, here)] if runs else systems, pools, "val", wish, display)
        changes = paired(validated) if runs else against_card(validated, card, hashes["val"])
        items = len(validated.entries)
        say(f"{items} mixtures of the fixed validation set {hashes['val']}:\n{table(changes)}")
        replaced["replaces"] = {
            "weights_sha256": card.get("weights_sha256"),
            "git_revision": card.get("git_revision"),
            "minus_it": differences_for_card(changes),
            "traded": accepted_losses(changes, wish.trades),
            "items": items,
            "set": hashes["val"],
        }
    tested = _scored(systems, pools, "test", wish, display)
    results = {"val": validated, "test": tested}
    scores = {
        label: {split: scores_for_card(results[split], label, hashes[split]) for split in results}
        for label in (CANDIDATE, LIGHT)
    }
    return replaced, scores


def _scored(systems: Sequence[System], pools: Pools, split: str, wish: Wish, display: Display) -> Results:
    """Every system on the first items of a fixed set. Raises KeyboardInterrupt when it was stopped."""
    entries = fixed_entries(pools, split, wish.items)
    with display(f"scoring {len(entries)} mixtures of the {split} set") as progress:
        scored = run(entries, systems, None, wish.jobs, lambda done, total: progress(done / total))
    if scored.stopped:
        raise KeyboardInterrupt
    if scored.failed:
        raise UserError(f"{len(scored.failed)} items could not be scored, the first: {scored.failed[0]}")
    return Results(entries, [system.label for system in systems], scored)


def _card_of(path: Path) -> tuple[dict[str, Any], bool]:
    """The card of the shipped file, and whether this program can run it: the file may be of another format.

    Raises UserError for a file without a card.
    """
    try:
        return Student(path).info.details, True
    except ModelError as error:
        why = error.message
    try:
        properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        return dict(json.loads(properties[METADATA_KEY])), False
    except Exception:  # protobuf, JSON: whatever a damaged file makes them raise
        raise UserError(f"nothing can be compared with it: {why}", f"put {path} back as it was shipped") from None


def replace_together(moves: Mapping[Path, Path]) -> None:
    """Renames every new file to its target; whatever comes between, error or interrupt, puts all old ones back.

    New files lie in a folder of their own on the targets' disk, where copies of the old ones are kept meanwhile.
    """
    # Two renames cannot be one: a process killed between them leaves a pair that its test finds by the hash.
    old = {target: new.with_name(f"old-{target.name}") for new, target in moves.items()}
    for target, kept in old.items():
        if target.exists():
            shutil.copy2(target, kept)
    try:
        for new, target in moves.items():
            os.replace(new, target)
    except BaseException:
        for target, kept in old.items():
            if kept.exists():
                os.replace(kept, target)
            else:
                target.unlink(missing_ok=True)
        raise
