"""Whole tapes of a talk with local events and sound, for what is made of tapes afterwards: pages, diffs, reports."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tests.support.script import (
    Recipe,
    committed,
    conversation,
    created,
    done,
    sound_started,
    sound_stopped,
    transcribed,
    wire,
)
from tests.support.tapes import STARTED_AT, on_the_wire, write_lines
from voicechat.core import events as on
from voicechat.core.events import Received
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State, Wishes
from voicechat.protocol import server_events as wires
from voicechat.protocol.wire import JsonValue
from voicechat.recording.lines import Start, effect_line, first_line, happening_line, input_line
from voicechat.recording.tape import AUDIO_FILE, EVENTS_FILE, Tape, read_tape
from voicechat.session.happenings import Happening, in_session_time
from voicechat.session.local_events import described

POLICY = TurnPolicy()
RATE = 24_000


def opening(session: dict[str, JsonValue] | None = None) -> list[tuple[float, Recipe]]:
    """The line comes up and the configuration holds: half a second."""
    told: dict[str, JsonValue] = {"type": "realtime", "model": "some-model", **(session or {})}
    return [
        (0.0, lambda state, now: on.ConnectWanted()),
        (0.3, lambda state, now: on.LineOpened(1, configured=True)),
        (0.2, lambda state, now: wire(wires.SessionCreated(session=dict(told)))),
    ]


def turn(number: int, words: str, answer: str, *, thinks: float = 0.3, cut: bool = False) -> list[tuple[float, Recipe]]:
    """You speak for a second, the answer sounds for two; `cut`: you cut in after one."""
    item, response = f"u{number}", f"r{number}"
    began = wires.InputAudioBufferSpeechStarted(item_id=item, audio_start_ms=number * 5000)
    ended = wires.InputAudioBufferSpeechStopped(item_id=item, audio_end_ms=number * 5000 + 1000)
    delta = wires.ResponseOutputAudioTranscriptDelta(
        response_id=response, item_id=f"a{number}", output_index=0, content_index=0, delta=answer
    )
    steps: list[tuple[float, Recipe]] = [
        (0.2, lambda state, now: on.VoiceBegan(now - 0.1)),
        (0.1, lambda state, now: wire(began)),
        (1.0, lambda state, now: on.VoiceEnded(now - 0.1, 1.0)),
        (0.2, lambda state, now: wire(ended)),
        (0.01, lambda state, now: committed(item)),
        (0.1, lambda state, now: transcribed(item, words)),
        (thinks, lambda state, now: created(response)),
        (0.05, lambda state, now: wire(delta)),
        (0.05, lambda state, now: sound_started(response)),
        (0.02, lambda state, now: on.AssistantHeard()),
    ]
    if cut:
        return [
            *steps,
            (1.0, lambda state, now: on.BargeInHappened(now - 0.25)),
            (0.1, lambda state, now: on.AssistantFellSilent(now - 0.05)),
            (0.1, lambda state, now: done(response, "cancelled")),
        ]
    return [
        *steps,
        (0.5, lambda state, now: done(response)),
        (1.5, lambda state, now: sound_stopped(response)),
        (0.1, lambda state, now: on.AssistantFellSilent(now - 0.1)),
    ]


def typed(text: str) -> list[tuple[float, Recipe]]:
    """Something is written."""
    return [(0.5, lambda state, now: on.TextEntered(text))]


def told_tape(
    folder: Path, recipes: Iterable[tuple[float, Recipe]], *, wishes: Wishes | None = None, sound: bool = False
) -> Tape:
    """The tape of these events, local ones included, from an empty state."""
    begin = State(wishes=wishes or Wishes(model="some-model", voice="marin", provider="openai", dialect="ga"))
    start = Start(begin.wishes, begin.choices, POLICY)
    lines = [first_line(STARTED_AT, start, {"app": "test"})]
    last = 0.0
    for moment in conversation(list(recipes), POLICY, begin):
        last = moment.now
        event = moment.event
        if isinstance(event, Received):
            lines.append(happening_line(Happening(last, "in", on_the_wire(event.event)), 0.0))
        elif (local := described(event)) is not None:
            lines.append(happening_line(Happening(last, "local", in_session_time(local, 0.0)), 0.0))
        lines.append(input_line(event, last, last))
        for effect in moment.result.effects:
            if (local := described(effect)) is not None:
                lines.append(happening_line(Happening(last, "local", local), 0.0))
            lines.append(effect_line(effect, last))
    write_lines(folder / EVENTS_FILE, lines)
    if sound:
        write_sound(folder / AUDIO_FILE, last)
    return read_tape(folder)


def write_sound(file: Path, seconds: float) -> None:
    """You are a tone of 220 Hz in every even second, the assistant one of 440 Hz in every odd one."""
    at = np.arange(round(seconds * RATE)) / RATE
    even = np.floor(at) % 2 == 0
    you = np.where(even, np.sin(2 * np.pi * 220 * at), 0.0)
    assistant = np.where(even, 0.0, np.sin(2 * np.pi * 440 * at))
    with wave.open(str(file), "wb") as made:
        made.setnchannels(2)
        made.setsampwidth(2)
        made.setframerate(RATE)
        made.writeframes((np.column_stack((you, assistant)) * 12_000).astype("<i2").tobytes())
