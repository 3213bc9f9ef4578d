"""From the microphone to the words a server understands, without a device, a network or real time.

Everything in between is the product's own: echo, canceller, voice detector, grant, gate, pre-roll, Opus, the server's
jitter buffer, its voice detection, its turns and its recogniser. What the session core does is done by hand: it answers
a fact after `LOOP` seconds, and a server answers a message after `TRIP`.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from tests.bench.echo_cases import FACTS, POLICY
from tests.bench.rooms import Acoustics, Room
from tests.support.sources import PlayedOnce
from tests.support.speech import Sound, noise, silence
from voicechat.audio.blocks import BLOCK, FRAME, SAMPLE_RATE
from voicechat.audio.jitter_buffer import JitterBuffer
from voicechat.audio.opus import OpusDecoder, OpusEncoder
from voicechat.audio.path import AudioPath
from voicechat.audio.sound_format import Resampler
from voicechat.core.events import AudioEvent, BargeInHappened, UplinkDrained
from voicechat.local_server.conversation import Recognise
from voicechat.local_server.dialogue import Dialogue
from voicechat.local_server.listening import Ears
from voicechat.local_server.session_config import first_config
from voicechat.local_server.speech.engine import SpeechEngine
from voicechat.protocol.server_events import ConversationItemInputAudioTranscriptionCompleted, InputAudioBufferCleared

LOOP = 0.03
"""Seconds from a fact of the sound path, or a key, to the effect of the core: a busy event loop."""
TRIP = 0.03
"""Seconds from a message of the client's to the server's answer."""
ECHO_DB = -6.0
"""The echo against what is played. Clips have the level of what is played, so they are 6 dB over the echo."""
ROOMS = (
    Acoustics("near, dry", 0.035, 0.15, 0.7, 0.0, 11),
    Acoustics("desk", 0.06, 0.25, 0.5, 1.0, 12),
    Acoustics("living room", 0.09, 0.4, 0.3, 2.0, 13),
    Acoustics("slow device", 0.18, 0.3, 0.5, 3.0, 14),
)
_AFTER = 1.6
"""Seconds of silence after the words: the server's 500 ms, the latest pre-roll, and some."""


class Server:
    """The local server's side of a call: packets in, words out."""

    def __init__(self, engine: SpeechEngine, *, is_push_to_talk: bool) -> None:
        detection = {"turn_detection": None} if is_push_to_talk else {}
        session = {"type": "realtime", "audio": {"input": {"transcription": {"model": "local"}, **detection}}}
        started = first_config(json.loads(json.dumps(session)), "bench", "ga", "sess_1")
        numbers = itertools.count(1)
        self.texts: list[str] = []
        self.cleared_at: float | None = None
        self._engine = engine
        self._buffer = JitterBuffer(OpusDecoder())
        self._resampler = Resampler(SAMPLE_RATE, 16_000)
        self._dialogue = Dialogue(
            transport="webrtc",
            config=started[0],
            dialect=started[1],
            ears=Ears(engine.new_vad().probability),
            new_id=lambda kind: f"{kind}_{next(numbers)}",
            local_time=lambda: datetime(2026, 11, 21, tzinfo=UTC),
        )

    def take(self, number: int, payload: bytes, now: float) -> None:
        """A packet of the line."""
        self._buffer.push(number, number * FRAME, payload, now)

    def hear(self, now: float) -> None:
        """Its own clock's 20 ms."""
        self.listen(self._buffer.pull(now).astype(np.float32) / 32768.0, now)

    def listen(self, sound: Sound, now: float) -> None:
        """Sound at 48 kHz, whichever way it came."""
        self._dialogue.hear(self._resampler.convert(sound), now)
        self._perform(now)

    def tell(self, message: str, now: float) -> None:
        """An event of the client's without a body."""
        self._dialogue.receive(json.dumps({"type": message}), now)
        self._perform(now)

    def _perform(self, now: float) -> None:
        for out in self._dialogue.outs():
            match out:
                case Recognise(item_id=item, tag=tag, samples=samples):
                    text = self._engine.recogniser.transcribe(samples.astype(np.float32) / 32768.0)
                    self._dialogue.listening.recognised(item, tag, text)
                    self._perform(now)
                case ConversationItemInputAudioTranscriptionCompleted(transcript=text):
                    self.texts.append(text or "")
                case InputAudioBufferCleared():
                    self.cleared_at = now
                case _:
                    pass


@dataclass
class Heard:
    """What became of one utterance."""

    text: str
    sent: NDArray[np.int16]
    """48 kHz: every frame that went to the line from the opening on."""
    granted_after: float | None = None
    """Seconds from the first sound of the voice to the grant."""
    voice_late: float | None = None
    """Seconds by which the beginning of the voice was noticed too late."""


class Scene:
    """One room, one client, one server, 10 ms at a time."""

    def __init__(
        self, engine: SpeechEngine, near: Sound, far: Sound | None, *, is_push_to_talk: bool = False, seed: int = 1
    ) -> None:
        self.posted: list[tuple[float, AudioEvent]] = []
        self.server = Server(engine, is_push_to_talk=is_push_to_talk)
        self.path = AudioPath(lambda event: self.posted.append((self.now, event)))
        self.now = 0.0
        self._near = near + noise(len(near) / SAMPLE_RATE + 0.01, level=0.0003, seed=seed)[: len(near)]
        self._room, self._echo = Room(ROOMS[seed % len(ROOMS)], ECHO_DB), np.zeros(BLOCK, np.float32)
        self._sent: list[NDArray[np.int16]] = []
        self._packets = 0
        self._encoder = OpusEncoder()
        self._due: list[tuple[float, int]] = []
        self._out = np.zeros(BLOCK, np.float32)
        if far is not None:
            self.path.set_source(PlayedOnce(far))

    @property
    def is_over(self) -> bool:
        return self._block * BLOCK >= len(self._near) - BLOCK

    @property
    def _block(self) -> int:
        return round(self.now * 100)

    def step(self) -> None:
        """Ten milliseconds: the device's block, and on every second one the line's frame."""
        start = self._block * BLOCK
        self.now = (self._block + 1) / 100
        self.path.process(self._near[start : start + BLOCK] + self._echo, self._out, self.now)
        self._echo = self._room.hear(self._out)
        if self._block % 2 == 0:
            frame = self.path.pull()
            self._sent.append(frame)
            self.server.take(self._packets, self._encoder.encode(frame), self.now)
            self._packets += 1
            self.server.hear(self.now + 0.005)

    def heard(self) -> Heard:
        return Heard(" ".join(text for text in self.server.texts if text), np.concatenate(self._sent))


def clean(engine: SpeechEngine, near: Sound) -> str:
    """What the recogniser and the turns of the server make of the clip alone: no line, no gate, no processing."""
    server = Server(engine, is_push_to_talk=False)
    sound = np.concatenate([silence(0.6), near, silence(_AFTER)])
    for number, start in enumerate(range(0, len(sound) - FRAME + 1, FRAME)):
        server.listen(sound[start : start + FRAME], number / 50)
    return " ".join(text for text in server.texts if text)


def open_mic(engine: SpeechEngine, near: Sound) -> Heard:
    """The mic was open all along and nobody else speaks: what processing, codec and recogniser do by themselves."""
    scene = Scene(engine, np.concatenate([silence(1.2), near, silence(_AFTER)]), None)
    scene.path.open_mic(0.0)
    while not scene.is_over:
        scene.step()
    return scene.heard()


def barge_in(engine: SpeechEngine, near: Sound, onset: float, far: Sound, at: float, seed: int) -> Heard:
    """Somebody cuts in `at` seconds into an answer; hands-free, turns are the server's."""
    scene = Scene(engine, np.concatenate([silence(at - onset), near, silence(_AFTER + 0.6)]), far, seed=seed)
    grant: BargeInHappened | None = None
    granted_at = 0.0
    open_at, may_cut_in = np.inf, False
    while not scene.is_over:
        if not may_cut_in and scene.now > at - 1.0:
            may_cut_in = True
            scene.path.set_barge_in(FACTS)
        scene.step()
        found = next(((at, event) for at, event in scene.posted if isinstance(event, BargeInHappened)), None)
        if found is not None and grant is None:
            (granted_at, grant), open_at = found, scene.now + LOOP
            scene.path.set_barge_in(None)
        if grant is not None and scene.now >= open_at:
            core_now, open_at = open_at - 0.005, np.inf
            scene.path.open_mic(core_now - grant.voice_began_at + POLICY.pre_roll + POLICY.late_notice)
    heard = scene.heard()
    if grant is not None:
        heard.granted_after, heard.voice_late = granted_at - at, grant.voice_began_at - at
    return heard


def push_to_talk(
    engine: SpeechEngine, near: Sound, onset: float, lead: float | None, far: Sound | None, at: float, seed: int
) -> Heard:
    """The key goes down `lead` seconds before the voice's first sound (negative: after it) and up at its end.

    The core clears the server's buffer and opens when that was answered, with everything from 300 ms before the press.
    Without a `lead` the microphone was open all along: what a press is compared with.
    """
    scene = Scene(
        engine, np.concatenate([silence(at - onset), near, silence(_AFTER)]), far, is_push_to_talk=True, seed=seed
    )
    ends_at = at - onset + len(near) / SAMPLE_RATE + 0.1
    noticed_at = 0.0 if lead is None else at - lead + LOOP / 2
    due = [(noticed_at + TRIP, "open"), (ends_at + POLICY.talk_tail, "close")]
    if lead is not None:
        due.insert(0, (noticed_at, "press"))
    commit_at = np.inf
    while not scene.is_over:
        scene.step()
        while due and scene.now >= due[0][0]:
            when, what = due.pop(0)
            match what:
                case "press":
                    scene.path.flush()
                    scene.server.tell("input_audio_buffer.clear", scene.now)
                case "open":
                    scene.path.open_mic(when - noticed_at + POLICY.pre_roll)
                case _:
                    scene.path.close_mic()
        if any(isinstance(event, UplinkDrained) for _, event in scene.posted) and commit_at == np.inf:
            commit_at = scene.now + LOOP
        if scene.now >= commit_at:
            scene.server.tell("input_audio_buffer.commit", scene.now)
            commit_at = 1e9
    return scene.heard()
