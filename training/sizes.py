"""What a network costs before it has learnt anything: parameters, multiply-accumulates, ONNX nodes, file size."""

from __future__ import annotations

from dataclasses import dataclass

from training.export import build_graph
from training.networks import BandRecurrentNet, NetworkConfig


@dataclass(frozen=True)
class Sizes:
    """Of one network; `nodes` and `file_bytes` are None for a bidirectional one, which is never exported."""

    parameters: int
    macs_per_second: int  # multiply-accumulates per second of audio
    nodes: int | None  # of the ONNX graph: at one frame a call each costs 2-5 us, however small
    file_bytes: int | None  # of the ONNX file without its model card


def sizes(config: NetworkConfig) -> Sizes:
    """Sizes of a network with this config."""
    network = BandRecurrentNet(config)
    nodes = file_bytes = None
    if not config.bidirectional:
        model = build_graph(network)
        nodes, file_bytes = len(model.graph.node), model.ByteSize()
    return Sizes(network.parameter_count(), network.macs_per_second(), nodes, file_bytes)
