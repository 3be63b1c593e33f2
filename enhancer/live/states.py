"""What the engine may do next: a small explicit machine. Drawn in docs/live.md."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from time import time

from enhancer.live.protocol import EngineState as State
from enhancer.live.protocol import Event

_log = logging.getLogger(__name__)

NEXT: Mapping[State, frozenset[State]] = {
    State.STOPPED: frozenset({State.STARTING}),
    State.STARTING: frozenset({State.RUNNING, State.SLEEPING, State.RECONNECTING, State.FAILED, State.STOPPED}),
    State.RUNNING: frozenset({State.SLEEPING, State.DEGRADED, State.RECONNECTING, State.STOPPED}),
    State.SLEEPING: frozenset({State.RUNNING, State.RECONNECTING, State.STOPPED}),
    State.DEGRADED: frozenset({State.RUNNING, State.SLEEPING, State.RECONNECTING, State.STOPPED}),
    State.RECONNECTING: frozenset({State.RUNNING, State.SLEEPING, State.STOPPED}),
    State.FAILED: frozenset({State.STARTING, State.STOPPED}),
}


EVENTS = 16  # are kept: clients ask twice a second
LONGEST_TEXT = 200  # characters of an event: all of them fit into a message


class StateMachine:
    """The state of an engine, a line that says why it is in it, and what has happened of late."""

    def __init__(self) -> None:
        self.state = State.STOPPED
        self.message = ""
        self._events: deque[Event] = deque(maxlen=EVENTS)
        self._count = 0

    def go(self, state: State, message: str) -> None:
        """Changes to another state, or stays and says something new. Raises ValueError where no way leads."""
        if state != self.state and state not in NEXT[self.state]:
            raise ValueError(f"no way leads from {self.state} to {state}")
        if (state, message) == (self.state, self.message):
            return
        _log.info("%s -> %s: %s", self.state, state, message)
        self.state, self.message = state, message
        self._happened(message)

    def say(self, text: str) -> None:
        """Something has happened that changes neither the state nor its reason."""
        _log.info("%s: %s", self.state, text)
        self._happened(text)

    @property
    def events(self) -> tuple[Event, ...]:
        """The last few, the newest last."""
        return tuple(self._events)

    def _happened(self, text: str) -> None:
        self._count += 1
        self._events.append(Event(self._count, time(), self.state, text[:LONGEST_TEXT].replace("\0", "")))
