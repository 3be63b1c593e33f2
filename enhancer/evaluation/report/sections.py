"""The sections of the page that show scores: in short, against others, distributions, groups, and how it was made."""

from __future__ import annotations

import math

import numpy as np

from enhancer.evaluation.facts import Group, bands, category_groups
from enhancer.evaluation.grouping import in_words
from enhancer.evaluation.measures import Measure
from enhancer.evaluation.notes import notes_on
from enhancer.evaluation.peers import PEERS
from enhancer.evaluation.report import charts, tables
from enhancer.evaluation.report.markup import Markup, element
from enhancer.evaluation.report.material import Material
from enhancer.evaluation.report.numbers import shown
from enhancer.evaluation.scoring import NOISY
from enhancer.evaluation.statistics import SIGNIFICANT


def in_short(material: Material) -> list[Markup]:
    """What the first measures gained, then every mean."""
    return [
        element("div", [_tile(material, measure) for measure in material.first_measures], class_="tiles"),
        tables.means(material),
        _meanings(material),
    ]


def against_others(material: Material) -> list[Markup]:
    """Paired differences to each peer, and what quality costs."""
    summary = material.summary
    drawn = []
    for measure in material.first_measures:
        rows = [
            (o, summary.differences[o][measure.key], summary.p_values[o].get(measure.key, math.nan) < SIGNIFICANT)
            for o in material.others
            if summary.differences[o][measure.key].count
        ]
        if rows:
            drawn.append(_figure(measure.label, charts.against(measure, rows)))
    if material.first_measures:
        drawn += _cost(material, material.first_measures[0])
    said = element(
        "p",
        f"{material.ours} minus each other system on the same files; right of the line it is better. Bars are 95 % "
        "intervals; * where Wilcoxon's signed-rank test, Holm-corrected over all tested differences, finds one beyond "
        "chance (p < 0.05).",
    )
    numbers = element("details", element("summary", "All measures in numbers"), tables.differences(material))
    return [said, element("div", drawn, class_="charts"), numbers]


def distributions(material: Material) -> list[Markup]:
    """How the files' values lie, each measure; then each file before against after."""
    roles = {NOISY: "before", material.ours: "after"}
    drawn = []
    for measure in material.summary.measures():
        rows = [(s, roles[s], material.values(s, measure.key)) for s in material.shown_systems]
        rows = [row for row in rows if np.isfinite(row[2]).any()]
        if rows:
            drawn.append(_figure(tables.measure_name(measure), charts.distribution(measure, rows)))
    said = element(
        "p", "A tick below a line is a file, the thick part holds half of the files, the upright line is the mean."
    )
    parts = [said, element("div", drawn, class_="charts")]
    if material.has_noisy:
        names = material.summary.names
        dots = [
            _figure(
                m.label,
                charts.before_after(m, names, material.values(NOISY, m.key), material.values(material.ours, m.key),
                                    material.ours),
            )
            for m in material.first_measures
        ]  # fmt: skip
        said = element("p", "Before against after: a dot is a file; on the line nothing changed.")
        parts += [element("h3", "File by file"), said, element("div", dots, class_="charts")]
    return parts


def by_category(material: Material) -> list[Markup]:
    """Groups by what the files' names or a table call them; empty where nothing does."""
    found = category_groups(material.facts, material.summary.names)
    if len(found) < 2:
        return []
    return _groups(material, found, f"Categories are from {material.facts.category_source}.", rank=True)


def by_snr(material: Material) -> list[Markup]:
    """Groups by SNR as told, else by the noisy files' SI-SDR; empty where there is no spread."""
    names = material.summary.names
    if material.facts.snrs_db:
        found = bands(material.facts.snrs_db, names)
        said = f"SNRs are from {material.facts.snr_source}."
    elif material.has_noisy:
        measured = dict(zip(names, material.values(NOISY, "si_sdr").tolist(), strict=True))
        found = bands(measured, names)
        said = "By the noisy file's own SI-SDR, which is the SNR where noise was added to a clean recording."
    else:
        found = []
    return _groups(material, found, said, rank=False) if len(found) > 1 else []


def how_it_was_made(material: Material) -> list[Markup]:
    """The command line, systems, versions, and what a reader must know."""
    method = material.method
    settings = [
        "delays up to 100 ms found and taken off" if method.align else "files as they are, of equal length",
        "means and intervals: bootstrap over "
        + (f"{in_words(material.summary.groups)} ({material.grouping.source})" if material.summary.groups else "files"),
    ]
    if method.attenuation_limit_db is not None:
        settings.append(f"noise attenuated by at most {method.attenuation_limit_db:g} dB")
    facts = [
        ("Command", element("code", material.command, class_="command")),
        ("Made", material.made),
        ("Systems", _list([[element("strong", name), f": {words}"] for name, words in material.systems.items()])),
        ("Method", _list(settings)),
        ("Software", ", ".join(f"{name} {version}" for name, version in material.software.items())),
        ("Notes", _list(notes_on(material.summary, material.outcomes))),
    ]
    return [element("dl", [[element("dt", term), element("dd", told)] for term, told in facts], class_="facts")]


def _tile(material: Material, measure: Measure) -> Markup:
    means = material.summary.means
    after = means[material.ours][measure.key]
    if not material.has_noisy:
        big = element("p", shown(after.mean, measure.digits), class_="big")
        ends = tables.interval(after, measure)
        return element("div", element("h3", measure.label), big, element("p", f"95 %: {ends}" if ends else None))
    gain = material.summary.differences[NOISY][measure.key]
    gains = material.gains(measure.key)
    gains = gains[~np.isnan(gains)]
    better = int(np.sum(gains * (measure.better or 1) > 0))
    ends = tables.interval(gain, measure, sign=True)
    return element(
        "div",
        element("h3", measure.label),
        element(
            "p",
            element("span", shown(means[NOISY][measure.key].mean, measure.digits), class_="before"),
            element("span", " → ", class_="quiet"),
            element("span", shown(after.mean, measure.digits), class_="after"),
            class_="big",
        ),
        element(
            "p", element("strong", shown(gain.mean, measure.digits, sign=True)), f" (95 %: {ends})" if ends else None
        ),
        element("p", f"better in {better} of {len(gains)} files", class_="quiet"),
    )


def _cost(material: Material, measure: Measure) -> list[Markup]:
    """Quality against cost, where at least two systems have one; an oracle is no system that one could pay for."""
    means = material.summary.means
    points = [
        charts.Point(s, means[s]["rtf"].mean, means[s][measure.key], "after" if s == material.ours else "")
        for s in material.summary.systems
        if means[s]["rtf"].count
        and means[s]["rtf"].mean > 0
        and means[s][measure.key].count
        and not (s in PEERS and PEERS[s].oracle)
    ]
    return (
        [_figure(f"{measure.label} and what it costs", charts.cost_and_quality(measure, points))]
        if len(points) > 1
        else []
    )


def _groups(material: Material, found: list[Group], said: str, rank: bool) -> list[Markup]:
    drawn = []
    for measure in material.first_measures:
        rows = []
        for group in found:
            gain = material.gain(measure.key, group.names)
            if gain.count:
                after = _mean(material.values(material.ours, measure.key, group.names))
                before = _mean(material.values(NOISY, measure.key, group.names))
                rows.append(charts.Row(group.label, gain.count, before, after, gain))
        if rank:
            rows.sort(key=lambda row: row.gain.mean * (measure.better or 1))
        if rows:
            drawn.append(_figure(measure.label, charts.by_group(measure, rows)))
    what = f"Hollow is noisy, filled is {material.ours}, on the right the mean gain; its bar is the 95 % interval."
    if not material.has_noisy:
        what = "On the right the mean; its bar is the 95 % interval."
    numbers = tables.groups(material, material.first_measures, found, "Means of every system in each group")
    return [
        element(
            "p",
            f"{said} {what} Grey: how many files."
            + (" The least gain stands first." if rank and material.has_noisy else ""),
        ),
        element("div", drawn, class_="charts"),
        element("details", element("summary", "In numbers, every system"), numbers),
    ]


def _meanings(material: Material) -> Markup:
    terms = [[element("dt", m.label), element("dd", m.what)] for m in material.summary.measures()]
    return element("details", element("summary", "What the measures are"), element("dl", terms, class_="facts"))


def _figure(title: object, drawing: Markup) -> Markup:
    return element("figure", element("figcaption", title), drawing, class_="card")


def _list(items: list) -> Markup:
    return element("ul", [element("li", item) for item in items])


def _mean(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else math.nan
