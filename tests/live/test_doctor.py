"""`enhancer doctor` on real servers: it finds what is wrong, says what mends it, and leaves everything as it was."""

import json
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest
from typer.testing import CliRunner

from enhancer.cli.app import app
from enhancer.live import places, settings
from enhancer.live.control import ControlServer
from enhancer.live.devices import list_devices
from enhancer.live.doctor import sound, speed, system
from enhancer.live.doctor.examine import NAMES
from enhancer.live.doctor.finding import State
from enhancer.live.instance import InstanceLock
from enhancer.live.process import log_file
from enhancer.live.protocol import EngineState, StatusReply


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """Folders and a sound server address of this test alone."""
    folder = tmp_path_factory.mktemp("h")
    monkeypatch.setenv("HOME", str(folder))
    for name in ("RUNTIME_DIR", "CONFIG_HOME", "STATE_HOME"):
        (folder / name).mkdir(mode=0o700)
        monkeypatch.setenv(f"XDG_{name}", str(folder / name))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{folder}/no-server")
    return folder


@pytest.fixture
def quick(monkeypatch):
    """Ten frames instead of 300: for tests that are not about speed."""
    measure = speed.measure
    monkeypatch.setattr(speed, "measure", lambda student: measure(student, 10))


@pytest.fixture
def server(sound_server, monkeypatch):
    """Each shared server as this process's own."""
    monkeypatch.setenv("PULSE_SERVER", sound_server.address)
    return sound_server


def run(*arguments: str):
    return CliRunner().invoke(app, ["doctor", *arguments], catch_exceptions=False)


def test_a_healthy_machine_passes_and_stays_as_it_was(server, quick):
    before = server.modules(), server.defaults()
    result = run("--json")
    report = json.loads(result.stdout)
    assert [finding["check"] for finding in report["checks"]] == list(NAMES)
    assert (result.exit_code, report["fail"]) == (0, 0), report
    found = {finding["check"]: finding for finding in report["checks"]}
    assert server.name in found["sound server"]["text"]
    assert found["sound library"]["facts"]["backend"] == "libpulse"
    assert found["microphone"]["facts"]["name"] == "microphone"
    assert found["virtual microphone"]["facts"]["listed"]
    assert report["recommended_latency"] in ("low", "normal", "safe")
    assert (server.modules(), server.defaults()) == before


def test_without_a_server_it_fails_and_says_how_to_start_one(quick):
    result = run()
    assert result.exit_code == 1
    line, fix = next(
        (a, b) for a, b in zip(result.stdout.splitlines(), result.stdout.splitlines()[1:], strict=False) if "fail" in a
    )
    assert "no connection to the sound server" in line
    assert fix.strip().startswith("fix: start it: systemctl --user start")
    assert "virtual microphone" not in result.stdout  # nothing can be said of it
    assert "1 of 8 checks fails" in result.stdout


def test_a_muted_or_faint_microphone_is_noticed_and_the_fix_mends_it(server):
    for arguments, said in ((("mute", "microphone", "1"), "is muted"), (("volume", "microphone", "5%"), "only 5%")):
        server.pactl(f"set-source-{arguments[0]}", *arguments[1:])
        finding = sound.check_microphone(list_devices())
        assert (finding.state, said in finding.text) == (State.WARN, True)
        server.pactl(*finding.fix.partition("pactl ")[2].split())
        assert sound.check_microphone(list_devices()).state is State.OK
    server.pactl("set-source-volume", "microphone", "100%")


def test_a_default_that_would_let_one_hear_oneself_is_noticed(server):
    server.pactl("set-default-source", "room.monitor")
    try:
        finding = sound.check_microphone(list_devices())
    finally:
        server.pactl("set-default-source", "microphone")
    assert finding.state is State.WARN
    assert "set-default-source microphone" in finding.fix


def test_left_overs_of_a_killed_engine_are_told_and_removed(server):
    before = server.modules()
    server.pactl(
        "load-module", "module-null-sink", "sink_name=enhancer_sink", "sink_properties=enhancer.owner=99999.deadbeef"
    )
    finding = sound.check_left_overs()
    assert (finding.state, "99999" in finding.text) == (State.WARN, True)
    assert server.modules() == before
    assert sound.check_left_overs().state is State.OK


@contextmanager
def engine_that_says(reply):
    with ControlServer(places.runtime_dir(), lambda request: reply):
        yield


def test_a_running_engine_is_told_with_its_state():
    assert system.check_engine().text == "none is running"
    with engine_that_says(StatusReply(EngineState.SLEEPING, "nobody listens", service=True)):
        finding = system.check_engine()
    assert (finding.state, finding.facts["service"]) == (State.OK, True)
    assert "sleeping: nobody listens" in finding.text
    with engine_that_says(StatusReply(EngineState.RECONNECTING, "the microphone went away")):
        finding = system.check_engine()
    assert (finding.state, "went away" in finding.text) == (State.WARN, True)


def test_an_engine_that_hangs_is_a_failure():
    lock = InstanceLock(places.runtime_dir())
    try:
        assert system.check_engine().state is State.FAIL
    finally:
        lock.release()


def test_settings_that_cannot_be_used_are_told(home):
    assert system.check_settings([]).state is State.OK
    gone = settings.RememberedDevice("usb-yeti", "Yeti")
    places.config_file().parent.mkdir()
    settings.save(settings.Settings(input=gone), places.config_file())
    assert "Yeti is not there" in system.check_settings([]).text
    places.config_file().write_text("nonsense = [")
    finding = system.check_settings([])
    assert (finding.state, "damaged" in finding.text) == (State.WARN, True)


def test_an_unusable_model_is_a_failure_of_its_own(tmp_path):
    (finding,) = speed.check(str(tmp_path / "none.onnx"))
    assert (finding.name, finding.state) == ("model", State.FAIL)
    assert finding.fix


def test_frames_are_timed_as_they_are_due():
    model, finding = speed.check(None)
    assert (model.name, model.state) == ("model", State.OK)
    facts = finding.facts
    assert (facts["frames"], facts["budget_ms"]) == (300, 10.0)
    assert 0 < facts["frame_p50_ms"] <= facts["frame_p99_ms"] <= facts["frame_max_ms"] <= facts["ready_max_ms"]


@pytest.mark.parametrize(
    ("took_ms", "ready_ms", "state", "mode"),
    [
        (0.5, 1.0, State.OK, "low"),
        (0.5, 12.0, State.OK, "normal"),
        (4.0, 40.0, State.OK, "safe"),
        (4.0, 90.0, State.WARN, "safe"),
        (11.0, 12.0, State.FAIL, "normal"),
    ],
)
def test_the_recommended_mode_has_room_for_the_slowest_frame(took_ms, ready_ms, state, mode):
    ready = np.full(300, 0.001)
    ready[100] = 1e-3 * ready_ms
    finding = speed.judge(speed.Timing(np.full(300, 1e-3 * took_ms), ready))
    assert (finding.state, finding.facts["recommended_latency"]) == (state, mode)
    assert bool(finding.fix) == (state is not State.OK)


def test_a_bundle_holds_report_log_and_settings_and_no_name_of_the_user(quick, home, tmp_path):
    log_file().write_text(f"reading {home}/model.onnx\n")
    log_file().with_name("live.log.1").write_text("older\n")
    log_file().with_name("take.wav").write_bytes(b"RIFF")
    places.config_file().parent.mkdir()
    settings.save(settings.Settings(limit_db=12.0), places.config_file())
    bundle = tmp_path / "report.zip"
    assert run("--bundle", str(bundle)).exit_code == 1  # no server; the bundle is there all the same
    with zipfile.ZipFile(bundle) as archive:
        contents = {name: archive.read(name).decode() for name in archive.namelist()}
    assert contents.keys() == {"report.txt", "report.json", "settings.toml", "log/live.log", "log/live.log.1"}
    assert contents["log/live.log"] == "reading ~/model.onnx\n"
    assert "limit_db = 12.0" in contents["settings.toml"]
    assert "fail  sound server" in contents["report.txt"]
    assert json.loads(contents["report.json"])["fail"] == 1
    assert str(home) not in "".join(contents.values())


def test_a_bundle_lists_devices_by_name(server, quick, tmp_path):
    bundle = tmp_path / "report.zip"
    assert run("--bundle", str(bundle), "--json").exit_code == 0
    with zipfile.ZipFile(bundle) as archive:
        names = [device["name"] for device in json.loads(archive.read("devices.json"))]
    assert "microphone" in names


def test_a_bundle_overwrites_nothing(tmp_path):
    bundle = tmp_path / "report.zip"
    bundle.write_text("mine")
    result = run("--bundle", str(bundle))
    assert result.exit_code == 2
    assert "exists already" in result.stderr
    assert bundle.read_text() == "mine"
    assert run("--bundle", str(tmp_path / "report.txt")).exit_code == 2
