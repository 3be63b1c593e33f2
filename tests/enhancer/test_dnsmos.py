"""DNSMOS here is DNSMOS there: figures of Microsoft's own package, from its networks, without its dependencies."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile

from enhancer.errors import ModelError
from enhancer.evaluation import dnsmos, measures

RATE = 16_000
DATA = Path(__file__).parent.parent / "data"
# speechmos 0.0.1.1 with librosa 0.11.0 on the signals made here: SIG, BAK, OVRL, P.808.
REFERENCE = {
    "female, 2.5 s": (3.293584, 3.480736, 2.778133, 3.315998),
    "male, 2.5 s": (3.596697, 4.140175, 3.339976, 3.497070),
    "noisy, 2.5 s": (3.029996, 1.851548, 1.813367, 2.455552),
    "11.2 s": (3.548968, 3.589204, 3.041893, 3.198845),
    "18 s": (3.531156, 3.339696, 2.901208, 3.122961),
}
# librosa 0.11.0: (power_to_db(melspectrogram(y, sr=16000, n_fft=321, hop_length=160, n_mels=120), ref=max) + 40) / 40.
FRAMES, BANDS = [0, 100, 200, 399], [0, 10, 60, 119]
MEL_IMAGE = [
    [-0.661379, -0.819136, -0.273142, -0.898585],
    [-0.717208, -0.999604, -0.54023, -0.765248],
    [-0.845488, -0.495556, -0.309131, -0.207437],
    [-0.572844, -0.744763, -0.139027, 0.058267],
]


@pytest.fixture(scope="module")
def signals() -> dict[str, np.ndarray]:
    """The signals of REFERENCE: shorter than a segment, of two segments, and long enough for its odd rounding."""
    female, male = (soundfile.read(DATA / f"speech_16k_{voice}.flac")[0] for voice in ("female", "male"))
    noisy = female + 0.02 * np.random.default_rng(12).standard_normal(female.size)
    return {
        "female, 2.5 s": female[:40_000],
        "male, 2.5 s": male[:40_000],
        "noisy, 2.5 s": noisy[:40_000],
        "11.2 s": np.concatenate([female, male, noisy])[: int(11.2 * RATE)],
        "18 s": np.concatenate([female, male, noisy, male, female])[: 18 * RATE],
    }


@pytest.mark.parametrize("name", REFERENCE)
def test_figures_are_those_of_the_package(name, signals):
    assert dnsmos.dnsmos(signals[name]) == pytest.approx(REFERENCE[name], abs=1e-3)


def test_the_spectrogram_is_that_of_librosa(signals):
    female = soundfile.read(DATA / "speech_16k_female.flac")[0]
    image = dnsmos.mel_image(female)
    assert image.shape == (400, 120)
    assert image[np.ix_(FRAMES, BANDS)] == pytest.approx(np.array(MEL_IMAGE), abs=1e-5)


def test_no_clean_file_is_needed_and_channels_are_averaged(signals):
    stereo = np.stack([signals["female, 2.5 s"], signals["noisy, 2.5 s"]], axis=1)
    scores = measures.score(stereo, None, RATE, measures.DNSMOS)
    expected = np.mean([REFERENCE["female, 2.5 s"], REFERENCE["noisy, 2.5 s"]], axis=0)
    assert list(scores.values) == ["dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "dnsmos_p808"]
    assert list(scores.values.values()) == pytest.approx(expected, abs=1e-3)


def test_what_cannot_be_rated_is_refused_in_words():
    for nothing in (np.zeros(0), np.full(RATE, np.nan), np.zeros((RATE, 2))):
        with pytest.raises(ValueError, match="one channel of finite samples"):
            dnsmos.dnsmos(nothing)


def test_without_the_package_the_command_that_brings_it_is_named(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "speechmos" else real(name))
    with pytest.raises(ModelError, match="speechmos") as caught:
        dnsmos.dnsmos(np.zeros(RATE))
    assert caught.value.hint == "pip install 'enhancer[dnsmos]'"
