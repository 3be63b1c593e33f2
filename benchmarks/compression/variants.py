"""The files that are compared: one student in other precisions, and with fewer trunk channels, not trained again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from benchmarks.compression.precision import half_weights, static_int8, weight_only_int8
from enhancer.model import METADATA_KEY
from training.checkpoint import load_checkpoint
from training.evaluate import averaged_network
from training.export import export
from training.initialise import first_weights
from training.narrowing import dynamic_int8
from training.networks import BandRecurrentNet

TRUNKS = (128, 112, 96)  # widths that the trunk is cut down to


@dataclass(frozen=True)
class Variant:
    """A row of the table and its file."""

    name: str
    path: Path


def exported(checkpoint: Path, name: str, folder: Path) -> Variant:
    """A checkpoint's averaged weights as they are. Raises UserError for what is no checkpoint of a student."""
    path = folder / f"{_file_name(name)}.onnx"
    export(averaged_network(load_checkpoint(checkpoint)), path, name, {})
    return Variant(name, path)


def in_other_precisions(full: Path, heard: Sequence[dict[str, np.ndarray]], folder: Path) -> list[Variant]:
    """The file `full` with narrower numbers. heard: what it is fed of training mixtures, to scale by."""
    products, convolutions, layers = ["MatMul"], ["Conv", "ConvTranspose"], ["LSTM"]

    def mixed(source: Path, target: Path) -> None:
        static_int8(source, target, heard, products)
        dynamic_int8(target, target, layers)

    ways: dict[str, Callable[[Path, Path], None]] = {
        "fp16 weights": half_weights,
        "int8 LSTM, dynamic": lambda s, t: dynamic_int8(s, t, layers),
        "int8 products, dynamic": lambda s, t: dynamic_int8(s, t, products),
        "int8 LSTM + products, dynamic": lambda s, t: dynamic_int8(s, t, layers + products),
        "int8 LSTM + products, dynamic, 7-bit weights": lambda s, t: dynamic_int8(
            s, t, layers + products, seven_bits=True
        ),
        "int8 products, static": lambda s, t: static_int8(s, t, heard, products),
        "int8 products + convolutions, static": lambda s, t: static_int8(s, t, heard, products + convolutions),
        "int8 LSTM dynamic, products static": mixed,
        "int8 products, weights only": weight_only_int8,
    }
    made = []
    for name, narrow in ways.items():
        path = folder / f"{_file_name(name)}.onnx"
        narrow(full, path)
        _name(path, name)
        made.append(Variant(name, path))
    return made


def cut_down(checkpoint: Path, folder: Path) -> list[Variant]:
    """The student with the strongest channels of its trunk alone, not trained again; widths that it exceeds."""
    loaded = load_checkpoint(checkpoint)
    large = averaged_network(loaded)
    made = []
    for width in TRUNKS:
        if width < large.config.trunk:
            small = BandRecurrentNet(dataclasses.replace(large.config, trunk=width))
            small.load_state_dict(first_weights(loaded.part("ema"), large.config, small))
            name = f"trunk {width}, not retrained"
            path = folder / f"{_file_name(name)}.onnx"
            export(small, path, name, {})
            made.append(Variant(name, path))
    return made


def _name(path: Path, how: str) -> None:
    """Says in the card what was done to the file."""
    model = onnx.load(path)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    facts = json.loads(properties[METADATA_KEY])
    facts["name"] = f"{facts['name']}, {how}"
    helper.set_model_props(model, properties | {METADATA_KEY: json.dumps(facts, ensure_ascii=False)})
    onnx.save(model, path)


def _file_name(name: str) -> str:
    return name.replace(",", "").replace(" + ", "-").replace(" ", "-")
