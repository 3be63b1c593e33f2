"""Private sound servers, PulseAudio and PipeWire, for measurements: a loudspeaker and a microphone made of null sinks.

Each lives in a folder of its own and has nothing to do with the sound of whoever runs it. What is played into the sink
`room` is heard by the source `microphone`, what is played into `loudspeaker` by `loudspeaker.monitor`; both bit by bit.

What it takes (Debian 12): PulseAudio starts as root and needs no session bus. PipeWire needs wireplumber to link
streams, and wireplumber 0.4 ends at once without a session bus, so a private dbus-daemon goes with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from enhancer.errors import ConfigError

START_S = 10.0  # a busy machine; half a second on an idle one
TOOLS = ("pactl", "pacat", "parec")
# What goes in comes out bit by bit. Rewinding would make PulseAudio's null sink work in blocks of two seconds.
FORMAT = ("format=float32le", "channels=2", "norewinds=1")
# A cycle of 10.7 ms. Asked for less, PipeWire goes down to 5.3 ms, and in a virtual machine whose real-time threads
# come up to 6 ms late (measured here) its own graph then drops cycles, whoever plays. Left alone it takes 21 ms there.
PIPEWIRE_CONF = """context.properties = {
    default.clock.quantum = 512
    default.clock.min-quantum = 512
    vm.overrides = { default.clock.min-quantum = 512 }
}
"""


def wait_until(happened: Callable[[], object], within_s: float, what: str, every_s: float = 0.01) -> object:
    """Returns what `happened()` gives as soon as that is true; AssertionError if it is not within `within_s`."""
    deadline = time.monotonic() + within_s
    while not (result := happened()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within_s:g} s")
        time.sleep(every_s)
    return result


def be_urgent() -> None:
    """This process before others, as a desktop runs its sound server; only root may, so it is no more than a try."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -11)


def _before_exec() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: who is killed leaves nothing behind
    be_urgent()


class Recording:
    """A parec that is running; `stop` gives what it has recorded so far, float32 [samples] or [samples, channels]."""

    def __init__(self, process: subprocess.Popen, path: Path, channels: int) -> None:
        self.process, self._path, self._channels = process, path, channels

    @property
    def bytes_so_far(self) -> int:
        return self._path.stat().st_size

    def stop(self) -> np.ndarray:
        self.process.terminate()
        self.process.wait(5)
        samples = np.fromfile(self._path, np.float32)
        self._path.unlink()
        whole = len(samples) // self._channels * self._channels
        return samples[:whole].reshape(-1, self._channels) if self._channels > 1 else samples


class SoundServer:
    """What the two servers share: started, killed and started again at the same address; players and recorders."""

    name = ""
    programs: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sound-"))  # short: a socket's path has 108 characters
        self.runtime = self.folder / "run"
        self.runtime.mkdir(mode=0o700)
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PULSE_", "PIPEWIRE_", "DBUS_", "XDG_"))
            and key not in ("DISPLAY", "WAYLAND_DISPLAY")
        }
        self.environment = inherited | {
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "PULSE_SERVER": self.address,
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.runtime}/bus",
        }
        self._processes: list[subprocess.Popen] = []
        self._log = (self.folder / "log").open("ab")

    @property
    def address(self) -> str:
        """As PULSE_SERVER wants it."""
        raise NotImplementedError

    @property
    def log(self) -> str:
        """What the servers have said."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def pids(self) -> tuple[int, ...]:
        """The server's processes."""
        return tuple(process.pid for process in self._processes)

    def start(self) -> None:
        """Starts it and makes `loudspeaker` and `microphone`, which are its defaults.

        Raises ConfigError where its programs are not installed.
        """
        missing = [program for program in self.programs if shutil.which(program) is None]
        if missing:
            raise ConfigError(f"{self.name} needs {', '.join(missing)}", "see tools/system_packages.sh")
        self._start()
        wait_until(lambda: self.pactl("info", check=False), START_S, f"{self.name} answers")
        for sink in ("loudspeaker", "room"):
            self._add_sink(sink, 48_000)
        self._add_microphone("microphone", "room")
        wait_until(lambda: "\tmicrophone\t" in self.pactl("list", "short", "sources"), START_S, "a microphone")
        self.pactl("set-default-sink", "loudspeaker")
        self.pactl("set-default-source", "microphone")
        wait_until(lambda: self.defaults() == ("loudspeaker", "microphone"), START_S, "the defaults are set")

    def add_microphone(self, name: str, room: str, sample_rate: int) -> None:
        """One more microphone, of its own rate in Hz: it hears what is played into the new sink `room`."""
        self._add_sink(room, sample_rate)
        self._add_microphone(name, room)

    def _add_sink(self, name: str, sample_rate: int) -> None:
        self.pactl("load-module", "module-null-sink", f"sink_name={name}", f"rate={sample_rate}", *FORMAT)

    def _add_microphone(self, name: str, room: str) -> None:
        self.pactl(
            "load-module", "module-remap-source", f"source_name={name}", f"master={room}.monitor", "channels=1",
            "master_channel_map=front-left", "channel_map=mono", "remix=no",
        )  # fmt: skip

    def _start(self) -> None:
        raise NotImplementedError

    def kill(self) -> None:
        """kill -9: no process of the server has time to say goodbye."""
        for process in reversed(self._processes):
            process.kill()
            process.wait(5)
        self._processes.clear()

    def freeze(self) -> None:
        """It is there, but does not answer any more."""
        for process in self._processes:
            process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        """Ends it and removes its folder."""
        self.kill()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def spawn(self, *command: str, **options) -> subprocess.Popen:
        """A program that knows this server alone, and that ends when we end."""
        options = {"stdin": subprocess.DEVNULL, "stdout": self._log, "stderr": self._log} | options
        return subprocess.Popen(command, env=self.environment, preexec_fn=_before_exec, **options)

    def pactl(self, *arguments: str, check: bool = True) -> str:
        """What `pactl` prints; empty when it fails and `check` is off."""
        done = subprocess.run(
            ["pactl", *arguments], env=self.environment, capture_output=True, text=True, timeout=10, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"pactl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout if done.returncode == 0 else ""

    def defaults(self) -> tuple[str, str]:
        """Names of the default sink and the default source."""
        lines = dict(line.split(": ", 1) for line in self.pactl("info").splitlines() if ": " in line)
        return lines["Default Sink"], lines["Default Source"]

    def modules(self) -> list[str]:
        """The loaded modules, a line each: number, name, arguments."""
        return self.pactl("list", "short", "modules").splitlines()

    def record(self, source: str, sample_rate: int = 48_000, channels: int = 1, latency_ms: int = 10) -> Recording:
        """Records a source from now on; returns when sound has begun to flow."""
        descriptor, name = tempfile.mkstemp(suffix=".raw", dir=self.folder)
        with os.fdopen(descriptor, "wb") as file:
            process = self.spawn(
                "parec", f"--device={source}", *_format(sample_rate, channels, latency_ms), stdout=file
            )
        recording = Recording(process, Path(name), channels)
        wait_until(lambda: recording.bytes_so_far, START_S, f"{source} gives sound")
        return recording

    def play(self, sink: str, samples: np.ndarray, sample_rate: int = 48_000, latency_ms: int = 10) -> subprocess.Popen:
        """Begins to play float samples [n] or [n, channels] into a sink; the player ends by itself."""
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        descriptor, name = tempfile.mkstemp(suffix=".raw", dir=self.folder)
        with os.fdopen(descriptor, "w+b") as file:
            file.write(np.ascontiguousarray(samples, np.float32).tobytes())
            file.seek(0)
            os.unlink(name)
            return self.spawn("pacat", f"--device={sink}", *_format(sample_rate, channels, latency_ms), stdin=file)

    def play_and_record(
        self, sink: str, source: str, samples: np.ndarray, sample_rate: int = 48_000, latency_ms: int = 10
    ) -> np.ndarray:
        """What `source` hears, from before `samples` are played into `sink` until a quarter of a second after.

        With 10 ms it takes an idle machine to hear them without a gap; 100 ms bear a busy one.
        """
        recording = self.record(source, sample_rate, latency_ms=latency_ms)
        player = self.play(sink, samples, sample_rate, latency_ms)
        assert player.wait(len(samples) / sample_rate + START_S) == 0
        time.sleep(0.25)
        return recording.stop()


def _format(sample_rate: int, channels: int, latency_ms: int) -> list[str]:
    return [
        "--raw",
        "--format=float32le",
        f"--rate={sample_rate}",
        f"--channels={channels}",
        f"--latency-msec={latency_ms}",
    ]


class PulseAudioServer(SoundServer):
    name = "PulseAudio"
    programs = ("pulseaudio", *TOOLS)

    @property
    def address(self) -> str:
        return f"unix:{self.runtime}/native"

    def _start(self) -> None:
        self._processes.append(
            self.spawn(
                "pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes",
                f"--load=module-native-protocol-unix socket={self.runtime}/native auth-anonymous=1",
            )
        )  # fmt: skip


class PipeWireServer(SoundServer):
    name = "PipeWire"
    programs = ("pipewire", "pipewire-pulse", "wireplumber", "dbus-daemon", *TOOLS)

    @property
    def address(self) -> str:
        return f"unix:{self.runtime}/pulse/native"

    def _start(self) -> None:
        config = self.folder / ".config" / "pipewire" / "pipewire.conf.d"
        config.mkdir(parents=True, exist_ok=True)
        (config / "quantum.conf").write_text(PIPEWIRE_CONF)
        bus, socket = self.runtime / "bus", self.runtime / "pipewire-0"
        for path in (bus, socket):
            path.unlink(missing_ok=True)
        address = self.environment["DBUS_SESSION_BUS_ADDRESS"]
        for path, *command in (
            (bus, "dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={address}"),
            (socket, "pipewire"),
        ):
            self._processes.append(self.spawn(*command))
            wait_until(path.exists, START_S, f"{command[0]} has started")
        self._processes += [self.spawn("wireplumber"), self.spawn("pipewire-pulse")]
