"""How the monitor looks: colours by meaning (tokens), the stylesheet made of them, icons drawn in them."""

from gui.theme.focus import shows_focus
from gui.theme.icons import icon, pixmap
from gui.theme.theme import Theme, theme
from gui.theme.tokens import Tokens, tokens

__all__ = ["Theme", "Tokens", "icon", "pixmap", "shows_focus", "theme", "tokens"]
