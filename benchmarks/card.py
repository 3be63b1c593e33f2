"""`python -m benchmarks card`: puts what was measured of the shipped student into its card: cost, and known failures.

Both are read from benchmarks/results, where `speed --write` and `robustness --write` left them, and only if they were
measured with the very weights that the card is of. Failures are sentences made of figures: what nobody measured is not
claimed, what was measured and is well is not listed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.clips import ROOT
from benchmarks.robustness.report import LOST_DB
from enhancer.bundled import STANDARD
from enhancer.errors import ConfigError
from enhancer.media.atomic import replacing
from enhancer.model import METADATA_KEY, Student

RESULTS = ROOT / "benchmarks" / "results"
MODELS = ("student.onnx", "light.onnx")
MILD, LOUD = "SNR 15 to 25 dB", "fixed set, -5 to 5 dB"
PAUSES = "fixed set, dry"
HEARD_DB = -50.0  # noise above 8 kHz at this level under the speech is at the threshold of hearing (targets.md)
MOST_BANDS = 3  # named, those that lose most
CUT_SHARE = 0.2  # of words whose edges lose more than 6 dB: from here on it is worth a warning
MEASURES = {"pesq_wb": ("PESQ-WB", 2), "pesq_nb": ("PESQ-NB", 2), "estoi": ("ESTOI", 3), "si_sdr": ("SI-SDR dB", 1)}


def run(*, write: bool) -> None:
    """Prints both; with `write` they go into the files in assets/. Raises ConfigError for figures of other weights."""
    facts = measured()
    cost = facts["cost"]
    print(f"cost: a frame at 16 kHz {cost['frame_ms']['16000']:.2f} ms, at 48 kHz {cost['frame_ms']['48000']:.2f} ms")
    for line in facts["known_failures"]:
        print(f"fails: {line}")
    if write:
        for name in MODELS:
            add_to_card(ROOT / "assets" / name, facts if name == MODELS[0] else {**facts, "cost": None})
        print(f"written into {' and '.join(MODELS)}")


def measured() -> dict[str, Any]:
    """The parts of the card: `cost` and `known_failures`. Raises ConfigError for figures of other weights."""
    weights = Student(STANDARD).info.details["weights_sha256"]
    found = {}
    for name in ("speed", "robustness"):
        found[name] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        if found[name]["model"].get("weights_sha256") != weights:
            raise ConfigError(
                f"benchmarks/results/{name}.json is of another student", f"measure: python -m benchmarks {name} --write"
            )
    return {"cost": cost(found["speed"]), "known_failures": list(failures(found["robustness"]))}


def cost(speed: Mapping[str, Any]) -> dict[str, Any]:
    """Of one stream on one thread: milliseconds a frame (p50) and real-time factor, by sample rate; on what machine."""
    ours = {rate: speed["streaming"][f"enhancer:{rate}"] for rate in (16_000, 48_000)}
    return {
        "frame_ms": {str(rate): row["p50_ms"] for rate, row in ours.items()},
        "real_time_factor": {str(rate): row["real_time_factor"] for rate, row in ours.items()},
        "machine": speed["machine"],
    }


def failures(robustness: Mapping[str, Any]) -> Iterator[str]:
    """One sentence each."""
    kept = robustness["speech_kept"]
    for name, title in ((MILD, "mild noise (15 to 25 dB SNR)"), (LOUD, "loud noise (-5 to 5 dB SNR)")):
        lost = {band: db for band, db in kept[name]["kept_db"].items() if band != "all" and db < LOST_DB}
        worst = sorted(lost, key=lambda band: lost[band])[:MOST_BANDS]
        if worst:
            yield f"in {title} speech loses " + ", ".join(f"{-lost[band]:.1f} dB at {band} kHz" for band in worst)
        if kept[name]["onsets_cut"] > CUT_SHARE:
            yield (
                f"in {title} {kept[name]['onsets_cut']:.0%} of first and {kept[name]['offsets_cut']:.0%} of last"
                " syllables lose more than 6 dB"
            )
    left = robustness["residue"][PAUSES]
    if left["high_after_90_db"] is not None and left["high_after_90_db"] > HEARD_DB:
        yield (
            f"in pauses noise above 8 kHz stays at {left['high_after_db']:.0f} dB re speech, in one recording of ten"
            f" above {left['high_after_90_db']:.0f} dB: it can be heard"
        )
    for name, row in robustness["conditions"].items():
        worse = [m for m in MEASURES if m in row and row[m]["high"] is not None and row[m]["high"] < 0]
        if worse and not name.startswith("clean"):  # clean speech can only lose: its level is above
            yield f"makes worse: {name.rstrip(' *')} ({_changes(row, worse)})"
    for name, row in robustness["categories"].items():
        if low := [m for m in MEASURES if m in row and row[m]["low"]]:
            yield f"helps less than elsewhere against {name.replace('_', '/')} ({_changes(row, low)})"


def _changes(row: Mapping[str, Any], measures: list[str]) -> str:
    return ", ".join(f"{MEASURES[m][0]} {row[m]['gain']:+.{MEASURES[m][1]}f}" for m in measures)


def add_to_card(path: Path, facts: Mapping[str, Any]) -> None:
    """Adds to the card in an ONNX file, or replaces there; None takes out. All else in the file stays."""
    import onnx

    model = onnx.load(path)
    entry = next(entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    card = json.loads(entry.value) | facts
    entry.value = json.dumps({key: value for key, value in card.items() if value is not None}, ensure_ascii=False)
    with replacing(path, overwrite=True) as part:
        onnx.save(model, part)
