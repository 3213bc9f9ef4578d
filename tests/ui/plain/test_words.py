"""What a typed line means, and that nothing is sent by surprise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from voicechat.core import user_events as did
from voicechat.core.view import ConnectionView, MicView, ToolAsk, View
from voicechat.ui.plain.lines import Acts, Ask, Message, Unfit, meaning

OPEN = View(MicView(turn_mode="push-to-talk", state="idle"), connection=ConnectionView(phase="open"))

COMMANDS = {
    "mute": did.MuteChosen(True),
    "unmute": did.MuteChosen(False),
    "stop": did.StopPressed(),
    "again": did.AgainPressed(),
    "end": did.EndAsked(),
    "new": did.NewAsked(),
    "wait": did.KeepWaitingChosen(),
    "deafen": did.DeafenChosen(True),
    "barge-in off": did.BargeInChosen(False),
    "mode push-to-talk": did.TurnModeChosen("push-to-talk"),
    "echo headphones": did.EchoChosen("headphones"),
    "volume 0.8": did.VolumeChosen(0.8),
    "mic Blue Yeti": did.DevicesChosen(mic="Blue Yeti"),
    "speaker default": did.DevicesChosen(speaker="default"),
}


@pytest.mark.parametrize(("line", "event"), COMMANDS.items(), ids=COMMANDS.keys())
def test_a_word_is_the_action_of_a_key(line: str, event: did.UserAct) -> None:
    assert meaning(line, OPEN) == Acts((event,))
    assert meaning(f"  {line} ", OPEN) == Acts((event,))


@pytest.mark.parametrize("line", ["devices", "settings", "help", "quit", "events on", "cues off"])
def test_some_words_are_for_the_talk_itself(line: str) -> None:
    assert meaning(line, OPEN) == Ask(line)


@pytest.mark.parametrize("line", ["What time is it?", "New York is far", "Stop", "muted colours", "End of the story"])
def test_any_other_line_is_a_message(line: str) -> None:
    assert meaning(line, OPEN) == Message(line)


@pytest.mark.parametrize("line", ["stop the music", "volume 9", "volume up", "mode", "barge-in maybe", "mic", "say"])
def test_a_command_that_does_not_fit_is_neither_obeyed_nor_sent(line: str) -> None:
    answer = meaning(line, OPEN)
    assert isinstance(answer, Unfit) and answer.reason


def test_say_sends_what_begins_like_a_command() -> None:
    assert meaning("say stop the music", OPEN) == Message("stop the music")


def test_enter_opens_the_microphone_and_enter_again_sends() -> None:
    assert meaning("", OPEN) == Acts((did.TalkPressed(), did.TalkTapped()))
    on_air = replace(OPEN, mic=replace(OPEN.mic, state="latched"))
    assert meaning("", on_air) == Acts((did.TalkPressed(),))


def test_enter_pauses_in_hands_free() -> None:
    free = replace(OPEN, mic=MicView(turn_mode="hands-free", state="hands-free"))
    assert meaning("", free) == Acts((did.PauseToggled(),))


def test_blanks_alone_are_nothing() -> None:
    assert meaning("   ", OPEN) is None


def test_allow_and_deny_answer_the_oldest_question_and_are_unfit_without_one() -> None:
    asking = View(asked=(ToolAsk("c1", "look"), ToolAsk("c2", "look")))
    assert meaning("allow", asking) == Acts((did.ToolAllowed("c1"),))
    assert meaning("allow always", asking) == Acts((did.ToolAllowed("c1", True),))
    assert meaning("deny", asking) == Acts((did.ToolDenied("c1"),))
    assert isinstance(meaning("deny always", asking), Unfit)
    assert isinstance(meaning("allow", View()), Unfit)
