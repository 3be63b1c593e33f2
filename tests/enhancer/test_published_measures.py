"""Measures against published figures, and against their definitions written out plainly, frame by frame."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from enhancer.evaluation import metrics, segmental

DATA = Path(__file__).parent.parent / "data"
RATE = 16_000


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return soundfile.read(DATA / "speech_16k_male.flac")[0]


@pytest.fixture(scope="module")
def noisy(clean) -> np.ndarray:
    return clean + 0.03 * np.random.default_rng(4).standard_normal(clean.size)


def test_si_sdr_of_the_published_example():
    """torchmetrics' documentation of scale_invariant_signal_distortion_ratio gives 18.4030 dB."""
    assert metrics.si_sdr(np.array([2.5, 0.0, 2.0, 8.0]), np.array([3.0, -0.5, 2.0, 7.0])) == pytest.approx(
        18.4030, abs=5e-5
    )


@pytest.mark.parametrize(
    ("score", "rate", "published"),
    [(metrics.pesq_nb, 8000, 2.2076), (metrics.pesq_wb, 16_000, 1.7359), (metrics.stoi, 8000, -0.0100)],
)
def test_pesq_and_stoi_are_those_of_the_published_examples(score, rate, published):
    """torchmetrics documents these, of two draws of torch.randn(8000) after manual_seed(1)."""
    generator = np.random.RandomState(1)
    preds, target = torch_randn(generator, 8000), torch_randn(generator, 8000)
    assert score(preds, target, rate) == pytest.approx(published, abs=5e-5)


def torch_randn(generator: np.random.RandomState, count: int) -> np.ndarray:
    """What torch draws on a CPU from the same Mersenne twister: Box and Muller's transform in blocks of 16."""
    uniform = (generator.randint(0, 1 << 32, count, np.uint32) & 0xFFFFFF).reshape(-1, 2, 8) / float(1 << 24)
    radius, angle = np.sqrt(-2 * np.log(1 - uniform[:, 0])), 2 * np.pi * uniform[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel().astype(np.float32)


@pytest.mark.parametrize(
    ("score", "steepness", "offset"), [(metrics.pesq_nb, 1.4945, 4.6607), (metrics.pesq_wb, 1.3669, 3.8224)]
)
def test_an_undisturbed_signal_scores_what_the_standards_map_the_highest_raw_pesq_to(score, steepness, offset, clean):
    """A raw score of 4.5 through the mapping of ITU-T P.862.1 (narrow band) or P.862.2 (wide band)."""
    highest = 0.999 + 4 / (1 + np.exp(-steepness * 4.5 + offset))
    assert score(clean, clean, RATE) == pytest.approx(highest, abs=1e-3)


@pytest.mark.parametrize(("score", "extended"), [(metrics.stoi, False), (metrics.estoi, True)])
def test_intelligibility_is_as_its_papers_define_it(score, extended, clean, noisy):
    """At 10 kHz, the papers' own rate (the sound is only played slower), so that no resampler plays a part."""
    for estimate in (noisy, 0.2 * clean + 0.8 * noisy):
        assert score(estimate, clean, 10_000) == pytest.approx(plain_stoi(estimate, clean, extended), abs=1e-4)


def test_the_log_spectral_distance_is_as_its_formula_says(clean, noisy):
    window, distances = np.hanning(513)[:-1], []
    starts = range(0, clean.size - 511, 128)
    powers = [[np.abs(np.fft.rfft(x[i : i + 512] * window)) ** 2 for i in starts] for x in (noisy, clean)]
    floor = 1e-8 * np.max(powers[1])
    for found, target in zip(*powers, strict=True):
        difference = 10 * np.log10(np.maximum(target, floor)) - 10 * np.log10(np.maximum(found, floor))
        distances.append(np.sqrt(np.mean(difference**2)))
    assert segmental.log_spectral_distance(noisy, clean, RATE) == pytest.approx(np.mean(distances), rel=1e-9)


def plain_stoi(estimate: np.ndarray, clean: np.ndarray, extended: bool) -> float:
    """Taal et al. 2011 (eq. 1 to 6) and Jensen & Taal 2016 (eq. 3 to 8): frames of 256, third-octave bands."""
    estimate, clean = without_pauses(estimate, clean)
    bands = [
        np.array([third_octaves(x[i : i + 256]) for i in range(0, x.size - 256, 128)]).T for x in (estimate, clean)
    ]
    scores = []
    for end in range(30, bands[0].shape[1] + 1):
        found, target = (x[:, end - 30 : end] for x in bands)
        if extended:
            found, target = (normalised(normalised(x).T).T for x in (found, target))
            scores.append(np.sum(found * target) / 30)
            continue
        scaled = found * np.linalg.norm(target, axis=1, keepdims=True) / np.linalg.norm(found, axis=1, keepdims=True)
        clipped = np.minimum(scaled, target * (1 + 10 ** (15 / 20)))
        scores.append(np.mean(np.sum(normalised(clipped) * normalised(target), axis=1)))
    return float(np.mean(scores))


def normalised(rows: np.ndarray) -> np.ndarray:
    """Each row without its mean, of length one."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    return centred / np.linalg.norm(centred, axis=1, keepdims=True)


def third_octaves(frame: np.ndarray) -> np.ndarray:
    """Magnitudes of a frame in 15 bands from 150 Hz on."""
    powers = np.abs(np.fft.rfft(frame * np.hanning(258)[1:-1], 512)) ** 2
    hertz = np.linspace(0, 10_000, 513)[:257]
    edges = [(150 * 2 ** ((2 * k - 1) / 6), 150 * 2 ** ((2 * k + 1) / 6)) for k in range(15)]
    bins = [[int(np.argmin(np.abs(hertz - edge))) for edge in pair] for pair in edges]
    return np.sqrt([powers[low:high].sum() for low, high in bins])


def without_pauses(estimate: np.ndarray, clean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both without the frames that are 40 dB under the clean signal's loudest, overlapped and added again."""
    window, starts = np.hanning(258)[1:-1], range(0, clean.size - 256, 128)
    levels = np.array([np.linalg.norm(clean[i : i + 256] * window) for i in starts])
    kept = [start for start, level in zip(starts, levels, strict=True) if level > levels.max() / 100]
    joined = np.zeros((2, 128 * (len(kept) - 1) + 256))
    for number, start in enumerate(kept):
        for row, x in enumerate((estimate, clean)):
            joined[row, 128 * number : 128 * number + 256] += x[start : start + 256] * window
    return joined[0], joined[1]
