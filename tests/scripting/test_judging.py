"""What was seen decides: words of either side, what was heard of a cut answer, figures, findings."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from tests.scripting.scripted_talk import BEGAN, row, snapshot
from voicechat.core.view import TurnView
from voicechat.engine.link import Batch, Numbers, Turns
from voicechat.insight.metrics.ledger import Figures
from voicechat.insight.metrics.turns import TurnNumbers
from voicechat.insight.records import Evidence, Finding
from voicechat.insight.two_tracks import Moment, TurnTaking, sound_findings
from voicechat.scripting.judging import TalkObserver, judge, judge_sound
from voicechat.scripting.model import Criterion, Expectation, SoundExpectation, Source

YOU = TurnView("you", "you", text="What is twelve times 7?")
CUT = TurnView("cut", "assistant", text="On a hill", rest=" above the sea", cut_by="barge-in", cut_at=2.1)
LATER = TurnView("later", "assistant", text="It is 84", rest=".")


def seen(*turns: TurnView, at: float = 5.0) -> TalkObserver:
    """A talk in which these entries came at `at`, and the cut of an answer with them."""
    talk = TalkObserver()
    talk.take(snapshot(0.0), BEGAN)
    talk.take(Turns(turns, tuple(turn.key for turn in turns)), BEGAN + at)
    talk.take(Batch((row(at, "answer.interrupted"),)), BEGAN + at)
    return talk


def state(
    talk: TalkObserver, criterion: str, value: Any, *, source: str = "answer", since: float = 4.0, **more: Any
) -> str:
    expected = Expectation(cast(Criterion, criterion), value, cast(Source, source), **more)
    return judge(expected, talk, since).state


def test_the_whole_of_the_newest_answer_counts() -> None:
    talk = seen(YOU, CUT, LATER)
    assert state(talk, "contains", ("it is", "84.")) == "held"
    assert state(talk, "contains", ("84", "hill")) == "open"
    assert state(talk, "contains_any", ("hill", "84")) == "held"
    assert state(talk, "not_contains", ("hill",)) == "held"
    assert state(talk, "not_matches", re.compile("8.")) == "broken"
    assert state(talk, "contains", ("what is",), source="you") == "held"


def test_heard_and_unheard_are_those_of_the_answer_that_was_cut() -> None:
    talk = seen(YOU, CUT, LATER)
    assert state(talk, "matches", re.compile("^On a hill$"), source="heard") == "held"
    assert state(talk, "contains", ("sea",), source="unheard") == "held"
    assert state(talk, "cut_by", "barge-in") == "held"
    assert state(talk, "cut_by", "you") == "open"
    assert state(talk, "cut_by", "nobody") == "broken"


def test_what_was_said_before_this_turn_does_not_count() -> None:
    talk = seen(YOU, CUT, LATER)
    assert state(talk, "contains", ("84",), since=6.0) == "open"
    assert state(talk, "said", "What is twelve times seven?", since=6.0) == "open"
    assert state(talk, "cut_by", "nobody", since=6.0) == "held"


def test_words_are_compared_without_spelling_and_numbers_as_numbers() -> None:
    talk = seen(YOU)
    assert state(talk, "said", "what is twelve times SEVEN") == "held"
    assert state(talk, "said", "what was twelve times seven") == "open"
    assert state(talk, "said", "what was twelve times seven", word_errors=0.25) == "held"


@pytest.mark.parametrize(
    ("criterion", "below", "above"),
    [("first_sound_below", 0.81, 0.79), ("silent_in_below", 0.26, 0.24), ("transcript_below", 0.51, 0.49)],
)
def test_latencies_are_those_of_the_turn(criterion: str, below: float, above: float) -> None:
    turn = TurnNumbers(
        1, began_at=5.0, ended_at=6.0, transcript_at=6.5, created_at=6.6, first_sound_at=6.8, heard=2.0, silent_in=0.25
    )
    talk = seen()
    assert state(talk, criterion, below) == "open"
    talk.take(Numbers(9.0, Figures(turns=(turn,))), BEGAN + 9.0)
    assert state(talk, criterion, below, since=5.0) == "held"
    assert state(talk, criterion, above, since=5.0) == "broken"
    assert state(talk, criterion, below, since=9.5) == "open"


def test_findings_count_when_their_evidence_is_of_this_turn() -> None:
    talk = seen()
    found = Finding("1", "self-echo", "warning", "It hears itself.", evidence=(Evidence(1, 5.0),))
    talk.take(found, BEGAN + 5.0)
    assert state(talk, "no_findings", ()) == "broken"
    assert state(talk, "no_findings", ("mic-silent",)) == "held"
    assert state(talk, "findings", ("self-echo",)) == "held"
    assert state(talk, "findings", ("self-echo", "mic-silent")) == "open"
    assert state(talk, "no_findings", (), since=6.0) == "held"


def test_sound_is_judged_by_its_longest_wait_and_its_findings() -> None:
    heard = TurnTaking(30.0, (), (), (), (Moment("wait", 3.0, 0.8), Moment("dead air", 9.0, 6.0)))
    wrong = sound_findings(heard)
    told = [
        (what, verdict.state, verdict.text) for what, verdict in judge_sound(SoundExpectation((), 5.0), heard, wrong)
    ]
    assert told == [
        ("no findings", "broken", "no-response: Nobody answered the user for 6.0 s."),
        ("wait below 5 s", "broken", "the longest took 6.00 s"),
    ]
    lenient = SoundExpectation(("talk-over",), wait_below=7.0)
    assert [verdict.state for _, verdict in judge_sound(lenient, heard, wrong)] == ["held", "held"]
    silent = TurnTaking(30.0, (), (), (), ())
    (told_of,) = [verdict for _, verdict in judge_sound(SoundExpectation(None, 1.0), silent, [])]
    assert (told_of.state, told_of.text) == ("broken", "no answer was waited for")
