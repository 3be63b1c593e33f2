"""The models that come with the program, by name: the ONNX files of its assets folder.

There is no list of them: what lies in the folder is bundled, in a checkout as in a wheel. `student.onnx` is called
"standard", any other file by its name without suffix.
"""

from __future__ import annotations

from pathlib import Path

from enhancer.errors import ModelError
from enhancer.paths import default_model_path

STANDARD = "standard"


def bundled_models() -> dict[str, Path]:
    """Files by name, the standard model first. Raises ModelError when that one is missing: a broken installation."""
    standard = default_model_path()
    others = sorted(path for path in standard.parent.glob("*.onnx") if path != standard)
    return {STANDARD: standard} | {path.stem: path for path in others}


def model_path(model: str | Path | None) -> Path:
    """The file that a user means: the name of a bundled model, a path, or None for the standard model.

    A name is a str without folder and suffix, and comes before a file that is called so: `./light` means the file, as
    does any Path. "student" is the standard model, too.
    Raises ModelError (one line that names the bundled models) for what is neither.
    """
    if model is None:
        return default_model_path()
    path = Path(model)
    is_word = isinstance(model, str) and model == path.name and not path.suffix
    if is_word:
        models = bundled_models()
        named = {models[STANDARD].stem: models[STANDARD]} | models
        if model in named:
            return named[model]
    if path.exists():
        return path
    names = ", ".join(bundled_models())
    if is_word:
        raise ModelError(
            f"this build has no model {model!r}, and there is no such file; bundled: {names}",
            "give a bundled model's name or the path of a model file",
        )
    raise ModelError(
        f"model not found: {path}; bundled: {names}", "check the path, or leave it out to use the standard model"
    )
