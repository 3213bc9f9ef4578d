"""Tapes made without an engine: what a conversation through the real `step` would have left behind, sound included."""

from __future__ import annotations

import shutil
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tests.support.script import (
    Moment,
    Recipe,
    committed,
    conversation,
    created,
    done,
    silence,
    sound_started,
    sound_stopped,
    speech,
    transcribed,
    wire,
    words,
)
from voicechat.core import events as on
from voicechat.core.events import Event, Received
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State, Wishes
from voicechat.engine.session import described
from voicechat.journal.entry import Entry, in_session_time
from voicechat.journal.lines import Start, effect_line, event_line, first_line, input_line
from voicechat.journal.tape import AUDIO_FILE, EVENTS_FILE, Tape, read_tape
from voicechat.protocol.server_events import SessionCreated
from voicechat.protocol.wire import JsonValue, MalformedFrame, UnknownEvent

STARTED_AT = "2026-11-21T10:00:00+00:00"
RATE = 24_000
POLICY = TurnPolicy()
LENGTH = 12.0
"""Seconds of `call_tape`."""
_CALL = Path(__file__).parents[1] / "journal" / "call.jsonl"


def on_the_wire(event: object) -> dict[str, Any]:
    if isinstance(event, UnknownEvent):
        return {"type": event.type, **event.payload}
    if isinstance(event, MalformedFrame):
        return {"type": "malformed", "reason": event.reason}
    whole: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    return {name: value for name, value in whole.items() if value is not None}


def tape_of(moments: Iterable[Moment], begin: State, policy: TurnPolicy, folder: Path, *, local: bool = False) -> Tape:
    """The tape of a conversation that began as `begin`, which may hold wishes and choices only; `local` events too."""
    lines = [first_line(STARTED_AT, Start(begin.wishes, begin.choices, policy), {"app": "test"})]
    for moment in moments:
        lines += _lines_of(moment, local)
    write_lines(folder / EVENTS_FILE, lines)
    return read_tape(folder)


def _lines_of(moment: Moment, local: bool) -> Iterator[dict[str, Any]]:
    now, event = moment.now, moment.event
    if isinstance(event, Received):
        yield event_line(Entry(0, round(now, 6), "in", on_the_wire(event.event)))
    elif local and (told := described(event)) is not None:
        yield event_line(Entry(0, round(now, 6), "local", in_session_time(told, 0.0)))
    yield input_line(event, now, now)
    for effect in moment.result.effects:
        if local and (told := described(effect)) is not None:
            yield event_line(Entry(0, round(now, 6), "local", in_session_time(told, 0.0)))
        yield effect_line(effect, now)


def write_lines(file: Path, lines: Iterable[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def told_tape(
    folder: Path, recipes: Iterable[tuple[float, Recipe]], *, wishes: Wishes | None = None, sound: bool = False
) -> Tape:
    """The tape of these events from an empty state, with local events, and with sound if that is asked for."""
    begin = State(wishes=wishes or Wishes(model="some-model", voice="marin", provider="openai", dialect="ga"))
    moments = list(conversation(recipes, POLICY, begin))
    if sound:
        folder.mkdir(parents=True, exist_ok=True)
        write_sound(folder / AUDIO_FILE, moments[-1].now)
    return tape_of(moments, begin, POLICY, folder, local=True)


def opening(session: dict[str, JsonValue] | None = None) -> list[tuple[float, Recipe]]:
    """The line comes up and the configuration holds: half a second."""
    told: dict[str, JsonValue] = {"type": "realtime", "model": "some-model", **(session or {})}
    return [
        then(0.0, on.ConnectWanted()),
        then(0.3, on.LineOpened(1, configured=True)),
        then(0.2, wire(SessionCreated(session=told))),
    ]


def then(gap: float, event: Event) -> tuple[float, Recipe]:
    """So long after the event before."""
    return gap, lambda state, now: event


def turn(number: int, text: str, answer: str, *, thinks: float = 0.3, cut: bool = False) -> list[tuple[float, Recipe]]:
    """You speak for a second, the answer sounds for two; `cut`: you cut in after one."""
    item, response, began = f"u{number}", f"r{number}", number * 5000
    steps: list[tuple[float, Recipe]] = [
        (0.2, lambda state, now: on.VoiceBegan(now - 0.1)),
        then(0.1, speech(item, began)),
        (1.0, lambda state, now: on.VoiceEnded(now - 0.1, 1.0)),
        then(0.2, silence(item, began + 1000)),
        then(0.01, committed(item)),
        then(0.1, transcribed(item, text)),
        then(thinks, created(response)),
        then(0.05, words(response, f"a{number}", answer)),
        then(0.05, sound_started(response)),
        then(0.02, on.AssistantHeard()),
    ]
    if cut:
        return [
            *steps,
            (1.0, lambda state, now: on.BargeInHappened(now - 0.25)),
            (0.1, lambda state, now: on.AssistantFellSilent(now - 0.05)),
            then(0.1, done(response, "cancelled")),
        ]
    return [
        *steps,
        then(0.5, done(response)),
        then(1.5, sound_stopped(response)),
        (0.1, lambda state, now: on.AssistantFellSilent(now - 0.1)),
    ]


def typed(text: str) -> list[tuple[float, Recipe]]:
    return [then(0.5, on.TextEntered(text))]


def call_lines() -> list[dict[str, Any]]:
    """A typed turn at 1 s, a spoken one at 5 s, an update of the session at 9 s; all of it over by 12 s."""
    return [msgspec.json.decode(line) for line in _CALL.read_bytes().splitlines()]


def call_tape(folder: Path, *, with_sound: bool = True) -> Path:
    """The folder of that call. A low tone is you from 5 to 6 s, a high one the assistant while it is audible."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_CALL, folder / EVENTS_FILE)
    if with_sound:
        write_tones(folder / AUDIO_FILE, LENGTH, ((220.0, ((5.0, 6.0),)), (880.0, ((1.4, 3.4), (6.4, 8.4)))))
    return folder


def write_sound(file: Path, seconds: float) -> None:
    """You are a tone of 220 Hz in every even second, the assistant one of 440 Hz in every odd one."""
    spans = [(float(second), second + 1.0) for second in range(int(seconds) + 1)]
    write_tones(file, seconds, ((220.0, spans[::2]), (440.0, spans[1::2])))


def write_tones(file: Path, seconds: float, sides: Iterable[tuple[float, Iterable[tuple[float, float]]]]) -> None:
    """A WAV of `RATE`; for each channel a pitch in Hz and the spans in which it sounds."""
    t = np.arange(round(seconds * RATE)) / RATE
    tracks = []
    for pitch, spans in sides:
        sounds = np.zeros(len(t), bool)
        for begins, ends in spans:
            sounds |= (t >= begins) & (t < ends)
        tracks.append(np.where(sounds, 10_000 * np.sin(2 * np.pi * pitch * t), 0.0))
    write_wav(file, np.column_stack(tracks).astype(np.int16), RATE)


def write_wav(file: Path, pcm: npt.NDArray[np.int16], rate: int) -> Path:
    """A WAV of int16[samples] or int16[samples, channels]."""
    with wave.open(str(file), "wb") as made:
        made.setnchannels(1 if pcm.ndim == 1 else pcm.shape[1])
        made.setsampwidth(2)
        made.setframerate(rate)
        made.writeframes(pcm.astype("<i2").tobytes())
    return file
