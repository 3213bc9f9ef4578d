"""Sessions of other people's clients in which nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.foreign_logs import says
from tests.support.session_log import (
    TRANSCRIBED,
    Row,
    answered,
    beta_session,
    came,
    done,
    ga_session,
    opened,
    sent,
    spoken,
    update,
)


@dataclass(frozen=True, slots=True)
class Session:
    """What happened, and what a diagnosis must call it; `code` empty: healthy."""

    name: str
    code: str
    rows: Callable[[], list[Row]]
    needs_words: bool = False
    needs_times: bool = False


def turn(t: float, n: int, words: str = "what is the weather like", answer: str = "It is sunny today.") -> list[Row]:
    """You speak, the server answers, the sound ends."""
    return [*spoken(t, f"item_u{n}", words), *answered(t + 2.6, f"resp_{n}", answer, heard=False)]


def plain() -> list[Row]:
    return [*opened(), *turn(1, 1), *turn(9, 2, "and tomorrow", "Rain, I fear."), *turn(17, 3, "thanks", "Any time.")]


def beta_plain() -> list[Row]:
    rows = [*opened(0, beta_session()), *turn(1, 1), *turn(9, 2, "and tomorrow", "Rain, I fear.")]
    return [(t, way, {**event, "type": _beta(event["type"])}) for t, way, event in rows]


def _beta(name: str) -> str:
    return name.replace("response.output_audio", "response.audio").replace("response.output_text", "response.text")


def gated() -> list[Row]:
    """A client that closes the mic while the assistant speaks, rightly."""
    rows = opened()
    for n in range(3):
        t = 1 + 9 * n
        rows += spoken(t, f"item_u{n}")
        rows += answered(t + 2.6, f"resp_{n}", heard=False)[:3]
        rows += [says(t + 3.1, "🔇 Mic muted while assistant is speaking")]
        rows += answered(t + 2.6, f"resp_{n}", heard=False)[3:]
        rows += [says(t + 6.5, "🎤 Mic unmuted, listening again")]
    return rows


def barged() -> list[Row]:
    """You cut in with words; the server cancels."""
    return [
        *opened(),
        *spoken(1, "item_u1"),
        *answered(3.6, "resp_1", "Once upon a time there was a king who", heard=False)[:3],
        came(6.0, "input_audio_buffer.speech_started", item_id="item_u2", audio_start_ms=6000),
        came(6.1, "output_audio_buffer.cleared", response_id="resp_1"),
        done(6.2, "resp_1", "cancelled", "turn_detected"),
        came(7.9, "input_audio_buffer.speech_stopped", item_id="item_u2", audio_end_ms=7900),
        came(7.9, "input_audio_buffer.committed", item_id="item_u2"),
        came(8.2, TRANSCRIBED, item_id="item_u2", transcript="stop please, another story"),
        *answered(8.4, "resp_2", "Of course.", heard=False),
    ]


def pushed() -> list[Row]:
    """Push-to-talk over a WebSocket."""
    rows = [*opened(0, ga_session(vad=None)), update(0.2, type="realtime", audio={"input": {"turn_detection": None}})]
    rows.append(came(0.4, "session.updated", session=ga_session(vad=None)))
    for n in range(2):
        t = 2 + 8 * n
        rows += [
            sent(t, "input_audio_buffer.clear", event_id=f"c{n}"),
            sent(t + 2, "input_audio_buffer.commit", event_id=f"k{n}"),
            sent(t + 2, "response.create", event_id=f"r{n}"),
            came(t + 2.1, "input_audio_buffer.committed", item_id=f"item_{n}"),
            came(t + 2.2, "response.created", response={"id": f"resp_{n}", "status": "in_progress"}),
            came(t + 2.5, "response.output_audio_transcript.delta", response_id=f"resp_{n}", delta="Hello."),
            came(t + 2.6, TRANSCRIBED, item_id=f"item_{n}", transcript="hello there"),
            done(t + 3.1, f"resp_{n}"),
        ]
    return rows


def called_a_tool() -> list[Row]:
    call = {"id": "item_f", "type": "function_call", "name": "weather", "call_id": "call_1", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "call_1", "output": '{"degrees": 21}'}
    return [
        *opened(),
        *spoken(1, "item_u1", "what is the weather"),
        came(3.6, "response.created", response={"id": "resp_1", "status": "in_progress"}),
        came(4.0, "response.function_call_arguments.delta", response_id="resp_1", call_id="call_1", delta="{}"),
        came(4.2, "response.done", response={"id": "resp_1", "status": "completed", "output": [call]}),
        sent(4.5, "conversation.item.create", event_id="i1", item=output),
        sent(4.5, "response.create", event_id="r1"),
        *answered(4.8, "resp_2", "21 degrees.", heard=False),
    ]


def typed() -> list[Row]:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    rows = opened()
    for n in range(2):
        t = 1 + 6 * n
        rows += [sent(t, "conversation.item.create", event_id=f"i{n}", item=item)]
        rows += [sent(t, "response.create", event_id=f"r{n}"), *answered(t + 0.3, f"resp_{n}", "Hi!", heard=False)]
    return rows


HEALTHY = (
    Session("plain talk", "", plain),
    Session("beta dialect", "", beta_plain),
    Session("mic closed while it speaks", "", gated),
    Session("cutting in", "", barged),
    Session("push to talk", "", pushed),
    Session("a tool", "", called_a_tool),
    Session("typed", "", typed),
    Session("an excerpt", "", lambda: plain()[8:-5]),
    Session("an excerpt that begins inside an answer", "", lambda: [row for row in plain()[1:] if row[0] > 4.1]),
)
