"""Modules that we load into the sound server: marked with their owner, so that nobody else's is ever touched.

A module outlives the program that loaded it. So each carries a token, and whoever loaded it keeps a connection whose
name is that token: a module whose token no connection has is left over. This needs no process table, which other
containers and users have of their own, and a process id that was given anew deceives nobody.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from enhancer.errors import ConfigError
from enhancer.live.errors import DeviceError
from enhancer.live.pulse.connection import Connection, server_errors

OWNER = "enhancer.owner"  # property of our sinks and sources; its value is a token
CLIENT_PREFIX = "enhancer "
MARK = re.compile(re.escape(OWNER) + r"=(\d+\.[0-9a-f]{8})\b")
OUR_KINDS = ("module-remap-source", "module-null-sink")  # unloaded in this order: the source hangs on the sink
LONGEST_LABEL = 60
# Both servers parse properties out of a quoted string inside of a quoted string, each by rules of its own.
LOOKALIKES = str.maketrans({"'": "’", '"': "”", "\\": "/"})


@dataclass(frozen=True)
class OwnedModule:
    """A module of an enhancer, this one or another."""

    index: int
    kind: str
    token: str

    @property
    def pid(self) -> int:
        """The process that loaded it."""
        return int(self.token.split(".")[0])


def new_token() -> str:
    """Unlike any other: process id and a random number."""
    return f"{os.getpid()}.{secrets.token_hex(4)}"


def connect_as(token: str, server: str | None) -> Connection:
    """The connection that keeps modules of this token alive."""
    return Connection(CLIENT_PREFIX + token, server)


def label(text: str) -> str:
    """`text` as a description that both servers take: quotes become typographic ones.

    Raises ConfigError if it is empty, longer than 60 characters or has control characters.
    """
    label = text.strip().translate(LOOKALIKES)
    if not label or len(label) > LONGEST_LABEL or not label.isprintable():
        raise ConfigError(
            f"a device cannot be called {text!r}", f"1 to {LONGEST_LABEL} printable characters make a name"
        )
    return label


def load(
    connection: Connection, kind: str, token: str, properties: Mapping[str, str], arguments: Mapping[str, object]
) -> int:
    """Loads a module of `OUR_KINDS` and returns its index. Values of properties are labels. Raises DeviceError."""
    target = {"module-null-sink": "sink_properties", "module-remap-source": "source_properties"}[kind]
    marked = " ".join(f'{key}="{value}"' for key, value in properties.items()) + f" {OWNER}={token}"
    text = " ".join(f"{key}={value}" for key, value in arguments.items())
    with server_errors():
        return connection.module_load(kind, f"{text} {target}='{marked}'")


def owned(connection: Connection) -> list[OwnedModule]:
    """All modules of enhancers, ours and others'. Raises DeviceError."""
    with server_errors():
        modules = connection.module_list()
    found = []
    for module in modules:
        mark = MARK.search(module.argument or "")
        if mark and module.name in OUR_KINDS:
            found.append(OwnedModule(module.index, module.name, mark[1]))
    return found


def unload(connection: Connection, modules: Iterable[OwnedModule]) -> None:
    """Unloads them, sources before their sinks; one that is gone already is as good. Raises DeviceError."""
    for module in sorted(modules, key=lambda module: OUR_KINDS.index(module.kind)):
        try:
            with server_errors():
                connection.module_unload(module.index)
        except DeviceError:
            if not connection.connected:
                raise


def remove_stale(server: str | None = None) -> list[OwnedModule]:
    """Unloads modules whose enhancer is gone and returns them. Raises DeviceError."""
    with Connection("enhancer", server) as connection:
        # In this order: who connects and loads in between is in neither list, and safe.
        modules = owned(connection)
        with server_errors():
            clients = connection.client_list()
        living = {client.proplist.get("application.name", "").removeprefix(CLIENT_PREFIX) for client in clients}
        stale = [module for module in modules if module.token not in living]
        unload(connection, stale)
        return stale
