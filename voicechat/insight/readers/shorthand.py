"""Events of which a client prints the name, or the end of it, and a few words: `speech_started item_1`,
`response.done r1 status=cancelled (turn_detected)`, `session.updated: modalities ['text'], voice alloy`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from voicechat.insight.readers.narration import CLIENT, SERVER
from voicechat.protocol.dialects import GA_NAMES
from voicechat.protocol.session_dialects import GA_PATHS

_ALL = sorted(CLIENT | SERVER)
_SPACED = tuple(
    """
    speech_started speech_stopped response.created response.done session.created session.updated
    """.split()
)
"""Also written as two words."""
_COMMITTED = r"(?:(?:input )?(?:audio )?(?:buffer )?committed)"
LONGEST_SAYING = 2000


def _tails() -> dict[str, str]:
    """The end of a name that only one event has -> its GA name."""
    named: dict[str, set[str]] = {}
    for name in _ALL:
        for short in (name, name.replace("input_audio_transcription", "transcription")):
            parts = short.split(".")
            for at in range(1 if short == name else 0, len(parts)):
                named.setdefault(".".join(parts[at:]), set()).add(GA_NAMES.get(name, name))
    return {tail: next(iter(names)) for tail, names in named.items() if len(names) == 1 and re.search(r"[._]", tail)}


_TAILS = _tails()
_PLAIN = {
    tail.replace(".", "_"): name for tail, name in ({name: GA_NAMES.get(name, name) for name in _ALL} | _TAILS).items()
}
_PLAIN.pop("error")
"""Also as constants and variables spell it: `RESPONSE_DONE`."""
_FLAG = r"\s?[:=]\s?(?:true|false|none|null|[01])\b"
"""Behind the name of a variable that is called like an event."""
_SHORT = re.compile(
    r"(?:[^\w\n\"'`{\[(]++|\[(?!vad\])[^\]\n]{1,40}\]|\([^)\n]{1,30}\)|[\[(](?!vad)|[\w.-]{1,30}(?:::[\w.-]{1,30}){0,3}:(?=[\s\d])(?:\d{1,6})?|"
    r"(?:info|debug|trace|recv|received?|got|sen[dt]|sending|server|client|in|out|event|evt|msg|type|openai|oai|realtime|rt|ws|dc)\b){0,8}"
    rf"(?:(?P<tail>{'|'.join(sorted(_PLAIN, key=len, reverse=True)).replace('_', '[._]')})(?![\w(]|\.\w|{_FLAG})|"
    rf"(?P<words>{'|'.join(re.sub('[._]', ' ', name) for name in _SPACED)}|{_COMMITTED})"
    r"(?=(?: successfully)?\s*(?:$|[:(\[{=#,;]|[a-z]{1,8}[_-]\w|\w{1,20}=)))",
    re.I,
)
_WORDS = {re.sub("[._]", " ", name): _TAILS.get(name, name) for name in _SPACED}
_HINTS = re.compile(r"_st|ted|[._](?:add|com|del|don|fai|cle)", re.I)
"""One of them stands in every short name that is worth a search."""


def short_name(rest: str) -> tuple[str, int] | None:
    """The event that a line begins with, by the end of its name, and where in the line that ends."""
    if _HINTS.search(rest) is None:
        return None
    match = _SHORT.match(rest)
    if match is None:
        return None
    if match["tail"]:
        return _PLAIN[match["tail"].lower().replace(".", "_")], match.end()
    return _WORDS.get(match["words"].lower(), "input_audio_buffer.committed"), match.end()


_IDS = {
    "item_id": re.compile(r"\b(?:item_id\W{0,4})?((?:item|msg)_(?:[A-Za-z0-9]{4,}|[A-Za-z]?\d{1,3}))\b"),
    "response_id": re.compile(r"\b(resp_(?:[A-Za-z0-9]{4,}|[A-Za-z]{0,2}\d{1,3}))\b"),
    "event_id": re.compile(r"\b(event_[A-Za-z0-9]{4,})"),
    "call_id": re.compile(r"\b(call_(?!ids?\b)\w{1,40})"),
}
_NEXT_ID = re.compile(r"[\s:#]{1,3}([a-z]{1,4}[-_]?\d{1,4})\b(?!\s*[=:])", re.I)
"""A short id right behind the name."""
_STATUS = re.compile(
    r"\bstatus\W{1,4}(completed|cancelled|failed|incomplete|in_progress)\b|\b(cancell?ed|incomplete)\b"
)
_COMPLETED = re.compile(r"^\W{1,4}(?:\w{1,12} )?(completed|failed)\b")
"""Right behind the name."""
_OUTPUTS = re.compile(r"\boutput(?:s|_count|_items|_length)?\W{1,4}(\d{1,3})\b|\boutput\W{1,3}(\[\])")
_REASON = re.compile(r"\b(turn_detected|client_cancelled|max_output_tokens|content_filter)\b")
_CODE = re.compile(
    r"\bcode\W{1,4}([a-z][a-z_]{4,60})\b|"
    r"\b(rate_limit_exceeded|insufficient_quota|server_error|invalid_api_key|model_not_found|session_expired)\b"
)
_QUOTED = re.compile(r"(?:^|[\s:：=])[\"'“「]")
"""Before the words behind the name, where no field is named."""
_SAID = re.compile(r"\b(?:transcript|text|delta)\W{1,4}[\"'“「]?")
_FREE = re.compile(r"^\s*[:：=]\s+(?=[^\W\d_]\S* \S)")
"""Before words without quotation marks: two at least."""
_CLOSING = ("'", '"', "”", "」")
_NUMBERS = re.compile(r"\b(audio_(?:start|end)_ms)\W{1,4}(\d{1,15})(?!\d)")
_AT_MS = re.compile(r"^\W{0,3}(?:at |@ ?)?(\d{1,9}) ?ms\b")
_SETTINGS = re.compile(
    r"\b((?:in|out)put_audio_format|voice|silence_duration_ms|create_response|interrupt_response|turn_detection|"
    r"input_audio_transcription|transcription|(?:output_)?modalities)\b['\"]?\s?[:= ]\s?"
    r"(\[[^\]\n]{0,60}\]|['\"]?[\w-]{1,40})"
)
_SESSION_ID = re.compile(r"\b(sess_\w{3,40})")
_WORDS_OF_NOTHING = {"null": None, "none": None, "nil": None, "true": True, "false": False}
_ITEM_TYPE = re.compile(r"\b(function_call_output|function_call|input_text|message)\b")
_VAD = ("silence_duration_ms", "create_response", "interrupt_response")


def fields(name: str, rest: str) -> dict[str, Any]:
    """The event as far as what stands behind its name tells it: ids, a status, a reason, a transcript, settings."""
    event: dict[str, Any] = {"type": name}
    for field, pattern in _IDS.items():
        if match := pattern.search(rest):
            event[field] = match[1]
    for match in _NUMBERS.finditer(rest):
        event[match[1]] = int(match[2])
    ga = GA_NAMES.get(name, name)
    if ga in ("response.created", "response.done"):
        event["response"] = _response(event, rest)
    elif ga.endswith(("transcription.completed", "audio_buffer.committed", "transcript.done", ".delta")):
        if (said := _said_in(rest)) is not None:
            event["delta" if ga.endswith(".delta") else "transcript"] = said
    elif ga.startswith("session.") and (session := _session(rest)):
        event["session"] = session
    elif ".speech_st" in ga and (at := _AT_MS.search(rest)):
        event["audio_start_ms" if ga.endswith("started") else "audio_end_ms"] = int(at[1])
    elif "item." in ga and (kind := _ITEM_TYPE.search(rest)):
        event["item"] = {"type": kind[1], **{key: event[key] for key in ("call_id",) if key in event}}
    return event


def _said_in(rest: str) -> str | None:
    """The words at the end of a line, behind a field's name or in quotation marks; None where there are none."""
    line = rest.rstrip()
    words = line[:-1] if line[-1:] in _CLOSING else line
    from_ = max(line.rfind("\n") + 1, len(words) - LONGEST_SAYING)
    found = next((head for head in _SAID.finditer(line) if head.end() >= from_), None)
    if found is None and words == line:
        found = _FREE.match(line)
    elif found is None:
        found = next((head for head in _QUOTED.finditer(words + " ") if head.end() >= from_), None)
    return words[found.end() :] if found is not None else None


def _response(event: Mapping[str, Any], rest: str) -> dict[str, Any]:
    next_id = _NEXT_ID.match(rest)
    response: dict[str, Any] = {"id": event.get("response_id", "") or (next_id[1] if next_id else "")}
    if status := _STATUS.search(rest) or _COMPLETED.search(rest):
        response["status"] = next(filter(None, status.groups())).replace("canceled", "cancelled")
    if outputs := _OUTPUTS.search(rest):
        response["output"] = [{}] * min(int(outputs[1] or 0), 20)
    details: dict[str, Any] = {}
    if reason := _REASON.search(rest):
        details["reason"] = reason[1]
    if code := _CODE.search(rest):
        details["error"] = {"code": code[1] or code[2], "message": rest.strip()[:300]}
    return response | ({"status_details": details} if details else {})


def _session(rest: str) -> dict[str, Any]:
    """`voice alloy, input_audio_format=pcm16, turn_detection: null` as a beta session."""
    named = _SESSION_ID.search(rest)
    session: dict[str, Any] = {"id": named[1]} if named is not None else {}
    for key, told in _SETTINGS.findall(rest):
        plain = told.strip("'\"")
        value: Any = _WORDS_OF_NOTHING.get(plain.lower(), int(plain) if plain.isdigit() else plain)
        if told.startswith("["):
            value = re.findall(r"\w+", told)
        if key in _VAD:
            known = session.get("turn_detection")
            session["turn_detection"] = (known if isinstance(known, dict) else {"type": "server_vad"}) | {key: value}
        elif key == "turn_detection" and value is not None:
            session.setdefault(key, {"type": value} if str(value).endswith("_vad") else {})
        elif value is None or "transcription" not in key:
            session["input_audio_transcription" if key == "transcription" else key] = value
    return session


_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_ENUM = re.compile(r"[A-Z]\w*(?:\.\w+)*\.[a-z]\w*")
_NAMED_BY_ENUMS = ("status", "reason", "type", "code")
_OF_SESSIONS = {*GA_PATHS, "audio", "instructions", "tools", "output_modalities", "model"}
_STATUSES = ("completed", "cancelled", "failed", "incomplete")
_OF_RESPONSES = {"status", "id", "output", "reason", "status_details", "conversation", "modalities"}


def snaked(value: Any) -> Any:
    """`audioStartMs` as `audio_start_ms`, and an enum's value without the enum."""
    if isinstance(value, Mapping):
        whole = {_CAMEL.sub(r"_\1", str(name)).lower(): snaked(part) for name, part in value.items()}
        return whole | {name: _snake(whole[name]) for name in _NAMED_BY_ENUMS if isinstance(whole.get(name), str)}
    if isinstance(value, list):
        return [snaked(part) for part in value]
    if isinstance(value, str) and _ENUM.fullmatch(value):
        return _snake(value.rsplit(".", 1)[-1])
    return value


def _snake(word: str) -> str:
    return _CAMEL.sub(r"_\1", word).lower() if word.isidentifier() else word


def with_body(name: str, rest: str, body: Any) -> dict[str, Any]:
    """The event of a name and of an object beside it, which may be the event, its session, its response or its item."""
    body = snaked(body)
    family = name.partition(".")[0]
    told = fields(name, rest)
    if family == "session" and "session" not in body and not _OF_SESSIONS.isdisjoint(body):
        body = {"session": body}
    elif family == "response" and body.get("type") in _STATUSES and "status" not in body:
        body = {"response": {"status": body["type"], "status_details": body}}
    elif family == "response" and "response" not in body and not _OF_RESPONSES.isdisjoint(body) and "delta" not in body:
        body = {"response": body}
    elif name == "error" and "error" not in body:
        body = {"error": body}
    elif ".output_item." in name or name.startswith("conversation.item."):
        if "item" not in body and (body.get("type") in ("message", "function_call", "function_call_output")):
            body = {"item": body}
    response, printed = body.get("response"), told.get("response")
    if isinstance(response, dict) and isinstance(printed, dict):
        if "reason" in response:
            printed["status_details"] = {"reason": response["reason"]}
        body = {**body, "response": {**printed, **response}}
    return {**told, **body, "type": name}
