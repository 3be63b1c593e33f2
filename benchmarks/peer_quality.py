"""The demo clips through other systems too, each with its delay removed: a first look, not an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.clips import ROOT, DemoClip, demo_clips
from benchmarks.peers import PEERS
from benchmarks.result_files import write_json
from benchmarks.scores import Scores, mean, score
from benchmarks.tables import as_text, replace_block
from enhancer.evaluation.alignment import align, find_delay

RESULTS = ROOT / "benchmarks" / "results" / "peer_quality.json"
TITLES = {"noisy": "noisy", "enhancer": "enhancer", "deepfilternet3": "DeepFilterNet3", "rnnoise": "RNNoise"}
MAX_DELAY_S = 0.1


def run(*, write: bool) -> None:
    """Prints the mean scores of each system over 16 kHz and 48 kHz clips; with `write` puts them into the docs."""
    import enhancer

    systems: dict[str, Callable[[DemoClip], np.ndarray]] = {
        "noisy": lambda clip: clip.noisy(),
        "enhancer": lambda clip: enhancer.denoise(clip.noisy(), clip.sample_rate),
        **{name: lambda clip, name=name: through_peer(name, clip) for name in PEERS},
    }
    clips = demo_clips()
    scores = {name: {clip.name: score(system(clip), clip) for clip in clips} for name, system in systems.items()}
    table = _table(scores, clips)
    Console(highlight=False).print(table)
    if write:
        facts = {name: {clip: row.rounded() for clip, row in rows.items()} for name, rows in scores.items()}
        write_json(RESULTS, facts)
        replace_block(ROOT / "docs" / "benchmarks.md", "quality table", as_text(table))


def through_peer(name: str, clip: DemoClip) -> np.ndarray:
    """The clip enhanced by a peer, float32 [n, channels]: resampled to its rate and back, its delay removed.

    The delay is measured on the mean of the channels against the noisy clip, which every system resembles.
    """
    import soxr

    noisy = clip.noisy()
    late = np.stack([_stream(name, channel, clip.sample_rate) for channel in noisy.T], axis=1)
    rate = PEERS[name].sample_rate
    reference = soxr.resample(noisy.mean(axis=1), clip.sample_rate, rate, "VHQ")
    delay = find_delay(late.mean(axis=1), reference, round(MAX_DELAY_S * rate))
    aligned = align(late, delay, len(reference))
    back = aligned if rate == clip.sample_rate else soxr.resample(aligned, rate, clip.sample_rate, "VHQ")
    return align(back, 0, len(noisy))


def _stream(name: str, channel: np.ndarray, sample_rate: int) -> np.ndarray:
    import soxr

    peer = PEERS[name]()
    x = channel if sample_rate == peer.sample_rate else soxr.resample(channel, sample_rate, peer.sample_rate, "VHQ")
    tail = round(MAX_DELAY_S * peer.sample_rate)
    length = -(-(len(x) + tail) // peer.hop) * peer.hop
    frames = align(np.asarray(x, np.float32), 0, length).reshape(-1, peer.hop)
    return np.concatenate([peer.process(frame) for frame in frames])


def _table(scores: dict[str, dict[str, Scores]], clips: list[DemoClip]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("mean over")
    table.add_column("system")
    for measure in ("PESQ-WB", "ESTOI", "SI-SDR dB"):
        table.add_column(measure, justify="right")
    for rate in sorted({clip.sample_rate for clip in clips}):
        chosen = [clip.name for clip in clips if clip.sample_rate == rate]
        for name, rows in scores.items():
            row = asdict(mean(rows[clip] for clip in chosen))
            where = f"{len(chosen)} clips at {rate // 1000} kHz" if name == "noisy" else ""
            cells = f"{row['pesq_wb']:.2f}", f"{row['estoi']:.3f}", f"{row['si_sdr']:.1f}"
            table.add_row(where, TITLES[name], *cells)
    return table
