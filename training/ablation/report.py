"""An ablation as people read it: what was run, a Markdown table, one line for the README."""

from __future__ import annotations

from pathlib import Path

from enhancer.errors import ConfigError
from enhancer.media.atomic import replacing
from training.ablation.results import Results, RowResult, Score

NAMES = {"pesq_wb": "PESQ-WB", "estoi": "ESTOI", "si_sdr": "SI-SDR dB"}
DIGITS = {"pesq_wb": 3, "estoi": 4, "si_sdr": 2}


def table(results: Results) -> str:
    """One row a teaching: the control's scores, the others' differences to it with 95 % intervals, and the cost."""
    head = ["taught by", *NAMES.values(), "seeds", "updates", "audio h", "minutes", "time per update"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for row in results.rows:
        cells = [_cell(row.test[measure], measure, row.name == results.control) for measure in NAMES]
        lines.append([row.title, *cells, str(len(row.seeds)), f"{row.updates}", f"{row.audio_hours:.1f}",
                      f"{row.minutes:.0f}", f"{row.relative_time:.2f} x"])  # fmt: skip
    return _markdown(lines)


def seeds_table(results: Results) -> str:
    """Every row's own scores, seed by seed, and those of the mixtures themselves."""
    lines = [["scores, seed by seed", *NAMES.values()], ["---", *["---:"] * len(NAMES)]]
    lines.append(["(noisy mixtures)", *[_number(results.noisy[measure], measure) for measure in NAMES]])
    for row in results.rows:
        cells = [", ".join(_number(value, measure) for value in row.test[measure].by_seed) for measure in NAMES]
        lines.append([row.title, *cells])
    return _markdown(lines)


def conditions(results: Results) -> str:
    """What was run and how it was judged, in sentences."""
    control = results.row(results.control)
    ranked = "; ".join(f"{row.title} {row.validation['pesq_wb']:.3f}" for row in results.ranked())
    return (
        f"Students of {_thousands(results.parameters)} parameters ({results.macs_per_second / 1e6:.0f} M "
        f"multiply-accumulates a second of audio), each from the same first weights over the same batches: "
        f"{control.updates} updates, {control.audio_hours:.1f} h of audio. Judged on {results.items} mixtures of the "
        f"test set ({results.speakers} speakers, {results.noise_recordings} noise recordings); in brackets the 95 % "
        f"interval of the paired difference to the control, bootstrapped over speakers and noise recordings. Rows with "
        f"several seeds were chosen by PESQ-WB on the validation set with the first seed ({ranked})."
    )


def summary(results: Results) -> str:
    """One line: what the teaching that was best on the validation set is worth beside the control."""
    control = results.row(results.control)
    budget = f"{_thousands(results.parameters)} parameters, {control.updates} updates"
    best = next(iter(results.ranked()), None)
    if best is None:
        return f"Nothing to compare: only the control has run ({budget})."
    changes = ", ".join(
        f"{NAMES[measure]} {_signed(best.test[measure].difference, measure)} {_interval(best.test[measure], measure)}"
        for measure in NAMES
    )
    return (
        f"At equal budget ({budget}), the best teaching of {len(results.rows) - 1} ({best.title}) against none, "
        f"{_seeds(best)}: {changes} (95 % intervals)."
    )


def page_block(results: Results, picture: str) -> str:
    """All of it, for docs/distillation.md; `picture` is the plot's path from there."""
    parts = [summary(results), conditions(results), table(results), seeds_table(results)]
    return "\n\n".join([*parts, f"![Differences to the control with their intervals]({picture})"])


def replace_block(page: Path, name: str, text: str) -> None:
    """Puts `text` between `<!-- name -->` and `<!-- /name -->`. Raises ConfigError without those marks."""
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    content = page.read_text(encoding="utf-8")
    if opening not in content or closing not in content:
        raise ConfigError(f"{page.name} has no place for the table", f"write {opening} and {closing} where it belongs")
    head, rest = content.split(opening, 1)
    tail = rest.split(closing, 1)[1]
    with replacing(page, overwrite=True) as part:
        part.write_text(f"{head}{opening}\n{text}\n{closing}{tail}", encoding="utf-8")


def _markdown(lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(score: Score, measure: str, is_control: bool) -> str:
    if is_control:
        return _number(score.mean, measure)
    return f"{_signed(score.difference, measure)} {_interval(score, measure)}"


def _interval(score: Score, measure: str) -> str:
    return f"[{_signed(score.low, measure)}, {_signed(score.high, measure)}]"


def _number(value: float, measure: str) -> str:
    return f"{value:.{DIGITS[measure]}f}"


def _signed(value: float, measure: str) -> str:
    text = f"{value:+.{DIGITS[measure]}f}"
    return text.replace("-", "−")


def _seeds(row: RowResult) -> str:
    return f"{len(row.seeds)} seeds" if len(row.seeds) > 1 else "one seed"


def _thousands(parameters: int) -> str:
    return f"{parameters / 1000:.0f} k"
