"""What a user can get wrong ends in one clear line and the right exit code, and leaves nothing half-written behind."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from enhancer.cli.app import app
from tests.refusals import assert_refused

RATE = 16_000


@pytest.fixture(scope="module")
def model(build_model) -> str:
    """A model that changes nothing."""
    return str(build_model("pass"))


@pytest.fixture
def cli(model, tmp_path, monkeypatch):
    """Runs `enhancer ARGUMENTS` in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, with_model: bool = True, piped: bytes | None = None):
        chosen = ["--model", model] if with_model else []
        return CliRunner().invoke(app, [*arguments, *chosen], input=piped, catch_exceptions=False)

    return run


@pytest.fixture
def sound(speech_like) -> np.ndarray:
    return speech_like(RATE, 1.0)


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def truncated(path: Path, keep: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def test_a_missing_file(cli, tmp_path):
    assert_refused(cli("denoise", "gone.wav"), "gone.wav does not exist")
    assert files_in(tmp_path) == []


def test_a_folder_without_audio(cli, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").write_text("x")
    assert_refused(cli("denoise", "empty", "-o", "out"), "no audio or video files in empty")
    assert files_in(tmp_path) == ["empty", "empty/notes.txt"]


def test_a_folder_whose_audio_lies_deeper_gets_a_hint(cli, tmp_path, sound):
    (tmp_path / "in/deep").mkdir(parents=True)
    soundfile.write(tmp_path / "in/deep/a.wav", sound, RATE)
    result = cli("denoise", "in", "-o", "out")
    assert_refused(result, "no audio or video files in in")
    assert "--recursive" in result.stderr


def test_a_glob_that_matches_nothing(cli):
    assert_refused(cli("denoise", "*.wav"), "no file matches *.wav")


def test_an_empty_argument_is_no_folder(cli, tmp_path, sound):
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    assert_refused(cli("denoise", ""), "an input has no name")
    assert files_in(tmp_path) == ["a.wav"]


def test_a_name_longer_than_the_disk_takes(cli, tmp_path, sound):
    name = "a" * 250 + ".wav"
    soundfile.write(tmp_path / name, sound, RATE)
    assert_refused(cli("denoise", name), "cannot write", "File name too long")
    assert_refused(cli("denoise", "b" * 300 + ".wav"), "cannot read", "File name too long")
    assert files_in(tmp_path) == [name]


def test_a_link_to_nothing_does_not_stop_the_others(cli, tmp_path, sound):
    (tmp_path / "talks").mkdir()
    for name in ("a.wav", "c.wav"):
        soundfile.write(tmp_path / "talks" / name, sound, RATE)
    (tmp_path / "talks/b.wav").symlink_to("nowhere.wav")
    result = cli("denoise", "talks", "-o", "out")
    assert result.exit_code == 1
    assert "talks/b.wav is a link to nothing" in result.stderr
    assert files_in(tmp_path / "out") == ["a.wav", "c.wav"]


def test_a_folder_that_may_not_be_read_is_named(model, tmp_path, sound):
    (tmp_path / "talks/locked").mkdir(parents=True)
    soundfile.write(tmp_path / "talks/a.wav", sound, RATE)
    (tmp_path / "talks/locked").chmod(0)
    command = [sys.executable, "-m", "enhancer", "denoise", "talks", "-r", "-o", "out", "--model", model]
    if os.geteuid() == 0:  # who may read everything, unless it is taken from him
        if shutil.which("setpriv") is None:
            pytest.skip("no setpriv here, and root may read everything")
        command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    (tmp_path / "talks/locked").chmod(0o755)
    assert done.returncode == 1
    assert "cannot read the folder talks/locked: Permission denied" in done.stderr
    assert files_in(tmp_path / "out") == ["a.wav"]


def test_pipes_by_name_are_neither_read_nor_replaced(cli, tmp_path, sound):
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    os.mkfifo(tmp_path / "pipe.wav")
    assert_refused(cli("denoise", "pipe.wav", "-o", "b.wav"), "pipe.wav is a pipe or a device")
    assert_refused(cli("denoise", "a.wav", "-o", "pipe.wav", "--overwrite"), "pipe.wav is a pipe or a device")
    assert (tmp_path / "pipe.wav").is_fifo()


@pytest.mark.parametrize("encoding", ["ascii:strict", "utf-8:strict"])
def test_a_name_that_the_terminal_cannot_show_is_no_error(model, tmp_path, sound, encoding):
    for name in (b"a\xff.wav", "\u58f0.wav".encode()):
        soundfile.write(os.fsencode(tmp_path) + b"/" + name, sound, RATE)
    command = [sys.executable, "-m", "enhancer", "denoise", ".", "-o", "out", "--json", "--model", model]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["files"]) == 2


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.flac", "a.mp4", "a"])
def test_an_empty_file(cli, tmp_path, name):
    (tmp_path / name).touch()
    assert_refused(cli("denoise", name, "-o", "out.wav"), f"{name} is empty")
    assert files_in(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.mp4"])
def test_text_that_is_called_sound(cli, tmp_path, name):
    (tmp_path / name).write_text("Dear Sir or Madam,\n" * 100)
    assert_refused(cli("denoise", name, "-o", "out.wav"), name, "not audio")
    assert files_in(tmp_path) == [name]


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "mp3"])
def test_a_file_that_is_cut_off_is_refused_and_can_be_salvaged(cli, tmp_path, sound, suffix):
    name = f"a.{suffix}"
    soundfile.write(tmp_path / name, np.tile(sound, 3), RATE)
    truncated(tmp_path / name, 0.5)
    result = cli("denoise", name)
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.exit_code == 2
    assert len(errors) == 1
    assert "cut off" in errors[0] or "damaged" in errors[0]
    assert "--salvage" in result.stderr
    assert files_in(tmp_path) == [name]
    saved = cli("denoise", name, "--salvage")
    assert saved.exit_code == 0, saved.stderr
    assert "note: " in saved.stdout
    assert 0.8 * RATE < soundfile.info(tmp_path / f"a-clean.{suffix}").frames < 2.2 * RATE


def test_a_piped_file_that_is_damaged_is_called_what_the_user_called_it(cli, tmp_path, sound):
    soundfile.write(tmp_path / "a.flac", np.tile(sound, 3), RATE)
    data = (tmp_path / "a.flac").read_bytes()
    middle = len(data) // 2
    damaged = data[:middle] + bytes(byte ^ 0x5A for byte in data[middle : middle + 500]) + data[middle + 500 :]
    assert_refused(cli("denoise", "-", "-o", "out.wav", piped=damaged), "standard input is damaged after")


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "caf"])
def test_a_file_that_is_cut_off_in_its_header(cli, tmp_path, sound, suffix):
    name = f"a.{suffix}"
    soundfile.write(tmp_path / name, sound, RATE)
    truncated(tmp_path / name, 0.0005)
    assert_refused(cli("denoise", name, "-o", f"out.{suffix}"), name)
    assert files_in(tmp_path) == [name]


def test_no_samples_at_all(cli, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(0, np.float32), RATE)
    assert_refused(cli("denoise", "a.wav"), "a.wav holds no sound (0 samples)")
    assert files_in(tmp_path) == ["a.wav"]


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_a_single_sample_is_a_recording_too(cli, tmp_path, suffix, rate):
    soundfile.write(tmp_path / f"a.{suffix}", np.full(1, 0.25, np.float32), rate)
    frames = soundfile.info(tmp_path / f"a.{suffix}").frames
    result = cli("denoise", f"a.{suffix}")
    assert result.exit_code == 0, result.stderr
    assert soundfile.info(tmp_path / f"a-clean.{suffix}").frames == frames


@pytest.mark.parametrize("sample_format", ["PCM_16", "PCM_24", "FLOAT"])
def test_silence_stays_silence(cli, tmp_path, sample_format):
    soundfile.write(tmp_path / "a.wav", np.zeros((RATE, 2), np.float32), RATE, sample_format)
    assert cli("denoise", "a.wav").exit_code == 0
    out, _ = soundfile.read(tmp_path / "a-clean.wav")
    assert out.shape == (RATE, 2)
    assert not out.any()


def test_nothing_but_nan_is_no_sound(cli, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(RATE, np.nan, np.float32), RATE, "FLOAT")
    assert_refused(cli("denoise", "a.wav"), "holds no sound (all samples are NaN or infinite)")
    assert files_in(tmp_path) == ["a.wav"]


def test_some_nan_become_silence_and_are_counted(cli, tmp_path, sound):
    sound = sound.copy()
    sound[4000:4003] = np.nan
    sound[9000] = np.inf
    soundfile.write(tmp_path / "a.wav", sound, RATE, "FLOAT")
    result = cli("denoise", "a.wav")
    assert result.exit_code == 0
    assert "note: 4 samples were NaN or infinite and became silence" in result.stdout
    out, _ = soundfile.read(tmp_path / "a-clean.wav")
    assert np.isfinite(out).all()
    assert len(out) == RATE


@pytest.mark.parametrize(
    ("rate", "channels", "words"), [(4_000, 1, ("4000",)), (384_000, 1, ("384000",)), (16_000, 9, ("channels",))]
)
def test_sound_that_the_engine_does_not_take(cli, tmp_path, rate, channels, words):
    soundfile.write(tmp_path / "a.wav", np.zeros((1000, channels), np.float32), rate)
    assert_refused(cli("denoise", "a.wav"), *words)
    assert files_in(tmp_path) == ["a.wav"]


def test_an_output_that_exists(cli, tmp_path, sound):
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    (tmp_path / "b.wav").write_bytes(b"mine")
    result = cli("denoise", "a.wav", "-o", "b.wav")
    assert_refused(result, "b.wav exists already")
    assert "--overwrite" in result.stderr
    assert (tmp_path / "b.wav").read_bytes() == b"mine"


@pytest.mark.parametrize("output", ["a.wav", "./a.wav", "link.wav", ".", "{dir}/{name}"])
def test_an_output_that_is_the_input(cli, tmp_path, sound, output):
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    (tmp_path / "link.wav").symlink_to("a.wav")
    before = (tmp_path / "a.wav").read_bytes()
    assert_refused(cli("denoise", "a.wav", "-o", output, "--overwrite"), "would replace the input")
    assert (tmp_path / "a.wav").read_bytes() == before
    assert files_in(tmp_path) == ["a.wav", "link.wav"]


def test_two_inputs_with_one_output(cli, tmp_path, sound):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "a.wav", sound, RATE)
    assert_refused(cli("denoise", "x/a.wav", "y/a.wav", "-o", "out/"), "x/a.wav and y/a.wav would both become")
    assert_refused(cli("denoise", "x/a.wav", "y/a.wav", "-o", "one.wav"), "is one file, but there are 2 inputs")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("pattern", ["{stem", "{what}.wav", "{0}.wav", "{stem.x}.wav"])
def test_a_pattern_with_unknown_fields(cli, tmp_path, sound, pattern):
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    assert_refused(cli("denoise", "a.wav", "-o", pattern), "is no pattern")


@pytest.mark.parametrize("name", ["out", "out.doc"])
def test_an_output_of_unknown_format(cli, tmp_path, sound, name):
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    assert_refused(cli("denoise", "a.wav", "-o", name), "cannot tell a sound format")
    assert files_in(tmp_path) == ["a.wav"]


def test_an_output_in_place_of_a_folder_or_below_a_file(cli, tmp_path, sound):
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    (tmp_path / "dir.wav").mkdir()
    assert_refused(cli("denoise", "a.wav", "-o", "a.wav/b.wav"), "a.wav/b.wav")
    assert_refused(cli("denoise", "a.wav", "a.wav", "-o", "a.wav/"), "a.wav")
    assert files_in(tmp_path) == ["a.wav", "dir.wav"]


@contextlib.contextmanager
def mounted(folder: Path, *options: str):
    """A small file system in memory; skips the test where none can be mounted (not root, a sandbox)."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_folder_without_write_permission(cli, tmp_path, sound):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; see the read-only file system")
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    (tmp_path / "locked").mkdir(mode=0o555)
    assert_refused(cli("denoise", "a.wav", "-o", "locked/b.wav"), "no permission to write locked/b.wav")
    assert files_in(tmp_path) == ["a.wav", "locked"]


@pytest.mark.parametrize("target", ["b.wav", "new/b.wav"])
def test_a_read_only_disk(cli, tmp_path, sound, target):
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    with mounted(tmp_path / "disk", "size=64k", "ro"):
        assert_refused(cli("denoise", "a.wav", "-o", f"disk/{target}"), f"disk/{target} is on a read-only disk")


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "mp4"])
def test_a_full_disk(cli, tmp_path, suffix):
    """A real one: a file system of 256 kB."""
    if suffix == "mp4":
        pytest.importorskip("av", reason="PyAV (extra video) is not installed")
    noise = (0.3 * np.random.default_rng(0).standard_normal((RATE * 20, 2))).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", noise, RATE)
    bitrate = ["--bitrate", "160k"] if suffix in ("mp3", "ogg", "mp4") else []
    with mounted(tmp_path / "disk", "size=256k") as disk:
        assert_refused(
            cli("denoise", "a.wav", "-o", f"disk/new/b.{suffix}", *bitrate), "no space left for", "disk/new/b"
        )
        assert files_in(disk) == []


def test_a_file_larger_than_allowed(tmp_path, model):
    """The same without being root: a limit on the size of files (`ulimit -f`)."""
    noise = (0.3 * np.random.default_rng(0).standard_normal(RATE * 20)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", noise, RATE)
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "from enhancer.cli.app import main; main()"
    )
    command = [sys.executable, "-c", code, "denoise", "a.wav", "-o", "b.wav", "--model", model]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("error: ")
    assert "b.wav" in done.stderr.splitlines()[0]
    assert files_in(tmp_path) == ["a.wav"]


@pytest.mark.parametrize("content", [None, b"", b"not a model", b"\x08\x07"])
def test_a_model_that_is_none(cli, tmp_path, sound, content):
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    if content is not None:
        (tmp_path / "m.onnx").write_bytes(content)
    before = files_in(tmp_path)
    assert_refused(cli("denoise", "a.wav", "--model", "m.onnx", with_model=False), "m.onnx")
    assert_refused(cli("model", "m.onnx", with_model=False), "m.onnx")
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--frobnicate"], "No such option: --frobnicate"),
        (["--attenuation-limit", "-3"], "--attenuation-limit"),
        (["--attenuation-limit", "nan"], "--attenuation-limit"),
        (["--bitrate", "fast"], "'fast' is not a bit rate"),
        (["--jobs", "0"], "--jobs"),
        (["--jobs", "many"], "--jobs"),
        (["--raw-rate", "16000"], "--raw-"),
    ],
)
def test_options_that_make_no_sense(cli, tmp_path, sound, arguments, words):
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    assert_refused(cli("denoise", "a.wav", *arguments), words)
    assert files_in(tmp_path) == ["a.wav"]


def test_no_input_and_an_unknown_command(cli):
    assert_refused(cli("denoise"), "INPUT")
    assert_refused(cli("dneoise", with_model=False), "dneoise")


@pytest.mark.parametrize(
    ("arguments", "data", "words"),
    [
        ([], b"", "standard input is empty"),
        ([], b"Dear Sir or Madam", "standard input is not audio"),
        (["--raw-rate", "16000"], b"", "holds no sound"),
        (["--raw-rate", "16000", "--raw-format", "mp3"], b"1234", "not a raw sample format"),
        (["--raw-channels", "2"], b"1234", "--raw-channels needs --raw-rate"),
        (["a.wav"], b"1234", "cannot be mixed"),
        (["--raw-rate", "500"], b"1234", "500"),
    ],
)
def test_pipes_that_make_no_sense(cli, arguments, data, words):
    result = cli("denoise", "-", *arguments, piped=data)
    assert result.exit_code == 2
    assert len(result.stdout_bytes) <= 44  # at most a header had been passed on
    assert result.stderr.startswith("error: ")
    assert words in result.stderr.splitlines()[0]
    assert "Traceback" not in result.stderr


def test_a_real_pipe_that_makes_no_sense(model):
    command = [sys.executable, "-m", "enhancer", "denoise", "-", "--model", model]
    done = subprocess.run(command, input=b"Dear Sir or Madam", capture_output=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: standard input is not audio")
    assert b"Traceback" not in done.stderr


def test_a_stream_that_is_cut_off_makes_no_file(cli, tmp_path, sound):
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    data = (tmp_path / "a.wav").read_bytes()[:20_000]
    result = cli("denoise", "-", "-o", "b.wav", piped=data)
    assert result.exit_code == 2
    assert "cut off" in result.stderr
    assert files_in(tmp_path) == ["a.wav"]
    assert cli("denoise", "-", "-o", "b.wav", "--salvage", piped=data).exit_code == 0
    assert soundfile.info(tmp_path / "b.wav").frames == (20_000 - 44) // 2
