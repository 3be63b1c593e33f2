"""Words in the user's language: `_("English")` looks them up when it is called, so that a change shows at once.

`python -m gui.i18n` gathers the words for translators (see CONTRIBUTING.md).
"""

from __future__ import annotations

import gettext
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
LANGUAGE_NAMES = {"en": "English", "zh_CN": "简体中文"}  # as their speakers write them
_catalogue: list[gettext.NullTranslations] = [gettext.NullTranslations()]
_language = ["en"]


def set_language(code: str) -> None:
    """The language from now on: `en`, `zh_CN`, or `system`; one without a catalogue is English."""
    _language[0] = system_language() if code == "system" else code
    _catalogue[0] = gettext.translation("gui", LOCALE, [_language[0]], fallback=True)


def language() -> str:
    """The language of now: `en` or `zh_CN`."""
    return _language[0]


def system_language() -> str:
    """The first that the user's system prefers and we have; English where we have none of them."""
    from PyQt6.QtCore import QLocale

    for wanted in QLocale.system().uiLanguages():
        language = wanted.replace("-", "_").split("_")[0]
        if language == "en":
            return "en"
        if language == "zh":  # one catalogue serves all who read Chinese
            return "zh_CN"
    return "en"


def _(text: str) -> str:
    """The text in the language of now."""
    return _catalogue[0].gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """The text for so many things, in the language of now; `{count}` is still to be filled in."""
    return _catalogue[0].ngettext(one, many, count)
