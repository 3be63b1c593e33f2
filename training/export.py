"""A trained network as the ONNX file that the product runs: the graph written node by node, metadata beside it.

At one frame a call the runtime spends 2-5 us an operator, so the graph is built by hand with as few as the network
needs, rather than traced: no shape arithmetic but two small nodes, no transposes. A test holds it equal to torch.
"""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from enhancer.errors import UserError
from enhancer.features import HIGH_BANDS, HIGH_INPUTS, NETWORK_BINS, high_band_centres_hz
from training.fingerprint import weights_sha256
from training.networks import KERNEL, POSITIONS, PRESENCE_POWER, STRIDE, BandRecurrentNet

FORMAT = 1
OPSET = 17


class _Graph:
    """Collects nodes and weights under readable names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, value: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str | list[str], **attributes: Any) -> str:
        outputs = [output] if isinstance(output, str) else output
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], **attributes))
        return outputs[0]

    def reshape(self, x: str, shape: list[int], output: str) -> str:
        return self.add("Reshape", [x, self.weight(f"{output}_shape", np.array(shape, np.int64))], output)


def build_graph(network: BandRecurrentNet) -> onnx.ModelProto:
    """The network as an ONNX model (inputs and outputs in docs/model.md), T frames and B channels left open.

    Raises UserError for a bidirectional network, which cannot stream.
    """
    if network.config.bidirectional:
        raise UserError("a bidirectional network cannot stream", "export a student, not a teacher")
    c, d = network.config.channels, network.config.trunk
    pad = (KERNEL - STRIDE) // 2
    w = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    g = _Graph()
    for name, value in w.items():
        if not name.startswith(("trunk.", "high_to_trunk", "magnitude_to_trunk", "to_frame")):
            g.weight(name, value)

    def conv(layer: str, x: str, output: str, kind: str = "Conv", **attributes: Any) -> str:
        return g.add(kind, [x, f"{layer}.weight", f"{layer}.bias"], output, **attributes)

    magnitude = g.add("ReduceL2", ["core"], "magnitude", axes=[2], keepdims=1)
    seen = g.add("Concat", ["core", magnitude], "seen", axis=2)
    frames = g.reshape(seen, [-1, 3, NETWORK_BINS], "frames")
    embedded = conv("embed", frames, "embed", strides=[STRIDE], pads=[pad, pad])
    embedded = g.add("Relu", [embedded], "embed_relu")
    embedded = g.add("Relu", [conv("refine", embedded, "refine", pads=[1, 1])], "refine_relu")

    # T and B, for putting frames back into their order.
    size = g.add("Shape", ["core"], "size", end=2)
    trunk_shape = g.add("Concat", [size, g.weight("trunk_width", np.array([d], np.int64))], "trunk_shape", axis=0)

    x = g.add("Flatten", [embedded], "embedded_flat")
    x = g.add("Gemm", [x, "to_trunk.weight", "to_trunk.bias"], "to_trunk", transB=1)
    above = g.reshape("high", [-1, HIGH_INPUTS], "high_flat")
    x = g.add("Gemm", [above, g.weight("high_to_trunk", w["high_to_trunk.weight"].T), x], "both_bands")
    bins = g.reshape(magnitude, [-1, NETWORK_BINS], "bins")
    x = g.add("Gemm", [bins, g.weight("magnitude_to_trunk", w["magnitude_to_trunk.weight"].T), x], "trunk_sum")
    x = g.add("Reshape", [g.add("Relu", [x], "trunk_relu"), trunk_shape], "trunk_in")
    for block in range(network.config.blocks):
        x = _lstm(g, w, block, x)

    said = g.add("MatMul", [x, g.weight("to_frame", w["to_frame.weight"].T)], "to_frame_product")
    said = g.add(
        "Sigmoid", [g.add("Add", [said, g.weight("to_frame_bias", w["to_frame.bias"])], "to_frame_sum")], "said"
    )
    parts = g.weight("said_parts", np.array([HIGH_BANDS, 1], np.int64))
    g.add("Split", [said, parts], ["band_gains", "presence_column"], axis=2)
    power = g.weight("presence_power", np.array(PRESENCE_POWER, np.float32))
    g.add("Mul", ["band_gains", g.add("Pow", ["presence_column", power], "opening")], "high_gain")
    g.add("Squeeze", ["presence_column", g.weight("last_axis", np.array([2], np.int64))], "presence")

    x = g.reshape(x, [-1, d], "trunk_out")
    x = g.add("Gemm", [x, "from_trunk.weight", "from_trunk.bias"], "from_trunk", transB=1)
    x = g.add("Add", [g.reshape(x, [-1, c, POSITIONS], "decoded"), embedded], "decoded_sum")
    x = conv("merge", g.add("Relu", [x], "decoded_relu"), "merge", pads=[1, 1])
    x = g.add("Relu", [x], "merge_relu")
    x = conv("to_mask", x, "to_mask", "ConvTranspose", strides=[STRIDE], pads=[pad, pad])
    g.add("Reshape", [x, g.add("Shape", ["core"], "core_shape")], "mask")

    def tensor(name: str, *shape: str | int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    states = [f"state_{i}" for i in range(2 * network.config.blocks)]
    graph = helper.make_graph(
        g.nodes,
        "enhancer",
        [tensor("core", "T", "B", 2, NETWORK_BINS), tensor("high", "T", "B", HIGH_INPUTS)]
        + [tensor(s, 1, "B", d) for s in states],
        [
            tensor("mask", "T", "B", 2, NETWORK_BINS),
            tensor("high_gain", "T", "B", HIGH_BANDS),
            tensor("presence", "T", "B"),
        ]
        + [tensor(f"{s}_out", 1, "B", d) for s in states],
        g.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="enhancer")
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model


def _lstm(g: _Graph, w: dict[str, np.ndarray], block: int, x: str) -> str:
    """One LSTM layer with its residual."""

    def gates(name: str) -> np.ndarray:
        i, f, cell, o = np.split(w[f"trunk.blocks.{block}.{name}_l0"], 4)  # torch's order
        return np.concatenate([i, o, f, cell])[None]  # ONNX's order, one direction

    prefix, hidden, cell = f"block_{block}", f"state_{2 * block}", f"state_{2 * block + 1}"
    inputs = [
        x,
        g.weight(f"{prefix}_w", gates("weight_ih")),
        g.weight(f"{prefix}_r", gates("weight_hh")),
        g.weight(f"{prefix}_b", np.concatenate([gates("bias_ih"), gates("bias_hh")], axis=1)),
        "",
        hidden,
        cell,
    ]
    width = w[f"trunk.blocks.{block}.weight_hh_l0"].shape[1]
    y = g.add("LSTM", inputs, [f"{prefix}_lstm", f"{hidden}_out", f"{cell}_out"], hidden_size=width)
    y = g.add("Squeeze", [y, g.weight(f"{prefix}_direction", np.array([1], np.int64))], f"{prefix}_y")
    return g.add("Add", [x, y], f"{prefix}_out")


def metadata(network: BandRecurrentNet, model: onnx.ModelProto, name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """What the product must know of the model; `facts` (training, scores, git_revision ...) are added as they are."""
    width = network.config.trunk
    return {
        "format": FORMAT,
        "name": name,
        "sample_rates": [16_000, 48_000],
        "hop_ms": 10,
        "latency_ms": 20,
        "core_bins": NETWORK_BINS,
        "high_bands": HIGH_BANDS,
        "high_band_centres_hz": [round(float(f)) for f in high_band_centres_hz()],
        "window": {"analysis_ms": 32, "rise_ms": 22, "fall_ms": 10, "synthesis_ms": 20},
        "state": [{"name": f"state_{i}", "width": width} for i in range(2 * network.config.blocks)],
        "parameters": network.parameter_count(),
        "macs_per_second": network.macs_per_second(),
        "licence": "Apache-2.0",
        "created": datetime.date.today().isoformat(),
        "weights_sha256": weights_sha256(model),
    } | facts


def export(network: BandRecurrentNet, path: Path, name: str, facts: dict[str, Any]) -> onnx.ModelProto:
    """Writes the model with its metadata to `path`, whole or not at all. Raises UserError when it cannot be written."""
    model = build_graph(network)
    helper.set_model_props(model, {"enhancer": json.dumps(metadata(network, model, name, facts), ensure_ascii=False)})
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, temporary)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"cannot write {path}: {error.strerror}") from None
    return model
