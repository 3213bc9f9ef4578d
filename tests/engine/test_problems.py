"""The engine runs the checks while the talk flows, tells each change once, and keeps all for who comes late."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from voicechat.engine.link import Finding, FromEngine, pack, unpack_from_engine
from voicechat.engine.problems import Problems
from voicechat.insight.records import MOST_EVIDENCE
from voicechat.insight.run import CHECKS, Diagnosis
from voicechat.journal.entry import Happening


class Talk:
    """Problems with a clock and an inbox; the session began at 100 s of the clock."""

    def __init__(self, diagnosis: Diagnosis | None = None) -> None:
        self.told: list[FromEngine] = []
        self.problems = Problems(self.told.append, diagnosis)
        self.problems.start_at(100.0)
        self.seq = 0

    def happens(self, t: float, direction: Any, name: str, **fields: Any) -> None:
        self.problems.watch(Happening(100.0 + t, direction, {"type": name, **fields}), self.seq)
        self.seq += 1

    def tick(self, t: float) -> list[Finding]:
        self.told.clear()
        self.problems.tick(100.0 + t)
        return [message for message in self.told if isinstance(message, Finding)]


def refuse(talk: Talk, t: float) -> None:
    talk.happens(t, "out", "session.update", event_id="u", session={"type": "realtime", "foo": 1})
    talk.happens(t + 0.1, "in", "error", error={"code": "unknown_parameter", "param": "session.foo", "event_id": "u"})


def test_a_finding_is_sent_with_the_numbers_and_times_of_the_event_list() -> None:
    talk = Talk()
    talk.happens(0.0, "in", "session.created", session={"type": "realtime", "audio": {}})
    refuse(talk, 1.0)
    (finding,) = talk.tick(1.2)
    assert (finding.code, finding.severity, finding.resolved) == ("unknown-session-field", "error", False)
    assert [(mark.seq, mark.t) for mark in finding.evidence] == [(1, 1.0), (2, 1.1)]
    assert unpack_from_engine(pack(finding)[4:]) == finding


def test_what_has_not_changed_is_not_sent_again_and_what_ended_is() -> None:
    talk = Talk()
    refuse(talk, 1.0)
    assert len(talk.tick(1.2)) == 1
    assert not talk.tick(1.3)
    talk.happens(2.0, "in", "session.updated", session={"type": "realtime"})
    (finding,) = talk.tick(2.1)
    assert finding.resolved
    assert not talk.tick(2.2)


def test_a_problem_that_repeats_is_one_finding_with_bounded_evidence() -> None:
    talk = Talk()
    for turn in range(40):
        refuse(talk, 1.0 + turn)
    (finding,) = talk.tick(60.0)
    assert len(finding.evidence) == MOST_EVIDENCE
    assert finding.evidence[0].seq == 0 and finding.evidence[-1].seq == 79


def test_what_does_not_happen_is_found_by_the_ticks_alone() -> None:
    talk = Talk()
    talk.happens(1.0, "out", "response.create", event_id="c")
    assert not talk.tick(2.0)
    assert not talk.tick(8.0)
    assert [finding.code for finding in talk.tick(9.6)] == ["no-response"]


def test_a_failing_check_spoils_no_other_finding_and_no_later_event() -> None:
    class Broken:
        code = "broken"
        on = ("mic.live",)

        def look(self, model: object, record: object) -> Any:
            return iter([1 // 0])

    talk = Talk(Diagnosis((*CHECKS, Broken())))
    refuse(talk, 1.0)
    talk.happens(2.0, "local", "mic.live")
    talk.happens(3.0, "local", "mic.flat", seconds=5.0)
    with pytest.raises(ZeroDivisionError):
        talk.tick(3.1)
    assert [message.code for message in talk.told if isinstance(message, Finding)] == ["unknown-session-field"]
    assert [finding.code for finding in talk.tick(3.2)] == ["mic-silent"]


def test_findings_are_decoded_by_an_older_reader_of_the_same_frame() -> None:
    assert msgspec.msgpack.decode(pack(Finding("a", "a", "info", "t"))[4:])["kind"] == "finding"


def speak(talk: Talk, at: float, pauses: list[float]) -> None:
    """Pieces of a second with these pauses (ms) between them, as a server with 500 and 300 ms tells them."""
    ms = at * 1000
    for number, pause in enumerate([*pauses, 0.0]):
        name, item = "input_audio_buffer.speech", {"item_id": f"i{at}{number}"}
        talk.happens(ms / 1000, "in", f"{name}_started", audio_start_ms=ms - 300, **item)
        talk.happens(ms / 1000 + 1.5, "in", f"{name}_stopped", audio_end_ms=ms + 1500, **item)
        ms += 1000 + pause


def configured(talk: Talk, t: float, silence: int) -> None:
    vad = {"type": "server_vad", "silence_duration_ms": silence, "prefix_padding_ms": 300}
    talk.happens(t, "in", "session.updated", session={"audio": {"input": {"turn_detection": vad}}})


def test_a_longer_pause_is_suggested_until_it_is_in_force() -> None:
    talk = Talk()
    configured(talk, 0.5, 500)
    speak(talk, 1.0, [640, 710, 3000, 580])
    talk.tick(20.0)
    gain = "0 instead of 3 of 5 turns cut in a pause, +300 ms a turn"
    assert talk.problems.suggested == (("audio.input.turn_detection.silence_duration_ms", 800, gain),)
    configured(talk, 21.0, 800)
    talk.tick(22.0)
    assert not talk.problems.suggested
