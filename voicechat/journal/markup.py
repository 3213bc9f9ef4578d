"""HTML that cannot be broken out of: whatever is not made here is text, and text is cleaned and escaped."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable

from voicechat.ui.sanitise import clean

VOID = frozenset({"meta", "link", "br", "col"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def el(tag: str, *children: Markup | str | Iterable[Markup | str], **attributes: str | float | bool | None) -> Markup:
    """One element. Attributes: `class_` and `data_a` are written `class` and `data-a`; None and False leave one out."""
    told = "".join(_attribute(name, value) for name, value in attributes.items() if value is not None)
    if tag in VOID:
        return Markup(f"<{tag}{told}>")
    return Markup(f"<{tag}{told}>{joined(*children)}</{tag}>")


def joined(*children: Markup | str | Iterable[Markup | str]) -> Markup:
    """Everything in order; plain strings are escaped."""
    return Markup("".join(_child(child) for child in children))


def text(value: str) -> Markup:
    """Outside text: no control sequence, no reversed direction, no tag."""
    return Markup(html.escape(clean(value), quote=True))


def data_block(value: object) -> Markup:
    """JSON for the inside of a script element: nothing in it can end the element."""
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for mark in "<>&\u2028\u2029":
        raw = raw.replace(mark, f"\\u{ord(mark):04x}")
    return Markup(raw.encode("utf-8", "replace").decode())


def _child(child: Markup | str | Iterable[Markup | str]) -> str:
    if isinstance(child, Markup):
        return child
    return text(child) if isinstance(child, str) else joined(*child)


def _attribute(name: str, value: str | float | bool | None) -> str:
    plain = name.rstrip("_").replace("_", "-")
    if value is False or value is None:
        return ""
    if value is True:
        return f" {plain}"
    shown = f"{round(value, 3):g}" if isinstance(value, float) else str(value)
    return f' {plain}="{html.escape(clean(shown), quote=True)}"'
