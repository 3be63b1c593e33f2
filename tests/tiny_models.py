"""Small ONNX files of the model format, built node by node: real models for tests, known in closed form.

Kinds: "pass" changes nothing; "remove" takes everything away; "recurrent" is a GRU with random weights, a network that
remembers; "counting" passes and reports as presence a ten-thousandth of the frames it has seen.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BINS, BANDS = 256, 16
METADATA = {
    "format": 1,
    "name": "tiny",
    "sample_rates": [16_000, 48_000],
    "hop_ms": 10,
    "latency_ms": 20,
    "core_bins": BINS,
    "high_bands": BANDS,
    "parameters": 0,
    "macs_per_second": 0,
    "licence": "Apache-2.0",
    "git_revision": "test",
    "created": "2026-01-01",
    "training": {},
    "scores": {},
}


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))


def _constant_answer(graph: _Graph, real: float, gain: float) -> None:
    """A residual mask of `real` and high gains of `gain`, whatever the input."""
    zero = graph.constant("zero", np.float32(0))
    residual = np.zeros((1, 1, 2, 1), np.float32)
    residual[0, 0, 0] = real
    graph.add("Mul", ["core", zero], ["core_zeros"])
    graph.add("Add", ["core_zeros", graph.constant("residual", residual)], ["mask"])
    sizes = graph.constant("high_split", np.array([BANDS, 1], np.int64))
    graph.add("Mul", ["high", zero], ["high_zeros"])
    graph.add("Split", ["high_zeros", sizes], ["band_zeros", "one_zero"], axis=2)
    graph.add("Add", ["band_zeros", graph.constant("gain", np.float32(gain))], ["high_gain"])
    graph.add("Squeeze", ["one_zero", graph.constant("last", np.array([2], np.int64))], ["frame_zeros"])


def _recurrent_answer(graph: _Graph, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def weights(name: str, *shape: int, gain: float = 1.0) -> str:
        return graph.constant(name, (gain * rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32))

    graph.add("Reshape", ["core", graph.constant("flat", np.array([0, 0, 2 * BINS], np.int64))], ["core_flat"])
    graph.add("Concat", ["core_flat", "high"], ["heard"], axis=2)
    inputs = ["heard", weights("w", 1, 3 * width, 2 * BINS + 17), weights("r", 1, 3 * width, width)]
    graph.add("GRU", [*inputs, "", "", "state_0"], ["hidden_4d", "state_0_out"], hidden_size=width)
    graph.add("Squeeze", ["hidden_4d", graph.constant("direction", np.array([1], np.int64))], ["hidden"])
    graph.add("MatMul", ["hidden", weights("out", width, 2 * BINS + BANDS + 1, gain=10.0)], ["answer"])
    sizes = graph.constant("sizes", np.array([2 * BINS, BANDS, 1], np.int64))
    graph.add("Split", ["answer", sizes], ["mask_flat", "bands", "presence_3d"], axis=2)
    graph.add("Reshape", ["mask_flat", graph.constant("shape", np.array([0, 0, 2, BINS], np.int64))], ["mask"])
    graph.add("Sigmoid", ["bands"], ["high_gain"])
    graph.add("Sigmoid", ["presence_3d"], ["probability"])
    graph.add("Squeeze", ["probability", graph.constant("last", np.array([2], np.int64))], ["presence"])


def build(
    path: Path,
    kind: str = "pass",
    *,
    width: int = 48,
    seed: int = 0,
    metadata: dict[str, Any] | str | None = None,
    drop_output: str | None = None,
    drop_input: str | None = None,
    frames: int | str = "T",
) -> Path:
    """Writes the model to `path` and returns that.

    `metadata` replaces entries of the description (a string: the whole of it; "" leaves it out); `drop_...` leave a
    tensor out of the graph's interface, `frames` fixes its time axis: for models that have to be refused.
    """
    graph = _Graph()
    width = width if kind == "recurrent" else 1
    if kind == "recurrent":
        _recurrent_answer(graph, width, seed)
    else:
        _constant_answer(graph, *((-1.0, 0.0) if kind == "remove" else (0.0, 1.0)))
        if kind == "counting":
            graph.add("Add", ["frame_zeros", graph.constant("tick", np.float32(1e-4))], ["ticks"])
            graph.add("CumSum", ["ticks", graph.constant("time", np.int64(0))], ["counted"])
            graph.add("Squeeze", ["state_0", graph.constant("ends", np.array([2], np.int64))], ["before"])
            graph.add("Add", ["counted", "before"], ["presence"])
            graph.add("ReduceSum", ["ticks", graph.constant("over_time", np.array([0], np.int64))], ["more"])
            graph.add("Unsqueeze", ["more", "ends"], ["more_3d"])
            graph.add("Add", ["state_0", "more_3d"], ["state_0_out"])
        else:
            graph.add("Add", ["frame_zeros", graph.constant("half", np.float32(0.5))], ["presence"])
            graph.add("Identity", ["state_0"], ["state_0_out"])

    shapes: dict[str, list[int | str]] = {"core": [frames, "B", 2, BINS], "high": [frames, "B", BANDS + 1]}
    shapes["state_0"] = shapes["state_0_out"] = [1, "B", width]
    shapes |= {"mask": [frames, "B", 2, BINS], "high_gain": [frames, "B", BANDS], "presence": [frames, "B"]}

    def tensors(names: list[str], without: str | None) -> list[Any]:
        kept = [name for name in names if name != without]
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in kept]

    inputs, outputs = ["core", "high", "state_0"], ["mask", "high_gain", "presence", "state_0_out"]
    if drop_input:
        graph.constants.append(numpy_helper.from_array(np.zeros((1, 1, width), np.float32), drop_input))
    body = helper.make_graph(
        graph.nodes, "tiny", tensors(inputs, drop_input), tensors(outputs, drop_output), graph.constants
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if metadata != "":
        facts = {**METADATA, "state": [{"name": "state_0", "width": width}]}
        text = metadata if isinstance(metadata, str) else json.dumps({**facts, **(metadata or {})})
        helper.set_model_props(model, {"enhancer": text})
    onnx.save(model, path)
    return path
