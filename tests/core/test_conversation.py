"""What the transcript and the deck promise: every turn in its place with the right words, and whether you are heard."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from msgspec.structs import replace

from tests.support.each import each
from tests.support.script import (
    HELLO,
    SESSION,
    Talk,
    answered,
    asked,
    at,
    committed,
    connected,
    created,
    done,
    item,
    opened,
    refused,
    script,
    silence,
    sounded,
    speech,
    transcribed,
    words,
)
from voicechat.core import events as on
from voicechat.core.events import TurnTranslated
from voicechat.core.policy import PRESETS, TurnPolicy, policy_for
from voicechat.core.rules import conversation
from voicechat.core.state import Choices, State, Turn, Wishes
from voicechat.core.view import ReplyState, TurnView, still_wrong
from voicechat.core.viewing import turn_views, view
from voicechat.protocol import server_events as wire
from voicechat.protocol.items import ErrorDetail, Item
from voicechat.protocol.wire import UnknownEvent


def test_transcript_deltas_grow_and_the_final_one_replaces_them() -> None:
    talk = asked(connected())
    for piece in ("How do ", "eye say"):
        talk.hear(wire.ConversationItemInputAudioTranscriptionDelta(item_id="u1", delta=piece))
    assert talk.said() == [("you", "How do eye say")]
    talk.hear(transcribed("u1", "How do I say?"))
    talk.hear(wire.ConversationItemInputAudioTranscriptionDelta(item_id="u1", delta="late"))
    assert talk.said() == [("you", "How do I say?")]
    assert not talk.views[0].partial


def test_transcript_that_comes_after_the_whole_answer_stands_above_it() -> None:
    talk = sounded(answered(asked(connected())), 1.0, 4.0).at(9.0).hear(transcribed("u1", "Hello?"))
    assert talk.said() == [("you", "Hello?"), ("assistant", HELLO)]


def test_failed_transcript_is_shown_in_its_place_and_a_late_one_still_counts() -> None:
    talk = answered(asked(connected()))
    failed = wire.ConversationItemInputAudioTranscriptionFailed(item_id="u1", error=ErrorDetail(message="too noisy"))
    talk.hear(failed)
    assert (talk.views[0].who, talk.views[0].failed, talk.views[0].partial) == ("you", "too noisy", False)
    talk.hear(transcribed("u1", "Hello?"))
    assert (talk.views[0].text, talk.views[0].failed) == ("Hello?", "")


def test_without_transcription_the_first_turn_says_so_and_the_others_stay_quiet() -> None:
    talk = connected()
    talk.hear(wire.SessionUpdated(session={"type": "realtime", "audio": {"input": {}, "output": {}}}))
    asked(asked(talk), 2)
    assert [turn.failed for turn in talk.views] == ["transcription is off", ""]
    assert not any(turn.partial for turn in talk.views)


def test_turn_gets_its_place_by_the_item_before_it_however_late_that_comes() -> None:
    talk = connected().hear(committed("u2", "a1"), transcribed("u2", "two"))
    talk.hear(committed("u1"), transcribed("u1", "one"))
    talk.hear(
        created("r1"), wire.ConversationItemAdded(item=item("a1", "assistant"), previous_item_id="u1"),
        words("r1", "a1", "first answer"),
    )  # fmt: skip
    assert talk.said() == [("you", "one"), ("assistant", "first answer"), ("you", "two")]


@each("order", list(itertools.permutations(range(4))))
def test_every_order_of_arrival_ends_in_the_order_of_the_server(order: tuple[int, ...]) -> None:
    said = [
        (committed("u1"), transcribed("u1", "1")),
        (created("r1"), words("r1", "a1", "2"),
         wire.ConversationItemAdded(item=item("a1", "assistant"), previous_item_id="u1"), done("r1")),
        (committed("u2", "a1"), transcribed("u2", "3")),
        (created("r2"), words("r2", "a2", "4"),
         wire.ConversationItemAdded(item=item("a2", "assistant"), previous_item_id="u2"), done("r2")),
    ]  # fmt: skip
    talk = connected()
    for place in order:
        talk.hear(*said[place])
    assert [text for _, text in talk.said()] == ["1", "2", "3", "4"]


def test_a_turn_with_a_late_previous_item_moves_with_its_followers() -> None:
    talk = connected().hear(committed("u2"), committed("u3", "u2"), committed("u1"))
    talk.hear(wire.ConversationItemAdded(item=item("u2"), previous_item_id="u1"))
    assert [turn.item_id for turn in talk.turns] == ["u1", "u2", "u3"]


def test_a_turn_that_follows_the_second_item_of_a_response_stands_behind_it() -> None:
    talk = connected().hear(committed("u2", "a2"), created("r1"), words("r1", "a1", "one"))
    second = wire.ResponseOutputTextDelta(response_id="r1", item_id="a2", output_index=1, delta="two")
    assert [turn.who for turn in talk.hear(second).turns] == ["assistant", "you"]


def test_a_call_known_by_its_arguments_alone_stands_behind_its_response() -> None:
    talk = connected().hear(created("r1"), words("r1", "a1", "Well"), speech("u2"))
    talk.hear(wire.ResponseFunctionCallArgumentsDelta(response_id="r1", item_id="f1", call_id="c1", delta="{"))
    assert [(turn.who, turn.response_id) for turn in talk.turns] == [("assistant", "r1"), ("tool", "r1"), ("you", "")]


def test_contradicting_places_lose_no_turn() -> None:
    talk = connected().hear(committed("u1", "u3"), committed("u2", "u1"), committed("u3", "u2"), committed("u4", "u4"))
    assert sorted(turn.item_id for turn in talk.turns) == ["u1", "u2", "u3", "u4"]


def test_answer_stands_above_a_user_who_is_already_speaking_again() -> None:
    talk = asked(connected()).hear(speech("u2"))
    answered(talk)
    assert [turn.who for turn in talk.turns] == ["you", "assistant", "you"]


def test_cleared_input_takes_back_a_turn_that_never_was() -> None:
    talk = asked(connected()).hear(speech("u2"), wire.InputAudioBufferCleared())
    assert [turn.item_id for turn in talk.turns] == ["u1"]


def test_uncommitted_turn_is_removed_by_the_next_commit() -> None:
    talk = asked(connected()).hear(speech("u2"))  # now its detector is switched off
    talk.tell(on.TextEntered("and now this")).hear(committed("u3", "a1"))
    assert [(turn.item_id, turn.text) for turn in talk.turns if turn.item_id != "a1"][1:] == [
        ("", "and now this"),
        ("u3", ""),
    ]
    heard = connected().hear(speech("u1"), transcribed("u1", "It was heard."), committed("u2", "u1"))
    assert [turn.item_id for turn in heard.turns] == ["u1", "u2"]


def test_the_same_words_typed_twice_are_two_turns() -> None:
    talk = connected().tell(on.TextEntered("again"), on.TextEntered("again"))
    for number in (1, 2):
        talk.hear(wire.ConversationItemAdded(item=item(f"typed-1-{number}", text="again")))
    assert [(turn.text, turn.item_id) for turn in talk.turns] == [("again", "typed-1-1"), ("again", "typed-1-2")]


def test_final_transcript_replaces_the_deltas_and_response_done_replaces_it() -> None:
    talk = connected(speaker="").hear(created("r1"), words("r1", "a1", "I am wel"))
    talk.hear(wire.ResponseOutputAudioTranscriptDone(response_id="r1", item_id="a1", transcript="I am well."))
    assert talk.said() == [("assistant", "I am well.")]
    talk.hear(words("r1", "a1", " late"))
    talk.hear(done("r1", output=(item("a1", "assistant", transcript="I am very well."),)))
    assert talk.said() == [("assistant", "I am very well.")]


def test_text_after_the_end_of_its_item_is_not_added() -> None:
    whole = wire.ResponseOutputItemDone(
        response_id="r1", output_index=0, item=item("a1", "assistant", transcript="Hi.")
    )
    talk = connected(speaker="").hear(created("r1"), whole, words("r1", "a1", " late"))
    assert talk.said() == [("assistant", "Hi.")]


def test_an_answer_in_several_parts_is_one_turn_in_the_order_of_its_parts() -> None:
    talk = connected(speaker="").hear(created("r1"))
    for output, content, text in ((1, 0, "third"), (0, 1, "second"), (0, 0, "first")):
        delta = wire.ResponseOutputTextDelta(
            response_id="r1", item_id=f"a{output}", output_index=output, content_index=content, delta=text
        )
        talk.hear(delta)
    assert talk.said() == [("assistant", "first second third")]


def test_written_answer_shows_at_once_although_nothing_sounds() -> None:
    talk = asked(connected()).hear(created("r1"))
    talk.hear(wire.ResponseOutputTextDelta(response_id="r1", item_id="a1", delta="In writing"))
    assert (talk.answer().text, talk.answer().rest) == ("In writing", "")


def test_answer_is_understood_where_a_service_leaves_out_created_and_ids() -> None:
    talk = connected(speaker="")
    talk.hear(wire.ResponseOutputAudioTranscriptDelta(delta="Hel"), wire.ResponseOutputAudioTranscriptDelta(delta="lo"))
    assert talk.said() == [("assistant", "Hello")]


def test_a_tool_call_is_a_turn_with_its_arguments_then_its_result() -> None:
    talk = asked(connected())
    talk.state = replace(talk.state, wishes=Wishes(tools=(on.ToolOffer("get_weather"),)))
    call = Item(id="f1", type="function_call", name="get_weather", call_id="c1")
    talk.hear(created("r1"), wire.ResponseOutputItemAdded(response_id="r1", output_index=0, item=call))
    for piece in ('{"city":', '"Oslo"}'):
        delta = wire.ResponseFunctionCallArgumentsDelta(response_id="r1", item_id="f1", call_id="c1", delta=piece)
        talk.hear(delta)
    talk.hear(
        done("r1", output=(Item(id="f1", type="function_call", name="get_weather", call_id="c1", arguments="{}"),))
    )
    assert talk.view.reply.state == "thinking"
    assert [(turn.who, turn.text, turn.detail) for turn in talk.views[1:]] == [("tool", "get_weather", "{}")]
    output = Item(id="o1", type="function_call_output", call_id="c1", output="5 degrees")
    talk.at(0.4).hear(wire.ConversationItemAdded(item=output), wire.ConversationItemDone(item=output))
    tool = talk.views[1]
    assert (tool.detail, tool.partial) == ("{}  →  5 degrees", False)
    assert tool.latency == pytest.approx(0.4)


def test_a_call_of_the_server_itself_shows_its_failure() -> None:
    call = Item(id="m1", type="mcp_call", name="search", arguments="{}", error={"message": "no such tool"})
    talk = connected().hear(created("r1"), wire.ResponseOutputItemDone(response_id="r1", item=call))
    tool = next(turn for turn in talk.views if turn.who == "tool")
    assert (tool.text, tool.failed, tool.partial) == ("search", "no such tool", False)
    untold = Item(id="m2", type="mcp_call", name="search")
    talk.hear(wire.ResponseOutputItemAdded(response_id="r1", item=untold), wire.ResponseMcpCallFailed(item_id="m2"))
    assert [turn.failed for turn in talk.views if turn.who == "tool"] == ["no such tool", "the call failed"]


def test_deleted_items_vanish() -> None:
    talk = answered(asked(connected())).hear(wire.ConversationItemDeleted(item_id="u1"))
    assert [turn.who for turn in talk.turns] == ["assistant"]
    talk.hear(wire.ConversationItemDeleted(item_id="a1"), wire.ConversationItemDeleted(item_id="a1"))
    assert talk.turns == ()


def test_side_answers_never_enter_the_list() -> None:
    talk = answered(asked(connected()))
    before = talk.turns
    talk.hear(created("side", conversation=None), words("side", "s1", "a title"), done("side"))
    assert talk.turns == before


def test_services_that_never_name_a_conversation_are_still_heard() -> None:
    talk = connected(speaker="").hear(created("r1", conversation=None), words("r1", "a1", "Hi"))
    assert talk.said() == [("assistant", "Hi")]


def test_unknown_items_and_events_change_nothing() -> None:
    talk = answered(asked(connected()))
    before = talk.state.conversation
    talk.hear(UnknownEvent(type="response.hologram.delta"), wire.MalformedFrame(reason="no JSON"))
    talk.hear(wire.ConversationItemAdded(item=Item(id="h1", type="hologram")))
    assert talk.state.conversation is before


def test_turns_of_an_old_line_are_never_touched_by_the_same_ids_on_a_new_one() -> None:
    talk = sounded(answered(asked(connected()).hear(transcribed("u1", "old"))), 1.0, 4.0)
    talk.at(6.0).tell(on.LineLost(1, "gone"))
    old = [turn for turn in talk.turns if turn.who != "note"]
    talk.tell(on.AgainPressed()).open_line()
    answered(asked(talk).hear(transcribed("u1", "new")))
    talk.hear(wire.ConversationItemDeleted(item_id="u1")).hear(transcribed("u1", "stale"), connection=1)
    now = [turn for turn in talk.turns if turn.who != "note"][:2]
    assert [(turn.key, turn.text, turn.cut) for turn in now] == [(turn.key, turn.text, turn.cut) for turn in old]
    assert {turn.item_id for turn in now} == {f"kept-2-{turn.key}" for turn in old}  # the new line knows them by these
    assert len({turn.key for turn in talk.turns}) == len(talk.turns)


def test_a_note_that_repeats_stands_behind_the_notes_that_came_since() -> None:
    talk = connected()
    for _ in range(2):
        talk.tell(on.SideNoted("Sound stopped.", "stopped", "warning"), on.SideNoted("Sound is back.", "back", "info"))
        told = [(note.text, note.count) for note in talk.views]
    assert told == [("Sound stopped.", 2), ("Sound is back.", 2)]
    talk.tell(on.SideNoted("Sound stopped.", "stopped", "warning"))
    assert [note.text for note in talk.views] == ["Sound is back.", "Sound stopped."]


def test_a_note_stands_where_it_happened_and_its_repeats_only_count() -> None:
    talk = asked(connected())
    for _ in range(3):
        talk.hear(wire.ServerError(error=ErrorDetail(code="odd", message="Something odd")))
    notes = [turn for turn in talk.views if turn.who == "note"]
    assert [(note.count, note.level, note.detail) for note in notes] == [(3, "error", "odd")]
    asked(talk, 2).hear(wire.ServerError(error=ErrorDetail(code="odd", message="Something odd")))
    assert [turn.who for turn in talk.views] == ["you", "note", "you", "note"]


def test_a_fresh_start_empties_the_transcript_and_gives_out_no_key_twice() -> None:
    talk = asked(connected())
    keys = {turn.key for turn in talk.turns}
    talk.tell(on.NewAsked())
    assert talk.said() == []
    talk.open_line()
    asked(talk)
    assert keys.isdisjoint(turn.key for turn in talk.turns)


def test_a_long_conversation_is_not_rebuilt_for_one_word() -> None:
    """A delta replaces one turn; the others stay the very same records."""
    talk = connected(speaker="")
    for number in range(50):
        answered(asked(talk, number), number)
    talk.hear(created("now"), words("now", "an", "Hel"))
    before: tuple[Turn, ...] = talk.turns
    talk.hear(words("now", "an", "lo"))
    assert all(old is new for old, new in zip(before[:-1], talk.turns[:-1], strict=True))
    assert talk.turns[-1].text == "Hello"


# R24: what works beside the talk adds words to the transcript, and is nobody's cue


RULES = Path(conversation.__file__).parent


def test_a_translation_stands_beneath_its_turn_and_the_newest_one_counts() -> None:
    talk = answered(asked(connected())).hear(transcribed("u1", "Hello?"))
    key, before = talk.views[0].key, talk.state
    assert talk.views[0].translation is None
    for told in (TurnTranslated(key, "Hallo"), TurnTranslated(key, "Hallo?"), TurnTranslated(key, "", "same")):
        talk.tell(told)
        assert [turn.translation for turn in talk.views] == [told.text, None]
        assert talk.views[0].text == "Hello?"
    talk.state = before
    assert talk.tell(TurnTranslated("t99", "Hallo?")).state is before, "a turn that is gone"


@each("name", ["TurnTranslated", "SideNoted"])
def test_only_the_transcript_knows_of_side_work(name: str) -> None:
    knowing = {path.name for path in RULES.parent.rglob("*.py") if name in path.read_text(encoding="utf-8")}
    assert knowing == {"conversation.py", "events.py"}


def test_items_of_ours_have_ids_with_the_prefixes_of_the_api() -> None:
    """Hugging Face's speech-to-speech refuses others: "ID must start with 'msg_'"."""
    begin = opened(wishes=Wishes(prefixes_ids=True))
    talk = script(at(1.0, on.TextEntered("hello")), begin=begin, until=2.0)
    (typed,) = talk.items("typed")
    assert (typed.what.item.id, typed.what.event_id) == ("msg_typed-1-1", "msg_typed-1-1")
    talk.tell(on.LineLost(1, "reset")).at(10.0).tell(on.LineOpened(2, "WebRTC", configured=True)).at(11.0)
    (told,) = talk.items("kept")
    assert (told.what.item.id or "").startswith("msg_kept-") and told.what.event_id == told.what.item.id


def test_a_refused_typed_message_is_a_notice() -> None:
    talk = script(at(1.0, on.TextEntered("hello")), at(1.1, refused("invalid_value", event_id="typed-1-1")), until=2.0)
    assert [one.what.text for one in talk.news(on.Noticed)] == ["The service did not take your message: No."]


# What the deck promises: whether you are heard, and if not, who closed the mic and what opens it


PUSH_TO_TALK = Choices(turn_mode="push-to-talk")
SERVER_REPLIES = TurnPolicy()


def mic(talk: Talk) -> tuple[str, str, bool]:
    shown = talk.view.mic
    return shown.state, shown.reason, shown.is_on_air


def reply(talk: Talk) -> ReplyState:
    return talk.view.reply.state


def speaking(talk: Talk) -> Talk:
    """The answer to a question has been audible for a second; all of its words came."""
    asked(talk).hear(created("r1"), words("r1", "a1", "Good evening to you."))
    return talk.tell(on.AssistantHeard()).at(talk.now + 1.0)


def test_nothing_is_on_air_before_there_is_a_line() -> None:
    shown = view(State(wishes=Wishes()), 5.0, SERVER_REPLIES)
    assert (shown.mic.state, shown.mic.reason, shown.mic.is_on_air) == ("no-line", "not connected", False)
    assert shown.mic.lamps == ("no", "no", "no")
    assert (shown.reply.state, shown.connection.phase) == ("no-session", "idle")


def pressed(at: float = 0.0, press: on.TalkPressed | None = None) -> Talk:
    """A press at a time, its clearing confirmed."""
    talk = connected(choices=PUSH_TO_TALK).at(at).tell(press or on.TalkPressed())
    return talk.hear(wire.InputAudioBufferCleared())


GONE = on.LineLost(1, "gone")
IDLE = "push-to-talk idle"
MICS: list[tuple[str, Callable[[], Talk], tuple[str, str, bool], dict[str, object]]] = [
    ("open", lambda: connected().at(3.0), ("hands-free", "", True), {"seconds": 3.0, "name": "mic", "echo": "AEC3"}),
    ("muted: wins over the assistant", lambda: speaking(connected()).tell(on.MuteChosen(True)),
     ("muted", "muted by you", False), {"lamps": ("yes", "no", "no")}),
    ("missing: wins over muted", lambda: connected().tell(on.MuteChosen(True), on.DeviceMissing("none", "plug one")),
     ("no-microphone", "muted by you", False), {"detail": "none", "hint": "plug one"}),
    ("ready for barge-in", lambda: speaking(connected()),
     ("barge-in-ready", "assistant speaking, talk over it to cut in", False), {"lamps": ("yes", "no", "no")}),
    ("quick stays on air", lambda: speaking(connected(policy_for(PRESETS["quick"]))), ("hands-free", "", True), {}),
    ("a tap latches and says when it ends", lambda: pressed(1.0).at(1.1).tell(on.TalkReleased()),
     ("latched", "", True), {"remaining": 8.0}),
    ("control press with its lease", lambda: pressed(0.0, on.TalkPressed("control", lease=20.0)).at(5.0),
     ("remote", "", True), {"remaining": 15.0}),
    ("assistant thinks", lambda: connected(choices=PUSH_TO_TALK).hear(committed("u1"), created("r1")),
     ("thinking", IDLE, False), {}),
    ("words kept for the connection",
     lambda: connected(choices=PUSH_TO_TALK).tell(GONE, on.AgainPressed(), on.TalkPressed()).at(2.1),
     ("keeping", "not connected", False), {"seconds": 2.1, "lamps": ("yes", "waiting", "no")}),
    ("not configured yet", lambda: connected().tell(GONE, on.AgainPressed(), on.LineOpened(2, configured=False)),
     ("configuring", "configuring", False), {}),
    ("lost device", lambda: connected().at(1.0).tell(on.DeviceLost("mic", "unplugged")).at(3.0),
     ("device-lost", "device lost", False),
     {"detail": "unplugged", "seconds": 2.0, "lamps": ("broken", "no", "no")}),
    ("zeros, although on air", lambda: connected().at(6.0).tell(on.MicFlat(5.0)),
     ("flat", "", True), {"seconds": 5.0, "lamps": ("broken", "yes", "no")}),
    ("a voice into a pause", lambda: connected().tell(on.PauseToggled()).at(2.0).tell(on.VoiceBegan(1.0)),
     ("paused", "muted by you", False), {"speaks_while_closed": True}),
    ("a voice into a mute", lambda: connected().tell(on.MuteChosen(True)).at(2.0).tell(on.VoiceBegan(1.0)),
     ("muted", "muted by you", False), {"speaks_while_closed": True}),
    ("a cough into push-to-talk", lambda: connected(choices=PUSH_TO_TALK).at(2.0).tell(on.VoiceBegan(1.5)),
     ("idle", IDLE, False), {"speaks_while_closed": False}),
    ("a voice into push-to-talk", lambda: connected(choices=PUSH_TO_TALK).tell(on.VoiceBegan(0.0)).at(1.0),
     ("idle", IDLE, False), {"speaks_while_closed": True}),
    ("a voice into push-to-talk that ended", lambda: connected(choices=PUSH_TO_TALK).tell(on.VoiceBegan(0.0)).at(2.0)
     .tell(on.VoiceEnded(2.0, 2.0)).at(3.6), ("idle", IDLE, False), {"speaks_while_closed": False}),
    ("the turn that was just sent",
     lambda: pressed(1.0).tell(on.VoiceBegan(1.0)).at(3.0).tell(on.VoiceEnded(3.0, 2.0), on.TalkReleased())
     .at(3.3).tell(on.UplinkDrained()).at(3.4), ("idle", IDLE, False), {"speaks_while_closed": False}),
    ("paused is not muted", lambda: connected().tell(on.PauseToggled()),
     ("paused", "muted by you", False), {"muted": False}),
    ("ended", lambda: connected().tell(on.EndAsked()), ("ended", "not connected", False), {}),
]  # fmt: skip


@each(("name", "talk", "shown", "more"), MICS)
def test_the_mic_says_whether_it_is_on_air_and_who_closed_it(
    name: str, talk: Callable[[], Talk], shown: tuple[str, str, bool], more: dict[str, object]
) -> None:
    now = talk()
    assert mic(now) == shown
    assert {field: getattr(now.view.mic, field) for field in more} == more


def test_the_third_lamp_takes_the_first_words_without_server_voice_detection() -> None:
    talk = connected(choices=PUSH_TO_TALK).at(1.0).tell(on.TalkPressed())
    talk.hear(wire.InputAudioBufferCleared()).at(2.0)
    assert talk.view.mic.lamps == ("yes", "yes", "waiting")
    talk.hear(wire.ConversationItemInputAudioTranscriptionDelta(item_id="u1", delta="Hel"))
    assert talk.view.mic.lamps == ("yes", "yes", "yes")


def test_without_barge_in_the_mic_is_closed_then_reopens_in_a_moment() -> None:
    talk = speaking(connected(choices=Choices(barge_in=False)))
    assert mic(talk) == ("half-duplex", "assistant speaking", False)
    talk.hear(done("r1")).tell(on.AssistantFellSilent(talk.now))
    talk.hear(wire.OutputAudioBufferStopped(response_id="r1"))
    assert mic(talk) == ("restoring", "reopening", False)
    assert talk.view.mic.remaining == 0.3
    assert mic(talk.at(talk.now + 0.3)) == ("hands-free", "", True)


def test_push_to_talk_shows_idle_held_tail_and_idle_again() -> None:
    talk = connected(choices=PUSH_TO_TALK).at(1.0)
    assert mic(talk) == ("idle", "push-to-talk idle", False)
    talk.tell(on.TalkPressed()).hear(wire.InputAudioBufferCleared())
    assert mic(talk.at(2.0)) == ("held", "", True)
    assert talk.view.mic.seconds == 1.0
    talk.tell(on.TalkReleased())
    assert mic(talk) == ("tail", "", True)
    assert talk.view.mic.remaining == 0.2
    assert mic(talk.at(4.0)) == ("idle", "push-to-talk idle", False)


def test_a_lost_line_is_named_and_the_sent_lamp_is_broken() -> None:
    talk = connected().at(2.0).tell(on.LineLost(1, "no route")).at(5.0)
    assert mic(talk) == ("line-lost", "not connected", False)
    assert talk.view.mic.lamps == ("yes", "broken", "no")
    line = talk.view.connection
    assert (line.phase, line.lost_for, line.attempts) == ("connecting", 3.0, 1)
    talk.tell(on.LineFailed(2, "no route", retryable=True, code="unreachable"))
    line = talk.view.connection
    assert (line.phase, line.lost_for, line.reason) == ("lost", 3.0, "no route")
    assert reply(talk) == "no-session"


def test_clipping_is_told_where_the_meters_know() -> None:
    talk = connected()
    assert view(talk.state, talk.now, talk.policy, 0.09).mic.state == "too-loud"
    assert view(talk.state, talk.now, talk.policy, 0.001).mic.state == "hands-free"


def test_the_reply_goes_from_listening_over_thinking_and_speaking_to_ready() -> None:
    talk = connected().at(1.0)
    seen = [reply(talk)]
    talk.hear(speech("u1")).at(2.0)
    assert talk.view.reply.seconds == 1.0
    seen.append(reply(talk))
    talk.hear(silence("u1"), committed("u1"))
    seen.append(reply(talk))
    talk.hear(created("r1"), transcribed("u1", "Hello?"))
    seen.append(reply(talk.at(2.5)))
    talk.hear(words("r1", "a1", "Good evening.")).tell(on.AssistantHeard())
    seen.append(reply(talk.at(3.5)))
    talk.hear(done("r1", output=(item("a1", "assistant", transcript="Good evening."),)))
    seen.append(reply(talk))
    talk.at(4.0).tell(on.AssistantFellSilent(4.0)).at(5.0)
    seen.append(reply(talk))
    assert talk.view.reply.seconds == 1.5
    seen.append(reply(talk.at(8.0)))
    assert seen == ["ready", "listening", "waiting", "thinking", "speaking", "finishing", "finished", "ready"]


def test_a_pause_between_the_sentences_of_an_answer_is_not_shown_as_thinking() -> None:
    talk = connected().hear(created("r1"), words("r1", "a1", "Good evening. How are you?"))
    talk.at(2.0).tell(on.AssistantHeard()).at(3.0).tell(on.AssistantFellSilent(3.0))
    assert reply(talk.at(3.6)) == "speaking"
    assert talk.view.reply.seconds == 1.0
    assert reply(talk.at(3.9)) == "thinking"


@each(
    ("interruption", "state", "detail"),
    [(on.StopPressed(), "stopped", "you stopped it"), (on.BargeInHappened(1.0), "cut", "you cut in")],
)
def test_a_cut_answer_says_who_cut_it_for_three_seconds(interruption: on.Event, state: str, detail: str) -> None:
    talk = speaking(connected()).tell(interruption)
    talk.hear(done("r1", status="cancelled", reason="client_cancelled"))
    shown = talk.at(talk.now + 2.0).view.reply
    assert (shown.state, shown.detail, shown.seconds) == (state, detail, 1.0)
    assert reply(talk.at(talk.now + 1.5)) == "ready"


def test_a_missing_answer_is_told() -> None:
    talk = connected().tell(on.TextEntered("Hello"))
    assert (reply(talk.at(1.5)), talk.view.reply.seconds) == ("thinking", 1.5)
    assert reply(talk.at(9.0)) == "no-answer"


def test_a_running_tool_is_named_with_its_seconds() -> None:
    call = Item(id="f1", type="function_call", name="get_weather", call_id="c1")
    talk = asked(connected()).hear(created("r1"), wire.ResponseOutputItemAdded(response_id="r1", item=call))
    assert talk.at(0.4).view.reply.detail == "get_weather 0.4 s"


def test_the_connection_shows_the_session_the_service_returned() -> None:
    talk = connected()
    assert (talk.view.connection.model, talk.view.connection.voice) == ("some-model", "marin")
    talk.hear(wire.SessionUpdated(session={**SESSION, "model": "other"}))
    assert talk.view.connection.model == "other"
    assert talk.at(61.0).view.connection.session_seconds == 61.0


def test_turns_count_from_the_first_connection_or_from_where_the_events_do() -> None:
    talk = connected().at(241.0).hear(speech("u1"))
    assert talk.views[0].at == talk.view.connection.session_seconds == 241.0
    assert turn_views(talk.state, 241.0, since=-500.0)[0].at == 741.0


def test_equal_states_give_equal_views() -> None:
    talk = connected()
    assert view(talk.state, 3.01, talk.policy) == view(talk.state, 3.04, talk.policy)


def test_a_trouble_that_is_over_is_no_longer_among_what_is_wrong() -> None:
    def note(key: str, code: str, level: Literal["info", "warning"] = "warning", count: int = 1) -> TurnView:
        return TurnView(key, "note", detail=code, level=level, count=count)

    silent, live = note("a", "mic_flat"), note("b", "mic_live", "info")
    lost, back, other = note("c", "device_lost", count=2), note("d", "device_back", "info"), note("e", "too_loud")
    assert still_wrong([silent]) == [silent]
    assert still_wrong([silent, other, live]) == [other]
    assert still_wrong([live, silent]) == [silent]
    assert still_wrong([lost, back]) == []
    assert still_wrong([back, lost]) == [lost]
