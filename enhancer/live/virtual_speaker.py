"""Our virtual loudspeaker on PulseAudio and PipeWire: what call programs play into it can be cleaned on its way out.

It is a null sink whose monitor is recorded from, and disappears as the virtual microphone does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from enhancer.live.pulse.connection import Connection
from enhancer.live.pulse.virtual_device import VirtualDevice

if TYPE_CHECKING:
    import pulsectl


class VirtualSpeaker(VirtualDevice):
    """A virtual loudspeaker, from when it is made until `remove`, the end of its `with`, or the process's exit.

    name: what call programs list. sample_rate: Hz, of what will be recorded from its monitor. server: an address as in
    PULSE_SERVER; None is the user's own. Raises DeviceError or ConfigError, see VirtualDevice.
    """

    facility = "sink_input"
    endings = ("speaker",)

    def __init__(
        self, name: str = "Enhancer speaker", sample_rate: int = 48_000, channels: int = 2, server: str | None = None
    ) -> None:
        self._format: dict[str, object] = {"rate": sample_rate, "channels": channels}
        super().__init__(name, server)

    @property
    def sink_name(self) -> str:
        """What call programs play to."""
        return self._names[0]

    @property
    def source_name(self) -> str:
        """Where their sound is to be recorded from."""
        return f"{self.sink_name}.monitor"

    def _load(self) -> None:
        self._sink = self._load_sink(self.sink_name, self.name, self._format).index

    def _streams(self, connection: Connection) -> Iterable[pulsectl.PulseObject]:
        return (stream for stream in connection.sink_input_list() if stream.sink == self._sink)
