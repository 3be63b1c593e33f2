"""What ties a model card to its weights: a hash that can be taken again from the file itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
from onnx import TensorProto, numpy_helper


def weights_sha256(model: onnx.ModelProto) -> str:
    """SHA-256 of an ONNX model's weights: name, type, shape and little-endian values of its initialisers, by name.

    64-bit integers do not count: they are the graph's shapes and axes.
    """
    digest = hashlib.sha256()
    for tensor in sorted(model.graph.initializer, key=lambda tensor: tensor.name):
        if tensor.data_type == TensorProto.INT64:
            continue
        value = numpy_helper.to_array(tensor)
        value = value.astype(value.dtype.newbyteorder("<"))
        digest.update(f"{tensor.name} {value.dtype.name} {value.shape}".encode() + value.tobytes())
    return digest.hexdigest()


def signal_path_sha256() -> str:
    """SHA-256 of the code that a student's sound goes through before and after the network."""
    from enhancer import engine, features, limiter, model, resampling, spectral

    digest = hashlib.sha256()
    for module in (engine, features, limiter, model, resampling, spectral):
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()


def computation_sha256(path: Path) -> str:
    """SHA-256 of all of an ONNX file but its metadata: what its output depends on. A card may change without it."""
    model = onnx.load(path)
    del model.metadata_props[:]
    return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
