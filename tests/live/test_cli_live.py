"""`enhancer live` and `enhancer ctl` as people start them, on a real sound server: in a terminal, a pipe, and twice."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from enhancer.cli import device_options
from enhancer.cli.app import LazyCommand, app
from enhancer.cli.live_choice import Request, check, choose
from enhancer.cli.live_panel import View, panel, status_line
from enhancer.cli.live_stats import LiveStats
from enhancer.errors import UserError
from enhancer.live import places
from enhancer.live.device import Device
from enhancer.live.errors import DeviceError
from enhancer.live.instance import find_running
from enhancer.live.meters import Meters
from enhancer.live.protocol import EngineState, StatusReply
from enhancer.live.settings import RememberedDevice, Settings, load
from enhancer.live.states import NEXT
from tests.live.sound_servers import wait_until

MIC = Device("1", "alsa_input.yeti", "Blue Yeti", "input", 48_000, 2, default=True)
OTHER = Device("2", "alsa_input.pci", "Built-in", "input", 48_000, 2)
OURS = Device("3", "enhancer_mic", "Enhancer microphone", "input", 48_000, 1, virtual=True, ours=True)
PHONES = Device("4", "alsa_output.phones", "Headphones", "output", 48_000, 2, default=True)
DEVICES = [MIC, OTHER, OURS, PHONES]


class Program:
    """`enhancer ARGUMENTS` in a process of its own, in a terminal or with a pipe; what it has printed is in `text`."""

    def __init__(self, *arguments: str, terminal: bool = False) -> None:
        command = [sys.executable, "-m", "enhancer", *arguments]
        if terminal:
            self.ours, self.theirs = pty.openpty()
            self.before = termios.tcgetattr(self.theirs)
            self.process = subprocess.Popen(
                command, stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), env=os.environ | {"TERM": "xterm-256color"},
            )  # fmt: skip
        else:
            self.ours, write = os.pipe()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=write, stderr=write)
            os.close(write)
        self._parts: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: the terminal's other end is closed
            while part := os.read(self.ours, 65536):
                self._parts.append(part)

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", b"".join(self._parts).decode(errors="replace"))

    def shows(self, pattern: str, within_s: float = 15.0) -> None:
        wait_until(lambda: re.search(pattern, self.text) or self.process.poll() is not None, within_s, pattern)
        assert re.search(pattern, self.text), self.text

    def press(self, key: str) -> None:
        os.write(self.ours, key.encode())

    def ends(self, within_s: float = 10.0) -> int:
        return self.process.wait(within_s)

    def restored(self) -> bool:
        """Whether the terminal is as it was, its cursor included."""
        hidden, shown = (b"".join(self._parts).rfind(code) for code in (b"\x1b[?25l", b"\x1b[?25h"))
        return termios.tcgetattr(self.theirs) == self.before and hidden <= shown

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def left_as_it_was(server):
    before = server.modules()
    yield server
    wait_until(lambda: find_running(places.runtime_dir()) is None, 5.0, "the engine ends")
    assert server.modules() == before


@pytest.fixture
def clean_server(own_pulse):
    """PulseAudio, which has to have all its modules and no others at the end."""
    with left_as_it_was(own_pulse):
        yield own_pulse


@pytest.fixture
def either_clean_server(sound_server, home, monkeypatch):
    """PulseAudio and PipeWire in turn, with the same demand."""
    monkeypatch.setenv("PULSE_SERVER", sound_server.address)
    with left_as_it_was(sound_server):
        yield sound_server


@pytest.fixture
def model(build_model) -> str:
    return str(build_model("pass"))


def ctl(*arguments: str):
    return CliRunner().invoke(app, ["ctl", *arguments], catch_exceptions=False)


def ctl_status() -> dict:
    return json.loads(ctl("status", "--json").stdout)


def sources(server) -> str:
    return server.pactl("list", "short", "sources")


# --- the command, on a server -----------------------------------------------------------------------------------------


def test_in_a_terminal_it_shows_a_panel_takes_keys_and_leaves_the_terminal_as_it_was(either_clean_server, model):
    with Program("live", "--model", model, "--keep-open", terminal=True) as it:
        it.shows(r"running(?s:.*)latency +\d+ ms = \d+ algorithm")
        assert "enhancer_mic" in sources(either_clean_server)
        it.press("b")
        it.shows("BYPASS")
        it.press("-")
        it.shows("at most 40 dB")
        it.press("x\x1b[A")  # keys that mean nothing
        assert ctl_status()["bypass"] is True
        it.press("q")
        assert it.ends() == 0
        assert "enhanced, " in it.text
        assert it.restored()
        assert "enhancer_mic" not in sources(either_clean_server)
    assert load(places.config_file())[0].limit_db == 40.0


def test_elsewhere_it_prints_a_line_a_second_and_figures_at_the_end(clean_server, model, tmp_path):
    figures, takes = tmp_path / "run.json", tmp_path / "takes"
    arguments = ["--input", "microphone", "--output", "loudspeaker", "--attenuation-limit", "12", "--latency", "safe"]
    with Program(
        "live", *arguments, "--model", model, "--stats", str(figures), "--record", str(takes), "--duration", "3"
    ) as it:
        assert it.ends(30) == 0
        lines = [line for line in it.text.splitlines() if re.match(r"0:0\d  ", line)]
    assert 3 <= len(lines) <= 4
    assert "running" in lines[0]
    assert re.search(r"running: in -?\d+ dBFS, out .*latency \d+ ms, .*xruns \d+\+\d+, .*recording", lines[-1])
    told = json.loads(figures.read_text())
    assert [(event["state"], event["message"]) for event in told["events"][:2]] == [
        ("starting", "starting"), ("running", "running"),
    ]  # fmt: skip
    assert told["frames"] > 100
    assert told["seconds"] == pytest.approx(3.0, abs=0.5)
    assert told["latency_ms"]["min"] > told["latency_ms"]["algorithm"] > 5.0
    assert len([path for path in takes.iterdir() if soundfile.info(path).frames > 48_000]) == 2
    remembered = load(places.config_file())[0]
    assert (remembered.input.name, remembered.output.name) == ("microphone", "loudspeaker")
    assert (remembered.limit_db, remembered.latency) == (12.0, "safe")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_tidily(number, clean_server, model):
    with Program("live", "--model", model, terminal=True) as it:
        it.shows("running")
        it.process.send_signal(number)
        assert it.ends() == 130
        assert it.restored()
        assert "enhancer_mic" not in sources(clean_server)
        assert "Traceback" not in it.text


def test_what_a_killed_pair_leaves_behind_is_cleaned_up(either_clean_server, model):
    with Program("live", "--model", model, "--keep-open") as it:
        it.shows("running")
        pid = ctl_status()["pid"]
        it.process.kill()
        os.kill(pid, signal.SIGKILL)
    assert "enhancer_mic" in sources(either_clean_server)
    first, second = (CliRunner().invoke(app, ["live", "--clean"], catch_exceptions=False) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "virtual devices" in first.stdout
    assert "nothing to clean up" in second.stdout


def test_a_second_one_shows_and_controls_the_first(clean_server, model):
    with Program("live", "--model", model, "--keep-open") as first:
        first.shows("running")
        with Program("live", "-a", "6", "--latency", "low", "--duration", "1") as second:
            assert second.ends(20) == 0
            assert "running already" in second.text
            assert "--latency cannot be changed" in second.text
        assert ctl_status()["limit_db"] == 6.0
        assert ctl("stop").exit_code == 0
        assert first.ends() == 0
        assert "the engine was ended" in first.text


def test_ctl_drives_a_running_engine(clean_server, model):
    with Program("live", "--model", model, "--keep-open") as it:
        it.shows("running")
        assert ctl("bypass").stdout == "bypass is on\n"
        assert ctl("bypass", "off").stdout == "bypass is off\n"
        assert ctl("limit", "9.5").exit_code == 0
        told = ctl_status()
        assert (told["running"], told["state"], told["limit_db"], told["bypass"]) == (True, "running", 9.5, False)
        assert told["microphone"] == "microphone"
        assert [event["number"] for event in told["events"]] == [*range(1, len(told["events"]) + 1)]
        assert told["meters"]["latency_ms"] > 20
        assert "at most 9.5 dB" in ctl("status").stdout
        assert ctl("off").exit_code == 0
        assert "enhancer_mic" not in sources(clean_server)
        it.shows("stopped")
        assert ctl("on").exit_code == 0
        assert "enhancer_mic" in sources(clean_server)
        assert ctl("stop").exit_code == 0
        assert it.ends() == 0


def test_the_other_direction_cleans_what_call_programs_play(clean_server, model):
    with Program("live", "--model", model, "--speaker", "--output", "loudspeaker") as it:
        it.shows("running")
        it.shows("sleeping")
        recording = clean_server.record("loudspeaker.monitor", latency_ms=50)
        tone = (0.2 * np.sin(2 * np.pi * 440 / 48_000 * np.arange(48_000 * 2))).astype(np.float32)
        assert clean_server.play("enhancer_speaker", tone, latency_ms=50).wait(20) == 0
        heard = recording.stop()
        assert np.sqrt(np.mean(np.sort(heard**2)[-24_000:])) > 0.1
        assert ctl_status()["speaker"] == "Enhancer speaker"
        assert ctl("stop").exit_code == 0
        assert it.ends() == 0


def test_no_sound_server_and_no_engine_are_each_one_clear_line(home, monkeypatch):
    monkeypatch.setenv("PULSE_SERVER", "unix:/nowhere")
    for arguments, said in (
        (["live"], "sound server"),
        (["ctl", "status"], "no engine"),
        (["ctl", "stop"], "no engine"),
    ):
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 2
        assert said in result.stderr
        assert result.stderr.startswith("error: ")
    result = ctl("status", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (2, {"running": False})


# --- its parts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ([], None),
        (["--virtual-mic"], "Enhancer microphone"),
        (["--virtual-mic", "--monitor"], "Enhancer microphone"),
        (["--virtual-mic", "Quiet Yeti", "--monitor"], "Quiet Yeti"),
        (["--virtual-mic=Quiet Yeti"], "Quiet Yeti"),
    ],
)
def test_the_virtual_microphone_may_be_named(words, name, monkeypatch):
    requests = []
    monkeypatch.setattr("enhancer.cli.live_run.run", lambda request: requests.append(request) or 0)
    assert CliRunner().invoke(app, ["live", *words], catch_exceptions=False).exit_code == 0
    assert requests[0].virtual_mic == name
    assert requests[0].monitor == ("--monitor" in words)


def test_left_to_itself_it_follows_the_default_microphone_into_a_virtual_one():
    options = choose(Request(), Settings(), DEVICES).options
    assert (options.input, options.output, options.virtual_mic) == (None, None, "Enhancer microphone")


def test_it_never_listens_to_itself_though_that_be_the_default():
    ours = Device("3", "enhancer_mic", "Enhancer microphone", "input", 48_000, 1, default=True, ours=True)
    assert choose(Request(), Settings(), [ours, OTHER, PHONES]).options.input == "alsa_input.pci"


def test_devices_are_remembered_until_the_default_is_asked_for():
    choice = choose(Request(input="yeti", attenuation_limit="12"), Settings(), DEVICES)
    assert choice.settings == Settings(RememberedDevice("alsa_input.yeti", "Blue Yeti"), None, 12.0)
    assert choose(Request(), choice.settings, DEVICES).options.input == "alsa_input.yeti"
    forgotten = choose(Request(input="default", attenuation_limit="none"), choice.settings, DEVICES)
    assert forgotten.settings == Settings()


def test_a_remembered_microphone_that_is_gone_is_said_and_stays_remembered():
    settings = Settings(RememberedDevice("gone", "Old headset"))
    choice = choose(Request(), settings, DEVICES)
    assert choice.options.input is None
    assert choice.notes == ("the microphone Old headset is not there: using the default one",)
    assert choice.settings == settings


def test_with_an_output_alone_there_is_no_virtual_microphone():
    assert choose(Request(output="phones"), Settings(), DEVICES).options.virtual_mic is None
    both = choose(Request(output="phones", virtual_mic="X"), Settings(), DEVICES).options
    assert (both.virtual_mic, both.output) == ("X", "alsa_output.phones")
    speaker = choose(Request(speaker=True), Settings(), [PHONES]).options
    assert (speaker.speaker, speaker.virtual_mic) == ("Enhancer speaker", None)


def test_without_a_microphone_it_says_so():
    with pytest.raises(DeviceError, match="no input device"):
        choose(Request(), Settings(), [PHONES])


@pytest.mark.parametrize(
    "request_",
    [
        Request(attenuation_limit="much"),
        Request(attenuation_limit="-3"),
        Request(attenuation_limit="nan"),
        Request(latency="lowest"),
        Request(speaker=True, monitor=True),
        Request(speaker=True, virtual_mic="X"),
        Request(output="phones", monitor=True),
    ],
)
def test_options_that_make_no_sense_are_refused(request_):
    with pytest.raises(UserError):
        check(request_)


def test_the_shell_completes_devices(monkeypatch):
    monkeypatch.setattr("enhancer.live.devices.list_devices", lambda: DEVICES)
    assert device_options.input_names("alsa_input.y") == ["alsa_input.yeti"]
    assert device_options.output_names() == ["alsa_output.phones"]


SOUND = Meters(
    state=EngineState.RUNNING, input_rms_dbfs=-20.0, input_peak_dbfs=-1.0, output_rms_dbfs=-30.0, frames=100,
    gain_reduction_db=10.0, speech_presence=0.5, frame_p50_ms=0.3, frame_p99_ms=0.6, output_xruns=2,
    latency_algorithm_ms=20.0, latency_buffers_ms=25.0, latency_input_device_ms=9.0, latency_output_device_ms=11.0,
)  # fmt: skip


@pytest.mark.parametrize("state", EngineState)
@pytest.mark.parametrize("width", [60, 120])
def test_the_panel_fits_terminals_of_sixty_columns_in_every_state(state, width):
    from rich.console import Console

    status = StatusReply(state, "what happened last", virtual_mic="Enhancer microphone", recording="/takes")
    console = Console(width=width, file=open(os.devnull, "w"), record=True)  # noqa: SIM115
    console.print(panel(View(status, SOUND, "Blue Yeti", "Enhancer microphone", 61.0, ["12:00:00 a note"])))
    text = console.export_text()
    assert str(state) in text and "what happened last" in text and "a note" in text
    assert max(map(len, text.splitlines())) <= width
    assert len(text.splitlines()) <= 24
    console.file.close()


def test_a_status_line_says_the_sound_or_why_there_is_none():
    running = View(StatusReply(EngineState.RUNNING, "running", bypass=True), SOUND, "", "", 65.0)
    assert status_line(running) == (
        "1:05  running: in -20 dBFS, out -30 dBFS, removed 10 dB, speech 50 %, SNR 0 dB, latency 65 ms, "
        "frame 0.30/0.60 ms, xruns 0+2, drift +0 ppm, bypass"
    )
    asleep = View(StatusReply(EngineState.SLEEPING, "nobody listens"), Meters(), "", "", 5.0)
    assert status_line(asleep) == "0:05  sleeping: nobody listens"
    assert "does not answer" in status_line(View(running.status, SOUND, "", "", alive=False))


def test_figures_go_on_where_the_engine_begins_anew():
    from dataclasses import replace

    stats, status = LiveStats(), StatusReply(EngineState.RUNNING)
    for frames in (100, 200, 50, 150):  # it was started again after 200
        stats.add(1.0, status, replace(SOUND, frames=frames))
    figures = stats.figures()
    assert (figures["frames"], figures["output_xruns"], figures["seconds"]) == (350, 2, 4.0)
    assert figures["latency_ms"]["mean"] == 65.0


# --- its pages --------------------------------------------------------------------------------------------------------

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["live", "ctl"])
def test_every_option_and_command_is_on_the_page(name):
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    command = LazyCommand(name=name)._load()
    words = [flag for option in command.params for flag in option.opts if flag[0] == "-"]
    words += [f"enhancer {name} {each}" for each in getattr(command, "commands", {})]
    assert len(words) > 5
    assert [word for word in words if not re.search(rf"(?<![\w-]){word}(?![\w-])", page)] == []


def test_the_drawn_states_are_those_that_there_are():
    page = (DOCS / "live.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (\w+) \|", page.split("## States")[1], flags=re.M)[1:]
    assert {state for row in rows for state in row} == set(EngineState)
    for before, after in rows:
        assert EngineState(after) in NEXT[EngineState(before)]
