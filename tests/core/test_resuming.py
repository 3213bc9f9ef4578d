"""R27: a new session is told what was said, and loses no word of the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.each import each
from tests.support.script import (
    At,
    Talk,
    answer,
    at,
    committed,
    created,
    done,
    heard,
    is_from,
    opened,
    refused,
    script,
    transcribed,
    voice,
    wire,
)
from voicechat.core import events as on
from voicechat.core.effects import Connect, OpenMic, SendKept
from voicechat.core.events import Event
from voicechat.core.policy import TurnPolicy
from voicechat.core.remembering import begun, turns_of
from voicechat.core.spoken_text import word_end
from voicechat.core.state import (
    Choices,
    Configuration,
    Connection,
    Conversation,
    Cut,
    Microphone,
    Part,
    State,
    Turn,
    Wishes,
)
from voicechat.core.step import step
from voicechat.core.view import TurnView
from voicechat.core.viewing import turn_views
from voicechat.protocol import server_events as wires
from voicechat.protocol.client_events import ConversationItemCreate, ResponseCreate
from voicechat.protocol.items import ContentPart, Item


def said(item_id: str, text: str, time: float) -> list[At[Event]]:
    """One turn of the user as the server tells it."""
    started = wires.InputAudioBufferSpeechStarted(item_id=item_id, audio_start_ms=0)
    committed = wires.InputAudioBufferCommitted(item_id=item_id)
    return [at(time, wire(started)), at(time + 1.0, wire(committed)), at(time + 1.2, transcribed(item_id, text))]


def answered(response_id: str, text: str, time: float) -> list[At[Event]]:
    """An answer that is over, all of it heard."""
    words = wires.ResponseOutputAudioTranscriptDelta(response_id=response_id, item_id=f"i-{response_id}", delta=text)
    return [at(time, created(response_id)), at(time + 0.1, wire(words)), at(time + 0.2, done(response_id))]


def told(talk: Talk) -> list[tuple[str | None, str | None, str | None]]:
    """Role, kind and text of what the new session was told."""
    items = [one.what.item for one in talk.items("kept")]
    return [(item.role, item.content[0].type, item.content[0].text) for item in items if item.content]


def reconnected(*events: At[Event], lost: float = 20.0, gap: float = 0.3) -> Talk:
    back = on.LineOpened(2, configured=True)
    return script(*events, at(lost, on.LineLost(1, "gone")), at(lost + gap, back), until=lost + gap)


def test_what_was_said_is_told_as_text_and_in_its_order() -> None:
    talk = reconnected(*said("u1", "What is a quince?", 0.0), *answered("r1", "A fruit.", 2.0))
    assert told(talk) == [("user", "input_text", "What is a quince?"), ("assistant", "output_text", "A fruit.")]
    assert talk.of(ResponseCreate) == []


def test_a_service_that_takes_history_at_its_start_gets_it_there_and_nowhere_else() -> None:
    events = (*said("u1", "What is a quince?", 0.0), *answered("r1", "A fruit.", 2.0), at(20.0, on.LineLost(1, "gone")))
    talk = script(*events, begin=opened(), until=23.0, policy=TurnPolicy(history_at_start=True))
    (again,) = talk.of(Connect)
    told = [(item["role"], item["content"]) for item in again.what.session["input"]]
    assert told == [
        ("user", [{"type": "input_text", "text": "What is a quince?"}]),
        ("assistant", [{"type": "output_text", "text": "A fruit."}]),
    ]
    talk.at(23.5).tell(on.LineOpened(2, configured=True))
    talk.at(40.0)
    assert talk.items("kept") == []
    assert "It knows the conversation so far." in talk.state.conversation.turns[-1].text


def test_only_the_heard_part_of_a_cut_answer_is_told() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    cut = (
        at(0.0, created()),
        at(0.1, wire(wires.ResponseOutputAudioTranscriptDelta(response_id="r1", item_id="a1", delta=words))),
        at(0.2, heard()),
    )
    talk = reconnected(*cut, lost=2.2)
    ((role, _, text),) = told(talk)
    assert role == "assistant" and text is not None
    assert words.startswith(text) and 0 < len(text) < len(words)


def test_the_conversation_is_told_before_anything_else_is_said() -> None:
    events = (*said("u1", "hello", 0.0), at(20.0, on.LineLost(1, "gone")), at(20.1, on.TextEntered("and now?")))
    talk = script(*events, at(20.4, on.LineOpened(2)), begin=opened(), until=23.0)
    assert talk.items("kept") == []  # R21: the configuration is not in force yet
    talk.at(40.0)
    kinds = [kind for kind in talk.kinds if kind in ("ConversationItemCreate", "ResponseCreate", "OpenMic")]
    assert kinds[-4:] == ["ConversationItemCreate", "ConversationItemCreate", "ResponseCreate", "OpenMic"]
    assert [is_from("kept", one.what) for one in talk.of(ConversationItemCreate)] == [True, False]
    assert told(talk) == [("user", "input_text", "hello")]  # the typed line is not told twice
    assert talk.items("typed")[0].what.item.content[0].text == "and now?"


def test_the_echo_of_what_was_told_makes_no_second_turn() -> None:
    talk = reconnected(*said("u1", "hello", 0.0), *answered("r1", "Hi.", 2.0))
    before = [turn for turn in talk.state.conversation.turns if turn.who != "note"]
    for one in talk.items("kept"):
        talk.at(21.0).tell(wire(wires.ConversationItemAdded(item=one.what.item), connection=2))
    assert [turn for turn in talk.state.conversation.turns if turn.who != "note"] == before


def test_a_long_talk_is_told_from_its_end_and_says_what_it_leaves_out() -> None:
    events = [one for count in range(80) for one in said(f"u{count}", f"turn {count}", 2.0 * count)]
    talk = reconnected(*events, lost=200.0)
    assert [text for _, _, text in told(talk)] == [f"turn {count}" for count in range(16, 80)]
    assert "16 older ones did not fit" in talk.state.conversation.turns[-1].text


def test_the_room_is_counted_in_bytes_too() -> None:
    events = [one for count in range(5) for one in said(f"u{count}", "ü" * 5_000, 2.0 * count)]
    assert len(told(reconnected(*events, lost=60.0))) == 3


def test_a_tool_is_told_with_its_output() -> None:
    call = Item(id="f1", type="function_call", call_id="c1", name="weather")
    events = (
        at(0.0, wire(wires.ResponseOutputItemAdded(response_id="r1", item=call))),
        at(0.1, wire(wires.ResponseFunctionCallArgumentsDone(item_id="f1", call_id="c1", arguments='{"city": "Ulm"}'))),
        at(0.2, wire(wires.ConversationItemAdded(item=Item(type="function_call_output", call_id="c1", output="rain")))),
    )
    items = [one.what.item for one in reconnected(*events).items("kept")]
    assert [(item.type, item.call_id) for item in items] == [("function_call", "c1"), ("function_call_output", "c1")]
    assert (items[0].arguments, items[1].output) == ('{"city": "Ulm"}', "rain")


def test_a_system_message_is_sent_again_and_a_notice_is_not() -> None:
    item = Item(id="s1", type="message", role="system", content=(ContentPart(type="input_text", text="Be brief."),))
    events = (at(0.0, wire(wires.ConversationItemAdded(item=item))), at(1.0, refused("odd", message="Something odd.")))
    assert told(reconnected(*events)) == [("system", "input_text", "Be brief.")]


def test_a_service_that_rejects_items_is_noticed_once() -> None:
    talk = reconnected(*said("u1", "hello", 0.0), *answered("r1", "Hi.", 2.0))
    for one in talk.items("kept"):
        talk.at(21.0).tell(refused("invalid_value", event_id=one.what.event_id, connection=2))
    assert talk.notices.count("not_remembered") == 1
    assert "invalid_value" not in talk.notices


def test_a_new_talk_sends_no_earlier_items() -> None:
    events = (*said("u1", "hello", 0.0), at(20.0, on.NewAsked()), at(20.3, on.LineOpened(2, configured=True)))
    assert script(*events, until=30.0).items("kept") == []


def test_live_changes_go_with_the_new_line() -> None:
    talk = reconnected(*said("u1", "hello", 0.0))
    asked = talk.of(Connect)[-1].what
    assert asked.session["audio"]["input"]["turn_detection"] is not None


# What is said while the line is down


def pre_rolls(talk: Talk) -> list[float]:
    return [one.what.pre_roll for one in talk.of(OpenMic)]


def test_what_is_said_in_the_gap_goes_first() -> None:
    gap = (at(1.0, on.LineLost(1, "gone")), *voice(2.0, 4.0))
    failed = (at(1.1, on.LineFailed(2, "no route", code="unreachable")), at(5.0, on.LineOpened(3, configured=True)))
    talk = script(gap[0], failed[0], *gap[1:], at(4.5, on.AgainPressed()), failed[1], until=5.0)
    if talk.state.connection.phase != "open":
        talk.at(5.0).tell(on.LineOpened(talk.state.connection.number, configured=True))
    assert pre_rolls(talk)[-1] == pytest.approx(3.3)


def test_a_turn_that_has_no_words_yet_is_said_again_and_stands_once() -> None:
    started = wires.InputAudioBufferSpeechStarted(item_id="u1", audio_start_ms=0)
    events = (at(1.0, on.VoiceBegan(1.0)), at(1.3, wire(started)), at(3.0, on.VoiceEnded(3.0, 2.0)))
    talk = script(*events, at(3.4, on.LineLost(1, "gone")), at(3.9, on.LineOpened(2, configured=True)), until=3.9)
    assert pre_rolls(talk)[-1] >= 2.9
    assert [turn.text for turn in talk.state.conversation.turns if turn.who == "you"] == []


@each(
    ("events", "lost", "pre_roll"),
    [
        ((at(1.0, on.VoiceBegan(1.0)),), 3.0, 2.8),
        (voice(2.0, 2.5), 3.2, 2.0),
        ((*voice(0.0, 1.0), *said("u1", "hello", 0.3)), 6.0, 0.0),
    ],
    ids=["a sentence: from its beginning", "a word into the dead line", "understood: not again"],
)
def test_what_a_dying_line_did_not_understand_is_said_again(
    events: tuple[At[Event], ...], lost: float, pre_roll: float
) -> None:
    talk = reconnected(*sorted(events, key=lambda one: one.time), lost=lost, gap=0.5)
    assert pre_rolls(talk)[-1] == pytest.approx(pre_roll)
    assert talk.of(OpenMic)[-1].what.again == (pre_roll > 0)


def test_ten_seconds_are_kept_and_the_user_is_told_of_the_rest() -> None:
    talk = script(at(1.0, on.LineLost(1, "gone")), at(2.0, on.VoiceBegan(2.0)), until=25.0)
    talk.at(25.0).tell(on.LineOpened(2, configured=True))
    assert pre_rolls(talk)[-1] == TurnPolicy().keep_before_line
    assert "words_lost" in talk.notices


def test_r5_a_mute_keeps_what_was_said_before_it_and_sends_nothing_after() -> None:
    gap = (at(1.0, on.LineLost(1, "gone")), *voice(2.0, 4.0), at(4.2, on.MuteChosen(True)), at(4.5, on.VoiceBegan(4.5)))
    talk = script(*gap, at(6.0, on.LineOpened(2, configured=True)), until=6.0)
    (kept,) = talk.of(SendKept)
    assert [kept.what.since, kept.what.until] == pytest.approx([4.3, 1.8])
    assert talk.of(OpenMic) == []


def test_r5_what_was_said_while_muted_stays_unsaid_after_the_unmute() -> None:
    gap = (at(1.0, on.LineLost(1, "gone")), *voice(2.0, 3.0), at(3.2, on.MuteChosen(True)), *voice(3.5, 4.0))
    back = (at(4.5, on.MuteChosen(False)), *voice(5.0, 5.5), at(6.0, on.LineOpened(2, configured=True)))
    talk = script(*gap, *back, until=6.0)
    (kept,) = talk.of(SendKept)
    assert [kept.what.since, kept.what.until] == pytest.approx([4.3, 2.8])
    assert pre_rolls(talk)[-1] == pytest.approx(1.3)


# R28: the end of a session is told, and the next pause takes a new one


UNIX = 1_700_000_000.0


def limited(seconds: float | None, *, turn_mode: str = "hands-free") -> State:
    """A line that was opened at 0 and whose service ends sessions after so long."""
    state = State(
        wishes=Wishes(provider="openai", session_limit=seconds),
        choices=Choices(turn_mode="push-to-talk" if turn_mode == "push-to-talk" else "hands-free"),
        connection=Connection(phase="connecting", number=1),
        microphone=Microphone(name="Mic", speaker="Loudspeaker"),
        configuration=Configuration(),
    )
    return step(state, on.LineOpened(1, configured=True, unix_time=UNIX), 0.0, TurnPolicy()).state


def rolled(talk: Talk) -> list[float]:
    return talk.times(Connect)


def test_the_user_is_told_five_minutes_before_and_the_pause_is_taken() -> None:
    talk = script(begin=limited(3600.0), until=3400.0)
    assert rolled(talk) == [3300.0]
    assert [one.time for one in talk.news(on.Noticed) if one.what.code == "session_ending"] == [3300.0]
    talk.at(3400.2).tell(on.LineOpened(2, configured=True))
    assert "session_rolled" in talk.notices
    assert "line_lost" not in talk.notices


def expires(at_unix: float) -> At[Event]:
    """The service itself says when it ends."""
    return at(0.1, wire(wires.SessionCreated(session={"type": "realtime", "expires_at": int(at_unix)})))


HELD = (
    at(44.0, on.TalkPressed()),
    at(50.0, on.TalkReleased()),
    at(50.5, on.UplinkDrained()),
    at(50.6, committed("u1")),
)
REPLY = (at(50.6, committed("u1")), at(50.8, transcribed("u1", "hello")), at(50.9, created()), at(51.5, done()))
ROLLS: list[tuple[str, State, Sequence[At[Event]], float, float | None, float | None]] = [
    ("a short session: in proportion", limited(60.0), (), 59.0, 45.0, 45.0),
    ("the service itself may say when it ends", limited(3600.0), (expires(UNIX + 120),), 119.0, 90.0, 90.0),
    ("a turn that has its words is not waited for", limited(60.0), said("u1", "hello", 41.5), 47.0, 45.0, 45.0),
    ("a wrong clock: long ago", limited(None), (expires(UNIX - 5_000),), 3000.0, None, None),
    ("a wrong clock: at once", limited(None), (expires(UNIX + 2),), 3000.0, None, None),
    ("a wrong clock: in decades", limited(None), (expires(UNIX + 1e9),), 3000.0, None, None),
    ("not while the user speaks", limited(60.0),
     (at(40.0, on.VoiceBegan(40.0)), at(50.0, on.VoiceEnded(50.0, 10.0))), 59.0, 51.0, 51.0),
    ("an answer is heard to its end", limited(60.0), answer(since=40.0, until=52.0), 59.0, 52.6, 54.0),
    ("a press is no pause", limited(60.0, turn_mode="push-to-talk"), (*HELD, *REPLY), 59.0, 50.0, 59.0),
    ("typed text is answered first", limited(60.0),
     (at(44.9, on.TextEntered("a question")), at(45.2, created("r1")), at(45.5, heard())), 46.0, None, None),
]  # fmt: skip


@each(("name", "begin", "events", "until", "earliest", "latest"), ROLLS)
def test_r28_when_a_new_session_is_taken(
    name: str, begin: State, events: Sequence[At[Event]], until: float, earliest: float | None, latest: float | None
) -> None:
    times = rolled(script(*events, begin=begin, until=until))
    if earliest is None or latest is None:
        assert times == []
    else:
        (rolled_at,) = times
        assert earliest <= rolled_at <= latest


def test_a_session_that_expires_all_the_same_is_a_roll_over_and_loses_nothing() -> None:
    speaks = (
        at(58.0, on.VoiceBegan(58.0)),
        at(60.0, refused("session_expired", message="Your session hit its limit.")),
    )
    talk = script(*speaks, at(60.2, on.LineOpened(2, configured=True)), begin=limited(None), until=60.2)
    assert rolled(talk) == [60.0]
    assert talk.state.microphone.is_open
    assert "session_rolled" in talk.notices and "session_expired" not in talk.notices


def test_r14_a_roll_over_asks_for_nothing_and_remembers() -> None:
    talk = script(at(1.0, on.TextEntered("hello")), *answer(since=1.5, until=4.0), begin=limited(60.0), until=46.0)
    asked = len(talk.of(ResponseCreate))
    talk.at(46.1).tell(on.LineOpened(2, configured=True)).at(80.0)
    assert len(talk.of(ResponseCreate)) == asked == 1
    assert [one.what.item.role for one in talk.items("kept")] == ["user"]


# A talk that goes on from an earlier one: what was heard is told once, and nothing is asked for


ANSWER = "One two three four five six seven eight nine ten."
SAID = (
    Turn("t1", "you", 5.0, text="Count, please", final=True, typed=True, committed=True),
    Turn("t2", "note", 5.5, text="Connected again after 1.0 s.", detail="line_back"),
    Turn(
        "t3",
        "assistant",
        6.0,
        text=ANSWER,
        parts=(Part(text=ANSWER, spoken=True, final=True),),
        first_sound_at=6.0,
        heard=1.0,
        pace=15.0,
        done_at=7.0,
        cut=Cut("you", 1.0),
    ),
    Turn("t4", "you", 8.0, speech_began_ms=10),
)


def earlier() -> State:
    return State(conversation=Conversation(turns=SAID, made=4))


def resumed(**wishes: Any) -> State:
    """A new start with what was said and heard in the earlier talk."""
    return begun(Wishes(dialect="ga", **wishes), Choices(), turns_of(turn_views(earlier(), 50.0), 100.0))


UP = (at(100.0, on.ConnectWanted()), at(101.0, on.LineOpened(1, configured=True)))


def test_only_what_was_said_and_heard_goes_on() -> None:
    turns = turns_of(turn_views(earlier(), 50.0), 100.0)
    assert [(turn.key, turn.who) for turn in turns] == [("t1", "you"), ("t2", "assistant")]
    before = turn_views(earlier(), 50.0)[2]
    after = turn_views(begun(Wishes(), Choices(), turns), 200.0)[1]
    assert (after.text, after.rest, after.cut_by) == (before.text, before.rest, "you") and after.text and after.rest
    assert all(turn.at == 100.0 and turn.connection == 0 and turn.done for turn in turns)


def test_the_first_connection_gets_the_conversation_once_and_no_greeting() -> None:
    talk = script(*UP, begin=resumed(greeting="Say hello"), until=101.0)
    (_, _, question), (role, _, heard) = told(talk)
    assert (question, role) == ("Count, please", "assistant")
    assert heard and ANSWER.startswith(heard) and len(heard) < len(ANSWER)
    assert talk.of(ResponseCreate) == [] and not talk.state.resumption.is_due
    assert any("continues an earlier conversation" in turn.text for turn in talk.turns)


def test_a_talk_without_an_earlier_one_greets() -> None:
    begin = begun(Wishes(greeting="Say hello", dialect="ga"), Choices())
    assert script(*UP, begin=begin, until=101.0).kinds[-2:] == ["ResponseCreate", "OpenMic"]


def test_after_a_fresh_start_the_earlier_talk_is_not_told_again() -> None:
    again = at(100.5, on.NewAsked()), at(101.0, on.LineOpened(2, configured=True))
    assert told(script(UP[0], *again, begin=resumed(), until=101.0)) == []


def test_every_place_of_a_cut_survives_a_new_start() -> None:
    for text in (ANSWER, "Zehn süße Äpfel, bitte.", "一二三四五六七八九十。"):
        for end in range(len(text) + 1):
            if (heard := word_end(text, end) if end else 0) == len(text):
                continue
            view = TurnView("t1", "assistant", text=text[:heard], rest=text[heard:], cut_by="barge-in", cut_at=1.3)
            for found in (view, replace(view, cut_by="", cut_at=0.0, partial=True)):
                after = turn_views(begun(Wishes(), Choices(), turns_of([found], 100.0)), 200.0)[0]
                assert (after.text, after.rest, after.partial) == (view.text, view.rest, False)
                assert after.cut_by == (found.cut_by or "line")
