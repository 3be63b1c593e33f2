"""A student's ONNX file in 8 bits: a quarter of the size, half of the time a frame.

One frame is a walk through all weights with one multiplication for each, so bytes count. Only the matrices of at least
`BIG` numbers are narrowed: they are 95 % of the file, and around a small one the nodes that convert would cost more
than the product.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.onnx_model import ONNXModel

BIG = 1 << 14  # numbers in a weight


def dynamic_int8(source: Path, target: Path, operators: Sequence[str], *, seven_bits: bool = False) -> None:
    """8-bit weights and, scaled anew at every call, 8-bit inputs for these of LSTM and MatMul (which a Gemm becomes).

    seven_bits: weights within +-64. x86 processors without VNNI add two products in 16 bits, which saturates beyond
    (255 * 64 * 2 fits); with it, and on ARM, 8 bits are safe.
    """
    save_with_products(source, target)
    with quietly():
        quantize_dynamic(
            target, target, op_types_to_quantize=list(operators), nodes_to_quantize=big_nodes(target, operators),
            per_channel=True, weight_type=QuantType.QInt8, reduce_range=seven_bits,
        )  # fmt: skip


def save_with_products(source: Path, target: Path) -> None:
    """Writes the model with every Gemm as MatMul and Add: the only products that ONNX Runtime narrows well."""
    model = ONNXModel(onnx.load(source))
    model.replace_gemm_with_matmul()
    onnx.save(model.model, target)


def big_nodes(path: Path, operators: Sequence[str]) -> list[str]:
    """Names of the nodes of these kinds that are worth narrowing: all convolutions, what has a big weight of others."""
    model = onnx.load(path)
    weights = {weight.name: weight for weight in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type in operators
        and (node.op_type.startswith("Conv") or max(numbers_in(name, weights) for name in node.input) >= BIG)
    ]


def numbers_in(name: str, weights: dict[str, onnx.TensorProto]) -> int:
    """Numbers in a weight; 0 for what is none."""
    return int(np.prod(weights[name].dims)) if name in weights else 0


class quietly:
    """Keeps back the quantiser's advice to pre-process, which these graphs do not need."""

    def __enter__(self) -> None:
        logging.disable(logging.WARNING)

    def __exit__(self, *_: object) -> None:
        logging.disable(logging.NOTSET)
