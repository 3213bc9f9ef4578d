"""What a client says of itself in its log: it mutes, it waits, a timer of its own fires, it asks somebody else.

These sentences are evidence as good as events, and some causes show nowhere else. A sentence about what will be done,
or is waited for, is not told as done. Every event that is made of a sentence keeps it as `told`.

Event names in both dialects, and who sends which: no name is sent by both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

from voicechat.insight.readers import phrases as say
from voicechat.insight.readers.talk import turn_in
from voicechat.insight.refusals import ANY_SAYING, CODES
from voicechat.protocol.client_events import CLIENT_EVENTS
from voicechat.protocol.dialects import GA_NAMES
from voicechat.protocol.server_events import SERVER_EVENTS

WireDirection = Literal["in", "out"]

_BETA_CLIENT = {name for name, ga in GA_NAMES.items() if ga in CLIENT_EVENTS}
_BETA_SERVER = {name for name, ga in GA_NAMES.items() if ga in SERVER_EVENTS}
CLIENT = frozenset(CLIENT_EVENTS) | _BETA_CLIENT
SERVER = frozenset(SERVER_EVENTS) | _BETA_SERVER
"""Also events of services that are not in the table are events; see `is_name`."""
SURE = (CLIENT | SERVER) - {"error"}
"""Names that nothing but an event has."""
FAMILIES = tuple(
    """
    session. conversation. input_audio_buffer. output_audio_buffer. response. rate_limits. transcription_session.
    mcp_list_tools.
    """.split()
)
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]{1,80})+")
IN_TEXT = re.compile(
    r"(?<![\w./-])(?:session|conversation|input_audio_buffer|output_audio_buffer|response|rate_limits|"
    r"transcription_session|mcp_list_tools)(?:\.[a-z][a-z0-9_]{0,80})+(?![\w(])"
)
"""An event's name where it stands alone; `session.update(` is a call in somebody's program."""


ERROR_KINDS = re.compile(r"[a-z]+(?:_[a-z]{1,40})*_error")
_SPELLED = re.compile(
    r"\b(?:RealtimeServerEvent|RealtimeClientEvent|Realtime)?"
    r"((?:[sS]ession|[rR]esponse|[cC]onversation|[iI]nputAudioBuffer|[oO]utputAudioBuffer|[rR]ateLimits|[mM]cp)[A-Z]\w{3,60})"
)
_PLAIN = {re.sub(r"[^a-z]", "", name): name for name in sorted((CLIENT | SERVER) - {"error"})}


def spelled_in(text: str) -> str:
    """An event's name as programs spell it: `responseDone`, `ResponseDoneEvent`, `InputAudioBufferSpeechStarted`."""
    for match in _SPELLED.finditer(text):
        plain = match[1].lower().replace("_", "")
        for word in (plain, plain.removesuffix("event"), plain.removesuffix("message")):
            if word in _PLAIN:
                return _PLAIN[word]
    return ""


def is_name(name: object) -> bool:
    """Whether this is what an event may be called."""
    if not isinstance(name, str):
        return False
    return name in SERVER or name in CLIENT or (name.startswith(FAMILIES) and _NAME.fullmatch(name) is not None)


def is_refusal(value: Mapping[str, Any]) -> bool:
    """Whether an object is the inside of an `error` event: `{type: invalid_request_error, code, message, param}`."""
    kind = value.get("type")
    if not isinstance(value.get("message"), str) or not ("code" in value or "param" in value):
        return False
    return isinstance(kind, str) and ERROR_KINDS.fullmatch(kind) is not None


def is_response(value: Mapping[str, Any]) -> bool:
    """Whether an object is a response without its event around it."""
    if value.get("object") != "realtime.response":
        return False
    return value.get("status") in ("completed", "cancelled", "failed", "incomplete")


def is_event(value: Mapping[str, Any]) -> bool:
    """Whether an object is an event. An `error` needs its body: the type alone is a word that many things have."""
    kind = value.get("type")
    if kind == "error":
        return isinstance(value.get("error"), Mapping | str) or "event_id" in value
    return is_name(kind)


def direction_of(name: str, told: WireDirection | None) -> WireDirection:
    """Who sent it: the name says so; of an unknown one only the log can tell."""
    if name in CLIENT:
        return "out"
    if name in SERVER:
        return "in"
    return told or "in"


LONGEST = 400
"""Characters of a line that are looked at."""
_CLAUSES = re.compile(r"[,，;；。()（）—–|]|\b(?=(?:will|until|waiting)\b)|(?=[直等将])(?=直到|等待|将)|->|=>|→")
_BUFFER = re.compile(r"\b(?:output_audio_buffer|response|input_audio_buffer)\.[a-z_.]+")
_REPLY = re.compile(
    r"(?<=for )(?:an? |the |its |ai |model |assistant |server |bot |user ){0,2}"
    r"(?:response|reply|answer|transcript(?:ion)?|to (?:speak|talk))\b|回复|回答|响应",
    re.I,
)
_DENIED = re.compile(r"\bnot\b|并非|不是")
_CODES = re.compile(rf"\b({'|'.join(sorted(CODES, key=len, reverse=True))})\b")
_REFUSED = re.compile(
    r"(unknown[ _]parameter|invalid[ _]type for|invalid[ _]value|missing[ _]required[ _]parameter|unsupported[ _]value|"
    r"invalid (?=modalities\b|['\"`](?:session|response)\b))\W{0,4}['\"`]?(?:session|response)?",
    re.I,
)
_CODEC_NAMES = {"alaw": "alaw", "a-law": "alaw", "g711_alaw": "alaw", "pcma": "alaw"}

FEWEST_WORDS = 3
"""Of a sentence that somebody writes."""
LONG_SENTENCE = 10
_SPAN = re.compile(r"`[^`]{1,80}`")
"""What a writer marks as code."""
_MODULE = re.compile(r"\W{0,9}\w{1,40}[.:]\w")
_PROGRAM = re.compile(r"[{}<>|=\t]|\w\(|://|^\W*(?:\d(?!\d?\. [A-Z])|[A-Z]{3,}\b|\[\w)")
"""Marks of a line that a program printed."""

_SPOKEN = re.compile(
    r"transcri|\b(?:said|says|generating tts|response text)\b|^\W*(?:heard|saying|\[(?:stt|asr|tts|llm)\])|"
    r"[:>]\s*[\"“'].{1,300}[\"”']\W*$|^\W*[a-z]{2,12}> ",
    re.I,
)
"""Words that are quoted: what somebody says in the talk about errors is none."""

Told = Mapping[str, Any]


def narrated(line: str) -> Iterator[Told]:
    """The local events that a sentence tells of; none for most sentences."""
    yield from map(dict, _narrated(line[:LONGEST]))


@lru_cache(maxsize=512)
def _narrated(said: str) -> tuple[Told, ...]:
    """A log repeats its sentences."""
    return tuple(_acts_of(said))


def complaints_in(said: str) -> Iterator[Told]:
    """What people write in prose about the log that they paste: no proof, and it tells which of two causes is meant."""
    is_long = len(said.split()) >= FEWEST_WORDS or not said.isascii()
    is_over = say.ADVICE.search(said) or (say.OVER.search(said) and not say.STILL.search(said))
    if is_long and not is_over and _PROGRAM.search(said) is None:
        about = [one for one, told in say.COMPLAINTS.items() if told.search(said)]
        for one in about[:1] and ["guess"] if say.GUESS.search(said) else about:
            if one != "no-reply" or "invented" not in about:  # who did not speak there is the user
                yield {"type": "complaint", "about": one, "told": said}


def _acts_of(said: str) -> Iterator[Told]:
    turn = turn_in(said)
    is_trouble = turn is None or not (turn["words"] and _SPOKEN.search(said))
    if is_trouble and (error := _refusal(said) or _of_client(said)):
        yield error
        return
    lost = list(_of_line(said)) if is_trouble else []
    if not lost and turn is not None:
        yield turn
        if turn["words"]:
            return  # what somebody says in the talk is no act of the client
    yield from _of_microphone(said)
    yield from _of_waiting(said)
    if say.ZEROS.search(said) and not _DENIED.search(said):
        yield {"type": "mic.flat", "is_level": say.LEVEL.search(said) is not None, "told": said}
    elif say.NO_MICROPHONE.search(said):
        yield {"type": "mic.flat", "is_refused": True, "told": said}
    if say.FALSE_ALARM.search(said):
        yield {"type": "notice", "code": "false_alarm", "told": said}
    if say.SIDE.search(said):
        yield {"type": "client.asked_aside", "told": said}
    yield from _of_format(said)
    for rows in EITHER:
        kind = next((kind for kind, told in rows if told.search(said)), "")
        if kind and not (kind.startswith("playback.") and say.UNDONE.search(said)):
            yield {"type": kind, "told": said}
    yield from lost


def is_rule(line: str) -> bool:
    """Whether somebody wrote when something happens, and not that it did."""
    return say.GENERAL.search(line) is not None and is_plain(line)


def looks_like_an_error(line: str) -> bool:
    """Whether somebody meant this line to tell of a failure; a traceback's inner lines do not count."""
    return say.ERROR_LINE.search(line) is not None and say.NO_ERROR.search(line) is None


def is_written(line: str) -> bool:
    """Whether somebody wrote this sentence, or point of a list, and no program printed it."""
    return (len(line.split()) >= LONG_SENTENCE or line.lstrip().startswith(("- ", "* ", "• "))) and is_plain(line)


def is_plain(line: str) -> bool:
    """Whether nothing in this line looks as if a program had printed it."""
    said = _SPAN.sub("it", line)
    return not (_PROGRAM.search(said) or _MODULE.match(said) or looks_like_an_error(said))


def failures_in(text: str) -> Iterator[Told]:
    """What an object or a text that is no event tells of refusals and lost lines; acts are not looked for in it."""
    said = text[:LONGEST]
    if error := _refusal(said) or _of_client(said):
        yield error
        return
    yield from _of_line(said)


def _refusal(said: str) -> Told | None:
    """An `error` of the service that a handler printed as a sentence."""
    if say.LISTED.search(said) or (say.SUCCEEDED.search(said) and not say.FAILS.search(said)):
        return None
    code, refused = _CODES.search(said), _REFUSED.search(said)
    at = refused or code or ANY_SAYING.search(said)
    if at is None or is_rule(_sentence(said, at.start())):
        return None
    message = said[refused.start() :] if refused is not None else said
    named = code or (refused if refused is not None and "_" in refused[1] else None)
    return {"type": "error", "error": {"code": named[1] if named else None, "message": message.strip()}}


def _sentence(said: str, at: int) -> str:
    """The sentence of a line that holds this place."""
    return said[max(said.rfind(end, 0, at) for end in (". ", "! ", "? ")) + 1 :].partition(". ")[0]


EITHER = (
    (("client.idle", say.IDLE), ("client.skipped", say.SKIPPED), ("client.connected", say.CONNECTED)),
    (("playback.cut", say.CUT), ("playback.ended", say.PLAYED), ("playback.began", say.PLAYS)),
    (("talk.pressed", say.KEY_DOWN), ("end.asked", say.ENDS), ("stop.pressed", say.ACTS)),
)
"""What a sentence tells, and in which words; of each group the first that is met."""
CLIENT_FAILURES = {
    "client-unknown-event": say.UNKNOWN_EVENT,
    "sends-without-connection": say.UNSENT,
    "no-response": say.NO_REPLY,
    "answer-without-audio": say.NO_AUDIO,
}
"""Problem -> how a client tells of it."""


def _of_client(said: str) -> Told | None:
    """A library's own failure, where the service never saw anything."""
    if say.LISTED.search(said):
        return None
    for code, told in CLIENT_FAILURES.items():
        if told.search(said) and (code != "no-response" or say.FAILS.search(said)):
            return {"type": "client.failed", "code": code, "message": said.strip(), "told": said}
    return None


def _of_microphone(said: str) -> Iterator[Told]:
    flag = say.MIC_SET.search(said)  # of a list of flags the first one counts
    for clause in (flag[0],) if flag is not None else _CLAUSES.split(said.replace("()", "")):
        told = _gate(clause)
        if told is None:
            continue
        is_own_end = say.RECORDING_STOPPED.search(said) is not None
        for_answer = (say.ANSWER_HEARD if is_own_end else say.FOR_ANSWER).search(said) is not None
        by_user = say.BY_USER.search(said) is not None and not for_answer
        if by_user:
            yield {"type": "mute.chosen", "muted": told == "mic.closed", "told": said}
        why = {"why": "answer" if for_answer else ""} if told == "mic.closed" else {}
        yield {"type": told, **why, "told": said}


@lru_cache(maxsize=512)
def _gate(clause: str) -> str | None:
    """What one clause says was done to the microphone; within a log they repeat more than whole sentences do."""
    if (flag := say.MIC_SET.search(clause)) is not None:
        enabled = flag[1].lower() == "true" if flag[1] else flag[2].lower() == "false"
        return "mic.opened" if enabled else "mic.closed"
    told = "mic.opened" if say.MIC_OPENED.search(clause) else "mic.closed" if say.MIC_CLOSED.search(clause) else None
    return None if told is None or say.UNDONE.search(clause) or say.OF_OTHERS.search(clause) else told


def _of_waiting(said: str) -> Iterator[Told]:
    if say.FALLBACK.search(said):
        yield {"type": "client.fell_back", "told": said}
        if say.CANCELS.search(said):
            yield {"type": "response.cancel", "told": said}
    elif say.WAITS.search(said) and (
        (awaited := _BUFFER.search(said) or _REPLY.search(said)) or say.MIC_OPENED.search(said)
    ):
        yield {"type": "client.waits", "awaited": awaited[0] if awaited else "", "told": said}


def _of_format(said: str) -> Iterator[Told]:
    rate, codec = say.RATE.search(said), say.CODEC.search(said)
    if rate is None and codec is None:
        return
    sides = say.RECORDS.search(said) is not None, say.PLAYS_AT.search(said) is not None
    if sides[0] == sides[1]:
        return  # neither, or both: nobody knows which is meant
    told: dict[str, Any] = {"type": "format.told", "side": "input" if sides[0] else "output", "told": said}
    if rate is not None:
        told["rate"] = _hertz(rate[1] or rate[2])
    if codec is not None:
        name = codec[1].lower()
        told["codec"] = _CODEC_NAMES.get(name, "pcm" if name.startswith("pcm") and name != "pcmu" else "ulaw")
    yield told


def _hertz(said: str) -> int:
    return round(float(said[:-1]) * 1000) if said[-1] in "kK" else int(said)


def _of_line(said: str) -> Iterator[Told]:
    if (asked := say.MODEL_ASKED.search(said)) is not None:
        if say.REALTIME_MODEL.search(asked[1]) is None:
            message = f"{asked[1]} was asked for at /v1/realtime"
            yield {"type": "client.failed", "code": "model-cannot-do-realtime", "message": message, "told": said}
    status = say.STATUS.search(said)
    if status is not None and say.HANDSHAKE.search(said):
        yield {
            "type": "line.failed",
            "status": int(next(group for group in status.groups() if group)),
            "message": said,
            "told": said,
        }
    elif say.FRAME.match(said.lstrip()) or say.OF_ANOTHER_SERVICE.search(said) or say.INTENDED.search(said):
        return
    elif say.LOST.search(said) and not say.MENDED.search(said):
        code = say.CLOSE_CODE.search(said)
        closed = int(code[1]) if code else None
        yield {"type": "line.lost", "reason": said.strip()[:160], "close_code": closed, "told": said}
    elif say.CLOSED_NORMALLY.search(said):
        yield {"type": "line.lost", "reason": said.strip()[:160], "close_code": 1000, "told": said}
