"""PocketSphinx as the recogniser of the word error rate: small, offline, English, its model inside its package."""

from __future__ import annotations

import numpy as np

SAMPLE_RATE = 16_000
_PIECE_S = 30.0  # so that memory stays flat in the length of a recording


class PocketSphinx:
    """Text of speech by CMU PocketSphinx with the US English model of its package (extra `words`).

    The same sound always gives the same text: what the decoder learnt from one utterance is forgotten before the next.
    """

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")

    def __call__(self, signal: np.ndarray) -> str:
        """Words in lower case with blanks between them, "" where it hears none. Shape: signal [T] at 16000 Hz.

        Recordings of more than 30 s are heard in equal pieces of at most that, whatever words are cut there.
        """
        count = max(1, int(np.ceil(len(signal) / (_PIECE_S * SAMPLE_RATE))))
        return " ".join(filter(None, map(self._utterance, np.array_split(signal, count))))

    def _utterance(self, signal: np.ndarray) -> str:
        samples = np.clip(np.rint(signal * 32768), -32768, 32767).astype("<i2")
        if not samples.any():
            return ""  # it hears "is" in digital silence
        # Means and noise estimates are kept from utterance to utterance otherwise.
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(samples.tobytes(), no_search=False, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return found.hypstr if found else ""
