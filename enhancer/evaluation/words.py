"""Word error rate through a speech recogniser: how much of what it hears in the clean file it hears no longer.

The clean recording's own transcript, by the same recogniser, is the reference: what the recogniser gets wrong in clean
speech does not count, and no transcript has to be given.

A recogniser is anything that takes mono samples at 16 kHz (float, full scale 1) and gives text; see `find`.
"""

from __future__ import annotations

import hashlib
import importlib
import string
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from enhancer.errors import ConfigError
from enhancer.evaluation.sphinx import PocketSphinx

DEFAULT = "pocketsphinx"
SAMPLE_RATE = 16_000
_REMEMBERED = 16


class Recogniser:
    """Text of sounds; remembers the last few, because one clean recording is held against several systems."""

    def __init__(self, name: str, recognise: Callable[[np.ndarray], str]) -> None:
        self._name, self._recognise = name, recognise
        self._known: dict[bytes, str] = {}

    def __call__(self, signal: np.ndarray) -> str:
        """What is said in signal [T] at 16000 Hz. Raises ConfigError where the recogniser gives something else."""
        key = hashlib.sha256(np.ascontiguousarray(signal).data).digest()
        if key not in self._known:
            text = self._recognise(signal)
            if not isinstance(text, str):
                raise ConfigError(f"the recogniser {self._name} gave {type(text).__name__}, not text")
            if len(self._known) == _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[key] = text
        return self._known[key]


@lru_cache(maxsize=1)
def recogniser(name: str) -> Recogniser:
    """The recogniser of that name, made once a process. Raises ConfigError where it cannot be had."""
    found = find(name)
    made = found() if isinstance(found, type) else found
    if not callable(made):
        raise ConfigError(f"{name} is no recogniser: it cannot be called")
    return Recogniser(name, made)


def find(name: str) -> Any:
    """What makes or is the recogniser of that name: "pocketsphinx", or MODULE:ATTRIBUTE for any other.

    The attribute is a function (samples [T] -> text), or a class that is made without arguments and called like one.
    Raises ConfigError where Python cannot import it.
    """
    if name == DEFAULT:
        return PocketSphinx
    module, _, attribute = name.partition(":")
    hint = f"give {DEFAULT}, or MODULE:ATTRIBUTE of a function or class that Python can import (see docs/evaluation.md)"
    if not module or not attribute:
        raise ConfigError(f"there is no recogniser called {name!r}", hint)
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"the recogniser {name} cannot be imported: {error}", hint) from error


def word_error_rate(estimate: np.ndarray, reference: np.ndarray, recognise: Callable[[np.ndarray], str]) -> float:
    """Words replaced, left out and put in, per 100 words heard in the reference; may exceed 100.

    Shapes: [T] both, 16000 Hz. Raises ValueError where no word is heard in the reference.
    """
    wanted = normalised(recognise(reference))
    if not wanted:
        raise ValueError("the recogniser hears no word in the clean file")
    from jiwer import wer

    return 100 * float(wer(wanted, normalised(recognise(estimate))))


def normalised(text: str) -> str:
    """Words alone: lower case, without punctuation, one blank between them."""
    return " ".join(text.lower().translate(str.maketrans("", "", string.punctuation)).split())
