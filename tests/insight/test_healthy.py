"""A healthy conversation has no findings; that is the first promise of a diagnosis."""

from __future__ import annotations

import io
import json
from itertools import product
from pathlib import Path

from tests.insight.session_log import (
    EITHER,
    Case,
    answered,
    beta_session,
    create,
    done,
    here,
    opened,
    refused,
    sent,
    spoken,
)
from tests.support.each import each
from voicechat.insight import checks
from voicechat.insight.report import diagnose
from voicechat.insight.run import CHECKS, CODES

RECORDED = sorted((Path(__file__).parent / "recorded").glob("healthy_*.jsonl"))


@each("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_talk_with_the_local_server_is_healthy(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(rows) > 60
    Case(path.stem, ([(row["t"], row["dir"], row["event"]) for row in rows],), timed=EITHER).verify()


def test_there_is_a_recorded_talk() -> None:
    assert {path.stem for path in RECORDED} == {"healthy_spoken", "healthy_typed"}


THREE_TURNS = [row for n in range(3) for row in (*spoken(n * 10 + 1, f"u{n}"), *answered(n * 10 + 3.4, f"r{n}"))]
CUT_IN = [
    *(here(6.0, "barge_in.happened", voice_began_at=5.7), sent(6.0, "response.cancel", response_id="r1")),
    *(here(6.0, "playback.flushed"), here(6.0, "mic.opened"), done(6.1, "r1", "cancelled", "client_cancelled")),
    *spoken(6.1, "u2", "no, I meant tomorrow"),
    *answered(8.5, "r2"),
]
CROSSED = [
    *(here(4.38, "stop.pressed"), sent(4.39, "response.cancel", event_id="c1"), done(4.40, "r1")),
    refused(4.45, "response_cancel_not_active", event_id="c1"),
]
ASKED = [*opened(), *spoken(1, "u1")]
HEALTHY = [
    Case("three turns in GA", (opened(), THREE_TURNS), timed=EITHER, until=40),
    Case("three turns in beta", (opened(0, beta_session()), THREE_TURNS), timed=EITHER, until=40),
    Case("cutting in with words", (ASKED, answered(3.4, "r1", seconds=1.5)[:4], CUT_IN), until=30),
    Case("a cancel that crosses response.done", (ASKED, answered(3.4, "r1")[:3], CROSSED)),
    Case("ending the talk in the middle of everything",
         (ASKED, create(3.1), here(3.2, "end.asked"), here(3.3, "line.lost")), until=60),
]  # fmt: skip


@each("case", HEALTHY, ids=lambda case: case.name)
def test_a_healthy_talk_has_no_findings(case: Case) -> None:
    case.verify()


SAID = (
    "Why does it say connection lost, error 1006?",
    "The session expired and the websocket was closed unexpectedly.",
    "My microphone is muted, please unmute the microphone now.",
    "Invalid API key, and insufficient quota: what does that mean?",
    "It timed out while waiting for the response.",
    "It hears itself, the last word is missing, and it sounds like a chipmunk.",
    "The user pressed the button and hung up.",
    "Unknown parameter session.voice, it told me.",
    "All zeros, the microphone is silent, no audio data.",
)
PRINTED = (
    ("user: {}", "assistant: {}"),
    ("[user] {}", "[assistant] {}"),
    ("You: {}", "AI: {}"),
    ("user> {}", "assistant> {}"),
    ('user transcript: "{}"', 'assistant transcript: "{}"'),
    ("[transcript][user] {}", "[transcript][assistant] {}"),
    ("Transcript (user): {}", "Transcript (assistant): {}"),
    ('level=info msg="user transcript" text="{}"', 'level=info msg="assistant transcript" text="{}"'),
    ("2026-05-02 10:00:06.300 | DEBUG | bot:_tx:88 - Transcription: [{}]", "bot:_tx:90 - Generating TTS: [{}]"),
    ('Heard: "{}"', 'Saying: "{}"'),
    ("[STT] {}", "[TTS] {}"),
    ('{{"role":"user","text":"{}"}}', '{{"role":"assistant","text":"{}"}}'),
    ('conversation.item.input_audio_transcription.completed "{}"', "response.output_audio_transcript.done: {}"),
    ("Talk[311:9001] user said: {}", "Talk[311:9001] assistant said: {}"),
)


@each("said, printed", product(SAID, PRINTED))
def test_what_people_say_about_errors_is_none(said: str, printed: tuple[str, str]) -> None:
    began = "input_audio_buffer.speech_started\ninput_audio_buffer.speech_stopped"
    answer = "response.created\nresponse.output_audio.delta"
    user, assistant = printed
    log = f"""{began}\n{user.format(said)}\n{answer}\n{assistant.format(said)}\nresponse.done completed\n"""
    report = diagnose(io.BytesIO(f"session.created\n{log}".encode()), "a talk about errors")
    assert report.findings == () == report.unexplained
    assert report.reading.doubts == []


def test_every_check_has_a_code_of_its_own_and_says_what_it_looks_at() -> None:
    assert len(set(CODES)) == len(CHECKS) >= 36
    assert all(check.on and callable(check.look) for check in CHECKS)


def test_every_file_among_the_checks_is_asked() -> None:
    files = {file.stem for file in Path(checks.__path__[0]).glob("[!_]*.py")}
    asked = {check.look.__module__.rpartition(".")[2] for check in CHECKS}
    assert files == asked
