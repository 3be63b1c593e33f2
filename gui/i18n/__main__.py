"""`python -m gui.i18n`: takes the words of the window over into the catalogues, and compiles them.

New and changed words stand in `locale/*/LC_MESSAGES/gui.po` without a translation afterwards; translate them there and
run it once more. Needs Babel (extra dev). Prints what is not translated yet; exit code 1 where something is not.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from gui.i18n import LOCALE

PACKAGE = Path(__file__).parents[1]
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}
WIDTH = 100
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def extract() -> Catalog:
    """All words of the package, where they stand."""
    words = Catalog(project="enhancer", charset="utf-8")
    for name, line, message, _comments, _context in extract_from_dir(PACKAGE, [("**.py", "python")], keywords=KEYWORDS):
        words.add(message, locations=[(f"gui/{name}", line)])
    return words


def read(language: str) -> Catalog:
    """A catalogue as it is in its file."""
    with _file(language, "po").open("rb") as file:
        return read_po(file, locale=language)


def updated(catalogue: Catalog, words: Catalog) -> Catalog:
    """The catalogue with exactly these words; what was translated stays, nothing is guessed."""
    catalogue.update(words, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return catalogue


def as_po(catalogue: Catalog) -> bytes:
    """Without line numbers and dates, so that it changes only where words do."""
    catalogue.creation_date = catalogue.revision_date = EPOCH
    file = BytesIO()
    write_po(file, catalogue, width=WIDTH, include_lineno=False, sort_by_file=True)
    return file.getvalue()


def as_mo(catalogue: Catalog) -> bytes:
    """Compiled."""
    file = BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def untranslated(catalogue: Catalog) -> list[str]:
    """Words without a translation, or with one that is marked as doubtful ("fuzzy"), which is not compiled."""
    missing = []
    for message in catalogue:
        strings = message.string if isinstance(message.string, tuple | list) else [message.string]
        if message.id and (message.fuzzy or not all(strings)):
            missing.append(message.id if isinstance(message.id, str) else message.id[0])
    return missing


def languages() -> list[str]:
    """Those that have a catalogue."""
    return sorted(path.parts[-3] for path in LOCALE.glob("*/LC_MESSAGES/gui.po"))


def _file(language: str, suffix: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"gui.{suffix}"


def main() -> int:
    """Returns the exit code."""
    words, missing = extract(), 0
    for language in languages():
        catalogue = updated(read(language), words)
        _file(language, "po").write_bytes(as_po(catalogue))
        _file(language, "mo").write_bytes(as_mo(catalogue))
        for text in untranslated(catalogue):
            print(f"{language}: not translated: {text!r}")
            missing += 1
        print(f"{language}: {len(catalogue)} texts")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
