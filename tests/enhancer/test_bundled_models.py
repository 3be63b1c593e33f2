"""Models that come with the program: found by looking into the assets folder, called by name everywhere."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hatchling.builders.wheel import WheelBuilder
from typer.testing import CliRunner

import enhancer
from enhancer import bundled, paths
from enhancer.cli.app import app
from tests.refusals import assert_refused

ROOT = Path(__file__).parents[2]


@pytest.fixture
def assets(tmp_path, build_model, monkeypatch) -> Path:
    """The assets folder of a build with two models: the standard one passes sound, `light` takes it away."""
    # As in a wheel, where the folder lies inside the package.
    package = tmp_path / "installed" / "enhancer"
    folder = package / "assets"
    folder.mkdir(parents=True)
    shutil.copy(build_model("pass"), folder / "student.onnx")
    shutil.copy(build_model("remove"), folder / "light.onnx")
    monkeypatch.setattr(paths, "__file__", str(package / "paths.py"))
    return folder


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_the_models_of_a_build_are_the_files_in_its_folder(assets):
    assert bundled.bundled_models() == {"standard": assets / "student.onnx", "light": assets / "light.onnx"}


def test_the_checkout_has_the_standard_model():
    assert bundled.bundled_models()["standard"] == ROOT / "assets" / "student.onnx"


@pytest.mark.parametrize(
    ("given", "file"),
    [(None, "student.onnx"), ("standard", "student.onnx"), ("student", "student.onnx"), ("light", "light.onnx")],
)
def test_a_name_means_its_file(assets, given, file):
    assert bundled.model_path(given) == assets / file


def test_a_file_that_is_called_like_a_model_is_reached_by_its_path(assets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("light").touch()
    assert bundled.model_path("light") == assets / "light.onnx"
    assert bundled.model_path("./light") == bundled.model_path(Path("light")) == Path("light")


def test_a_file_without_suffix_needs_no_folder_before_its_name(assets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine").touch()
    assert bundled.model_path("mine") == Path("mine")


@pytest.mark.parametrize("unknown", ["heavy", "light.onnx", "no/such/light"])
def test_what_is_neither_is_refused_with_the_names_that_there_are(assets, tmp_path, monkeypatch, unknown):
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", np.zeros(1600), 16_000)
    for command in (("denoise", "a.wav"), ("model",), ("evaluate", "--clean", ".", "--noisy", ".")):
        assert_refused(run(*command, "--model", unknown), unknown, "standard, light")


def test_a_build_without_a_light_model_says_so(assets):
    (assets / "light.onnx").unlink()
    assert_refused(run("model", "--model", "light"), "no model 'light'", "bundled: standard")


def test_denoise_takes_a_name(assets, tmp_path, speech_like, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sound = speech_like(16_000, 0.5)
    soundfile.write("a.wav", sound, 16_000)
    for model, kept in (("standard", True), ("light", False)):
        assert run("denoise", "a.wav", "-o", f"{model}.wav", "--model", model).exit_code == 0
        power = float(np.square(soundfile.read(f"{model}.wav")[0]).mean())
        assert (power > 0.5 * float(np.square(sound).mean())) is kept


@pytest.mark.slow
def test_evaluate_takes_a_name(assets, tmp_path, speech_like):
    pytest.importorskip("pesq", reason="pesq (extra eval) is not installed")
    pytest.importorskip("pystoi", reason="pystoi (extra eval) is not installed")
    for side in ("clean", "noisy"):
        (tmp_path / side).mkdir()
        soundfile.write(tmp_path / side / "a.wav", speech_like(16_000, 0.5), 16_000)
    sides = ("--clean", str(tmp_path / "clean"), "--noisy", str(tmp_path / "noisy"))
    systems = json.loads(run("evaluate", *sides, "--model", "standard", "--json").stdout)["summary"]["systems"]
    assert systems["enhancer"]["si_sdr"]["mean"] > 40  # the model of this build that passes sound


def test_python_takes_a_name(assets, speech_like):
    sound = speech_like(16_000, 0.5)
    assert np.abs(enhancer.denoise(sound, 16_000, model="light")).max() < 1e-6
    assert enhancer.Student("standard").info.path == assets / "student.onnx"


@pytest.mark.parametrize("arguments", [("light",), ("--model", "light"), ("-m", "light")])
def test_the_card_of_a_named_model(assets, arguments):
    assert json.loads(run("model", *arguments, "--json").stdout)["file"] == str(assets / "light.onnx")


def test_two_models_have_two_cards(assets):
    assert_refused(run("model", "light", "--model", "standard"), "light", "standard")


@pytest.mark.parametrize("words", ["enhancer denoise --model st", "enhancer evaluate -m st", "enhancer model st"])
def test_the_shell_completes_names(words):
    environment = {
        **os.environ, "_ENHANCER_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")),
    }  # fmt: skip
    code = "import sys; sys.argv = ['enhancer']; from enhancer.cli.app import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout.split() == ["standard"]


def test_the_help_lists_the_names():
    help_text = re.sub(r"[\s│]+", " ", run("model", "--help").stdout)
    assert f"A bundled model ({', '.join(bundled.bundled_models())}) or a model file" in help_text


def test_a_wheel_carries_every_model_of_the_folder_and_nothing_else_of_it(tmp_path):
    for name in ("pyproject.toml", "README.md", "LICENSE", "enhancer/version.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("student.onnx", "light.onnx", "student.safetensors", "demo/clips.json", "demo/old.onnx"):
        (tmp_path / "assets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "assets" / name).touch()
    carried = {file.distribution_path for file in WheelBuilder(str(tmp_path)).recurse_included_files()}
    assert carried == {"enhancer/version.py", "enhancer/assets/light.onnx", "enhancer/assets/student.onnx"}
