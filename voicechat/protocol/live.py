"""GPT-Live, translated: a continuous session seen as the turns of the Realtime API, our client events as its commands.

A Live session has no items, responses or turns: both transcripts come in fragments that nothing ends, its output
audio is one stream at real-time pace, silence included, and it stops speaking by itself. `LiveSession` makes turns of
that, so that nothing behind the codec knows the difference:

* A fragment of the input transcript begins a user item; 0.8 s without one (on the model's clock, or 1.6 s on ours), or
  the assistant's next words, end it.
* Output that is not silence, or a fragment of the output transcript, begins a response; 0.8 s without either ends it.
* No command stops the model. Stopping a response ends it here, asks the model to stop, and drops what it still says
  until it pauses.
* A function call of a delegated Responses stream is a response of its own, complete when the stream is. A delegation
  to the client is a call of the function `delegate`, whose argument is what the user said last.

What the service cannot do is not an error: `sent` returns no command for it, and `CANNOT` has the sentence. Pure and
without a clock: times are seconds of the caller's monotonic clock. Source: `openai.types.live` (openai 3.54).
"""

from __future__ import annotations

import base64
import binascii
import json
from array import array
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]
Media: TypeAlias = Literal["websocket", "webrtc"]

QUIET = 0.8
"""Seconds without output, or on the model's clock without input, after which a turn is over (as other clients do)."""
YIELDS_WITHIN = 6.0
"""Seconds after a stopped response within which output still belongs to it, unless a pause came before."""
PAUSE = 0.3
"""Seconds without sound that are a pause of the model, and not of its breath."""
STOP = "Stop speaking now. The user has interrupted you; wait for what they say next."
INPUT_QUIET = 1.6
"""Seconds on our clock without a fragment of the input transcript after which the user's turn is over."""
SILENCE_PEAK = 64
"""Largest sample of 16 bits that still counts as silence: -54 dBFS; the service sends zeros where it is silent."""
MODELS = ("gpt-live", "local-live")
"""How the names of models begin that speak Live."""
RATE = 24_000
"""Samples a second of the audio both ways."""
MOST_CHARACTERS = 1_500
"""Of one append: the service takes 500 tokens, at least three characters each in the languages it speaks."""
MOST_HISTORY = 128
"""Messages of the history that a session may begin with."""
MOST_CALLS = 1_000
"""Of one session whose ids are remembered."""
DELEGATE = "delegate"
"""The function that a delegation to the client calls."""
EVENTS = frozenset(
    """
    decision.event decision.item.created decision.item.deleted error info response.event session.closed
    session.commentary.appended session.delegation.created session.input_audio.append session.input_audio.muted
    session.input_audio.unmuted session.input_transcript.delta session.instructions.appended session.output_audio.delta
    session.output_audio.fixture.played session.output_audio.fixture.playing session.output_transcript.delta
    session.started session.thinking.appended session.updated session.usage.updated transport.answered
    transport.dtmf.received transport.dtmf.sent transport.failed transport.ringing
    """.split()
)
"""The service's, a sideband's included."""
ENDS = {
    "close_requested": ("session_closed", "the service ended the session because it was asked to"),
    "expired": ("session_expired", "the session reached its longest duration"),
    "content": ("content_filter", "the service ended the session: its safety filter stopped the conversation"),
    "remote_hangup": ("session_closed", "the other side hung up"),
    "connection_lost": ("line_lost", "the service lost its connection"),
}
"""What a `session.closed` reason means: a code of the table of failures, and a sentence."""
CANNOT = {
    "response.cancel": "",
    "conversation.item.truncate": "",
    "output_audio_buffer.clear": "",
    "input_audio_buffer.clear": "",
    "conversation.item.delete": "GPT-Live keeps no items that could be deleted",
    "conversation.item.retrieve": "GPT-Live keeps no items that could be looked at",
}
"""Client events of ours for which Live has no command, and what to tell the user where it matters."""
_FIXED = ("model", "instructions", "audio")
FIXED = "GPT-Live fixes {what} when the session starts; reconnect to change it"


@dataclass(frozen=True, slots=True)
class Commands:
    """What one client event becomes on the wire."""

    commands: tuple[Json, ...] = ()
    events: tuple[Json, ...] = ()
    """Server events of the Realtime API that it amounts to here and now."""
    reason: str = ""
    """Why the service cannot do it, for the user; empty where it was done, or where nobody needs to know."""


@dataclass(slots=True)
class _Turn:
    """A user item or a response that grows."""

    item_id: str
    response_id: str = ""
    text: str = ""
    seen_at: float = 0.0
    """Our clock: when something of it came last."""
    end_ms: int = 0
    """The model's clock: where its last fragment ends."""
    has_audio: bool = False


@dataclass(slots=True)
class LiveSession:
    """One Live session. Feed it every server event in order, and ask it for every client event before it is sent."""

    media: Media = "websocket"
    asked: Mapping[str, Any] = field(default_factory=dict)
    """The session as it was asked for, in the Realtime API's form: what Live has no word for is as it was asked."""
    session: Json = field(default_factory=dict)
    """The session as the service resolved it, in that form; empty before it started."""
    end: tuple[str, str] | None = None
    """Why the service closed the session (`ENDS`); None while it has not."""
    refusal: tuple[str, str] | None = None
    """Code and message of an error that came before the session started; None while there was none."""
    _user: _Turn | None = None
    _answer: _Turn | None = None
    _turns: int = 0
    _calls: dict[str, Literal["responses", "client"]] = field(default_factory=dict)
    """Calls without an output yet, by call id, with whom the answer is for."""
    _known_calls: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_CALLS))
    """Ids of calls and delegations; one that is told again is not called, and nobody waits for its output."""
    _stream: list[Json] = field(default_factory=list)
    """Function calls of the delegated response that still streams."""
    _usage: Json = field(default_factory=dict)
    """Tokens of delegated responses without a call; they are counted with the next response of ours."""
    _heard: str = ""
    """What the user said last."""
    _stopped_at: float | None = None
    """When the user stopped a response that the service may go on speaking; None once it paused."""
    _said_ms: int = 0
    """The model's clock: where the last fragment of the output transcript ends."""
    _typed: str = ""
    """The id of the last typed message: once the service has taken it, what comes may be its answer."""
    _quiet_since: float | None = None
    """Since when the output is silent, after a stop."""
    _committed: str = ""
    """The id that the next user item gets, because a commit promised it."""
    _owes_response: bool = False
    """An output was sent to the Responses backend, which waits for `response.create`."""

    # server -> core
    def received(self, event: Mapping[str, Any], now: float) -> tuple[Json, ...]:
        """The events of the Realtime API that one server event amounts to; most often one, none or a few."""
        return tuple(self._received(event, now))

    def passed(self, now: float) -> tuple[Json, ...]:
        """The ends of turns that are due at `now`."""
        done: list[Json] = []
        if self._user is not None and now >= self._user.seen_at + INPUT_QUIET:
            done += self._end_user()
        if self._answer is not None and now >= self._answer.seen_at + QUIET:
            done += self._end_answer()
        return tuple(done)

    def deadline(self) -> float | None:
        """When `passed` has something to tell, if nothing comes; None while no turn is open."""
        due = [turn.seen_at + quiet for turn, quiet in ((self._user, INPUT_QUIET), (self._answer, QUIET)) if turn]
        return min(due, default=None)

    def _received(self, event: Mapping[str, Any], now: float) -> Iterator[Json]:
        match event:
            case {"type": "session.started"}:
                self.session = realtime_session(_mapping(event.get("session")), self.asked)
                yield {"type": "session.created", "session": self.session}
            case {"type": "session.updated", "session": Mapping() as session}:
                self.session = realtime_session(session, self.asked)
                yield {"type": "session.updated", "session": self.session}
            case {"type": "session.instructions.appended", "client_event_id": str() as name} if name == self._typed:
                self._stopped_at = self._quiet_since = None
            case {"type": "session.closed"}:
                yield from self._end_user()
                yield from self._end_answer()
                self.end = ENDS.get(str(event.get("reason")), ("line_lost", "the service ended the session"))
            case {"type": "session.input_transcript.delta", "delta": str() as text}:
                yield from self._input(text, _ms(event, "start_ms"), _ms(event, "end_ms"), now)
            case {"type": "session.output_transcript.delta", "delta": str() as text}:
                began_ms, ended_ms = _ms(event, "start_ms"), _ms(event, "end_ms")
                if began_ms - self._said_ms > PAUSE * 1000:  # over WebRTC the sound itself does not come by here
                    self._stopped_at = self._quiet_since = None
                self._said_ms = max(self._said_ms, ended_ms)
                if self._is_yielding(now, is_quiet=False):
                    return
                yield from self._begin_answer(now)
                yield from self._output(text, now)
            case {"type": "session.output_audio.delta", "delta": str() as audio}:
                yield from self._sound(audio, now)
            case {"type": "session.delegation.created", "delegation": Mapping() as delegation}:
                if delegation.get("target") == "client" and isinstance(delegation.get("id"), str):
                    yield from self._delegated(delegation["id"])
            case {"type": "response.event", "event": Mapping() as nested}:
                yield from self._nested(nested)
            case {"type": "error", "error": Mapping() as error}:
                if not self.session:
                    self.refusal = str(error.get("code") or ""), str(error.get("message") or "")
                yield {"type": "error", "error": {**error, "event_id": error.get("client_event_id")}}
            case _:
                pass

    def _input(self, text: str, start_ms: int, end_ms: int, now: float) -> Iterator[Json]:
        if self._user is not None and start_ms - self._user.end_ms > QUIET * 1000:
            yield from self._end_user()
        if self._user is None:
            if not text.strip():
                return
            self._user, self._committed = _Turn(self._committed or self._next("user")), ""
            yield _item_event("added", self._user.item_id, "user", [{"type": "input_audio", "transcript": None}])
        turn = self._user
        turn.text, turn.seen_at, turn.end_ms = turn.text + text, now, max(turn.end_ms, end_ms)
        yield {
            "type": "conversation.item.input_audio_transcription.delta",
            "item_id": turn.item_id,
            "content_index": 0,
            "delta": text,
        }

    def _end_user(self) -> Iterator[Json]:
        turn, self._user = self._user, None
        if turn is None:
            return
        self._heard = turn.text.strip()
        yield {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": turn.item_id,
            "content_index": 0,
            "transcript": self._heard,
        }
        content = [{"type": "input_audio", "transcript": self._heard}]
        yield _item_event("done", turn.item_id, "user", content)

    def _begin_answer(self, now: float) -> Iterator[Json]:
        if self._answer is not None:
            self._answer.seen_at = now
            return
        yield from self._end_user()
        turn = self._answer = _Turn(self._next("item"), response_id=self._next("resp"), seen_at=now)
        yield {"type": "response.created", "response": _response(turn.response_id, "in_progress", [])}
        item = _item(turn.item_id, "assistant", [], "in_progress")
        yield {"type": "response.output_item.added", "response_id": turn.response_id, "output_index": 0, "item": item}
        yield _item_event("added", turn.item_id, "assistant", [])

    def _output(self, text: str, now: float) -> Iterator[Json]:
        turn = self._answer
        if turn is not None and (text := text if turn.text else text.lstrip()):
            turn.text, turn.seen_at = turn.text + text, now
            yield self._part("response.output_audio_transcript.delta", delta=text)

    def _sound(self, audio: str, now: float) -> Iterator[Json]:
        """One piece of the continuous stream: it belongs to a response from the first sound to the last silence."""
        is_quiet = is_silent(audio)
        if self._is_yielding(now, is_quiet=is_quiet):
            return
        if not is_quiet:
            yield from self._begin_answer(now)
        if self._answer is not None:
            self._answer.has_audio = True
            yield self._part("response.output_audio.delta", delta=audio)
        yield from self.passed(now)

    def _is_yielding(self, now: float, *, is_quiet: bool) -> bool:
        """Whether what comes is the rest of a response that was stopped."""
        if self._stopped_at is None:
            return False
        self._quiet_since = (self._quiet_since or now) if is_quiet else None
        has_paused = self._quiet_since is not None and now >= self._quiet_since + PAUSE
        if has_paused or now >= self._stopped_at + YIELDS_WITHIN:
            self._stopped_at = self._quiet_since = None
            return False
        return True

    def _end_answer(self, status: str = "completed") -> Iterator[Json]:
        turn = self._answer
        if turn is None:
            return
        text = turn.text.strip()
        if turn.has_audio:
            yield self._part("response.output_audio.done")
        yield self._part("response.output_audio_transcript.done", transcript=text)
        kept = "completed" if status == "completed" else "incomplete"
        item = _item(turn.item_id, "assistant", [{"type": "output_audio", "transcript": text}], kept)
        yield {"type": "response.output_item.done", "response_id": turn.response_id, "output_index": 0, "item": item}
        yield {"type": "conversation.item.done", "item": item}
        yield self._done(_response(turn.response_id, status, [item]))
        self._answer = None

    def _part(self, kind: str, **fields: object) -> Json:
        turn = self._answer
        assert turn is not None  # every caller has looked
        place = {"response_id": turn.response_id, "item_id": turn.item_id, "output_index": 0, "content_index": 0}
        return {"type": kind, **place, **fields}

    def _delegated(self, delegation_id: str) -> Iterator[Json]:
        if self._is_known(delegation_id):
            return
        yield from self._end_user()
        arguments = json.dumps({"request": self._heard}, ensure_ascii=False)
        call = {"id": self._next("call"), "type": "function_call", "call_id": delegation_id, "name": DELEGATE}
        self._calls[delegation_id] = "client"
        yield from self._called([call | {"arguments": arguments, "status": "completed"}], self._next("resp"))

    def _nested(self, event: Mapping[str, Any]) -> Iterator[Json]:
        match event:
            case {"type": "response.output_item.done", "item": {"type": "function_call"} as item}:
                id = item.get("call_id")
                if isinstance(id, str) and isinstance(item.get("name"), str) and not self._is_known(id):
                    self._stream.append({"arguments": "{}", **item})
            case {
                "type": "response.completed" | "response.incomplete" | "response.failed" as kind,
                "response": Mapping() as made,
            }:
                calls, self._stream = self._stream, []
                self._calls |= {call["call_id"]: "responses" for call in calls}
                self._usage = _sum(self._usage, _mapping(made.get("usage")))
                if kind == "response.failed":
                    yield {"type": "error", "error": {"type": "server_error", **_mapping(made.get("error"))}}
                if calls:
                    yield from self._called(calls, str(made.get("id") or self._next("resp")))
            case {"type": "error"}:
                yield {"type": "error", "error": {**event, "type": "server_error"}}
            case _:
                pass

    def _is_known(self, call_id: str) -> bool:
        """Whether it was called before; from now on it was."""
        is_known = call_id in self._known_calls
        if not is_known:
            self._known_calls.append(call_id)
        return is_known

    def _called(self, calls: Sequence[Json], response_id: str) -> Iterator[Json]:
        """A response that consists of calls, from its beginning to its end."""
        yield from self._end_answer()
        yield {"type": "response.created", "response": _response(response_id, "in_progress", [])}
        for index, call in enumerate(calls):
            place = {"response_id": response_id, "output_index": index}
            yield {"type": "response.output_item.added", **place, "item": call | {"status": "in_progress"}}
            yield {"type": "conversation.item.added", "item": call | {"status": "in_progress"}}
            yield {"type": "response.output_item.done", **place, "item": call}
            yield {"type": "conversation.item.done", "item": call}
        yield self._done(_response(response_id, "completed", list(calls)))

    def _done(self, response: Json) -> Json:
        usage, self._usage = self._usage, {}
        return {"type": "response.done", "response": response | ({"usage": usage} if usage else {})}

    def _next(self, kind: str) -> str:
        self._turns += 1
        return f"live_{kind}_{self._turns}"

    # core -> server
    def start(self, session: Mapping[str, Any], event_id: str = "") -> Json:
        """The first message on a WebSocket. WebRTC sends `live_session` with its offer instead, and never this."""
        return _with_id({"type": "session.start", "session": live_session(session, self.media)}, event_id)

    def sent(self, event: Mapping[str, Any], now: float = 0.0) -> Commands:
        """The commands of one client event of the Realtime API."""
        event_id = str(event.get("event_id") or "")
        match event:
            case {"type": "input_audio_buffer.append", "audio": str() as audio}:
                return Commands((_with_id({"type": "session.input_audio.append", "audio": audio}, event_id),))
            case {"type": "session.update", "session": Mapping() as session}:
                return self._update(session, event_id)
            case {"type": "conversation.item.create", "item": Mapping() as item}:
                return self._item_sent(item, event_id)
            case {"type": "response.cancel"}:
                if self._answer is None:
                    return Commands()
                self._stopped_at, self._quiet_since = now, None
                return Commands((_append("instructions", STOP, None, event_id),), tuple(self._end_answer("cancelled")))
            case {"type": "input_audio_buffer.commit"}:
                return Commands(events=({"type": "input_audio_buffer.committed", "item_id": self._commit()},))
            case {"type": "response.create"}:
                owed, self._owes_response = self._owes_response and not self._calls, False
                return Commands((_with_id({"type": "response.create"}, event_id),) if owed else ())
            case {"type": "session.close" | "session.input_audio.mute" | "session.input_audio.unmute"}:
                return Commands((dict(event),))
            case _:
                return Commands(reason=CANNOT.get(str(event.get("type")), "GPT-Live has no such command"))

    def _commit(self) -> str:
        """The id of the user item that a commit makes: the one that grows, else the next one."""
        if self._user is None and not self._committed:
            self._committed = self._next("user")
        return self._user.item_id if self._user is not None else self._committed

    def muted(self, muted: bool, event_id: str = "") -> Json:
        """The command that closes the microphone at the service, or opens it."""
        return _with_id({"type": f"session.input_audio.{'mute' if muted else 'unmute'}"}, event_id)

    def _update(self, session: Mapping[str, Any], event_id: str) -> Commands:
        """Only delegation may change while a session runs; all else is answered with what is in force."""
        asked, ours = live_session(session, self.media), live_session(self.session, self.media)
        fixed = [name for name in _FIXED if name in asked and asked[name] != ours.get(name)]
        reason = FIXED.format(what=" and ".join(fixed)) if fixed else ""
        if (delegation := asked.get("delegation")) is not None and delegation != ours.get("delegation"):
            command = {"type": "session.update", "session": {"delegation": delegation}}
            return Commands((_with_id(command, event_id),), reason=reason)
        return Commands(events=({"type": "session.updated", "session": self.session},), reason=reason)

    def _item_sent(self, item: Mapping[str, Any], event_id: str) -> Commands:
        if item.get("type") == "function_call_output":
            return self._output_sent(str(item.get("call_id", "")), str(item.get("output", "")), event_id)
        text = " ".join(part["text"] for part in item.get("content") or () if isinstance(part.get("text"), str))
        if not text.strip():
            return Commands(reason="GPT-Live takes text only")
        spoken = f'The user typed a message; answer it as if it had been said: "{text}"'
        role = "instructions" if item.get("role") == "user" else "thinking"
        content = spoken if role == "instructions" else text
        commands = tuple(_append(role, piece, None, event_id) for piece in pieces(content))
        self._typed = event_id
        shown = dict(item) | {"id": item.get("id") or self._next("user"), "status": "completed"}
        events = tuple({"type": f"conversation.item.{name}", "item": shown} for name in ("added", "done"))
        return Commands(commands, events)

    def _output_sent(self, call_id: str, output: str, event_id: str) -> Commands:
        owner = self._calls.pop(call_id, "responses")
        if owner == "client":
            content = output or "Done."
            return Commands(tuple(_append("commentary", piece, call_id, event_id) for piece in pieces(content)))
        self._owes_response = True
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        return Commands((_with_id({"type": "response.item.create", "item": item}, event_id),))


def is_silent(audio: str) -> bool:
    """Whether base64 of 16-bit little-endian PCM holds no sound. What is no such base64 is not sound either."""
    try:
        data = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        return True
    samples = array("h", data[: len(data) // 2 * 2])
    return not samples or max(max(samples), -min(samples)) <= SILENCE_PEAK


def pieces(text: str) -> list[str]:
    """`text` in parts that one append may hold, cut between words."""
    parts: list[str] = []
    while len(text) > MOST_CHARACTERS:
        cut = text.rfind(" ", 1, MOST_CHARACTERS)
        cut = MOST_CHARACTERS if cut < 1 else cut
        parts.append(text[:cut])
        text = text[cut:].lstrip()
    return [*parts, text]


def live_session(session: Mapping[str, Any], media: Media) -> Json:
    """A session of the Realtime API as Live names its parts. What Live has no place for is left out."""
    output = _mapping(_mapping(session.get("audio")).get("output"))
    plain = ("model", "instructions", "input", "store", "client", "safety_identifier")
    made: Json = {name: session[name] for name in plain if session.get(name)}
    audio: Json = {}
    if media == "websocket":
        audio["format"] = {"type": "audio/pcm", "rate": RATE}
    if voice := output.get("voice"):
        audio["output"] = {"voice": voice}
    if audio:
        made["audio"] = audio
    if (delegation := session.get("delegation")) is not None:
        made["delegation"] = delegation
    elif tools := [tool for tool in session.get("tools") or () if tool.get("type") == "function"]:
        backend = str(session.get("delegation_model") or "gpt-5.4-mini")
        made["delegation"] = {"type": "responses", "responses": {"model": backend, "tools": list(tools)}}
    if "input" in made:
        made["input"] = [_initial(item) for item in made["input"][-MOST_HISTORY:]]
    return made


def _initial(item: Mapping[str, Any]) -> Json:
    """One message of the history: a system message is the developer's here."""
    role = "developer" if item.get("role") == "system" else item.get("role")
    return {**item, "role": role}


def realtime_session(session: Mapping[str, Any], asked: Mapping[str, Any]) -> Json:
    """A Live session in the Realtime API's form, with what Live has no word for as it was `asked` for."""
    made: Json = {"type": "realtime", "output_modalities": ["audio"], **asked}
    made.pop("input", None)  # what it began with is no setting
    made |= {name: session[name] for name in ("id", "model", "instructions", "expires_at") if session.get(name)}
    live, mine = _mapping(session.get("audio")), _mapping(asked.get("audio"))
    sound = {"format": live.get("format", {"type": "audio/pcm", "rate": RATE})}
    voice = _mapping(live.get("output")).get("voice", "marin")
    heard = {"turn_detection": {"type": "server_vad"}, **_mapping(mine.get("input")), **sound}
    made["audio"] = {"input": heard, "output": {**_mapping(mine.get("output")), **sound, "voice": voice}}
    return made


def _append(kind: str, content: str, delegation_id: str | None, event_id: str) -> Json:
    command = {"type": f"session.{kind}.append", "content": content, "delegation_id": delegation_id}
    return _with_id(command, event_id)


def _with_id(command: Json, event_id: str) -> Json:
    return command | {"event_id": event_id} if event_id else command


def _item(item_id: str, role: str, content: list[Json], status: str) -> Json:
    return {"id": item_id, "type": "message", "role": role, "status": status, "content": content}


def _item_event(name: str, item_id: str, role: str, content: list[Json]) -> Json:
    status = "completed" if name == "done" else "in_progress"
    return {"type": f"conversation.item.{name}", "item": _item(item_id, role, content, status)}


def _response(response_id: str, status: str, output: list[Json]) -> Json:
    return {"id": response_id, "object": "realtime.response", "status": status, "output": output}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sum(one: Mapping[str, Any], other: Mapping[str, Any]) -> Json:
    """Two counts of tokens, added up."""
    made: Json = dict(one)
    for name, value in other.items():
        if isinstance(value, Mapping):
            made[name] = _sum(_mapping(made.get(name)), value)
        elif isinstance(value, int):
            made[name] = value + (made[name] if isinstance(made.get(name), int) else 0)
    return made


def _ms(event: Mapping[str, Any], name: str) -> int:
    value = event.get(name)
    return int(value) if isinstance(value, int | float) else 0
