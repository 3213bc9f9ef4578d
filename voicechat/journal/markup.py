"""HTML that cannot be broken out of: whatever is not made here is text, and text is cleaned and escaped."""

from __future__ import annotations

import base64
import hashlib
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


def document(title: str, body: Iterable[Markup], style: str, script: str = "", icon: str = "") -> str:
    """A page that runs and loads nothing but these two texts, and sound and pictures inside of it."""
    allowed = f"style-src '{_hash(style)}'" + (f"; script-src '{_hash(script)}'" if script else "")
    policy = f"default-src 'none'; {allowed}; img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", title),
        el("link", rel="icon", href=icon) if icon else "",
        el("style", Markup(style)),
    )
    code = el("script", Markup(script)) if script else ""
    return f"<!doctype html>\n{el('html', head, el('body', *body, code), lang='en')}\n"


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


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
