"""The engine's control socket: one engine, its owner's alone, and no client can do it harm."""

import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enhancer.errors import UserError
from enhancer.live import control, places
from enhancer.live.channel import Broken, Channel, dial
from enhancer.live.client import EngineClient
from enhancer.live.control import BURST, MAX_CLIENTS, RATE, ControlServer
from enhancer.live.errors import AlreadyRunning, EngineError, NotRunning, RequestRefused
from enhancer.live.instance import find_running
from enhancer.live.protocol import (
    MAX_MESSAGE,
    Bypass,
    EngineState,
    Hello,
    Ok,
    Refused,
    Reply,
    Request,
    SetLimit,
    Shutdown,
    Start,
    Status,
    StatusReply,
    Stop,
    Welcome,
    decode_reply,
    encode,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="clients below speak to a socket")

SERVER = """
import subprocess, sys, time
from pathlib import Path
from enhancer.live.control import ControlServer
from enhancer.live.protocol import Ok

ControlServer(Path(sys.argv[1]), lambda request: Ok()).start()
child = subprocess.Popen(["sleep", "60"])  # one that outlives the engine must not keep its lock
print(child.pid, flush=True)
time.sleep(60)
"""

# Asks for the state as fast as it can; "reads" or never reads what it is answered.
FLOOD = """
import sys
from pathlib import Path
from enhancer.live.client import EngineClient
from enhancer.live.protocol import Status, encode

channel = EngineClient(Path(sys.argv[1]), 20.0)._channel
question = encode(Status())
print("ready", flush=True)
while True:
    channel.send(question)
    if sys.argv[2] == "reads":
        while channel.wait(0):
            channel.receive()
"""


class Desk:
    """An engine that does what it is told: keeps what it was asked, and answers."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Reply:
        self.asked.append(request)
        match request:
            case Status():
                return StatusReply(EngineState.RUNNING, message=4000 * "€", input=4000 * "€")
            case SetLimit():
                raise UserError("not in this room", "open a window")
            case Start():
                raise KeyError("a bug")
            case Stop():
                sleep(0.3)
        return Ok()


@pytest.fixture
def runtime() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="enh-"))  # pytest's own may be too long for a socket
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def server(runtime, desk) -> Iterator[ControlServer]:
    with ControlServer(runtime, desk) as server:
        yield server


@pytest.fixture(scope="module")
def lasting() -> Iterator[Callable[[], Path]]:
    """One server for all examples of a property: waits until the last example's client is gone, says where it is."""
    folder = Path(tempfile.mkdtemp(prefix="enh-"))
    with ControlServer(folder, Desk()) as server:

        def unoccupied() -> Path:
            wait_until(lambda: server.clients == 0)
            return folder

        yield unoccupied
    shutil.rmtree(folder)


@contextmanager
def process(script: str, *arguments: object) -> Iterator[tuple[subprocess.Popen, str]]:
    """A Python process that has printed its first line."""
    child = subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    try:
        yield child, child.stdout.readline().strip()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@contextmanager
def channel_to(runtime: Path) -> Iterator[Channel]:
    """A client that has proven who it is, and says what it likes."""
    channel = dial(places.control_address(runtime), 10.0)
    channel.prove(places.key_path(runtime).read_bytes(), asks_first=False)
    yield channel
    channel.close()


@contextmanager
def socket_to(runtime: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as plug:
        plug.settimeout(10.0)
        plug.connect(places.control_address(runtime))
        yield plug


def ask(channel: Channel, data: bytes) -> Reply:
    channel.send(data)
    assert channel.wait(10.0)
    return decode_reply(channel.receive())


def wait_until(what: Callable[[], bool], seconds: float = 10.0) -> None:
    end = monotonic() + seconds
    while not what():
        assert monotonic() < end
        sleep(0.01)


def test_requests_reach_the_engine_and_replies_the_client(runtime, server, desk):
    with EngineClient(runtime) as client:
        assert client.pid == os.getpid() and client.meters_path == runtime / "meters"
        assert client.request(Bypass(True)) == Ok()
        assert client.request(Status()).state is EngineState.RUNNING
    assert desk.asked == [Bypass(True), Status()]


def test_a_refusal_says_why_and_what_would_help(runtime, server):
    with EngineClient(runtime) as client:
        with pytest.raises(RequestRefused) as refused:
            client.request(SetLimit(3))
        assert (refused.value.message, refused.value.hint) == ("not in this room", "open a window")
        assert client.request(Bypass(True)) == Ok()


def test_a_bug_in_the_engine_is_logged_and_the_client_told(runtime, server, caplog):
    with EngineClient(runtime) as client:
        with pytest.raises(RequestRefused) as refused:
            client.request(Start())
        assert refused.value.hint == "its log says why"
        assert client.request(Bypass(True)) == Ok()
    assert "KeyError" in caplog.text


messages = st.binary(max_size=200) | st.dictionaries(
    st.sampled_from(["type", "on", "db"]), st.sampled_from(["start", "bypass", "hello", "set_limit", 1, None, [], {}])
).map(lambda values: json.dumps(values).encode())


@given(st.lists(messages, max_size=5))
@settings(deadline=None, max_examples=20)
def test_a_client_may_say_anything(lasting, said):
    with channel_to(lasting()) as channel:
        assert isinstance(ask(channel, encode(Hello())), Welcome)
        for data in said:
            assert isinstance(ask(channel, data), Ok | Refused)
        assert isinstance(ask(channel, encode(Bypass(True))), Ok)


@given(messages)
@settings(deadline=None, max_examples=20)
def test_a_client_may_begin_with_anything_and_gets_a_refusal_and_the_end(lasting, data):
    with channel_to(lasting()) as channel:
        assert isinstance(ask(channel, data), Refused)
        with pytest.raises(Broken):
            channel.receive()


@given(st.binary(max_size=100))
@settings(deadline=None, max_examples=20)
def test_a_stranger_may_send_anything_and_gets_the_end(lasting, data):
    with socket_to(lasting()) as plug:
        plug.sendall(data)
        with suppress(OSError):  # it has hung up already
            plug.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):  # reset, when what we sent was not read to the end
            while plug.recv(1000):  # the challenge
                pass
    with EngineClient(lasting(), 10.0) as client:
        assert client.request(Bypass(True)) == Ok()


@pytest.mark.parametrize("length", [MAX_MESSAGE + 1, 2**31 - 1], ids=["a byte too many", "2 GB"])
def test_a_message_that_is_too_long_is_refused_and_the_connection_ends(runtime, server, desk, length):
    with channel_to(runtime) as channel:
        ask(channel, encode(Hello()))
        os.write(channel._connection.fileno(), struct.pack("!i", length) + b"{")
        assert "65536 bytes" in decode_reply(channel.receive()).message
        with pytest.raises(Broken):
            channel.receive()
    assert desk.asked == []


def test_a_message_that_is_begun_and_not_ended_ends_the_connection(runtime, desk, monkeypatch):
    monkeypatch.setattr(control, "PATIENCE_S", 0.3)
    with ControlServer(runtime, desk) as server, channel_to(runtime) as channel:
        ask(channel, encode(Hello()))
        os.write(channel._connection.fileno(), struct.pack("!i", 100) + b"{")
        with EngineClient(runtime, 10.0) as other:
            assert other.request(Bypass(True)) == Ok()
            wait_until(lambda: server.clients == 1)


def test_those_who_never_say_who_they_are_lose_their_place(runtime, desk, monkeypatch):
    monkeypatch.setattr(control, "PATIENCE_S", 0.3)
    with ControlServer(runtime, desk), socket_to(runtime) as first, channel_to(runtime) as second:
        with EngineClient(runtime, 10.0) as client:
            assert client.request(Bypass(True)) == Ok()
        assert first.recv(100)  # the challenge
        assert first.recv(100) == b""
        with pytest.raises(Broken):
            second.receive()


def test_a_client_of_a_newer_version_is_told_so(runtime, server):
    with channel_to(runtime) as channel:
        refused = ask(channel, b'{"type": "hello", "version": 3, "more": true}')
    assert "version 2" in refused.message and "version 3" in refused.message and str(os.getpid()) in refused.hint


def test_a_client_with_another_key_is_turned_away(runtime, server, desk, caplog):
    places.key_path(runtime).write_bytes(bytes(32))
    with pytest.raises(EngineError, match="does not know this client's key"):
        EngineClient(runtime)
    wait_until(lambda: "turned away" in caplog.text)
    assert desk.asked == [] and server.clients == 0


def test_the_ninth_client_is_refused_until_another_leaves(runtime, server):
    clients = [EngineClient(runtime, 10.0) for _ in range(MAX_CLIENTS)]
    assert server.clients == MAX_CLIENTS
    with pytest.raises(RequestRefused, match="8 clients already"):
        EngineClient(runtime, 10.0)
    clients.pop().close()
    wait_until(lambda: server.clients == MAX_CLIENTS - 1)
    clients.append(EngineClient(runtime, 10.0))
    for client in clients:
        client.close()


def test_the_engine_knows_how_long_it_has_been_without_clients(runtime, server):
    wait_until(lambda: server.idle_s > 0.05)
    with EngineClient(runtime):
        assert server.idle_s == 0.0
    wait_until(lambda: 0.0 < server.idle_s < 10.0)


def test_everything_in_the_runtime_folder_is_the_owners_alone(runtime, server):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in runtime.iterdir()}
    assert modes == {"lock": 0o600, "key": 0o600, "control": 0o600}


def test_clients_that_spin_or_never_read_delay_nobody(runtime, desk, monkeypatch):
    monkeypatch.setattr(control, "PATIENCE_S", 1.0)
    with (
        ControlServer(runtime, desk) as server,
        process(FLOOD, runtime, "reads"),
        process(FLOOD, runtime, "never"),
        EngineClient(runtime, 20.0) as client,
    ):
        before, start = len(desk.asked), monotonic()
        times = []
        while monotonic() < start + 1.0:
            asked = monotonic()
            assert client.request(Bypass(True)) == Ok()
            times.append(monotonic() - asked)
            sleep(0.05)
        # The median, since a busy machine may hold up anybody for a moment.
        assert median(times) < 0.1
        of_flooders = sum(isinstance(request, Status) for request in desk.asked[before:])
        assert of_flooders <= 2 * (BURST + RATE * (monotonic() - start) + 1)
        wait_until(lambda: server.clients == 2)  # who never reads is no client for long


def test_a_slow_request_delays_only_those_who_ask(runtime, server):
    with EngineClient(runtime) as slow, EngineClient(runtime) as other:
        asking = threading.Thread(target=slow.request, args=(Stop(),))
        asking.start()
        sleep(0.05)
        assert other.request(Bypass(True)) == Ok()
        asking.join()


def test_a_reply_that_comes_too_late_is_not_taken_for_the_next(runtime, server):
    with EngineClient(runtime) as client:
        with pytest.raises(EngineError, match="does not answer"):
            client.request(Stop(), timeout_s=0.05)
        with pytest.raises(NotRunning, match="has ended"):
            client.request(Status())


def test_the_reply_to_a_request_that_was_interrupted_is_not_taken_for_the_next(runtime, server, monkeypatch):
    def interrupted(seconds):
        raise KeyboardInterrupt

    with EngineClient(runtime) as client:
        monkeypatch.setattr(client._channel, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.request(Start())
        monkeypatch.undo()
        with pytest.raises(NotRunning):
            client.request(Status())


def test_the_one_who_asks_for_the_end_is_answered(runtime):
    asked_to_end = threading.Event()

    def handle(request: Request) -> Reply:
        asked_to_end.set()
        sleep(0.1)
        return Ok()

    server = ControlServer(runtime, handle)
    server.start()
    closing = threading.Thread(target=lambda: asked_to_end.wait() and server.close())
    closing.start()
    with EngineClient(runtime) as client:
        assert client.request(Shutdown()) == Ok()
        closing.join()
        with pytest.raises(NotRunning, match="the engine has ended"):
            client.request(Status())


def test_an_engine_that_ends_leaves_nothing_behind_and_can_start_again(runtime, desk):
    for _ in range(2):
        with ControlServer(runtime, desk), EngineClient(runtime) as client:
            client.request(Bypass(True))
        assert list(runtime.iterdir()) == []
        assert find_running(runtime) is None
        with pytest.raises(NotRunning, match="no engine is running") as none:
            EngineClient(runtime)
        assert none.value.hint == "start one: enhancer live"


def test_a_second_engine_is_told_about_the_first_and_can_talk_to_it(runtime, desk):
    with process(SERVER, runtime) as (first, child):
        assert find_running(runtime) == first.pid
        with pytest.raises(AlreadyRunning, match=f"process {first.pid}"):
            ControlServer(runtime, desk).start()
        with EngineClient(runtime, 10.0) as client:
            assert client.pid == first.pid
            assert client.request(Bypass(True)) == Ok()
        os.kill(int(child), signal.SIGKILL)


def test_an_engine_that_was_killed_is_noticed_and_cleared_away_by_the_next(runtime, desk):
    with process(SERVER, runtime) as (first, child):
        client = EngineClient(runtime, 10.0)
        first.kill()
        first.wait()
        killed = monotonic()
        with pytest.raises(NotRunning, match="has ended"):
            client.request(Status())
        assert monotonic() < killed + 2.0
        assert {path.name for path in runtime.iterdir()} == {"lock", "key", "control"}
        assert find_running(runtime) is None
        with pytest.raises(NotRunning):
            EngineClient(runtime)
        key = places.key_path(runtime).read_bytes()
        with ControlServer(runtime, desk), EngineClient(runtime) as client:
            assert client.request(Bypass(True)) == Ok()
            assert places.key_path(runtime).read_bytes() != key
        assert list(runtime.iterdir()) == []
        os.kill(int(child), signal.SIGKILL)


def test_an_engine_that_hangs_is_one_clear_line(runtime):
    with process(SERVER, runtime) as (first, child):
        client = EngineClient(runtime, 10.0)
        first.send_signal(signal.SIGSTOP)
        os.waitpid(first.pid, os.WUNTRACED)  # until all its threads stand still
        with pytest.raises(EngineError, match="does not answer"):
            client.request(Status(), timeout_s=0.2)
        with pytest.raises(EngineError, match="does not answer"):
            EngineClient(runtime, 0.2)
        os.kill(int(child), signal.SIGKILL)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="becomes another user for a moment")
def test_the_engine_of_another_user_cannot_be_talked_to(runtime, server, desk):
    os.seteuid(65534)
    try:
        with pytest.raises(EngineError, match="another user"):
            EngineClient(runtime)
        with pytest.raises(EngineError, match="another user"):
            ControlServer(runtime, desk).start()
    finally:
        os.seteuid(0)
