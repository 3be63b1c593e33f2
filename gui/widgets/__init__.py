"""The small widgets that pages share."""

from gui.widgets.banner import Banner
from gui.widgets.card import Card
from gui.widgets.empty_state import EmptyState
from gui.widgets.labels import label, set_role, wrapped
from gui.widgets.segmented import SegmentedControl
from gui.widgets.switch import Switch

__all__ = ["Banner", "Card", "EmptyState", "SegmentedControl", "Switch", "label", "set_role", "wrapped"]
