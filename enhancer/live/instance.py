"""One engine a user: a lock in the runtime folder that the system lets go of when its holder dies, however that is."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from time import monotonic, sleep

from enhancer.live import places
from enhancer.live.errors import AlreadyRunning, EngineError

# A client that looks whether the lock is held holds it for microseconds itself: an engine that starts just then waits.
_PATIENCE_S = 0.3


class InstanceLock:
    """The right to be the engine of a runtime folder, from here to `release` or the end of the process."""

    def __init__(self, runtime: Path) -> None:
        """Raises AlreadyRunning, with the other's process id in its message, when there is an engine."""
        self._path = places.lock_path(runtime)
        deadline = monotonic() + _PATIENCE_S
        while not self._take():
            if monotonic() > deadline:
                pid = _read_pid(self._path)
                raise AlreadyRunning(f"an engine is running already{f' (process {pid})' if pid else ''}")
            sleep(0.01)
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, b"%d\n" % os.getpid())

    def _take(self) -> bool:
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError as error:
            raise _not_yours(self._path) from error
        # One that its holder removed between our opening and locking it keeps nobody out.
        if _try_lock(self._descriptor, shared=False) and _is_at(self._path, self._descriptor):
            return True
        os.close(self._descriptor)
        return False

    def release(self) -> None:
        """Lets the next engine start; the file goes."""
        if sys.platform == "win32":  # an open file cannot be removed
            os.close(self._descriptor)
            with contextlib.suppress(OSError):
                self._path.unlink()
        else:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)


def find_running(runtime: Path) -> int | None:
    """The process id of the engine of this runtime folder; None if there is none.

    Raises EngineError if the folder's files belong to another user.
    """
    path = places.lock_path(runtime)
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise _not_yours(path) from error
    try:
        if _try_lock(descriptor, shared=True):
            return None
    finally:
        os.close(descriptor)
    return _read_pid(path)


def process_exists(pid: int) -> bool:
    """Whether a process goes by this id; one that has ended but was not yet waited for counts as well."""
    if sys.platform == "win32":
        return _windows_process_exists(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _read_pid(path: Path) -> int | None:
    deadline = monotonic() + _PATIENCE_S
    while monotonic() < deadline:
        # Missing or empty: it has ended in the meantime, or is just about to write it.
        with contextlib.suppress(OSError, ValueError):
            return int(path.read_bytes())
        sleep(0.01)
    return None


def _not_yours(path: Path) -> EngineError:
    return EngineError(f"{path} belongs to another user", "run as the user who started the engine")


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import ctypes
    import msvcrt

    _BEYOND = 1 << 20  # a locked byte cannot be read by others: lock one that the process id does not use

    def _try_lock(descriptor: int, *, shared: bool) -> bool:
        os.lseek(descriptor, _BEYOND, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True

    def _windows_process_exists(pid: int) -> bool:
        synchronize, timed_out = 0x00100000, 0x102
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(synchronize, False, pid)
        if not handle:
            return False
        try:
            return kernel.WaitForSingleObject(handle, 0) == timed_out
        finally:
            kernel.CloseHandle(handle)

else:
    import fcntl

    def _try_lock(descriptor: int, *, shared: bool) -> bool:
        # flock, not fcntl's record locks: those end when their process closes any descriptor of the file.
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
