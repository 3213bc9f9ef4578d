"""What a user does by hand: raw events leave as written, items are changed, refusals are told, answers stay one."""

from __future__ import annotations

import json

from tests.support.each import each
from tests.support.script import (
    At,
    Talk,
    at,
    created,
    done,
    fell_silent,
    heard,
    is_from,
    opened,
    refused,
    script,
    wire,
)
from voicechat.core import events as on
from voicechat.core.effects import SendByHand
from voicechat.core.viewing import turn_views
from voicechat.protocol.client_events import (
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    ResponseCancel,
    ResponseCreate,
)
from voicechat.protocol.items import ContentPart, Item
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemDeleted,
    ResponseOutputAudioTranscriptDelta,
    ServerEvent,
)
from voicechat.protocol.wire import WireEvent

CREATE = '{"type": "response.create"}'


def item(item_id: str, text: str, role: str = "user", after: str | None = None) -> ServerEvent:
    kind = "output_text" if role == "assistant" else "input_text"
    made = Item(id=item_id, type="message", role=role, content=(ContentPart(type=kind, text=text),))
    return ConversationItemAdded(item=made, previous_item_id=after)


def words(talk: Talk) -> list[str]:
    return [turn.text for turn in turn_views(talk.state, talk.now)]


def told(talk: Talk) -> list[str]:
    return [one.what.text for one in talk.news(on.Noticed)]


def key_of(talk: Talk, item_id: str) -> str:
    return next(turn.key for turn in talk.state.conversation.turns if turn.item_id == item_id)


def test_a_raw_event_leaves_as_it_was_written_with_an_id_to_know_its_refusal_by() -> None:
    talk = script(at(0.0, on.RawEventEntered('{"type": "x.y",\n "a": [1, "é"]}')), until=1.0)
    (sent,) = talk.of(SendByHand)
    assert json.loads(sent.what.text) == {"type": "x.y", "a": [1, "é"], "event_id": "hand-1-1"}
    assert (sent.what.type, sent.what.event_id) == ("x.y", "hand-1-1")


def test_an_event_id_of_the_users_own_is_kept() -> None:
    talk = script(at(0.0, on.RawEventEntered('{"type": "x", "event_id": "e7"}')), until=1.0)
    assert talk.of(SendByHand)[0].what.event_id == "e7"


@each(
    ("text", "why"),
    [
        ("{", "line 1, column 2"),
        ("[1]", "an event is an object"),
        ("{}", "an event needs a"),
        ('{"type": "x", "n": NaN}', "NaN is no JSON"),
        ('{"type": "x", "n": 1e999}', "a number nobody can use"),
        ('{"type": "x", "a": 1, "a": 2}', "'a' is given twice"),
        ('{"type": "x", "a": "\\ud800"}', "half a character"),
        ('{"type": "x", "a": ' + "[" * 200 + "]" * 200 + "}", "nested too deep"),
        ('{"type": "x", "a": ' + "[" * 60_000, "nested too deep"),
        ('{"type": "' + "x" * 200_000 + '"}', "may have 131072"),
    ],
)
def test_what_is_no_event_never_leaves_and_is_told_why(text: str, why: str) -> None:
    talk = script(at(0.0, on.RawEventEntered(text)), until=1.0)
    assert talk.of(SendByHand) == []
    assert why in told(talk)[0]


def test_without_a_line_nothing_is_sent_and_that_is_told() -> None:
    talk = script(at(0.0, on.LineLost(1, "gone")), at(0.1, on.RawEventEntered(CREATE)), until=0.2)
    assert talk.of(SendByHand) == []
    assert "not connected" in told(talk)[-1]


def test_r12_an_answer_asked_for_by_hand_is_the_one_answer_and_no_second_is_created() -> None:
    events = (at(0.0, on.RawEventEntered(CREATE)), at(0.1, on.TextEntered("hello")), at(0.3, created("r9")))
    talk = script(*events, until=1.0)
    assert talk.of(ResponseCreate) == []
    assert talk.state.responses.active_id == "r9"
    talk.at(2.0).tell(done("r9"))
    assert talk.times(ResponseCreate) == [2.0]


def test_r12_an_answer_asked_for_by_hand_can_be_stopped_before_it_has_a_name() -> None:
    talk = script(
        at(0.0, on.RawEventEntered(CREATE)), at(0.1, heard()), at(0.2, on.StopPressed()), at(0.4, created("r9"))
    )
    assert [one.what.response_id for one in talk.of(ResponseCancel)] == ["r9"]


def test_r15_a_second_answer_by_hand_is_refused_and_the_first_goes_on() -> None:
    busy = refused("conversation_already_has_active_response", event_id="hand-1-1", message="already has one")
    talk = script(at(0.0, on.TextEntered("a")), at(0.1, on.RawEventEntered(CREATE)), at(0.3, busy), until=0.5)
    assert len(talk.of(ResponseCreate)) == 1
    assert talk.state.responses.asked_at == 0.0
    assert told(talk) == ["The service refused your response.create: already has one"]


DELETE = '{"type": "conversation.item.delete", "item_id": "i"}'
SIDE = '{"type": "response.create", "response": {"conversation": "none"}}'
NO_ITEM = refused("item_delete_invalid_item_id", event_id="hand-1-1", message="no such item")
BAD_VOICE = refused("invalid_value", event_id="hand-1-1", message="bad voice")
TOO_LARGE = on.SendRefused(1, "session.update", "too large", "hand-1-1")
HANDS: list[tuple[str, str, tuple[At[on.Event], ...], list[float], list[str]]] = [
    ("a refused answer frees the slot", CREATE, (at(0.2, BAD_VOICE), at(1.0, on.TextEntered("a"))), [1.0],
     ["The service refused to answer: bad voice."]),
    ("a side answer leaves the slot to the talk", SIDE, (at(0.1, on.TextEntered("a")),), [0.1], []),
    ("even a harmless refusal is told", DELETE, (at(0.1, NO_ITEM),), [],
     ["The service refused your conversation.item.delete: no such item"]),
    ("what was not sent is told", '{"type": "session.update"}', (at(0.1, TOO_LARGE),), [],
     ["session.update was not sent: too large."]),
]  # fmt: skip


@each(("name", "text", "events", "creates", "texts"), HANDS)
def test_a_manual_event_that_fails_is_told_once_and_the_talk_goes_on(
    name: str, text: str, events: tuple[At[on.Event], ...], creates: list[float], texts: list[str]
) -> None:
    talk = script(at(0.0, on.RawEventEntered(text)), *events, until=1.1)
    assert (talk.times(ResponseCreate), told(talk)) == (creates, texts)


def by_hand(talk: Talk) -> list[WireEvent]:
    """What was done to items by hand."""
    return [one.what for one in talk.effects if isinstance(one.what, WireEvent) and is_from("hand", one.what)]


def test_a_deleted_turn_goes_when_the_service_has_deleted_it() -> None:
    talk = script(at(0.0, wire(item("i1", "one"))), at(0.1, wire(item("i2", "two"))), until=0.2)
    talk.at(1.0).tell(on.ItemDeletionAsked(key_of(talk, "i1")))
    assert by_hand(talk) == [ConversationItemDelete(item_id="i1", event_id="hand-1-1")]
    assert words(talk) == ["one", "two"]
    talk.at(1.1).tell(wire(ConversationItemDeleted(item_id="i1")))
    assert words(talk) == ["two"]


def test_an_answer_in_several_items_is_deleted_as_a_whole() -> None:
    parts = [
        wire(ResponseOutputAudioTranscriptDelta(response_id="r1", item_id=f"a{n}", output_index=n, delta=f"part {n}"))
        for n in range(2)
    ]
    talk = script(at(0.0, created()), at(0.1, parts[0]), at(0.2, parts[1]), at(0.3, done()), until=0.4)
    talk.at(1.0).tell(on.ItemDeletionAsked(key_of(talk, "a0")))
    assert by_hand(talk) == [
        ConversationItemDelete(item_id="a0", event_id="hand-1-1"),
        ConversationItemDelete(item_id="a1", event_id="hand-1-2"),
    ]


def test_a_text_is_put_behind_a_turn_and_stands_there_and_asks_for_no_answer() -> None:
    talk = script(at(0.0, wire(item("i1", "one"))), at(0.1, wire(item("i2", "two", after="i1"))), until=0.2)
    talk.at(1.0).tell(on.ItemTextEntered("between", "assistant", key_of(talk, "i1")))
    (event,) = by_hand(talk)
    assert isinstance(event, ConversationItemCreate)
    assert event.previous_item_id == "i1"
    assert event.item.content == (ContentPart(type="output_text", text="between"),)
    talk.at(1.1).tell(wire(item(event.item.id or "", "between", "assistant", after="i1"))).at(5.0)
    assert words(talk) == ["one", "between", "two"]
    assert talk.of(ResponseCreate) == []


def test_a_system_text_is_sent_at_the_end_and_stands_as_a_note() -> None:
    talk = script(at(0.0, on.ItemTextEntered(" be brief ", "system")), until=0.1)
    (event,) = by_hand(talk)
    assert isinstance(event, ConversationItemCreate)
    assert (event.item.role, event.previous_item_id) == ("system", None)
    assert event.item.content[0].text == "be brief"
    talk.at(0.2).tell(wire(item(event.item.id or "", "be brief", "system")))
    (note,) = turn_views(talk.state, talk.now)
    assert (note.who, note.text) == ("note", "system: be brief")


def sounding(transport: str = "WebRTC") -> Talk:
    delta = wire(ResponseOutputAudioTranscriptDelta(response_id="r1", item_id="a1", delta="a long answer"))
    begin = opened(transport="WebSocket" if transport == "WebSocket" else "WebRTC")
    return script(at(0.0, created()), at(0.1, delta), at(0.2, heard()), begin=begin, until=1.0)


def test_cutting_the_answer_that_sounds_is_stopping_it() -> None:
    talk = sounding()
    talk.at(1.5).tell(on.ItemTruncationAsked(key_of(talk, "a1")))
    assert [one.what.response_id for one in talk.of(ResponseCancel)] == ["r1"]
    assert by_hand(talk) == []


def test_an_interrupted_answer_is_cut_where_it_was_heard() -> None:
    talk = sounding()
    talk.at(1.7).tell(on.StopPressed(), fell_silent(1.7), done(status="cancelled"))
    talk.at(3.0).tell(on.ItemTruncationAsked(key_of(talk, "a1")))
    (cut,) = by_hand(talk)
    assert cut == ConversationItemTruncate(item_id="a1", audio_end_ms=1500, event_id="hand-1-1")


def test_an_item_is_fetched_and_what_is_no_answer_cannot_be_cut() -> None:
    talk = script(at(0.0, wire(item("i1", "one"))), until=0.1)
    talk.at(0.2).tell(on.ItemRetrievalAsked(key_of(talk, "i1")))
    assert by_hand(talk) == [ConversationItemRetrieve(item_id="i1", event_id="hand-1-1")]
    talk.at(0.2).tell(on.ItemTruncationAsked(key_of(talk, "i1")))
    assert "Only an answer" in told(talk)[0]


def test_a_turn_of_an_earlier_line_or_one_that_is_gone_is_left_alone() -> None:
    talk = script(at(0.0, wire(item("i1", "one"))), until=0.1)
    key = key_of(talk, "i1")
    talk.at(0.2).tell(on.LineLost(1, "gone"), on.ItemDeletionAsked(key), on.ItemDeletionAsked("t99"))
    assert by_hand(talk) == []
    assert "not connected" in told(talk)[-2]
    assert told(talk)[-1] == "This turn is gone."
