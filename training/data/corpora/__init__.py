"""Readers: where the recordings of a corpus are, and what is known about each (one `Recording` a file)."""

from training.data.corpora.catalogue import CORPORA, Found, read_corpora
from training.data.corpora.indexed import HELD_FOR_DEMO, LEAKS_INTO_VALIDATION, read_indexed
from training.data.corpora.recording import SPLITS, Recording
from training.data.corpora.splits import settle

__all__ = [
    "CORPORA", "HELD_FOR_DEMO", "LEAKS_INTO_VALIDATION", "SPLITS", "Found", "Recording", "read_corpora", "read_indexed",
    "settle",
]  # fmt: skip
