"""Whatever client, user, recogniser and brain do in whatever order: nothing breaks and every promise is kept."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.local_server.dialogue_talk import Talk
from voicechat.local_server.answer import Finished
from voicechat.local_server.brain import CallTool
from voicechat.local_server.conversation import Recognise, Reply, StopReply
from voicechat.local_server.dialogue import Transport
from voicechat.protocol.codec import decode_server, encode
from voicechat.protocol.server_events import (
    InputAudioBufferCommitted,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    ResponseCreated,
    ResponseDone,
    ServerError,
)
from voicechat.protocol.session_dialects import DIALECTS
from voicechat.protocol.wire import WireEvent, type_of

USER: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
VADS: list[Any] = [
    None,
    {"type": "server_vad"},
    {"type": "server_vad", "interrupt_response": False, "idle_timeout_ms": 5000},
    {"type": "server_vad", "create_response": False},
    {"type": "semantic_vad", "eagerness": "high"},
]
SENT: list[Any] = [
    {"type": "response.create"},
    {"type": "response.create", "response": {"conversation": "none", "output_modalities": ["text"]}},
    {"type": "response.create", "response": {"max_output_tokens": 5}},
    {"type": "response.cancel"},
    {"type": "output_audio_buffer.clear"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "conversation.item.create", "item": USER},
    {"type": "conversation.item.create", "item": {**USER, "id": "mine"}, "previous_item_id": "root"},
    {"type": "conversation.item.delete", "item_id": "item_1"},
    {"type": "conversation.item.retrieve", "item_id": "item_2"},
    {"type": "conversation.item.truncate", "item_id": "item_2", "content_index": 0, "audio_end_ms": 300},
    {"type": "nonsense"},
]
ALL: list[tuple[str, Any]] = [
    *(("voice", seconds) for seconds in (0.1, 0.5, 1.5)),
    *(("silence", seconds) for seconds in (0.1, 0.3, 0.8)),
    *(("play", seconds) for seconds in (0.1, 0.7, 3.0)),
    *(("wait", seconds) for seconds in (0.1, 6.0)),
    *(("turns", turns) for turns in VADS),
    *(("words", words) for words in ("", "Hello there.", "...")),
    *(("guess", words) for words in ("", "Hello", "Hello there")),
    *(("say", seconds) for seconds in (0.0, 0.5, 4.0)),
    *((kind, 0) for kind in ("finish", "call", "fail")),
    *(("send", event) for event in SENT),
]
USUAL: list[tuple[str, Any]] = [
    ("send", SENT[0]),
    ("say", 4.0),
    ("play", 0.7),
    ("finish", 0),
    ("voice", 0.5),
    ("silence", 0.8),
    ("words", "Hello."),
]
"""What a talk is made of mostly; drawn half of the time, so that answers are under way when odd things happen."""
STEPS = st.sampled_from(USUAL) | st.sampled_from(ALL)


def step(talk: Talk, kind: str, value: Any, transport: Transport) -> None:
    reply = talk.all(Reply)[-1] if talk.all(Reply) else None
    asked = talk.all(Recognise)[-1] if talk.all(Recognise) else None
    match kind:
        case "voice":
            talk.voice(value)
        case "silence":
            talk.silence(value)
        case "play" if transport == "webrtc":
            talk.play(value)
        case "wait":
            talk.wait(value)
        case "turns":
            talk.listen(turn_detection=value)
        case "send":
            talk.send(**{"kind": value["type"]}, **{name: field for name, field in value.items() if name != "type"})
        case "words" if asked:
            talk.recognise(value)
        case "guess" if asked:
            talk.dialogue.listening.recognised_partly(asked.item_id, value)
            talk.take()
        case "say" if reply:
            talk.answer("One two three.", value, complete=False)
        case "finish" if reply:
            talk.made(Finished())
        case "call" if reply:
            talk.made(CallTool("lamp", "{}"))
        case "fail" if reply:
            talk.made(Finished("broken"))


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, max_size=30))
def test_any_order_of_happenings_keeps_the_protocols_promises(
    transport: Transport, steps: list[tuple[str, Any]]
) -> None:
    talk = Talk(transport)
    for kind, value in steps:
        step(talk, kind, value, transport)
    created = [event.response.id for event in talk.all(ResponseCreated)]
    done = [event.response.id for event in talk.all(ResponseDone)]
    assert len(created) == len(set(created)) and len(done) == len(set(done)), "each response begins and ends once"
    assert set(done) <= set(created)
    committed = [event.item_id for event in talk.all(InputAudioBufferCommitted)]
    assert len(committed) == len(set(committed))
    active, playing, cleared = set[str | None](), Counter[str | None](), set[str | None]()
    for out in talk.outs:
        match out:
            case ResponseCreated() if out.response.conversation_id:
                assert not active, "one response of the conversation at a time"
                active.add(out.response.id)
            case ResponseDone():
                active.discard(out.response.id)
            case OutputAudioBufferStarted():
                assert transport == "webrtc"
                playing[out.response_id] += 1
                assert out.response_id not in cleared
            case OutputAudioBufferCleared():
                cleared.add(out.response_id)
            case OutputAudioBufferStopped():
                assert out.response_id not in cleared, "cut sound has no end of its own"
                playing[out.response_id] -= 1
            case StopReply():
                assert out.response_id in created
            case _:
                pass
    assert max(playing.values(), default=0) <= 1 and min(playing.values(), default=0) >= 0
    assert transport == "webrtc" or not talk.all(OutputAudioBufferCleared)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, max_size=30))
def test_everything_that_is_said_can_be_written_and_read_in_both_dialects(steps: list[tuple[str, Any]]) -> None:
    talk = Talk("websocket")
    for kind, value in steps:
        step(talk, kind, value, "websocket")
    for out in talk.outs:
        if not isinstance(out, WireEvent):
            continue
        assert decode_server(encode(out)).notes == ()
        if DIALECTS["beta"].event_name(type_of(out)) is not None:
            assert decode_server(encode(out, "beta")).notes == ()


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_any_text_is_answered_by_one_error(text: str) -> None:
    talk = Talk()
    outs = talk.say(text)
    assert [type(out) for out in outs] == [ServerError]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "audio", "input", "turn_detection", "tools", "voice", "x"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_any_session_object_is_obeyed_or_refused_whole(session: Any) -> None:
    talk = Talk()
    before = dict(talk.dialogue.config.session)
    outs = talk.send("session.update", session=session)
    assert len(outs) == 1
    if isinstance(outs[0], ServerError):
        assert talk.dialogue.config.session == before
    assert np.isfinite(talk.now)
