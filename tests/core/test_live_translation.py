"""A translation session in the core: no turns are taken, nothing is asked, and both texts grow as they come."""

from __future__ import annotations

from tests.support.each import each
from tests.support.script import Talk, at, heard, opened, script, voice, wire
from voicechat.config.translation import CONTINUOUS
from voicechat.core import effects as do, events as on
from voicechat.core.continuous import LONG, PAUSE
from voicechat.core.policy import policy_for
from voicechat.core.state import Wishes
from voicechat.core.viewing import view
from voicechat.protocol import client_events as say
from voicechat.protocol.codec import encode
from voicechat.protocol.server_events import SessionInputTranscriptDelta, SessionOutputTranscriptDelta

POLICY = policy_for(CONTINUOUS)
WISH = {
    "type": "translation",
    "model": "gpt-realtime-translate",
    "audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}, "output": {"language": "es"}},
}


def translated(*events: object, until: float = 30.0) -> Talk:
    begin = opened(policy=POLICY, transport="WebSocket", wishes=Wishes(session=WISH, dialect="ga"), barge_in=False)
    return script(*events, begin=begin, policy=POLICY, until=until)  # type: ignore[arg-type]


def you(delta: str) -> object:
    return wire(SessionInputTranscriptDelta(delta=delta))


def other(delta: str) -> object:
    return wire(SessionOutputTranscriptDelta(delta=delta))


def lines(talk: Talk) -> list[tuple[str, str, bool]]:
    return [(turn.who, turn.text, turn.final) for turn in talk.state.conversation.turns if turn.who != "note"]


def test_both_texts_grow_and_a_pause_ends_a_passage() -> None:
    events = [at(1.0, you("Good")), at(1.4, you(" morning.")), at(2.5, other(" Buenos")), at(2.9, other(" días."))]
    growing = translated(*events, until=3.0)
    assert lines(growing) == [("you", "Good morning.", False), ("assistant", "Buenos días.", False)]
    done = translated(*events, at(8.0, you("Next.")), until=8.5)
    assert lines(done)[:2] == [("you", "Good morning.", True), ("assistant", "Buenos días.", True)]
    assert lines(done)[2] == ("you", "Next.", False) and done.state.conversation.completed == 1


def test_the_pause_counts_from_the_newest_piece() -> None:
    talk = translated(*(at(1.0 + number, you(f"word{number} ")) for number in range(5)), until=5.0 + PAUSE - 0.1)
    assert len(lines(talk)) == 1 and not lines(talk)[0][2]


def test_without_a_pause_a_long_passage_ends_with_a_sentence_and_no_word_is_lost() -> None:
    said = [f"Sentence number {number} is here. " for number in range(40)]
    talk = translated(*(at(1.0 + number / 10, you(one)) for number, one in enumerate(said)), until=6.0)
    texts = [text for _, text, _ in lines(talk)]
    assert len(texts) > 2 and all(len(text) < 2 * LONG for text in texts)
    assert " ".join(text.strip() for text in texts) == "".join(said).strip()


def test_the_mic_stays_open_over_the_translation_and_no_voice_cuts_it() -> None:
    talk = translated(at(1.0, heard()), *voice(2.0, 6.0), until=8.0)
    assert talk.of(do.CloseMic) == [] and talk.of(do.SilencePlayback) == []
    assert not any(one.what.allowed for one in talk.of(do.AllowBargeIn))
    assert view(talk.state, talk.now, POLICY).mic.translates_to == "es"


def test_stop_drops_what_waits_and_the_next_sound_is_played() -> None:
    talk = translated(at(1.0, heard()), at(2.0, on.StopPressed()), at(2.1, on.PlaybackFlushed(0)), until=3.0)
    assert talk.of(do.SilencePlayback) == [at(2.0, do.SilencePlayback(0))]
    assert talk.of(do.BeginPlayback) == [at(2.0, do.BeginPlayback(1))]


@each(
    "wish",
    [
        on.TextEntered("Hello"),
        on.ItemTextEntered("Hello", "user"),
        on.TalkPressed(),
        on.TurnModeChosen("push-to-talk"),
        on.PresetChosen("quick"),
        on.SettingChosen("audio.output.voice", "marin"),
    ],
)
def test_what_it_has_not_is_told_and_changes_nothing(wish: on.Event) -> None:
    before = translated(until=1.0)
    talk = translated(at(1.0, wish), until=20.0)
    assert talk.notices == ["translation_session"]
    assert talk.state.choices == before.state.choices and talk.state.wishes == before.state.wishes
    assert talk.effects == before.effects


def test_again_asks_for_nothing_and_a_mute_closes_the_mic() -> None:
    talk = translated(at(1.0, on.AgainPressed()), at(2.0, on.MuteChosen(True)), until=20.0)
    assert [type(one.what).__name__ for one in talk.effects if one.time >= 1.0] == ["CloseMic"]


def test_a_silent_microphone_offers_no_typing_which_it_does_not_take() -> None:
    talk = translated(at(0.1, heard()), at(6.0, on.MicFlat(5.0)), until=6.1)
    (note,) = [turn.text for turn in talk.state.conversation.turns if turn.who == "note"]
    assert "delivers only silence" in note and "type" not in note


def test_a_new_connection_repeats_the_session_and_the_last_seconds_of_sound_only() -> None:
    events = [at(1.0, you("Old words. ")), at(15.0, on.VoiceBegan(12.0)), at(20.0, on.LineLost(1, "gone"))]
    talk = translated(*events, at(20.5, on.LineOpened(2, "WebSocket")), until=30.0)
    assert talk.items("kept") == [] and talk.of(do.Connect)[-1].what.session == WISH
    (asked,) = talk.of(say.SessionUpdate)
    assert '"session":{"audio":' in encode(asked.what) and "model" in asked.what.session
    again = [one.what for one in talk.of(do.OpenMic) if one.time > 20.0]
    assert again and all(2.0 < one.pre_roll < 13.5 for one in again)
    assert lines(talk)[0] == ("you", "Old words.", True)
