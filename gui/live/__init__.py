"""The Live page: the engine on and off, its devices and strength, and what it hears and passes on."""

from gui.live.model import LiveModel
from gui.live.page import LivePage

__all__ = ["LiveModel", "LivePage"]
