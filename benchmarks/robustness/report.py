"""The figures as tables, on the terminal and in docs/robustness.md alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.table import Table

from benchmarks.robustness.groups import FEW, MEASURES
from benchmarks.robustness.worst import SHORT, shown
from benchmarks.tables import as_text

LOST_DB = -0.5  # what may be lost of clean and mildly noisy speech
LEVEL = "level_db"
DIGITS = {"pesq_wb": 2, "pesq_nb": 2, "estoi": 3, "si_sdr": 1}
RESIDUE_ROWS = (
    ("noise below 8 kHz before, dB re speech", "low_before_db", ".1f"),
    ("noise below 8 kHz after", "low_after_db", ".1f"),
    ("... nine items in ten are below", "low_after_90_db", ".1f"),
    ("noise above 8 kHz before (48 kHz items)", "high_before_db", ".1f"),
    ("noise above 8 kHz after", "high_after_db", ".1f"),
    ("... nine items in ten are below", "high_after_90_db", ".1f"),
    ("spread of its level before, dB", "spread_before_db", ".1f"),
    ("spread of its level after", "spread_after_db", ".1f"),
    ("noise lowered while somebody speaks, dB", "lowered_in_speech_db", ".1f"),
    ("... in the 0.2 s after", "lowered_just_after_db", ".1f"),
    ("... later in the pause", "lowered_later_db", ".1f"),
    ("log kurtosis ratio", "log_kurtosis_ratio", "+.2f"),
)


def tables(facts: Mapping) -> dict[str, list[Table | str]]:
    """All tables by the name of their place in docs/robustness.md; `facts` is the content of robustness.json."""
    return {place: make(facts) for place, make in PLACES.items()}


def measured(facts: Mapping) -> str:
    """Of what the figures are."""
    model = facts["model"]
    return f"{model['name']}, weights {model['weights_sha256'][:12]}; fixed validation set {facts['fixed_set']}"


def kept_table(rows: Mapping[str, Mapping]) -> Table:
    """Change of speech energy by band (kHz); "!" where more than 0.5 dB is lost. Below, what a Wiener mask would do."""
    table = _table("dB, by band in kHz", "items", *next(iter(rows.values()))["kept_db"])
    for name, row in rows.items():
        cells = [
            f"{_number(v, '+.1f')}{'!' if v is not None and v < LOST_DB else ' '}" for v in row["kept_db"].values()
        ]
        table.add_row(name, str(row["items"]), *cells)
        if any(value < -0.005 for value in row["wiener_kept_db"].values() if value is not None):
            table.add_row("  ideal Wiener mask", "", *(_number(v, "+.1f") for v in row["wiener_kept_db"].values()))
    return table


def edges_table(rows: Mapping[str, Mapping]) -> Table:
    """Change of energy at the first and last 50 ms of stretches of speech, and how many of these lose over 6 dB."""
    table = _table("", "stretches", "first 50 ms, dB", "middle", "last 50 ms", "onsets cut", "ends cut")
    for name, row in rows.items():
        levels = [f"{row[key]:+.1f}" for key in ("onset_db", "middle_db", "offset_db")]
        table.add_row(name, str(row["stretches"]), *levels, f"{row['onsets_cut']:.0%}", f"{row['offsets_cut']:.0%}")
    return table


def residue_table(columns: Mapping[str, Mapping]) -> Table:
    """What is left in pauses, a column a set."""
    table = _table("in pauses", *columns)
    table.add_row("items", *(str(column["items"]) for column in columns.values()))
    for label, key, form in RESIDUE_ROWS:
        table.add_row(label, *(_number(column.get(key), form) for column in columns.values()))
    return table


def conditions_table(rows: Mapping[str, Mapping]) -> Table:
    """Before → after and the gain of each measure; "!" where the gain is below 0 beyond chance."""
    table = _table("", "items", "PESQ", "gain", "ESTOI", "gain", "SI-SDR dB", "gain", "level dB")
    for name, row in rows.items():
        cells = []
        for key in [key for key in row if key in DIGITS]:
            value, digits = row[key], DIGITS[key]
            worse = value["high"] is not None and value["high"] < 0
            before, after = (_number(value[side], f".{digits}f") for side in ("before", "after"))
            cells += [f"{before} → {after}", f"{_number(value['gain'], f'+.{digits}f')}{'!' if worse else ' '}"]
        table.add_row(name, str(row["items"]), *cells, _number(row[LEVEL]["after"], "+.1f"))
    return table


def groups_table(heading: str, rows: Mapping[str, Mapping]) -> Table:
    """Noisy scores and gains; "!" where a gain is below the mean of all items beyond chance, "?" for few speakers."""
    table = _table(heading, "items", "speakers")
    for measure in MEASURES:
        table.add_column(SHORT[measure], justify="right")
        table.add_column("gain", justify="right")
    for name, row in rows.items():
        cells = []
        for measure in MEASURES:
            value, digits = row[measure], DIGITS[measure]
            mark = "!" if value["low"] else " "
            cells += [_number(value["before"], f".{digits}f"), f"{_number(value['gain'], f'+.{digits}f')}{mark}"]
        few = "?" if row["speakers"] <= FEW else " "
        table.add_row(name, str(row["items"]), f"{row['speakers']}{few}", *cells)
    return table


def worst_tables(cases: Sequence[Mapping], count: int) -> list[Table | str]:
    """For each measure the `count` worst items, the worst first; `cases` as `Case.facts` has them."""
    found: list[Table | str] = []
    for measure in MEASURES:
        ranked = [case for case in cases if case["ranks"].get(measure, count + 1) <= count]
        table = _table(f"least {SHORT[measure]} gain", "SNR dB")
        for column in ("noise", "voice", "language", "rate"):
            table.add_column(column)
        for name in MEASURES:
            table.add_column(SHORT[name], justify="right")
        for case in sorted(ranked, key=lambda case: case["ranks"][measure]):
            scores = (shown(case[name]["before"], case[name]["after"], name) for name in MEASURES)
            what = case["category"], case["speaker"], case["language"], f"{case['sample_rate'] // 1000} kHz"
            table.add_row(case["item"], f"{case['snr_db']:.1f}", *what, *scores)
        found.append(table)
    return found


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def as_page_text(parts: Sequence[Table | str]) -> str:
    """Tables and lines one below the other, as they stand in the docs."""
    return "\n\n".join(as_text(part) if isinstance(part, Table) else part for part in parts)


PLACES: dict[str, Callable[[Mapping], list[Table | str]]] = {
    "measured": lambda facts: [measured(facts)],
    "speech kept": lambda facts: [kept_table(facts["speech_kept"])],
    "word edges": lambda facts: [edges_table(facts["speech_kept"])],
    "residue": lambda facts: [residue_table(facts["residue"])],
    "conditions": lambda facts: [conditions_table(facts["conditions"])],
    "languages": lambda facts: [
        groups_table("language", facts["languages"]),
        groups_table("family", facts["families"]),
    ],
    "voices and noises": lambda facts: [
        groups_table("voice", facts["sexes"]),
        groups_table("SNR, dB", facts["snr_db"]),
        groups_table("noise", facts["categories"]),
    ],
    "worst": lambda facts: worst_tables(facts["worst"], count=5),
}
