"""Which lines are whole, which come first, and which are left out."""

from __future__ import annotations

from msgspec.structs import replace

from tests.support.script import HELLO, answered, asked, connected
from voicechat.core import events as on
from voicechat.core.view import TurnView
from voicechat.translation.backlog import SETTLED_AFTER, Backlog, Fresh, Line, is_awaited, line_of

YOU = TurnView("t1", "you", text="Good morning.")
ANSWER = TurnView("t2", "assistant", text="Hello, and welcome.")
CUT = replace(ANSWER, text="Hello,", rest=" and welcome.", cut_by="barge-in")


def line(number: int, text: str = "a line that is long enough to matter") -> Line:
    return Line(f"t{number}", "you", f"{text}{number}")


def test_a_line_is_what_somebody_said_once_it_is_whole() -> None:
    assert line_of(YOU) == Line("t1", "you", "Good morning.")
    assert line_of(ANSWER) == Line("t2", "assistant", "Hello, and welcome.")
    nothing = TurnView("n", "note", text="The connection was lost."), TurnView("c", "tool", text="get_weather")
    for turn in (replace(ANSWER, partial=True), *nothing, replace(YOU, text=" … "), replace(YOU, text="42!")):
        assert line_of(turn) is None


def test_of_a_cut_answer_only_what_was_heard_is_a_line_once_its_words_stand() -> None:
    fresh = Fresh()
    assert fresh.of([CUT], 0.0) == []
    assert fresh.is_settling
    more = replace(CUT, text="Hello, and", rest=" welcome.")
    assert fresh.of([more], SETTLED_AFTER) == []
    assert fresh.of([more], 2 * SETTLED_AFTER) == [Line("t2", "assistant", "Hello, and")]
    assert not fresh.is_settling


def test_of_an_answer_that_the_core_has_cut_only_the_heard_words_leave_the_machine() -> None:
    talk = answered(asked(connected())).at(1.0).tell(on.AssistantHeard())
    sounding = talk.views[-1]
    assert sounding.who == "assistant" and line_of(sounding) is None
    talk.at(2.0).tell(on.StopPressed(), on.AssistantFellSilent(2.0))
    cut = talk.views[-1]
    found = line_of(cut)
    assert cut.cut_by == "you" and found is not None
    assert 0 < len(found.text) < len(HELLO) and HELLO.startswith(found.text)


def test_a_line_comes_once_and_again_when_its_words_change() -> None:
    fresh = Fresh()
    assert [one.key for one in fresh.of([YOU, ANSWER], 0.0)] == ["t1", "t2"]
    assert fresh.of([YOU, ANSWER], 1.0) == []
    better = replace(YOU, text="Good mourning.")
    assert fresh.of([better, ANSWER], 2.0) == [Line("t1", "you", "Good mourning.")]


def test_lines_leave_in_the_order_in_which_they_were_said_with_their_newest_words() -> None:
    backlog = Backlog()
    for number in range(3):
        assert backlog.put(line(number)) is None
    backlog.put(Line("t0", "you", "other words"))
    assert len(backlog) == 3
    assert [backlog.take() for _ in range(4)] == [Line("t0", "you", "other words"), line(1), line(2), None]


def test_the_oldest_short_line_is_left_out_first_then_the_oldest() -> None:
    backlog = Backlog(most=3)
    for one in (line(0), line(1, "yes"), line(2)):
        backlog.put(one)
    assert backlog.put(line(3, "no")) == line(1, "yes")
    assert backlog.put(line(4)) == line(3, "no")
    assert backlog.put(line(5)) == line(0)
    full = Backlog(most=1)
    full.put(line(0))
    assert full.put(line(1, "yes")) == line(0), "a new short line is not its own victim"


def test_a_line_is_awaited_until_it_has_a_translation_or_will_have_none() -> None:
    assert is_awaited([YOU])
    assert not is_awaited([replace(YOU, translation="Guten Morgen.")])
    assert not is_awaited([replace(YOU, translation="")])
    assert not is_awaited([TurnView("n", "note", text="noted")])
