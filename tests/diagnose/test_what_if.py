"""What another pause at the end of a turn would have done."""

from __future__ import annotations

import io
import json

from voicechat.cli.diagnose_words import Words
from voicechat.diagnose.report import as_plain, diagnose
from voicechat.diagnose.what_if import what_if


def pieces(*pauses: float, silence: float = 200.0, padding: float = 300.0) -> list[tuple[float, float]]:
    """Pieces of one second with these pauses (ms of real silence) between them, as a server tells them."""
    speech, at = [], 1_000.0
    for pause in (*pauses, 0.0):
        speech.append((at - padding, at + 1_000 + silence))
        at += 1_000 + pause
    return speech


def test_shortest_silence_without_cut_turns_is_proposed_with_its_delay() -> None:
    told = what_if(pieces(430, 610, 3_000, 540), 200, 300)
    assert told is not None and told.best is not None
    assert (told.settings[0].cut, told.best.silence_ms, told.best.cut, told.best.later_ms) == (3, 700, 0, 500)
    assert told.sentence == (
        "silence_duration_ms 700 (now 200): 0 instead of 3 of 5 turns cut in a pause, +500 ms a turn"
    )


def test_longer_silence_never_cuts_more_turns() -> None:
    told = what_if(pieces(430, 610, 850, 1_100, 3_000), 250, 300)
    assert told is not None
    cuts = [one.cut for one in told.settings]
    assert cuts == sorted(cuts, reverse=True) and [one.silence_ms for one in told.settings][:2] == [250, 300]


def test_no_proposal_without_cut_turns() -> None:
    told = what_if(pieces(2_000, 3_000, 4_000), 500, 300)
    assert told is not None and told.best is None and told.sentence == ""
    assert what_if(pieces(400), 200, 300) is None


def test_log_with_audio_ms_gets_a_proposal() -> None:
    vad = {"type": "server_vad", "silence_duration_ms": 200, "prefix_padding_ms": 300, "threshold": 0.5}
    session = {"type": "realtime", "audio": {"input": {"turn_detection": vad}}}
    events: list[dict[str, object]] = [{"type": "session.created", "session": session}]
    for number, (start, end) in enumerate(pieces(430, 610, 540)):
        item = {"item_id": f"i{number}"}
        events.append({"type": "input_audio_buffer.speech_started", "audio_start_ms": start, **item})
        events.append({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": end, **item})
    report = diagnose(io.BytesIO("\n".join(map(json.dumps, events)).encode()), "log")
    assert report.what_if is not None and report.what_if.best is not None
    assert as_plain(report)["what_if"]["best"] == {"silence_ms": 700, "cut": 0, "later_ms": 500}
    assert "What if: silence_duration_ms 700 (now 200)" in Words(120).of(report)
