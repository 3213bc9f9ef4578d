"""The same words through the real thing: an engine process, its local server, and WebRTC between them, in real time.

A sound file is the microphone and nothing is the loudspeaker, so there is no echo here; what is tried is everything the
offline chain does by hand: the session core, its effects, both processes and the line.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from tests.bench.first_words import Clip
from tests.support.speech import Sound, silence
from tests.support.tapes import write_wav
from voicechat.audio.blocks import SAMPLE_RATE
from voicechat.config.settings import Settings
from voicechat.core.user_events import TalkPressed, TalkReleased, TextEntered
from voicechat.engine.host import EngineProcess
from voicechat.engine.link import Batch, FromEngine, Snapshot

PERIOD = 12.0
CUT_IN = 5.0
"""Seconds into a period: the answer, asked for at its start, has been audible for some 4 s."""
_DONE = "conversation.item.input_audio_transcription.completed"


class Engine:
    """An engine that hears a file; keeps what the server understood, with the time."""

    def __init__(self, mic: Path, turn_mode: str) -> None:
        self.texts: list[tuple[float, str]] = []
        self.is_ready = threading.Event()
        self._turn_mode = turn_mode
        self.process = EngineProcess(Settings(mic=str(mic), speaker="none", provider="local", turn_mode=turn_mode))

    def start(self) -> None:
        self.process.start(self._take)
        if not self.is_ready.wait(30.0):
            raise RuntimeError("the conversation did not begin within 30 s")

    def _take(self, message: FromEngine) -> None:
        match message:
            case Batch(rows=rows):
                for row in rows:
                    if row.type == _DONE and row.dir == "in":
                        self.texts.append((time.monotonic(), str(json.loads(row.payload).get("transcript", ""))))
            case Snapshot(view=view) if view.mic.is_on_air or view.mic.reason == "push-to-talk idle":
                self.is_ready.set()
            case _:
                pass

    def understood(self, since: float, until: float) -> str:
        return " ".join(text for at, text in self.texts if since <= at < until)


def live_barge_ins(clips: list[Clip]) -> list[tuple[Clip, str, str]]:
    """Each clip over an answer, hands-free: clip, what was special, what was understood."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(_file(Path(folder), clips, lead_in=0.0), "hands-free")
        try:
            engine.start()
            began = time.monotonic()
            for number in range(len(clips)):
                _sleep_until(began + number * PERIOD)
                engine.process.send(TextEntered("Tell me a story."))
            _sleep_until(began + len(clips) * PERIOD)
        finally:
            engine.process.close()
    spans = [(began + n * PERIOD + CUT_IN, began + (n + 1) * PERIOD) for n in range(len(clips))]
    return [(clip, "over an answer", engine.understood(*span)) for clip, span in zip(clips, spans, strict=True)]


def live_presses(clips: list[Clip], leads: tuple[float, ...]) -> list[tuple[Clip, str, str]]:
    """Each clip with the key pressed `lead` seconds before its first sound (negative: after it)."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(_file(Path(folder), clips, lead_in=1.0), "push-to-talk")
        try:
            engine.start()
            # The file begins to play when the microphone is first opened.
            began = time.monotonic()
            engine.process.send(TalkPressed("control", 5.0))
            _sleep_until(began + 0.5)
            engine.process.send(TalkReleased("control"))
            for number, clip in enumerate(clips):
                onset, lead = began + 1.0 + number * PERIOD + CUT_IN + clip.onset, leads[number % len(leads)]
                _sleep_until(onset - lead)
                engine.process.send(TalkPressed("control", 20.0))
                _sleep_until(onset + len(clip.sound) / SAMPLE_RATE + 0.1)
                engine.process.send(TalkReleased("control"))
                _sleep_until(onset - CUT_IN + PERIOD - 1.0)
                found.append((clip, f"lead {lead:+.2f}", engine.understood(onset, time.monotonic())))
        finally:
            engine.process.close()
    return found


def _file(folder: Path, clips: list[Clip], lead_in: float) -> Path:
    """A WAV in which each clip begins `CUT_IN` seconds into its period."""
    parts: list[Sound] = [silence(lead_in)]
    for clip in clips:
        after = PERIOD - CUT_IN - len(clip.sound) / SAMPLE_RATE
        parts += [silence(CUT_IN), clip.sound, silence(after)]
    sound = np.concatenate([*parts, silence(30.0)])
    noise = np.random.default_rng(1).standard_normal(len(sound)) * 0.0003
    pcm = (np.clip(sound + noise, -1, 1) * 32767).astype(np.int16)
    return write_wav(folder / "talker.wav", pcm, SAMPLE_RATE)


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))
