"""ONNX graphs of others, run on one thread as everything here is."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from enhancer.errors import ModelError

if TYPE_CHECKING:
    import onnxruntime


def session(graph: bytes, what: str) -> onnxruntime.InferenceSession:
    """A session for a serialised graph. Raises ModelError, naming `what`, when it cannot be run."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class but Exception
        raise ModelError(f"{what} cannot be run: {error}") from error


@lru_cache(maxsize=8)
def session_of(path: Path) -> onnxruntime.InferenceSession:
    """The session of a file, made once a process: it holds no state between calls. Raises ModelError."""
    return session(path.read_bytes(), str(path))
