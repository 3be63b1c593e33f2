"""A student's ONNX file with narrower numbers: each function reads one file and writes another of the same interface.

Only the matrices of at least `BIG` numbers are narrowed: they are 95 % of the file, and around a small one the nodes
that convert would cost more than the product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from training.narrowing import BIG, big_nodes, numbers_in, quietly, save_with_products

NBITS_BLOCK = 32  # of a column of a weight-only matrix share one scale: the finest that ONNX Runtime has


def half_weights(source: Path, target: Path) -> None:
    """Weights as float16, each behind a Cast that the runtime folds at loading: half the file, the same arithmetic."""
    model = onnx.load(source)
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type == TensorProto.FLOAT:
            stored = f"{weight.name}_half"
            casts.append(helper.make_node("Cast", [stored], [weight.name], name=stored, to=TensorProto.FLOAT))
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), stored))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    onnx.save(model, target)


def static_int8(source: Path, target: Path, heard: Sequence[dict[str, np.ndarray]], operators: Sequence[str]) -> None:
    """8-bit weights and inputs, scaled once by what was heard, for these of Conv, ConvTranspose and MatMul.

    heard: what the model is fed, input by input, of training mixtures. Outputs are narrowed, too: a MatMul that gives
    floats is fused with the Add after it before the runtime looks for 8-bit products, and runs six times slower.
    """
    save_with_products(source, target)
    with quietly():
        quantize_static(
            target, target, _Heard(heard), quant_format=QuantFormat.QDQ, op_types_to_quantize=list(operators),
            nodes_to_quantize=big_nodes(target, operators), per_channel=True, activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax,
        )  # fmt: skip


def weight_only_int8(source: Path, target: Path) -> None:
    """8-bit matrices with a scale for every 32 numbers (MatMulNBits); the LSTM layers have no such form."""
    save_with_products(source, target)
    model = onnx.load(target)
    weights = {weight.name: weight for weight in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "MatMul" and numbers_in(node.input[1], weights) >= BIG:
            matrix = weights.pop(node.input[1])
            model.graph.initializer.remove(matrix)
            _narrow_product(model, node, numpy_helper.to_array(matrix))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, target)


def _narrow_product(model: onnx.ModelProto, node: onnx.NodeProto, matrix: np.ndarray) -> None:
    """Makes `node`, a product with `matrix` [K, N], a MatMulNBits."""
    inner, outer = matrix.shape
    blocks = -(-inner // NBITS_BLOCK)
    padded = np.zeros((outer, blocks * NBITS_BLOCK), np.float32)
    padded[:, :inner] = matrix.T
    padded = padded.reshape(outer, blocks, NBITS_BLOCK)
    scale = np.maximum(np.abs(padded).max(axis=2), 1e-12) / 127.0
    stored = (np.round(padded / scale[..., None]) + 128.0).astype(np.uint8)  # 128 is the operator's own zero point
    names = f"{node.name}_narrow", f"{node.name}_scale"
    for name, value in zip(names, (stored, scale.astype(np.float32).reshape(-1)), strict=True):
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    sizes = {"K": inner, "N": outer, "bits": 8, "block_size": NBITS_BLOCK, "accuracy_level": 4}  # 4: 8-bit products
    narrow = helper.make_node(
        "MatMulNBits", [node.input[0], *names], list(node.output), name=node.name, domain="com.microsoft", **sizes
    )
    node.CopyFrom(narrow)


class _Heard(CalibrationDataReader):
    """What ONNX Runtime asks for its calibration inputs."""

    def __init__(self, feeds: Sequence[dict[str, np.ndarray]]) -> None:
        self._feeds: Iterator[dict[str, np.ndarray]] = iter(feeds)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)
