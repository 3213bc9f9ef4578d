"""Does the client send or play another kind of sound than the session was told?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from voicechat.insight.configured import UNKNOWN, value_at
from voicechat.insight.findings import Ended, Evidence, Finding, found
from voicechat.insight.records import Record, number, text
from voicechat.insight.session_model import SessionModel

CODE = "audio-format-mismatch"
ON = ("format.told", "session.created", "session.updated")
PLAIN = {"pcm16": ("pcm", 24_000), "g711_ulaw": ("ulaw", 8_000), "g711_alaw": ("alaw", 8_000)}
GA = {"audio/pcm": ("pcm", 24_000), "audio/pcmu": ("ulaw", 8_000), "audio/pcma": ("alaw", 8_000)}
SIDES = ("input", "output")

Format = tuple[str, int]
"""Codec and samples a second."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if "output_audio_buffer.started" in model.witness.seen or model.witness.is_ours:
        return  # WebRTC agrees on its formats by itself, and our own lines do
    if record.type == "session.updated":
        yield from _not_as_asked(model, record)
        yield from _telephone_on_one_side(model, record)
    told = model.formats.get("input"), model.formats.get("output")
    for side, said in zip(SIDES, told, strict=True):
        in_force = format_of(value_at(model.configured.in_force, "audio", side, "format"))
        if said is None or in_force is None or model.configured.pending is not None:
            continue
        spoken = _spoken(said[1], in_force)
        if spoken != in_force:
            at = model.configured.updated or model.configured.created
            yield _finding(side, f"{_name(spoken)} is {'sent' if side == 'input' else 'played'}", in_force, at, said[0])


def _not_as_asked(model: SessionModel, record: Record) -> Iterator[Finding]:
    """The service took the update, and kept another format."""
    asked = model.configured.last_sent
    if asked is None:
        return
    session = asked.event.get("session")
    for side in SIDES:
        wished = format_of(value_at(session, "audio", side, "format")) if isinstance(session, Mapping) else None
        in_force = format_of(value_at(model.configured.in_force, "audio", side, "format"))
        if wished is not None and in_force is not None and wished != in_force:
            yield _finding(side, f"{_name(wished)} was asked for", in_force, asked.at, record.mark())


def _telephone_on_one_side(model: SessionModel, record: Record) -> Iterator[Finding]:
    """A telephone speaks G.711 both ways; a session with it on one side only was half configured."""
    heard, said = (format_of(value_at(model.configured.in_force, "audio", side, "format")) for side in SIDES)
    if heard is None or said is None or (heard[0] == "pcm") == (said[0] == "pcm"):
        return
    side, wrong, other = ("input", heard, said) if heard[0] == "pcm" else ("output", said, heard)
    if "format.told" not in model.witness.seen:
        yield _finding(side, f"the other side is {_name(other)}", wrong, record.mark(), record.mark(), confidence=0.75)


def format_of(value: Any) -> Format | None:
    """A session's format in either dialect; None where it says nothing."""
    if value is UNKNOWN or value is None:
        return None
    if isinstance(value, str):
        return PLAIN.get(value)
    if not isinstance(value, Mapping):
        return None
    known = GA.get(text(value, "type"))
    rate = number(value, "rate")
    return (known[0], int(rate)) if known is not None and rate else known


def _spoken(event: Mapping[str, Any], in_force: Format) -> Format:
    """What the client says of its sound; what it leaves out is as it should be."""
    codec, rate = text(event, "codec"), number(event, "rate")
    if codec and not rate:
        return codec, {"pcm": in_force[1]}.get(codec, 8_000)
    return codec or in_force[0], int(rate) if rate else in_force[1]


def _name(one: Format) -> str:
    return f"{ {'pcm': 'pcm16', 'ulaw': 'G.711 µ-law', 'alaw': 'G.711 A-law'}.get(one[0], one[0]) } at {one[1]} Hz"


def _finding(
    side: str, what: str, in_force: Format, session: Evidence | None, told: Evidence, *, confidence: float = 0.9
) -> Finding:
    codec = {"pcm": "audio/pcm", "ulaw": "audio/pcmu", "alaw": "audio/pcma"}[in_force[0]]
    return found(
        CODE,
        "error",
        f"The session's {side} is {_name(in_force)}, and {what}.",
        cause="The service takes bytes as what the session says they are: at another rate speech is too fast, too slow "
        "or noise, and neither turns nor words are found in it.",
        cure=f"Send and play {_name(in_force)} (resample: browsers and phones record at 48000 or 16000 Hz), or "
        f'set session.audio.{side}.format to what you have; it is {{"type": "{codec}"}}.',
        evidence=(session, told),
        rests_on="over a WebSocket the format fields must match what is sent and played: pcm16 is 24 kHz mono",
        confidence=confidence,
        key=side,
    )
