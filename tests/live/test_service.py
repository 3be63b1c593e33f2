"""`enhancer service`: a real engine on a real server, started by the unit's own command line; three systems' files."""

import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from enhancer.cli.app import app
from enhancer.live.engine import Options
from enhancer.live.process import decode_options
from enhancer.live.service import launchd, manager, systemd, task_scheduler
from tests.live.sound_servers import wait_until

AWKWARD = Options(virtual_mic='Bob\'s 50 % "quiet" $HOME mic \\', limit_db=12.0, service=True)
FOLDER = Path("/opt/sound tools/100%")

# What systemd does with a user unit, done by hand: no systemd runs where tests run.
SYSTEMCTL = r"""#!{python}
import os, re, signal, subprocess, sys, time
from pathlib import Path
folder = Path(os.environ["XDG_CONFIG_HOME"], "systemd", "user")
pid_file, words = Path(os.environ["XDG_STATE_HOME"], "pid"), [w for w in sys.argv[1:] if w[0] != "-"]
unit, link = folder / "enhancer.service", folder / "default.target.wants" / "enhancer.service"
def stop():
    if pid_file.exists():
        pid = int(pid_file.read_text())
        pid_file.unlink()
        os.kill(pid, signal.SIGTERM)
        for _ in range(500):
            try: os.kill(pid, 0)
            except ProcessLookupError: break
            time.sleep(0.01)
match words[0]:
    case "daemon-reload" if unit.exists():
        sys.exit(subprocess.run(["systemd-analyze", "--user", "verify", unit]).returncode)
    case "enable":
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(unit)
    case "disable":
        link.unlink()
        stop()
    case "restart":
        stop()
        text = unit.read_text()
        command = re.findall(r'"((?:[^"\\]|\\.)*)"', re.search("^ExecStart=(.*)$", text, re.M)[1])
        command = [re.sub(r"\\(.)", r"\1", word).replace("$$", "$").replace("%%", "%") for word in command]
        place = re.search("^WorkingDirectory=(.*)$", text, re.M)[1]
        if os.fork() == 0:  # so that the service is nobody's child here, and no zombie
            null = subprocess.DEVNULL
            engine = subprocess.Popen(command, cwd=place, start_new_session=True, stdout=null, stderr=null)
            pid_file.write_text(str(engine.pid))
            os._exit(0)
        os.wait()
    case "is-enabled":
        sys.exit(not link.exists())
    case "is-active":
        sys.exit(not pid_file.exists())
"""


@pytest.fixture
def home(home, monkeypatch):
    """Folders of this test alone, and a `systemctl` before the system's."""
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{home}{os.pathsep}{os.environ['PATH']}")
    return home


@pytest.fixture
def session(home):
    """A session that systemd serves."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    program = home / "systemctl"
    program.write_text(SYSTEMCTL.replace("{python}", sys.executable))
    program.chmod(0o755)
    return home


def run(*arguments: str):
    return CliRunner().invoke(app, ["service", *arguments], catch_exceptions=False)


def traces(home: Path) -> list[str]:
    return sorted(str(path) for path in (home / "CONFIG_HOME").rglob("*") if "systemd" in path.parts)


def test_installed_it_keeps_a_microphone_and_removed_it_leaves_nothing(
    session, pipewire_server, build_model, monkeypatch
):
    monkeypatch.setenv("PULSE_SERVER", pipewire_server.address)
    before = pipewire_server.modules(), traces(session)
    assert run("status").exit_code == 1
    arguments = ("--virtual-mic", "50 % quiet", "--model", str(build_model("pass")))
    result = run("install", *arguments)
    try:
        assert result.exit_code == 0, result.output
        assert "call programs find '50 % quiet'" in result.stdout
        assert "enhancer_mic" in pipewire_server.pactl("list", "short", "sources")
        assert "50 % quiet" in pipewire_server.pactl("list", "sources")
        again = run("install", *arguments, "--keep-open")
        assert again.exit_code == 0, again.output
        status = run("status")
        assert status.exit_code == 0
        assert "engine: the service, running" in status.stdout
        recording = pipewire_server.record("enhancer_mic")
        assert recording.stop().size
    finally:
        removed = run("remove")
    assert removed.stdout.count("removed") == 2  # the unit and its link
    assert "enhancer_mic" not in pipewire_server.pactl("list", "short", "sources")
    assert (pipewire_server.modules(), traces(session)) == before
    assert not (session / "STATE_HOME" / "pid").exists()
    assert "no service" in run("remove").stdout


def test_a_service_that_is_killed_leaves_no_microphone_after_remove(session, pulse_server, build_model, monkeypatch):
    monkeypatch.setenv("PULSE_SERVER", pulse_server.address)
    before = pulse_server.modules()
    try:
        assert run("install", "--model", str(build_model("pass"))).exit_code == 0
        os.kill(int((session / "STATE_HOME" / "pid").read_text()), 9)
        wait_until(lambda: "engine: none" in run("status").stdout, 5.0, "it is gone")
        assert "enhancer_mic" in pulse_server.pactl("list", "short", "sources")
        (session / "STATE_HOME" / "pid").unlink()
    finally:
        run("remove")
    assert pulse_server.modules() == before


def test_what_cannot_work_is_refused_before_anything_is_written(session, pulse_server, tmp_path, monkeypatch):
    monkeypatch.setenv("PULSE_SERVER", pulse_server.address)
    for arguments in (("--model", str(tmp_path / "none.onnx")), ("--input", "nowhere"), ("--latency", "tiny")):
        assert run("install", *arguments).exit_code == 2
    assert traces(session) == []


def test_without_systemd_it_says_so_in_plain_words(home, monkeypatch):
    monkeypatch.setenv("PATH", str(home))  # no systemctl at all
    result = run("install")
    assert result.exit_code == 2
    assert "this system has no systemd" in result.stderr
    assert "autostart" in result.stderr
    (home / "systemctl").write_text("#!/bin/sh\necho Failed to connect to bus >&2\nexit 1\n")
    (home / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}{os.pathsep}/bin")
    result = run("install")
    assert result.exit_code == 2
    assert "does not serve this session" in result.stderr
    assert traces(home) == []


def test_a_left_over_unit_goes_also_where_systemd_does_not_answer(home):
    (home / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    (home / "systemctl").chmod(0o755)
    link = home / "CONFIG_HOME" / "systemd" / "user" / "default.target.wants" / "enhancer.service"
    link.parent.mkdir(parents=True)
    link.symlink_to(link.parents[1] / "enhancer.service")
    link.parents[1].joinpath("enhancer.service").write_text("[Unit]\n")
    assert len(systemd.Systemd().remove()) == 2
    assert not link.is_symlink()


@pytest.mark.parametrize("options", [Options(service=True, virtual_mic="Enhancer microphone"), AWKWARD])
def test_systemd_accepts_the_unit(options, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    path = tmp_path / systemd.UNIT
    path.write_text(systemd.unit(manager.engine_command(options), tmp_path))
    environment = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", path], env=environment, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_words_with_quotes_percents_and_dollars_reach_the_engine_as_they_are():
    (line,) = [
        line
        for line in systemd.unit(manager.engine_command(AWKWARD), FOLDER).splitlines()
        if line.startswith("ExecStart=")
    ]
    assert '\\"virtual_mic\\": \\"Bob\'s 50 %% ' in line
    assert "$$HOME" in line
    assert systemd.quoted('a "b" \\ 5 % $c') == '"a \\"b\\" \\\\ 5 %% $$c"'
    assert "WorkingDirectory=/opt/sound tools/100%%\n" in systemd.unit(["x"], FOLDER)


def test_the_command_line_is_that_of_an_engine():
    python, *module, options = manager.engine_command(AWKWARD)
    assert python == sys.executable
    assert module == ["-m", "enhancer.live.process"]
    assert decode_options(options) == AWKWARD


def test_the_launchd_agent_starts_the_engine_again_only_after_a_crash():
    command = manager.engine_command(AWKWARD)
    agent = plistlib.loads(launchd.agent(command, FOLDER, Path("/log")))
    assert agent["ProgramArguments"] == command
    assert agent["RunAtLoad"] is True
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert (agent["Label"], agent["WorkingDirectory"]) == (launchd.LABEL, str(FOLDER))


def test_the_windows_task_runs_at_logon_without_end_and_without_rights():
    command = manager.engine_command(AWKWARD)
    text = task_scheduler.task(command, FOLDER, "DESK\\bob")
    assert text.startswith(b"\xff\xfe")  # UTF-16, as schtasks wants it
    root = ElementTree.fromstring(text)
    names = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}

    def value(path: str) -> str:
        found = root.findtext("/".join(f"t:{part}" for part in path.split("/")), namespaces=names)
        assert found is not None, path
        return found

    assert value("Triggers/LogonTrigger/UserId") == "DESK\\bob"
    assert value("Principals/Principal/RunLevel") == "LeastPrivilege"
    assert value("Settings/ExecutionTimeLimit") == "PT0S"
    assert value("Settings/RestartOnFailure/Interval") == "PT1M"
    assert value("Actions/Exec/Command") == command[0]
    assert value("Actions/Exec/Arguments") == subprocess.list2cmdline(command[1:])
    assert value("Actions/Exec/WorkingDirectory") == str(FOLDER)
