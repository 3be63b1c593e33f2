"""Colours of levels in spectrograms: perceptually uniform, told apart by their lightness alone by colour-blind eyes."""

from __future__ import annotations

from functools import cache

import numpy as np


@cache
def spectrogram_colours(dark: bool) -> np.ndarray:
    """uint32 [256], 0xffRRGGBB, from silence, which is near the card's own colour, to the loudest.

    Magma (van der Walt and Smith, 2015) on dark cards, CET-L17 (Kovesi, 2015) on light ones.
    """
    from pyqtgraph import colormap

    table = colormap.get("magma" if dark else "CET-L17").getLookupTable(nPts=256)[:, :3].astype(np.uint32)
    return 0xFF000000 | table[:, 0] << 16 | table[:, 1] << 8 | table[:, 2]
