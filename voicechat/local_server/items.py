"""The client's hand on the conversation: create, retrieve, truncate and delete items, with the service's refusals."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

import msgspec
import numpy as np

from voicechat.local_server.actions import Out
from voicechat.local_server.conversation import Conversation, Entry, cut
from voicechat.local_server.listening import Listening
from voicechat.local_server.resample import resampled
from voicechat.local_server.session_config import SessionConfig
from voicechat.local_server.shapes import Refusal, invalid
from voicechat.local_server.sound_formats import RATES, int16, read_sound, write_sound
from voicechat.local_server.speech.vad import SAMPLE_RATE
from voicechat.protocol.client_events import ConversationItemCreate, ConversationItemTruncate
from voicechat.protocol.items import ContentPart, Item
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemRetrieved,
    ConversationItemTruncated,
)

LONGEST_RETRIEVED = 100_000
"""Bytes of sound that are sent along with a retrieved item; more would not fit into a data-channel message (262,144
bytes with base64 and the other side's own limit)."""


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
    entry = Entry(msgspec.structs.replace(item, content=tuple(_without_audio(part) for part in item.content)))
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


def retrieve_item(conversation: Conversation, item_id: str | None, form: str) -> list[Out] | Refusal:
    """`conversation.item.retrieve`: the item as the server knows it, with its sound where that is not too long."""
    entry = conversation.find(item_id)
    if entry is None:
        return _not_found("retrieve", item_id)
    item, rate = entry.item, RATES[form]
    if len(entry.sound) and item.content:
        wire = write_sound(form, resampled(entry.sound.astype(np.float32) / 32768.0, entry.rate, rate))
        if len(wire) <= LONGEST_RETRIEVED:
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


def _without_audio(part: ContentPart) -> ContentPart:
    return msgspec.structs.replace(part, audio=None) if part.audio else part


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
