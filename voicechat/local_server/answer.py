"""One response in the making: its items, parts and deltas in the order the protocol wants them, and its end.

Text goes out as it comes. A spoken answer's words are queued with the place in the sound where they begin: over
WebSocket they go out with the sound, over WebRTC at the pace at which the service makes them (`advance`). So
`response.done` comes long before the end of the sound there, as it does at the real service.

Token counts are estimates: sound by the published rates (the user's 10 tokens a second, the assistant's 20), text with
four characters a token, which is right to about a quarter for English.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias, TypedDict

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.brain import CallTool, FunctionTool, Say, Turn
from voicechat.local_server.conversation import Conversation, Entry, Word, with_transcript
from voicechat.local_server.sound_formats import RATES, Resampler, Samples, int16, write_sound
from voicechat.protocol.items import (
    CachedTokensDetails,
    ContentPart,
    ErrorDetail,
    InputTokenDetails,
    Item,
    OutputTokenDetails,
    Response,
    StatusDetails,
    Usage,
)
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemDone,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
)
from voicechat.protocol.wire import JsonValue

_CHARACTERS_PER_TOKEN = 4
_HEARD_PER_SECOND = 10
_SPOKEN_PER_SECOND = 20


def text_tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def spoken_tokens(seconds: float) -> int:
    """Of the assistant's sound."""
    return round(seconds * _SPOKEN_PER_SECOND)


def tokens_in(entries: Iterable[Entry], instructions: str) -> tuple[int, int]:
    """What a model would have read, and what it would have listened to."""
    items = list(entries)
    text = sum(text_tokens(entry.heard_text or entry.item.output or "") for entry in items if not entry.length)
    heard = sum(round(entry.length * _HEARD_PER_SECOND) for entry in items if entry.item.role == "user")
    return text + text_tokens(instructions), heard


def response_usage(text_in: int, audio_in: int, text_out: int, audio_out: int) -> Usage:
    """What one response took; nothing is ever cached here."""
    cached = CachedTokensDetails(text_tokens=0, audio_tokens=0, image_tokens=0)
    return Usage(
        total_tokens=text_in + audio_in + text_out + audio_out,
        input_tokens=text_in + audio_in,
        output_tokens=text_out + audio_out,
        input_token_details=InputTokenDetails(
            text_tokens=text_in,
            audio_tokens=audio_in,
            image_tokens=0,
            cached_tokens=0,
            cached_tokens_details=cached,
        ),
        output_token_details=OutputTokenDetails(text_tokens=text_out, audio_tokens=audio_out),
    )


Tag: TypeAlias = tuple[int, int]
"""Which voice a recognition has seen: (bursts of voice, milliseconds of voice in the last). Equal tags, equal words."""


@dataclass(frozen=True, slots=True)
class Recognise:
    """Turn sound into words, then call `Dialogue.recognised` with the same id and tag."""

    item_id: str
    tag: Tag
    samples: NDArray[np.int16]
    """16 kHz mono."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Make an answer: first say `preamble` (if any), then what the brain says to `turn` (if any).

    Pieces go to `Dialogue.made`, the last of them is `Finished` or `Failed`.
    """

    response_id: str
    turn: Turn | None
    preamble: str = ""
    is_spoken: bool = True
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class StopReply:
    """Nobody wants the rest of this answer: stop thinking and synthesising."""

    response_id: str


Action: TypeAlias = Recognise | Reply | StopReply
Out: TypeAlias = ServerEvent | Action
"""What a step of the dialogue yields, in order: events for the client, actions for the session."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence of a spoken answer and its sound."""

    text: str
    samples: Samples
    """24 kHz."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The brain has said all."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The rest of the answer cannot be made."""

    message: str


Piece: TypeAlias = Say | Spoken | CallTool | Finished | Failed
"""Of an answer in the making; `Say` is text that is not spoken."""

AHEAD = 1.0
"""Seconds of an answer that count as made when its first sound is heard over WebRTC."""
PACE = 6.0
"""How many times faster than it is heard an answer is made; the service takes 4 to 8."""
VOICE_RATE = 24_000
_SLICE = VOICE_RATE // 5
"""200 ms of sound in each `response.output_audio.delta`."""


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """How an answer was asked for: the session's settings with the overrides of `response.create`."""

    is_spoken: bool = True
    voice: str = ""
    speed: float = 1.0
    output_format: str = "audio/pcm"
    max_output_tokens: int | None = None
    metadata: dict[str, JsonValue] | None = None
    in_conversation: bool = True
    instructions: str = ""
    tools: tuple[FunctionTool, ...] = ()
    tool_choice: str = "auto"
    entries: tuple[Entry, ...] | None = None
    """The items it is made of; None for the whole conversation."""
    instead: str = ""
    """Said without asking the brain."""


class _Place(TypedDict):
    """Where in an answer something happens: what most of its events carry."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int


class _Call(TypedDict):
    """The same for the events of a function call."""

    response_id: str
    item_id: str
    output_index: int
    call_id: str


@dataclass(slots=True)
class _Message:
    """The message item that is being said or written."""

    entry: Entry
    place: _Place
    text: str = ""
    pending: deque[Word] = field(default_factory=deque)


class Answer:
    """A response that was created and is not done."""

    def __init__(
        self,
        response_id: str,
        request: AnswerRequest,
        conversation: Conversation,
        new_id: Callable[[str], str],
        tokens: tuple[int, int],
        *,
        is_paced: bool,
    ) -> None:
        self.id = response_id
        self.request = request
        self.has_begun = False
        """It no longer waits for the words that it depends on."""
        self.is_generated = False
        """The brain has said all; only words that wait for their sound are missing."""
        self._conversation = conversation
        self._new_id = new_id
        self._tokens = tokens
        self._is_paced = is_paced
        self._entries: list[Entry] = []
        self._items: list[Item] = []
        """The same as the response shows them: a truncated item keeps its text here."""
        self._message: _Message | None = None
        self._text_out = ""
        self._voiced = 0.0
        self._to_wire = Resampler(VOICE_RATE, RATES[request.output_format])
        self.limit_reached = False

    @property
    def spoken_entry(self) -> Entry | None:
        """The item that carries sound; an answer has at most one."""
        return next((entry for entry in self._entries if entry.length > 0), None)

    @property
    def is_finished(self) -> bool:
        """Nothing more will be said and every word is out."""
        return self.is_generated and not (self._message and self._message.pending)

    def created(self) -> list[Out]:
        return [ResponseCreated(response=self._response("in_progress"))]

    def wrote(self, text: str) -> list[Out]:
        text = self._within_limit(text, seconds=0.0)
        if not text:
            return []
        outs, message = self._open()
        delta = f" {text}" if message.text else text
        message.text += delta
        return [*outs, ResponseOutputTextDelta(**message.place, delta=delta)]

    def voiced(self, text: str, samples: Samples) -> list[Out]:
        """A sentence of a spoken answer with its sound (24 kHz)."""
        if not self._within_limit(text, len(samples) / VOICE_RATE):
            return []
        outs, message = self._open()
        starts = message.entry.length
        words = _timed(text, starts, len(samples) / VOICE_RATE)
        message.entry.words += words
        message.pending += words
        self._conversation.keep_sound(message.entry, int16(samples), VOICE_RATE)
        self._voiced += len(samples) / VOICE_RATE
        if self._is_paced:
            # Words wait for the playout to start; without any sound nothing will ever start.
            return outs if message.entry.length else [*outs, *self.advance(0.0)]
        for at in range(0, len(samples), _SLICE):
            outs += self._say_words(message, starts + (at + _SLICE) / VOICE_RATE)
            wire = write_sound(self.request.output_format, self._to_wire.feed(samples[at : at + _SLICE]))
            outs.append(ResponseOutputAudioDelta(**message.place, delta=base64.b64encode(wire).decode()))
        return [*outs, *self._say_words(message, float("inf"))]

    def advance(self, played: float) -> list[Out]:
        """The answer's sound was played so far (seconds): the words that are made by now."""
        return self._say_words(self._message, made_by(played))

    def called(self, name: str, arguments: str) -> list[Out]:
        """The model wants a function of the client's to be run. What was said before is complete with that."""
        outs = [*self.flush_words(), *self._close("completed")]
        call_id = self._new_id("call")
        item = Item(
            id=self._new_id("item"),
            object="realtime.item",
            type="function_call",
            status="in_progress",
            name=name,
            call_id=call_id,
            arguments="",
        )
        entry, index = Entry(item), len(self._entries)
        outs += self._add(entry)
        place = _Call(response_id=self.id, item_id=entry.id, output_index=index, call_id=call_id)
        outs.append(ResponseFunctionCallArgumentsDelta(**place, delta=arguments))
        outs.append(ResponseFunctionCallArgumentsDone(**place, name=name, arguments=arguments))
        entry.item = msgspec.structs.replace(item, status="completed", arguments=arguments)
        self._text_out += name + arguments
        return [*outs, *self._item_done(entry, index, entry.item)]

    def done(self, status: str, reason: str | None = None, error: ErrorDetail | None = None) -> list[Out]:
        """The end, whatever the reason. Of a cancelled answer the words that were not due yet are never said."""
        if self.limit_reached and status == "completed":
            status, reason = "incomplete", "max_output_tokens"
        outs = self.flush_words() if status != "cancelled" else []
        outs += self._close("completed" if status == "completed" else "incomplete")
        details = StatusDetails(type=status, reason=reason, error=error) if status != "completed" else None
        response = msgspec.structs.replace(
            self._response(status),
            status_details=details,
            output=tuple(self._items),
            usage=response_usage(*self._tokens, text_tokens(self._text_out), spoken_tokens(self._voiced)),
        )
        return [*outs, ResponseDone(response=response)]

    def flush_words(self) -> list[Out]:
        return self._say_words(self._message, float("inf"))

    def _within_limit(self, text: str, seconds: float) -> str:
        """The text as far as `max_output_tokens` lets it be said; a sentence is spoken whole or not at all."""
        limit, fits = self.request.max_output_tokens, text
        if self.limit_reached:
            return ""
        if limit is not None:
            room = limit - text_tokens(self._text_out) - spoken_tokens(self._voiced)
            if text_tokens(text) + spoken_tokens(seconds) > room:
                self.limit_reached = True
                fits = "" if self.request.is_spoken else text[: max(0, room * 4)].rsplit(" ", 1)[0]
        self._text_out += f" {fits}" if fits else ""
        return fits

    def _open(self) -> tuple[list[Out], _Message]:
        if self._message:
            return [], self._message
        item = Item(
            id=self._new_id("item"), object="realtime.item", type="message", role="assistant", status="in_progress"
        )
        entry, index = Entry(item, rate=VOICE_RATE), len(self._entries)
        place = _Place(response_id=self.id, item_id=entry.id, output_index=index, content_index=0)
        self._message = message = _Message(entry, place)
        outs = self._add(entry)
        part = ContentPart(type="audio", transcript="") if self.request.is_spoken else ContentPart(type="text", text="")
        return [*outs, ResponseContentPartAdded(**place, part=part)], message

    def _add(self, entry: Entry) -> list[Out]:
        index = len(self._entries)
        self._entries.append(entry)
        self._items.append(entry.item)
        outs: list[Out] = [ResponseOutputItemAdded(response_id=self.id, output_index=index, item=entry.item)]
        if self.request.in_conversation:
            previous = self._conversation.last_id
            self._conversation.add(entry)
            outs.append(ConversationItemAdded(item=entry.item, previous_item_id=previous))
        return outs

    def _item_done(self, entry: Entry, index: int, item: Item) -> list[Out]:
        self._items[index] = item
        outs: list[Out] = [ResponseOutputItemDone(response_id=self.id, output_index=index, item=item)]
        if self.request.in_conversation:
            previous = self._conversation.before(entry.id)
            outs.append(ConversationItemDone(item=item, previous_item_id=previous))
        return outs

    def _say_words(self, message: _Message | None, until: float) -> list[Out]:
        """One delta with the queued words that begin before `until` (seconds into the answer's sound)."""
        if message is None:
            return []
        due = []
        while message.pending and message.pending[0].starts < until:
            due.append(message.pending.popleft().text)
        if not due:
            return []
        delta = (" " if message.text else "") + " ".join(due)
        message.text += delta
        return [ResponseOutputAudioTranscriptDelta(**message.place, delta=delta)]

    def _close(self, status: str) -> list[Out]:
        """Complete the message that is open, if any, with the words that were said."""
        message = self._message
        if message is None:
            return []
        outs: list[Out] = []
        self._message = None
        place, said = message.place, message.text
        if self.request.is_spoken:
            part = ContentPart(type="audio", transcript=said)
            outs += [ResponseOutputAudioDone(**place), ResponseOutputAudioTranscriptDone(**place, transcript=said)]
        else:
            part = ContentPart(type="text", text=said)
            outs.append(ResponseOutputTextDone(**place, text=said))
        outs.append(ResponseContentPartDone(**place, part=part))
        content = msgspec.structs.replace(part, type=f"output_{part.type}")
        item = msgspec.structs.replace(message.entry.item, status=status, content=(content,))
        message.entry.item = with_transcript(item, None) if message.entry.is_cut else item
        return [*outs, *self._item_done(message.entry, place["output_index"], item)]

    def _response(self, status: str) -> Response:
        return Response(
            id=self.id,
            object="realtime.response",
            status=status,
            conversation_id=self._conversation.id if self.request.in_conversation else None,
            output_modalities=("audio",) if self.request.is_spoken else ("text",),
            max_output_tokens=self.request.max_output_tokens or "inf",
            metadata=self.request.metadata,
            voice=self.request.voice if self.request.is_spoken else None,
        )


def made_by(played: float) -> float:
    """Seconds of an answer that count as made over WebRTC when so much of it was heard."""
    return AHEAD + PACE * played


def _timed(text: str, starts: float, seconds: float) -> list[Word]:
    """Where each word begins, if every letter takes the same time: right to about a word, which is enough to pace."""
    words = text.split()
    letters = sum(len(word) + 1 for word in words)
    timed, before = [], 0
    for word in words:
        timed.append(Word(word, starts + seconds * before / letters))
        before += len(word) + 1
    return timed
