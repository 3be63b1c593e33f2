"""The few errors a user can cause: a message that names what is wrong and a hint that names the way out.

The API raises them, the command line prints them as `error: ...` and `hint: ...` (exit code 2), the GUI shows them
where the eye is. Anything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend. `message` and `hint` are one line each; `hint` may be empty.

    Line breaks (other libraries' messages have them) are folded into spaces, so that it always prints as one line.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = " ".join(str(message).split())
        self.hint = " ".join(str(hint).split())
        super().__init__(self.message)

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str]]:
        # Exception pickles only its args: without this the hint is lost on the way back from a worker process.
        return type(self), (self.message, self.hint)


class InputError(UserError):
    """An input that is missing, empty, damaged or of a kind that cannot be read."""


class OutputError(UserError):
    """An output that cannot be written: exists already, is the input itself, no permission, disk full."""


class ModelError(UserError):
    """A model file that is missing, is not one of ours, or is of a newer format."""


class ConfigError(UserError):
    """A configuration or an option with a value that makes no sense."""
