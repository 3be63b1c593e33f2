"""Which inputs become which outputs: files, folders and globs on one side, `-o` on the other."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path

from enhancer.errors import ConfigError, InputError, OutputError, UserError
from enhancer.media.folders import search
from enhancer.media.types import MEDIA_SUFFIXES
from enhancer.paths import resolved

STREAM = "-"
_FIELDS = "{dir} {name} {stem} {suffix}"


@dataclass(frozen=True)
class Found:
    """One input: its path, the folder it was found in by search (None when it was named), or what is wrong with it."""

    path: Path
    root: Path | None = None
    error: UserError | None = None


@dataclass(frozen=True)
class Job:
    """One file to clean. `error` is set when it cannot be done, `exists` when its output is there and is to stay."""

    source: Path
    target: Path
    error: UserError | None = None
    exists: bool = False


@dataclass(frozen=True)
class Plan:
    """All jobs in order, and how many found files were left out as outputs of an earlier run."""

    jobs: list[Job]
    own_outputs: int = 0


def make_plan(inputs: list[str], output: str | None, *, recursive: bool, overwrite: bool) -> Plan:
    """The jobs for what stands on the command line (no pipes).

    Inputs that are missing become jobs with an error. Raises ConfigError or OutputError when the outputs as a whole
    make no sense: one name for several files, two files with one output, an unknown field in a pattern.
    """
    return plan_found(find_inputs(inputs, recursive=recursive), output, overwrite=overwrite)


def plan_found(found: list[Found], output: str | None, *, overwrite: bool, batch: bool = False) -> Plan:
    """The jobs for inputs that have been looked up; raises as `make_plan`.

    batch: an output that exists is skipped, and `output` is a folder, also where there is one named file alone.
    """
    rule = _Rule(output, found, several=batch or _several(found))
    targets = [Path() if item.error else rule.target(item) for item in found]
    place = _Places()
    kept = _without_own_outputs(found, targets, rule.folder, place)
    left_out = len(found) - len(kept)
    found = [found[index] for index in kept]
    targets = [targets[index] for index in kept]
    _refuse_collisions(found, targets, place)
    batch = batch or _several(found)
    sources = {place(item.path) for item in found if not item.error}
    jobs = []
    for item, target in zip(found, targets, strict=True):
        error = item.error
        exists = False
        if error is None:
            try:
                exists = _is_there(target, overwrite)
                if place(target) in sources:
                    raise OutputError(f"the output would replace the input {target}", "choose another name with -o")
                if exists and not batch:
                    raise OutputError(f"{target} exists already", "give --overwrite to replace it")
            except OutputError as refused:
                error, exists = refused, False
        jobs.append(Job(item.path, target, error, exists))
    return Plan(jobs, left_out)


def _is_there(target: Path, overwrite: bool) -> bool:
    """Whether a file is there that is to stay. Raises OutputError for a folder, and where nobody may look."""
    try:
        if target.is_dir():
            raise OutputError(f"{target} is a folder", "end the output with a file name, or with / for a folder")
        return target.exists() and not overwrite
    except OSError as error:  # a name too long, a folder that is closed
        raise OutputError(f"cannot write {target}: {error.strerror}", "choose another name with -o") from error


def _several(found: list[Found]) -> bool:
    return len(found) > 1 or any(item.root for item in found)


def find_inputs(inputs: list[str], *, recursive: bool) -> list[Found]:
    """Every file that the arguments mean, each once, in the order of the arguments and by name within a folder."""
    found: list[Found] = []
    for text in inputs:
        try:
            found += _meant_by(text, recursive)
        except OSError as error:  # a name too long, a folder that is closed
            found.append(Found(Path(text), error=InputError(f"cannot read {text}: {error.strerror}")))
    unique: dict[Path, Found] = {}
    place = _Places()
    for item in found:
        unique.setdefault(place(item.path), item)
    return list(unique.values())


def _meant_by(text: str, recursive: bool) -> list[Found]:
    """The files that one argument means."""
    path = Path(text)
    if not text:
        return [Found(path, error=InputError("an input has no name", "an empty variable in a script?"))]
    if path.is_dir():
        return _search(path, recursive)
    if path.exists():
        return [Found(path)]
    if not glob.has_magic(text):
        return [Found(path, error=InputError(f"{path} does not exist"))]
    matches = [Path(match) for match in sorted(glob.glob(text, recursive=True))]
    if not matches:
        return [Found(path, error=InputError(f"no file matches {text}"))]
    files = [[Found(match)] if match.is_file() else _search(match, recursive) if recursive else [] for match in matches]
    return [each for some in files for each in some]


def _search(folder: Path, recursive: bool) -> list[Found]:
    """Files with a sound or video suffix, hidden ones left out; an error when there are none, or a folder is closed."""
    found = [Found(path, root=folder, error=error) for path, error in search(folder, recursive=recursive)]
    if found:
        return found
    deeper = not recursive and any(not name.startswith(".") for name in next(os.walk(folder))[1])
    hint = "give --recursive to search its sub-folders too" if deeper else ""
    return [Found(folder, error=InputError(f"no audio or video files in {folder}", hint))]


class _Rule:
    """What `-o` means for each input."""

    def __init__(self, output: str | None, found: list[Found], *, several: bool) -> None:
        self._output = output
        self._several_roots = len({item.root for item in found if item.root}) > 1
        self.folder: Path | None = None
        if output is None or "{" in output:
            return
        path = Path(output)
        if path.is_dir() or output.endswith(("/", os.sep)):
            self.folder = path
        elif several:
            if path.suffix.lower() in MEDIA_SUFFIXES:
                raise ConfigError(
                    f"-o {output} is one file, but there are {len(found)} inputs",
                    "give a folder, or a pattern such as -o '{dir}/{stem}-clean{suffix}'",
                )
            self.folder = path
        if self.folder and self.folder.exists() and not self.folder.is_dir():
            raise OutputError(f"{self.folder} is a file, not a folder")

    def target(self, item: Found) -> Path:
        """The output for an input."""
        path = item.path
        if self._output is None:
            return path.with_name(f"{path.stem}-clean{path.suffix}")
        if "{" in self._output:
            return self._filled(path)
        if self.folder is None:
            return Path(self._output)
        if item.root is None:
            return self.folder / path.name
        inside = path.relative_to(item.root)
        # Several folders stay apart by their names, as with `cp -r a b target`.
        return self.folder / (item.root.resolve().name if self._several_roots else "") / inside

    def _filled(self, path: Path) -> Path:
        fields = {"dir": str(path.parent), "name": path.name, "stem": path.stem, "suffix": path.suffix}
        try:
            return Path(str(self._output).format_map(fields))
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise ConfigError(f"-o {self._output} is no pattern", f"its fields are {_FIELDS}") from error


def _without_own_outputs(found: list[Found], targets: list[Path], folder: Path | None, place: _Places) -> list[int]:
    """Which inputs to keep: files found by search that are the output of another input are from an earlier run."""
    made = {place(target) for item, target in zip(found, targets, strict=True) if not item.error}
    out = resolved(folder) if folder else None
    kept = []
    for index, item in enumerate(found):
        path = place(item.path)
        if item.root is not None and item.error is None:
            inside = out is not None and out in path.parents and out != resolved(item.root)
            if inside or (path in made and path != place(targets[index])):
                continue
        kept.append(index)
    return kept


def _refuse_collisions(found: list[Found], targets: list[Path], place: _Places) -> None:
    seen: dict[Path, Path] = {}
    for item, target in zip(found, targets, strict=True):
        if item.error:
            continue
        first = seen.setdefault(place(target), item.path)
        if first != item.path:
            raise OutputError(
                f"{first} and {item.path} would both become {target}",
                "give a pattern that keeps them apart, such as -o '{dir}/{stem}-clean{suffix}'",
            )


class _Places:
    """Where files lie, without links; each file and folder is looked up once, since thousands of files share a few."""

    def __init__(self) -> None:
        self._known: dict[Path, Path] = {}

    def __call__(self, path: Path) -> Path:
        if path not in self._known:
            self._known[path] = resolved(path) if os.path.islink(path) else self._folder(path.parent) / path.name
        return self._known[path]

    def _folder(self, path: Path) -> Path:
        if path not in self._known:
            self._known[path] = resolved(path)
        return self._known[path]
