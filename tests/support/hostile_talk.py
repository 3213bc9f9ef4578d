"""Attacks on the terminal in every place that shows text of others."""

from __future__ import annotations

from dataclasses import replace

from tests.support.scene import Scene
from tests.support.talk_views import FREE, OPEN
from voicechat.core.view import ReplyView, TurnView, View
from voicechat.engine.link import (
    EventRow,
)

HOSTILE = "\x1b]52;c;UFdORUQ=\x07\x1b[2J\x9b31m\x9d0;t\x9c[@click=app.quit]free[/] [/foo] [link='x] \u202egnp"


def hostile_rows() -> tuple[EventRow, ...]:
    """An event whose type, summary and payload are attacks."""
    payload = f'{{"x": "{HOSTILE}", "y": "\\u001b]52;c;UFdORUQ=\\u0007"}}'
    return (EventRow(0, 1.0, "in", f"x.{HOSTILE}", HOSTILE, len(payload), payload),)


def hostile() -> Scene:
    """Every field that can hold text holds an attack."""
    mic = replace(FREE, name=HOSTILE, detail=HOSTILE, echo=HOSTILE, reason=HOSTILE, hint=HOSTILE)
    connection = replace(OPEN, voice=HOSTILE, model=HOSTILE, provider=HOSTILE, reason=HOSTILE, receive_fallback=HOSTILE)
    said = (
        TurnView("h1", "note", text=HOSTILE, level="error"),
        TurnView("h2", "tool", text=HOSTILE, detail=HOSTILE),
        TurnView("h3", "you", text=HOSTILE, failed=HOSTILE),
        TurnView("h4", "assistant", text=HOSTILE, rest=HOSTILE, cut_by="you"),
        TurnView("h5", "you", text="end of hostilities"),
    )
    return Scene(View(mic, ReplyView("failed", detail=HOSTILE), connection, (HOSTILE,)), said, rows=hostile_rows())
