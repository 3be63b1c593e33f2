"""Where things live: the user's folders (platformdirs), the shipped model, and the place that a path names."""

from __future__ import annotations

from pathlib import Path

from enhancer.errors import ModelError

APP_NAME = "enhancer"


def user_config_dir() -> Path:
    """Folder of the user's settings (not created here)."""
    import platformdirs

    return Path(platformdirs.user_config_dir(APP_NAME, appauthor=False))


def user_data_dir() -> Path:
    """Folder of what the user would not want to lose, such as adapted models (not created here)."""
    import platformdirs

    return Path(platformdirs.user_data_dir(APP_NAME, appauthor=False))


def user_cache_dir() -> Path:
    """Folder of what can be made again (not created here)."""
    import platformdirs

    return Path(platformdirs.user_cache_dir(APP_NAME, appauthor=False))


def user_log_dir() -> Path:
    """Folder of log files (not created here)."""
    import platformdirs

    return Path(platformdirs.user_log_dir(APP_NAME, appauthor=False))


def user_runtime_dir() -> Path:
    """Folder of sockets and shared memory of running processes (not created here)."""
    import platformdirs

    return Path(platformdirs.user_runtime_dir(APP_NAME, appauthor=False))


def default_model_path() -> Path:
    """The shipped student: package data of an installed copy, or `assets/` of an editable checkout.

    Raises ModelError when neither is there, which means a broken installation.
    """
    package = Path(__file__).resolve().parent
    candidates = (package / "assets" / "student.onnx", package.parent / "assets" / "student.onnx")
    for path in candidates:
        if path.is_file():
            return path
    raise ModelError("the shipped model assets/student.onnx is missing", "reinstall enhancer, or give --model FILE")


def resolved(path: Path) -> Path:
    """The place that a path names, links followed; the absolute path itself where they run in a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path.absolute()
