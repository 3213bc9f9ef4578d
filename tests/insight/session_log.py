"""Logs of sessions written by hand: rows of (seconds, direction, event), healthy pieces, and their diagnosis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from voicechat.insight.records import Direction, Finding, record_of
from voicechat.insight.run import Diagnosis

Row = tuple[float, Direction, dict[str, Any]]
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "create_response": True,
    "interrupt_response": True,
}


def came(t: float, name: str, **fields: Any) -> Row:
    """A server event."""
    return (t, "in", {"type": name, **fields})


def sent(t: float, name: str, **fields: Any) -> Row:
    """A client event."""
    return (t, "out", {"type": name, **fields})


def update(t: float = 1.0, id: str = "u1", **session: Any) -> Row:
    """A wish for other session fields."""
    return sent(t, "session.update", event_id=id, session=session)


def here(t: float, name: str, **fields: Any) -> Row:
    """A local event."""
    return (t, "local", {"type": name, **fields})


def typed(t: float) -> Row:
    """A message of the user."""
    return sent(t, "conversation.item.create", item={"type": "message"})


def create(t: float, id: str = "c1", **options: Any) -> Row:
    """The client asks for a response."""
    return sent(t, "response.create", event_id=id, **options)


def begun(t: float, id: str = "r1") -> Row:
    """A response begins."""
    return came(t, "response.created", response={"id": id})


def heard(t: float, item: str) -> Row:
    """The server hears a voice."""
    return came(t, "input_audio_buffer.speech_started", item_id=item, audio_start_ms=t * 1000)


def transcript(t: float, item: str, words: str) -> Row:
    """What was said in an item."""
    return came(t, TRANSCRIBED, item_id=item, transcript=words)


def refused(t: float, code: str | None, message: str = "", **more: Any) -> Row:
    """An `error` event."""
    return came(t, "error", error={"type": "invalid_request_error", "code": code, "message": message, **more})


def ga_session(**detection: Any) -> dict[str, Any]:
    """A GA session as servers return it; `vad=None` for turns of the client."""
    transcription = detection.pop("transcription", {"model": "gpt-transcribe"})
    vad = detection.pop("vad", {**VAD, **detection})
    audio = {"input": {"turn_detection": vad, "transcription": transcription}, "output": {"voice": "marin"}}
    return {"type": "realtime", "id": "sess_1", "instructions": "", "audio": audio}


def beta_session(**fields: Any) -> dict[str, Any]:
    """A beta session as servers return it."""
    flat = {"modalities": ["text", "audio"], "voice": "alloy", "instructions": "", "turn_detection": dict(VAD)}
    return {"id": "sess_1", "input_audio_transcription": {"model": "whisper-1"}, **flat, **fields}


def opened(t: float = 0.0, session: dict[str, Any] | None = None) -> list[Row]:
    """A session begins."""
    return [came(t, "session.created", session=session or ga_session())]


def spoken(t: float, item: str, words: str | None = "what is the time", seconds: float = 2.0) -> list[Row]:
    """You speak: from `t` for `seconds`; words None: no transcript comes."""
    end = t + seconds
    rows = [
        heard(t, item),
        came(end, "input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=end * 1000),
        came(end + 0.01, "input_audio_buffer.committed", item_id=item),
    ]
    return rows + ([transcript(end + 0.3, item, words)] if words is not None else [])


def answered(t: float, id: str, words: str = "It is noon.", *, heard: bool = True, seconds: float = 3.0) -> list[Row]:
    """A whole answer: created at `t`, first words and sound half a second later, heard for `seconds`."""
    rows = [
        came(t, "response.created", response={"id": id, "status": "in_progress"}),
        came(t + 0.4, "response.output_audio_transcript.delta", response_id=id, delta=words),
        came(t + 0.45, "output_audio_buffer.started", response_id=id),
        done(t + 1.0, id),
        came(t + 0.5 + seconds, "output_audio_buffer.stopped", response_id=id),
    ]
    if heard:
        rows.insert(3, here(t + 0.5, "assistant.audible"))
        rows.append(here(t + 0.6 + seconds, "assistant.silent"))
    return rows


def done(t: float, id: str, status: str = "completed", reason: str = "", **details: Any) -> Row:
    """The end of an answer."""
    told = {"type": status, "reason": reason, **details} if reason or details else None
    return came(t, "response.done", response={"id": id, "status": status, "status_details": told, "output": []})


def diagnosed(*parts: Row | Iterable[Row], timed: bool = True, until: float | None = None) -> dict[str, Finding]:
    """The findings over a log, by id. `timed=False`: the same log without times. `until`: it goes on so long."""
    rows: list[Row] = []
    for one in parts:
        rows.extend([one] if isinstance(one, tuple) else one)
    diagnosis = Diagnosis()
    for seq, (t, direction, event) in enumerate(rows):
        diagnosis.feed(record_of(seq, t if timed else None, direction, event))
    if until is not None:
        diagnosis.look_again(until)
    diagnosis.finish()
    for finding in diagnosis.findings:
        assert finding.evidence, f"{finding.id} was found without evidence"
    return {finding.id: finding for finding in diagnosis.findings}


@dataclass(frozen=True, slots=True)
class Case:
    """A log, and the only thing that is the case at its end."""

    name: str
    log: tuple[Row | Iterable[Row], ...]
    found: str = ""
    """Its code or id; empty: nothing."""
    says: str = ""
    """Words of its title, cause or cure, or of what to do in our own sessions."""
    severity: str = ""
    evidence: tuple[int, ...] = ()
    """Places of its events in the log."""
    is_over: bool = False
    """It was the case, and is not at the end."""
    timed: tuple[bool, ...] = (True,)
    """With times, without them, or both."""
    until: float | None = None
    """The log goes on so long."""

    def verify(self) -> None:
        """Diagnose the log."""
        for timed in self.timed:
            found = diagnosed(*self.log, timed=timed, until=self.until if timed else None)
            left = [one for one in found.values() if not one.resolved]
            if self.is_over:
                assert found[self.found].resolved, (timed, found)
                continue
            assert {self.found} - {""} in ({one.code for one in left}, {one.id for one in left}), (timed, found)
            for one in left:
                assert self.says in f"{one.title} {one.cause} {one.cure} {one.ours}", one
                assert "?." not in one.cure and self.severity in one.severity, one
                assert self.evidence in ((), tuple(mark.seq for mark in one.evidence))


EITHER = (True, False)
"""With times and without them."""
