"""How the monitor looks: colours by meaning (tokens), the stylesheet made of them, icons drawn in them."""

from gui.theme.focus import shows_focus
from gui.theme.icons import icon, pixmap, set_icon
from gui.theme.theme import Theme, theme
from gui.theme.tokens import Tokens, tokens

__all__ = ["Theme", "Tokens", "icon", "pixmap", "set_icon", "shows_focus", "theme", "tokens"]
