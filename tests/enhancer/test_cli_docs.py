"""Every command in docs/cli.md runs as written."""

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from enhancer.cli.app import LazyCommand, app

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"^```console\n(.*?)^```", PAGE, flags=re.S | re.M) for line in block.splitlines()
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory, build_model, speech_like) -> Path:
    """A folder with the files that the page talks about, and `enhancer` on the path."""
    folder = tmp_path_factory.mktemp("desk")
    sound = speech_like(16_000, 1.0)
    for name in ("talk.wav", "cut-off.wav", "recordings/monday.wav", "recordings/june/tuesday.flac"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, sound, 16_000)
    os.truncate(folder / "cut-off.wav", 20_000)
    (folder / "talk.raw").write_bytes((sound * 32767).astype("<i2").tobytes())
    shutil.copy(build_model("pass"), folder / "my-model.onnx")
    command = folder / "bin" / "enhancer"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m enhancer "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return folder


def write_video(path: Path, sound) -> None:
    av = pytest.importorskip("av", reason="PyAV (extra video) is not installed")
    import numpy as np

    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=25, width=64, height=48, pix_fmt="yuv420p")
        voice = container.add_stream("aac", rate=16_000, layout="mono")
        for _ in range(25):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
        container.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(sound[None], "fltp", "mono")
        frame.sample_rate = 16_000
        container.mux(voice.encode(frame))
        container.mux(voice.encode(None))


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run_as_written(command, desk, speech_like, monkeypatch):
    if "interview.mp4" in command and not (desk / "interview.mp4").exists():
        write_video(desk / "interview.mp4", speech_like(16_000, 1.0))
    if "--overwrite" not in command:  # leave what was written for that example, remove what would be in the way
        for path in desk.glob("*-clean.*"):
            path.unlink()
    if re.search(r"[|>]", command):
        environment = os.environ | {
            "PATH": os.pathsep.join([str(desk / "bin"), os.environ["PATH"]]),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        shell = ["bash", "-o", "pipefail", "-c", command]
        done = subprocess.run(shell, cwd=desk, env=environment, capture_output=True, text=True, timeout=120)
        code, errors = done.returncode, done.stderr
    else:
        monkeypatch.chdir(desk)
        result = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
        code, errors = result.exit_code, result.stderr
    assert code == 0, errors
    assert "error" not in errors
    target = re.search(r"(?:-o|>) '?([\w./-]+)'?$|(?:-o|>) ([\w./-]+)", command)
    name = target and (target[1] or target[2])
    if name and name != "-" and "{" not in command:
        written = desk / name
        assert written.exists()
        assert written.is_dir() or written.stat().st_size > 1000


def test_every_option_is_on_the_page():
    options = [flag for option in LazyCommand(name="denoise")._load().params for flag in option.opts if flag[0] == "-"]
    assert len(options) > 15
    assert [flag for flag in options if not re.search(rf"(?<![\w-]){flag}(?![\w-])", PAGE)] == []
