"""A file in the queue: what it is, how far it is, what became of it, in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from time import monotonic

from enhancer.media.types import VIDEO_SUFFIXES
from gui.files import wording
from gui.home import short_path
from gui.i18n import _
from gui.playback.clock import clock


class State(Enum):
    """Of a file."""

    WAITING = auto()
    WORKING = auto()
    DONE = auto()
    SKIPPED = auto()  # its output was there already
    FAILED = auto()
    CANCELLED = auto()


class Action(Enum):
    """What can be done with a row."""

    LISTEN = auto()
    OPEN = auto()
    SHOW = auto()
    RETRY = auto()
    REMOVE = auto()


_ACTIONS = {
    State.WAITING: (Action.REMOVE,),
    State.WORKING: (Action.REMOVE,),
    State.DONE: (Action.LISTEN, Action.OPEN, Action.SHOW, Action.REMOVE),
    State.SKIPPED: (Action.LISTEN, Action.OPEN, Action.SHOW, Action.RETRY, Action.REMOVE),
    State.FAILED: (Action.RETRY, Action.REMOVE),
    State.CANCELLED: (Action.RETRY, Action.REMOVE),
}


@dataclass(eq=False)
class Row:
    """One file. root: the folder it was found in by search; None: it was named. size: in bytes.

    target: its output, once that is known. salvage, again: it is to be cleaned as far as it can be read, or once more.
    """

    source: Path
    root: Path | None
    size: int
    number: int
    state: State = State.WAITING
    target: Path | None = None
    salvage: bool = False
    again: bool = False
    message: str = ""
    hint: str = ""
    notes: list[str] = field(default_factory=list)
    seconds: float | None = None
    began_at: float = 0.0
    done_s: float = 0.0
    total_s: float | None = None

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def is_video(self) -> bool:
        """Whether it holds a picture; of suffixes that may, the usual case."""
        return self.source.suffix.lower() in VIDEO_SUFFIXES - _SOUND_ONLY

    @property
    def share(self) -> float | None:
        """How much of it is done, 0 to 1; None: unknown."""
        if self.state is not State.WORKING:
            return 0.0 if self.state is State.WAITING else 1.0
        return min(self.done_s / self.total_s, 1.0) if self.total_s else None

    @property
    def left_s(self) -> float | None:
        """Until it is done; None: unknown."""
        share, elapsed = self.share, monotonic() - self.began_at
        return elapsed * (1.0 - share) / share if share and elapsed > 1.0 else None

    @property
    def actions(self) -> tuple[Action, ...]:
        """What can be done with it, the usual first."""
        if self.state is State.SKIPPED and self.target is None:
            return (Action.REMOVE,)
        return _ACTIONS[self.state]

    def words_of(self, action: Action) -> str:
        """On its button and in its menu."""
        match action:
            case Action.LISTEN:
                return _("Compare before and after")
            case Action.OPEN:
                return _("Open the clean file")
            case Action.SHOW:
                return _("Show in its folder")
            case Action.RETRY if wording.can_be_salvaged(self.hint):
                return _("Clean what can be read")
            case Action.RETRY if self.state is State.SKIPPED:
                return _("Clean it again, replacing the clean file")
            case Action.RETRY:
                return _("Try again")
            case Action.REMOVE if self.state is State.WORKING:
                return _("Cancel this file")
            case _:
                return _("Remove from the list")

    @property
    def status(self) -> str:
        """A word or two, at the right."""
        match self.state:
            case State.WAITING:
                return _("Waiting")
            case State.WORKING if self.share is not None:
                return f"{self.share:.0%}"
            case State.WORKING:
                return _("{time} done").format(time=clock(self.done_s)) if self.done_s else _("Starting")
            case State.DONE:
                return _("Done")
            case State.SKIPPED:
                return _("Skipped")
            case State.FAILED:
                return _("Failed")
            case _:
                return _("Cancelled")

    @property
    def detail(self) -> str:
        """The line below its name."""
        match self.state:
            case State.WORKING:
                parts = [short_path(self.source.parent), wording.time_left(self.left_s)]
            case State.DONE:
                length = clock(self.seconds) if self.seconds is not None else ""
                parts = [length, self._saved, *self.notes]
            case State.SKIPPED:
                there = self.target and _("{name} is there already").format(name=self.target.name)
                parts = [there or _("A clean copy from before")]
            case State.FAILED:
                parts = [wording.reason(self.message, self.source), wording.advice(self.hint).rstrip(".")]
            case State.CANCELLED:
                parts = [_("Nothing was written")]
            case _:
                parts = [short_path(self.source.parent), wording.size(self.size)]
        return "  ·  ".join(filter(None, parts))

    @property
    def _saved(self) -> str:
        if self.target is None:
            return ""
        where = self.target.name if self.target.parent == self.source.parent else str(self.target)
        return _("saved as {name}").format(name=where)


_SOUND_ONLY = frozenset(
    {
        ".m4a",
        ".m4b",
        ".mka",
        ".aac",
        ".ac3",
        ".eac3",
        ".wma",
        ".amr",
        ".wv",
        ".tta",
        ".ape",
        ".mp2",
        ".dts",
        ".gsm",
        ".spx",
    }
)
