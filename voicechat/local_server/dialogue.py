"""The server's side of the Realtime protocol: client events, sound and results in; server events and actions out.

Pure: no clock, no device, no connection. `now` is passed in (seconds, any origin), and what takes time (recognising,
thinking, speaking) is asked for with an action and comes back through a method. Every method returns what is to be sent
and done, in order. A bad field refuses the whole event with code, param and the client's event_id (`refusals`).
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicechat.local_server.answer import Out, Piece, Recognise, Tag
from voicechat.local_server.brain import Turn
from voicechat.local_server.conversation import Conversation, Entry, cut
from voicechat.local_server.listening import Ears, Listening
from voicechat.local_server.playout import Pcm, Playout
from voicechat.local_server.refusals import Refusal, check, invalid, missing
from voicechat.local_server.responses import STILL_THERE, Responses, input_entries, read_request
from voicechat.local_server.session_config import (
    SessionConfig,
    check_beta_modalities,
    dialect_of,
    read_update,
    updated,
)
from voicechat.local_server.sound_formats import RATES, Resampler, Samples, decoded_sound, int16, resampled, write_sound
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


_SECONDS_AT_ONCE = 3
"""Of an append; each takes 3 to 5 ms."""


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
        self._conversation = Conversation(new_id("conv"))
        playout = Playout() if transport == "webrtc" else None
        self._responses = Responses(self._conversation, new_id, playout, local_time)
        self._listening = Listening(ears, self._conversation, new_id, config)
        self._responses.expect_language(config.language)
        self._to_ears: tuple[str, Resampler] | None = None
        self._sound_left: deque[Samples] = deque()
        """Seconds of a long append that were not listened to yet, at the client's rate."""
        self._idle_told_for: float | None = None

    def opened(self) -> list[Out]:
        """The connection stands: the first events."""
        conversation: dict[str, JsonValue] = {"id": self._conversation.id, "object": "realtime.conversation"}
        has_conversation = self.dialect == "beta" and self.config.kind == "realtime"
        begun: list[Out] = [ConversationCreated(conversation=conversation)] if has_conversation else []
        return [SessionCreated(session=self.config.session), *begun]

    def client_said(self, text: str, now: float) -> list[Out]:
        outs: list[Out] = []
        while self._sound_left:
            outs += self.hear_more(now)
        decoded = decode_client(text)
        given_id = decoded.raw.get("event_id") if decoded.raw else None
        try:
            if decoded.raw is None:
                raise Refusal("invalid_json", "The message is not a JSON object.")
            _check_form(decoded.raw, self.dialect)
            outs += self._obey(decoded.event, decoded.raw, now)
        except Refusal as refusal:
            outs.append(error_event(refusal, given_id if isinstance(given_id, str) else None))
        return [*outs, *self._follow_up()]

    def heard(self, samples: Samples, now: float) -> list[Out]:
        """Sound of the user came (float32, 16 kHz, any length)."""
        outs: list[Out] = []
        for event in self._listening.hear(samples):
            outs += self._take(event, now)
        return [*outs, *self._follow_up()]

    def recognised(self, item_id: str, tag: Tag, text: str) -> list[Out]:
        """The answer to a `Recognise` action."""
        return [*self._listening.recognised(item_id, tag, text), *self._follow_up()]

    def recognition_failed(self, item_id: str, message: str) -> list[Out]:
        """The other answer to a `Recognise` action."""
        return [*self._listening.recognition_failed(item_id, message), *self._follow_up()]

    def likely_turn(self, item_id: str, text: str) -> Turn | None:
        """What the brain will be asked if these words, recognised in a pause, were the user's last."""
        is_open = self._listening.is_speaking and not self._conversation.find(item_id)
        return self._responses.likely_turn(text, self.config) if is_open else None

    def wants_partial(self) -> Recognise | None:
        """What to recognise for live captions at this moment, if anything."""
        return self._listening.wants_partial()

    def recognised_partly(self, item_id: str, text: str) -> list[Out]:
        """The answer to `wants_partial`."""
        return self._listening.recognised_partly(item_id, text)

    def made(self, response_id: str, piece: Piece, now: float) -> list[Out]:
        """A piece of an answer that a `Reply` action asked for."""
        return [*self._responses.made(response_id, piece, now), *self._follow_up()]

    def pull(self, now: float) -> tuple[Pcm, list[Out]]:
        """WebRTC: the next 20 ms for the track (960 samples, 48 kHz, int16) and what its passing means."""
        frame, outs = self._responses.pull(now)
        if outs:
            outs += self._follow_up()
        return frame, outs

    def time_passed(self, now: float) -> list[Out]:
        """Nothing happened, but the idle timeout may be due. Call it every 100 ms or so."""
        return [*self._idle(now), *self._follow_up()]

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

    def _take(self, event: VadEvent, now: float) -> list[Out]:
        turns = self.config.turn_detection
        match event:
            case SpeechBegan():
                is_interruption = turns is not None and turns.interrupt_response
                return [*self._listening.began(event), *(self._responses.interrupt(now) if is_interruption else [])]
            case MayEnd():
                return self._listening.paused(event)
            case SpeechEnded():
                outs, item_id = self._listening.ended(event)
                if item_id and turns:
                    self._responses.owed_to = item_id if turns.create_response else None
                return outs

    def _follow_up(self) -> list[Out]:
        return self._responses.follow_up(self.config)

    def _idle(self, now: float) -> list[Out]:
        """The idle timeout: it counts from the end of the last answer's sound, and fires once for each."""
        turns, quiet_since = self.config.turn_detection, self._responses.quiet_since
        if turns is None or turns.idle_timeout is None or quiet_since is None or quiet_since == self._idle_told_for:
            return []
        if self._listening.is_speaking or not self._responses.is_quiet(now) or now < quiet_since + turns.idle_timeout:
            return []
        self._idle_told_for = quiet_since
        request = read_request(self.config, {}, instead=STILL_THERE)
        return [*self._listening.timed_out(), *self._responses.create(request)]

    def _obey(self, event: ClientFrame, raw: dict[str, JsonValue], now: float) -> list[Out]:
        """Raises Refusal."""
        kind, is_webrtc = str(raw["type"]), self.transport == "webrtc"
        if self.config.kind == "transcription" and not kind.startswith(("session.", "input_audio", "transc")):
            raise Refusal("invalid_value", f"A transcription session has no use for '{kind}'.", "type")
        if isinstance(event, InputAudioBufferAppend if is_webrtc else OutputAudioBufferClear):
            text = f"'{kind}' has no meaning over {'WebRTC' if is_webrtc else 'WebSocket'}."
            raise Refusal("invalid_event_for_transport", text, "type")
        match event:
            case SessionUpdate():
                return self._update(raw)
            case InputAudioBufferAppend(audio=audio):
                return self._append(audio, now)
            case InputAudioBufferCommit():
                return self._listening.commit()
            case InputAudioBufferClear():
                return self._listening.clear()
            case OutputAudioBufferClear():
                return self._responses.clear_output(now)
            case ResponseCreate():
                return self._create(event.response or {})
            case ResponseCancel():
                return self._responses.cancel(event.response_id)
            case ConversationItemCreate():
                return self._add_item(event)
            case ConversationItemRetrieve():
                return self._retrieve_item(self._found("retrieve", event.item_id))
            case ConversationItemTruncate():
                return self._truncate_item(event, now)
            case ConversationItemDelete():
                self._conversation.remove(self._found("delete", event.item_id))
                return [ConversationItemDeleted(item_id=event.item_id)]
            case _:
                raise Refusal("invalid_value", "This server does not know this event.", "type")

    def _update(self, raw: dict[str, JsonValue]) -> list[Out]:
        given = raw["session"]
        assert isinstance(given, dict)
        is_transcription = raw["type"] == TRANSCRIPTION_UPDATE
        spoken = "beta" if is_transcription else dialect_of(given, self.dialect)
        new = updated(self.config, read_update(given, spoken, is_beta_transcription=is_transcription))
        if self._responses.has_spoken and new.voice != self.config.voice:
            text = "Cannot update a conversation's voice if assistant audio is present."
            path = "session.voice" if spoken == "beta" else "session.audio.output.voice"
            raise Refusal("cannot_update_voice", text, path)
        self.config, self.dialect = new, spoken
        self._listening.use(new)
        self._responses.expect_language(new.language)
        return [SessionUpdated(session=new.session)]

    def _append(self, audio: str, now: float) -> list[Out]:
        form = self.config.input_format
        samples = decoded_sound(form, audio, "audio")
        if self._to_ears is None or self._to_ears[0] != form:
            self._to_ears = (form, Resampler(RATES[form], SAMPLE_RATE))
        self._sound_left.extend(samples[at : at + RATES[form]] for at in range(0, len(samples), RATES[form]))
        return self.hear_more(now)

    def _create(self, options: dict[str, JsonValue]) -> list[Out]:
        if self.dialect == "beta":
            check_beta_modalities(options, "response")
            options = response_options_to_ga(options)
        given = options.get("input")
        entries = None if given is None else input_entries(given, self._conversation, self._new_id)
        made = self._responses.create(read_request(self.config, options, entries))
        self._responses.owed_to = None
        return made

    def _add_item(self, event: ConversationItemCreate) -> list[Out]:
        """The client's id is kept, a missing one is made."""
        given, conversation = event.item, self._conversation
        calls = [entry.item.call_id for entry in conversation if entry.item.type == "function_call"]
        if given.type == "function_call_output" and given.call_id not in calls:
            text = f"Tool call ID '{given.call_id}' not found in conversation."
            raise Refusal("invalid_tool_call_id", text, "item.call_id")
        sound = _sound_of(given, self.config.input_format)
        item = msgspec.structs.replace(
            given,
            id=given.id or self._new_id("item"),
            object="realtime.item",
            status="completed",
            content=tuple(_light(part) for part in given.content),
        )
        if item.type == "function_call" and not item.call_id:
            item = msgspec.structs.replace(item, call_id=self._new_id("call"))
        entry = Entry(item)
        conversation.add(entry, event.previous_item_id)
        previous = conversation.before(entry.id)
        outs: list[Out] = [
            ConversationItemAdded(item=item, previous_item_id=previous),
            ConversationItemDone(item=item, previous_item_id=previous),
        ]
        if len(sound):
            conversation.keep_sound(entry, sound, SAMPLE_RATE)
            if not entry.heard_text:
                outs.append(self._listening.adopt(entry))
        return outs

    def _found(self, act: str, item_id: str | None) -> Entry:
        if entry := self._conversation.find(item_id):
            return entry
        text = f"Error {act.removesuffix('e')}ing item: the item with ID '{item_id}' does not exist."
        raise Refusal(f"item_{act}_invalid_item_id", text, "item_id")

    def _retrieve_item(self, entry: Entry) -> list[Out]:
        """The item as the server knows it, with its sound where a message can hold that."""
        item, form = entry.item, self.config.input_format
        if len(entry.sound) and item.content:
            wire = write_sound(form, resampled(entry.sound.astype(np.float32) / 32768.0, entry.rate, RATES[form]))
            if self.transport == "webrtc" and len(wire) > LONGEST_RETRIEVED:
                text = (
                    f"The sound of item '{item.id}' has {len(wire)} bytes and a data channel takes "
                    f"{LONGEST_RETRIEVED}: retrieve it over WebSocket."
                )
                raise Refusal("item_retrieve_audio_too_large", text, "item_id")
            head = msgspec.structs.replace(item.content[0], audio=base64.b64encode(wire).decode() or None)
            item = msgspec.structs.replace(item, content=(head, *item.content[1:]))
        return [ConversationItemRetrieved(item=item)]

    def _truncate_item(self, event: ConversationItemTruncate, now: float) -> list[Out]:
        """Keep what was heard of a spoken answer; its transcript is deleted."""
        self._responses.told_what_was_heard(now)
        entry = self._found("truncate", event.item_id)
        if entry.item.role != "assistant" or not entry.words:
            raise invalid("item_id", "only spoken messages of the assistant can be truncated.")
        if event.content_index:
            raise invalid("content_index", "a spoken message has one part, 0.")
        if event.audio_end_ms > (length_ms := round(entry.length * 1000)):
            text = f"Audio content of {length_ms}ms is already shorter than {event.audio_end_ms}ms"
            raise Refusal("invalid_value", text, "audio_end_ms")
        cut(entry, event.audio_end_ms / 1000)
        return [ConversationItemTruncated(item_id=entry.id, content_index=0, audio_end_ms=event.audio_end_ms)]


def _light(part: ContentPart) -> ContentPart:
    return msgspec.structs.replace(part, audio=None, image_url=None) if part.audio or part.image_url else part


def _sound_of(item: Item, form: str) -> NDArray[np.int16]:
    """The sound a created item carries, at 16 kHz; empty when it has none."""
    pieces = [
        int16(resampled(decoded_sound(form, part.audio, f"item.content[{index}].audio"), RATES[form], SAMPLE_RATE))
        for index, part in enumerate(item.content)
        if part.audio
    ]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)


_UPDATES: dict[str, Shape] = {"type": Text(), "event_id": ByKind(text=Text(), null=True), "session": FreeForm()}


def _check_form(raw: dict[str, JsonValue], dialect: Dialect) -> None:
    """Raises Refusal; a session inside is checked by its own dialect (`read_update`)."""
    if "type" not in raw:
        raise missing("type")
    check(raw["type"], Word((*client_types(dialect), TRANSCRIPTION_UPDATE)), "type")
    kind = str(raw["type"])
    shape = None if kind.endswith("session.update") else event_shape(kind, dialect)
    check(raw, shape or Fields(_UPDATES, required=("session",)), "")


def error_event(refusal: Refusal, event_id: str | None = None) -> ServerError:
    """`event_id`: of the client event that is refused."""
    detail = ErrorDetail(type=refusal.type, code=refusal.code, message=refusal.message, param=refusal.param)
    return ServerError(error=msgspec.structs.replace(detail, event_id=event_id))
