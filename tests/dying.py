"""A task that kills the process it runs in; in a module of its own, because every new process imports it."""

import os


def die_at_one(number: int) -> int:
    """Returns the number, but ends the process with exit code 7 at 1."""
    if number == 1:
        os._exit(7)
    return number
