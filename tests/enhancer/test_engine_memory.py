"""Memory is flat in the length of a stream."""

import sys
from pathlib import Path

import numpy as np
import pytest

from enhancer import Enhancer

STATM = Path("/proc/self/statm")
PAGE_MB = 4096 / 2**20


def resident_mb() -> float:
    return int(STATM.read_text().split()[1]) * PAGE_MB


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("sample_rate", [16_000, 44_100])
def test_an_hour_of_audio_takes_no_more_memory_than_its_first_minutes(pass_model, sample_rate):
    rng = np.random.default_rng(0)
    block = (0.1 * rng.standard_normal(10 * sample_rate)).astype(np.float32)
    stream = Enhancer(sample_rate, model=pass_model)
    minutes = 60 if sample_rate == 16_000 else 5
    for _ in range(6 * 2):
        stream.process(block)
    warm = resident_mb()
    for _ in range(6 * (minutes - 2)):
        stream.process(block)
    assert resident_mb() - warm < 5.0
    assert stream.stats.frames == minutes * 6000
