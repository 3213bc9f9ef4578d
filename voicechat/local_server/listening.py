"""The user's side of a dialogue: from voice to a committed item and its transcript.

With turn detection the voice detector begins and ends turns; without it the client commits what lies in the buffer. In
both cases recognition starts when the voice pauses, so that the words are usually there before the turn is over: a
result counts as final when nothing was said after it (its tag is that of the commit).

Positions are milliseconds from the first sample of the session, the "input audio clock" of the protocol's
`audio_start_ms` and `audio_end_ms`. Pure on arrays: no clock, no device, no thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicechat.audio.blocks import to_int16
from voicechat.local_server.conversation import Conversation, Entry, Recognise, with_transcript
from voicechat.local_server.refusals import Refusal
from voicechat.local_server.session_config import SessionConfig, TurnDetection
from voicechat.local_server.sound import Samples
from voicechat.local_server.speech import vad
from voicechat.local_server.speech.vad import FRAME, FRAME_MS, SAMPLE_RATE
from voicechat.protocol import server_events as events
from voicechat.protocol.items import ContentPart, ErrorDetail, Item, Usage

LONGEST_MEMORY = 300.0
"""Seconds kept, 9.6 MB: with turn detection off and a WebRTC track that never pauses the buffer would grow for ever."""


Detector = Callable[[Samples], float]
"""How likely 512 samples at 16 kHz hold speech, 0 to 1; recurrent, so it must see every frame once."""


class Ears:
    """What one session hears: a bounded buffer of 16 kHz sound, and a voice detector on it."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._rule = vad.ServerVad()
        self._rest: Samples = np.zeros(0, np.float32)
        self._frames: deque[NDArray[np.int16]] = deque(maxlen=int(LONGEST_MEMORY * 1000 / FRAME_MS))
        self._heard = 0
        """Frames, the forgotten ones included."""

    @property
    def position_ms(self) -> int:
        """How much was heard since the session began, to the last sample."""
        return self._heard * FRAME_MS + len(self._rest) * 1000 // SAMPLE_RATE

    def listen_for(self, turns: TurnDetection) -> None:
        """Judge turns by new settings from here on; a turn under way is forgotten."""
        start = self._heard * FRAME_MS
        self._rule = vad.ServerVad(turns.threshold, turns.prefix_padding_ms, turns.silence_ms, start)

    def end_turn(self) -> vad.SpeechEnded | None:
        """The buffer is committed or cleared by hand: a turn under way ends here."""
        return self._rule.stop()

    def hear(self, samples: Samples) -> list[vad.VadEvent]:
        """Take 16 kHz samples of any number; what happened in them, oldest first."""
        line = np.concatenate([self._rest, samples])
        whole = len(line) // FRAME * FRAME
        self._rest = line[whole:]
        found = []
        for frame in line[:whole].reshape(-1, FRAME):
            self._heard += 1
            self._frames.append(to_int16(frame))
            level = float(np.sqrt(np.mean(np.square(frame))))
            if event := self._rule.feed(self._detector(frame), level):
                found.append(event)
        return found

    def sound(self, start_ms: int, end_ms: int) -> NDArray[np.int16]:
        """What was heard between two positions (16 kHz), as far as it is remembered; rounded outwards to 32 ms."""
        forgotten = self._heard - len(self._frames)
        first = max(start_ms // FRAME_MS - forgotten, 0)
        last = min(-(-end_ms // FRAME_MS) - forgotten, len(self._frames))
        frames = [self._frames[index] for index in range(first, last)]
        return np.concatenate(frames) if frames else np.zeros(0, np.int16)


SHORTEST_COMMIT_MS = 100
"""The service refuses to make an item of less."""


@dataclass(slots=True)
class Utterance:
    """What the user is saying, or has said and we do not know the words of yet."""

    item_id: str
    start_ms: int
    voice_from_ms: int | None = None
    """Where voice was first heard; None when there was none."""
    tag: int = 0
    """How much voice was heard so far (`Recognise.tag`), as of its last pause."""
    asked: int = 0
    """How much the recogniser was last asked about."""
    known: tuple[int, str] | None = None
    """The newest words that came back, and what they were made of."""
    is_committed: bool = False
    shown: str = ""
    """What the deltas have said."""
    guess: str = ""
    """The last partial recognition."""


class Listening:
    """Buffer, turns and transcripts of one session. What the ears hear is to be given to `began`, `paused`, `ended`."""

    def __init__(self, ears: Ears, conversation: Conversation, config: SessionConfig) -> None:
        self._ears = ears
        self._conversation = conversation
        self._emit = conversation.emit
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
        self._ears.listen_for(self._config.turn_detection or TurnDetection())
        self._buffer_from_ms = self._ears.position_ms
        self._current = None

    def began(self, event: vad.SpeechBegan) -> None:
        start = max(event.audio_start_ms, self._buffer_from_ms)
        if self._config.turn_detection is None:
            utterance = self._buffered()
            if utterance.voice_from_ms is None:
                utterance.voice_from_ms = start
            return
        self._current = Utterance(self._conversation.new_id("item"), start, voice_from_ms=start)
        self._emit(events.InputAudioBufferSpeechStarted(item_id=self._current.item_id, audio_start_ms=start))

    def paused(self, event: vad.MayEnd) -> None:
        if self._current is not None:
            self._current.tag = event.voice_ms
            self._recognise(self._current, event.audio_end_ms)

    def ended(self, event: vad.SpeechEnded) -> str | None:
        """Silence after voice. With turn detection that is a turn: the id of its new item."""
        utterance = self._current
        if utterance is None:
            return None
        utterance.tag = event.voice_ms
        if self._config.turn_detection is None:
            return None
        end, item_id = event.audio_end_ms, utterance.item_id
        self._emit(events.InputAudioBufferSpeechStopped(item_id=item_id, audio_end_ms=end))
        self._commit(utterance, end)
        return item_id

    def commit(self) -> None:
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
        if ended := self._ears.end_turn():
            utterance.tag = ended.voice_ms
        self._commit(utterance, end)

    def clear(self) -> None:
        self._ears.end_turn()
        self._current = None
        self._buffer_from_ms = self._ears.position_ms
        self._emit(events.InputAudioBufferCleared())

    def timed_out(self) -> None:
        """Nobody spoke for the idle timeout: the silent buffer becomes an item."""
        end = self._ears.position_ms
        utterance = Utterance(self._conversation.new_id("item"), min(self._buffer_from_ms, end))
        self._emit(
            events.InputAudioBufferTimeoutTriggered(
                item_id=utterance.item_id, audio_start_ms=utterance.start_ms, audio_end_ms=end
            )
        )
        self._commit(utterance, end)

    def adopt(self, entry: Entry) -> None:
        """An item with sound came from the client: its words are wanted like those of a turn."""
        entry.awaits_transcript = True
        tag = len(entry.sound)
        self._unfinished[entry.id] = Utterance(entry.id, 0, 0, tag=tag, asked=tag, is_committed=True)
        self._emit(Recognise(entry.id, tag, entry.sound))

    def recognised(self, item_id: str, tag: int, text: str) -> None:
        utterance = self._under_way(item_id) or self._unfinished.get(item_id)
        if utterance is None:
            return
        if utterance.known is None or utterance.known[0] <= tag:
            utterance.known = (tag, text)
        if utterance.is_committed:
            self._finish(utterance)

    def recognition_failed(self, item_id: str, message: str) -> None:
        if current := self._under_way(item_id):
            current.asked = 0
            return
        utterance, entry = self._unfinished.pop(item_id, None), self._conversation.find(item_id)
        if utterance is None or entry is None:
            return
        entry.awaits_transcript = False
        if self._config.transcribes:
            error = ErrorDetail(type="server_error", code="audio_unintelligible", message=message)
            self._emit(events.ConversationItemInputAudioTranscriptionFailed(item_id=item_id, error=error))

    def wants_partial(self) -> Recognise | None:
        """What to recognise now for live captions, if anything."""
        current = self._current
        if current is None or current.voice_from_ms is None or not self._config.transcribes:
            return None
        samples = self._ears.sound(current.voice_from_ms, self._ears.position_ms)
        return Recognise(current.item_id, current.tag, samples)

    def recognised_partly(self, item_id: str, text: str) -> None:
        """A guess while the user goes on speaking: what two guesses in a row agree on is shown."""
        if utterance := self._under_way(item_id):
            stable = agreed(utterance.guess, text)
            utterance.guess = text
            self._show(utterance, stable)

    def _under_way(self, item_id: str) -> Utterance | None:
        """What the user is saying, if it has this id."""
        return self._current if self._current and self._current.item_id == item_id else None

    def _buffered(self) -> Utterance:
        """The utterance that the client will commit; it exists from its first voice on."""
        if self._current is None:
            self._current = Utterance(self._conversation.new_id("item"), self._buffer_from_ms)
        return self._current

    def _recognise(self, utterance: Utterance, end_ms: int) -> None:
        if utterance.voice_from_ms is not None and utterance.asked != utterance.tag and self._needs_words:
            utterance.asked = utterance.tag
            sound = self._ears.sound(utterance.voice_from_ms, end_ms)
            self._emit(Recognise(utterance.item_id, utterance.tag, sound))

    def _commit(self, utterance: Utterance, end_ms: int) -> None:
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
        self._emit(events.InputAudioBufferCommitted(item_id=entry.id, previous_item_id=previous))
        self._conversation.add(entry)
        self._conversation.done(entry, item)
        self._conversation.keep_sound(entry, self._ears.sound(utterance.start_ms, end_ms), SAMPLE_RATE)
        self._current, self._buffer_from_ms = None, end_ms
        utterance.is_committed = True
        self._unfinished[utterance.item_id] = utterance
        if utterance.voice_from_ms is None or not self._needs_words:
            utterance.known, utterance.tag = (0, ""), 0
        self._recognise(utterance, end_ms)
        self._finish(utterance)

    def _finish(self, utterance: Utterance) -> None:
        if utterance.known is None or utterance.known[0] != utterance.tag:
            return
        text = utterance.known[1]
        del self._unfinished[utterance.item_id]
        entry = self._conversation.find(utterance.item_id)
        if entry is None:
            return
        entry.awaits_transcript = False
        entry.item = with_transcript(entry.item, text)
        if self._config.transcribes:
            self._show(utterance, text)
            usage = Usage(type="duration", seconds=round(entry.length, 3))
            self._emit(
                events.ConversationItemInputAudioTranscriptionCompleted(item_id=entry.id, transcript=text, usage=usage)
            )

    def _show(self, utterance: Utterance, text: str) -> None:
        """Tell the client what these words have more than those it was told; nothing if they begin otherwise."""
        if text.startswith(utterance.shown) and len(text) > len(utterance.shown):
            delta, utterance.shown = text[len(utterance.shown) :], text
            self._emit(events.ConversationItemInputAudioTranscriptionDelta(item_id=utterance.item_id, delta=delta))

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
