"""The page as a whole: its frame, style and script inlined, its sections in order, written whole or not at all."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from enhancer.evaluation.report import sections, tables
from enhancer.evaluation.report.examples import examples
from enhancer.evaluation.report.listening import listening
from enhancer.evaluation.report.markup import Markup, element, escaped
from enhancer.evaluation.report.material import Material
from enhancer.media.atomic import replacing, write_error

_GENERATOR = "enhancer evaluate"
_MOST_LINES = 20  # of files that could not be scored


def write_report(path: Path, material: Material) -> int:
    """Writes the page and returns its size in bytes. Raises OutputError."""
    content = page(material).encode("utf-8")
    with replacing(path, overwrite=True) as temporary:
        try:
            temporary.write_bytes(content)
        except OSError as error:
            raise write_error(path, error) from error
    return len(content)


def is_report(path: Path) -> bool:
    """Whether a file is a report of ours, which may be written again."""
    try:
        with open(path, "rb") as file:
            return element("meta", name="generator", content=_GENERATOR).encode() in file.read(2000)
    except OSError:
        return False


def page(material: Material) -> str:
    """The HTML. It reads and, where we are the system, denoises the few files that are played."""
    title = f"Evaluation: {_count(len(material.summary.names))}, {_length(material.summary.seconds)} of sound"
    parts = _sections(material)
    links = [element("li", element("a", heading, href=f"#{key}")) for key, heading, _ in parts]
    body = element(
        "body",
        element("a", "Skip to the results", href="#main", class_="skip"),
        element(
            "header",
            element("h1", title),
            element("p", _subtitle(material), element("span", material.made, class_="whole"), class_="quiet"),
            element("nav", element("ul", links), aria_label="Sections"),
        ),
        element(
            "main",
            _warnings(material),
            [
                element("section", element("h2", heading, id=key), content, aria_labelledby=key)
                for key, heading, content in parts
            ],
            id="main",
        ),
        element("footer", element("p", "Made by enhancer evaluate. Everything is in this one file; it loads nothing.")),
    )
    return f'<!DOCTYPE html>\n<html lang="en">\n{_head(title)}\n{body}\n</html>\n'


def _head(title: str) -> str:
    """No source is allowed but what is inlined here, and of scripts and styles only these, by their hashes."""
    style, script = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; img-src data:; media-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    metas = [
        element("meta", charset="utf-8"),
        element("meta", name="generator", content=_GENERATOR),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
    ]
    # `defer` does not hold for inlined scripts: this one waits for the page itself.
    return (
        f"<head>\n{''.join(metas)}\n<title>{escaped(title)}</title>\n<style>{style}</style>\n"
        f"<script>{script}</script>\n</head>"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _sections(material: Material) -> list[tuple[str, str, list[Markup]]]:
    """(id, heading, content) of those that have something to show."""
    parts = [("summary", "In short", sections.in_short(material))]
    if material.others:
        parts.append(("others", "Against other systems", sections.against_others(material)))
    if found := examples(material):
        parts.append(("listen", "Look and listen", listening(material, found)))
    parts.append(("distributions", "Distributions", sections.distributions(material)))
    parts.append(("categories", "By category", sections.by_category(material)))
    parts.append(("snr", "By SNR", sections.by_snr(material)))
    parts.append(("files", "Files", _files(material)))
    parts.append(("made", "How this was made", sections.how_it_was_made(material)))
    return [part for part in parts if part[2]]


def _files(material: Material) -> list[Markup]:
    rows, left_out = tables.files(material)
    said = []
    if left_out:
        where = f"; {material.full_scores} has all" if material.full_scores else ""
        half = tables.MOST_ROWS // 2
        said.append(element("p", f"The {half} with the least and the {half} with the most gain are here{where}."))
    finder = element(
        "p",
        element("label", "Show files with ", element("input", type="search", class_="find"), " in their row"),
        element("span", role="status", class_="found quiet"),
        class_="finder", hidden=True,
    )  # fmt: skip
    return [*said, finder, rows]


def _warnings(material: Material) -> list[Markup]:
    """What is missing stands before everything else."""
    lines = list(material.left_out)
    missing = len(material.pairs) - len(material.summary.names)
    if material.stopped:
        lines.insert(0, f"The run was stopped: {missing} of {len(material.pairs)} files are not scored yet.")
    if not lines:
        return []
    more = len(lines) - _MOST_LINES
    items = [element("li", line) for line in lines[:_MOST_LINES]]
    items += [element("li", f"and {more} more")] if more > 0 else []
    return [element("aside", element("h2", "Not everything is in here"), element("ul", items), class_="warning")]


def _subtitle(material: Material) -> str:
    told = f"{material.ours} against the noisy files" if material.has_noisy else material.ours
    beside = f", beside {', '.join(material.others)}" if material.others else ""
    return f"{told}{beside} · "


def _count(files: int) -> str:
    return "1 file" if files == 1 else f"{files} files"


def _length(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
