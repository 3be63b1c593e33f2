"""Figures as JSON, whole or not at all: what a command measured, for other commands, tests and whoever asks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from enhancer.media.atomic import replacing


def write_json(path: Path, facts: Any) -> None:
    """Replaces a file in benchmarks/results or beside the demo clips. Raises OutputError when it cannot be written."""
    with replacing(path, overwrite=True) as part:
        part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
