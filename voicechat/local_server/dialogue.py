"""The server's side of the Realtime protocol: client events, sound and results in; server events and actions out.

Pure: no clock, no device, no connection. `now` is passed in (seconds, any origin), and what takes time (recognising,
thinking, speaking) is asked for with an action and comes back through a method. Every method returns what is to be sent
and done, in order. A bad field refuses the whole event with code, param and the client's event_id (`refusals`).
"""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import msgspec
import numpy as np

from voicechat.local_server.answer import Out, Recognise, Tag
from voicechat.local_server.answering import Answering
from voicechat.local_server.brain import Turn
from voicechat.local_server.conversation import Conversation, Entry, cut
from voicechat.local_server.listening import Ears, Listening
from voicechat.local_server.playout import Pcm, Playout
from voicechat.local_server.refusals import Refusal, invalid, missing, refusal_of
from voicechat.local_server.replies import STILL_THERE, Replies, default_wish, input_entries, read_wish
from voicechat.local_server.session_config import (
    SessionConfig,
    beta_modalities,
    dialect_of,
    read_update,
    updated,
    voice_name,
)
from voicechat.local_server.sound_formats import RATES, Resampler, Samples, int16, read_sound, resampled, write_sound
from voicechat.local_server.speech.vad import SAMPLE_RATE, MayEnd, SpeechBegan, SpeechEnded, VadEvent
from voicechat.protocol.client_events import (
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from voicechat.protocol.codec import ClientFrame, decode_client
from voicechat.protocol.dialects import Dialect
from voicechat.protocol.event_shapes import TRANSCRIPTION_UPDATE, client_types, event_shape
from voicechat.protocol.items import ContentPart, ErrorDetail, Item
from voicechat.protocol.server_events import (
    ConversationCreated,
    ConversationItemAdded,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemRetrieved,
    ConversationItemTruncated,
    ServerError,
    SessionCreated,
    SessionUpdated,
)
from voicechat.protocol.session_dialects import response_options_to_ga
from voicechat.protocol.shapes import ByKind, Fields, FreeForm, Shape, Text, Word
from voicechat.protocol.wire import JsonValue

Transport = Literal["webrtc", "websocket"]
LONGEST_RETRIEVED = 100_000
"""Bytes of sound that are sent along with an item retrieved over WebRTC; more would not fit into a data-channel message
(262,144 bytes with base64 and the other side's own limit)."""


def add_item(
    conversation: Conversation,
    listening: Listening,
    event: ConversationItemCreate,
    config: SessionConfig,
    new_id: Callable[[str], str],
) -> list[Out] | Refusal:
    """`conversation.item.create`: the client's id is kept, a missing one is made."""
    given = event.item
    if given.type == "function_call_output" and not _knows_call(conversation, given.call_id):
        text = f"Tool call ID '{given.call_id}' not found in conversation."
        return Refusal("invalid_tool_call_id", text, "item.call_id")
    item = msgspec.structs.replace(given, id=given.id or new_id("item"), object="realtime.item", status="completed")
    if item.type == "function_call" and not item.call_id:
        item = msgspec.structs.replace(item, call_id=new_id("call"))
    sound = _sound_of(item, config)
    if isinstance(sound, Refusal):
        return sound
    entry = Entry(msgspec.structs.replace(item, content=tuple(_light(part) for part in item.content)))
    if refusal := conversation.add(entry, event.previous_item_id):
        return refusal
    previous = conversation.before(entry.id)
    outs: list[Out] = [
        ConversationItemAdded(item=entry.item, previous_item_id=previous),
        ConversationItemDone(item=entry.item, previous_item_id=previous),
    ]
    if len(sound):
        conversation.keep_sound(entry, sound, SAMPLE_RATE)
        if not entry.heard_text:
            outs.append(listening.adopt(entry))
    return outs


def retrieve_item(
    conversation: Conversation, item_id: str | None, form: str, transport: Transport
) -> list[Out] | Refusal:
    """`conversation.item.retrieve`: the item as the server knows it, with its sound where a message can hold that."""
    entry = conversation.find(item_id)
    if entry is None:
        return _not_found("retrieve", item_id)
    item, rate = entry.item, RATES[form]
    if len(entry.sound) and item.content:
        wire = write_sound(form, resampled(entry.sound.astype(np.float32) / 32768.0, entry.rate, rate))
        if transport == "webrtc" and len(wire) > LONGEST_RETRIEVED:
            text = (
                f"The sound of item '{item_id}' has {len(wire)} bytes and a data channel takes {LONGEST_RETRIEVED}: "
                "retrieve it over WebSocket."
            )
            return Refusal("item_retrieve_audio_too_large", text, "item_id")
        if len(wire):
            head = msgspec.structs.replace(item.content[0], audio=base64.b64encode(wire).decode())
            item = msgspec.structs.replace(item, content=(head, *item.content[1:]))
    return [ConversationItemRetrieved(item=item)]


def truncate_item(conversation: Conversation, event: ConversationItemTruncate) -> list[Out] | Refusal:
    """`conversation.item.truncate`: keep what was heard of a spoken answer; its transcript is deleted."""
    entry = conversation.find(event.item_id)
    if entry is None:
        return _not_found("truncate", event.item_id)
    if entry.item.role != "assistant" or not entry.words:
        return invalid("item_id", "only spoken messages of the assistant can be truncated.")
    seconds, length_ms = event.audio_end_ms / 1000, round(entry.length * 1000)
    if event.audio_end_ms > length_ms:
        text = f"Audio content of {length_ms}ms is already shorter than {event.audio_end_ms}ms"
        return Refusal("invalid_value", text, "audio_end_ms")
    cut(entry, seconds)
    return [ConversationItemTruncated(item_id=entry.id, content_index=0, audio_end_ms=event.audio_end_ms)]


def delete_item(conversation: Conversation, item_id: str | None) -> list[Out] | Refusal:
    """`conversation.item.delete`."""
    if not conversation.remove(item_id or ""):
        return _not_found("delete", item_id)
    return [ConversationItemDeleted(item_id=item_id)]


def _not_found(act: str, item_id: str | None) -> Refusal:
    text = f"Error {act.removesuffix('e')}ing item: the item with ID '{item_id}' does not exist."
    return Refusal(f"item_{act}_invalid_item_id", text, "item_id")


def _knows_call(conversation: Conversation, call_id: str | None) -> bool:
    return any(entry.item.type == "function_call" and entry.item.call_id == call_id for entry in conversation)


def _light(part: ContentPart) -> ContentPart:
    return msgspec.structs.replace(part, audio=None, image_url=None) if part.audio or part.image_url else part


def _sound_of(item: Item, config: SessionConfig) -> np.ndarray[tuple[int], np.dtype[np.int16]] | Refusal:
    """The sound a created item carries, at 16 kHz; empty when it has none."""
    pieces = []
    for index, part in enumerate(item.content):
        if not part.audio:
            continue
        path = f"item.content[{index}].audio"
        try:
            samples = read_sound(config.input_format, base64.b64decode(part.audio, validate=True))
        except (binascii.Error, ValueError):
            return invalid(path, "it is not valid base64.")
        if isinstance(samples, str):
            return invalid(path, samples)
        pieces.append(int16(resampled(samples, RATES[config.input_format], SAMPLE_RATE)))
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)


_SECONDS_AT_ONCE = 3
"""Of an append; each takes 3 to 5 ms."""
Result = list[Out] | Refusal


class Dialogue:
    """One session. Give it everything that happens; send and do what it returns."""

    def __init__(
        self,
        *,
        transport: Transport,
        config: SessionConfig,
        dialect: Dialect,
        ears: Ears,
        new_id: Callable[[str], str],
        local_time: Callable[[], datetime],
    ) -> None:
        self.transport = transport
        self.config = config
        self.dialect: Dialect = dialect
        self._new_id = new_id
        self._conversation_id = new_id("conv")
        self._conversation = Conversation()
        playout = Playout() if transport == "webrtc" else None
        self._answering = Answering(self._conversation, self._conversation_id, new_id, playout)
        self._listening = Listening(ears, self._conversation, new_id)
        self._replies = Replies(self._answering, self._conversation, local_time)
        self._to_ears: tuple[str, Resampler] | None = None
        self._sound_left: deque[Samples] = deque()
        """Seconds of a long append that were not listened to yet, at the client's rate."""
        self._idle_told_for: float | None = None
        self._use(None, config)

    def opened(self) -> list[Out]:
        """The connection stands: the first events."""
        conversation: dict[str, JsonValue] = {"id": self._conversation_id, "object": "realtime.conversation"}
        has_conversation = self.dialect == "beta" and self.config.kind == "realtime"
        begun: list[Out] = [ConversationCreated(conversation=conversation)] if has_conversation else []
        return [SessionCreated(session=self.config.session), *begun]

    def client_said(self, text: str, now: float) -> list[Out]:
        """One message of the client's."""
        before: list[Out] = []
        while self._sound_left:
            before += self.hear_more(now)
        decoded = decode_client(text)
        if decoded.raw is None:
            return [*before, _error(Refusal("invalid_json", "The message is not a JSON object."), None)]
        given_id = decoded.raw.get("event_id")
        event_id = given_id if isinstance(given_id, str) else None
        result = _misshapen(decoded.raw, self.dialect) or self._obey(decoded.event, decoded.raw, now)
        outs: list[Out] = [_error(result, event_id)] if isinstance(result, Refusal) else result
        return [*before, *outs, *self._follow_up()]

    def heard(self, samples: Samples, now: float) -> list[Out]:
        """Sound of the user came (float32, 16 kHz, any length)."""
        outs: list[Out] = []
        for event in self._listening.hear(samples):
            outs += self._take(event, now)
        return [*outs, *self._follow_up()]

    def recognised(self, item_id: str, tag: Tag, text: str, now: float) -> list[Out]:
        """The answer to a `Recognise` action."""
        outs, _ = self._listening.recognised(item_id, tag, text, self.config)
        return [*outs, *self._follow_up()]

    def recognition_failed(self, item_id: str, message: str, now: float) -> list[Out]:
        """The other answer to a `Recognise` action."""
        outs, _ = self._listening.recognition_failed(item_id, message, self.config)
        return [*outs, *self._follow_up()]

    def likely_turn(self, item_id: str, text: str) -> Turn | None:
        """What the brain will be asked if these words, recognised in a pause, were the user's last."""
        is_open = self._listening.is_speaking and not self._conversation.find(item_id)
        return self._replies.likely_turn(text, self.config) if is_open else None

    def wants_partial(self) -> Recognise | None:
        """What to recognise for live captions at this moment, if anything."""
        return self._listening.wants_partial(self.config)

    def recognised_partly(self, item_id: str, text: str) -> list[Out]:
        """The answer to `wants_partial`."""
        return self._listening.recognised_partly(item_id, text)

    def wrote(self, response_id: str, text: str, now: float) -> list[Out]:
        """A piece of a text answer."""
        return [*self._answering.wrote(response_id, text), *self._follow_up()]

    def voiced(self, response_id: str, text: str, samples: Samples, now: float) -> list[Out]:
        """A sentence of a spoken answer and its sound (float32, 24 kHz)."""
        outs = self._answering.voiced(response_id, text, samples, now)
        return [*outs, *self._follow_up()]

    def called(self, response_id: str, name: str, arguments: str) -> list[Out]:
        """An answer wants a function of the client's to be run."""
        return self._answering.called(response_id, name, arguments)

    def answered(self, response_id: str, now: float) -> list[Out]:
        """An answer is complete as far as the brain is concerned."""
        return [*self._answering.answered(response_id), *self._follow_up()]

    def answer_failed(self, response_id: str, message: str, now: float) -> list[Out]:
        """An answer cannot be made."""
        return [*self._answering.failed(response_id, message), *self._follow_up()]

    def pull(self, now: float) -> tuple[Pcm, list[Out]]:
        """WebRTC: the next 20 ms for the track (960 samples, 48 kHz, int16) and what its passing means."""
        frame, outs = self._answering.pull(now)
        if outs:
            outs += self._follow_up()
        return frame, outs

    def time_passed(self, now: float) -> list[Out]:
        """Nothing happened, but the idle timeout may be due. Call it every 100 ms or so."""
        return [*self._idle(now), *self._follow_up()]

    def _take(self, event: VadEvent, now: float) -> list[Out]:
        turns = self.config.turn_detection
        match event:
            case SpeechBegan():
                outs = self._listening.began(event, self.config)
                if turns and turns.interrupt_response:
                    self._replies.owed_to = None
                    outs += self._answering.interrupt(now)
                return outs
            case MayEnd():
                return self._listening.paused(event, self.config)
            case SpeechEnded():
                outs, item_id = self._listening.ended(event, self.config)
                if item_id and turns:
                    self._replies.owed_to = item_id if turns.create_response else None
                return outs

    def _follow_up(self) -> list[Out]:
        return self._replies.follow_up(self.config)

    def _idle(self, now: float) -> list[Out]:
        """The idle timeout: it counts from the end of the last answer's sound, and fires once for each."""
        turns, quiet_since = self.config.turn_detection, self._answering.quiet_since
        if turns is None or turns.idle_timeout is None or quiet_since is None or quiet_since == self._idle_told_for:
            return []
        if self._listening.is_speaking or not self._answering.is_quiet(now) or now < quiet_since + turns.idle_timeout:
            return []
        self._idle_told_for = quiet_since
        outs, _ = self._listening.timed_out(self.config)
        made = self._replies.create(default_wish(self.config), STILL_THERE)
        return outs if isinstance(made, Refusal) else [*outs, *made]

    def _use(self, old: SessionConfig | None, new: SessionConfig) -> None:
        self.config = new
        self._listening.use(old, new)
        self._replies.expect_language(new.language)

    def _obey(self, event: ClientFrame, raw: dict[str, JsonValue], now: float) -> Result:
        if self.config.kind == "transcription" and not str(raw["type"]).startswith(
            ("session.", "input_audio", "transc")
        ):
            return Refusal("invalid_value", f"A transcription session has no use for '{raw['type']}'.", "type")
        match event:
            case SessionUpdate():
                return self._update(raw)
            case InputAudioBufferAppend():
                return self._append(event.audio, now)
            case InputAudioBufferCommit():
                committed = self._listening.commit(self.config)
                return committed if isinstance(committed, Refusal) else committed[0]
            case InputAudioBufferClear():
                return self._listening.clear()
            case OutputAudioBufferClear():
                return self._answering.clear_output(now) if self.transport == "webrtc" else self._wrong_transport(raw)
            case ResponseCreate():
                return self._create(event.response or {})
            case ResponseCancel():
                return self._answering.cancel(event.response_id)
            case _:
                return self._edit(event, now)

    def _edit(self, event: ClientFrame, now: float) -> Result:
        """What concerns the items of the conversation."""
        conversation = self._conversation
        match event:
            case ConversationItemCreate():
                return add_item(conversation, self._listening, event, self.config, self._new_id)
            case ConversationItemRetrieve():
                return retrieve_item(conversation, event.item_id, self.config.input_format, self.transport)
            case ConversationItemTruncate():
                self._answering.told_what_was_heard(now)
                return truncate_item(conversation, event)
            case ConversationItemDelete():
                return delete_item(conversation, event.item_id)
            case _:
                return Refusal("invalid_value", "This server does not know this event.", "type")

    def _wrong_transport(self, raw: dict[str, JsonValue]) -> Refusal:
        text = f"'{raw['type']}' has no meaning over {'WebRTC' if self.transport == 'webrtc' else 'WebSocket'}."
        return Refusal("invalid_event_for_transport", text, "type")

    def _update(self, raw: dict[str, JsonValue]) -> Result:
        given = raw["session"]
        assert isinstance(given, dict)
        is_transcription = str(raw["type"]).startswith("transcription_")
        patch = read_update(given, "beta" if is_transcription else self.dialect, is_beta_transcription=is_transcription)
        if isinstance(patch, Refusal):
            return patch
        new = updated(self.config, patch)
        if self._answering.has_spoken and voice_name(new.voice) != voice_name(self.config.voice):
            text = "Cannot update a conversation's voice if assistant audio is present."
            spoken = dialect_of(given, self.dialect)
            return Refusal(
                "cannot_update_voice", text, "session.voice" if spoken == "beta" else "session.audio.output.voice"
            )
        self.dialect = "beta" if is_transcription else dialect_of(given, self.dialect)
        self._use(self.config, new)
        return [SessionUpdated(session=new.session)]

    def _append(self, audio: str, now: float) -> Result:
        if self.transport == "webrtc":
            return self._wrong_transport({"type": "input_audio_buffer.append"})
        try:
            data = base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError):
            return invalid("audio", "it is not valid base64.")
        form = self.config.input_format
        samples = read_sound(form, data)
        if isinstance(samples, str):
            return invalid("audio", samples)
        if self._to_ears is None or self._to_ears[0] != form:
            self._to_ears = (form, Resampler(RATES[form], SAMPLE_RATE))
        self._sound_left.extend(samples[at : at + RATES[form]] for at in range(0, len(samples), RATES[form]))
        return self.hear_more(now)

    def has_sound_left(self) -> bool:
        """A long append is not listened to yet: call `hear_more`, before anything else the client said."""
        return bool(self._sound_left)

    def hear_more(self, now: float) -> list[Out]:
        """Listen to the next seconds of a long append: to all of it at once other sessions would have to wait."""
        outs: list[Out] = []
        for _ in range(min(len(self._sound_left), _SECONDS_AT_ONCE)):
            piece = self._sound_left.popleft()
            assert self._to_ears is not None
            outs += self.heard(self._to_ears[1].feed(piece), now)
        return outs

    def _create(self, options: dict[str, JsonValue]) -> Result:
        if self.dialect == "beta":
            if refusal := beta_modalities(options, "response"):
                return refusal
            options = response_options_to_ga(options)
        context = None
        if options.get("input") is not None:
            given = input_entries(options["input"], self._conversation, self._new_id)
            if isinstance(given, Refusal):
                return given
            context = given
        made = self._replies.create(read_wish(self.config, options, context))
        if not isinstance(made, Refusal):
            self._replies.owed_to = None
        return made


_UPDATES: dict[str, Shape] = {"type": Text(), "event_id": ByKind(text=Text(), null=True), "session": FreeForm()}


def _misshapen(raw: dict[str, JsonValue], dialect: Dialect) -> Refusal | None:
    """What is wrong with the form of a client event; a session inside is judged by its own dialect."""
    if "type" not in raw:
        return missing("type")
    kinds = (*client_types(dialect), TRANSCRIPTION_UPDATE)
    if refusal := refusal_of(raw["type"], Word(kinds), "type"):
        return refusal
    kind = str(raw["type"])
    shape = None if kind.endswith("session.update") else event_shape(kind, dialect)
    return refusal_of(raw, shape or Fields(_UPDATES, required=("session",)), "")


def _error(refusal: Refusal, event_id: str | None) -> ServerError:
    detail = ErrorDetail(type=refusal.type, code=refusal.code, message=refusal.message, param=refusal.param)
    return ServerError(error=msgspec.structs.replace(detail, event_id=event_id))
