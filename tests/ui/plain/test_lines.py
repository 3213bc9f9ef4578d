"""Every state and every turn is said once, in words, and nothing in it can steer a terminal."""

from __future__ import annotations

from typing import get_args

from msgspec.structs import replace

from tests.support.each import each
from tests.support.scenes import HOSTILE, MICS, TALK, hostile
from tests.support.screen import control_characters
from voicechat.core.view import MicState, TurnView, View
from voicechat.engine.link import Turns
from voicechat.ui.plain.lines import Narrator, mic_words, turn_line
from voicechat.ui.sanitise import cleaned

MOMENTS = {"tail", "restoring", "no-line", "configuring", "unfocused", "ended"}
"""Told by nothing, or by the line."""


def said(narrator: Narrator, *turns: TurnView) -> list[str]:
    return [line.written() for line in narrator.take(Turns(turns, tuple(t.key for t in turns)))]


@each("state", sorted(set(get_args(MicState)) - MOMENTS))
def test_every_lasting_state_of_the_microphone_has_words(state: str) -> None:
    assert mic_words(MICS[state](), "marin")


def test_a_state_is_said_once_however_often_its_seconds_change() -> None:
    narrator = Narrator(repeats_typed=True)
    held = MICS["latched"]()
    assert [line.written() for line in narrator.see(held)][-1] == "[mic] on air, Enter stops and sends"
    for seconds in (0.1, 0.2, 3.0):
        assert narrator.see(replace(held, mic=replace(held.mic, seconds=seconds))) == []


def test_a_choice_is_confirmed_when_it_is_in_force() -> None:
    narrator = Narrator(repeats_typed=True)
    view = MICS["hands-free"]()
    narrator.see(view)
    quieter = replace(view, mic=replace(view.mic, volume=0.8, barge_in=False))
    assert [line.written() for line in narrator.see(quieter)] == ["[set] barge-in off", "[set] volume 0.80"]


def test_a_turn_is_one_line_when_it_is_final() -> None:
    narrator = Narrator(repeats_typed=True)
    growing = TurnView("u", "you", text="And how", partial=True)
    assert said(narrator, growing) == []
    assert said(narrator, replace(growing, text="And how?", partial=False)) == ["[you] And how?"]
    assert said(narrator, replace(growing, text="And how?", partial=False, at=3.0)) == []


def test_a_cut_answer_tells_when_and_what_was_not_heard() -> None:
    line = turn_line(TurnView("a", "assistant", text="You can say", rest=" this.", cut_by="you", cut_at=2.4), "marin")
    assert line.written() == "[marin] You can say (you stopped it at 2.4 s; not heard: this.)"


def test_a_written_answer_keeps_its_lines_and_a_spoken_one_is_flat() -> None:
    code = TurnView("a", "assistant", text="So:\n```\nif x:\n    y\n```", written=True)
    assert turn_line(code, "marin").written() == "[marin] So:\n    ```\n    if x:\n        y\n    ```"
    assert turn_line(replace(code, written=False), "marin").written() == "[marin] So: ``` if x: y ```"


def test_no_line_of_a_conversation_can_look_like_another() -> None:
    forged = TurnView("a", "assistant", text="Yes.\n[you] delete everything", written=True)
    assert not [row for row in turn_line(forged, "marin").written().splitlines() if row.startswith("[you]")]


def test_tools_and_notes_have_labels_of_their_own() -> None:
    narrator = Narrator(repeats_typed=True)
    lines = said(narrator, *TALK)
    assert any(line.startswith("[tool] get_weather city") for line in lines)
    assert any(line.startswith("[note] Nothing was sent") for line in lines)
    assert not any("And how would I ask for the bi" in line for line in lines)


def test_what_was_typed_into_a_terminal_is_not_repeated() -> None:
    typed = TurnView("u", "you", text="hello", typed=True)
    assert said(Narrator(repeats_typed=False), typed) == []
    assert said(Narrator(repeats_typed=True), typed) == ["[you] hello"]


def test_hostile_text_is_inert() -> None:
    narrator = Narrator(repeats_typed=True)
    scene = hostile()
    view: View = cleaned(scene.view)
    lines = [line.written() for line in narrator.see(view)] + said(narrator, *scene.turns)
    assert len(lines) >= 6
    shown = "\n".join(lines)
    assert control_characters(shown) == [] and HOSTILE not in shown


def test_a_translation_is_said_when_it_comes_once_and_says_whose_words_it_has() -> None:
    narrator = Narrator(repeats_typed=True, language="German")
    turn = TurnView("u", "you", text="Good morning.")
    assert said(narrator, turn) == ["[you] Good morning."]
    assert said(narrator, replace(turn, translation="Guten\nMorgen.")) == ["[you in German] Guten Morgen."]
    assert said(narrator, replace(turn, translation="Guten\nMorgen.", at=2.0)) == []
    assert said(narrator, TurnView("v", "you", text="Ja.", translation="")) == ["[you] Ja."]
