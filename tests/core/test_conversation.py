"""What the transcript promises: the right order, the right words, and how much of an answer was heard."""

from __future__ import annotations

import itertools

import pytest

from tests.support.talk_script import TalkScript, committed, created, done, item, silence, speech, transcript, words
from voicechat.core import events as on
from voicechat.core.state import Choices, Turn
from voicechat.protocol import server_events as wire
from voicechat.protocol.items import ErrorDetail, Item
from voicechat.protocol.wire import UnknownEvent

HELLO = "Hello there, how are you today? I am very well."


def ask(talk: TalkScript, number: int = 1, previous: str | None = None) -> TalkScript:
    """A spoken question of a second, committed; its transcript is still to come."""
    user = f"u{number}"
    return talk.hear(speech(user), silence(user), committed(user, previous))


def answer(talk: TalkScript, number: int = 1, text: str = HELLO) -> TalkScript:
    """An answer, all of its words received, no sound yet."""
    response, assistant = f"r{number}", f"a{number}"
    added = wire.ResponseOutputItemAdded(
        response_id=response, output_index=0, item=Item(id=assistant, type="message", role="assistant")
    )
    previous = wire.ConversationItemAdded(item=item(assistant, "assistant"), previous_item_id=f"u{number}")
    talk.hear(created(response), added, previous, words(response, assistant, text))
    return talk.hear(done(response, item(assistant, "assistant", transcript=text)))


def sound(talk: TalkScript, begins: float, ends: float) -> TalkScript:
    talk.at(begins).tell(on.AssistantHeard())
    return talk.at(ends).tell(on.AssistantFellSilent(ends))


def test_user_turn_appears_when_the_server_hears_a_voice_and_waits_for_its_words() -> None:
    talk = TalkScript().hear(speech("u1", 200))
    (turn,) = talk.views
    assert (turn.who, turn.text, turn.partial, turn.committed, turn.vad) == ("you", "", True, False, "started")
    talk.hear(silence("u1", 3000), committed("u1"))
    (turn,) = talk.views
    assert (turn.partial, turn.committed, turn.vad, turn.spoken) == (True, True, "stopped", 2.8)


def test_transcript_deltas_grow_and_the_final_one_replaces_them() -> None:
    talk = ask(TalkScript())
    for piece in ("How do ", "eye say"):
        talk.hear(wire.ConversationItemInputAudioTranscriptionDelta(item_id="u1", delta=piece))
    assert talk.said() == [("you", "How do eye say")]
    talk.hear(transcript("u1", "How do I say?"))
    talk.hear(wire.ConversationItemInputAudioTranscriptionDelta(item_id="u1", delta="late"))
    assert talk.said() == [("you", "How do I say?")]
    assert not talk.views[0].partial


def test_transcript_that_comes_after_the_whole_answer_stands_above_it() -> None:
    talk = sound(answer(ask(TalkScript())), 1.0, 4.0)
    talk.at(9.0).hear(transcript("u1", "Hello?"))
    assert talk.said() == [("you", "Hello?"), ("assistant", HELLO)]


def test_failed_transcript_is_shown_in_its_place_and_a_late_one_still_counts() -> None:
    talk = answer(ask(TalkScript()))
    failed = wire.ConversationItemInputAudioTranscriptionFailed(item_id="u1", error=ErrorDetail(message="too noisy"))
    talk.hear(failed)
    assert (talk.views[0].who, talk.views[0].failed, talk.views[0].partial) == ("you", "too noisy", False)
    talk.hear(transcript("u1", "Hello?"))
    assert (talk.views[0].text, talk.views[0].failed) == ("Hello?", "")


def test_without_transcription_the_first_turn_says_so_and_the_others_stay_quiet() -> None:
    talk = TalkScript()
    talk.hear(wire.SessionUpdated(session={"type": "realtime", "audio": {"input": {}, "output": {}}}))
    ask(ask(talk), 2)
    assert [turn.failed for turn in talk.views] == ["transcription is off", ""]
    assert not any(turn.partial for turn in talk.views)


def test_turn_gets_its_place_by_the_item_before_it_however_late_that_comes() -> None:
    talk = TalkScript()
    talk.hear(committed("u2", "a1"), transcript("u2", "two"))
    talk.hear(committed("u1"), transcript("u1", "one"))
    talk.hear(
        created("r1"), wire.ConversationItemAdded(item=item("a1", "assistant"), previous_item_id="u1"),
        words("r1", "a1", "first answer"),
    )  # fmt: skip
    assert talk.said() == [("you", "one"), ("assistant", "first answer"), ("you", "two")]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_every_order_of_arrival_ends_in_the_order_of_the_server(order: tuple[int, ...]) -> None:
    said = [
        (committed("u1"), transcript("u1", "1")),
        (created("r1"), words("r1", "a1", "2"),
         wire.ConversationItemAdded(item=item("a1", "assistant"), previous_item_id="u1"), done("r1")),
        (committed("u2", "a1"), transcript("u2", "3")),
        (created("r2"), words("r2", "a2", "4"),
         wire.ConversationItemAdded(item=item("a2", "assistant"), previous_item_id="u2"), done("r2")),
    ]  # fmt: skip
    talk = TalkScript()
    for place in order:
        talk.hear(*said[place])
    assert [text for _, text in talk.said()] == ["1", "2", "3", "4"]


def test_contradicting_places_lose_no_turn() -> None:
    talk = TalkScript().hear(committed("u1", "u3"), committed("u2", "u1"), committed("u3", "u2"), committed("u4", "u4"))
    assert sorted(turn.item_id for turn in talk.turns) == ["u1", "u2", "u3", "u4"]


def test_answer_stands_above_a_user_who_is_already_speaking_again() -> None:
    talk = ask(TalkScript()).hear(speech("u2"))
    answer(talk)
    assert [turn.who for turn in talk.turns] == ["you", "assistant", "you"]


def test_cleared_input_takes_back_a_turn_that_never_was() -> None:
    talk = ask(TalkScript()).hear(speech("u2"), wire.InputAudioBufferCleared())
    assert [turn.item_id for turn in talk.turns] == ["u1"]


def test_typed_text_shows_at_once_and_is_not_shown_twice_when_the_server_repeats_it() -> None:
    talk = TalkScript().tell(on.TextEntered(" two seats, please "))
    (turn,) = talk.views
    assert (turn.text, turn.typed, turn.partial, turn.committed) == ("two seats, please", True, False, False)
    echo = item("typed-1-1", text="two seats, please")
    talk.hear(wire.ConversationItemAdded(item=echo), wire.ConversationItemDone(item=echo))
    assert talk.said() == [("you", "two seats, please")]
    assert talk.views[0].committed


def test_the_same_words_typed_twice_are_two_turns() -> None:
    talk = TalkScript().tell(on.TextEntered("again"), on.TextEntered("again"))
    for number in (1, 2):
        talk.hear(wire.ConversationItemAdded(item=item(f"typed-1-{number}", text="again")))
    assert [(turn.text, turn.item_id) for turn in talk.turns] == [("again", "typed-1-1"), ("again", "typed-1-2")]


def test_nothing_typed_is_no_turn() -> None:
    assert TalkScript().tell(on.TextEntered("  \n")).turns == ()


def test_final_words_replace_the_deltas_and_the_end_of_the_response_has_the_last_word() -> None:
    talk = TalkScript(speaker="").hear(created("r1"), words("r1", "a1", "I am wel"))
    talk.hear(wire.ResponseOutputAudioTranscriptDone(response_id="r1", item_id="a1", transcript="I am well."))
    assert talk.said() == [("assistant", "I am well.")]
    talk.hear(words("r1", "a1", " late"))
    talk.hear(done("r1", item("a1", "assistant", transcript="I am very well.")))
    assert talk.said() == [("assistant", "I am very well.")]


def test_an_answer_in_several_parts_is_one_turn_in_the_order_of_its_parts() -> None:
    talk = TalkScript(speaker="").hear(created("r1"))
    for output, content, text in ((1, 0, "third"), (0, 1, "second"), (0, 0, "first")):
        delta = wire.ResponseOutputTextDelta(
            response_id="r1", item_id=f"a{output}", output_index=output, content_index=content, delta=text
        )
        talk.hear(delta)
    assert talk.said() == [("assistant", "first second third")]


def test_written_answer_shows_at_once_although_nothing_sounds() -> None:
    talk = ask(TalkScript()).hear(created("r1"))
    talk.hear(wire.ResponseOutputTextDelta(response_id="r1", item_id="a1", delta="In writing"))
    assert (talk.answer().text, talk.answer().rest) == ("In writing", "")


def test_answer_is_understood_where_a_service_leaves_out_created_and_ids() -> None:
    talk = TalkScript(speaker="")
    talk.hear(wire.ResponseOutputAudioTranscriptDelta(delta="Hel"), wire.ResponseOutputAudioTranscriptDelta(delta="lo"))
    assert talk.said() == [("assistant", "Hello")]


def test_spoken_text_appears_as_it_is_heard_and_is_complete_at_the_end() -> None:
    talk = answer(ask(TalkScript()))
    assert (talk.answer().text, talk.answer().rest) == ("", HELLO)
    talk.at(1.0).tell(on.AssistantHeard())
    seen = []
    for time in (1.0, 1.5, 2.0, 3.0):
        turn = talk.at(time).answer()
        assert turn.text + turn.rest == HELLO
        seen.append(turn.text)
    assert seen == ["", "Hello there,", "Hello there, how", "Hello there, how are you today?"]
    talk.at(3.5).tell(on.AssistantFellSilent(3.5))
    talk.at(5.0)
    assert (talk.answer().text, talk.answer().rest, talk.answer().partial) == (HELLO, "", False)


def test_pauses_of_the_voice_are_not_counted_as_heard() -> None:
    talk = sound(answer(ask(TalkScript()), text="word " * 40), 1.0, 2.0)
    talk.at(2.4).tell(on.AssistantHeard())
    talk.at(3.4).tell(on.StopPressed())
    assert talk.answer().cut_at == pytest.approx(2.0)


def test_interrupted_answer_keeps_its_text_split_where_it_was_cut() -> None:
    """R10, golden: you stop the answer 2.4 s into its sound."""
    talk = answer(ask(TalkScript()))
    talk.at(1.0).tell(on.AssistantHeard())
    talk.at(3.4).tell(on.StopPressed())
    talk.at(9.0).hear(transcript("u1", "How are you?"))
    you, assistant = talk.views
    assert (you.text, you.committed) == ("How are you?", True)
    assert (assistant.text, assistant.rest) == ("Hello there, how are you today? I am", " very well.")
    assert (assistant.cut_by, round(assistant.cut_at, 3), assistant.cut_is_estimate) == ("you", 2.4, True)


def test_the_mark_of_a_cut_stays_where_it_is_when_later_answers_teach_another_pace() -> None:
    talk = answer(ask(TalkScript()))
    talk.at(1.0).tell(on.AssistantHeard())
    talk.at(3.4).tell(on.StopPressed())
    before = talk.answer().text
    sound(answer(ask(talk, 2), 2, text="x" * 60), 5.0, 15.0).at(17.0)
    assert talk.state.conversation.chars_per_second < 15.0
    assert talk.views[1].text == before


def test_the_servers_count_of_what_was_heard_beats_our_clock() -> None:
    talk = answer(ask(TalkScript()))
    talk.at(1.0).tell(on.AssistantHeard())
    talk.at(3.4).tell(on.StopPressed())
    talk.hear(wire.ConversationItemTruncated(item_id="a1", audio_end_ms=700))
    assert (talk.answer().text, talk.answer().cut_at, talk.answer().cut_is_estimate) == ("Hello there,", 0.7, False)


def test_cut_answer_never_loses_words_that_the_server_forgot() -> None:
    talk = ask(TalkScript()).hear(created("r1"), words("r1", "a1", HELLO))
    talk.at(1.0).tell(on.AssistantHeard())
    talk.at(2.0).tell(on.StopPressed())
    talk.hear(words("r1", "a1", " And you?"))
    talk.hear(done("r1", item("a1", "assistant", transcript="Hello"), status="cancelled", reason="client_cancelled"))
    turn = talk.answer()
    assert turn.text + turn.rest == HELLO + " And you?"


@pytest.mark.parametrize(("reason", "by"), [("turn_detected", "server"), ("client_cancelled", "you"), (None, "server")])
def test_a_cancelled_answer_says_who_cancelled_it(reason: str | None, by: str) -> None:
    talk = ask(TalkScript()).hear(created("r1"), words("r1", "a1", HELLO))
    talk.at(1.0).tell(on.AssistantHeard())
    talk.at(1.5).hear(done("r1", status="cancelled", reason=reason))
    assert talk.answer().cut_by == by


def test_a_lost_line_cuts_the_answer_and_ends_the_wait_for_words() -> None:
    talk = ask(TalkScript()).hear(created("r1"), words("r1", "a1", HELLO))
    talk.at(1.0).tell(on.AssistantHeard())
    talk.at(2.0).tell(on.LineLost(1, "no route"))
    assert (talk.answer().cut_by, talk.answer().partial) == ("line", False)
    assert (talk.views[0].failed, talk.views[0].partial) == ("the line was lost", False)
    assert talk.view.completed == 0


def test_push_to_talk_over_an_answer_says_so() -> None:
    talk = answer(ask(TalkScript(choices=Choices(turn_mode="push-to-talk"))))
    talk.at(1.0).tell(on.AssistantHeard())
    talk.at(2.0).tell(on.TalkPressed())
    assert (talk.answer().cut_by, talk.answer().cut_at) == ("push-to-talk", 1.0)


def test_an_answer_heard_to_its_end_is_not_cut_by_a_later_stop() -> None:
    talk = sound(answer(ask(TalkScript())), 1.0, 4.0)
    talk.tell(on.StopPressed())
    assert talk.answer().cut_by == ""


def test_noise_that_cut_an_answer_is_marked_on_it() -> None:
    """R11: a grant, then neither words nor voice for a second."""
    talk = answer(ask(TalkScript()))
    talk.at(1.0).tell(on.AssistantHeard())
    talk.at(5.0).tell(on.VoiceBegan(4.7), on.BargeInHappened(4.7))
    assert (talk.answer().cut_by, talk.answer().false_alarm) == ("barge-in", False)
    talk.at(5.1).tell(on.VoiceEnded(5.05, 0.35))
    talk.at(8.0)
    assert talk.answer().false_alarm


def test_failed_and_incomplete_answers_say_why() -> None:
    talk = ask(TalkScript()).hear(created("r1"), done("r1", status="failed", error="rate limit"))
    assert talk.answer().failed == "rate limit"
    talk.hear(created("r2"), words("r2", "a2", "Hel"), done("r2", status="incomplete", reason="max_output_tokens"))
    assert talk.answer().failed == "incomplete: max_output_tokens"


def test_latency_counts_from_the_users_last_sound_to_the_first_sound_of_the_answer() -> None:
    talk = TalkScript()
    talk.at(10.0).hear(speech("u1"))
    talk.at(12.0).tell(on.VoiceEnded(11.5, 1.4))
    talk.at(12.1).hear(silence("u1"), committed("u1"))
    answer(talk)
    talk.at(12.3).tell(on.AssistantHeard())
    assert talk.answer().latency == pytest.approx(0.8)
    assert talk.view.reply.last_latency == pytest.approx(0.8)


def test_latency_without_a_local_detector_counts_from_the_servers_word() -> None:
    talk = TalkScript()
    talk.at(10.0).hear(speech("u1"))
    talk.at(12.1).hear(silence("u1"), committed("u1"))
    answer(talk)
    talk.at(12.6).tell(on.AssistantHeard())
    assert talk.answer().latency == pytest.approx(0.5)


def test_a_local_end_of_voice_that_comes_after_the_servers_word_still_counts() -> None:
    talk = TalkScript()
    talk.at(10.0).hear(speech("u1"))
    talk.at(12.0).hear(silence("u1"), committed("u1"))
    talk.at(12.1).tell(on.VoiceEnded(11.7, 1.4))
    answer(talk)
    talk.at(12.7).tell(on.AssistantHeard())
    assert talk.answer().latency == pytest.approx(1.0)


def test_latency_of_typed_text_counts_from_enter() -> None:
    talk = TalkScript().at(5.0).tell(on.TextEntered("Hello"))
    answer(talk)
    talk.at(5.7).tell(on.AssistantHeard())
    assert talk.answer().latency == pytest.approx(0.7)


def test_only_the_first_answer_to_a_turn_has_a_latency() -> None:
    talk = sound(answer(ask(TalkScript())), 1.0, 2.0)
    talk.at(4.0)
    sound(answer(talk, 2, "And one more thing."), 4.0, 5.0)
    assert talk.answer().latency is None


def test_sound_that_comes_before_its_words_belongs_to_the_answer() -> None:
    talk = ask(TalkScript()).at(1.0).tell(on.AssistantHeard())
    talk.at(1.2).hear(created("r1"), words("r1", "a1", HELLO))
    assert talk.answer().latency == pytest.approx(1.0)


def test_an_answer_counts_as_complete_when_done_and_silent_and_never_twice() -> None:
    talk = answer(ask(TalkScript()))
    talk.at(0.5).tell(on.AssistantHeard())
    assert talk.at(3.0).view.completed == 0
    talk.tell(on.AssistantFellSilent(3.0))
    assert talk.at(4.0).view.completed == 1
    talk.hear(wire.OutputAudioBufferStopped(response_id="r1"), done("r1"))
    assert talk.at(9.0).view.completed == 1


def test_an_answer_without_any_sound_is_complete_after_a_while_and_at_once_without_a_loudspeaker() -> None:
    talk = answer(ask(TalkScript()))
    assert talk.at(1.9).view.completed == 0
    assert talk.at(2.1).view.completed == 1
    assert talk.answer().rest == ""
    assert answer(ask(TalkScript(speaker=""))).view.completed == 1


def test_captions_do_not_wait_for_a_deafened_loudspeaker() -> None:
    talk = answer(ask(TalkScript().tell(on.DeafenChosen(True))))
    assert talk.answer().text == HELLO


def test_the_pace_of_the_voice_is_learned_from_answers_heard_to_their_end() -> None:
    talk = sound(answer(ask(TalkScript()), text="x" * 60), 1.0, 11.0)
    assert talk.at(13.0).state.conversation.chars_per_second == pytest.approx((15.0 + 6.0) / 2)


def test_a_tool_call_is_a_turn_with_its_arguments_then_its_result() -> None:
    talk = ask(TalkScript())
    call = Item(id="f1", type="function_call", name="get_weather", call_id="c1")
    talk.hear(created("r1"), wire.ResponseOutputItemAdded(response_id="r1", output_index=0, item=call))
    for piece in ('{"city":', '"Oslo"}'):
        delta = wire.ResponseFunctionCallArgumentsDelta(response_id="r1", item_id="f1", call_id="c1", delta=piece)
        talk.hear(delta)
    talk.hear(done("r1", Item(id="f1", type="function_call", name="get_weather", call_id="c1", arguments="{}")))
    assert talk.view.reply.state == "thinking"
    assert [(turn.who, turn.text, turn.detail) for turn in talk.views[1:]] == [("tool", "get_weather", "{}")]
    output = Item(id="o1", type="function_call_output", call_id="c1", output="5 degrees")
    talk.at(0.4).hear(wire.ConversationItemAdded(item=output), wire.ConversationItemDone(item=output))
    tool = talk.views[1]
    assert (tool.detail, tool.partial, tool.latency) == ("{}  →  5 degrees", False, pytest.approx(0.4))


def test_a_call_of_the_server_itself_shows_its_failure() -> None:
    call = Item(id="m1", type="mcp_call", name="search", arguments="{}", error={"message": "no such tool"})
    talk = TalkScript().hear(created("r1"), wire.ResponseOutputItemDone(response_id="r1", item=call))
    tool = next(turn for turn in talk.views if turn.who == "tool")
    assert (tool.text, tool.failed, tool.partial) == ("search", "no such tool", False)


def test_deleted_items_vanish() -> None:
    talk = answer(ask(TalkScript())).hear(wire.ConversationItemDeleted(item_id="u1"))
    assert [turn.who for turn in talk.turns] == ["assistant"]
    talk.hear(wire.ConversationItemDeleted(item_id="a1"), wire.ConversationItemDeleted(item_id="a1"))
    assert talk.turns == ()


def test_side_answers_never_enter_the_list() -> None:
    talk = answer(ask(TalkScript()))
    before = talk.turns
    talk.hear(created("side", conversation=None), words("side", "s1", "a title"), done("side"))
    assert talk.turns == before


def test_services_that_never_name_a_conversation_are_still_heard() -> None:
    talk = TalkScript(speaker="").hear(created("r1", conversation=None), words("r1", "a1", "Hi"))
    assert talk.said() == [("assistant", "Hi")]


def test_unknown_items_and_events_change_nothing() -> None:
    talk = answer(ask(TalkScript()))
    before = talk.state.conversation
    talk.hear(UnknownEvent(type="response.hologram.delta"), wire.MalformedFrame(reason="no JSON"))
    talk.hear(wire.ConversationItemAdded(item=Item(id="h1", type="hologram")))
    assert talk.state.conversation is before


def test_turns_of_an_old_line_are_never_touched_by_the_same_ids_on_a_new_one() -> None:
    talk = sound(answer(ask(TalkScript()).hear(transcript("u1", "old"))), 1.0, 4.0)
    talk.at(6.0).tell(on.LineLost(1, "gone"))
    old = [turn for turn in talk.turns if turn.who != "note"]
    talk.tell(on.AgainPressed())
    talk.open_line()
    answer(ask(talk).hear(transcript("u1", "new")))
    talk.hear(wire.ConversationItemDeleted(item_id="u1"))
    talk.hear(transcript("u1", "stale"), connection=1)
    assert [turn for turn in talk.turns if turn.who != "note"][:2] == old
    assert len({turn.key for turn in talk.turns}) == len(talk.turns)


def test_a_note_stands_where_it_happened_and_its_repeats_only_count() -> None:
    talk = ask(TalkScript())
    for _ in range(3):
        talk.hear(wire.ServerError(error=ErrorDetail(code="odd", message="Something odd")))
    notes = [turn for turn in talk.views if turn.who == "note"]
    assert [(note.count, note.level, note.detail) for note in notes] == [(3, "error", "odd")]
    ask(talk, 2).hear(wire.ServerError(error=ErrorDetail(code="odd", message="Something odd")))
    assert [turn.who for turn in talk.views] == ["you", "note", "you", "note"]


def test_harmless_races_never_become_notes() -> None:
    talk = TalkScript()
    for code in (
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "input_audio_buffer_commit_empty",
    ):
        talk.hear(wire.ServerError(error=ErrorDetail(code=code, message=code)))
    assert talk.turns == ()


def test_a_fresh_start_empties_the_transcript_and_gives_out_no_key_twice() -> None:
    talk = ask(TalkScript())
    keys = {turn.key for turn in talk.turns}
    talk.tell(on.NewAsked())
    assert talk.turns == ()
    talk.open_line()
    ask(talk)
    assert keys.isdisjoint(turn.key for turn in talk.turns)


def test_a_long_conversation_is_not_rebuilt_for_one_word() -> None:
    """A delta replaces one turn; the others stay the very same records."""
    talk = TalkScript(speaker="")
    for number in range(50):
        answer(ask(talk, number), number)
    talk.hear(created("now"), words("now", "an", "Hel"))
    before: tuple[Turn, ...] = talk.turns
    talk.hear(words("now", "an", "lo"))
    assert all(old is new for old, new in zip(before[:-1], talk.turns[:-1], strict=True))
    assert talk.turns[-1].text == "Hello"
