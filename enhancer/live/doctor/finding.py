"""What a check has found: a line that a person reads, and facts that a script reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from enhancer.errors import UserError


class State(StrEnum):
    """How bad it is. FAIL: live sound does not work so."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """name: of the check. text: what was found, one line. fix: what mends it, one line; empty where all is well.

    facts: the same for a script, values that JSON has.
    """

    name: str
    state: State
    text: str
    fix: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def failed(cls, name: str, error: UserError) -> Finding:
        """What went wrong, and the way out that the error itself names."""
        return cls(name, State.FAIL, error.message, error.hint)

    def as_json(self) -> dict[str, Any]:
        """An object for JSON."""
        return {
            "check": self.name, "state": self.state.value, "text": self.text, "fix": self.fix, "facts": dict(self.facts)
        }  # fmt: skip
