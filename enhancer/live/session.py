"""Open devices and what runs between them: from `start` to `close`, one microphone, one or two ways out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, sleep

import numpy as np

from enhancer.engine import Enhancer
from enhancer.live.backend import Backend, Stream, StreamSpec
from enhancer.live.clock import LatencyMode
from enhancer.live.output import OutputBranch
from enhancer.live.pipeline import Listener, Pipeline

SAMPLE_RATE = 48_000
STALLED_S = 1.0  # without a callback, a device is gone, whatever its stream says
FADE_OUT_S = 0.03  # for a branch to fall silent before its device is closed


@dataclass(frozen=True)
class Route:
    """Devices by name; None: the default. outputs: the virtual microphone's sink or a loudspeaker, and a monitor."""

    input: str | None
    outputs: tuple[str | None, ...]


class Session:
    """Raises DeviceError when a device cannot be opened; then nothing stays open."""

    def __init__(
        self,
        backend: Backend,
        route: Route,
        enhancer: Enhancer,
        mode: LatencyMode,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.route = route
        self._backend, self._mode = backend, mode
        self._inputs_xruns = 0  # of streams that are closed
        self.pipeline = Pipeline(enhancer, lambda clock: [], listeners)
        self._input: Stream | None = None
        self._outputs: list[tuple[Stream, OutputBranch]] = []
        try:
            self._input = self._open_input(route.input)
            for device in route.outputs:
                self._outputs.append(self._open_output(device))
            self.pipeline.branches = [branch for _, branch in self._outputs]
            self.pipeline.start()
            for stream, _ in self._outputs:
                stream.start()
            self._input.start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Falls silent, then gives all devices back."""
        for _, branch in self._outputs:
            branch.interrupt()
        sleep(FADE_OUT_S)
        for stream in [self._input, *(stream for stream, _ in self._outputs)]:
            if stream is not None:
                stream.close()
        self.pipeline.stop()

    def set_input(self, device: str | None) -> None:
        """Goes over to another microphone, through a short silence. Raises DeviceError and keeps the old one."""
        new = self._open_input(device)
        old = self._input
        for _, branch in self._outputs:
            branch.interrupt()
        assert old is not None
        old.close()
        self.pipeline.change_microphone()
        self._inputs_xruns += old.xruns
        self._input = new
        new.start()
        self.route = Route(device, self.route.outputs)

    def set_outputs(self, devices: tuple[str | None, ...]) -> None:
        """Goes over to other outputs; those that stay are not disturbed. Raises DeviceError and keeps the old ones."""
        keep = {
            device: pair for device, pair in zip(self.route.outputs, self._outputs, strict=True) if device in devices
        }
        opened: dict[str | None, tuple[Stream, OutputBranch]] = {}
        try:
            for device in devices:
                if device not in keep:
                    opened[device] = self._open_output(device)
        except BaseException:
            for stream, _ in opened.values():
                stream.close()
            raise
        gone = [pair for pair in self._outputs if pair not in keep.values()]
        self._outputs = [keep.get(device) or opened[device] for device in devices]
        self.pipeline.branches = [branch for _, branch in self._outputs]
        for stream, _ in opened.values():
            stream.start()
        for _, branch in gone:
            branch.interrupt()
        if gone:
            sleep(FADE_OUT_S)
        for stream, _ in gone:
            stream.close()
        self.route = Route(self.route.input, devices)

    @property
    def branches(self) -> list[OutputBranch]:
        """The ways out, in the route's order."""
        return [branch for _, branch in self._outputs]

    @property
    def fault(self) -> str:
        """Why the sound does not flow, a line; empty while it does."""
        assert self._input is not None
        streams = [(self._input, self.pipeline.clock, "the microphone")]
        streams += [(stream, branch.clock, "the output") for stream, branch in self._outputs]
        now = perf_counter()
        for stream, clock, name in streams:
            if not stream.alive:
                return stream.error or f"{name} is closed"
            if clock.idle_s(now) > STALLED_S:
                return f"{name} gives no sound any more"
        return ""

    @property
    def input_xruns(self) -> int:
        """Blocks of the microphone that were lost."""
        assert self._input is not None
        return self._inputs_xruns + self._input.xruns + self.pipeline.overruns

    @property
    def output_xruns(self) -> int:
        """Times that the first output ran dry."""
        stream, branch = self._outputs[0]
        return stream.xruns + branch.underruns

    @property
    def device_latencies_s(self) -> tuple[float, float]:
        """Of the microphone and the first output, as reported now."""
        assert self._input is not None
        return self._input.latency_s, self._outputs[0][0].latency_s

    def _open_input(self, device: str | None) -> Stream:
        return self._backend.open_input(self._spec(device), self.pipeline.receive)

    def _open_output(self, device: str | None) -> tuple[Stream, OutputBranch]:
        forward = _Forward()
        stream = self._backend.open_output(self._spec(device), forward)
        branch = OutputBranch(self.pipeline.clock, stream.sample_rate, 1, self._mode)
        forward.target = branch.pull
        return stream, branch

    def _spec(self, device: str | None) -> StreamSpec:
        return StreamSpec(device, SAMPLE_RATE, 1, SAMPLE_RATE // 100, self._mode.device_s)


class _Forward:
    """A source whose branch is only known once the device has said at which rate it plays."""

    target: Callable[[np.ndarray], None] | None = None

    def __call__(self, block: np.ndarray) -> None:
        if self.target is None:
            block.fill(0.0)
        else:
            self.target(block)
