"""JSON text <-> event, for both roles.

Reading is tolerant: services differ, and a field nobody expected must never end a talk. Only `type` is required; what
does not fit is absent and noted, what is no event at all becomes `MalformedFrame`. No input makes a decoder raise.
Writing is strict: what the protocol does not allow is a defect of ours and raises `LocalProtocolError`.

From a JSON tree to an event record, keeping all that is well formed.

msgspec refuses a record for one bad field, which is right for a file and wrong for a conversation: a `response.done`
whose usage is odd must still end the answer. So after a refusal each field is tried alone, nested records likewise.

Events made into text. Strict: a frame that the protocol forbids is our defect and is found here, not by a server.

OpenAI refuses a whole `session.update` for one bad field and answers a bad frame long after the mistake, so nothing
leaves that has a wrong type, is missing what it cannot do without, or holds what JSON cannot say.
"""

from __future__ import annotations

import binascii
import math
from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Generic, TypeAlias, TypeVar, Union, cast, get_args, get_origin

import msgspec

from voicechat.errors import LocalProtocolError
from voicechat.protocol.client_events import (
    CLIENT_EVENTS,
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    SessionInputAudioBufferAppend,
    SessionUpdate,
)
from voicechat.protocol.dialects import DialectName, detect_dialect, ga_name, item_to_ga, response_to_ga
from voicechat.protocol.items import ContentPart, Item, Response
from voicechat.protocol.json_text import MAX_DEPTH, Notes, byte_size, clean_text, read_json
from voicechat.protocol.server_events import (
    SERVER_EVENTS,
    ConversationItemInputAudioTranscriptionFailed,
    InputAudioBufferSpeechStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputTextDone,
    ServerError,
    ServerEvent,
)
from voicechat.protocol.session_dialects import DIALECTS
from voicechat.protocol.wire import JsonValue, MalformedFrame, UnknownEvent, WireEvent, type_of

Fields: TypeAlias = dict[str, JsonValue]

_OTHER_NAMES: dict[type[WireEvent], tuple[str, str]] = {
    InputAudioBufferSpeechStopped: ("audio_start_ms", "audio_end_ms"),
    ResponseOutputTextDone: ("delta", "text"),
    ResponseOutputAudioTranscriptDone: ("delta", "transcript"),
}
"""Where guides name a field wrongly: the wrong and the right name."""

_ERROR_FIELDS = ("message", "code", "param")


def event_type(raw: Mapping[str, JsonValue], notes: Notes, *, may_be_error: bool) -> str:
    """The type of an event; empty if it has none. An HTTP-style body `{"error": ...}` counts as an error event."""
    kind = raw.get("type")
    if isinstance(kind, list) and kind and isinstance(kind[0], str):
        notes.add("type: a list, where a string belongs; its first word counts")
        kind = kind[0]
    if isinstance(kind, str):
        return kind
    if may_be_error and kind is None and raw.get("error"):
        notes.add("type: missing; read as an error")
        return "error"
    return ""


def repaired(record: type[WireEvent], raw: Mapping[str, JsonValue], notes: Notes) -> Fields:
    """The fields of an event under the names of `record`; `raw` is left as it is."""
    fields: Fields = {name: value for name, value in raw.items() if name != "type"}
    _unlisted(fields, "event_id", notes, "event_id")
    if record in _OTHER_NAMES:
        _renamed(fields, *_OTHER_NAMES[record], notes)
    if "session" in record.__struct_fields__:
        _wrapped_session(fields, notes)
    if record in (ServerError, ConversationItemInputAudioTranscriptionFailed):
        _gathered_error(fields, notes)
    if isinstance(item := fields.get("item"), dict):
        fields["item"] = item_to_ga(item)
    if record in (ResponseCreated, ResponseDone) and isinstance(response := fields.get("response"), dict):
        fields["response"] = _flat_response(response)
    return fields


def _unlisted(fields: Fields, name: str, notes: Notes, path: str) -> None:
    value = fields.get(name)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        fields[name] = value[0]
        notes.add(f"{path}: a list, where a string belongs; its first word counts")


def _renamed(fields: Fields, wrong: str, right: str, notes: Notes) -> None:
    if wrong in fields and right not in fields:
        fields[right] = fields.pop(wrong)
        notes.add(f"{wrong}: the field is called {right}; read as that")


def _wrapped_session(fields: Fields, notes: Notes) -> None:
    """Some guides show the session's fields beside `type`."""
    beside = {name: value for name, value in fields.items() if name != "event_id"}
    if "session" not in fields and beside:
        fields["session"] = beside
        notes.add("session: its fields stood beside type; read as the session")


def _gathered_error(fields: Fields, notes: Notes) -> None:
    """An error may be a bare string (vLLM), or its fields may stand beside `type`."""
    error = fields.get("error")
    if isinstance(error, str) or (error is None and "message" in fields):
        beside: Fields = {name: fields[name] for name in _ERROR_FIELDS if name in fields}
        fields["error"] = {**beside, "message": error} if isinstance(error, str) else beside
        notes.add("error: not an object; read as its message")
    elif isinstance(error, dict):
        tidy = dict(error)
        for name in ("type", "event_id"):
            _unlisted(tidy, name, notes, f"error.{name}")
        if isinstance(code := tidy.get("code"), int) and not isinstance(code, bool):
            tidy["code"] = str(code)
            notes.add("error.code: a number, where a string belongs; read as text")
        fields["error"] = tidy


def _flat_response(response: Fields) -> Fields:
    """GA names, and the voice where `Response` has it."""
    fields = response_to_ga(response)
    audio = fields.get("audio")
    output = audio.get("output") if isinstance(audio, dict) else None
    voice = output.get("voice") if isinstance(output, dict) else None
    if isinstance(voice, dict):
        voice = voice.get("id")
    if voice is not None:
        fields["voice"] = voice
    return fields


MAX_APPEND = 15 * 1024 * 1024
"""Characters of base64 in one append; OpenAI's limit."""


def spelled(event: WireEvent | UnknownEvent | MalformedFrame, dialect: DialectName) -> str:
    """The event as JSON text in a dialect. Raises `LocalProtocolError`."""
    match event:
        case MalformedFrame():
            raise LocalProtocolError("a malformed frame is something we received; it cannot be sent")
        case UnknownEvent():
            frame: dict[str, JsonValue] = {**event.payload, "type": event.type}
        case _:
            frame = _frame(event, dialect)
    _refuse_unspeakable(frame, type_of(event), 0)
    try:
        return msgspec.json.encode(frame).decode()
    except (UnicodeError, TypeError, OverflowError) as error:
        raise LocalProtocolError(f"{type_of(event)} holds what JSON cannot say: {error}") from error


def _frame(event: WireEvent, dialect: DialectName) -> dict[str, JsonValue]:
    fields = _fields(event)
    try:
        msgspec.convert(fields, type(event))
    except msgspec.ValidationError as error:
        raise LocalProtocolError(f"{type_of(event)} has a field of the wrong type: {error}") from error
    _refuse_impossible(event, dialect)
    session = fields.get("session")
    if isinstance(event, SessionUpdate) and isinstance(session, dict) and session.get("type") == "translation":
        # Type and model of a translation session are settled at the door; an update that names them is refused.
        session = fields["session"] = {"audio": session.get("audio", {})}
    kind = session if isinstance(session, dict) else None
    spoken = DIALECTS[dialect]
    name = spoken.event_name(type_of(event), kind)
    if name is None:
        raise LocalProtocolError(f"the {dialect} dialect has no {type_of(event)}")
    return {"type": name, **spoken.fields(type_of(event), fields)}


def _fields(record: msgspec.Struct) -> dict[str, JsonValue]:
    """A record as a mapping. None means absent; a message always has its content, other items need none."""
    fields = {name: _value(value) for name in record.__struct_fields__ if (value := getattr(record, name)) is not None}
    if hasattr(record, "previous_item_id") and not isinstance(record, ConversationItemCreate):
        fields.setdefault("previous_item_id", None)  # servers say null for the first item; to clients it means the end
    if isinstance(record, ContentPart) and record.type == "input_audio" and record.audio is None:
        # Servers say null until the words are known; OpenAI's agents package fails at an item without the field.
        fields.setdefault("transcript", None)
    if isinstance(record, Item) and record.type != "message" and not record.content:
        del fields["content"]
    if isinstance(record, Response) and "voice" in fields:
        fields["audio"] = {"output": {"voice": fields.pop("voice")}}
    return fields


def _value(value: object) -> JsonValue:
    match value:
        case msgspec.Struct():
            return _fields(value)
        case tuple():
            return [_value(one) for one in value]
        case _:
            return value  # type: ignore[return-value]  # proved to be JSON before it is encoded


def _refuse_impossible(event: WireEvent, dialect: DialectName) -> None:
    match event:
        case SessionUpdate():
            if not event.session:
                raise LocalProtocolError("session.update without a session changes nothing")
            if dialect == "ga" and detect_dialect(event.session) == "beta":
                raise LocalProtocolError("session.update in beta spelling for a GA service")
        case InputAudioBufferAppend() | SessionInputAudioBufferAppend():
            _refuse_bad_audio(event.audio)
        case ConversationItemCreate():
            _refuse_bad_item(event.item)
        case ConversationItemTruncate() if event.audio_end_ms < 0 or event.content_index < 0:
            raise LocalProtocolError("an answer cannot be cut before its beginning")
        case ConversationItemTruncate() | ConversationItemRetrieve() | ConversationItemDelete():
            if not event.item_id:
                raise LocalProtocolError(f"{type_of(event)} needs an item_id")
        case _:
            pass


def _refuse_bad_audio(audio: str) -> None:
    if not audio:
        raise LocalProtocolError("an append without audio")
    if len(audio) > MAX_APPEND:
        raise LocalProtocolError(f"an append of {len(audio)} characters; the limit is {MAX_APPEND}")
    try:
        binascii.a2b_base64(audio, strict_mode=True)
    except ValueError as error:
        raise LocalProtocolError(f"the audio of an append is not base64: {error}") from error


def _refuse_bad_item(item: Item) -> None:
    match item.type:
        case "message" if item.role not in ("system", "user", "assistant"):
            raise LocalProtocolError(f"a message needs a role: system, user or assistant, not {item.role!r}")
        case "message" if not item.content:
            raise LocalProtocolError("a message without content")
        case "message" if any(part.audio for part in item.content) and item.role == "assistant":
            raise LocalProtocolError("an assistant's sound cannot be put into a conversation, only its text")
        case "function_call_output" if not item.call_id or item.output is None:
            raise LocalProtocolError("a tool's result needs the call_id of the call and an output text")
        case None | "":
            raise LocalProtocolError("an item needs a type")
        case _:
            pass


def _refuse_unspeakable(value: object, where: str, depth: int) -> None:
    """JSON has no NaN (msgspec would write null, which means something else), no endless depth, no other objects."""
    match value:
        case float() if not math.isfinite(value):
            raise LocalProtocolError(f"{where} holds {value}, which JSON cannot say")
        case None | bool() | int() | float() | str():
            return
        case dict() | list() if depth > MAX_DEPTH:
            raise LocalProtocolError(f"{where} is nested too deep")
        case dict():
            for name, inner in value.items():
                if not isinstance(name, str):
                    raise LocalProtocolError(f"{where} has a member whose name is no text")
                _refuse_unspeakable(inner, where, depth + 1)
        case list():
            for inner in value:
                _refuse_unspeakable(inner, where, depth + 1)
        case _:
            raise LocalProtocolError(f"{where} holds a {type(value).__name__}, which JSON cannot say")


S = TypeVar("S", bound=msgspec.Struct)

_ABSENT = object()


def build(record: type[S], fields: Mapping[str, object], notes: Notes, path: str = "") -> S:
    """A record of these fields; a field that does not fit is absent and noted with its path."""
    try:
        return msgspec.convert(fields, record)
    except msgspec.ValidationError:
        return _built_field_by_field(record, fields, notes, path)


def _built_field_by_field(record: type[S], fields: Mapping[str, object], notes: Notes, path: str) -> S:
    kept = {}
    for name, hint in _hints(record):
        value = fields.get(name)
        # null is how many services say "absent", even where the specification wants a string
        if value is None:
            continue
        fitted = _fitted(value, hint, notes, f"{path}.{name}" if path else name)
        if fitted is not _ABSENT:
            kept[name] = fitted
    return record(**kept)


@cache
def _hints(record: type[msgspec.Struct]) -> tuple[tuple[str, object], ...]:
    return tuple((field.name, field.type) for field in msgspec.structs.fields(record))


def _fitted(value: object, hint: object, notes: Notes, path: str) -> object:
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        refusal = str(error).split(" - at ")[0]
    for choice in _choices(hint):
        fitted = _adapted(value, choice, notes, path)
        if fitted is not _ABSENT:
            return fitted
    notes.add(f"{path}: {refusal}; left out")
    return _ABSENT


def _adapted(value: object, hint: Any, notes: Notes, path: str) -> object:
    """The value made to fit, where that loses nothing that could be kept."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return build(hint, value, notes, path) if isinstance(value, Mapping) else _ABSENT
    if get_origin(hint) is tuple and isinstance(value, list):
        inner = (_fitted(one, get_args(hint)[0], notes, f"{path}[{index}]") for index, one in enumerate(value))
        return tuple(one for one in inner if one is not _ABSENT)
    if hint is int and isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)  # JSON has one kind of number; 1480.0 is 1480
    return _ABSENT


def _choices(hint: Any) -> tuple[Any, ...]:
    """The members of a union, without the constraints that msgspec reads."""
    if get_origin(hint) is Annotated:
        return _choices(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return tuple(choice for member in get_args(hint) for choice in _choices(member))
    return (hint,)


E = TypeVar("E", covariant=True)
ClientFrame: TypeAlias = ClientEvent | UnknownEvent | MalformedFrame

EXCERPT_LENGTH = 160
"""Characters of a malformed frame that are kept to be shown."""


class Decoded(msgspec.Struct, Generic[E], frozen=True):
    """One frame, understood as far as it can be."""

    event: E
    notes: tuple[str, ...] = ()
    """What was odd, in plain words with the field's path; empty for a frame that follows the specification."""
    raw: dict[str, JsonValue] | None = None
    """The frame as it came, in the dialect it came in; None if it was no JSON object."""
    size: int = 0
    """Bytes on the wire."""


def decode_server(text: str | bytes) -> Decoded[ServerEvent]:
    """What a service said."""
    return cast("Decoded[ServerEvent]", _decode(text, SERVER_EVENTS))


def decode_client(text: str | bytes) -> Decoded[ClientFrame]:
    """What a client said."""
    return cast("Decoded[ClientFrame]", _decode(text, CLIENT_EVENTS))


def encode(event: ServerEvent | ClientEvent, dialect: DialectName = "ga") -> str:
    """The event as text. Raises `LocalProtocolError` for what must not be sent in that dialect.

    A GA session object is translated for beta; in GA it goes out as it is, since `session_config` has checked it and a
    provider may have fields of its own.
    """
    return spelled(event, dialect)


def _decode(text: str | bytes, known: Mapping[str, type[WireEvent]]) -> Decoded[object]:
    size = byte_size(text)
    read = read_json(text)
    if not isinstance(read.tree, dict):
        reason = read.reason or f"a JSON {_kind(read.tree)}, where an event is an object"
        return Decoded(MalformedFrame(reason=reason, excerpt=excerpt(text), size=size), read.notes, None, size)
    raw = cast("dict[str, JsonValue]", read.tree)
    notes = Notes(list(read.notes))
    kind = event_type(raw, notes, may_be_error="error" in known)
    if not kind:
        reason = "an object without a usable type"
        return Decoded(MalformedFrame(reason=reason, excerpt=excerpt(text), size=size), tuple(notes.lines), raw, size)
    record = known.get(ga_name(kind))
    if record is None:
        event: object = UnknownEvent(type=kind, payload=raw)
    else:
        event = build(record, repaired(record, raw, notes), notes)
    return Decoded(event, tuple(notes.lines), raw, size)


def excerpt(text: str | bytes) -> str:
    """The beginning of a frame, as text that can be encoded again."""
    start = text[:EXCERPT_LENGTH]
    return start.decode("utf-8", "replace") if isinstance(start, bytes) else clean_text(start)


def _kind(tree: object) -> str:
    match tree:
        case list():
            return "array"
        case str():
            return "string"
        case None:
            return "null"
        case bool():
            return "boolean"
        case _:
            return "number"
