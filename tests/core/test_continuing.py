"""A talk that goes on from an earlier one: what was heard is told once, and nothing is asked for."""

from __future__ import annotations

from dataclasses import replace

from voicechat.core import events as on
from voicechat.core.continuing import begun, turns_of
from voicechat.core.effects import CreateResponse, Effect, RememberItem
from voicechat.core.policy import TurnPolicy
from voicechat.core.spoken_text import word_end
from voicechat.core.state import Choices, Conversation, Cut, Part, State, Turn, Wishes
from voicechat.core.step import step
from voicechat.core.turn_viewing import turn_views
from voicechat.core.view import TurnView

POLICY = TurnPolicy()
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


def driven(state: State, *events: on.Event) -> tuple[State, list[Effect]]:
    effects: list[Effect] = []
    for number, event in enumerate(events):
        result = step(state, event, 100.0 + number, POLICY)
        state = result.state
        effects += result.effects
    return state, effects


def test_only_what_was_said_and_heard_goes_on() -> None:
    turns = turns_of(turn_views(earlier(), 50.0), 100.0)
    assert [(turn.key, turn.who) for turn in turns] == [("t1", "you"), ("t2", "assistant")]
    before = turn_views(earlier(), 50.0)[2]
    after = turn_views(begun(Wishes(), Choices(), turns), 200.0)[1]
    assert (after.text, after.rest, after.cut_by) == (before.text, before.rest, "you") and after.text and after.rest
    assert all(turn.at == 100.0 and turn.connection == 0 and turn.done for turn in turns)


def test_the_first_line_is_told_once_and_nobody_is_greeted() -> None:
    state = begun(Wishes(greeting="Say hello", dialect="ga"), Choices(), turns_of(turn_views(earlier(), 50.0), 100.0))
    state, effects = driven(state, on.ConnectWanted(), on.LineOpened(1, configured=True))
    told = [effect.item for effect in effects if isinstance(effect, RememberItem)]
    assert [item.role for item in told] == ["user", "assistant"]
    assert told[0].content[0].text == "Count, please"
    heard = told[1].content[0].text or ""
    assert ANSWER.startswith(heard) and 0 < len(heard) < len(ANSWER)
    assert not any(isinstance(effect, CreateResponse) for effect in effects)
    assert not state.resumption.is_due
    assert any("goes on from an earlier talk" in turn.text for turn in state.conversation.turns)


def test_a_talk_with_nothing_before_it_greets_as_wished() -> None:
    state = begun(Wishes(greeting="Say hello", dialect="ga"), Choices())
    _, effects = driven(state, on.ConnectWanted(), on.LineOpened(1, configured=True))
    assert any(isinstance(effect, CreateResponse) for effect in effects)
    assert not any(isinstance(effect, RememberItem) for effect in effects)


def test_after_a_fresh_start_the_earlier_talk_is_not_told_again() -> None:
    state = begun(Wishes(dialect="ga"), Choices(), turns_of(turn_views(earlier(), 50.0), 100.0))
    state, _ = driven(state, on.ConnectWanted(), on.NewAsked(), on.LineOpened(2, configured=True))
    assert not state.resumption.is_due


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
