"""`enhancer denoise` as a user meets it: what becomes of files, folders, globs and pipes, what is said, how it ends."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from enhancer.cli.app import app

RATE = 16_000


@pytest.fixture(scope="module")
def model(build_model) -> str:
    """A model that changes nothing, so that what was read can be compared with what was written."""
    return str(build_model("pass"))


@pytest.fixture
def cli(model, tmp_path, monkeypatch):
    """Runs `enhancer denoise ARGUMENTS` in the test's folder: cli("in.wav", ...) -> result with both outputs."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, piped: bytes | None = None):
        command = ["denoise", *arguments, "--model", model]
        return CliRunner().invoke(app, command, input=piped, catch_exceptions=False)

    return run


@pytest.fixture
def noisy(tmp_path, speech_like):
    """Writes files of half a second: noisy("a.wav", "folder/b.flac")."""

    def write(*names: str, seconds: float = 0.5) -> None:
        for seed, name in enumerate(names):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, speech_like(RATE, seconds, seed=seed), RATE)

    return write


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_without_an_output_the_clean_file_lies_beside_the_noisy_one(cli, noisy, tmp_path):
    noisy("talk.wav")
    result = cli("talk.wav")
    assert result.exit_code == 0
    assert files_in(tmp_path) == ["talk-clean.wav", "talk.wav"]
    assert result.stdout.startswith("talk.wav -> talk-clean.wav  0.5 s of sound in ")
    assert result.stderr == ""


def test_a_folder_is_cleaned_into_a_folder_of_the_same_names(cli, noisy, tmp_path):
    noisy("in/a.wav", "in/b.flac", "in/deep/c.ogg", "in/notes.txt.wav")
    (tmp_path / "in/readme.txt").write_text("no sound")
    assert cli("in", "-o", "out").exit_code == 0
    assert files_in(tmp_path / "out") == ["a.wav", "b.flac", "notes.txt.wav"]


def test_recursive_keeps_the_structure(cli, noisy, tmp_path):
    noisy("in/a.wav", "in/deep/a.wav", "in/deep/er/b.flac", "in/.hidden/c.wav")
    assert cli("in", "-r", "-o", "out/new").exit_code == 0
    assert files_in(tmp_path / "out/new") == ["a.wav", "deep/a.wav", "deep/er/b.flac"]


def test_several_folders_stay_apart(cli, noisy, tmp_path):
    noisy("one/a.wav", "two/a.wav")
    assert cli("one", "two", "-o", "out").exit_code == 0
    assert files_in(tmp_path / "out") == ["one/a.wav", "two/a.wav"]


def test_globs_in_quotes_are_expanded(cli, noisy, tmp_path):
    noisy("a1.wav", "a2.wav", "b.wav", "deep/a3.wav")
    assert cli("a*.wav", "-o", "out/").exit_code == 0
    assert files_in(tmp_path / "out") == ["a1.wav", "a2.wav"]
    assert cli("**/a*.wav", "-o", "{dir}/x-{name}").exit_code == 0
    assert (tmp_path / "deep/x-a3.wav").exists()


def test_a_name_with_brackets_is_a_name_when_it_exists(cli, noisy, tmp_path):
    noisy("take[1].wav")
    assert cli("take[1].wav").exit_code == 0
    assert (tmp_path / "take[1]-clean.wav").exists()


def test_a_pattern_names_the_outputs_and_chooses_the_format(cli, noisy, tmp_path):
    noisy("in/a.wav", "in/b.wav")
    assert cli("in", "-o", "{dir}/../{stem}.clean.flac").exit_code == 0
    assert files_in(tmp_path) == ["a.clean.flac", "b.clean.flac", "in/a.wav", "in/b.wav"]
    assert soundfile.info(tmp_path / "a.clean.flac").format == "FLAC"


def test_the_attenuation_limit_reaches_the_engine(noisy, tmp_path, build_model, monkeypatch):
    noisy("a.wav")
    monkeypatch.chdir(tmp_path)
    removes_all = str(build_model("remove"))
    for limit in ("6", "20"):
        arguments = ["denoise", "a.wav", "-o", f"{limit}.wav", "--attenuation-limit", limit, "--model", removes_all]
        assert CliRunner().invoke(app, arguments).exit_code == 0
    sound = soundfile.read("a.wav")[0]
    for limit in (6, 20):
        out = soundfile.read(f"{limit}.wav")[0]
        fell = 20 * np.log10(np.linalg.norm(sound) / np.linalg.norm(out))
        assert fell == pytest.approx(limit, abs=0.3)


def test_a_batch_run_again_does_only_what_is_missing(cli, noisy, tmp_path):
    noisy("in/a.wav", "in/b.wav")
    cli("in", "-o", "out")
    (tmp_path / "out/a.wav").write_bytes(b"mine")
    (tmp_path / "out/b.wav").unlink()
    result = cli("in", "-o", "out")
    assert result.exit_code == 0
    assert "in/a.wav: skipped, out/a.wav exists" in result.stdout
    assert "1 file done, 1 skipped" in result.stdout
    assert (tmp_path / "out/a.wav").read_bytes() == b"mine"
    assert soundfile.info(tmp_path / "out/b.wav").frames == RATE // 2
    assert cli("in", "-o", "out", "--overwrite").exit_code == 0
    assert soundfile.info(tmp_path / "out/a.wav").frames == RATE // 2


def test_outputs_of_an_earlier_run_are_not_taken_for_inputs(cli, noisy, tmp_path):
    noisy("a.wav", "deep/b.wav")
    before = None
    for _ in range(2):
        result = cli(".", "-r")
        assert result.exit_code == 0
        assert before in (None, files_in(tmp_path))
        before = files_in(tmp_path)
    assert before == ["a-clean.wav", "a.wav", "deep/b-clean.wav", "deep/b.wav"]
    assert "2 files left out: outputs of an earlier run" in result.stdout
    assert cli(".", "-r", "-o", "clean").exit_code == 0
    after = files_in(tmp_path)
    assert cli(".", "-r", "-o", "clean").exit_code == 0
    assert files_in(tmp_path) == after


def test_two_processes_write_what_one_writes(cli, noisy, tmp_path):
    noisy("in/a.wav", "in/b.mp3", "in/c.flac")
    one = cli("in", "-o", "one", "--jobs", "1", "--json")
    two = cli("in", "-o", "two", "--jobs", "2", "--json")
    assert (one.exit_code, two.exit_code) == (0, 0)
    for name in ("a.wav", "b.mp3", "c.flac"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    measured = ("seconds", "gain_reduction_db", "sample_rate", "channels", "status")
    files = [[{key: entry[key] for key in measured} for entry in json.loads(r.stdout)["files"]] for r in (one, two)]
    assert files[0] == files[1]


def test_one_bad_file_does_not_stop_the_others(cli, noisy, tmp_path):
    noisy("in/a.wav", "in/z.wav")
    (tmp_path / "in/m.wav").write_text("this is not sound")
    for jobs in ("1", "2"):
        result = cli("in", "missing.wav", "-o", f"out{jobs}", "--jobs", jobs)
        assert result.exit_code == 1
        assert files_in(tmp_path / f"out{jobs}") == ["a.wav", "z.wav"]
        assert "2 files done, 2 failed" in result.stdout
        errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 2
        assert any("m.wav is not audio" in line for line in errors)
        assert "error: missing.wav does not exist" in errors


def test_json_tells_of_every_file_what_became_of_it(cli, noisy, tmp_path):
    noisy("a.wav", seconds=1.0)
    noisy("done.wav", "out/done.wav")
    result = cli("a.wav", "done.wav", "gone.wav", "-o", "out", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["done"], told["skipped"], told["failed"], told["exit_code"]) == (1, 1, 1, 1)
    first, second, third = told["files"]
    assert (first["input"], first["output"], first["status"], first["error"]) == ("a.wav", "out/a.wav", "done", None)
    assert (first["seconds"], first["sample_rate"], first["channels"]) == (1.0, RATE, 1)
    assert first["real_time_factor"] > 0
    assert abs(first["gain_reduction_db"]) < 0.1
    assert second["status"] == "skipped"
    assert (third["status"], third["error"]) == ("failed", "gone.wav does not exist")


def test_json_also_tells_of_wrong_use(cli, noisy):
    noisy("a.wav", "b.wav")
    result = cli("a.wav", "b.wav", "-o", "one.wav", "--json")
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert "is one file, but there are 2 inputs" in told["error"]


def test_quiet_says_nothing_but_errors(cli, noisy):
    noisy("a.wav")
    result = cli("a.wav", "gone.wav", "--quiet", "-o", "out")
    assert result.stdout == ""
    assert result.stderr == "error: gone.wav does not exist\n"


def test_notes_say_what_had_to_differ(cli, tmp_path, speech_like):
    soundfile.write(tmp_path / "a.wav", speech_like(44_100, 0.5), 44_100)
    result = cli("a.wav", "-o", "a.opus")
    assert result.exit_code == 0
    assert "note: Opus has no 44100 Hz: 48000 Hz taken" in result.stdout


def test_the_same_file_named_twice_is_cleaned_once(cli, noisy):
    noisy("a.wav")
    result = cli("a.wav", "./a.wav", ".", "--json", "-o", "out")
    assert [entry["input"] for entry in json.loads(result.stdout)["files"]] == ["a.wav"]


# ---- pipes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample_format", ["PCM_16", "PCM_24", "FLOAT"])
def test_wav_through_pipes(cli, speech_like, sample_format):
    """In this process; test_cli_docs and test_readme have the shell make the pipes."""
    sound = speech_like(RATE, 1.5, channels=2)
    wav = io.BytesIO()
    soundfile.write(wav, sound, RATE, sample_format, format="WAV")
    result = cli("-", "-o", "-", piped=wav.getvalue())
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout_bytes) == 44 + sound.size * {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}[sample_format]
    out = io.BytesIO(result.stdout_bytes)
    info = soundfile.info(out)
    assert (info.subtype, info.samplerate, info.channels, info.frames) == (sample_format, RATE, 2, len(sound))
    out.seek(0)
    assert np.abs(soundfile.read(out)[0] - sound).max() < 1e-4
    assert "standard input -> standard output" in result.stderr


def test_raw_samples_through_pipes_as_they_come(model, speech_like):
    """A live pipe: what went in comes out before the input ends."""
    sound = (speech_like(48_000, 1) * 32767).astype("<i2")
    arguments = ["denoise", "-", "--raw-rate", "48000", "--raw-format", "S16_LE", "--quiet", "--model", model]
    with subprocess.Popen(
        [sys.executable, "-m", "enhancer", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdin.write(sound.tobytes())
        process.stdin.flush()
        first = process.stdout.read(2 * 40_000)  # all but the latency, while the pipe is still open
        process.stdin.close()
        rest = process.stdout.read()
    assert process.returncode == 0
    out = np.frombuffer(first + rest, "<i2")
    assert len(out) == len(sound)
    assert np.abs(out.astype(int) - sound).max() <= 2


def test_other_formats_through_standard_input(cli, noisy, tmp_path):
    noisy("a.flac")
    result = cli("-", "-o", "b.flac", piped=(tmp_path / "a.flac").read_bytes())
    assert result.exit_code == 0, result.stderr
    assert soundfile.info(tmp_path / "b.flac").frames == RATE // 2


def test_a_wav_of_unknown_length_through_standard_input(cli, speech_like, tmp_path):
    sound = speech_like(RATE, 0.5)
    wav = io.BytesIO()
    soundfile.write(wav, sound, RATE, "PCM_16", format="WAV")
    data = bytearray(wav.getvalue())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"  # as ffmpeg and sox write it into a pipe
    result = cli("-", "-o", "a.wav", piped=bytes(data))
    assert result.exit_code == 0, result.stderr
    assert soundfile.info(tmp_path / "a.wav").frames == len(sound)


def test_a_flac_that_was_written_into_a_pipe_is_read_to_its_end(cli, speech_like, tmp_path):
    pytest.importorskip("av", reason="PyAV (extra video) is not installed")
    soundfile.write(tmp_path / "whole.flac", speech_like(16_000, 1.5), 16_000)
    data = bytearray((tmp_path / "whole.flac").read_bytes())
    data[21] &= 0xF0  # the lower half of byte 21 and the four after it: how many samples there are; 0: not known
    data[22:26] = bytes(4)
    (tmp_path / "streamed.flac").write_bytes(data)
    assert cli("streamed.flac", "-o", "clean.flac").exit_code == 0
    assert soundfile.info(tmp_path / "clean.flac").frames == 24_000


def test_a_colon_in_a_name_is_no_protocol(cli, noisy, tmp_path):
    pytest.importorskip("av", reason="PyAV (extra video) is not installed")
    noisy("a.wav")
    assert cli("a.wav", "-o", "a.m4a").exit_code == 0
    (tmp_path / "a.m4a").rename(tmp_path / "10:30.m4a")
    assert cli("10:30.m4a", "-o", "b.wav").exit_code == 0


def test_standard_output_into_a_file_has_a_true_header(noisy, tmp_path, model):
    noisy("a.wav")
    with open(tmp_path / "a.wav", "rb") as source, open(tmp_path / "b.wav", "wb") as target:
        data = bytearray(source.read())
        data[40:44] = b"\xff\xff\xff\xff"
        arguments = [sys.executable, "-m", "enhancer", "denoise", "-", "-o", "-", "--model", model]
        done = subprocess.run(arguments, input=bytes(data), stdout=target, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 0, done.stderr
    header = (tmp_path / "b.wav").read_bytes()[:44]
    assert int.from_bytes(header[40:44], "little") == RATE // 2 * 2


def test_a_reader_that_goes_away_ends_it_in_one_line(model, tmp_path, noisy):
    noisy("a.wav", seconds=20)
    command = f"{sys.executable} -m enhancer denoise a.wav -o - --model {model} | head -c 1000 > /dev/null"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert "Traceback" not in done.stderr
    assert done.stderr == "error: nobody reads standard output any more\n"


# ---- being stopped --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_minutes(tmp_path_factory) -> Path:
    """A file long enough to be stopped in: clicks at 48 kHz, two channels."""
    path = tmp_path_factory.mktemp("long") / "clicks.wav"
    clicks = np.zeros((48_000 * 120, 2), np.int16)
    clicks[::1000] = 3000
    soundfile.write(path, clicks, 48_000)
    return path


@pytest.mark.parametrize(
    ("number", "jobs"), [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGINT, 2), (signal.SIGTERM, 2)]
)
def test_being_stopped_leaves_nothing_half_made(tmp_path, model, two_minutes, number, jobs):
    """The signal comes while temporary files are there; finished outputs stay, unfinished ones vanish."""
    for name in ("a.wav", "b.wav"):
        os.link(two_minutes, tmp_path / name)
    arguments = ["denoise", "a.wav", "b.wav", "-o", "new/out", "--jobs", str(jobs), "--model", model]
    process = subprocess.Popen(
        [sys.executable, "-m", "enhancer", *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    unfinished = lambda: list(tmp_path.glob("new/out/.enhancer-*"))  # noqa: E731
    deadline = time.monotonic() + 60
    while len(unfinished()) < jobs and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(unfinished()) == jobs
    # A terminal sends Ctrl-C to the whole group, `kill` to one process.
    os.killpg(process.pid, number) if number == signal.SIGINT else os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "stopped: unfinished outputs were deleted" in errors
    assert files_in(tmp_path) == ["a.wav", "b.wav"]


def test_a_worker_that_dies_costs_one_file(tmp_path, model, monkeypatch):
    """The kernel kills the worker that has the first file; the second file is done all the same."""
    sound = np.zeros(48_000 * 60, np.int16)
    sound[::1000] = 3000
    for name in ("a.wav", "b.wav", "c.wav"):
        soundfile.write(tmp_path / name, sound, 48_000)
    arguments = ["denoise", "a.wav", "b.wav", "c.wav", "-o", "out", "--jobs", "2", "--model", model, "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "enhancer", *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("out/.enhancer-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [pid for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
    os.kill(int(workers[0]), signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    told = json.loads(output)
    assert process.returncode == 1
    assert (told["done"], told["failed"]) == (2, 1)
    assert files_in(tmp_path / "out") == sorted(Path(e["output"]).name for e in told["files"] if e["status"] == "done")
    assert any("ended (exit code -9)" in (entry["error"] or "") for entry in told["files"])


def test_memory_stays_flat_however_long_the_file(tmp_path, model):
    """Peak memory of 8 minutes is hardly more than that of 1: blocks, not files, are held."""
    peaks = {}
    for minutes in (1, 8):
        path = tmp_path / f"{minutes}.flac"
        second = (0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)
        with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
            for _ in range(60 * minutes):
                file.write(second)
        code = (
            "import sys; from pathlib import Path; from enhancer.cli.app import app\n"
            "try: app(sys.argv[1:])\n"
            "except SystemExit as end: assert not end.code\n"
            # Not ru_maxrss: a child starts with its parent's, and the parent may be a test runner with torch.
            "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
        )
        arguments = ["denoise", str(path), "-o", str(tmp_path / f"{minutes}-out.flac"), "--quiet", "--model", model]
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300)
        peaks[minutes] = int(done.stdout) / 1024
    assert peaks[8] < 250
    assert peaks[8] < peaks[1] + 20
