"""`enhancer devices`: what a person and a script see of the sound server's devices, and of what happens to them."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from enhancer.cli import devices as page
from enhancer.cli.app import LazyCommand, app
from enhancer.live.device import Device
from tests.live.sound_servers import wait_until

REPOSITORY = Path(__file__).parents[2]
MICROPHONE = Device(
    "57", "alsa_input.pci-0000_00_1f.3.analog-stereo", "Built-in Audio", "input", 48_000, 2, default=True
)
HEADSET = Device("61", "bluez_input.00_11", "WH-1000XM4", "input", 16_000, 1, bluetooth_headset=True)
OURS = Device("70", "enhancer_mic", "Enhancer microphone", "input", 48_000, 1, virtual=True, ours=True)
MONITOR = Device("44", "loudspeaker.monitor", "Monitor of Built-in Audio", "input", 44_100, 6, monitor=True)


def run(*arguments: str):
    return CliRunner().invoke(app, ["devices", *arguments], catch_exceptions=False)


def shown(devices: list[Device], width: int = 80) -> list[str]:
    stream = io.StringIO()
    page.show(devices, ["input"], Console(file=stream, width=width, highlight=False, markup=False))
    return stream.getvalue().splitlines()


def test_it_lists_the_devices_of_the_server(sound_server, monkeypatch):
    monkeypatch.setenv("PULSE_SERVER", sound_server.address)
    lines = run().stdout.splitlines()
    assert lines.index("Microphones") < lines.index("Loudspeakers and headphones")
    row = next(number for number, line in enumerate(lines) if line.split()[0:1] == ["microphone"])
    assert "default" in lines[row]
    assert "48 kHz mono" in lines[row - 1]
    found = json.loads(run("--json").stdout)["devices"]
    assert {d["name"] for d in found if d["default"]} == {"microphone", "loudspeaker"}
    assert {d["kind"] for d in json.loads(run("--json", "--outputs").stdout)["devices"]} == {"output"}
    assert "Loudspeakers" not in run("--inputs").stdout


def test_what_one_would_choose_comes_first_and_a_headset_is_warned_of():
    text = "\n".join(shown([MONITOR, OURS, HEADSET, MICROPHONE]))
    order = [text.index(device.description) for device in (MICROPHONE, HEADSET, OURS, MONITOR)]
    assert order == sorted(order)
    assert "telephone quality" in text
    assert "Enhancer's own" in text
    assert "44.1 kHz 6 channels" in text
    assert "telephone quality" not in "\n".join(shown([MICROPHONE]))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_fits_its_terminal_and_loses_nothing(width):
    lines = shown([MICROPHONE, HEADSET, MONITOR], width)
    assert max(map(len, lines)) <= width
    assert MICROPHONE.name in "".join("".join(lines).split()).replace("default", "") or width == 60
    assert "Bluetooth headset" in "\n".join(lines)


def test_no_devices_is_said():
    assert shown([]) == ["Microphones", "  none"]


def test_without_a_server_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nothing")
    result = run()
    assert result.exit_code == 2
    assert "error: no connection to the sound server" in result.stderr
    assert "hint: start it" in result.stderr


def test_inputs_and_outputs_exclude_each_other():
    assert run("--inputs", "--outputs").exit_code == 2


def test_it_tells_what_is_plugged_in_and_out_until_ctrl_c(mortal_server):
    environment = mortal_server.environment | {"PYTHONPATH": str(REPOSITORY), "HOME": os.environ["HOME"]}
    log = mortal_server.folder / "events"
    with log.open("w") as file:
        watching = subprocess.Popen(
            [sys.executable, "-m", "enhancer", "devices", "--watch", "--outputs"], env=environment, stdout=file
        )
    wait_until(lambda: "watching" in log.read_text(), 20.0, "the list")
    number = mortal_server.pactl("load-module", "module-null-sink", "sink_name=plugged").strip()
    wait_until(lambda: "added" in log.read_text(), 5.0, "an event")
    mortal_server.pactl("unload-module", number)
    wait_until(lambda: "removed" in log.read_text(), 5.0, "an event")
    mortal_server.kill()
    wait_until(lambda: "does not answer" in log.read_text(), 5.0, "the server is missed")
    watching.send_signal(signal.SIGINT)
    assert watching.wait(5) == 0
    assert "monitor" not in log.read_text()  # an input


@pytest.mark.parametrize("name", ["devices", "doctor", "mic-test", "service install", "service status"])
def test_every_option_is_on_the_page(name):
    """docs/cli.md names all options of the commands of live sound that `test_cli_docs` cannot run."""
    command, *subcommand = name.split()
    found = LazyCommand(name=command)._load()
    for word in subcommand:
        found = found.commands[word]
    section = (
        (REPOSITORY / "docs" / "cli.md").read_text().partition(f"\n## enhancer {command}\n")[2].partition("\n## ")[0]
    )
    options = [flag for option in found.params for flag in (*option.opts, *option.secondary_opts) if flag[0] == "-"]
    assert options
    assert [flag for flag in options if not re.search(rf"(?<![\w-]){flag}(?![\w-])", section)] == []
