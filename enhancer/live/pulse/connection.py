"""A connection to the sound server by pulsectl, with pulsectl's traps dealt with, and the events that come through it.

A connection belongs to one thread at a time. Nothing here starts a server: one that was stopped is not ours to bring
back. What fails raises DeviceError, and so does importing this where pulsectl is missing.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from enhancer.live.errors import DeviceError

try:
    import pulsectl
    from pulsectl import _pulsectl as libpulse
    from pulsectl.pulsectl import PulseDisconnected
except ImportError:
    raise DeviceError("the package pulsectl is not installed", "pip install 'enhancer[live]'") from None
except OSError:
    raise DeviceError("libpulse is not installed", "install libpulse0 (Debian, Ubuntu)") from None

CONNECT_S = 2.0
ANSWER_S = 5.0  # a server that has not answered by then is frozen; on a busy machine it may take a second
STOP_POLL_S = 0.5  # how soon a thread that waits for events notices that it shall stop; costs two wake-ups a second


class _NoAnswer(pulsectl.PulseError):
    """The server is there, but frozen."""


@contextmanager
def server_errors() -> Iterator[None]:
    """Turns what pulsectl raises into DeviceError: the server is gone, does not answer, or refuses."""
    try:
        yield
    except _NoAnswer as error:
        raise DeviceError(str(error), "systemctl --user restart pipewire-pulse") from None
    except PulseDisconnected:
        raise DeviceError("the sound server went away", "systemctl --user restart pipewire-pulse") from None
    except (pulsectl.PulseError, libpulse.LibPulse.CallError) as error:
        raise DeviceError(f"the sound server did not do what was asked: {error or type(error).__name__}") from None


class _Sink(pulsectl.PulseSinkInfo):
    def _init_from_struct(self, struct: libpulse.PA_SINK_INFO) -> None:
        # pulsectl keeps a reference to `sample_spec`, whose memory libpulse frees after this call: copied in time.
        self.sample_rate = int(struct.sample_spec.rate)


class _Source(pulsectl.PulseSourceInfo):
    def _init_from_struct(self, struct: libpulse.PA_SOURCE_INFO) -> None:
        self.sample_rate = int(struct.sample_spec.rate)


class Connection(pulsectl.Pulse):
    """Connected when it has been made; close it, or use it in a `with`. Sinks and sources also have `sample_rate`.

    client_name: how the server lists us. server: an address as in PULSE_SERVER; None is the user's own server.
    answer_s: for the server to answer a question; None: as long as it takes on a busy machine. Raises DeviceError when
    there is no server or it does not answer within two seconds.
    """

    sink_list = pulsectl.Pulse._pulse_get_list(
        libpulse.PA_SINK_INFO_CB_T, libpulse.pa.context_get_sink_info_list, _Sink
    )
    source_list = pulsectl.Pulse._pulse_get_list(
        libpulse.PA_SOURCE_INFO_CB_T, libpulse.pa.context_get_source_info_list, _Source
    )

    def __init__(self, client_name: str, server: str | None = None, answer_s: float | None = None) -> None:
        self._answer_s = answer_s
        super().__init__(client_name, server=server, connect=False)
        try:
            self.connect(timeout=CONNECT_S)
        except pulsectl.PulseError:
            self.close()
            raise DeviceError(
                "no connection to the sound server", "start it: systemctl --user start pipewire-pulse (or pulseaudio)"
            ) from None

    def _pulse_state_cb(self, context: object, userdata: object) -> None:
        super()._pulse_state_cb(context, userdata)
        if self.connected:
            self._loop_stop = True  # else connect(timeout=2) always takes two seconds

    def close(self) -> None:
        """Leaves the server; does nothing the second time."""
        super().close()
        self.connected = False

    def _pulse_iterate(self, block: bool = True) -> None:
        """Waits for the server, as its caller does for an answer. pulsectl would wait forever for a frozen one."""
        answer_s = ANSWER_S if self._answer_s is None else self._answer_s
        with self._pulse_loop() as loop:
            libpulse.pa.mainloop_prepare(loop, round(1e6 * answer_s) if block else 0)
            libpulse.pa.mainloop_poll(loop)
            if not libpulse.pa.mainloop_dispatch(loop) and block:
                self.disconnect()  # a late answer would be given to callbacks that are no more
                raise _NoAnswer(f"the sound server has not answered for {answer_s:g} s")

    def changes(
        self,
        *facilities: str,
        stop: threading.Event,
        settle_s: float = 0.0,
        for_s: float = math.inf,
        every_s: float = math.inf,
    ) -> Iterator[bool]:
        """Yields True at once, then whenever something of these facilities ("sink", "server", ...) has changed.

        Changes within `settle_s` of each other count as one. Without any for `every_s` it yields False. Ends when
        `stop` is set, or after `for_s`; raises DeviceError when the server goes away. Between two yields the connection
        may be asked anything.
        """
        changed, deadline, due = True, time.monotonic() + for_s, math.inf

        def note(_event: pulsectl.PulseEventInfo) -> None:
            nonlocal changed
            changed = True
            raise pulsectl.PulseLoopStop  # pulsectl allows no questions inside of its callback

        with server_errors():
            self.event_callback_set(note)
            self.event_mask_set(*facilities)
        while not stop.is_set() and (remaining := deadline - time.monotonic()) > 0:
            if changed or time.monotonic() >= due:
                happened, changed = changed, False
                yield happened
                due = time.monotonic() + every_s
            with server_errors():
                if not changed:  # may have come along with an answer
                    self.event_listen(min(STOP_POLL_S, remaining, max(0.001, due - time.monotonic())))
            if changed and settle_s:
                time.sleep(settle_s)
