"""The student network as an ONNX file with explicit state: load, check, describe, step.

The file says itself, in its ONNX metadata, everything that the engine has to know. A file that is not such a model, or
that comes from a newer program, is refused in one clear line before any sound is touched.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.bundled import model_path
from enhancer.errors import ModelError
from enhancer.features import HIGH_BANDS, HIGH_INPUTS, NETWORK_BINS
from enhancer.spectral import HOP_S

FORMAT = 1
METADATA_KEY = "enhancer"
MAX_STATE_WIDTH = 1 << 20  # a million numbers a channel: anything above is a damaged file, not a model

_OURS = "take a model written by `training export`, or leave the option out to use the shipped one"


@dataclass(frozen=True)
class StateTensor:
    """One recurrent state: input `name`, output `name`_out, both float32 [1, channels, width]."""

    name: str
    width: int


@dataclass(frozen=True)
class ModelInfo:
    """What a model file says of itself. `details` is the whole of its metadata, as read."""

    path: Path
    name: str
    state: tuple[StateTensor, ...]
    sample_rates: tuple[int, ...]
    parameters: int | None = None
    macs_per_second: int | None = None
    licence: str = "not stated"
    git_revision: str = "not stated"
    created: str = "not stated"
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict, repr=False)


class Student:
    """A loaded and checked model. It holds no state of a stream, so that any number of streams may share it.

    `model`: a bundled model's name, a path, or None for the standard model. Raises ModelError (one line and a hint) for
    a file that is missing, is no ONNX file, is not a model of this program, or is of a newer format.
    """

    def __init__(self, model: str | Path | None = None) -> None:
        path = model_path(model)
        self.session = _open_session(path)
        self.info = _read_info(path, self.session.get_modelmeta().custom_metadata_map)
        _check_tensors(path, self.session, self.info.state)

    def stream(self, channels: int = 1) -> StudentStream:
        """A stream of its own, `channels` wide, that starts from silence."""
        return StudentStream(self, channels)


class StudentStream:
    """The network's recurrent state for some channels, and the call that advances it.

    One frame a call is the live case: inputs, outputs and both sides of the state are bound once to fixed memory (the
    state swaps sides with every frame), which saves 30 of 215 us against `session.run` with a fed dictionary. More
    frames a call go through `session.run`: there the call itself no longer matters.
    """

    def __init__(self, student: Student, channels: int) -> None:
        self._session = student.session
        self._names = [state.name for state in student.info.state]
        self._output_names = ["mask", "high_gain", "presence", *(f"{name}_out" for name in self._names)]
        shapes = [(1, channels, state.width) for state in student.info.state]
        self._states = [[np.zeros(shape, np.float32) for shape in shapes] for _ in range(2)]
        self._core = np.zeros((1, channels, 2, NETWORK_BINS), np.float32)
        self._high = np.zeros((1, channels, HIGH_INPUTS), np.float32)
        self._mask = np.zeros_like(self._core)
        self._high_gain = np.zeros((1, channels, HIGH_BANDS), np.float32)
        self._presence = np.zeros((1, channels), np.float32)
        self._answer = self._mask, self._high_gain, self._presence
        self._bindings = [self._bind(self._states[0], self._states[1]), self._bind(self._states[1], self._states[0])]
        self._side = 0  # which half of `_states` holds the present

    def _bind(self, before: list[np.ndarray], after: list[np.ndarray]) -> Any:
        binding = self._session.io_binding()
        inputs = [self._core, self._high, *before]
        for name, array in zip(["core", "high", *self._names], inputs, strict=True):
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in zip(self._output_names, [*self._answer, *after], strict=True):
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding

    def reset(self) -> None:
        """Back to the state of a new stream."""
        for state in self._states[self._side]:
            state[:] = 0.0

    @property
    def state(self) -> list[np.ndarray]:
        """The present state tensors, each float32 [1, channels, width]; views."""
        return self._states[self._side]

    def drop_denormals(self) -> None:
        """Sets what has decayed below 1e-30 to zero: numbers below 1e-38 cost a processor a hundred times more.

        Called in digital silence, where states decay undisturbed. ONNX Runtime's own switch for this would also change
        the arithmetic of the caller's thread (measured: numpy then flushes, too), so it is left alone.
        """
        for state in self._states[self._side]:
            state[np.abs(state) < 1e-30] = 0.0

    def step(self, core: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Advances by the frames given and returns the network's answer for them.

        Shapes: core float32 [frames, channels, 2, 256], high float32 [frames, channels, 17]; returns mask float32
        [frames, channels, 2, 256] (the residual: 0 passes sound), high_gain float32 [frames, channels, 16] in 0..1 and
        presence float32 [frames, channels] in 0..1. The arrays may be views that stay valid until the next call.
        """
        if core.shape[0] == 1:
            self._core[...] = core
            self._high[...] = high
            # No run options: checking them costs another 60 us a call (onnxruntime 1.31).
            self._session.run_with_iobinding(self._bindings[self._side])
            self._side ^= 1
            return self._answer
        state = self._states[self._side]
        feed = dict(zip(self._names, state, strict=True), core=core, high=high)
        mask, high_gain, presence, *after = self._session.run(self._output_names, feed)
        for old, new in zip(state, after, strict=True):
            old[...] = new
        return mask, high_gain, presence


def _open_session(path: Path) -> Any:
    """An ONNX Runtime session on one thread, or a ModelError that says why there is none."""
    if not path.is_file():
        raise ModelError(f"model is not a file: {path}", _OURS)
    try:
        with path.open("rb") as file:
            # ONNX files start with the field "ir_version"; so a video given by mistake is not read whole.
            looks_like_onnx = file.read(1) == b"\x08"
    except OSError as error:
        raise ModelError(f"model cannot be read: {path}: {error.strerror}") from error
    if not looks_like_onnx:
        raise ModelError(f"not an ONNX file: {path}", _OURS)

    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Frames are too small to share among threads: waiting for each other costs more than the work.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # what goes wrong is said by the exception, once
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen unrelated types for a damaged file
        raise ModelError(f"not a usable ONNX file: {path}: {_first_sentence(error)}", _OURS) from error


def _first_sentence(error: Exception) -> str:
    """The part of an onnxruntime message that a person can read: without its error code, one line, not endless."""
    return str(error).split(" : ")[-1].strip().splitlines()[0][:160]


def _read_info(path: Path, metadata: dict[str, str]) -> ModelInfo:
    """Metadata to ModelInfo; raises ModelError for what is not ours, newer, damaged or of another signal path."""
    if METADATA_KEY not in metadata:
        raise ModelError(f"an ONNX file, but not a model of this program: {path}", _OURS)
    damaged = ModelError(f"the model's description of itself is damaged: {path}", _OURS)
    try:
        facts = json.loads(metadata[METADATA_KEY])
        version = int(facts["format"])
        if version > FORMAT:
            raise ModelError(
                f"model format {version} is newer than this program understands ({FORMAT}): {path}",
                "update with: pip install --upgrade enhancer",
            )
        state = tuple(StateTensor(str(entry["name"]), int(entry["width"])) for entry in facts["state"])
        rates = tuple(int(rate) for rate in facts["sample_rates"])
        hop_ms, bins, bands = (facts.get(key) for key in ("hop_ms", "core_bins", "high_bands"))
        parameters, macs_per_second = (_whole(facts.get(key)) for key in ("parameters", "macs_per_second"))
        training, scores = (dict(facts.get(key) or {}) for key in ("training", "scores"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged from error
    if version < 1 or not all(0 < tensor.width <= MAX_STATE_WIDTH for tensor in state):
        raise damaged
    known = {"hop_ms": (hop_ms, HOP_S * 1000), "core_bins": (bins, NETWORK_BINS), "high_bands": (bands, HIGH_BANDS)}
    for key, (says, wanted) in known.items():
        if says is not None and says != wanted:
            raise ModelError(f"model made for another signal path ({key} {says}, not {wanted:g}): {path}", _OURS)
    if not {16_000, 48_000} <= set(rates):
        raise ModelError(f"model does not serve both grids, 16 and 48 kHz: {path}", _OURS)
    licence, revision, created = (str(facts.get(key) or "not stated") for key in ("licence", "git_revision", "created"))
    return ModelInfo(
        path=path,
        name=str(facts.get("name") or path.stem),
        state=state,
        sample_rates=rates,
        parameters=parameters,
        macs_per_second=macs_per_second,
        licence=licence,
        git_revision=revision,
        created=created,
        training=training,
        scores=scores,
        details=facts,
    )


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _check_tensors(path: Path, session: Any, state: tuple[StateTensor, ...]) -> None:
    """Raises ModelError unless inputs and outputs are those of the format, by name and by fixed sizes."""
    inputs = {"core": (None, None, 2, NETWORK_BINS), "high": (None, None, HIGH_INPUTS)}
    outputs = {"mask": (None, None, 2, NETWORK_BINS), "high_gain": (None, None, HIGH_BANDS), "presence": (None, None)}
    for tensor in state:
        inputs[tensor.name] = outputs[f"{tensor.name}_out"] = (1, None, tensor.width)
    for kind, wanted, present in (
        ("input", inputs, {node.name: node.shape for node in session.get_inputs()}),
        ("output", outputs, {node.name: node.shape for node in session.get_outputs()}),
    ):
        for name, shape in wanted.items():
            if name not in present:
                raise ModelError(f"model lacks the {kind} {name!r}: {path}", _OURS)
            # What the file leaves open (a name or None) may be anything; what is open for us must be open there.
            sizes = [size if isinstance(size, int) else None for size in present[name]]
            fits = len(sizes) == len(shape) and all(
                want == size or (want is not None and size is None) for want, size in zip(shape, sizes, strict=True)
            )
            if not fits:
                raise ModelError(f"model has an {kind} {name!r} of an unknown shape {present[name]}: {path}", _OURS)
        if extra := sorted(set(present) - set(wanted)) if kind == "input" else []:
            raise ModelError(f"model wants an unknown input {extra[0]!r}: {path}", _OURS)
