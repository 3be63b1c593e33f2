"""The word error rate is what is lost of the words that are heard in clean speech, through any recogniser."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from enhancer.errors import ConfigError
from enhancer.evaluation import measures, words

RATE = words.SAMPLE_RATE
DATA = Path(__file__).parent.parent / "data"
HERE = __name__


def spelt(signal: np.ndarray) -> str:
    """A recogniser: the text whose letters are the samples."""
    return "".join(chr(round(float(sample))) for sample in signal)


class Counting:
    """A recogniser that says how often one was made, and how much it has heard."""

    made = heard = 0

    def __init__(self) -> None:
        Counting.made += 1

    def __call__(self, signal: np.ndarray) -> str:
        Counting.heard += 1
        return "one two three four" if signal.any() else ""


def no_text(signal: np.ndarray) -> float:
    return 0.5


def rate_of(said: str, heard: str) -> float:
    letters = [np.array([ord(letter) for letter in text], float) for text in (heard, said)]
    return words.word_error_rate(letters[0], letters[1], spelt)


def test_words_replaced_left_out_and_put_in_count_against_those_of_the_clean_file():
    assert rate_of("the cat sat on the mat", "the cat sat on the mat") == 0
    assert rate_of("the cat sat on the mat", "the hat sat the mat today") == pytest.approx(100 * 3 / 6)
    assert rate_of("the cat sat on the mat", "") == 100
    assert rate_of("yes", "oh yes yes yes") == 300


def test_case_and_punctuation_are_no_words():
    assert rate_of("Well, I've been  there.", "well ive been there") == 0


def test_where_nothing_is_heard_in_the_clean_file_there_is_no_rate():
    scores = measures.score(np.ones((RATE, 1)), np.zeros((RATE, 1)), RATE, ["wer"], f"{HERE}:Counting")
    assert np.isnan(scores.values["wer"])
    assert scores.reasons == {"wer": "the recogniser hears no word in the clean file"}


def test_a_recogniser_is_made_once_and_hears_a_clean_file_once_for_all_systems():
    words.recogniser.cache_clear()
    Counting.made = Counting.heard = 0
    clean = np.random.default_rng(0).standard_normal((RATE, 1))
    for level in (0.5, 0.0, 2.0):
        scores = measures.score(level * clean, clean, RATE, ["wer"], f"{HERE}:Counting")
        assert scores.values["wer"] == (0 if level else 100)
    assert (Counting.made, Counting.heard) == (1, 4)


@pytest.mark.parametrize("name", ["nobody", ":spelt", f"{HERE}:absent", "no_such_module:spelt"])
def test_a_recogniser_that_cannot_be_had_is_refused_in_words(name):
    with pytest.raises(ConfigError, match="recogniser") as caught:
        words.recogniser(name)
    assert "MODULE:ATTRIBUTE" in caught.value.hint


def test_what_is_no_recogniser_is_refused_in_words():
    with pytest.raises(ConfigError, match="cannot be called"):
        words.recogniser(f"{HERE}:DATA")
    with pytest.raises(ConfigError, match="gave float, not text"):
        words.recogniser(f"{HERE}:no_text")(np.ones(8))


@pytest.fixture(scope="module")
def sphinx():
    from enhancer.evaluation.sphinx import PocketSphinx

    return PocketSphinx()


def test_the_default_hears_english_and_the_same_whatever_it_heard_before(sphinx):
    female, male = (
        soundfile.read(DATA / f"speech_16k_{voice}.flac")[0][: int(2.6 * RATE)] for voice in ("female", "male")
    )
    first = sphinx(male)
    assert "observed a cluster of" in first
    sphinx(female)
    assert sphinx(male) == first


def test_the_default_hears_nothing_in_silence_or_in_nothing(sphinx):
    assert sphinx(np.zeros(RATE)) == ""
    assert sphinx(np.zeros(0)) == ""


def test_long_recordings_are_heard_in_pieces(sphinx, monkeypatch):
    heard = []
    monkeypatch.setattr(sphinx, "_utterance", lambda piece: heard.append(len(piece)) or f"piece{len(heard)}")
    assert sphinx(np.ones(70 * RATE)) == "piece1 piece2 piece3"
    assert sum(heard) == 70 * RATE
    assert max(heard) <= 30 * RATE
