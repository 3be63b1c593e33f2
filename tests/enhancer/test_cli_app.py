"""The command `enhancer` itself: help, version, completion, `enhancer model`, and what it does not load."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from enhancer.cli.app import COMMANDS, app
from enhancer.version import __version__


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_help_lists_the_commands_that_exist():
    result = run("--help")
    assert result.exit_code == 0
    for name, (_, line) in COMMANDS.items():
        assert name in result.stdout
        assert line in " ".join(result.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_of_its_own(name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"enhancer {name}" in result.stdout
    assert "Examples" in result.stdout


def test_no_arguments_show_the_help():
    result = run()
    assert result.exit_code == 2
    assert "Commands" in result.stdout + result.stderr


def test_version():
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"enhancer {__version__}\n")


@pytest.mark.parametrize("module", ["enhancer", "enhancer.cli"])
def test_python_m_is_the_same_command(module):
    done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"enhancer {__version__}\n"


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom enhancer.cli.app import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'onnxruntime', 'soundfile', 'soxr', 'av', 'torch', 'scipy', 'multiprocessing'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize(
    ("words", "completed"),
    [("enhancer den", "denoise"), ("enhancer denoise --sal", "--salvage"), ("enhancer model --js", "--json")],
)
def test_the_shell_completes_commands_and_options(words, completed):
    environment = {
        **os.environ, "_ENHANCER_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")),
    }  # fmt: skip
    code = "import sys; sys.argv = ['enhancer']; from enhancer.cli.app import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert completed in done.stdout.split()


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_cannot_be_printed_for_want_of_space_is_one_clear_line(unbuffered):
    command = [sys.executable, "-m", "enhancer", "--version"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "PYTHONUNBUFFERED": unbuffered})  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: no space left for what is printed")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="closed by a shell of Unix")
def test_closed_standard_streams_are_no_bug():
    command = f"{sys.executable} -m enhancer denoise - -o /dev/null <&-"
    refused = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: standard input is empty")
    silent = subprocess.run(["sh", "-c", f"{sys.executable} -m enhancer model >&-"], capture_output=True, text=True)
    assert (silent.returncode, silent.stderr) == (0, "")


def test_a_mistyped_command_gets_a_suggestion():
    result = run("denoize")
    assert result.exit_code == 2
    assert "denoise" in result.stderr


def test_model_shows_what_a_model_is(build_model):
    path = str(build_model("pass"))
    result = run("model", path)
    assert result.exit_code == 0
    for fact in ("tiny", "16 kHz, 48 kHz", "20 ms", "Apache-2.0"):
        assert fact in result.stdout
    told = json.loads(run("model", path, "--json").stdout)
    assert told["file"] == path
    assert (told["format"], told["name"], told["latency_ms"]) == (1, "tiny", 20)


def test_model_shows_the_shipped_one_when_none_is_named():
    told = json.loads(run("model", "--json").stdout)
    assert told["file"].endswith("student.onnx")
    assert told["licence"] == "Apache-2.0"
