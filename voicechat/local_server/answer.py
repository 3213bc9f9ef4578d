"""One response in the making: its items, parts and deltas in the order the protocol wants them, and its end.

Text goes out as it comes, the words of a sentence with its sound. A session asks for sentences at the pace at which the
service makes them (`PACE`), so `response.done` comes long before the end of the sound, as it does there.

Token counts are estimates: sound by the published rates (the user's 10 tokens a second, the assistant's 20), text with
four characters a token, which is right to about a quarter for English.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias, TypedDict

import msgspec

from voicechat.audio.blocks import to_int16
from voicechat.audio.sound_format import Resampler
from voicechat.local_server.brain import CallTool, Say
from voicechat.local_server.conversation import Conversation, Entry, Word, with_transcript
from voicechat.local_server.session_config import SessionConfig
from voicechat.local_server.sound import RATES, Samples, encoded_sound
from voicechat.protocol import items, server_events as events
from voicechat.protocol.items import ContentPart, ErrorDetail, Item
from voicechat.protocol.wire import JsonValue


def text_tokens(text: str) -> int:
    return -(-len(text) // 4)  # about four characters each


def spoken_tokens(seconds: float) -> int:
    """Of the assistant's sound, 20 a second."""
    return round(seconds * 20)


def response_usage(entries: Iterable[Entry], instructions: str, text_out: int, audio_out: int) -> items.Usage:
    """What one response took: what a model would have read and listened to, and what it made. Nothing is cached."""
    read = [entry.heard_text or entry.item.output or "" for entry in entries if not entry.length]
    text_in = sum(map(text_tokens, [*read, instructions]))
    audio_in = sum(round(entry.length * 10) for entry in entries if entry.item.role == "user")  # ten a second
    cached = items.CachedTokensDetails(text_tokens=0, audio_tokens=0, image_tokens=0)
    return items.Usage(
        total_tokens=text_in + audio_in + text_out + audio_out,
        input_tokens=text_in + audio_in,
        output_tokens=text_out + audio_out,
        input_token_details=items.InputTokenDetails(
            text_tokens=text_in,
            audio_tokens=audio_in,
            image_tokens=0,
            cached_tokens=0,
            cached_tokens_details=cached,
        ),
        output_token_details=items.OutputTokenDetails(text_tokens=text_out, audio_tokens=audio_out),
    )


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence of a spoken answer and its sound."""

    text: str
    samples: Samples
    """24 kHz."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The brain has said all; with `error`, the rest of the answer cannot be made."""

    error: str = ""


Piece: TypeAlias = Say | Spoken | CallTool | Finished
"""Of an answer in the making; `Say` is text that is not spoken."""

PACE = 6.0
"""How many times faster than it is heard an answer is made; the service takes 4 to 8."""
VOICE_RATE = 24_000
_SLICE = VOICE_RATE // 5
"""200 ms of sound in each `response.output_audio.delta`."""


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """How an answer was asked for."""

    config: SessionConfig
    """The session's, with the overrides of `response.create`."""
    metadata: dict[str, JsonValue] | None = None
    in_conversation: bool = True
    entries: tuple[Entry, ...] | None = None
    """The items it is made of; None for the whole conversation."""
    instead: str = ""
    """Said without asking the brain."""


class _Place(TypedDict):
    """Where in an answer something happens: what most of its events carry."""

    response_id: str
    item_id: str
    output_index: int


@dataclass(slots=True)
class _Message:
    """The message item that is being said or written."""

    entry: Entry
    place: _Place
    text: str = ""


class Answer:
    """A response that was created and is not done."""

    def __init__(self, request: AnswerRequest, conversation: Conversation, *, sends_sound: bool) -> None:
        """`sends_sound`: in events, over WebSocket."""
        self.id = conversation.new_id("resp")
        self.request = request
        self.entries: tuple[Entry, ...] = tuple(conversation) if request.entries is None else request.entries
        """The items it is made of."""
        self.has_begun = False
        """It no longer waits for the words that it depends on."""
        self.limit_reached = False
        self.spoken_entry: Entry | None = None
        """The item that carries sound; an answer has at most one."""
        self._conversation = conversation
        self._emit = conversation.emit
        self._sends_sound = sends_sound
        self._items: list[Item] = []
        """As the response shows them: a truncated item keeps its text here."""
        self._message: _Message | None = None
        self._text_out = ""
        self._voiced = 0.0
        self._to_wire = Resampler(VOICE_RATE, RATES[request.config.output_format])

    def created(self) -> None:
        self._emit(events.ResponseCreated(response=self._response("in_progress")))

    def wrote(self, text: str) -> None:
        if text := self._within_limit(text, seconds=0.0):
            self._tell(self._open(), text)

    def voiced(self, text: str, samples: Samples) -> None:
        """A sentence of a spoken answer with its sound (24 kHz)."""
        seconds = len(samples) / VOICE_RATE
        if not self._within_limit(text, seconds):
            return
        message = self._open()
        starts = message.entry.length
        words = _timed(text, starts, seconds)
        message.entry.words += words
        self._conversation.keep_sound(message.entry, to_int16(samples), VOICE_RATE)
        self._voiced += seconds
        if message.entry.length:
            self.spoken_entry = message.entry
        for at in range(0, len(samples), _SLICE):
            end = starts + (at + _SLICE) / VOICE_RATE
            self._tell(message, " ".join(word.text for word in words if word.starts < end))
            words = [word for word in words if word.starts >= end]
            if self._sends_sound:
                sound = self._to_wire.convert(samples[at : at + _SLICE])
                delta = encoded_sound(self.request.config.output_format, sound)
                self._emit(events.ResponseOutputAudioDelta(**message.place, delta=delta))
        self._tell(message, " ".join(word.text for word in words))

    def called(self, name: str, arguments: str) -> None:
        """The model wants a function of the client's to be run. What was said before is complete with that."""
        self._close("completed")
        new_id = self._conversation.new_id
        call = Item(
            id=new_id("item"),
            object="realtime.item",
            type="function_call",
            status="in_progress",
            name=name,
            call_id=new_id("call"),
            arguments="",
        )
        entry, index = Entry(call), len(self._items)
        self._add(entry)
        place = _Place(response_id=self.id, item_id=entry.id, output_index=index)
        self._emit(events.ResponseFunctionCallArgumentsDelta(**place, call_id=call.call_id, delta=arguments))
        self._emit(
            events.ResponseFunctionCallArgumentsDone(**place, call_id=call.call_id, name=name, arguments=arguments)
        )
        entry.item = msgspec.structs.replace(call, status="completed", arguments=arguments)
        self._text_out += name + arguments
        self._item_done(entry, index, entry.item)

    def done(self, status: str, reason: str | None = None, error: str = "") -> None:
        """The end, whatever the reason."""
        if self.limit_reached and status == "completed":
            status, reason = "incomplete", "max_output_tokens"
        self._close("completed" if status == "completed" else "incomplete")
        if status == "completed" and self.request.in_conversation and not self._items and self.entries:
            self.entries[-1].had_no_answer = True
        made = text_tokens(self._text_out), spoken_tokens(self._voiced)
        failure = ErrorDetail(type="server_error", code="server_error", message=error) if error else None
        details = items.StatusDetails(type=status, reason=reason, error=failure)
        response = msgspec.structs.replace(
            self._response(status),
            status_details=None if status == "completed" else details,
            output=tuple(self._items),
            usage=response_usage(self.entries, self.request.config.instructions, *made),
        )
        self._emit(events.ResponseDone(response=response))

    def _within_limit(self, text: str, seconds: float) -> str:
        """The text as far as `max_output_tokens` lets it be said; a sentence is spoken whole or not at all."""
        limit, fits = self.request.config.max_output_tokens, text
        if self.limit_reached:
            return ""
        if limit is not None:
            room = limit - text_tokens(self._text_out) - spoken_tokens(self._voiced)
            if text_tokens(text) + spoken_tokens(seconds) > room:
                self.limit_reached = True
                fits = "" if self.request.config.is_spoken else text[: max(0, room * 4)].rsplit(" ", 1)[0]
        self._text_out += f" {fits}" if fits else ""
        return fits

    def _open(self) -> _Message:
        """The message that is being said; a new one where there is none."""
        if self._message is None:
            item_id = self._conversation.new_id("item")
            item = Item(id=item_id, object="realtime.item", type="message", role="assistant", status="in_progress")
            entry = Entry(item, rate=VOICE_RATE)
            place = _Place(response_id=self.id, item_id=item_id, output_index=len(self._items))
            self._message = _Message(entry, place)
            self._add(entry)
            is_spoken = self.request.config.is_spoken
            part = ContentPart(type="audio", transcript="") if is_spoken else ContentPart(type="text", text="")
            self._emit(events.ResponseContentPartAdded(**place, part=part))
        return self._message

    def _add(self, entry: Entry) -> None:
        added = events.ResponseOutputItemAdded(response_id=self.id, output_index=len(self._items), item=entry.item)
        self._items.append(entry.item)
        self._emit(added)
        if self.request.in_conversation:
            self._conversation.add(entry)

    def _item_done(self, entry: Entry, index: int, item: Item) -> None:
        self._items[index] = item
        if self.request.in_conversation:
            self._conversation.done(entry, item)
        self._emit(events.ResponseOutputItemDone(response_id=self.id, output_index=index, item=item))

    def _tell(self, message: _Message, text: str) -> None:
        """The next words of the message, if there are any."""
        if not text:
            return
        delta = f" {text}" if message.text else text
        message.text += delta
        if self.request.config.is_spoken:
            self._emit(events.ResponseOutputAudioTranscriptDelta(**message.place, delta=delta))
        else:
            self._emit(events.ResponseOutputTextDelta(**message.place, delta=delta))

    def _close(self, status: str) -> None:
        """Complete the message that is open, if any, with the words that were said."""
        message, self._message = self._message, None
        if message is None:
            return
        place, said = message.place, message.text
        if self.request.config.is_spoken:
            part = ContentPart(type="audio", transcript=said)
            self._emit(events.ResponseOutputAudioDone(**place))
            self._emit(events.ResponseOutputAudioTranscriptDone(**place, transcript=said))
        else:
            part = ContentPart(type="text", text=said)
            self._emit(events.ResponseOutputTextDone(**place, text=said))
        self._emit(events.ResponseContentPartDone(**place, part=part))
        content = msgspec.structs.replace(part, type=f"output_{part.type}")
        item = msgspec.structs.replace(message.entry.item, status=status, content=(content,))
        message.entry.item = with_transcript(item, None) if message.entry.is_cut else item
        self._item_done(message.entry, place["output_index"], item)

    def _response(self, status: str) -> items.Response:
        config = self.request.config
        return items.Response(
            id=self.id,
            object="realtime.response",
            status=status,
            conversation_id=self._conversation.id if self.request.in_conversation else None,
            output_modalities=("audio",) if config.is_spoken else ("text",),
            max_output_tokens=config.max_output_tokens or "inf",
            metadata=self.request.metadata,
            voice=config.voice if config.is_spoken else None,
        )


def _timed(text: str, starts: float, seconds: float) -> list[Word]:
    """Where each word begins, if every letter takes the same time: right to about a word, which is enough to pace."""
    words = text.split()
    *before, letters = accumulate((len(word) + 1 for word in words), initial=0)
    return [Word(word, starts + seconds * at / letters) for word, at in zip(words, before, strict=True)]
