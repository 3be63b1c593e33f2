"""The sound servers that tests of live sound run against; see tests/live/sound_servers.py for what they offer."""

import contextlib
import os
import shutil
from collections.abc import Iterator

import pytest

from benchmarks.live_servers import be_urgent
from tests.live.sound_servers import PipeWireServer, PulseAudioServer, SoundServer

SERVERS = {"pulseaudio": PulseAudioServer, "pipewire": PipeWireServer}
FOUND: dict[SoundServer, list[str]] = {}  # the modules of each shared server before the first test


def started(kind: type[SoundServer]) -> SoundServer:
    """A new server that runs; skips the test where its programs are not installed."""
    missing = [program for program in kind.programs if shutil.which(program) is None]
    if missing:
        pytest.skip(
            f"{kind.name} tests need {', '.join(missing)}: run `make test` as root, or see tools/system_packages.sh"
        )
    server = kind()
    try:
        server.start()
    except BaseException:
        print(server.log)
        server.close()
        raise
    return server


@pytest.fixture(scope="module", autouse=True)
def before_others():
    """These tests, and the programs they start, come before those of other workers, as sound does on a desktop."""
    if not hasattr(os, "setpriority"):  # Windows
        return (yield)
    ordinary = os.getpriority(os.PRIO_PROCESS, 0)
    be_urgent()
    yield
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, ordinary)


def shared(kind: type[SoundServer]) -> Iterator[SoundServer]:
    """One that the tests of this process share, and what lies on it from the start: see `cleared_for_another_try`."""
    server = started(kind)
    FOUND[server] = server.modules()
    yield server
    del FOUND[server]
    server.close()


@pytest.fixture(scope="session")
def pulse_server():
    """A PulseAudio server that the tests of this process share: leave it as you found it, and alive."""
    yield from shared(PulseAudioServer)


@pytest.fixture(scope="session")
def pipewire_server():
    """A PipeWire server that the tests of this process share: leave it as you found it, and alive."""
    yield from shared(PipeWireServer)


@pytest.fixture(autouse=True)
def cleared_for_another_try(request):
    """What a test left on shared servers when it failed is gone when it is tried again: else none could hold."""
    if getattr(request.node, "execution_count", 1) > 1:  # of pytest-rerunfailures
        for server, found in FOUND.items():
            for module in server.modules():
                if module not in found:
                    server.pactl("unload-module", module.split()[0], check=False)
            server.pactl("set-default-sink", "loudspeaker")
            server.pactl("set-default-source", "microphone")


@pytest.fixture(params=SERVERS)
def sound_server(request):
    """Each of the two shared servers in turn."""
    return request.getfixturevalue({"pulseaudio": "pulse_server", "pipewire": "pipewire_server"}[request.param])


@pytest.fixture(params=SERVERS)
def mortal_server(request):
    """Each kind of server in turn, this test's own: it may be killed, frozen and reconfigured."""
    server = started(SERVERS[request.param])
    yield server
    server.close()


@pytest.fixture
def home(tmp_path_factory, monkeypatch):
    """A user's folders (runtime, settings, state) that are this test's alone, for its processes as well."""
    folder = tmp_path_factory.mktemp("h")
    for name in ("RUNTIME_DIR", "CONFIG_HOME", "STATE_HOME"):
        (folder / name).mkdir(mode=0o700)
        monkeypatch.setenv(f"XDG_{name}", str(folder / name))
    return folder


@pytest.fixture
def own_pulse(pulse_server, home, monkeypatch):
    """The shared PulseAudio server as this user's own, whom nobody else's engine disturbs."""
    monkeypatch.setenv("PULSE_SERVER", pulse_server.address)
    return pulse_server
