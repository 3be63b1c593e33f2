"""What the engine and its clients say to each other: small messages that are valid or do not exist.

A client says `Hello` and is answered `Welcome`; from then on each request has one reply. On the wire, a message is one
JSON object in UTF-8 of at most 64 KiB with its `type` ("set_devices") and exactly its fields. `Hello` and `Refused`
stay as they are in every version and may carry fields that a reader does not know: by these two, versions tell each
other.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from enhancer.errors import UserError

VERSION = 2
MAX_MESSAGE = 64 * 1024  # bytes
MAX_TEXT = 4096  # characters: no path is longer
MAX_NUMBER = 2**63


class ProtocolError(ValueError):
    """Bytes that are no message, or a message with a field that makes no sense. Says which in one line."""


class EngineState(StrEnum):
    """What the engine is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    SLEEPING = "sleeping"  # nobody records from the virtual microphone: the real one is closed
    DEGRADED = "degraded"  # the sound passes through, not enhanced
    RECONNECTING = "reconnecting"  # a device or the sound server is gone
    FAILED = "failed"


@dataclass(frozen=True)
class Message:
    """One of the messages below. Raises ProtocolError when made with a field of the wrong type or out of range."""

    def __post_init__(self) -> None:
        for name, kinds in _KINDS[type(self)].items():
            _check_field(name, getattr(self, name), kinds)


class Request(Message):
    """What a client asks of the engine."""


class Reply(Message):
    """What the engine answers."""


@dataclass(frozen=True)
class Hello(Request):
    """The first message of a connection: the version that the client speaks."""

    version: int = VERSION


@dataclass(frozen=True)
class Start(Request):
    """Open the devices and enhance. patient: go on trying when they cannot be had, instead of refusing."""

    patient: bool = False


@dataclass(frozen=True)
class Stop(Request):
    """Close the devices; the engine stays."""


@dataclass(frozen=True)
class SetDevices(Request):
    """The microphone to listen to and the loudspeaker (or null sink) to play to; None: the sound server's default."""

    input: str | None = None
    output: str | None = None


@dataclass(frozen=True)
class SetLimit(Request):
    """No part of the sound is lowered by more than so many dB (0 or more); None: no limit."""

    db: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.db is not None and self.db < 0:
            raise ProtocolError(f"the limit must be 0 dB or more, not {self.db}")


@dataclass(frozen=True)
class Bypass(Request):
    """On: the sound passes as it is, as late as ever."""

    on: bool


@dataclass(frozen=True)
class Record(Request):
    """Record what is heard and what is passed on into a folder; None: stop recording."""

    folder: str | None = None


@dataclass(frozen=True)
class Monitor(Request):
    """On: the user hears the enhanced microphone."""

    on: bool


@dataclass(frozen=True)
class LoadModel(Request):
    """Go on with another model: a file, or a bundled model's name."""

    path: str


@dataclass(frozen=True)
class Status(Request):
    """Answered with StatusReply."""


@dataclass(frozen=True)
class Shutdown(Request):
    """Stop, and end the process."""


@dataclass(frozen=True)
class Ok(Reply):
    """Done."""


@dataclass(frozen=True)
class Refused(Reply):
    """Not done, why not, and what would help (may be empty); a line each."""

    message: str
    hint: str = ""

    @classmethod
    def because(cls, error: UserError) -> Refused:
        """An error as it goes to the client: cut to what a line can hold, without NULs."""
        message, hint = (text.replace("\0", "")[: MAX_TEXT // 4] for text in (error.message, error.hint))
        return cls(message, hint)


@dataclass(frozen=True)
class Welcome(Reply):
    """The version that the engine speaks, its process id, and the file of its meters (see `meters`)."""

    version: int
    pid: int
    meters_path: str


@dataclass(frozen=True)
class Event(Message):
    """Something that happened: a part of StatusReply.

    number: 1 for an engine's first event, then counting, so that a client that asks often enough sees each exactly
    once. at: seconds since the epoch. state: of the engine from then on. text: a line; no more than the state's name
    where there is nothing else to say.
    """

    number: int
    at: float
    state: EngineState
    text: str


@dataclass(frozen=True)
class StatusReply(Reply):
    """What the engine does and with what; levels, latency and counters are in the meters.

    message: why it is in this state, a line, may be empty. input, output: what was asked for (None: the default).
    microphone: the one that is open, by its name; None: none is, or the system chooses. virtual_mic, speaker: as call
    applications name it; None: there is none. recording: the folder; None: not recording. service: it was started at
    login and goes on without clients. events: the last few, the newest last.
    """

    state: EngineState
    message: str = ""
    input: str | None = None
    output: str | None = None
    microphone: str | None = None
    virtual_mic: str | None = None
    speaker: str | None = None
    limit_db: float | None = None
    bypass: bool = False
    monitor: bool = False
    recording: str | None = None
    model: str = ""
    latency_mode: str = "normal"
    service: bool = False
    running_s: float = 0.0
    events: tuple[Event, ...] = ()


def _names(*kinds: type[Message]) -> dict[str, type[Message]]:
    return {_type_name(kind): kind for kind in kinds}


def _type_name(kind: type[Message]) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()


REQUESTS = _names(Hello, Start, Stop, SetDevices, SetLimit, Bypass, Record, Monitor, LoadModel, Status, Shutdown)
REPLIES = _names(Ok, Refused, Welcome, StatusReply)
_READABLE_IN_EVERY_VERSION = (Hello, Refused)


def _kinds_of(kind: type[Message]) -> dict[str, tuple[type, ...]]:
    """The types that each field may have."""
    hints = get_type_hints(kind)
    return {field.name: _alternatives(hints[field.name]) for field in fields(kind)}


def _alternatives(hint: Any) -> tuple[type, ...]:
    return (tuple,) if get_origin(hint) is tuple else get_args(hint) or (hint,)


_KINDS = {kind: _kinds_of(kind) for kind in (*REQUESTS.values(), *REPLIES.values(), Event)}


def encode(message: Message) -> bytes:
    """The message as it goes over the wire. Raises ProtocolError if that is more than MAX_MESSAGE bytes."""
    values = asdict(message)
    # Paths that are not UTF-8 hold lone surrogates: only as escapes do these survive.
    data = json.dumps({"type": _type_name(type(message)), **values}, ensure_ascii=True).encode()
    if len(data) > MAX_MESSAGE:
        raise ProtocolError(f"a message of {len(data)} bytes is too long")
    return data


def decode_request(data: bytes) -> Request:
    """The request in these bytes, whatever they are. Raises ProtocolError if there is none."""
    request = _decode(data, REQUESTS)
    assert isinstance(request, Request)
    return request


def decode_reply(data: bytes) -> Reply:
    """The reply in these bytes, whatever they are. Raises ProtocolError if there is none."""
    reply = _decode(data, REPLIES)
    assert isinstance(reply, Reply)
    return reply


def _decode(data: bytes, known: dict[str, type[Message]]) -> Message:
    values = _parse(data)
    name = values.pop("type", None)
    kind = known.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ProtocolError(f"unknown type of message: {_shown(name)}")
    if kind in _READABLE_IN_EVERY_VERSION:
        values = {field: value for field, value in values.items() if field in _KINDS[kind]}
    return _made(kind, name, values)


def _made(kind: type[Message], name: str, values: dict[str, Any]) -> Message:
    """The message of these values, which are as JSON has them."""
    kinds = _KINDS[kind]
    for field in values.keys() - kinds.keys():
        raise ProtocolError(f"{name} has no field {_shown(field)}")
    for field in kinds.keys() - values.keys():
        raise ProtocolError(f"{name} lacks its field {field}")
    for field, value in values.items():
        if EngineState in kinds[field]:
            values[field] = _state(value)
        elif tuple in kinds[field]:
            values[field] = _events(value)
    return kind(**values)


def _events(value: Any) -> tuple[Message, ...]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ProtocolError(f"events must be a list of objects, not {_shown(value)}")
    return tuple(_made(Event, "an event", each) for each in value)


def _parse(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_MESSAGE:
        raise ProtocolError(f"a message of {len(data)} bytes is too long")
    try:
        values = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except ProtocolError:
        raise
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, numbers of thousands of digits, deep nesting
        raise ProtocolError(f"not a message: {_shown(str(error))}") from error
    if not isinstance(values, dict):
        raise ProtocolError("a message must be a JSON object")
    return values


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ProtocolError("a field is given twice")
    return values


def _refuse_constant(name: str) -> None:
    raise ProtocolError(f"{name} is no number")


def _state(value: Any) -> EngineState:
    try:
        return EngineState(value)
    except ValueError as error:
        raise ProtocolError(f"unknown state: {_shown(value)}") from error


def _check_field(name: str, value: Any, kinds: tuple[type, ...]) -> None:
    allowed = (*kinds, int) if float in kinds else kinds
    if type(value) not in allowed:  # exactly: a bool is an int to isinstance, True would be a limit of 1 dB
        wanted = " or ".join("nothing" if kind is NoneType else kind.__name__ for kind in kinds)
        raise ProtocolError(f"{name} must be {wanted}, not {_shown(value)}")
    if isinstance(value, (int, float)) and not abs(value) < MAX_NUMBER:  # NaN, too, is not
        raise ProtocolError(f"{name} is out of range: {_shown(value)}")
    if isinstance(value, str) and (len(value) > MAX_TEXT or "\0" in value):
        raise ProtocolError(f"{name} is too long or holds a NUL: {_shown(value)}")


def _shown(value: Any) -> str:
    """A foreign value in a message: on one line, short, only ASCII."""
    if isinstance(value, (dict, list)):  # nested too deep to be printed, perhaps
        return f"a {type(value).__name__}"
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
