"""Bytes between the engine and a client: a socket (a named pipe on Windows), both sides proven by a shared key.

multiprocessing.connection frames and authenticates; its `send` and `recv`, which unpickle, are never used. What is
added are limits: of a message's length, and of the time that the other side may take to go on with one it has begun.
"""

from __future__ import annotations

import os
import secrets
import sys
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path

from enhancer.live.protocol import MAX_MESSAGE

KEY_BYTES = 32


class Broken(Exception):
    """The other side is gone, is stuck in the middle of a message, or does not keep to the rules."""


class TooLong(Exception):
    """A message beyond MAX_MESSAGE: the connection can still be written to, but not be read from any more."""


class WrongKey(Exception):
    """The other side does not know the key."""


class Channel:
    """One side of a connection. Made for one thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def prove(self, key: bytes, *, asks_first: bool) -> None:
        """Each side makes the other prove that it knows the key; the server asks first. Raises WrongKey or Broken."""
        steps = (deliver_challenge, answer_challenge) if asks_first else (answer_challenge, deliver_challenge)
        try:
            for step in steps:
                step(self._connection, key)
        except AuthenticationError as error:
            raise WrongKey from error
        except (OSError, EOFError, AssertionError, ValueError) as error:  # no challenge at all: an assertion there
            raise Broken(str(error)) from error

    def wait(self, timeout_s: float) -> bool:
        """Whether a message begins, or the connection ends, within this time."""
        try:
            return self._connection.poll(timeout_s)
        except OSError as error:
            raise Broken(str(error)) from error

    def receive(self) -> bytes:
        """The next message. Raises TooLong or Broken."""
        try:
            return self._connection.recv_bytes(MAX_MESSAGE)
        except (OSError, EOFError) as error:
            if not self._connection.closed and not self._connection.readable:
                raise TooLong from error
            raise Broken(str(error)) from error

    def send(self, data: bytes) -> None:
        """Raises Broken, also when the other side has not read for long."""
        try:
            self._connection.send_bytes(data)
        except (OSError, ValueError) as error:
            raise Broken(str(error)) from error

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


def write_key(path: Path) -> bytes:
    """A new key in a new file that only its owner can read (0600)."""
    key = secrets.token_bytes(KEY_BYTES)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
    return key


if sys.platform == "win32":
    from multiprocessing.connection import Client

    def dial(address: str, patience_s: float) -> Channel:
        """A connection to the engine. Raises OSError if there is none."""
        return Channel(Client(address, family="AF_PIPE"))  # type: ignore[arg-type]  # a pipe has the same methods

    def accepted(connection: Connection, patience_s: float) -> Channel:
        """A connection that the listener accepted. A pipe carries whole messages, and only its user can write to it."""
        return Channel(connection)

else:
    import socket
    import struct

    def dial(address: str, patience_s: float) -> Channel:
        """A connection to the engine. Raises OSError if there is none, or none is accepted within `patience_s`."""
        with socket.socket(socket.AF_UNIX) as plug:
            _limit_waits(plug, patience_s)
            plug.connect(address)
            return Channel(Connection(plug.detach()))

    def accepted(connection: Connection, patience_s: float) -> Channel:
        """A connection that the listener accepted; it breaks when the peer halts for `patience_s` within a message."""
        try:
            with socket.socket(socket.AF_UNIX, fileno=os.dup(connection.fileno())) as plug:
                _limit_waits(plug, patience_s)
        except OSError as error:  # gone already, or too many open files
            raise Broken(str(error)) from error
        return Channel(connection)

    def _limit_waits(plug: socket.socket, seconds: float) -> None:
        # Limits of the socket itself, since Connection reads and writes its descriptor directly.
        limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
