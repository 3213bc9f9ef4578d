"""R27: a new session is told what was said, and loses no word of the user."""

from __future__ import annotations

import pytest

from tests.support.script import Talk, at, created, done, heard, opened, refused, script, transcribed, voice, wire
from voicechat.core.effects import Connect, CreateItem, CreateResponse, OpenMic, RememberItem, SendKept
from voicechat.core.events import (
    AgainPressed,
    LineFailed,
    LineLost,
    LineOpened,
    MuteChosen,
    NewAsked,
    TextEntered,
    VoiceBegan,
    VoiceEnded,
)
from voicechat.core.policy import TurnPolicy
from voicechat.protocol.items import ContentPart, Item
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputItemAdded,
)


def said(item_id: str, text: str, time: float) -> list[object]:
    """One turn of the user as the server tells it."""
    started = InputAudioBufferSpeechStarted(item_id=item_id, audio_start_ms=0)
    committed = InputAudioBufferCommitted(item_id=item_id)
    return [at(time, wire(started)), at(time + 1.0, wire(committed)), at(time + 1.2, transcribed(item_id, text))]


def answered(response_id: str, text: str, time: float) -> list[object]:
    """An answer that is over, all of it heard."""
    words = ResponseOutputAudioTranscriptDelta(response_id=response_id, item_id=f"i-{response_id}", delta=text)
    return [at(time, created(response_id)), at(time + 0.1, wire(words)), at(time + 0.2, done(response_id))]


def told(talk: Talk) -> list[tuple[str | None, str | None, str | None]]:
    """Role, kind and text of what the new session was told."""
    items = [one.what.item for one in talk.of(RememberItem)]
    return [(item.role, item.content[0].type, item.content[0].text) for item in items if item.content]


def reconnected(*events: object, lost: float = 20.0, gap: float = 0.3) -> Talk:
    back = LineOpened(2, configured=True)
    return script(*events, at(lost, LineLost(1, "gone")), at(lost + gap, back), until=lost + gap)  # type: ignore[arg-type]


def test_what_was_said_is_told_as_text_and_in_its_order() -> None:
    talk = reconnected(*said("u1", "What is a quince?", 0.0), *answered("r1", "A fruit.", 2.0))
    assert told(talk) == [("user", "input_text", "What is a quince?"), ("assistant", "output_text", "A fruit.")]
    assert talk.of(CreateResponse) == []


def test_only_the_heard_part_of_a_cut_answer_is_told() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    cut = (
        at(0.0, created()),
        at(0.1, wire(ResponseOutputAudioTranscriptDelta(response_id="r1", item_id="a1", delta=words))),
        at(0.2, heard()),
    )
    talk = reconnected(*cut, lost=2.2)
    ((role, _, text),) = told(talk)
    assert role == "assistant" and text is not None
    assert words.startswith(text) and 0 < len(text) < len(words)


def test_the_conversation_is_told_before_anything_else_is_said() -> None:
    events = (*said("u1", "hello", 0.0), at(20.0, LineLost(1, "gone")), at(20.1, TextEntered("and now?")))
    talk = script(*events, at(20.4, LineOpened(2)), begin=opened(), until=23.0)  # type: ignore[arg-type]
    assert talk.of(RememberItem) == []  # R21: the configuration is not in force yet
    talk.at(40.0)
    kinds = [kind for kind in talk.kinds if kind in ("RememberItem", "CreateItem", "CreateResponse", "OpenMic")]
    assert kinds[-4:] == ["RememberItem", "CreateItem", "CreateResponse", "OpenMic"]
    assert told(talk) == [("user", "input_text", "hello")]  # the typed line is not told twice
    assert talk.of(CreateItem)[0].what.item.content[0].text == "and now?"


def test_the_echo_of_what_was_told_makes_no_second_turn() -> None:
    talk = reconnected(*said("u1", "hello", 0.0), *answered("r1", "Hi.", 2.0))
    before = [turn for turn in talk.state.conversation.turns if turn.who != "note"]
    for one in talk.of(RememberItem):
        talk.at(21.0).tell(wire(ConversationItemAdded(item=one.what.item), connection=2))
    assert [turn for turn in talk.state.conversation.turns if turn.who != "note"] == before


def test_a_long_talk_is_told_from_its_end_and_says_what_it_leaves_out() -> None:
    events = [one for count in range(80) for one in said(f"u{count}", f"turn {count}", 2.0 * count)]
    talk = reconnected(*events, lost=200.0)
    assert [text for _, _, text in told(talk)] == [f"turn {count}" for count in range(16, 80)]
    assert "16 older ones had no room" in talk.state.conversation.turns[-1].text


def test_the_room_is_counted_in_bytes_too() -> None:
    events = [one for count in range(5) for one in said(f"u{count}", "ü" * 5_000, 2.0 * count)]
    assert len(told(reconnected(*events, lost=60.0))) == 3


def test_a_tool_is_told_with_its_output() -> None:
    call = Item(id="f1", type="function_call", call_id="c1", name="weather")
    events = (
        at(0.0, wire(ResponseOutputItemAdded(response_id="r1", item=call))),
        at(0.1, wire(ResponseFunctionCallArgumentsDone(item_id="f1", call_id="c1", arguments='{"city": "Ulm"}'))),
        at(0.2, wire(ConversationItemAdded(item=Item(type="function_call_output", call_id="c1", output="rain")))),
    )
    items = [one.what.item for one in reconnected(*events).of(RememberItem)]
    assert [(item.type, item.call_id) for item in items] == [("function_call", "c1"), ("function_call_output", "c1")]
    assert (items[0].arguments, items[1].output) == ('{"city": "Ulm"}', "rain")


def test_a_system_message_is_told_and_a_notice_is_not() -> None:
    item = Item(id="s1", type="message", role="system", content=(ContentPart(type="input_text", text="Be brief."),))
    events = (at(0.0, wire(ConversationItemAdded(item=item))), at(1.0, refused("odd", message="Something odd.")))
    assert told(reconnected(*events)) == [("system", "input_text", "Be brief.")]


def test_a_service_that_takes_no_items_is_complained_of_once() -> None:
    talk = reconnected(*said("u1", "hello", 0.0), *answered("r1", "Hi.", 2.0))
    for one in talk.of(RememberItem):
        talk.at(21.0).tell(refused("invalid_value", event_id=one.what.event_id, connection=2))
    assert talk.notices.count("not_remembered") == 1
    assert "invalid_value" not in talk.notices


def test_a_new_talk_is_told_nothing() -> None:
    events = (*said("u1", "hello", 0.0), at(20.0, NewAsked()), at(20.3, LineOpened(2, configured=True)))
    assert script(*events, until=30.0).of(RememberItem) == []  # type: ignore[arg-type]


def test_live_changes_go_with_the_new_line() -> None:
    talk = reconnected(*said("u1", "hello", 0.0))
    asked = talk.of(Connect)[-1].what
    assert asked.session["audio"]["input"]["turn_detection"] is not None


# What is said while the line is down


def pre_rolls(talk: Talk) -> list[float]:
    return [one.what.pre_roll for one in talk.of(OpenMic)]


def test_what_is_said_in_the_gap_goes_first() -> None:
    gap = (at(1.0, LineLost(1, "gone")), *voice(2.0, 4.0))
    failed = (at(1.1, LineFailed(2, "no route", code="unreachable")), at(5.0, LineOpened(3, configured=True)))
    talk = script(gap[0], failed[0], *gap[1:], at(4.5, AgainPressed()), failed[1], until=5.0)
    if talk.state.connection.phase != "open":
        talk.at(5.0).tell(LineOpened(talk.state.connection.number, configured=True))
    assert pre_rolls(talk)[-1] == pytest.approx(3.3)


def test_a_sentence_in_the_middle_of_which_the_line_dies_is_said_again_from_its_beginning() -> None:
    talk = script(
        at(1.0, VoiceBegan(1.0)), at(3.0, LineLost(1, "gone")), at(3.5, LineOpened(2, configured=True)), until=3.5
    )
    (again,) = talk.of(OpenMic)
    assert again.what.again
    assert again.what.pre_roll == pytest.approx(2.8)


def test_a_turn_that_has_no_words_yet_is_said_again_and_stands_once() -> None:
    started = InputAudioBufferSpeechStarted(item_id="u1", audio_start_ms=0)
    events = (at(1.0, VoiceBegan(1.0)), at(1.3, wire(started)), at(3.0, VoiceEnded(3.0, 2.0)))
    talk = script(*events, at(3.4, LineLost(1, "gone")), at(3.9, LineOpened(2, configured=True)), until=3.9)
    assert pre_rolls(talk)[-1] >= 2.9
    assert [turn.text for turn in talk.state.conversation.turns if turn.who == "you"] == []


def test_what_was_understood_is_not_said_again() -> None:
    talk = script(*voice(0.0, 1.0), *said("u1", "hello", 0.3), begin=opened(), until=6.0)  # type: ignore[arg-type]
    talk.at(6.0).tell(LineLost(1, "gone")).at(6.5).tell(LineOpened(2, configured=True))
    assert pre_rolls(talk)[-1] == 0.0


def test_a_word_into_the_dead_line_is_said_again() -> None:
    talk = script(*voice(2.0, 2.5), at(3.2, LineLost(1, "gone")), at(3.6, LineOpened(2, configured=True)), until=3.6)
    assert pre_rolls(talk)[-1] == pytest.approx(1.9)


def test_ten_seconds_are_kept_and_the_user_is_told_of_the_rest() -> None:
    talk = script(at(1.0, LineLost(1, "gone")), at(2.0, VoiceBegan(2.0)), until=25.0)
    talk.at(25.0).tell(LineOpened(2, configured=True))
    assert pre_rolls(talk)[-1] == TurnPolicy().keep_before_line
    assert "words_lost" in talk.notices


def test_r5_a_mute_keeps_what_was_said_before_it_and_sends_nothing_after() -> None:
    gap = (at(1.0, LineLost(1, "gone")), *voice(2.0, 4.0), at(4.2, MuteChosen(True)), at(4.5, VoiceBegan(4.5)))
    talk = script(*gap, at(6.0, LineOpened(2, configured=True)), until=6.0)
    (kept,) = talk.of(SendKept)
    assert [kept.what.since, kept.what.until] == pytest.approx([4.3, 1.8])
    assert talk.of(OpenMic) == []


def test_r5_what_was_said_while_muted_stays_unsaid_after_the_unmute() -> None:
    gap = (at(1.0, LineLost(1, "gone")), *voice(2.0, 3.0), at(3.2, MuteChosen(True)), *voice(3.5, 4.0))
    back = (at(4.5, MuteChosen(False)), *voice(5.0, 5.5), at(6.0, LineOpened(2, configured=True)))
    talk = script(*gap, *back, until=6.0)
    (kept,) = talk.of(SendKept)
    assert [kept.what.since, kept.what.until] == pytest.approx([4.3, 2.8])
    assert pre_rolls(talk)[-1] == pytest.approx(1.3)
