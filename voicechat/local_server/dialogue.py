"""The server's side of the Realtime protocol: client events, sound and results in; server events and actions out.

Pure: no clock, no device, no connection. `now` is passed in (seconds, any origin), and what takes time (recognising,
thinking, speaking) is asked for with an action and comes back to `listening` or `responses`. After each step `outs` is
what is to be sent and done, in order. A bad field refuses the whole event with code, param and the client's event_id
(`refusals`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicechat.audio.blocks import to_float, to_int16
from voicechat.audio.sound_format import Resampler, resampled
from voicechat.local_server.answer import AnswerRequest
from voicechat.local_server.brain import Turn
from voicechat.local_server.conversation import Conversation, Entry, Out
from voicechat.local_server.listening import Ears, Listening
from voicechat.local_server.refusals import Refusal, check, invalid, missing
from voicechat.local_server.responses import STILL_THERE, Responses, input_entries, read_request
from voicechat.local_server.session_config import (
    Fields,
    SessionConfig,
    check_beta_modalities,
    dialect_of,
    read_update,
    updated,
)
from voicechat.local_server.sound import RATES, Playout, Samples, decoded_sound, encoded_sound
from voicechat.local_server.speech.vad import SAMPLE_RATE, MayEnd, SpeechBegan, SpeechEnded
from voicechat.protocol import client_events as asked, server_events as events
from voicechat.protocol.codec import ClientFrame, decode_client
from voicechat.protocol.dialects import DialectName
from voicechat.protocol.event_shapes import TRANSCRIPTION_UPDATE, client_types, event_shape
from voicechat.protocol.items import ErrorDetail, Item
from voicechat.protocol.session_dialects import response_options_to_ga
from voicechat.protocol.shapes import Word

Transport = Literal["webrtc", "websocket"]
LONGEST_RETRIEVED = 100_000
"""Bytes of sound that are sent along with an item retrieved over WebRTC; more would not fit into a data-channel message
(262,144 bytes with base64 and the other side's own limit)."""
_SECONDS_AT_ONCE = 3
"""Of an append; each takes 3 to 5 ms."""


class Dialogue:
    """One session. Give it everything that happens; send and do what then comes out."""

    def __init__(
        self,
        *,
        transport: Transport,
        config: SessionConfig,
        dialect: DialectName,
        ears: Ears,
        new_id: Callable[[str], str],
        local_time: Callable[[], datetime],
    ) -> None:
        self.transport = transport
        self.config = config
        self.dialect: DialectName = dialect
        self._outs: list[Out] = []
        self._conversation = Conversation(new_id, self._outs.append)
        playout = Playout() if transport == "webrtc" else None
        self.responses = Responses(self._conversation, playout, local_time)
        self._ears = ears
        self.listening = Listening(ears, self._conversation, config)
        self._to_ears: tuple[str, Resampler] | None = None
        self._sound_left: deque[Samples] = deque()
        """Seconds of a long append that were not listened to yet, at the client's rate."""
        self._idle_told_for: float | None = None

    def opened(self) -> None:
        """The connection stands: the first events."""
        self._emit(events.SessionCreated(session=self.config.session))
        if self.dialect == "beta" and self.config.kind == "realtime":
            conversation: Fields = {"id": self._conversation.id, "object": "realtime.conversation"}
            self._emit(events.ConversationCreated(conversation=conversation))

    def outs(self) -> list[Out]:
        """What has come out since the last time, with whatever that made possible."""
        self.responses.follow_up(self.config)
        outs = list(self._outs)
        self._outs.clear()
        return outs

    def receive(self, text: str, now: float) -> None:
        """The client says something."""
        self.hear_more(now, len(self._sound_left))
        decoded = decode_client(text)
        try:
            if decoded.raw is None:
                raise Refusal("invalid_json", "Invalid event: failed to parse JSON value.")
            _check_form(decoded.raw, self.dialect)
            self._obey(decoded.event, decoded.raw, now)
        except Refusal as refusal:
            self._emit(error_event(refusal, decoded.raw))

    def likely_turn(self, item_id: str, text: str) -> Turn | None:
        """What the brain will be asked if these words, recognised in a pause, were the user's last."""
        is_open = self.listening.is_speaking and not self._conversation.find(item_id)
        return self.responses.likely_turn(text, self.config) if is_open else None

    def time_passed(self, now: float) -> None:
        """Nothing happened, but the idle timeout may be due. Call it every 100 ms or so."""
        turns, quiet_since = self.config.turn_detection, self.responses.quiet_since
        if turns and turns.idle_timeout_ms and quiet_since is not None and quiet_since != self._idle_told_for:
            is_due = now >= quiet_since + turns.idle_timeout_ms / 1000
            if is_due and self.responses.is_quiet(now) and not self.listening.is_speaking:
                self._idle_told_for = quiet_since
                self.listening.timed_out()
                self.responses.create(AnswerRequest(self.config, instead=STILL_THERE))

    def has_sound_left(self) -> bool:
        """A long append is not listened to yet: call `hear_more`, before anything else the client said."""
        return bool(self._sound_left)

    def hear_more(self, now: float, seconds: int = _SECONDS_AT_ONCE) -> None:
        """Listen to the next seconds of a long append: to all of it at once other sessions would have to wait."""
        for _ in range(min(len(self._sound_left), seconds)):
            assert self._to_ears is not None
            self.hear(self._to_ears[1].convert(self._sound_left.popleft()), now)

    def _emit(self, out: Out) -> None:
        self._outs.append(out)

    def hear(self, samples: Samples, now: float) -> None:
        """Sound of the user came (float32, 16 kHz, any length)."""
        turns = self.config.turn_detection
        for event in self._ears.hear(samples):
            match event:
                case SpeechBegan():
                    self.listening.began(event)
                    if turns and turns.interrupt_response:
                        self.responses.interrupt(now)
                case MayEnd():
                    self.listening.paused(event)
                case SpeechEnded():
                    item_id = self.listening.ended(event)
                    if item_id and turns:
                        self.responses.owed_to = item_id if turns.create_response else None

    def _obey(self, event: ClientFrame, raw: Fields, now: float) -> None:
        """Raises Refusal."""
        kind, is_webrtc = str(raw["type"]), self.transport == "webrtc"
        if self.config.kind == "transcription" and not kind.startswith(("session.", "input_audio", "transc")):
            raise Refusal("invalid_value", f"A transcription session has no use for '{kind}'.", "type")
        if isinstance(event, asked.InputAudioBufferAppend if is_webrtc else asked.OutputAudioBufferClear):
            text = f"'{kind}' has no meaning over {'WebRTC' if is_webrtc else 'WebSocket'}."
            raise Refusal("invalid_event_for_transport", text, "type")
        match event:
            case asked.SessionUpdate():
                self._update(raw)
            case asked.InputAudioBufferAppend(audio=audio):
                self._append(audio, now)
            case asked.InputAudioBufferCommit():
                self.listening.commit()
            case asked.InputAudioBufferClear():
                self.listening.clear()
            case asked.OutputAudioBufferClear():
                self.responses.clear_output(now)
            case asked.ResponseCreate():
                self._create(event.response or {})
            case asked.ResponseCancel():
                self.responses.cancel(event.response_id)
            case asked.ConversationItemCreate():
                self._add_item(event)
            case asked.ConversationItemRetrieve():
                self._retrieve_item(self._found("retrieve", event.item_id))
            case asked.ConversationItemTruncate():
                self._truncate_item(event, now)
            case asked.ConversationItemDelete():
                self._conversation.remove(self._found("delete", event.item_id))
                self._emit(events.ConversationItemDeleted(item_id=event.item_id))
            case _:
                raise Refusal("invalid_value", "This server does not know this event.", "type")

    def _update(self, raw: Fields) -> None:
        given = raw["session"]
        assert isinstance(given, dict)
        is_transcription = raw["type"] == TRANSCRIPTION_UPDATE
        spoken = "beta" if is_transcription else dialect_of(given, self.dialect)
        new = updated(self.config, read_update(given, spoken, is_beta_transcription=is_transcription))
        if self.responses.has_spoken and new.voice != self.config.voice:
            text = "Cannot update a conversation's voice if assistant audio is present."
            path = "session.voice" if spoken == "beta" else "session.audio.output.voice"
            raise Refusal("cannot_update_voice", text, path)
        self.config, self.dialect = new, spoken
        self.listening.use(new)
        self._emit(events.SessionUpdated(session=new.session))

    def _append(self, audio: str, now: float) -> None:
        form = self.config.input_format
        samples = decoded_sound(form, audio, "audio")
        if self._to_ears is None or self._to_ears[0] != form:
            self._to_ears = (form, Resampler(RATES[form], SAMPLE_RATE))
        self._sound_left.extend(samples[at : at + RATES[form]] for at in range(0, len(samples), RATES[form]))
        self.hear_more(now)

    def _create(self, options: Fields) -> None:
        if self.dialect == "beta":
            check_beta_modalities(options, "response")
            options = response_options_to_ga(options)
        entries = input_entries(options.get("input"), self._conversation)
        self.responses.create(read_request(self.config, options, entries))
        self.responses.owed_to = None

    def _add_item(self, event: asked.ConversationItemCreate) -> None:
        """The client's id is kept, a missing one is made."""
        given, conversation = event.item, self._conversation
        calls = [entry.item.call_id for entry in conversation if entry.item.type == "function_call"]
        if given.type == "function_call_output" and given.call_id not in calls:
            text = f"Tool call ID '{given.call_id}' not found in conversation."
            raise Refusal("invalid_tool_call_id", text, "item.call_id")
        sound = _sound_of(given, self.config.input_format)
        item = msgspec.structs.replace(
            given,
            id=given.id or conversation.new_id("item"),
            object="realtime.item",
            status="completed",
            content=tuple(msgspec.structs.replace(part, audio=None, image_url=None) for part in given.content),
        )
        if item.type == "function_call" and not item.call_id:
            item = msgspec.structs.replace(item, call_id=conversation.new_id("call"))
        entry = Entry(item)
        conversation.add(entry, event.previous_item_id)
        conversation.done(entry, item)
        if len(sound):
            conversation.keep_sound(entry, sound, SAMPLE_RATE)
            if not entry.heard_text:
                self.listening.adopt(entry)

    def _found(self, act: str, item_id: str | None) -> Entry:
        if entry := self._conversation.find(item_id):
            return entry
        text = f"Error {act.removesuffix('e')}ing item: the item with ID '{item_id}' does not exist."
        raise Refusal(f"item_{act}_invalid_item_id", text, "item_id")

    def _retrieve_item(self, entry: Entry) -> None:
        """The item as the server knows it, with its sound where a message can hold that."""
        item, form = entry.item, self.config.input_format
        if len(entry.sound) and item.content:
            wire = encoded_sound(form, resampled(to_float(entry.sound), entry.rate, RATES[form]))
            if self.transport == "webrtc" and (size := len(wire) // 4 * 3) > LONGEST_RETRIEVED:
                text = (
                    f"The sound of item '{item.id}' has {size} bytes and a data channel takes "
                    f"{LONGEST_RETRIEVED}: retrieve it over WebSocket."
                )
                raise Refusal("item_retrieve_audio_too_large", text, "item_id")
            head = msgspec.structs.replace(item.content[0], audio=wire or None)
            item = msgspec.structs.replace(item, content=(head, *item.content[1:]))
        self._emit(events.ConversationItemRetrieved(item=item))

    def _truncate_item(self, event: asked.ConversationItemTruncate, now: float) -> None:
        """Keep what was heard of a spoken answer; its transcript is deleted."""
        self.responses.told_what_was_heard(now)
        entry = self._found("truncate", event.item_id)
        if entry.item.role != "assistant" or not entry.words:
            raise invalid("item_id", "only spoken messages of the assistant can be truncated.")
        if event.content_index:
            raise invalid("content_index", "a spoken message has one part, 0.")
        if event.audio_end_ms > (length_ms := round(entry.length * 1000)):
            text = f"Audio content of {length_ms}ms is already shorter than {event.audio_end_ms}ms"
            raise Refusal("invalid_value", text, "audio_end_ms")
        entry.cut(event.audio_end_ms / 1000)
        self._emit(events.ConversationItemTruncated(item_id=entry.id, content_index=0, audio_end_ms=event.audio_end_ms))


def _sound_of(item: Item, form: str) -> NDArray[np.int16]:
    """The sound a created item carries, at 16 kHz; empty when it has none."""
    pieces = [
        to_int16(resampled(decoded_sound(form, part.audio, f"item.content[{index}].audio"), RATES[form], SAMPLE_RATE))
        for index, part in enumerate(item.content)
        if part.audio
    ]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)


def _check_form(raw: Fields, dialect: DialectName) -> None:
    """Raises Refusal; a session inside is checked by its own dialect (`read_update`)."""
    if "type" not in raw:
        raise missing("type")
    check(raw["type"], Word((*client_types(dialect), TRANSCRIPTION_UPDATE)), "type")
    kind = str(raw["type"])
    shape = event_shape(kind, "beta" if kind == TRANSCRIPTION_UPDATE else dialect)
    assert shape is not None
    check({**raw, "session": {}} if isinstance(raw.get("session"), dict) else raw, shape, "")


def error_event(refusal: Refusal, refused: Fields | None = None) -> events.ServerError:
    """`refused`: the client event."""
    given = refused.get("event_id") if refused else None
    event_id = given if isinstance(given, str) else None
    return events.ServerError(error=ErrorDetail(**refusal.fields(), event_id=event_id))
