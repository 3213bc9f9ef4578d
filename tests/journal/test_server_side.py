"""The server's side of a tape: what it answers, when, and to whom."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.tapes import RATE, call_lines, call_tape, write_lines
from voicechat.journal.server_side import (
    VOICE,
    Play,
    Script,
    SoundBeside,
    SoundInEvents,
    is_loud,
    response_of,
    scripts_of,
)
from voicechat.journal.source import open_source
from voicechat.journal.tape_sound import SoundFile
from voicechat.local_server.listening import Ears
from voicechat.local_server.speech.vad import SpeechBegan

CREATE = "response.create"


def script_of(folder: Path, *, with_sound: bool = True) -> Script:
    source = open_source(call_tape(folder, with_sound=with_sound))
    sound = SoundFile(source.audio_file) if source.audio_file is not None else None
    (script,) = scripts_of(source, sound)
    return script


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events if "delta" not in event]


def texts(events: list[dict[str, Any]]) -> list[str]:
    return [event["transcript"] for event in events if event["type"] == "response.output_audio_transcript.done"]


def test_the_opening_comes_at_once_and_nothing_else_unasked(tmp_path: Path) -> None:
    play = Play(script_of(tmp_path))
    play.begin(100.0)
    assert types(play.due(100.0)) == ["session.created"]
    assert play.due(1000.0) == [] and play.next_at is None


def test_an_answer_comes_as_long_after_the_question_as_it_did(tmp_path: Path) -> None:
    play = Play(script_of(tmp_path))
    play.begin(100.0)
    play.due(100.0)
    play.cue("conversation.item.create", {}, 110.0)
    play.cue(CREATE, {}, 110.0)
    assert types(play.due(110.15)) == ["conversation.item.added"]
    assert types(play.due(110.25)) == ["response.created"]
    assert texts(play.due(113.0)) == ["Hello there, how are you?"]


def test_a_faster_replay_keeps_the_order(tmp_path: Path) -> None:
    slow, fast = Play(script_of(tmp_path)), Play(script_of(tmp_path), speed=10.0)
    for play in (slow, fast):
        play.begin(0.0)
        play.cue(CREATE, {}, 0.0)
    assert [event["event_id"] for event in fast.due(0.4)] == [event["event_id"] for event in slow.due(4.0)]


def test_the_users_voice_begins_the_spoken_turn(tmp_path: Path) -> None:
    play = Play(script_of(tmp_path))
    play.begin(0.0)
    play.cue(VOICE, {}, 20.0)
    assert types(play.due(20.0)) == ["session.created", "input_audio_buffer.speech_started"]
    assert texts(play.due(24.0)) == ["It is half past nine."]


def test_a_client_that_asks_where_the_tape_listened_gets_that_answer(tmp_path: Path) -> None:
    play = Play(script_of(tmp_path))
    play.begin(0.0)
    for at, words in ((10.0, "Hello there, how are you?"), (20.0, "It is half past nine.")):
        play.cue(CREATE, {}, at)
        assert texts(play.due(at + 5.0)) == [words]
    play.cue(CREATE, {"event_id": "mine"}, 30.0)
    (error,) = play.due(30.0)
    assert (error["error"]["code"], error["error"]["event_id"]) == ("tape_over", "mine")
    assert play.misses == [CREATE]


def test_noise_uses_up_no_answer_that_was_asked_for_in_writing(tmp_path: Path) -> None:
    play = Play(script_of(tmp_path))
    play.begin(0.0)
    for at in (1.0, 10.0, 20.0):
        play.cue(VOICE, {}, at)
    play.due(30.0)
    play.cue(CREATE, {}, 30.0)
    assert texts(play.due(40.0)) == ["Hello there, how are you?"]


def test_every_update_is_answered(tmp_path: Path) -> None:
    play = Play(script_of(tmp_path))
    play.begin(0.0)
    play.due(0.0)
    for at in (1.0, 2.0, 3.0):
        play.cue("session.update", {}, at)
        assert types(play.due(at + 0.2)) == ["session.updated"]


def test_a_cancelled_answer_ends_at_once_and_is_said_to_be_cancelled(tmp_path: Path) -> None:
    play = Play(script_of(tmp_path))
    play.begin(0.0)
    play.cue(CREATE, {}, 0.0)
    play.due(0.7)
    play.cue("response.cancel", {}, 0.7)
    (end,) = play.due(0.7)
    assert (end["type"], end["response"]["status"]) == ("response.done", "cancelled")
    assert not [event for event in play.due(9.0) if response_of(event) == "resp_a"]


def test_by_time_nothing_waits_for_the_client(tmp_path: Path) -> None:
    play = Play(script_of(tmp_path), by_time=True)
    play.begin(1000.0)
    play.cue(CREATE, {}, 1000.0)
    first = play.due(1005.55)
    assert texts(first) == ["Hello there, how are you?"] and "session.updated" not in types(first)
    rest = play.due(1020.0)
    assert texts(rest) == ["It is half past nine."] and types(rest)[-1] == "session.updated"


def test_a_websocket_gets_the_sound_of_a_call_in_events(tmp_path: Path) -> None:
    script = script_of(tmp_path)
    play, inside = Play(script), SoundInEvents(script)
    play.begin(0.0)
    play.cue(CREATE, {}, 0.0)
    told = [dressed for event in play.due(9.0) for dressed in inside.dressed(event)]
    deltas = [event for event in told if event["type"] == "response.output_audio.delta"]
    pcm = np.frombuffer(b"".join(base64.b64decode(event["delta"]) for event in deltas), "<i2")
    assert len(pcm) / RATE == pytest.approx(2.3, abs=0.01)
    assert np.abs(pcm[: RATE * 2]).max() > 9_000 and not np.abs(pcm[RATE * 2 + 100 :]).any()
    assert {event["item_id"] for event in deltas} == {"item_a"}
    names = [event["type"] for event in told]
    assert names.index("response.output_audio.delta") < names.index("response.output_audio.done")
    assert not any(name.startswith("output_audio_buffer") for name in names)


def test_without_recorded_sound_there_is_as_much_silence(tmp_path: Path) -> None:
    script = script_of(tmp_path, with_sound=False)
    assert {name: len(pcm) / RATE for name, pcm in script.sounds.items()} == pytest.approx(
        {"resp_a": 2.3, "resp_b": 2.3}
    )


def test_a_call_gets_the_sound_beside_the_events(tmp_path: Path) -> None:
    script = script_of(tmp_path)
    beside = SoundBeside(script)
    assert not beside.pull()[0].any()
    started = {"type": "output_audio_buffer.started", "response_id": "resp_a"}
    assert list(beside.dressed(started)) == [started]
    frames = np.concatenate([beside.pull()[0] for _ in range(130)])
    assert np.abs(frames[: 48_000 * 2]).max() > 9_000 and not np.abs(frames[48_000 * 2 + 2_000 :]).any()


def test_a_tape_of_a_websocket_plays_over_webrtc_with_the_buffers_events(tmp_path: Path) -> None:
    place = {"response_id": "resp_a", "item_id": "item_a", "output_index": 0, "content_index": 0}
    call_tape(tmp_path)
    lines: list[dict[str, Any]] = []
    for line in call_lines():
        kind = line.get("event", {}).get("type", "")
        if kind == "output_audio_buffer.started" and line["event"]["response_id"] == "resp_a":
            delta = {"type": "response.output_audio.delta", **place, "delta": f"<{64_000 * 2} bytes of base64>"}
            lines.append({**line, "event": delta})
        elif not kind.startswith("output_audio_buffer"):
            lines.append(line)
    write_lines(tmp_path / "session.jsonl", lines)
    source = open_source(tmp_path)
    assert source.audio_file is not None
    (script,) = scripts_of(source, SoundFile(source.audio_file))
    beside = SoundBeside(script)
    delta = next(one.event for act in script.acts for one in act.told if "audio.delta" in one.event["type"])
    assert list(beside.dressed(delta)) == []
    pulled = [beside.pull() for _ in range(120)]
    assert [event["type"] for _, told in pulled for event in told] == [
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
    ]
    assert max(np.abs(frame).max() for frame, _ in pulled) > 9_000


def test_a_voice_begins_once_until_it_has_been_quiet() -> None:
    ears = Ears(is_loud)
    loud = (0.1 * np.sin(np.arange(3_200) / 5)).astype(np.float32)
    quiet = np.zeros(16_000, np.float32)
    heard = [ears.hear(sound) for sound in (quiet, loud, loud, quiet[:1600], loud, quiet, loud)]
    began = [any(isinstance(event, SpeechBegan) for event in events) for events in heard]
    assert began == [False, True, False, False, False, False, True]
