"""What is installed is complete and light: the wheel carries the model, the runtime needs no torch."""

import subprocess
import sys
import tomllib
import zipfile

import pytest

import enhancer
from benchmarks.clips import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    assert wheel.stat().st_size < 5e6
    return zipfile.ZipFile(wheel).namelist()


def test_the_wheel_carries_the_model_and_the_three_packages(wheel_names):
    assert "enhancer/assets/student.onnx" in wheel_names
    assert {"enhancer/__init__.py", "training/__init__.py", "gui/__init__.py"} <= set(wheel_names)
    assert any(name.startswith("training/configs/") for name in wheel_names)


def test_the_wheel_leaves_demo_clips_benchmarks_and_tests_behind(wheel_names):
    assert not [name for name in wheel_names if name.endswith(".flac") or name.startswith(("benchmarks/", "tests/"))]


def test_the_version_is_said_in_one_place(wheel_names):
    assert any(name.startswith(f"enhancer-{enhancer.__version__}.dist-info/") for name in wheel_names)


def test_the_runtime_is_small_and_torch_free():
    names = {name.split(">")[0] for name in PROJECT["dependencies"]}
    assert names == {"numpy", "soxr", "soundfile", "onnxruntime", "typer", "rich", "platformdirs"}


def test_the_extra_all_leaves_out_peers_and_training():
    (everything,) = PROJECT["optional-dependencies"]["all"]
    assert not {"peers", "train", "cluster"} & set(everything.removeprefix("enhancer[").rstrip("]").split(","))


def test_importing_and_denoising_loads_no_torch_training_or_gui():
    code = """
import sys, numpy as np, enhancer
assert "onnxruntime" not in sys.modules
enhancer.denoise(np.zeros(1600, np.float32), 16000)
print(sorted({"torch", "training", "gui", "scipy", "pesq", "av", "matplotlib"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_all_three_packages_import():
    for name in ("enhancer", "training", "gui"):
        subprocess.run([sys.executable, "-c", f"import {name}"], cwd=ROOT, check=True)
