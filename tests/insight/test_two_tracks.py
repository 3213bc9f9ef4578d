"""Turn taking out of two tracks of levels: who waited, who yielded, who talked over whom."""

from __future__ import annotations

import json
import math
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.support.each import each
from voicechat.cli.diagnose import diagnose_command
from voicechat.insight.records import record_of
from voicechat.insight.two_tracks import FRAME, Story, TurnTaking, disagreements, sound_findings, story_of, turn_taking

LENGTH = 30.0
Spans = tuple[tuple[float, float], ...]


def track(spans: Spans, level: int = -20, noise: int = -100) -> list[int]:
    """Levels of one track: speech whose syllables rise and fall, over a noise."""
    levels = [noise] * round(LENGTH / FRAME)
    for start, end in spans:
        for place in range(round(start / FRAME), round(end / FRAME)):
            levels[place] = level - round(6 + 6 * math.sin(place * 0.37 + 3 * math.sin(place * 0.11)))
    return levels


def as_bytes(levels: list[int]) -> bytes:
    return bytes(level % 256 for level in levels)


def analysed(user: Spans, assistant: Spans, noise: int = -100) -> TurnTaking:
    return turn_taking(as_bytes(track(user, noise=noise)), as_bytes(track(assistant)))


@each(
    ("user", "assistant", "what", "at", "seconds"),
    [
        (((1, 3),), ((3.8, 8),), "wait", 3.0, 0.8),
        (((1, 3), (20, 22)), ((22.5, 25),), "dead air", 3.0, 17.0),
        (((1, 3), (6, 8)), ((3.5, 6.4), (8.5, 10)), "yield", 6.0, 0.4),
        (((1, 3), (6, 6.3)), ((3.5, 6.5),), "false yield", 6.0, 0.5),
        (((1, 3), (6, 9)), ((3.5, 8.5), (9.5, 11)), "talk-over", 6.0, 2.5),
        (((1, 2), (2.8, 4)), ((2.5, 3.1), (4.5, 8)), "early", 2.5, 0.3),
    ],
)
def test_each_kind_of_moment_is_found_at_its_time(
    user: Spans, assistant: Spans, what: str, at: float, seconds: float
) -> None:
    for noise in (-100, -60, -48):
        (moment,) = [one for one in analysed(user, assistant, noise).moments if one.what == what]
        assert [moment.at, moment.seconds] == pytest.approx([at, seconds], abs=0.03), noise


def test_an_answer_with_a_pause_for_breath_is_one_answer() -> None:
    told = analysed(((1, 3),), ((3.8, 6), (6.35, 9)))
    assert len(told.assistant) == 2 and [one.what for one in told.moments] == ["wait"]


def test_cough_without_a_yield_is_no_finding() -> None:
    told = analysed(((1, 3), (6, 6.3)), ((3.5, 9),))
    assert [one.what for one in told.moments] == ["wait"] and not sound_findings(told)


def test_echo_in_the_user_track_is_no_user_speech() -> None:
    theirs = track(((3.5, 9), (14, 20)))
    mine = track(((1, 3), (12, 13)), noise=-70)
    for place, level in enumerate(theirs):
        if level > -90 and place + 12 < len(mine):
            mine[place + 12] = max(mine[place + 12], level - 24)
    told = turn_taking(as_bytes(mine), as_bytes(theirs))
    assert len(told.user) == 2 and len(told.echoes) == 2
    assert [one.code for one in sound_findings(told)] == ["self-echo"]


def test_silence_or_noise_is_no_speech() -> None:
    for noise in (-100, -60, -40):
        told = turn_taking(as_bytes(track((), noise=noise)), as_bytes(track(())))
        assert not told.moments and not told.assistant


def test_stereo_wav_is_diagnosed_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rate, chance = 8_000, np.random.default_rng(1)
    sound = np.zeros((round(20 * rate), 2))
    for channel, start, end in ((0, 1.0, 3.0), (1, 6.5, 9.0)):
        count = round((end - start) * rate)
        sound[round(start * rate) : round(start * rate) + count, channel] = chance.normal(0.0, 3_000.0, count)
    path = tmp_path / "call.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(sound.astype("<i2").tobytes())
    assert diagnose_command([], as_json=True, sounds=[str(path)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in told["findings"]] == ["slow-first-sound"]
    assert told["sound"]["moments"][0] == {"what": "wait", "at": pytest.approx(3.0, abs=0.03), "seconds": 3.5}
    assert diagnose_command([], as_json=False, sounds=[str(path)]) == 1
    assert "answers waited for: 1 (3.50 s" in capsys.readouterr().out
    capsys.readouterr()
    assert diagnose_command([], as_json=False, sounds=[str(tmp_path / "none.wav")]) == 2
    assert "none.wav: No such file" in capsys.readouterr().err
    assert diagnose_command([], as_json=False, sounds=[str(path)], min_confidence=0.95) == 0


def test_tape_with_unreadable_audio_is_still_diagnosed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = {"type": "response.done", "response": {"id": "r1", "status": "failed"}}
    (tmp_path / "session.jsonl").write_text(json.dumps(done) + "\n", encoding="utf-8")
    (tmp_path / "audio.wav").write_bytes(b"RIFF")
    assert diagnose_command([str(tmp_path)], as_json=False) == 1
    told = capsys.readouterr()
    assert "response-failed" in told.out and "judged without it" in told.err


def story(*events: tuple[float, str]) -> Story:
    return story_of(record_of(seq, t, "in", {"type": name}) for seq, (t, name) in enumerate(events))


SPEECH, COMMITTED = "input_audio_buffer.speech_started", "input_audio_buffer.committed"
AUDIBLE, SILENT = "assistant.audible", "assistant.silent"
AS_IT_WAS = ((1.2, SPEECH), (3.6, COMMITTED), (3.9, AUDIBLE), (8.1, SILENT))


@each(
    ("user", "assistant", "events", "titles"),
    [
        (((1, 3),), ((3.8, 8),), AS_IT_WAS, []),
        (((1, 3),), (), AS_IT_WAS, ["Events tell of 4.2 s of an answer, and its track is silent."]),
        (((1, 3),), ((3.8, 8), (20, 22)), AS_IT_WAS, ["The assistant is heard for 2.0 s where no event tells of it."]),
        (((1, 3), (12, 15)), ((3.8, 8),), AS_IT_WAS, ["The user speaks for 3.0 s, and no event takes notice of it."]),
        (((1, 3), (12, 15)), ((3.8, 8),), (*AS_IT_WAS, (16, COMMITTED)), []),
        (((1, 3), (12, 12.4)), ((3.8, 8),), AS_IT_WAS, []),
        (((1, 3), (12, 15)), ((3.8, 8),), ((2, "response.created"),), []),
        (((1, 3), (4, 5), (6, 7)), ((9, 12),), ((0.9, "talk.pressed"), (7.2, COMMITTED), (9, AUDIBLE)), []),
    ],
)
def test_sound_and_events_that_disagree_are_told(
    user: Spans, assistant: Spans, events: tuple[tuple[float, str], ...], titles: list[str]
) -> None:
    assert [one.title for one in disagreements(analysed(user, assistant), story(*events))] == titles
