"""kill -9 of the engine, of `enhancer live` and of the sound server, in each order: noticed, mended, nothing left."""

import contextlib
import os
import re
import signal

import pytest

from enhancer.live import places
from enhancer.live.instance import find_running
from tests.live.conftest import started
from tests.live.sound_servers import PulseAudioServer, wait_until
from tests.live.test_cli_live import Program, ctl_status, sources

NOTICED_S = 4.0  # two seconds on a machine that has time
RECOVERED_S = 8.0


@pytest.fixture
def server(home, monkeypatch):
    """A PulseAudio server that may die, and its user."""
    server = started(PulseAudioServer)
    monkeypatch.setenv("PULSE_SERVER", server.address)
    yield server
    server.close()


def engine_pid() -> int | None:
    return find_running(places.runtime_dir())


def bare(modules: list[str]) -> list[str]:
    """Without their numbers, which a server that was started again gives anew, and without the owner's."""
    return [re.sub(r"owner=[\w.]+", "", line.split("\t", 1)[1]) for line in modules]


def test_who_is_left_notices_and_goes_on_or_ends_and_the_next_start_is_clean(server, build_model):
    """The clean start after one pair of kills is what the next pair meets. Client, then engine: test_cli_live."""
    command = ("live", "--model", str(build_model("pass")), "--keep-open")
    silent = bare(server.modules())
    with contextlib.ExitStack() as programs:
        live = programs.enter_context(Program(*command))
        live.shows("running")
        sounding = bare(server.modules())
        for victims in (
            ("engine", "client"),
            ("engine", "server"),
            ("client", "server"),
            ("server", "client"),
            ("server", "engine"),
        ):
            print(" then ".join(victims))
            for victim in victims:
                if victim == "client":
                    live.process.kill()
                elif victim == "server":
                    server.kill()
                    if "client" not in victims[:1]:
                        live.shows("reconnecting", NOTICED_S)
                else:
                    os.kill(engine_pid(), signal.SIGKILL)
                    live.shows(r"signal 9\) and was started again", NOTICED_S)
                    if victim == victims[0]:
                        assert sources(server).count("\tenhancer_mic\t") == 1
            if "client" in victims:
                wait_until(lambda: engine_pid() is None, NOTICED_S, "the engine ends with its client")
            if "server" in victims:
                server.start()
            if "client" not in victims:
                wait_until(lambda: ctl_status()["state"] == "running", RECOVERED_S, "there is sound again")
                live.process.send_signal(signal.SIGINT)
                assert live.ends() == 130
                assert bare(server.modules()) == silent
            live = programs.enter_context(Program(*command))
            live.shows("running")
            assert sources(server).count("\tenhancer_mic\t") == 1
            assert bare(server.modules()) == sounding
        live.process.kill()
        wait_until(lambda: "enhancer_mic" not in sources(server), NOTICED_S, "the microphone goes")
        wait_until(lambda: engine_pid() is None, NOTICED_S, "the engine ends")
    assert bare(server.modules()) == silent
