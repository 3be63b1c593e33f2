"""Elements of HTML and SVG from Python calls: a string becomes markup only through `element`, which escapes it."""

from __future__ import annotations

import html
import re

# No end tag, in HTML and in SVG.
_EMPTY = {"meta", "input", "br", "circle", "line", "rect", "path", "image"}
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


class Markup(str):
    """Text that is markup already. Any other `str` is escaped where it meets one."""


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """`<name attributes>children</name>`, well-formed as HTML and as XML.

    Children: None is left out, lists are taken apart, numbers and text are escaped. Attributes: None and False are left
    out, True stands for a bare one; in their names `_` is written `-`, and one at the end (`class_`) is dropped.
    """
    opened = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}"
    return Markup(f"{opened} />" if name in _EMPTY else f"{opened}>{joined(children)}</{name}>")


def joined(children: object) -> Markup:
    """All children one after the other, escaped where they are not markup."""
    if isinstance(children, Markup):
        return children
    if isinstance(children, list | tuple):
        return Markup("".join(joined(child) for child in children))
    return Markup("" if children is None else escaped(children))


def escaped(value: object) -> str:
    """Text for HTML: control characters as their pictures, bytes that are no UTF-8 as escapes (file names hold any)."""
    text = str(value).encode("utf-8", "backslashreplace").decode()
    text = _CONTROLS.sub(lambda m: "\u2421" if m[0] == "\x7f" else chr(0x2400 + ord(m[0])), text)
    return html.escape(text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd"), quote=True)


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    return f' {key.rstrip("_").replace("_", "-")}="{"" if value is True else escaped(value)}"'
