"""Every command of the README and every Python example runs as written; its figures are those last measured.

`console` and `python` blocks run in a folder that holds the files they mention. What would take minutes or needs the
network is checked by its parts: `make TARGET` by what the target would run, `pip install` by building the wheel.
"""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import golden
from benchmarks.clips import ROOT, demo_clips
from benchmarks.scores import Scores
from benchmarks.tables import as_text, scores_table
from tests.live.conftest import started
from tests.live.sound_servers import PulseAudioServer, wait_until

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, flags=re.S | re.M)


COMMANDS = [line for block in blocks("console") for line in block.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A folder with the files that the README talks about."""
    import soundfile

    folder = tmp_path_factory.mktemp("desk")
    clip = demo_clips()[0]
    sound = clip.noisy()[: 2 * clip.sample_rate, 0]
    for name in ("noisy.wav", "recordings/monday.wav", "recordings/june/tuesday.flac"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound, clip.sample_rate)
    write_video(folder / "talk.mp4", sound, clip.sample_rate)
    return folder


def write_video(path: Path, sound, sample_rate: int) -> None:
    """Two seconds of a grey picture with `sound` as AAC."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuv420p"
        voice = container.add_stream("aac", rate=sample_rate, layout="mono")
        for _ in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")
            container.mux(picture.encode(frame))
        container.mux(picture.encode())
        samples = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None]), format="fltp", layout="mono")
        samples.sample_rate = sample_rate
        container.mux(voice.encode(samples))
        container.mux(voice.encode())


def run(command: list[str] | str, folder: Path) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shell = ["bash", "-o", "pipefail", "-c", command] if isinstance(command, str) else command
    done = subprocess.run(shell, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout.decode()}\n{done.stderr.decode()}"
    return done


def test_the_readme_opens_with_the_two_commands():
    assert COMMANDS[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_commands_name_real_targets(command):
    planned = run(["make", "--dry-run", "--always-make", command.split()[1]], ROOT).stdout.decode()
    assert "-m benchmarks demo" in planned or "-m pytest" in planned


@pytest.mark.parametrize("command", [c for c in COMMANDS if re.search(r"(^|\| )enhancer (?!live)", c)])
def test_commands_run_as_written_and_leave_what_they_name(command, desk):
    run(command, desk)
    target = re.search(r"-o ([\w./]+)", command) or re.search(r"> ([\w./]+)", command)
    written = desk / target.group(1)
    files = [path for path in written.rglob("*") if path.is_file()] if written.is_dir() else [written]
    assert files
    assert all(path.stat().st_size > 1000 for path in files)


def test_live_makes_a_microphone_until_it_is_interrupted():
    (command,) = [c for c in COMMANDS if c.startswith("enhancer live")]
    server = started(PulseAudioServer)
    try:
        live = server.spawn(str(Path(sys.executable).parent / "enhancer"), *command.split()[1:])
        wait_until(lambda: "enhancer_mic" in server.pactl("list", "short", "sources"), 20.0, "there is a microphone")
        live.send_signal(signal.SIGINT)
        assert live.wait(10) == 130
        assert "enhancer_mic" not in server.pactl("list", "short", "sources")
    finally:
        server.close()


def test_every_command_is_covered():
    kinds = ("make ", "enhancer ", "cat noisy.wav | enhancer ", "pip install ")
    assert [c for c in COMMANDS if not c.startswith(kinds)] == []


@pytest.mark.parametrize("code", [code for page in PAGES for code in blocks("python", page.read_text("utf-8"))])
def test_python_examples_run_as_written(code, desk):
    run([sys.executable, "-c", code], desk)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("pip install ")])
def test_install_commands_name_real_extras(command):
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = re.search(r"\.\[([\w,]+)\]", command)
    assert named is None or set(named.group(1).split(",")) <= set(extras)


def test_the_table_is_that_of_the_golden_scores():
    scores = golden.load()
    rows = [
        (clip, Scores(**scores[clip.name]["noisy"]), Scores(**scores[clip.name]["enhanced"])) for clip in demo_clips()
    ]
    shown = blocks("text")[0].strip()
    expected = as_text(scores_table(rows))
    assert [line.split("→")[0] for line in shown.splitlines()] == [line.split("→")[0] for line in expected.splitlines()]
    figures = [[float(x) for x in re.findall(r"\d+\.\d+", text)] for text in (shown, expected)]
    # The command writes 16-bit files, the golden scores are of floats: the last digit may differ.
    assert figures[0] == pytest.approx(figures[1], abs=0.11)


def test_the_speed_table_is_that_of_the_last_measurement():
    measured = json.loads((ROOT / "benchmarks" / "results" / "speed.json").read_text(encoding="utf-8"))
    shown = blocks("text")[1]
    for row in measured["streaming"].values():
        assert f"{row['p50_ms']:.3f}" in shown
        assert f"{row['cpu_factor']:.4f}" in shown


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_between_pages_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link
