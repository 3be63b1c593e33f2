"""The window in other languages: nothing is left in English, nothing that varies is lost, all is compiled."""

import re

import pytest

pytest.importorskip("babel", reason="Babel (extra dev) is not installed")

from benchmarks.clips import ROOT
from enhancer.live.engine import MUTED
from gui import i18n
from gui.i18n import __main__ as catalogues
from gui.i18n import engine_words


@pytest.fixture(scope="module")
def words():
    return catalogues.extract()


@pytest.fixture(params=catalogues.languages())
def language(request):
    i18n.set_language(request.param)
    yield request.param
    i18n.set_language("en")


def test_every_text_of_the_window_is_translated(language, words):
    current = catalogues.updated(catalogues.read(language), words)
    assert catalogues.untranslated(current) == [], "translate these in gui.po, then: python -m gui.i18n"


def test_what_is_translated_is_compiled(language, words):
    catalogue = catalogues.read(language)
    assert {each.id for each in catalogue} == {each.id for each in words} | {""}, "run: python -m gui.i18n"
    for each in catalogue:
        if isinstance(each.id, tuple):
            assert i18n.ngettext(*each.id, 2) == each.string[-1], "run: python -m gui.i18n"
        elif each.id:
            assert i18n._(each.id) == each.string, "run: python -m gui.i18n"


def test_a_translation_has_the_same_blanks_to_fill_in(language):
    for message in catalogues.read(language):
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        for string in strings if ids[0] else ():
            assert sorted(re.findall(r"{[^}]*}", string)) == sorted(re.findall(r"{[^}]*}", ids[-1])), ids[0]


def test_chinese_uses_chinese_punctuation():
    for message in catalogues.read("zh_CN"):
        string = message.string if isinstance(message.string, str) else "".join(message.string)
        if message.id:
            assert not re.search(r"[一-鿿][,;:!?.](?!\w)", string), string


def test_lines_of_the_engine_are_said_in_the_users_language():
    i18n.set_language("zh_CN")
    try:
        assert engine_words.in_words(MUTED) == "麦克风没有声音：是否已静音？"
        gone = "the input device Blue Yeti went away: the default microphone is used until it is back"
        assert engine_words.in_words(gone) == "输入设备 Blue Yeti 已断开：恢复之前先使用默认麦克风"
        assert engine_words.as_sentence("the sound is back") == "声音已恢复。"
        cut = "/a/b.wav is damaged: No 'data' chunk marker"
        assert engine_words.in_words(cut) == "/a/b.wav 已损坏：缺少声音数据"
        assert engine_words.in_words("something new") == "something new"
    finally:
        i18n.set_language("en")
    assert engine_words.as_sentence(MUTED) == "The microphone gives silence: is it muted?"


def test_the_lines_that_are_translated_are_lines_of_the_engine():
    """A line that the engine says no more, or otherwise, is found here."""
    sources = "".join(
        path.read_text(encoding="utf-8") for package in ("enhancer", "gui") for path in (ROOT / package).rglob("*.py")
        if path.name != "engine_words.py"
    )  # fmt: skip
    gone = [
        line for line in engine_words._LINES
        if not all(part in sources for part in re.split(r"{\w+}", line) if len(part) > 12)
    ]  # fmt: skip
    assert gone == []


@pytest.mark.parametrize(("asked", "language"), [("zh_CN", "zh_CN"), ("en", "en"), ("system", "en"), ("tlh", "tlh")])
def test_a_language_without_a_catalogue_is_english(asked, language, monkeypatch):
    monkeypatch.setattr(i18n, "system_language", lambda: "en")
    i18n.set_language(asked)
    assert i18n.language() == language
    assert i18n._("Settings") == ("设置" if language == "zh_CN" else "Settings")
    i18n.set_language("en")
