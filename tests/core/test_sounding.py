"""What an interrupted answer promises: how much was heard, who cut it, how long you waited, when it is over."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from tests.support.each import each
from tests.support.script import (
    HELLO,
    Talk,
    answered,
    asked,
    committed,
    connected,
    created,
    done,
    item,
    silence,
    sound_started,
    sound_stopped,
    sounded,
    speech,
    transcribed,
    words,
)
from voicechat.core import events as on
from voicechat.core.events import Event
from voicechat.core.policy import TurnPolicy
from voicechat.core.spoken_text import heard_length, learned_rate, weight
from voicechat.core.state import Choices
from voicechat.protocol import server_events as wire
from voicechat.protocol.items import ContentPart, Item


def audible(text: str = HELLO) -> Talk:
    """An answer, all of its words received, audible since 1.0."""
    return answered(asked(connected()), text=text).at(1.0).tell(on.AssistantHeard())


def unfinished() -> Talk:
    """An answer that is still being made, audible since 1.0."""
    return asked(connected()).hear(created("r1"), words("r1", "a1", HELLO)).at(1.0).tell(on.AssistantHeard())


def test_spoken_text_appears_as_it_is_heard_and_is_complete_at_the_end() -> None:
    talk = answered(asked(connected()))
    assert (talk.answer().text, talk.answer().rest) == ("", HELLO)
    talk.at(1.0).tell(on.AssistantHeard())
    seen = []
    for time in (1.0, 1.5, 2.0, 3.0):
        turn = talk.at(time).answer()
        assert turn.text + turn.rest == HELLO
        seen.append(turn.text)
    assert seen == ["", "Hello there,", "Hello there, how", "Hello there, how are you today?"]
    talk.at(3.5).tell(on.AssistantFellSilent(3.5)).at(5.0)
    assert (talk.answer().text, talk.answer().rest, talk.answer().partial) == (HELLO, "", False)


def test_a_response_made_while_another_still_plays_is_heard_after_it() -> None:
    """WebRTC: the service names whose sound plays, and the words of the next one come seconds before its own."""
    story = "word " * 40
    talk = answered(asked(connected()), text=story).at(0.9).hear(sound_started("r1")).at(1.0).tell(on.AssistantHeard())
    answered(talk.at(2.0).tell(on.TextEntered("2 + 2?")), 2)
    sounded(talk.tell(on.AssistantFellSilent(2.0)), 2.3, 4.0).at(4.2)
    first, second = (turn for turn in talk.views if turn.who == "assistant")
    assert (first.rest != "", first.partial) == (True, True)
    assert (second.text, second.rest) == ("", HELLO)
    talk.hear(sound_stopped("r1")).at(4.3).hear(sound_started("r2")).tell(on.AssistantHeard()).at(5.3)
    first, second = (turn for turn in talk.views if turn.who == "assistant")
    assert (first.rest, first.partial, first.cut_by) == ("", False, "")
    assert second.text.startswith("Hello there,")


@each("act", [on.StopPressed(), on.LineLost(1, "gone")])
def test_a_response_stopped_in_a_pause_between_sentences_is_not_taken_for_heard(act: Event) -> None:
    talk = answered(asked(connected()), text="word " * 40).at(0.9).hear(sound_started("r1"))
    sounded(talk, 1.0, 3.0).at(3.2).tell(act)
    assert (talk.answer().cut_by != "", talk.answer().rest != "") == (True, True)
    assert talk.answer().cut_at == pytest.approx(2.0)


def test_a_response_that_goes_on_without_its_loudspeaker_is_shown_as_not_heard() -> None:
    reply = unfinished().at(2.0).tell(on.DeviceLost("Speaker", "it hangs")).at(4.0).view.reply
    assert (reply.state, reply.unheard) == ("speaking", True)


def test_pauses_of_the_voice_are_not_counted_as_heard() -> None:
    talk = sounded(answered(asked(connected()), text="word " * 40), 1.0, 2.0)
    talk.at(2.4).tell(on.AssistantHeard()).at(3.4).tell(on.StopPressed())
    assert talk.answer().cut_at == pytest.approx(2.0)


def test_interrupted_answer_keeps_its_text_split_where_it_was_cut() -> None:
    """R10, golden: you stop the answer 2.4 s into its sound."""
    talk = audible().at(3.4).tell(on.StopPressed()).at(9.0).hear(transcribed("u1", "How are you?"))
    you, assistant = talk.views
    assert (you.text, you.committed) == ("How are you?", True)
    assert (assistant.text, assistant.rest) == ("Hello there, how are you today? I am", " very well.")
    assert (assistant.cut_by, round(assistant.cut_at, 3), assistant.cut_is_estimate) == ("you", 2.4, True)


def test_the_mark_of_a_cut_stays_where_it_is_when_later_answers_teach_another_pace() -> None:
    talk = audible().at(3.4).tell(on.StopPressed())
    before = talk.answer().text
    sounded(answered(asked(talk, 2), 2, text="x" * 60), 5.0, 15.0).at(17.0)
    assert talk.state.conversation.chars_per_second < 15.0
    assert talk.views[1].text == before


def test_the_servers_count_of_what_was_heard_beats_our_clock() -> None:
    talk = audible().at(3.4).tell(on.StopPressed())
    talk.hear(wire.ConversationItemTruncated(item_id="a1", audio_end_ms=700))
    assert (talk.answer().text, talk.answer().cut_at, talk.answer().cut_is_estimate) == ("Hello there,", 0.7, False)
    untold = audible().at(3.4).hear(wire.ConversationItemTruncated(item_id="a1")).answer()
    assert (untold.cut_by, untold.cut_is_estimate) == ("server", True) and untold.cut_at == pytest.approx(2.4)


def test_cut_answer_never_loses_words_that_the_server_forgot() -> None:
    talk = unfinished().at(2.0).tell(on.StopPressed()).hear(words("r1", "a1", " And you?"))
    talk.hear(
        done("r1", output=(item("a1", "assistant", transcript="Hello"),), status="cancelled", reason="client_cancelled")
    )
    turn = talk.answer()
    assert turn.text + turn.rest == HELLO + " And you?"


@each(("reason", "by"), [("turn_detected", "server"), ("client_cancelled", "you"), (None, "server")])
def test_a_cancelled_answer_says_who_cancelled_it(reason: str | None, by: str) -> None:
    talk = unfinished().at(1.5).hear(done("r1", status="cancelled", reason=reason))
    assert talk.answer().cut_by == by


def test_a_lost_line_cuts_the_answer_and_ends_the_wait_for_words() -> None:
    talk = unfinished().at(2.0).tell(on.LineLost(1, "no route"))
    assert (talk.answer().cut_by, talk.answer().partial) == ("line", False)
    assert (talk.views[0].failed, talk.views[0].partial) == ("the connection was lost", False)
    assert talk.view.completed == 0


def test_an_answer_heard_to_its_end_is_not_cut_by_a_later_stop() -> None:
    talk = sounded(answered(asked(connected())), 1.0, 4.0).tell(on.StopPressed())
    assert talk.answer().cut_by == ""


def test_noise_that_cut_an_answer_is_marked_on_it() -> None:
    """R11: a grant, then neither words nor voice for a second."""
    talk = audible().at(5.0).tell(on.VoiceBegan(4.7), on.BargeInHappened(4.7))
    assert (talk.answer().cut_by, talk.answer().false_alarm) == ("barge-in", False)
    talk.at(5.1).tell(on.VoiceEnded(5.05, 0.35)).at(8.0)
    assert talk.answer().false_alarm


ENDED = silence("u1"), committed("u1")


def speaking() -> Talk:
    """The user speaks since 10.0."""
    return connected().at(10.0).hear(speech("u1"))


@each(
    ("talk", "sounds_at", "latency"),
    [
        (lambda: speaking().at(12.0).tell(on.VoiceEnded(11.5, 1.4)).at(12.1).hear(*ENDED), 12.3, 0.8),
        (lambda: speaking().at(12.1).hear(*ENDED), 12.6, 0.5),
        (lambda: speaking().at(12.0).hear(*ENDED).at(12.1).tell(on.VoiceEnded(11.7, 1.4)), 12.7, 1.0),
        (lambda: connected().at(5.0).tell(on.TextEntered("Hello")), 5.7, 0.7),
        (
            lambda: connected().at(11.6).tell(on.VoiceEnded(11.5, 1.4)).at(12.0).hear(transcribed("u1", "Hi.")),
            12.3,
            0.8,
        ),
    ],
    ids=[
        "last sound",
        "the server's word where nothing local is known",
        "local end that comes later",
        "typed: enter",
        "GPT-Live: no end told",
    ],
)
def test_latency_counts_from_the_users_last_sound_to_the_first_sound_of_the_answer(
    talk: Callable[[], Talk], sounds_at: float, latency: float
) -> None:
    told = answered(talk()).at(sounds_at).tell(on.AssistantHeard())
    assert told.answer().latency == told.view.reply.last_latency == pytest.approx(latency)


def test_only_the_first_answer_to_a_turn_has_a_latency() -> None:
    talk = sounded(answered(asked(connected())), 1.0, 2.0).at(4.0)
    sounded(answered(talk, 2, "And one more thing."), 4.0, 5.0)
    assert talk.answer().latency is None


def test_sound_that_comes_before_its_words_belongs_to_the_answer() -> None:
    talk = asked(connected()).at(1.0).tell(on.AssistantHeard())
    talk.at(1.2).hear(created("r1"), words("r1", "a1", HELLO))
    assert talk.answer().latency == pytest.approx(1.0)


def test_an_answer_counts_as_complete_when_done_and_silent_and_never_twice() -> None:
    talk = answered(asked(connected())).at(0.5).tell(on.AssistantHeard())
    assert talk.at(3.0).view.completed == 0
    talk.tell(on.AssistantFellSilent(3.0))
    assert talk.at(4.0).view.completed == 1
    talk.hear(wire.OutputAudioBufferStopped(response_id="r1"), done("r1"))
    assert talk.at(9.0).view.completed == 1


def test_a_response_without_sound_is_complete_after_2_s_without_a_device_at_once() -> None:
    talk = answered(asked(connected()))
    assert talk.at(1.9).view.completed == 0
    assert talk.at(2.1).view.completed == 1
    assert talk.answer().rest == ""
    assert answered(asked(connected(speaker=""))).view.completed == 1


def test_captions_do_not_wait_for_a_deafened_loudspeaker() -> None:
    talk = answered(asked(connected().tell(on.DeafenChosen(True))))
    assert talk.answer().text == HELLO


def test_spoken_answer_without_loudspeaker_is_marked_not_heard() -> None:
    for speaker in ("", "none"):
        talk = answered(asked(connected(speaker=speaker))).at(1.0).tell(on.AssistantHeard())
        talk.at(3.0).tell(on.AssistantFellSilent(3.0)).at(4.0)
        assert (talk.answer().unheard, talk.view.reply.unheard) == (True, True), speaker
    muted = answered(asked(connected().tell(on.DeafenChosen(True)))).at(1.0)
    assert (muted.answer().unheard, muted.view.reply.unheard) == (True, True)
    heard = sounded(answered(asked(connected())), 1.0, 3.0).at(4.0)
    assert (heard.answer().unheard, heard.view.reply.unheard) == (False, False)


def test_answer_heard_before_the_loudspeaker_was_off_is_not_marked() -> None:
    talk = unfinished().at(2.0).tell(on.DeafenChosen(True), on.AssistantFellSilent(2.0))
    assert talk.at(2.1).view.reply.state == "speaking" and talk.view.reply.unheard
    assert not talk.at(2.5).hear(done("r1")).answer().unheard


def test_sound_after_the_loudspeaker_is_on_again_belongs_to_its_answer() -> None:
    talk = answered(asked(connected().tell(on.DeafenChosen(True)))).at(1.0)
    assert talk.view.completed == 1
    talk.tell(on.DeafenChosen(False)).at(1.2).tell(on.AssistantHeard())
    assert (talk.at(1.5).view.reply.state, talk.view.reply.unheard, talk.view.completed) == ("finishing", False, 0)
    talk.at(3.0).tell(on.AssistantFellSilent(3.0))
    assert (talk.at(4.0).answer().unheard, talk.view.completed) == (False, 1)


def test_the_pace_of_the_voice_is_learned_from_answers_heard_to_their_end() -> None:
    talk = sounded(answered(asked(connected()), text="x" * 60), 1.0, 11.0)
    assert talk.at(13.0).state.conversation.chars_per_second == pytest.approx((15.0 + 6.0) / 2)


def test_what_you_said_while_muted_is_no_part_of_your_turn() -> None:
    talk = connected().at(1.0).tell(on.MuteChosen(True))
    talk.at(9.9).tell(on.VoiceBegan(9.0), on.VoiceEnded(9.9, 0.9)).at(10.0).tell(on.MuteChosen(False))
    talk.at(10.5).hear(speech("u1")).at(12.0).hear(silence("u1"), committed("u1"))
    answered(talk).at(12.5).tell(on.AssistantHeard())
    assert talk.answer().latency == pytest.approx(0.5)


def test_a_long_held_key_does_not_shorten_the_wait() -> None:
    talk = connected(choices=Choices(turn_mode="push-to-talk")).at(10.0).tell(on.TalkPressed())
    talk.hear(wire.InputAudioBufferCleared()).at(11.0).tell(on.VoiceBegan(10.2), on.VoiceEnded(11.0, 0.8))
    talk.at(13.0).tell(on.TalkReleased()).at(13.3).hear(committed("u1"))
    answered(talk).at(13.8).tell(on.AssistantHeard())
    assert talk.answer().latency == pytest.approx(2.8)


def test_two_answers_close_together_each_keep_their_own_sound() -> None:
    talk = sounded(answered(asked(connected())), 1.0, 3.0)
    answered(talk, 2, "And one more thing.").at(3.3).tell(on.AssistantHeard())
    assert [turn.first_sound_at for turn in talk.turns if turn.who == "assistant"] == [1.0, 3.3]


def test_responses_that_wait_long_for_the_sound_of_an_earlier_one_are_shown_while_they_sound() -> None:
    """WebRTC: the service plays one after the other; the words of all were there long before."""
    talk = answered(asked(connected())).at(0.9).hear(sound_started("r1")).at(1.0).tell(on.AssistantHeard())
    for number in (2, 3):
        answered(talk.tell(on.TextEntered("2 + 2?")), number)
    shown = []
    for number, at in ((1, 12.0), (2, 18.0)):
        talk.at(at).tell(on.AssistantFellSilent(at)).at(at + 0.2).hear(sound_stopped(f"r{number}"))
        talk.hear(sound_started(f"r{number + 1}")).at(at + 0.3).tell(on.AssistantHeard()).at(at + 1.0)
        sounding = [turn.key for turn in talk.turns if turn.who == "assistant" and turn.sounding]
        shown.append((talk.view.reply.state, len(sounding)))
    assert shown == [("finishing", 1), ("finishing", 1)]


def test_late_news_of_a_flushed_sound_is_not_taken_for_a_stillborn_answer() -> None:
    talk = connected().tell(on.TextEntered("Hello"), on.StopPressed())
    talk.at(0.1).hear(created("r1"), words("r1", "a1", "Hel")).tell(on.AssistantHeard())
    talk.at(0.2).hear(done("r1", status="cancelled", reason="client_cancelled"))
    assert (talk.answer().text, talk.answer().cut_by, talk.answer().cut_at) == ("", "you", 0.0)


def test_a_response_without_response_done_is_ended_by_the_next() -> None:
    talk = asked(connected()).hear(created("r1"), words("r1", "a1", "First."))
    sounded(talk, 1.0, 2.0)
    sounded(answered(talk.at(5.0), 2, "Second."), 5.0, 6.0).at(9.0)
    assert talk.view.completed == 2


def test_an_answer_sounds_although_its_words_come_after_its_sound() -> None:
    """A server that has announced the item and nothing of its content when the first sound is there."""
    talk = connected()
    announced = Item(id="a1", type="message", role="assistant")
    talk.at(1.0).hear(created("r1"), wire.ResponseOutputItemAdded(response_id="r1", output_index=0, item=announced))
    talk.at(1.2).tell(on.AssistantHeard())
    assert talk.view.reply.state == "speaking"
    talk.at(2.2).hear(words("r1", "a1", HELLO)).at(2.4)
    assert (talk.view.reply.state, talk.view.reply.seconds) == ("speaking", 1.2)
    assert talk.answer().text


def test_an_answer_that_still_sounds_is_finishing_while_the_next_is_made() -> None:
    talk = unfinished().hear(done("r1", output=(item("a1", "assistant", transcript=HELLO),)))
    talk.at(2.0).tell(on.TextEntered("And now?")).hear(created("r2"), words("r2", "a2", "Now"))
    assert (talk.view.reply.state, talk.view.reply.seconds) == ("finishing", 1.0)
    talk.at(3.0).tell(on.AssistantFellSilent(2.9))
    assert talk.view.reply.state == "thinking"


def test_an_answer_that_is_known_to_be_written_does_not_take_the_sound() -> None:
    talk = connected().at(1.0).hear(created("r1"), words("r1", "a1", HELLO))
    part = ContentPart(type="output_text", text="")
    talk.at(1.1).hear(created("r2"), wire.ResponseContentPartAdded(response_id="r2", item_id="a2", part=part))
    talk.at(1.2).tell(on.AssistantHeard())
    assert [bool(turn.sounding) for turn in talk.turns] == [True, False]


LOST, RETURNED = on.DeviceLost("Loudspeaker", "gone"), on.DeviceOpened("Mic", "Loudspeaker")


def test_a_typed_answer_without_a_device_is_readable_and_marked_as_not_heard() -> None:
    talk = connected().at(0.5).tell(LOST)
    answered(asked(talk))
    talk.at(1.0).tell(on.AssistantHeard())  # what stands in for the device plays it
    assert (talk.at(2.0).answer().text, talk.answer().rest, talk.answer().cut_by) == ("", HELLO, "device")
    talk.at(3.5).tell(on.AssistantFellSilent(3.5)).at(9.0).tell(RETURNED).at(20.0)
    assert (talk.answer().text, talk.answer().rest, talk.answer().cut_by) == ("", HELLO, "device")
    assert not talk.answer().partial


HEARD, SILENT = on.AssistantHeard(), on.AssistantFellSilent
LOSSES: list[tuple[str, str, tuple[tuple[float, on.Event], ...], str, float]] = [
    ("for good", HELLO, ((2.0, LOST), (2.3, HEARD), (3.5, SILENT(3.5))), "device", 1.0),
    ("until after the end", HELLO, ((2.0, LOST), (2.5, HEARD), (3.5, SILENT(3.5)), (4.0, RETURNED)), "device", 1.0),
    ("for a moment", "word " * 20, ((2.0, LOST), (2.5, RETURNED), (2.6, HEARD), (6.0, SILENT(6.0))), "", 0.0),
    ("after the end", HELLO, ((3.5, SILENT(3.5)), (3.6, LOST)), "", 0.0),
]


@each(("name", "text", "events", "cut_by", "cut_at"), LOSSES)
def test_a_response_ends_where_its_device_was_lost_unless_played_out(
    name: str, text: str, events: tuple[tuple[float, on.Event], ...], cut_by: str, cut_at: float
) -> None:
    talk = audible(text)
    for time, event in events:
        talk.at(time).tell(event)
    answer = talk.at(20.0).answer()
    assert (answer.cut_by, answer.partial) == (cut_by, False)
    assert answer.cut_at == pytest.approx(cut_at)
    assert (answer.text + answer.rest, bool(answer.text), bool(answer.rest)) == (text, True, bool(cut_by))


def test_an_answer_whose_device_is_lost_is_shown_as_cut_while_it_is_new() -> None:
    talk = audible().at(2.0).tell(LOST).at(3.5).tell(on.AssistantFellSilent(3.5))
    shown = {(reply.state, reply.detail) for reply in (talk.at(3.5 + tenths / 10).view.reply for tenths in range(80))}
    assert ("cut", "no sound device") in shown


def test_responses_cut_by_a_lost_device_resume_when_audible_again() -> None:
    """A sound server hung for 3.6 s with two answers queued: 9 s of sound came after it while the deck said ready."""
    talk = audible("word " * 20)
    answered(asked(talk, 2, "a1"), 2, "more " * 20)
    talk.at(2.0).tell(LOST)
    assert [turn.cut_by for turn in talk.at(5.0).views if turn.who == "assistant"] == ["device", "device"]
    talk.at(5.2).tell(RETURNED, on.AssistantHeard())
    assert talk.view.reply.state == "finishing"
    assert [turn.cut for turn in talk.turns if turn.who == "assistant"] == [None, None]
    assert [turn.sounding for turn in talk.turns if turn.who == "assistant"] == [True, False]


def test_sound_after_a_new_question_resumes_no_earlier_response() -> None:
    talk = audible("word " * 20).at(2.0).tell(LOST)
    asked(talk.at(6.0), 2, "a1")
    talk.at(7.0).tell(RETURNED, on.AssistantHeard())
    assert [turn.cut_by for turn in talk.views if turn.who == "assistant"] == ["device"]


# Where a text is split into heard and unheard: between words, and never inside a character


TEXTS = st.text(alphabet="ab .,窓際のをお。「」é\u0301👩\u200d🚀🇩🇪\ufe0fก\n", max_size=60)


@each(
    ("text", "seconds", "heard"),
    [
        ("Hello there", -1.0, ""),
        ("Hello there", 0.0, ""),
        ("Hello there", 0.01, "Hello"),  # the word that is being spoken counts
        ("Hello there", 5 / 15, "Hello"),
        ("Hello there", 6.5 / 15, "Hello there"),
        ("窓際の席を二人で。お願いします。", 1.0, "窓際の席を二"),
        ("二人で。お願い", 3 * 2.5 / 15, "二人で。"),
        ("二「人」で", 1 * 2.5 / 15, "二"),
    ],
)
def test_played_text_ends_at_a_word_or_in_cjk_at_a_character(text: str, seconds: float, heard: str) -> None:
    assert text[: heard_length(text, seconds, 15.0)] == heard


@each("character", ["e\u0301", "👩\u200d🚀", "🇩🇪", "👍🏽", "❤\ufe0f"])
def test_no_character_is_torn_apart(character: str) -> None:
    text = character * 40
    for tenths in range(1, 200):
        assert heard_length(text, tenths / 10, 15.0) % len(character) == 0


def test_a_long_run_without_breaks_still_flows_and_wide_characters_take_longer() -> None:
    assert 0 < heard_length("ก" * 200, 2.0, 15.0) < 60
    assert (weight("ab"), weight("窓際")) == (2.0, 5.0)


def test_the_rate_moves_halfway_to_what_an_answer_showed_within_bounds() -> None:
    assert learned_rate(15.0, "x" * 50, 5.0) == pytest.approx(12.5)
    for text, seconds in (("x" * 50, 0.2), ("   ", 5.0)):
        assert learned_rate(15.0, text, seconds) == 15.0, "what proves nothing teaches nothing"
    assert learned_rate(15.0, "x" * 100_000, 2.0) <= 40.0
    assert learned_rate(15.0, "x", 1000.0) >= 4.0


@given(TEXTS, st.floats(0, 20), st.floats(0, 20), st.floats(4, 40))
def test_what_was_heard_never_becomes_less(text: str, one: float, other: float, rate: float) -> None:
    early, late = sorted((one, other))
    assert 0 <= heard_length(text, early, rate) <= heard_length(text, late, rate) <= len(text)


def test_sound_of_an_answer_that_was_given_up_ends_with_the_loudspeaker() -> None:
    """The deck said `finishing` for the rest of the talk: nobody ended the sound of an answer that was over."""
    talk = asked(connected()).hear(created("r1"), words("r1", "a1", HELLO), done("r1"))
    talk.at(12.0).hear(created("r2"), words("r2", "a2", HELLO), done("r2")).tell(on.AssistantHeard())
    talk.at(13.0).tell(on.PlaybackMoved(1, "a1", 0.0, 13.0))
    assert talk.view.reply.state == "finishing"
    talk.at(14.0).tell(on.AssistantFellSilent(14.0))
    assert talk.at(30.0).view.reply.state == "ready"


def test_words_sent_as_they_are_said_count_as_heard() -> None:
    talk = asked(connected(TurnPolicy(full_duplex=True))).hear(
        created("r1"), words("r1", "a1", "Once upon a time there ")
    )
    talk.at(1.0).tell(on.AssistantHeard())
    talk.at(2.1).hear(words("r1", "a1", "was a very fast talker who said a lot "))
    talk.at(4.0).hear(words("r1", "a1", "and stopped."))
    assert talk.answer().text == "Once upon a time there was a very fast talker who said a lot"
