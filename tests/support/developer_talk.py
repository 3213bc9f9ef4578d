"""The half minute that the developer view is shown with: an answer that is cut, one that plays out, a refused field."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec

from tests.support.hostile_talk import HOSTILE
from tests.support.levels import loudness
from tests.support.scene import Scene
from tests.support.scenes import scenes
from tests.support.talk_views import FREE, OPEN, TALK
from voicechat.core.view import ReplyView, View
from voicechat.engine.link import EventRow, Evidence, Finding, Meters
from voicechat.ui.timeline.history import TICK
from voicechat.ui.widgets.timeline import Timeline

ENDS = 252.0
HEARD = ((228.0, 231.2), (238.9, 241.4), (244.1, 249.9))
"""When the assistant is audible."""
SPOKEN = ((235.7, 238.5), (241.1, 243.7), (250.85, 252.0))
"""When you speak."""


def event(t: float, type: str, summary: str = "", dir: str = "in", of: str = "", **fields: object) -> EventRow:
    payload = json.dumps({"type": type, "event_id": f"event_{t:.3f}", **fields})
    return EventRow(round(t * 1000), t, dir, type, summary, len(payload), payload, (of, "", ""))  # type: ignore[arg-type]


def happened() -> tuple[EventRow, ...]:
    """Every event, in order."""
    vad, text = "input_audio_buffer", "response.output_audio_transcript.delta"
    usage = {"total_tokens": 1636, "input_tokens": 1395, "output_tokens": 241}
    rows = [
        event(227.8, "session.created", "sess_C4kP0x · gpt-realtime-2.1"),
        event(235.9, f"{vad}.speech_started", "from 235.70 s · item_u7", audio_start_ms=235_700),
        event(238.8, "voice.ended", "", "local", ended_at=238.5),
        event(238.5, f"{vad}.speech_stopped", "to 238.50 s · 2.8 s of speech", audio_end_ms=238_500),
        event(238.51, f"{vad}.committed", "item_u7"),
        event(238.6, "response.created", "resp_7", of="resp_7"),
        event(238.7, "output_audio_buffer.started", "resp_7", of="resp_7"),
        *(event(238.7 + n * 0.02, text, word, of="resp_7") for n, word in enumerate(["You ", "can ", "say:"])),
        event(238.91, "assistant.audible", "", "local"),
        event(240.2, "response.done", "resp_7 · completed", of="resp_7",
              response={"id": "resp_7", "status": "completed"}),
        event(241.3, f"{vad}.speech_started", "from 241.10 s · item_u8", audio_start_ms=241_100),
        event(241.34, "barge_in.happened", "you cut in", "local", voice_began_at=241.34),
        event(241.35, "output_audio_buffer.clear", "you cut in", "out"),
        event(241.37, "output_audio_buffer.cleared", "resp_7 · you cut in", of="resp_7"),
        event(241.38, "conversation.item.truncated", "item_a7 at 2 400 ms"),
        event(241.398, "assistant.silent", "", "local", last_audible_at=241.398),
        event(244.0, "voice.ended", "", "local", ended_at=243.72),
        event(244.05, f"{vad}.speech_stopped", "to 243.90 s · 2.8 s of speech", audio_end_ms=243_900),
        event(244.06, f"{vad}.committed", "item_u8"),
        event(244.07, "response.created", "resp_8", of="resp_8"),
        *(event(244.08 + n * 0.03, text, word, of="resp_8") for n, word in enumerate(["Of ", "course. ", "Madogiwa "])),
        event(244.1, "assistant.audible", "", "local"),
        event(246.9, "response.done", "resp_8 · completed · 241 out (audio 207)", of="resp_8",
              response={"id": "resp_8", "status": "completed", "usage": usage}),
        event(248.02, "session.update", "audio.input.turn_detection.silence_duration_ms 500", "out"),
        event(248.06, "error", "unknown_parameter · session.audio.input.turn_detection.max_speech_ms",
              error={"code": "unknown_parameter", "message": "Unknown parameter"}),
        event(248.4, "session.update", "audio.input.turn_detection.silence_duration_ms 500", "out"),
        event(248.47, "session.updated", "1 field changed"),
        event(249.95, "output_audio_buffer.stopped", "resp_8 · 5.5 s heard", of="resp_8"),
        event(251.02, f"{vad}.speech_started", "from 250.85 s · item_u9", audio_start_ms=250_850),
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda row: row.t))


FINDINGS = (
    Finding(
        "echo",
        "self-echo",
        "warning",
        "Your loudspeaker reaches the microphone: −19 dB, 142 ms late.",
        "What marin says comes back as your voice.",
        "Turn echo cancelling up (F4), lower the volume, or use headphones.",
        (Evidence(235_900, 235.9, "input_audio_buffer.speech_started"),),
    ),
    Finding(
        "refused",
        "refused-field",
        "error",
        "Setting refused: turn_detection.max_speech_ms is not known here.",
        "The server takes an update whole or not at all.",
        "Did you mean silence_duration_ms? The whole update was dropped; it was sent again without it at 4:08.400.",
        (Evidence(248_060, 248.06, "error"), Evidence(248_020, 248.02, "session.update")),
    ),
    Finding(
        "slow",
        "slow-first-sound",
        "warning",
        "An answer took 1.31 s.",
        "The model was asked to call a tool first.",
        "Shorten the instructions.",
        (Evidence(238_700, 238.7, "output_audio_buffer.started"),),
        resolved=True,
    ),
)


def fill_timeline(timeline: Timeline, ends: float = ENDS) -> None:
    """All that the engine would have reported in that half minute."""
    timeline.begin_anew()
    at = 227.5
    while at < ends:
        you = loudness(at, 1.3) if any(start <= at < end for start, end in SPOKEN) else -58.0
        other = loudness(at, 2.9) if any(start <= at < end for start, end in HEARD) else None
        is_closed = at < 231.9
        mic = replace(FREE, is_on_air=not is_closed, reason="assistant speaking" if is_closed else "")
        timeline.take_state(at, mic, Meters(input=you, output=other))
        at += TICK
    timeline.take_rows(happened())


HOSTILE_FINDING = Finding(
    HOSTILE, HOSTILE, "error", HOSTILE, HOSTILE, f"{HOSTILE}\n{HOSTILE}", (Evidence(0, 1.0, HOSTILE),), HOSTILE
)


def developer_scenes() -> dict[str, Scene]:
    """The developer view at work."""
    base = Scene(View(FREE, ReplyView("listening", 1.0, last_latency=0.38), OPEN), TALK, rows=happened(), t=ENDS)
    shown = {
        "developer": replace(base, keys=("f2",), findings=FINDINGS),
        "developer-quiet": replace(base, keys=("f2",)),
        "developer-details": replace(base, keys=("f2", "up", "up", "up", "up", "up", "up", "up", "enter")),
        "developer-problems": replace(base, keys=("f2", "n", "n"), findings=FINDINGS),
        "developer-evidence": replace(base, keys=("f2", "n", "enter"), findings=FINDINGS),
        "developer-span": replace(base, keys=("f2", "up", "up", "shift+tab", "shift+tab"), findings=FINDINGS),
        "developer-transcript": replace(base, keys=("f2", "shift+tab"), findings=FINDINGS),
    }
    hostile = scenes()["hostile"]
    rows = (*hostile.rows, *(msgspec.structs.replace(row, refs=(HOSTILE, HOSTILE, "")) for row in happened()))
    shown["developer-hostile"] = replace(hostile, rows=rows, findings=(HOSTILE_FINDING,), keys=("f2",), t=ENDS)
    return shown
