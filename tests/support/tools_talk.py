"""Moments of a talk in which the model calls tools."""

from __future__ import annotations

from dataclasses import replace

from tests.support.scene import Scene
from tests.support.talk_views import FREE, OPEN, READY
from voicechat.core.view import ReplyView, ToolAsk, TurnView, View

MAIL = (
    '{"to": "keiko@example.com", "subject": "Dinner on Friday", "body": "Dear Keiko,\\nwe land at nine.", "copies": 2}'
)
ASK = ToolAsk("call_1", "send_mail", MAIL)
_EVIL = '{"path": "\x1b]52;c;UFdORUQ=\x07 \u202etxt.exe", "x": "'
HOSTILE = ToolAsk("call_2", "rm\x1b[2J_rf", _EVIL + "y" * 900 + '"}', 52_000)
REMOTE = ToolAsk("mcpr_1", "search_documents", '{"query": "umbrella"}', server="docs")
CALLING = ReplyView("thinking", 2.0, "send_mail waits for your word")
TURNS = (
    TurnView("u1", "you", 10, "What is the weather in Paris, and write Keiko that we land at nine.", spoken=4.1),
    TurnView(
        "t1",
        "tool",
        14,
        "get_weather",
        detail='{"city": "Paris", "day": "today"}  →  {"temperature": 17, "sky": "cloudy"}',
        item_id="i1",
        latency=0.38,
    ),
    TurnView(
        "t2",
        "tool",
        14,
        "add_numbers",
        detail='{"first": 3}  →  {"error": "The arguments are wrong"}',
        failed="The arguments are wrong: the arguments: 'second' is a required property.",
        latency=0.01,
    ),
    TurnView("t3", "tool", 15, "find_flight", detail='{"number": "JL44"}', stage="running", partial=True),
    TurnView("t4", "tool", 15, "send_mail", detail=MAIL, stage="asked", partial=True),
)


def tools_scenes() -> dict[str, Scene]:
    """One question, several, a hostile one, one of the service's own."""
    view = View(FREE, CALLING, OPEN, asked=(ASK,))
    return {
        "consent": Scene(view, TURNS),
        "consents": Scene(replace(view, asked=(HOSTILE, ASK)), TURNS),
        "consent-remote": Scene(replace(view, asked=(REMOTE,)), TURNS),
        "tools": Scene(View(FREE, READY, OPEN), TURNS[:3], keys=("up", "up", "enter")),
    }
