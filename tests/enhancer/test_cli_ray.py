"""`--ray`: the files of `enhancer denoise` and `enhancer evaluate` on a real cluster of two workers on this machine."""

import csv
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
from enhancer.cli.batch import run_batch
from enhancer.cli.interrupts import Stop
from enhancer.cli.on_cluster import Nodes
from enhancer.cli.plan import Job
from enhancer.cluster import Cluster, Lost, Task
from enhancer.file_denoiser import Settings
from enhancer.model import Student
from enhancer.version import __version__
from tests.refusals import assert_refused

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds workers in /proc")
pytest.importorskip("ray", reason="Ray (extra cluster) is not installed")

RATE = 16_000
SPEECH = soundfile.read(Path(__file__).parent.parent / "data" / "speech_16k_female.flac")[0][: 2 * RATE]


@pytest.fixture(scope="module")
def cluster():
    """The address of a cluster with two workers."""
    from ray import cluster_utils

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")
        node = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": 80 << 20}
        cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=node)
        yield cluster.address
        cluster.shutdown()


@pytest.fixture(scope="module")
def model(build_model) -> str:
    """A network that remembers: whatever a worker did differently would be in its output."""
    return str(build_model("recurrent"))


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """Runs `enhancer ARGUMENTS` in the test's folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, arguments, catch_exceptions=False)


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_batch_ends_as_without_a_cluster(cli, cluster, model, tmp_path):
    """The same bytes, the same words for each file, the same exit code; then nothing is left to do."""
    for number in range(4):
        write(tmp_path / f"in/{'deep/' * (number % 2)}{number}.flac", np.roll(SPEECH, 1000 * number))
    (tmp_path / "in/damaged.wav").write_bytes(b"RIFF")
    told = {}
    for out, *how in (("here", "--jobs", "2"), ("there", "--ray", cluster)):
        result = cli("denoise", "in", "-r", "-o", out, "--model", model, "--json", *how)
        assert result.exit_code == 1
        told[out] = json.loads(result.stdout.replace(f'"{out}/', '"out/'))
        for entry in told[out]["files"]:
            del entry["compute_seconds"], entry["real_time_factor"]
    assert len(contents(tmp_path / "here")) == 4
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert told["there"] == told["here"]
    os.remove("in/damaged.wav")
    again = cli("denoise", "in", "-r", "-o", "there", "--model", model, "--ray", cluster, "--json")
    assert (again.exit_code, json.loads(again.stdout)["skipped"]) == (0, 4)


def test_an_evaluation_ends_as_without_a_cluster(cli, cluster, model, tmp_path, monkeypatch):
    """Without an address, RAY_ADDRESS says where; what was scored there is not scored again here."""
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    pytest.importorskip("pesq", reason="pesq (extra eval) is not installed")
    noise = 0.02 * np.random.default_rng(0).standard_normal(SPEECH.size)
    for name in "ab":
        write(tmp_path / f"clean/{name}.wav", SPEECH)
        write(tmp_path / f"noisy/{name}.wav", SPEECH + np.roll(noise, ord(name)))
    write(tmp_path / "noisy/b.wav", SPEECH[:RATE])
    scores = {}
    for name, *how in (("here.csv",), ("there.csv", "--ray")):
        result = cli("evaluate", "--clean", "clean", "--noisy", "noisy", "--model", model, "--csv", name, *how)
        assert (result.exit_code, "b.wav is 1.0000 s long" in result.stderr) == (1, True)
        with open(name, newline="") as file:
            scores[name] = [{key: row[key] for key in row if key != "rtf"} for row in csv.DictReader(file)]
    assert len(scores["here.csv"]) == 2
    assert scores["there.csv"] == scores["here.csv"]
    again = cli("evaluate", "--clean", "clean", "--noisy", "noisy", "--model", model, "--csv", "there.csv")
    assert "1 of them scored before" in again.stdout


class Killer:
    """A listener that kills the first worker which has got somewhere, and notes what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.killed, self.told = folder, None, []

    def started(self, number, job):
        self.told.append(("started", number))

    def progress(self, number, done_s, total_s):
        assert 0 < done_s <= total_s
        if self.killed is None:
            self.killed = number
            os.kill(self._at_work_on(number), signal.SIGKILL)

    def finished(self, number, result):
        self.told.append((result.status, number))

    def _at_work_on(self, number: int) -> int:
        for link in Path("/proc").glob("[0-9]*/fd/*"):
            try:
                if link.readlink() == self.folder / f"{number}.wav":
                    return int(link.parts[2])
            except OSError:
                continue
        raise AssertionError("no worker has the file open")


def test_the_file_of_a_killed_worker_is_done_again(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "0.wav", np.tile(SPEECH, 240))  # seconds of work
    write(tmp_path / "1.wav", SPEECH)
    jobs = [Job(Path(name), Path("out", name)) for name in ("0.wav", "1.wav")]
    results = [None, None]
    killer = Killer(tmp_path)
    run_batch(jobs, Settings(), Student, Nodes(Cluster(cluster)), killer, results, Stop())
    assert killer.killed is not None
    assert sorted(killer.told) == [("done", 0), ("done", 1), ("started", 0), ("started", 1)]
    assert sorted(contents(tmp_path / "out")) == ["0.wav", "1.wav"]  # nothing half-made of the first attempt
    assert [soundfile.info(job.target).frames for job in jobs] == [240 * SPEECH.size, SPEECH.size]


def _die_at(deadly: int, number: int, turn: object) -> int:
    if number == deadly:
        os._exit(7)
    return number


def test_a_task_that_kills_its_worker_is_given_up_after_three_attempts(cluster):
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the workers cannot import tests
    tasks = [Task((2, number), ()) for number in range(5)]
    events = list(Cluster(cluster).run(_die_at, tasks, lambda: None))
    results = {number: result for _, number, result in events}
    assert len(events) == 5
    lost = results.pop(2)
    assert isinstance(lost, Lost)
    assert "ended, 3 times" in lost.error
    assert results == {0: 0, 1: 1, 3: 3, 4: 4}


def test_a_worker_that_does_not_see_a_file_ends_it_in_one_line(cli, cluster, model, tmp_path):
    write(tmp_path / "a.wav", SPEECH)
    with open("a.wav", "rb") as file:
        os.dup2(file.fileno(), 200)
    try:  # a path that is good in this process alone
        result = cli("denoise", "/proc/self/fd/200", "-o", "b.wav", "--model", model, "--ray", cluster)
    finally:
        os.close(200)
    assert_refused(result, "does not see /proc/self/fd/200")
    assert "shared file system" in result.stderr
    assert not Path("b.wav").exists()


def test_a_worker_of_another_version_ends_it_in_one_line(cli, cluster, model, tmp_path, monkeypatch):
    monkeypatch.setattr("enhancer.cluster.__version__", "0.0.9")
    write(tmp_path / "a.wav", SPEECH)
    assert_refused(
        cli("denoise", "a.wav", "--model", model, "--ray", cluster), f"has enhancer {__version__}, not 0.0.9"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--ray", "127.0.0.1:1"], "no Ray cluster at 127.0.0.1:1: Connection refused"),
        (["--ray", "ray://nowhere.invalid:10001"], "no Ray cluster at ray://nowhere.invalid:10001"),
        (["--ray=head"], "head is no address of a Ray cluster"),
        (["--ray", "-o", "-"], "--ray is for files"),
    ],
)
def test_a_cluster_that_is_not_there_is_said_in_one_line(cli, model, tmp_path, arguments, words):
    write(tmp_path / "a.wav", SPEECH)
    assert_refused(cli("denoise", "a.wav", "--model", model, *arguments), words)


def test_without_ray_the_command_that_installs_it_is_said(cli, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    write(tmp_path / "a.wav", SPEECH)
    for command in (["denoise", "a.wav"], ["evaluate", "--clean", "a.wav", "--enhanced", "a.wav"]):
        result = cli(*command, "--ray")
        assert_refused(result, "--ray needs the package ray")
        assert "pip install 'enhancer[cluster]'" in result.stderr


def test_ctrl_c_leaves_nothing_half_made_and_nothing_running(tmp_path, model):
    """Without an address: the cluster is started for the run, and ends with it. A terminal interrupts all of it."""
    write(tmp_path / "a.wav", np.tile(SPEECH, 300))
    command = [sys.executable, "-m", "enhancer", "denoise", "--ray", "a.wav", "-o", "new/a.wav", "--model", model]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("new/.enhancer-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    words, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "stopped: unfinished outputs were deleted\n")
    assert "ray" not in words
    assert sorted(contents(tmp_path)) == ["a.wav"]
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
