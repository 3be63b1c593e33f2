"""`python -m gui.playback.process`: plays what a window asks for, in a process that no busy window can stutter.

Lines of JSON come on standard input: {"load": [BEFORE, AFTER]}, {"play": bool}, {"seek": seconds}, {"after": bool} and
{"unload": true}; it ends with its input. Lines of JSON go out: {"loaded": {"seconds", "sample_rate", "channels"}},
{"position": seconds, "playing": bool} 20 times a second while it plays and whenever either jumps, {"ended": true}, and
{"error", "hint"}.

One thread reads the commands into a queue, the loudspeaker's takes sound from a ring, and the main thread does all the
rest: it follows the commands, keeps the ring full and reports.
"""

from __future__ import annotations

import contextlib
import json
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np

from enhancer.cli.console import drop_stdout
from enhancer.errors import UserError
from enhancer.live import places, settings
from enhancer.live.backend import Stream, StreamSpec
from enhancer.live.backends import default_backend
from enhancer.live.devices import find, list_devices
from enhancer.live.ring import Ring
from gui.playback.mixer import Mixer
from gui.playback.pair import Pair

AHEAD_S = 1.0  # of sound in the ring
PIECE_S = 0.1  # read at a time
LATENCY_S = 0.06
REPORT_S = 0.05
TICK_S = 0.02
REST_S = 1.0  # of pause until the loudspeaker is given back
FADE_OUT_S = 0.5  # within which a stream that lives has faded out


class Player:
    """The loaded pair and the loudspeaker. `follow` a command, `tick` often; both raise UserError."""

    def __init__(self) -> None:
        self._pair: Pair | None = None
        self._stream: Stream | None = None
        self._playing = self._after = False
        self._reported_at = self._paused_at = 0.0
        self._dry_at: float | None = None  # since when all has been given to the loudspeaker

    def follow(self, command: dict[str, Any]) -> None:
        """Does what a line asks for."""
        match command:
            case {"load": [str(before), str(after)]}:
                self.close()
                self._load(Pair(Path(before), Path(after)))
            case {"unload": _}:
                self.close()
            case {"after": bool(after)}:
                self._after = after
                if self._pair is not None:
                    self._mixer.choose(after)
            case {"play": bool(on)} if self._pair is not None:
                self._play(on)
            case {"seek": int(seconds) | float(seconds)} if self._pair is not None:
                self._seek(float(seconds))

    def tick(self) -> None:
        """Keeps the sound flowing and tells where it is."""
        if self._pair is None:
            return
        self._fill(self._pair)
        now = monotonic()
        if not self._playing:
            if self._stream is not None and now - self._paused_at > REST_S:
                self._close_stream()
            return
        assert self._stream is not None
        if not self._stream.alive:
            reason = self._stream.error
            self._play(False)
            self._close_stream()
            raise UserError(f"playing has stopped: {reason}", "play again: it takes the loudspeaker that is there")
        if self._complete and not self._ring.fill:
            self._dry_at = self._dry_at or now
            if now - self._dry_at > self._stream.latency_s:
                self._play(False)
                self._begin_at(0.0)
                say(ended=True)
                return
        if now - self._reported_at >= REPORT_S:
            self._report()

    def close(self) -> None:
        """Closes files and loudspeaker."""
        self._playing = False
        self._close_stream()
        if self._pair is not None:
            self._pair.close()
            self._pair = None

    def _load(self, pair: Pair) -> None:
        self._pair = pair
        self._begin_at(0.0)
        say(loaded={"seconds": pair.seconds, "sample_rate": pair.sample_rate, "channels": pair.channels})

    def _begin_at(self, seconds: float) -> None:
        """A new ring, so that the loudspeaker's thread may still be at work on the old one."""
        assert self._pair is not None
        self._origin_s = min(max(seconds, 0.0), self._pair.seconds)
        self._pair.seek(self._origin_s)
        self._complete, self._dry_at = False, None
        self._ring = Ring(round(AHEAD_S * self._pair.sample_rate), 2 * self._pair.channels)
        self._fill(self._pair)
        mixer = Mixer(self._ring, self._pair.sample_rate, self._pair.channels, after=self._after)
        mixer.play(self._playing)
        self._mixer = mixer

    def _fill(self, pair: Pair) -> None:
        piece = round(PIECE_S * pair.sample_rate)
        while not self._complete and self._ring.capacity - self._ring.fill >= piece:
            block = pair.read(piece)
            self._ring.write(block)
            self._complete = len(block) < piece

    def _play(self, on: bool) -> None:
        if on:
            self._open_stream()
        self._playing = on
        self._paused_at = monotonic()
        self._mixer.play(on)
        self._report()

    def _seek(self, seconds: float) -> None:
        self._mixer.play(False)
        deadline = monotonic() + FADE_OUT_S
        while self._playing and not self._mixer.silent and monotonic() < deadline:
            sleep(0.002)
        self._begin_at(seconds)
        self._report()

    def _open_stream(self) -> None:
        assert self._pair is not None
        if self._stream is not None and self._stream.alive:
            return
        self._close_stream()
        spec = StreamSpec(_output(), self._pair.sample_rate, self._pair.channels, 480, LATENCY_S)
        self._stream = default_backend().open_output(spec, self._give)
        if self._stream.sample_rate != self._pair.sample_rate:
            at_s = self._heard_s
            self._pair.sample_rate = self._stream.sample_rate
            self._begin_at(at_s)
        self._stream.start()

    def _give(self, block: np.ndarray) -> None:
        self._mixer.give(block)

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    @property
    def _heard_s(self) -> float:
        assert self._pair is not None
        late_s = self._stream.latency_s if self._playing and self._stream is not None else 0.0
        if self._dry_at is not None:
            late_s = max(0.0, late_s - (monotonic() - self._dry_at))
        return self._origin_s + max(0.0, self._ring.taken / self._pair.sample_rate - late_s)

    def _report(self) -> None:
        self._reported_at = monotonic()
        say(position=round(self._heard_s, 4), playing=self._playing)


def _output() -> str | None:
    """Where `enhancer live` plays, if it is there; None is the default, to which the stream then keeps."""
    devices = list_devices()
    device, _ = settings.recall(settings.load(places.config_file())[0].output, "output", devices)
    if device is None or device.ours:
        device = find(devices, None, "output")
    return None if device.default else device.name


def say(**message: object) -> None:
    """A line to the window."""
    print(json.dumps(message), flush=True)


def _read_commands(commands: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    try:
        for line in sys.stdin:
            commands.put(json.loads(line))
    finally:
        commands.put(None)


def _waiting(commands: queue.SimpleQueue[dict[str, Any] | None]) -> Iterator[dict[str, Any] | None]:
    """Commands that have come by now, waiting a moment for the first; of seeks one after the other, the last."""
    found: list[dict[str, Any] | None] = []
    with contextlib.suppress(queue.Empty):
        found.append(commands.get(timeout=TICK_S))
        while True:
            found.append(commands.get_nowait())
    for number, command in enumerate(found):
        following = found[number + 1] if number + 1 < len(found) else None
        if command is None or following is None or "seek" not in command or "seek" not in following:
            yield command


def main() -> None:
    """Plays until standard input ends."""
    commands: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_read_commands, args=(commands,), daemon=True).start()
    player = Player()
    try:
        while True:
            try:
                for command in _waiting(commands):
                    if command is None:
                        return
                    player.follow(command)
                player.tick()
            except UserError as error:
                say(error=error.message, hint=error.hint)
    except (KeyboardInterrupt, BrokenPipeError):  # the window is gone, or its terminal is
        with contextlib.suppress(OSError):
            drop_stdout()
    finally:
        player.close()


if __name__ == "__main__":
    main()
