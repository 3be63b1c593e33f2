"""Our virtual microphone on PulseAudio and PipeWire: what is played into its sink, call programs hear at its source.

It is a null sink and a source remapped from its monitor, because call programs hide monitors. Both disappear with
`remove`; those of an enhancer that could not do that any more, by kill -9 or a power cut, with `remove_stale`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from enhancer.live.pulse import modules
from enhancer.live.pulse.connection import Connection, server_errors
from enhancer.live.pulse.modules import remove_stale
from enhancer.live.pulse.virtual_device import VirtualDevice

if TYPE_CHECKING:
    import pulsectl

__all__ = ["VirtualMic", "remove_stale"]

MONO = {"channels": 1, "channel_map": "mono"}


class VirtualMic(VirtualDevice):
    """A virtual microphone, mono, from when it is made until `remove`, the end of its `with`, or the process's exit.

    name: what call programs list. sample_rate: Hz, of what will be played into it; the server converts for readers.
    server: an address as in PULSE_SERVER; None is the user's own. Raises DeviceError or ConfigError, see VirtualDevice.

    Level meters are no users of it: their streams ask for peaks alone, and say so (their resampling method on
    PulseAudio, a property on PipeWire).
    """

    facility = "source_output"
    endings = ("sink", "mic")

    def __init__(self, name: str = "Enhancer microphone", sample_rate: int = 48_000, server: str | None = None) -> None:
        self._sample_rate = sample_rate
        super().__init__(name, server)

    @property
    def sink_name(self) -> str:
        """Where clean sound is to be played to."""
        return self._names[0]

    @property
    def source_name(self) -> str:
        """What call programs record from."""
        return self._names[1]

    def _load(self) -> None:
        connection, rate = self._connection, self._sample_rate
        sink = self._load_sink(self.sink_name, f"{self.name} (fed by Enhancer)", {"rate": rate, **MONO})
        self._remap = modules.load(
            connection,
            "module-remap-source",
            self._token,
            {"device.description": self.name, "device.icon_name": "audio-input-microphone"},
            {"source_name": self.source_name, "master": f"{self.sink_name}.monitor", "rate": rate, **MONO},
        )
        with server_errors():
            # Servers remember volumes by name; that of the sink is nobody's to set. The source's is the user's.
            connection.volume_set_all_chans(sink, 1.0)
            connection.mute(sink, False)
            self._sources = {sink.monitor_source, connection.get_source_by_name(self.source_name).index}

    def _streams(self, connection: Connection) -> Iterable[pulsectl.PulseObject]:
        for stream in connection.source_output_list():
            is_meter = stream.resample_method == "peaks" or stream.proplist.get("resample.peaks") == "true"
            # By a stream of the remapping module the source itself hears the sink's monitor.
            if stream.source in self._sources and not is_meter and stream.owner_module != self._remap:
                yield stream
