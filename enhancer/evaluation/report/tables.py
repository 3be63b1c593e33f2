"""The report's tables: means, differences, groups in numbers, and every file with its scores."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from enhancer.evaluation.facts import FOLDER, Group
from enhancer.evaluation.grouping import in_words
from enhancer.evaluation.measures import Measure
from enhancer.evaluation.report.markup import Markup, element
from enhancer.evaluation.report.material import Material
from enhancer.evaluation.report.numbers import interval, shown
from enhancer.evaluation.scoring import NOISY
from enhancer.evaluation.statistics import SIGNIFICANT, Difference, Mean

# A page of more is slow to open; the extremes are what is looked for.
MOST_ROWS = 2000
_TALL = 40  # rows beyond which a table scrolls inside the page
_ARROWS = {1: "↑", -1: "↓", 0: ""}


def table(
    caption: str, head: Sequence[Sequence[object]], rows: Sequence[Sequence[object]], class_: str = "", label: str = ""
) -> Markup:
    """A table that scrolls in its own box where it is too large. `head` holds its rows of headings.

    The first cell of a row is its heading.
    """
    headings = [
        element("tr", [cell if isinstance(cell, Markup) else element("th", cell, scope="col") for cell in row])
        for row in head
    ]
    body = [
        element(
            "tr", element("th", first, scope="row"), [c if isinstance(c, Markup) else element("td", c) for c in rest]
        )
        for first, *rest in rows
    ]
    parts = element("caption", element("span", caption)), element("thead", headings), element("tbody", body)
    inner = element("table", *parts, class_=class_ or None)
    # A box that scrolls must be reachable by keyboard.
    box = "scroll long" if len(rows) > _TALL else "scroll"
    return element("div", inner, class_=box, tabindex=0, role="region", aria_label=label or caption)


def measure_name(measure: Measure) -> list[object]:
    """Its label, and an arrow for the better direction."""
    arrow = _ARROWS[measure.better]
    words = {1: "more is better", -1: "less is better"}
    return [measure.label, element("span", f" {arrow}", class_="quiet", title=words[measure.better]) if arrow else None]


def means(material: Material) -> Markup:
    """A row a measure, a column a system."""
    summary = material.summary
    over = f"over {in_words(summary.groups) or 'files'}"
    rows = [
        [measure_name(m), *(_with_interval(summary.means[s][m.key], m) for s in summary.systems)]
        for m in summary.measures()
    ]
    return table(f"Means over files, and their 95 % intervals, bootstrapped {over}", [["", *summary.systems]], rows)


def differences(material: Material) -> Markup:
    """Ours minus each peer: a row a measure."""
    summary, others = material.summary, material.others
    rows = []
    for measure in summary.measures():
        found = [summary.differences[other][measure.key] for other in others]
        if any(difference.count for difference in found):
            marks = ["*" if summary.p_values[o].get(measure.key, math.nan) < SIGNIFICANT else "" for o in others]
            cells = [_with_interval(d, measure, sign=True, mark=k) for d, k in zip(found, marks, strict=True)]
            rows.append([measure_name(measure), *cells])
    caption = f"{summary.ours} minus the others, file by file, with 95 % intervals"
    return table(caption, [["", *(f"− {other}" for other in others)]], rows)


def groups(material: Material, measures: Sequence[Measure], found: Sequence[Group], caption: str) -> Markup:
    """Every system's mean in each group, and the gain with its interval: the numbers of a chart of groups."""
    systems = material.summary.systems
    columns = [*systems, *(["gain"] if material.has_noisy else [])]
    spans = [element("th", m.label, colspan=len(columns), scope="colgroup", class_="span") for m in measures]
    head = [["", "", *spans], ["", "files", *(column for _ in measures for column in columns)]]
    rows = []
    for group in found:
        row: list[object] = [group.label, str(len(group.names))]
        for measure in measures:
            row += [_mean(material.values(system, measure.key, group.names), measure) for system in systems]
            if material.has_noisy:
                row.append(_with_interval(material.gain(measure.key, group.names), measure, sign=True))
        rows.append(row)
    return table(caption, head, rows)


def files(material: Material) -> tuple[Markup, int]:
    """Every file, the least gain first, to be sorted by any column; and how many files the page leaves out."""
    names, measures = material.summary.names, material.first_measures
    own = material.ours
    columns: list[tuple[str, np.ndarray, Measure, bool]] = []
    for measure in measures:
        if material.has_noisy:
            columns.append(("noisy", material.values(NOISY, measure.key), measure, False))
        columns.append((own, material.values(own, measure.key), measure, False))
        if material.has_noisy:
            columns.append(("gain", material.gains(measure.key), measure, True))
    each = len(columns) // max(len(measures), 1)
    order = np.argsort(columns[each - 1][1], kind="stable").tolist() if columns else list(range(len(names)))
    left_out = max(len(order) - MOST_ROWS, 0)
    if left_out:
        order = order[: MOST_ROWS // 2] + order[-MOST_ROWS // 2 :]

    facts = material.facts
    categories = facts.categories if facts.category_source != FOLDER else {}  # the name begins with it
    above = [_sorting("file", rowspan=2), *([_sorting("category", rowspan=2)] if categories else [])]
    above += [_sorting("SNR dB", rowspan=2)] if facts.snrs_db else []
    above += [_sorting("seconds", rowspan=2)]
    above += [element("th", measure_name(m), colspan=each, scope="colgroup", class_="span") for m in measures]
    below = [_sorting(label, number == each - 1) for number, (label, *_) in enumerate(columns)]
    rows = []
    for i in order:
        row: list[object] = [element("bdi", names[i])]
        row += [element("td", categories.get(names[i], ""), class_="words")] if categories else []
        row += [_number(facts.snrs_db.get(names[i], math.nan), 1)] if facts.snrs_db else []
        row.append(_number(material.outcome(names[i]).seconds, 1))
        row += [_number(values[i], measure.digits, sign) for _, values, measure, sign in columns]
        rows.append(row)
    caption = "Every file; a heading sorts by its column"
    return table(caption, [above, below], rows, class_="files", label="Scores of the files"), left_out


def _sorting(label: str, sorted_by: bool = False, rowspan: int | None = None) -> Markup:
    """A heading with a button, which the script enables."""
    button = element("button", label, type="button", disabled=True)
    return element("th", button, scope="col", rowspan=rowspan, aria_sort="ascending" if sorted_by else None)


def _number(value: float, digits: int, sign: bool = False) -> Markup:
    """A cell that sorts by its value."""
    return element("td", shown(value, digits, sign), data_value=f"{value:.6g}" if math.isfinite(value) else None)


def _with_interval(value: Mean | Difference, measure: Measure, sign: bool = False, mark: str = "") -> Markup:
    if not value.count:
        return element("td", "–")
    ends = interval(value, measure, sign)
    small = element("small", ends) if ends else None
    return element("td", shown(value.mean, measure.digits, sign) + mark, small)


def _mean(values: np.ndarray, measure: Measure) -> str:
    defined = values[~np.isnan(values)]
    return shown(float(defined.mean()), measure.digits) if defined.size else "–"
