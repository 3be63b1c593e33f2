"""The switch between enhanced and dry sound: crossfades, and the sleep of the network while nobody listens to it.

Off -> on: 10 ms crossfade to the dry sound. The network goes on for 10 s, so that comparing A and B costs nothing, and
sleeps after that. On -> off: if it slept, it first runs for 300 ms behind the dry sound, so that what fades in has
settled; then 10 ms crossfade back. Dry and enhanced sound are aligned, so neither fade moves anything in time.
"""

from __future__ import annotations

import numpy as np

from enhancer.spectral import HOP_S

FADE_S = 0.010
AWAKE_S = 10.0
WARM_UP_S = 0.300


class BypassSwitch:
    """Counts samples for the fades and frames for the sleep: what it does depends on neither clock nor block size."""

    def __init__(self, sample_rate: int) -> None:
        self._fade = max(1, round(FADE_S * sample_rate))
        self._warm_up = round(WARM_UP_S * sample_rate)
        self._awake = round(AWAKE_S / HOP_S)
        self._on = False
        self.reset()

    def reset(self) -> None:
        """Keeps the position of the switch; a new stream starts there without a fade."""
        self._wet = 0 if self._on else self._fade  # how far the fade has come towards the enhanced sound, in samples
        self._frames_left = self._awake
        self._dry_left = 0  # samples to go before the enhanced sound may fade in

    @property
    def on(self) -> bool:
        """True: dry sound is wanted."""
        return self._on

    @on.setter
    def on(self, value: bool) -> None:
        if value == self._on:
            return
        slept = self._on and self._frames_left == 0
        self._on = value
        self._frames_left = self._awake
        self._dry_left = self._warm_up if slept else 0

    def rest(self) -> None:
        """Dry sound from now on, and no frame more for the network: for a machine that is too slow at the moment."""
        self.on = True
        self._frames_left = 0

    @property
    def is_dry(self) -> bool:
        """Only dry sound comes out now."""
        return self._on and self._wet == 0

    @property
    def is_enhanced(self) -> bool:
        """Only enhanced sound comes out now."""
        return not self._on and self._wet == self._fade

    def frames_to_infer(self, frames: int) -> int:
        """How many of the next `frames` the network has to see; the rest it sleeps through."""
        if not self._on:
            return frames
        seen = min(frames, self._frames_left)
        self._frames_left -= seen
        return seen

    def mix(self, enhanced: np.ndarray, dry: np.ndarray, out: np.ndarray) -> None:
        """Fills `out` from aligned `enhanced` and `dry`, all [channels, time], moving the fade along."""
        steps = np.arange(1, out.shape[1] + 1)
        if self._on:
            position = np.maximum(self._wet - steps, 0)
        else:
            position = np.clip(self._wet + steps - self._dry_left, self._wet, self._fade)
            self._dry_left = max(0, self._dry_left - out.shape[1])
        gain = (position / self._fade).astype(np.float32)
        np.multiply(enhanced - dry, gain, out=out)
        out += dry
        self._wet = int(position[-1])
