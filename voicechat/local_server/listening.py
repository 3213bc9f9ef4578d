"""The user's side of a dialogue: from voice to a committed item and its transcript.

With turn detection the voice detector begins and ends turns; without it the client commits what lies in the buffer. In
both cases recognition starts when the voice pauses, so that the words are usually there before the turn is over: a
result counts as final when nothing was said after it (its tag is that of the commit).

What a session hears: a bounded buffer of 16 kHz sound with positions in milliseconds, and a voice detector on it.

Positions count from the first sample of the session, which is the "input audio clock" of the protocol's
`audio_start_ms` and `audio_end_ms`. Pure on arrays: no clock, no device, no thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.answer import Out, Recognise, Tag
from voicechat.local_server.conversation import Conversation, Entry, with_transcript
from voicechat.local_server.refusals import Refusal
from voicechat.local_server.session_config import SessionConfig, TurnDetection
from voicechat.local_server.sound_formats import Samples, int16
from voicechat.local_server.speech.vad import (
    FRAME,
    FRAME_MS,
    SAMPLE_RATE,
    MayEnd,
    ServerVad,
    SpeechBegan,
    SpeechEnded,
    VadEvent,
)
from voicechat.protocol.items import ContentPart, ErrorDetail, Item, Usage
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
)

LONGEST_MEMORY = 300.0
"""Seconds kept, 9.6 MB: with turn detection off and a WebRTC track that never pauses the buffer would grow for ever."""


class Detector(Protocol):
    """Something that tells voice from silence; recurrent, so it must see every frame once."""

    def probability(self, frame: NDArray[np.float32]) -> float:
        """How likely 512 samples at 16 kHz hold speech, 0 to 1."""
        ...


class Ears:
    """One session's hearing."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._rule = ServerVad()
        self._rest: Samples = np.zeros(0, np.float32)
        self._frames: deque[NDArray[np.int16]] = deque(maxlen=int(LONGEST_MEMORY * 1000 / FRAME_MS))
        self._forgotten = 0

    @property
    def position_ms(self) -> int:
        """How much was heard since the session began, to the last sample."""
        return (self._forgotten + len(self._frames)) * FRAME_MS + len(self._rest) * 1000 // SAMPLE_RATE

    def listen_for(self, threshold: float, prefix_padding_ms: int, silence_duration_ms: int) -> None:
        """Judge turns by new settings from here on; a turn under way is forgotten."""
        start = (self._forgotten + len(self._frames)) * FRAME_MS
        self._rule = ServerVad(threshold, prefix_padding_ms, silence_duration_ms, start_ms=start)

    def end_turn(self) -> tuple[VadEvent, ...]:
        """The buffer is committed or cleared by hand: a turn under way ends here."""
        return self._rule.stop()

    def hear(self, samples: Samples) -> tuple[VadEvent, ...]:
        """Take 16 kHz samples of any number; what happened in them, oldest first."""
        line = np.concatenate([self._rest, samples])
        whole = len(line) // FRAME
        self._rest = line[whole * FRAME :]
        events: list[VadEvent] = []
        for index in range(whole):
            events.extend(self._hear_frame(line[index * FRAME : (index + 1) * FRAME]))
        return tuple(events)

    def sound(self, start_ms: int, end_ms: int) -> NDArray[np.int16]:
        """What was heard between two positions (16 kHz), as far as it is remembered; rounded outwards to 32 ms."""
        first = max(start_ms // FRAME_MS - self._forgotten, 0)
        last = min(-(-end_ms // FRAME_MS) - self._forgotten, len(self._frames))
        frames = [self._frames[index] for index in range(first, last)]
        return np.concatenate(frames) if frames else np.zeros(0, np.int16)

    def _hear_frame(self, frame: Samples) -> tuple[VadEvent, ...]:
        if len(self._frames) == self._frames.maxlen:
            self._forgotten += 1
        self._frames.append(int16(frame))
        level = float(np.sqrt(np.mean(np.square(frame))))
        return self._rule.feed(self._detector.probability(frame), level)


SHORTEST_COMMIT_MS = 100
"""The service refuses to make an item of less."""
_NOTHING: Tag = (0, 0)


@dataclass(slots=True)
class Utterance:
    """What the user is saying, or has said and we do not know the words of yet."""

    item_id: str
    start_ms: int
    voice_from_ms: int | None = None
    """Where voice was first heard; None when there was none."""
    tag: Tag = _NOTHING
    """Which voice was heard so far, as of its last pause."""
    asked: Tag = _NOTHING
    """Which voice the recogniser was last asked about."""
    known: tuple[Tag, str] | None = None
    """The newest words that came back, and what they were made of."""
    is_committed: bool = False
    shown: str = ""
    """What the deltas have said."""
    guess: str = ""
    """The last partial recognition."""


class Listening:
    """Buffer, turns and transcripts of one session."""

    def __init__(
        self, ears: Ears, conversation: Conversation, new_id: Callable[[str], str], config: SessionConfig
    ) -> None:
        self._ears = ears
        self._conversation = conversation
        self._new_id = new_id
        self._buffer_from_ms = 0
        self._current: Utterance | None = None
        self._unfinished: dict[str, Utterance] = {}
        self._config = config
        self._detect_turns()

    @property
    def is_speaking(self) -> bool:
        """Whether a turn found by the detector is under way."""
        return self._current is not None and self._current.voice_from_ms is not None

    def use(self, config: SessionConfig) -> None:
        """Listen as a new configuration says. A turn under way is dropped if the detection changed."""
        old, self._config = self._config, config
        if old.turn_detection != config.turn_detection:
            self._detect_turns()

    def _detect_turns(self) -> None:
        turns = self._config.turn_detection or TurnDetection()
        self._ears.listen_for(turns.threshold, turns.prefix_padding_ms, turns.silence_duration_ms)
        self._buffer_from_ms = self._ears.position_ms
        self._current = None

    def hear(self, samples: Samples) -> tuple[VadEvent, ...]:
        """Take sound (16 kHz); what the detector makes of it is to be given back to `began`, `paused`, `ended`."""
        return self._ears.hear(samples)

    def began(self, event: SpeechBegan) -> list[Out]:
        start = max(event.audio_start_ms, self._buffer_from_ms)
        if self._config.turn_detection is None:
            utterance = self._buffered()
            if utterance.voice_from_ms is None:
                utterance.voice_from_ms = start
            utterance.tag = (utterance.tag[0] + 1, 0)
            return []
        self._current = Utterance(self._new_id("item"), start, voice_from_ms=start, tag=(1, 0))
        return [InputAudioBufferSpeechStarted(item_id=self._current.item_id, audio_start_ms=start)]

    def paused(self, event: MayEnd) -> list[Out]:
        if self._current is None:
            return []
        self._current.tag = (self._current.tag[0], event.voice_ms)
        return self._recognise(self._current, event.audio_end_ms)

    def ended(self, event: SpeechEnded) -> tuple[list[Out], str | None]:
        """Silence after voice. With turn detection that is a turn: its events, and the id of the new item."""
        utterance = self._current
        if utterance is None:
            return [], None
        utterance.tag = (utterance.tag[0], event.voice_ms)
        if self._config.turn_detection is None:
            return [], None
        stopped = InputAudioBufferSpeechStopped(item_id=utterance.item_id, audio_end_ms=event.audio_end_ms)
        return [stopped, *self._commit(utterance, event.audio_end_ms)], utterance.item_id

    def commit(self) -> list[Out]:
        """The client says that its turn is over. Raises Refusal when there is too little of it."""
        end = self._ears.position_ms
        has_turns = self._config.turn_detection is not None
        start = self._current.start_ms if self._current else end if has_turns else self._buffer_from_ms
        if end - start < SHORTEST_COMMIT_MS:
            text = (
                "Error committing input audio buffer: buffer too small. "
                f"Expected at least {SHORTEST_COMMIT_MS}ms of audio, but buffer only has {end - start:.2f}ms of audio."
            )
            raise Refusal("input_audio_buffer_commit_empty", text)
        utterance = self._current or self._buffered()
        for event in self._ears.end_turn():
            if isinstance(event, SpeechEnded):
                utterance.tag = (utterance.tag[0], event.voice_ms)
        return self._commit(utterance, end)

    def clear(self) -> list[Out]:
        self._ears.end_turn()
        self._current = None
        self._buffer_from_ms = self._ears.position_ms
        return [InputAudioBufferCleared()]

    def timed_out(self) -> list[Out]:
        """Nobody spoke for the idle timeout: the silent buffer becomes an item."""
        end = self._ears.position_ms
        utterance = Utterance(self._new_id("item"), min(self._buffer_from_ms, end))
        triggered = InputAudioBufferTimeoutTriggered(
            item_id=utterance.item_id, audio_start_ms=utterance.start_ms, audio_end_ms=end
        )
        return [triggered, *self._commit(utterance, end)]

    def adopt(self, entry: Entry) -> Recognise:
        """An item with sound came from the client: its words are wanted like those of a turn."""
        entry.awaits_transcript = True
        tag: Tag = (1, len(entry.sound))
        known = Utterance(entry.id, 0, voice_from_ms=0, tag=tag, asked=tag, is_committed=True)
        self._unfinished[entry.id] = known
        return Recognise(entry.id, tag, entry.sound)

    def recognised(self, item_id: str, tag: Tag, text: str) -> list[Out]:
        utterance = self._find(item_id)
        if utterance is None:
            return []
        if utterance.known is None or utterance.known[0] <= tag:
            utterance.known = (tag, text)
        return self._finish(utterance) if utterance.is_committed else []

    def recognition_failed(self, item_id: str, message: str) -> list[Out]:
        if self._current and self._current.item_id == item_id:
            self._current.asked = _NOTHING
            return []
        utterance = self._unfinished.pop(item_id, None)
        entry = self._conversation.find(item_id)
        if utterance is None or entry is None:
            return []
        entry.awaits_transcript = False
        error = ErrorDetail(type="server_error", code="audio_unintelligible", message=message)
        failed = ConversationItemInputAudioTranscriptionFailed(item_id=item_id, error=error)
        return [failed] if self._config.transcribes else []

    def wants_partial(self) -> Recognise | None:
        """What to recognise now for live captions, if anything."""
        current = self._current
        if current is None or current.voice_from_ms is None or not self._config.transcribes:
            return None
        samples = self._ears.sound(current.voice_from_ms, self._ears.position_ms)
        return Recognise(current.item_id, current.tag, samples)

    def recognised_partly(self, item_id: str, text: str) -> list[Out]:
        """A guess while the user goes on speaking: what two guesses in a row agree on is shown."""
        utterance = self._current
        if utterance is None or utterance.item_id != item_id:
            return []
        stable = agreed(utterance.guess, text)
        utterance.guess = text
        if not stable.startswith(utterance.shown) or len(stable) <= len(utterance.shown):
            return []
        delta, utterance.shown = stable[len(utterance.shown) :], stable
        return [ConversationItemInputAudioTranscriptionDelta(item_id=item_id, delta=delta)]

    def _buffered(self) -> Utterance:
        """The utterance that the client will commit; it exists from its first voice on."""
        if self._current is None:
            self._current = Utterance(self._new_id("item"), self._buffer_from_ms)
        return self._current

    def _find(self, item_id: str) -> Utterance | None:
        if self._current and self._current.item_id == item_id:
            return self._current
        return self._unfinished.get(item_id)

    def _recognise(self, utterance: Utterance, end_ms: int) -> list[Out]:
        if utterance.voice_from_ms is None or utterance.asked == utterance.tag or not self._needs_words:
            return []
        utterance.asked = utterance.tag
        return [Recognise(utterance.item_id, utterance.tag, self._ears.sound(utterance.voice_from_ms, end_ms))]

    def _commit(self, utterance: Utterance, end_ms: int) -> list[Out]:
        """Make the item. Its words may be known already, be on their way, or have to be asked for."""
        item = Item(
            id=utterance.item_id,
            object="realtime.item",
            type="message",
            role="user",
            status="completed",
            content=(ContentPart(type="input_audio"),),
        )
        entry, previous = Entry(item, awaits_transcript=True), self._conversation.last_id
        self._conversation.add(entry)
        self._conversation.keep_sound(entry, self._ears.sound(utterance.start_ms, end_ms), SAMPLE_RATE)
        self._current, self._buffer_from_ms = None, end_ms
        utterance.is_committed = True
        self._unfinished[utterance.item_id] = utterance
        if utterance.voice_from_ms is None or not self._needs_words:
            utterance.known, utterance.tag = (_NOTHING, ""), _NOTHING
        return [
            InputAudioBufferCommitted(item_id=entry.id, previous_item_id=previous),
            ConversationItemAdded(item=item, previous_item_id=previous),
            ConversationItemDone(item=item, previous_item_id=previous),
            *self._recognise(utterance, end_ms),
            *self._finish(utterance),
        ]

    def _finish(self, utterance: Utterance) -> list[Out]:
        if utterance.known is None or utterance.known[0] != utterance.tag:
            return []
        text = utterance.known[1]
        del self._unfinished[utterance.item_id]
        entry = self._conversation.find(utterance.item_id)
        if entry is None:
            return []
        entry.awaits_transcript = False
        entry.item = with_transcript(entry.item, text)
        if not self._config.transcribes:
            return []
        outs: list[Out] = []
        if text.startswith(utterance.shown) and len(text) > len(utterance.shown):
            rest = text[len(utterance.shown) :]
            outs.append(ConversationItemInputAudioTranscriptionDelta(item_id=entry.id, delta=rest))
        usage = Usage(type="duration", seconds=round(entry.length, 3))
        completed = ConversationItemInputAudioTranscriptionCompleted(item_id=entry.id, transcript=text, usage=usage)
        return [*outs, completed]

    @property
    def _needs_words(self) -> bool:
        """An answer needs them; a session that only listens needs them when it was asked to write them down."""
        return self._config.kind == "realtime" or self._config.transcribes


def agreed(first: str, second: str) -> str:
    """The words at the beginning that two guesses share, without the punctuation behind the last of them."""
    shared = []
    for old, new in zip(first.split(), second.split(), strict=False):
        if old.strip(".,!?;:").lower() != new.strip(".,!?;:").lower():
            break
        shared.append(new)
    return " ".join(shared).rstrip(".,!?;:… ")
