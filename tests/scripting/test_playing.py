"""A script is played at its times, judged by what came, and ended where it cannot go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scripting.scripted_talk import Talk, row, snapshot
from voicechat.core.user_events import SpeechGiven, StopPressed, TalkPressed, TalkReleased, TextEntered, UserAct
from voicechat.exit_codes import TalkOver
from voicechat.scripting.model import Script
from voicechat.scripting.reading import read_script


def script(folder: Path, text: str) -> Script:
    path = folder / "talk.toml"
    path.write_text(text)
    reading = read_script(path)
    assert reading.script is not None and not reading.complaints, reading.complaints
    return reading.script


def answering(talk: Talk, act: UserAct) -> None:
    """Everything typed is answered after a second, everything said after its end."""
    if isinstance(act, TextEntered):
        talk.answer(1.0, id=act.text)
    elif isinstance(act, SpeechGiven):
        talk.answer(1.5, id=act.label)


def played(folder: Path, text: str, then: Callable[[Talk, UserAct], None] | None = answering) -> Talk:
    talk = Talk(script(folder, text), then)
    talk.player.play()
    return talk


def test_a_step_waits_for_the_end_of_the_answer(tmp_path: Path) -> None:
    text = '[[step]]\ntype = "a"\nwait = "answer.ended"\n[[step]]\ntype = "b"\nwait = "answer.ended"'
    talk = played(tmp_path, text)
    (first, _), (second, _) = talk.sent
    assert second - first == pytest.approx(3.0, abs=0.1)
    assert [outcome for _, outcome in talk.outcomes] == ["held", "held"]


def test_talking_over_begins_so_many_seconds_after_the_first_sound(tmp_path: Path) -> None:
    text = """
    [[step]]
    say = "Tell me a story."
    wait = "answer.audible"
    [[step]]
    say = "Stop."
    when = { after = "answer.audible", seconds = 2 }
    """
    talk = played(tmp_path, text)
    (_, story), (asked, stop) = talk.sent
    assert isinstance(story, SpeechGiven) and story.at is None
    audible = next(one.t for one in talk.seen.events if one.type == "assistant.audible")
    assert isinstance(stop, SpeechGiven) and stop.at == pytest.approx(audible + 2.0)
    assert asked < audible + 2.0, "the engine is told early, and speaks at the sample"


def test_an_act_of_the_hand_waits_for_its_moment(tmp_path: Path) -> None:
    text = '[[step]]\ntype = "a"\n[[step]]\nstop = true\nwhen = { after = "answer.audible", seconds = 0.5 }'
    talk = played(tmp_path, text)
    at, act = talk.sent[-1]
    assert isinstance(act, StopPressed) and at == pytest.approx(1.2 + 0.5, abs=0.03)


def test_the_key_is_down_from_the_first_to_the_last_sample(tmp_path: Path) -> None:
    talk = played(tmp_path, '[[step]]\nsay = "Hello."\nhold_key = true', None)
    assert [type(act) for _, act in talk.sent] == [TalkPressed, SpeechGiven, TalkReleased]
    assert talk.sent[2][0] - talk.sent[1][0] == pytest.approx(0.5, abs=0.03)


def test_an_answer_of_the_turn_before_is_not_this_turns(tmp_path: Path) -> None:
    """Its sound may still end after the next words were said."""
    text = """
    [[step]]
    type = "a"
    wait = "answer.audible"
    [[step]]
    type = "b"
    wait = "answer.ended"
    """
    talk = played(tmp_path, text)
    assert talk.seen.answers[1].ended_at is not None
    assert talk.t >= talk.seen.answers[1].ended_at


def test_a_wait_takes_no_event_twice(tmp_path: Path) -> None:
    text = '[[step]]\ntype = "a"\nwait = "response.done"\n[[step]]\nwait = { event = "response.done", limit = 2 }'
    talk = played(tmp_path, text)
    assert [outcome for _, outcome in talk.outcomes] == ["held", "failed"]
    assert "did not come within 2 s" in talk.told[-1].found
    assert any("response.done" in line for line in talk.told[-1].evidence)


def test_what_follows_a_failure_is_skipped_and_a_soft_one_goes_on(tmp_path: Path) -> None:
    text = """
    [[step]]
    type = "a"
    wait = "answer.ended"
    expect = [
        { contains = "nothing", soft = true, within = 0 },
        { contains = "well" },
        { contains = "bad", within = 1 },
    ]
    [[step]]
    stop = true
    expect = { mic = "muted" }
    """
    talk = Talk(script(tmp_path, text), answering)
    results = talk.player.play()
    assert [outcome for _, outcome in talk.outcomes] == ["held", "failed", "held", "failed", "skipped", "skipped"]
    assert [result.is_soft for result in results.failed] == [True, False]
    assert 'the answer was "All is well." (within 1 s)' in results.failed[1].found
    assert not any(isinstance(act, StopPressed) for _, act in talk.sent)


def test_words_that_come_a_little_later_are_waited_for(tmp_path: Path) -> None:
    text = '[[step]]\ntype = "a"\nexpect = { contains = "well", within = 2 }'
    talk = played(tmp_path, text)
    assert talk.outcomes[-1] == ('answer contains "well"', "held")
    assert talk.t < 1.5


def test_something_unwanted_that_comes_at_once_is_not_missed(tmp_path: Path) -> None:
    def refusing(talk: Talk, act: UserAct) -> None:
        talk.at(talk.t + 0.4, row(talk.t + 0.4, "error", "in"))

    talk = played(tmp_path, '[[step]]\nstop = true\nexpect = { no_events = ["error"] }', refusing)
    assert talk.outcomes[-1] == ("no events error", "failed")


def test_a_talk_that_is_over_leaves_results_and_skips_the_rest(tmp_path: Path) -> None:
    text = '[[step]]\ntype = "a"\n[[step]]\nwait = "answer.ended"\nexpect = { contains = "x" }\n[[step]]\nstop = true'
    talk = Talk(script(tmp_path, text), over_at=0.5)
    with pytest.raises(TalkOver):
        talk.player.play()
    assert [outcome for _, outcome in talk.outcomes] == ["held", "skipped", "skipped", "skipped"]


def test_a_tool_call_alone_is_no_answer(tmp_path: Path) -> None:
    def calling(talk: Talk, act: UserAct) -> None:
        t = talk.t
        item = {"type": "function_call", "name": "weather", "arguments": '{"city": "Paris", "unit": "C"}'}
        talk.at(t + 0.1, row(t + 0.1, "response.created", "in", response={"id": "call"}))
        talk.at(t + 0.2, row(t + 0.2, "response.output_item.done", "in", response_id="call", item=item))
        talk.at(t + 0.3, row(t + 0.3, "response.done", "in", response={"id": "call", "status": "completed"}))
        talk.coming.append((t + 0.4, snapshot(t + 0.4, "ready")))
        talk.answer(1.0, id="answer")

    text = """
    [[step]]
    type = "Is it raining in Paris?"
    wait = "answer.ended"
    expect = [
        { tool = "weather", args = { city = "Paris" } },
        { tool = "weather", args = { city = "Rome" }, within = 0 },
    ]
    """
    talk = played(tmp_path, text, calling)
    assert talk.t > 2.9
    assert [outcome for _, outcome in talk.outcomes] == ["held", "held", "failed"]
    assert "Paris" in talk.told[-1].found


def test_order_of_events_may_look_back_to_a_label(tmp_path: Path) -> None:
    text = """
    [[step]]
    label = "first"
    type = "a"
    wait = "answer.ended"
    [[step]]
    type = "b"
    wait = "answer.ended"
    expect = [
        { events = ["response.done", "response.created", "assistant.silent"], since = "first" },
        { events = ["response.done", "response.created"], within = 0 },
    ]
    """
    talk = played(tmp_path, text)
    assert [outcome for _, outcome in talk.outcomes][-2:] == ["held", "failed"]
    assert talk.told[-1].found.startswith("there was no response.created behind response.done")
