"""Whatever arrives in whatever order: the transcript holds together."""

from __future__ import annotations

from hypothesis import given, strategies as st

from tests.support.script import Talk, committed, connected, created, done, item, silence, speech, transcribed, words
from voicechat.core import events as on
from voicechat.core.events import Event
from voicechat.core.state import State, Turn
from voicechat.core.transcript import find_item
from voicechat.protocol import server_events as wire
from voicechat.protocol.items import ErrorDetail, Item
from voicechat.protocol.server_events import ServerEvent
from voicechat.protocol.wire import MalformedFrame, UnknownEvent, WireEvent

USERS = st.sampled_from(["u1", "u2", "u3", ""])
ANSWERS = st.sampled_from(["a1", "a2", "a3"])
RESPONSES = st.sampled_from(["r1", "r2", "r3", ""])
ITEMS = st.one_of(USERS, ANSWERS, st.just("f1"))
TEXT = st.sampled_from(["", "one two ", "窓際の席", "x"])
CALL = Item(id="f1", type="function_call", call_id="c1", name="look", arguments="{}")
RESULT = Item(id="o1", type="function_call_output", call_id="c1", output="found")

SAID: st.SearchStrategy[ServerEvent] = st.one_of(
    st.builds(speech, USERS, st.integers(0, 9000)),
    st.builds(silence, USERS, st.integers(0, 9000)),
    st.builds(committed, USERS, st.one_of(st.none(), ITEMS)),
    st.builds(transcribed, USERS, TEXT),
    st.builds(wire.ConversationItemInputAudioTranscriptionDelta, item_id=USERS, delta=TEXT),
    st.builds(wire.ConversationItemInputAudioTranscriptionFailed, item_id=USERS),
    st.builds(created, RESPONSES, st.sampled_from(["c", None])),
    st.builds(words, RESPONSES, ANSWERS, TEXT),
    st.builds(wire.ResponseOutputTextDelta, response_id=RESPONSES, item_id=ANSWERS, delta=TEXT),
    st.builds(wire.ResponseOutputAudioTranscriptDone, response_id=RESPONSES, item_id=ANSWERS, transcript=TEXT),
    st.builds(wire.ResponseOutputItemAdded, response_id=RESPONSES, item=st.just(CALL)),
    st.builds(
        done,
        RESPONSES,
        output=st.tuples(st.builds(item, ANSWERS, st.just("assistant"), st.none(), TEXT)),
        status=st.sampled_from(["completed", "cancelled", "failed", "incomplete"]),
    ),
    st.builds(
        wire.ConversationItemAdded,
        item=st.one_of(
            st.builds(item, USERS, st.just("user"), st.one_of(st.none(), TEXT), TEXT),
            st.builds(item, ANSWERS, st.just("assistant")),
            st.sampled_from([CALL, RESULT, Item(id="x", type="hologram")]),
        ),
        previous_item_id=st.one_of(st.none(), ITEMS),
    ),
    st.builds(
        wire.ConversationItemTruncated, item_id=ANSWERS, audio_end_ms=st.one_of(st.none(), st.integers(-9, 9000))
    ),
    st.builds(wire.ConversationItemDeleted, item_id=ITEMS),
    st.builds(wire.OutputAudioBufferStarted, response_id=RESPONSES),
    st.builds(wire.OutputAudioBufferStopped, response_id=RESPONSES),
    st.builds(wire.OutputAudioBufferCleared, response_id=RESPONSES),
    st.just(wire.InputAudioBufferCleared()),
    st.builds(wire.ServerError, error=st.builds(ErrorDetail, code=TEXT, message=TEXT)),
)
HAPPENED: st.SearchStrategy[Event | ServerEvent] = st.one_of(
    SAID,
    SAID,
    st.just(on.AssistantHeard()),
    st.builds(on.AssistantFellSilent, st.floats(0, 50)),
    st.just(on.PlaybackEmptied(1)),
    st.builds(on.VoiceBegan, st.floats(0, 50)),
    st.builds(on.VoiceEnded, st.floats(0, 50), st.floats(0, 5)),
    st.builds(on.BargeInHappened, st.floats(0, 50)),
    st.just(on.StopPressed()),
    st.builds(on.TextEntered, TEXT),
    st.builds(on.TalkPressed),
    st.builds(on.TalkReleased),
    st.builds(on.DeafenChosen, st.booleans()),
    st.builds(on.LineLost, st.just(1), TEXT),
)
SCRIPT = st.lists(st.tuples(st.floats(0, 2), HAPPENED), max_size=40)


def play(script: list[tuple[float, Event | ServerEvent]]) -> Talk:
    talk = connected()
    for pause, happened in script:
        talk.at(talk.now + pause)
        check(talk)
        if isinstance(happened, WireEvent | UnknownEvent | MalformedFrame):
            talk.hear(happened)
        else:
            talk.tell(happened)
        check(talk)
    return talk


def check(talk: Talk) -> None:
    turns = talk.turns
    assert len({turn.key for turn in turns}) == len(turns)
    for turn, shown in zip(turns, talk.views, strict=True):
        assert shown.text + shown.rest == turn.text
        assert shown.key == turn.key
    mic = talk.view.mic
    assert mic.is_on_air == (talk.state.microphone.is_open and talk.state.connection.phase == "open")
    assert bool(mic.reason) != mic.is_on_air


@given(SCRIPT)
def test_no_order_of_events_raises_or_breaks_the_transcript(script: list[tuple[float, Event | ServerEvent]]) -> None:
    play(script)


@given(SCRIPT, st.floats(0, 3))
def test_what_was_shown_as_heard_stays_shown_while_the_answer_sounds(
    script: list[tuple[float, Event | ServerEvent]], pause: float
) -> None:
    talk = play(script)
    early = {turn.key: turn.text for turn in talk.views}
    talk.at(talk.now + pause)
    for turn in talk.views:
        assert turn.key not in early or turn.text.startswith(early[turn.key])


@given(st.permutations(range(6)), st.data())
def test_the_order_respects_what_the_server_said_comes_before(order: list[int], data: st.DataObject) -> None:
    """Users and answers in turn, each naming one of those before it, arriving in any order."""
    names = [f"{'u' if place % 2 == 0 else 'a'}{place}" for place in range(6)]
    previous = [None, *(data.draw(st.sampled_from(names[: place + 1])) for place in range(5))]
    talk = connected()
    for place in order:
        if place % 2 == 0:
            talk.hear(committed(names[place], previous[place]))
        else:
            response, assistant = f"r{place}", item(names[place], "assistant")
            talk.hear(created(response), words(response, names[place], "yes"))
            talk.hear(wire.ConversationItemAdded(item=assistant, previous_item_id=previous[place]), done(response))
        check_order(talk.state)
    assert {turn.item_id for turn in talk.turns} == set(names)


def check_order(state: State) -> None:
    for place, turn in enumerate(state.conversation.turns):
        assert_behind(state, place, turn)


def assert_behind(state: State, place: int, turn: Turn) -> None:
    leader = find_item(state.conversation, turn.connection, turn.previous_item_id)
    assert leader is None or leader < place
