"""Answers that never came, came twice, collided, were cancelled, or came late."""

from __future__ import annotations

from typing import Any

from tests.insight.session_log import (
    EITHER,
    Case,
    Row,
    answered,
    begun,
    beta_session,
    came,
    create,
    diagnosed,
    done,
    ga_session,
    heard,
    here,
    opened,
    refused,
    sent,
    spoken,
    transcript,
    typed,
    update,
)
from tests.support.each import each

CONFLICT = "conversation_already_has_active_response"
BUSY = "Conversation already has an active response"
GATED = opened(0, ga_session(create_response=False))
BY_CLIENT = opened(0, ga_session(vad=None))
ASKED = spoken(1, "i1")
"""A question from 1 s to 3 s, with its transcript at 3.3 s."""


def cancelled(t: float, reason: str, id: str = "r1") -> Row:
    return done(t, id, "cancelled", reason)


def two_authors(**error: str) -> tuple[Any, ...]:
    """The server answers by itself, and the client asks for the same."""
    return (opened(), ASKED, begun(3.1), create(3.2), refused(3.3, CONFLICT, BUSY, **error), answered(3.1, "r1")[1:])


ONE_CONFLICT = [begun(3), create(3.2), refused(3.3, CONFLICT, event_id="c1"), done(4, "r1")]
BY_VOICE, BY_TEXT = ASKED, [*ASKED[:-1], typed(3.0)]


def answered_twice(*between: Row) -> tuple[Any, ...]:
    """Two responses to one turn; what happens `between` may be the reason of the second."""
    first, second = answered(3.45, "r1"), answered(7.5, "r2")
    return (GATED, ASKED, create(3.4), first[:1], list(between), create(3.6), begun(3.7, "r2"), first[1:], second[1:])


def dropped(t: float, n: int) -> list[Row]:
    """You go on after a pause, and the server drops what it had begun."""
    return [
        *spoken(t, f"i{n}"),
        begun(t + 2.1, f"r{n}"),
        heard(t + 2.3, f"j{n}"),
        cancelled(t + 2.35, "turn_detected", f"r{n}"),
        came(t + 4, "input_audio_buffer.speech_stopped", item_id=f"j{n}", audio_end_ms=(t + 4) * 1000),
        came(t + 4, "input_audio_buffer.committed", item_id=f"j{n}"),
        transcript(t + 4.3, f"j{n}", "and tomorrow"),
        *answered(t + 4.4, f"s{n}"),
    ]


WAITS = [*BY_CLIENT, here(0.1, "mic.opened"), create(1)]
TOOL = {"type": "function_call_output", "call_id": "k", "output": "4"}
FOUND: list[Case] = [
    Case("two authors of answers are told to be one", two_authors(event_id="c1"), "active-response-conflict",
         "create_response", timed=EITHER, until=20),
    Case("two authors, the error names no event", two_authors(), "active-response-conflict", "create_response",
         timed=EITHER, until=20),
    Case("a client that asks twice is told to wait",
         (BY_CLIENT, typed(1), create(1.1), begun(1.2), create(1.3, "c2"), refused(1.4, None, f"{BUSY} in progress: r1",
          event_id="c2"), done(4, "r1")), "active-response-conflict", "Wait for response.done"),
    Case("a repeated conflict is one finding with more evidence", (opened(), ONE_CONFLICT, ONE_CONFLICT),
         "active-response-conflict", evidence=(1, 2, 3, 5, 6, 7)),
    Case("one answer after the other is no conflict",
         (opened(), ASKED, answered(3.4, "r1"), typed(6.9), create(7), answered(7.1, "r2"))),
    Case("a cancel long after the answer",
         (opened(), ASKED, answered(3.4, "r1"), sent(9, "response.cancel", event_id="c"),
          refused(9.1, "response_cancel_not_active", "Cancellation failed", event_id="c")),
         "cancel-without-response", timed=EITHER),
    Case("one spoken turn answered twice",
         (GATED, BY_VOICE, create(3.4), create(3.5, "c2"), answered(3.6, "r1"), answered(7.3, "r2")),
         "duplicate-create"),
    Case("one typed turn answered twice",
         (GATED, typed(3.0), create(3.4), create(3.5, "c2"), answered(3.6, "r1"), answered(7.3, "r2")),
         "duplicate-create"),
    Case("asked for again by the user",
         (GATED, BY_VOICE, create(3.4), here(3.45, "again.pressed"), create(3.5, "c2"), answered(3.6, "r1"),
          answered(7.3, "r2"))),
    Case("a second response to a tool's result", answered_twice(sent(3.5, "conversation.item.create", item=TOOL))),
    Case("a second response to a message", answered_twice(typed(3.5))),
    Case("an answer out of band is no duplicate",
         (opened(), ASKED, answered(3.4, "r1"), create(7.2, response={"conversation": "none"}),
          came(7.3, "response.created", response={"id": "r2", "conversation_id": None}), done(7.9, "r2"))),
    Case("a client that cancels its answer at birth",
         (GATED, ASKED, create(3.4), begun(3.5), sent(3.55, "response.cancel"), cancelled(3.6, "client_cancelled")),
         "cancelled-at-birth:client", severity="error", timed=EITHER),
    Case("a server that drops one answer: once happens to everybody", (opened(), dropped(1, 1))),
    Case("a server that drops answers because you went on", (opened(), dropped(1, 1), dropped(15, 2)),
         "cancelled-at-birth:server", severity="info"),
    *(Case(f"cancelled by the user's own {act}",
           (opened(), ASKED, begun(3.1), here(3.2, act), sent(3.2, "response.cancel"),
            cancelled(3.3, "client_cancelled"))) for act in ("stop.pressed", "talk.pressed", "end.asked")),
    *(Case(f"a {act} before the server created the response",
           (GATED, typed(1), create(1.1), here(1.2, act), begun(1.9), sent(2.0, "response.cancel"),
            cancelled(2.1, "client_cancelled"))) for act in ("stop.pressed", "talk.pressed")),
    Case("a client that cancels its response without a barge-in",
         (opened(0, beta_session()), ASKED, begun(3.1),
          came(3.5, "response.audio_transcript.delta", response_id="r1", delta="Well"), sent(4.5, "response.cancel"),
          cancelled(4.6, "client_cancelled")), "cancelled-by-client", timed=EITHER),
    Case("a client that cancels because you spoke does its duty",
         (opened(), ASKED, answered(3.1, "r1", heard=False)[:3], heard(4.4, "i2"), sent(4.5, "response.cancel"),
          cancelled(4.6, "client_cancelled"))),
    Case("asked for and not begun, before eight seconds", (WAITS,), until=8.9),
    Case("asked for and not begun after eight seconds", (WAITS,), "no-response:asked", until=9.6),
    Case("begun late", (WAITS, came(9.7, "rate_limits.updated"), answered(10, "r1")), "no-response:asked",
         is_over=True),
    Case("a turn that the server leaves unanswered", (opened(), ASKED), "no-response:server", until=12),
    Case("nobody has to answer a cough", (opened(), spoken(1, "i1", "...")), until=12),
    Case("a turn that nobody is to answer", (GATED, ASKED), "no-response:nobody", until=12),
    Case("an answer in vain, without times",
         (opened(), create(1), [came(0, "rate_limits.updated")] * 14), "no-response:asked", timed=(False,)),
    Case("an excerpt that ends soon, without times",
         (opened(), create(1), [came(0, "rate_limits.updated")] * 3), timed=(False,)),
    Case("an answer that takes a second", (opened(), ASKED, answered(4.2, "r1"))),
    Case("one very slow answer, with the step that took long", (opened(), ASKED, answered(8.0, "r1")),
         "slow-first-sound", "had not begun the answer"),
]  # fmt: skip


def slow(count: int) -> list[Row]:
    """Turns whose responses have their first words late, in a log without playback."""
    rows = []
    for n in range(count):
        words = came(n * 20 + 6, "response.output_audio_transcript.delta", response_id=f"r{n}", delta="Hm")
        rows += [*spoken(n * 20 + 1, f"i{n}"), begun(n * 20 + 3.2, f"r{n}"), words, done(n * 20 + 7, f"r{n}")]
    return rows


def called(t: float) -> list[Row]:
    """A response that calls a function, and its result."""
    call = {"id": "r1", "status": "completed", "output": [{"type": "function_call", "call_id": "k"}]}
    result = sent(t + 0.3, "conversation.item.create", item=TOOL)
    return [begun(t), came(t + 0.1, "response.done", response=call), result]


TOLD_AGAIN = [
    *(here(10.0, "line.lost"), here(10.5, "line.opened")),
    came(10.6, "session.created", session={"type": "realtime"}),
    sent(11.0, "conversation.item.create", item={"type": "function_call", "call_id": "k", "name": "add"}),
    sent(11.0, "conversation.item.create", item=TOOL),
]
PIRATE: dict[str, Any] = {"type": "realtime", "instructions": "Speak like a pirate."}
CEDAR: dict[str, Any] = {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}
NO_VAD: dict[str, Any] = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
IN_FORCE = came(0.3, "session.updated", session=ga_session())
FIRST = [*spoken(0.1, "i1"), *answered(2.4, "r1")]
FOUND += [
    Case("two slow responses", (opened(), slow(2))),
    Case("three slow responses", (opened(), slow(3)), "slow-first-sound", "the model"),
    Case("an MCP server whose tools are being listed",
         (opened(), came(0.5, "conversation.item.added", item={"type": "mcp_list_tools", "tools": []}))),
    Case("an MCP server without tools",
         (opened(), came(0.5, "conversation.item.done", item={"type": "mcp_list_tools", "tools": []})), "mcp-no-tools"),
    Case("a tool's result without a response", (opened(), ASKED, called(3.2)), "tool-output-unanswered", until=9.5),
    Case("a tool's result without a response, without times", (opened(), ASKED, called(3.2), spoken(0, "i2")),
         "tool-output-unanswered", timed=(False,)),
    Case("a tool's result sent again after a reconnect",
         (opened(), ASKED, called(3.2), create(3.6), answered(3.8, "r2"), TOLD_AGAIN)),
    Case("a tool's result that is answered", (opened(), ASKED, called(3.2), create(3.6), answered(3.8, "r2")),
         until=30),
    Case("a tool's result that the server answers", (opened(), ASKED, called(3.2), answered(3.8, "r2")), until=30),
    *(Case("a first answer before the configuration",
           (opened(), update(0.1, **wish), begun(0.15, "r0"), IN_FORCE, done(1.4, "r0")), "config-too-late")
      for wish in (PIRATE, CEDAR)),
    Case("a configuration in time", (opened(), update(0.1, **PIRATE), IN_FORCE, ASKED, answered(3.4, "r1"))),
    Case("a configuration with the handshake, and a change later",
         (opened(), here(0.01, "line.opened", configured=True), FIRST, update(8, **PIRATE),
          came(8.1, "session.updated", session=ga_session()))),
    Case("an update of what no first answer needs", (opened(), FIRST, update(8, **NO_VAD), IN_FORCE)),
]  # fmt: skip


@each("case", FOUND, ids=lambda case: case.name)
def test_what_went_wrong_with_responses_is_named_and_nothing_else(case: Case) -> None:
    case.verify()


@each("lost", ["line.lost", "line.hanging_up", "device.lost"])
def test_sound_that_ends_with_the_line_or_the_device_is_not_blamed_on_the_client(lost: str) -> None:
    answer = answered(3.1, "r1", heard=False)[:-1]
    found = diagnosed(opened(), ASKED, answer, here(4.5, lost), here(4.51, "playback.flushed"))
    assert "audio-tail-missing" not in [one.code for one in found.values()]
