"""What a typed line means, and that nothing is sent by surprise."""

from __future__ import annotations

from msgspec.structs import replace

from tests.support.each import each
from voicechat.core import user_events as did
from voicechat.core.view import ConnectionView, MicView, ToolAsk, View
from voicechat.ui.plain.lines import COMMANDS, Acts, Ask, Message, Unfit, meaning

OPEN = View(MicView(turn_mode="push-to-talk", state="idle"), connection=ConnectionView(phase="open"))

OTHERS = {
    "volume 0.8": did.VolumeChosen(0.8),
    "mic Blue Yeti": did.DevicesChosen(mic="Blue Yeti"),
    "speaker default": did.DevicesChosen(speaker="default"),
}


@each(("line", "event"), [*COMMANDS.items(), *OTHERS.items()])
def test_a_command_is_the_action_of_a_key_or_for_the_talk_itself(line: str, event: did.UserAct | None) -> None:
    for written in (line, f"  {line} "):
        assert meaning(written, OPEN) == (Ask(line) if event is None else Acts((event,)))


@each("line", ["What time is it?", "New York is far", "Stop", "muted colours", "End of the story"])
def test_any_other_line_is_a_message(line: str) -> None:
    assert meaning(line, OPEN) == Message(line)


@each("line", ["stop the music", "volume 9", "volume up", "mode", "barge-in maybe", "mic", "say"])
def test_a_command_that_does_not_fit_is_neither_obeyed_nor_sent(line: str) -> None:
    answer = meaning(line, OPEN)
    assert isinstance(answer, Unfit) and answer.reason


def test_say_sends_what_begins_like_a_command() -> None:
    assert meaning("say stop the music", OPEN) == Message("stop the music")


def test_enter_is_the_talk_key_and_blanks_alone_are_nothing() -> None:
    assert meaning("", OPEN) == Acts((did.TalkPressed(), did.TalkTapped()))
    assert meaning("", replace(OPEN, mic=replace(OPEN.mic, state="latched"))) == Acts((did.TalkPressed(),))
    free = replace(OPEN, mic=MicView(turn_mode="hands-free", state="hands-free"))
    assert meaning("", free) == Acts((did.PauseToggled(),))
    assert meaning("   ", OPEN) is None


def test_allow_and_deny_answer_the_oldest_question_and_are_unfit_without_one() -> None:
    asking = View(asked=(ToolAsk("c1", "look"), ToolAsk("c2", "look")))
    assert meaning("allow", asking) == Acts((did.ToolAllowed("c1"),))
    assert meaning("allow always", asking) == Acts((did.ToolAllowed("c1", True),))
    assert meaning("deny", asking) == Acts((did.ToolDenied("c1"),))
    assert isinstance(meaning("deny always", asking), Unfit)
    assert isinstance(meaning("allow", View()), Unfit)
