"""What can go wrong between a person, the engine and the sound system, as errors with a way out."""

from __future__ import annotations

from enhancer.errors import UserError


class DeviceError(UserError):
    """A sound device or a sound server that is missing, does not answer or refuses what was asked of it."""


class EngineError(UserError):
    """The running engine cannot be talked to: another user's, of another version, or it does not answer."""


class NotRunning(EngineError):
    """There is no engine, or it has just ended."""

    def __init__(self, message: str = "no engine is running", hint: str = "start one: enhancer live") -> None:
        super().__init__(message, hint)


class AlreadyRunning(EngineError):
    """A second engine of one user; the first may be spoken to instead."""

    def __init__(
        self, message: str = "an engine is running already", hint: str = "stop it first: enhancer ctl stop"
    ) -> None:
        super().__init__(message, hint)


class RequestRefused(EngineError):
    """The engine understood, and says why it does not do it."""
