"""What a reader must know beside an evaluation's numbers: modes, rates, what is undefined and why, delays."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from enhancer.evaluation.measures import BY_KEY
from enhancer.evaluation.metrics import PESQ_LONGEST_S
from enhancer.evaluation.peers import PEERS
from enhancer.evaluation.scoring import Outcome
from enhancer.evaluation.statistics import SIGNIFICANT
from enhancer.evaluation.summary import Summary

# By the measure that stands for the others of its kind.
_RATES = {
    "pesq_wb": "PESQ-WB (P.862.2) and composites 16 kHz",
    "lsd": "segSNR and LSD 16 kHz",
    "pesq_nb": "PESQ-NB (P.862.1) 8 kHz",
    "stoi": "STOI and ESTOI 10 kHz",
    "dnsmos_ovrl": "DNSMOS 16 kHz",
    "wer": "WER 16 kHz",
}


def notes_on(summary: Summary, outcomes: Sequence[Outcome]) -> list[str]:
    """A line each, for the terminal and the report."""
    rates = ", ".join(f"{rate} Hz" for rate in sorted({outcome.sample_rate for outcome in outcomes}))
    measured = {measure.key for measure in summary.measures()}
    own_rates = ", ".join(what for key, what in _RATES.items() if key in measured)
    lines = [f"files at {rates}; resampled to each measure's own rate: {own_rates}"]
    if any(outcome.seconds > PESQ_LONGEST_S for outcome in outcomes):
        lines.append(f"files of more than {PESQ_LONGEST_S:.0f} s: PESQ is the mean over pieces of at most 20 s")
    if timed := [system for system in summary.systems if summary.means[system]["rtf"].count]:
        lines.append(_cost(timed))
    if said := _powerless(summary):
        lines.append(said)
    for system in summary.systems:
        lines += _undefined(system, summary.undefined[system])
    for note, count in Counter(note for outcome in outcomes for note in outcome.notes).most_common(5):
        lines.append(f"{note} ({count} x)" if count > 1 else note)
    return lines


def _cost(timed: Sequence[str]) -> str:
    """How the real-time factors were taken: not as live use is, where every frame is a call of its own."""
    streamed = [system for system in timed if system in PEERS and PEERS[system].stream]
    said = "RTF: processor time on one thread, of whole files"
    return f"{said}; {', '.join(streamed)}: frame by frame, as live" if streamed else said


def _powerless(summary: Summary) -> str:
    """That stars are not to be expected, where even the smallest p-value of so few files would not pass."""
    tests = sum(not math.isnan(p) for row in summary.p_values.values() for p in row.values())
    independent = min(summary.groups.values(), default=len(summary.names))
    if not tests or tests * 2.0 ** (1 - independent) < SIGNIFICANT:
        return ""
    kind = "groups" if summary.groups else "files"
    return f"{independent} {kind} are too few for any of {tests} corrected tests to find something beyond chance"


def _undefined(system: str, undefined: dict[str, dict[str, int]]) -> list[str]:
    """One line a reason: which measures of a system have no value, for how many files."""
    by_reason: dict[tuple[str, int], list[str]] = {}
    for key, reasons in undefined.items():
        for reason, count in reasons.items():
            by_reason.setdefault((reason, count), []).append(BY_KEY[key].label)
    return [
        f"{system}: {', '.join(labels)} undefined for {count} file{'s' if count > 1 else ''}: {reason}"
        for (reason, count), labels in by_reason.items()
    ]
