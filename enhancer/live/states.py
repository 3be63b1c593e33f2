"""What the engine may do next: a small explicit machine. Drawn in docs/live.md."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from enhancer.live.protocol import EngineState as State

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


class StateMachine:
    """The state of an engine, and a line that says what happened last."""

    def __init__(self) -> None:
        self.state = State.STOPPED
        self.message = ""

    def go(self, state: State, message: str) -> None:
        """Changes to another state, or stays and says something new. Raises ValueError where no way leads."""
        if state != self.state and state not in NEXT[self.state]:
            raise ValueError(f"no way leads from {self.state} to {state}")
        if (state, message) != (self.state, self.message):
            _log.info("%s -> %s: %s", self.state, state, message)
        self.state, self.message = state, message
