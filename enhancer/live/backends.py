"""Which backend this machine's sound goes through; docs/live.md has the figures behind the choice."""

from __future__ import annotations

import sys

from enhancer.live.backend import Backend


def default_backend(server: str | None = None) -> Backend:
    """libpulse on Linux, for PulseAudio and PipeWire alike; PortAudio elsewhere. Opens nothing yet.

    server: an address as in PULSE_SERVER, which only libpulse takes; None is the user's own.
    Raises DeviceError when the package or library is not installed.
    """
    if sys.platform == "linux":
        from enhancer.live.pulse_streams import PulseBackend

        return PulseBackend(server)
    from enhancer.live.portaudio import PortAudioBackend

    return PortAudioBackend()
