"""A model's card for people: label and value, in reading order, from what the file says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from enhancer.model import ModelInfo

# Keys in `scores`, with the unit and the decimals that mean something.
METRICS = {"pesq_wb": ("PESQ-WB", 2), "estoi": ("ESTOI", 3), "si_sdr": ("SI-SDR dB", 1)}
SETS = {"val": "validation set", "test": "test set"}
MOST_SOURCES = 5  # named of each kind, the largest first


def card_lines(info: ModelInfo) -> Iterator[tuple[str, str]]:
    """(label, value) of what a person wants to know of a model; facts that the file lacks are left out."""
    yield "name", info.name
    yield "file", str(info.path)
    yield "format", str(info.details.get("format", ""))
    yield "grids", ", ".join(f"{rate / 1000:g} kHz" for rate in info.sample_rates)
    yield "latency", f"{info.details.get('latency_ms', 20):g} ms"
    if info.parameters is not None:
        yield "parameters", f"{info.parameters:,}"
    if info.macs_per_second is not None:
        yield "operations", f"{info.macs_per_second / 1e6:.0f} million multiply-adds a second of audio"
    yield "state", f"{sum(state.width for state in info.state):,} numbers a channel"
    yield "licence", info.licence
    yield "git revision", info.git_revision
    yield "created", info.created
    yield from _training(info.training)
    if own := info.details.get("adapted_to"):
        before, after = (own["held_out"][when]["pesq_wb"] for when in ("before", "after"))
        yield "adapted to", f"{', '.join(own['rooms'] + own['voices'])}: PESQ-WB {before:.2f} → {after:.2f} there"
    yield from _scores(info.scores)
    yield from _measured(info.details)


def _training(training: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What was heard, for how long, and who taught."""
    for number, phase in enumerate(training.get("phases", []), 1):
        yield (
            f"training {number}",
            f"{phase['config']}: {phase['audio_hours']:g} h of mixtures in {phase['minutes']:g} min,"
            f" {phase['steps']:,} steps{_averaged(phase)}",
        )
    for teacher in training.get("teachers", []):
        heard = f"{teacher['cached_minutes']} min of its outputs" if "cached_minutes" in teacher else "our own"
        yield "teacher", f"{teacher['name']} ({teacher['licence']}), {heard}"
    if data := training.get("data"):
        hours = data["hours"]
        unpaired = f", {hours['noisy_16000']:g} h of speech in noise" if hours.get("noisy_16000") else ""
        yield (
            "data",
            f"{hours['speech_16000']:g} h of speech ({data['speakers']} speakers, {data['languages']} languages),"
            f" {hours['noise_16000']:g} h of noise{unpaired}",
        )
        for kind, sources in data.get("sources", {}).items():
            names = [f"{source['name']} ({', '.join(source['licences'])})" for source in sources[:MOST_SOURCES]]
            more = f", and {len(sources) - MOST_SOURCES} more" if len(sources) > MOST_SOURCES else ""
            yield f"{kind} from", ", ".join(names) + more
        if data.get("sources"):
            yield "credits", "every recording: training-data.tsv beside the file"


def _averaged(phase: dict[str, Any]) -> str:
    """Where a run's weights are the mean of its own and other runs': how much its own count."""
    shares = [run["share"] for run in phase.get("averaged", [])]
    others = f"{len(shares) - 1} other run" + ("s" if len(shares) > 2 else "")
    return f"; {shares[0]:.0%} of a mean with {others}" if shares else ""


def _scores(scores: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """noisy → enhanced of each metric, set by set."""
    for key, title in SETS.items():
        if found := scores.get(key):
            values = [
                f"{name} {found[f'noisy_{metric}']:.{digits}f} → {found[metric]:.{digits}f}"
                + _interval(found.get("intervals", {}).get(metric), digits)
                for metric, (name, digits) in METRICS.items()
                if metric in found
            ]
            yield title, f"{', '.join(values)} ({found['items']} mixtures)"


def _interval(ends: list[float] | None, digits: int) -> str:
    return f" [{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]" if ends else ""


def _measured(details: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What one frame costs, and what goes wrong."""
    if cost := details.get("cost"):
        frames = ", ".join(f"{ms:.2f} ms at {int(rate) / 1000:g} kHz" for rate, ms in cost["frame_ms"].items())
        yield "a frame takes", f"{frames} of 10 ms, on one thread of {cost['machine']}"
    for number, failure in enumerate(details.get("known_failures", [])):
        yield "known failures" if number == 0 else "", failure
