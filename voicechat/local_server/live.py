"""GPT-Live: a session as one continuous stream each way, without turns, items or responses.

Inside it is a session like any other, in the mode that WebRTC uses (sound in frames of 20 ms, turn detection on, an
answer that yields to a voice): a Live session is that session with other words for what happens. Over WebSocket its
frames travel as base64 in pieces of 100 ms at real-time pace, silence included; over WebRTC they are the audio track.
Calls of functions come as a delegation: to the Responses API if the session names tools for it, else to the client,
whose one function is then `delegate`. Source: `openai.types.live` (openai 3.54), which is the witness in the tests.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voicechat.errors import VoiceChatError
from voicechat.local_server.house import House
from voicechat.local_server.playout import FRAME, RATE
from voicechat.local_server.refusals import Refusal, check, invalid
from voicechat.local_server.session import ClientSession, Line, new_id
from voicechat.local_server.session_config import Fields, SessionConfig, fresh_config, part, read_update, updated
from voicechat.local_server.sound_formats import RATES, Resampler, decoded_sound, int16, write_sound
from voicechat.protocol import shapes
from voicechat.protocol.session_fields import LIVE_SESSION, LIVE_UPDATE
from voicechat.protocol.shapes import ByKind, FreeForm, Shape, Text, Word
from voicechat.protocol.wire import JsonValue
from voicechat.tasks import spawn

log = logging.getLogger("voicechat.local_server")

LIFETIME = 3600
"""Seconds from the start to `expires_at`."""
FRAME_MS = 20
FRAMES_A_DELTA = 2
"""Frames in one `session.output_audio.delta`: 40 ms. Whoever waits for more answers later."""
LONGEST_BACKLOG = 30.0
"""Seconds of audio that a client may send ahead of real time; the same bound for a fixture."""
USAGE_EVERY = 10_000
"""Milliseconds between two `session.usage.updated`."""
DELEGATE: Fields = {
    "type": "function",
    "name": "delegate",
    "description": "Hand a task to the application: whatever needs facts or actions that you do not have.",
    "parameters": {"type": "object", "properties": {"request": {"type": "string"}}, "required": ["request"]},
}
"""The tool of a session whose tasks are the client's."""

_TEXT = Text()
_SESSION = replace(LIVE_SESSION, required=("model",))
_APPEND: dict[str, Shape] = {"content": _TEXT, "delegation_id": ByKind(text=_TEXT, null=True)}
COMMANDS: dict[str, dict[str, Shape]] = {
    "session.start": {"session": _SESSION},
    "session.update": {"session": LIVE_UPDATE},
    "session.input_audio.append": {"audio": _TEXT},
    "session.input_audio.mute": {},
    "session.input_audio.unmute": {},
    "session.output_audio.fixture.play": {"audio": _TEXT},
    "session.instructions.append": _APPEND,
    "session.thinking.append": _APPEND,
    "session.commentary.append": _APPEND,
    "response.item.create": {"item": FreeForm()},
    "response.create": {},
    "session.close": {},
}
"""What each command of a client must hold, beside `type` and perhaps `event_id`."""

_TRANSPORT = shapes.Fields({"type": Word(("webrtc",)), "sdp": _TEXT}, required=("type", "sdp"))
_OFFER = shapes.Fields({"session": _SESSION, "transport": _TRANSPORT}, required=("session", "transport"))

Media = Literal["websocket", "webrtc"]
Pcm = NDArray[np.int16]


@dataclass(eq=False)
class LiveSession:
    """A Live client's session, and the line of the session inside it. Start it when the client's line is open."""

    line: Line
    house: House
    media: Media
    asked: Fields = field(default_factory=dict)
    """WebRTC: the session as the offer asked for it. A WebSocket starts its session with the first message."""
    id: str = field(default_factory=lambda: new_id("live"))
    viewers: list[Line] = field(default_factory=list)
    """Sidebands: they see every event and hear both sides."""
    _inner: ClientSession | None = None
    _resource: Fields = field(default_factory=dict)
    _sent: int = 0
    _frames: int = 0
    _is_muted: bool = False
    _is_opening: bool = False
    _has_ended: bool = False
    _heard: deque[Pcm] = field(default_factory=deque)
    _heard_rest: Pcm = field(default_factory=lambda: np.zeros(0, np.int16))
    _spoken: list[Pcm] = field(default_factory=list)
    _reflected: list[Pcm] = field(default_factory=list)
    _fixture: deque[Pcm] = field(default_factory=deque)
    _fixture_id: str | None = None
    _input_end: int = 0
    _output_end: int = 0
    _usage_at: int = 0
    _calls: dict[str, str] = field(default_factory=dict)
    """Calls without an output, with who is to answer: `client` or `responses`."""
    _delegations: dict[str, str] = field(default_factory=dict)
    """The delegation of each response that calls functions."""
    _is_answering: bool = False
    _wanted: deque[Fields] = field(default_factory=deque)
    """What the session inside is asked for once nothing is being answered."""
    _pump: asyncio.Task[None] | None = None
    _from_client: tuple[int, Resampler] | None = None
    _to_client: Resampler | None = None

    @property
    def now_ms(self) -> int:
        """The session's own time: what was heard and said so far."""
        return self._frames * FRAME_MS

    def start(self) -> None:
        """The line is open. WebRTC: the offer has started the session."""
        if self.media == "webrtc":
            self._open(self.asked)

    def client_said(self, text: str) -> None:
        """One command of the client's, or of a sideband."""
        command, event_id = None, None
        try:
            with contextlib.suppress(ValueError, RecursionError):
                command = json.loads(text)
            if not isinstance(command, dict):
                raise Refusal("invalid_json", "The message is not a JSON object.")
            given = command.get("event_id")
            event_id = given if isinstance(given, str) else None
            kind = str(command.get("type"))
            if isinstance(session := command.get("session"), dict):
                command["session"] = without_nulls(session)
            check_command(kind, command)
            self._check_order(kind)
            self._obey(kind, command, event_id)
        except Refusal as refusal:
            self._refuse(refusal, event_id)

    def exchange(self, heard: Pcm) -> Pcm:
        """One frame each way (960 samples, 48 kHz): what the client sent for what it gets."""
        self._frames += 1
        if self.viewers:
            self._reflect(heard)
        is_deaf = self._is_muted or bool(self._fixture)
        frame = np.zeros(FRAME, np.int16)
        if self._inner is not None:
            frame = self._inner.exchange(np.zeros(FRAME, np.int16) if is_deaf else heard)
        if self._fixture:
            frame = self._fixture.popleft()
            if not self._fixture:
                self._emit({"type": "session.output_audio.fixture.played"}, self._fixture_id)
        self._spoken.append(frame)
        if len(self._spoken) == FRAMES_A_DELTA:
            self._send_sound()
        if self.now_ms - self._usage_at >= USAGE_EVERY:
            self._usage_at = self.now_ms
            self._emit({"type": "session.usage.updated", "usage": self._usage()})
        return frame

    async def close(self) -> None:
        """Nothing is sent any more."""
        self._has_ended = True
        self.house.live.pop(self.id, None)
        if self._pump is not None:
            self._pump.cancel()
        for viewer in self.viewers:
            viewer.hang_up(1000, "the session has ended")
        if self._inner is not None:
            await self._inner.close()

    # the line of the session inside
    def send(self, text: str) -> str:
        """An event of the session inside, in the words of Live."""
        self._translate(json.loads(text))
        return ""

    def hang_up(self, code: int, reason: str) -> None:
        """The session inside has ended."""
        self._end("expired" if code == 1001 else "connection_lost", code)

    # commands
    def _check_order(self, kind: str) -> None:
        has_started = self._inner is not None or self._is_opening
        if kind == "session.start":
            if has_started or self.media == "webrtc":
                raise Refusal("session_already_started", "The session was started already.")
        elif self._inner is None:
            raise Refusal("session_not_started", "Send session.start first and wait for session.started.")
        elif kind == "session.input_audio.append" and self.media == "webrtc":
            raise Refusal("invalid_command", "Audio comes on the media track of a WebRTC session.")

    def _obey(self, kind: str, command: Fields, event_id: str | None) -> None:
        match kind, command:
            case "session.start", {"session": dict() as session}:
                self._open(session, event_id)
            case "session.update", {"session": dict() as session}:
                self._update(session, event_id)
            case "session.input_audio.append", {"audio": str() as audio}:
                self._hear(audio)
            case "session.input_audio.mute" | "session.input_audio.unmute", _:
                self._is_muted = kind.endswith(".mute")
                self._emit({"type": f"{kind}d"}, event_id)
            case "session.output_audio.fixture.play", {"audio": str() as audio}:
                self._play(audio, event_id)
            case "response.item.create", {"item": dict() as item}:
                self._answer_call(item)
            case "response.create", _:
                if self._calls:
                    raise Refusal("outputs_missing", "Every function call of the response needs its output first.")
                self._ask({"type": "response.create"})
            case "session.close", _:
                self._end("close_requested", 1000, event_id)
            case _, {"content": str() as content}:
                self._append(kind, content, command.get("delegation_id"), event_id)

    def _open(self, session: Fields, event_id: str | None = None) -> None:
        config = configured(session, self.id)
        self._is_opening = True
        self._resource = {
            **{name: value for name, value in session.items() if name != "input"},
            "id": self.id,
            "expires_at": int(time.time()) + LIFETIME,
            "status": "active",
        }
        spawn(self._begin(config, session, event_id), lambda error: log.error("no Live session: %r", error))

    async def _begin(self, config: SessionConfig, session: Fields, event_id: str | None) -> None:
        try:
            inner = await self.house.open_session(self, "webrtc", config, "ga")
        except VoiceChatError as error:
            self._refuse(Refusal("server_error", error.message, type="server_error"), event_id)
            self.line.hang_up(1011, error.message)
            return
        if self._has_ended:
            await inner.close()
            return
        self._inner = inner
        self.house.live[self.id] = self
        self._emit({"type": "session.started", "session": self._resource}, event_id)
        inner.start()
        for item in history(session):
            inner.client_said(json.dumps({"type": "conversation.item.create", "item": item}))
        if self.media == "websocket":
            self._pump = spawn(self._keep_pace())

    async def _keep_pace(self) -> None:
        """WebSocket: a frame each way every 20 ms, as a sound card would."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._has_ended:
            due = max(due + FRAME_MS / 1000, loop.time() - 0.2)
            await asyncio.sleep(due - loop.time())
            self.exchange(self._heard.popleft() if self._heard else np.zeros(FRAME, np.int16))

    def _update(self, session: Fields, event_id: str | None) -> None:
        if delegation := part(session, "delegation"):
            old = part(self._resource, "delegation") or {"type": "client"}
            if delegation.get("type") != old.get("type"):
                raise invalid("session.delegation.type", "it cannot change while the session runs.")
            responses = {**part(old, "responses"), **part(delegation, "responses")}
            self._resource["delegation"] = {**old, **delegation} | ({"responses": responses} if responses else {})
            changed: Fields = {"type": "realtime", "tools": tools(self._resource)}
            self._tell_inner({"type": "session.update", "session": changed})
        self._emit({"type": "session.updated", "session": self._resource}, event_id)

    def _hear(self, audio: str) -> None:
        sound = self._sound_of(audio)
        if len(self._heard) * FRAME_MS / 1000 + len(sound) / RATE > LONGEST_BACKLOG:
            raise Refusal("input_audio_too_fast", f"More than {LONGEST_BACKLOG:.0f} s of audio wait already.")
        line = np.concatenate([self._heard_rest, sound])
        whole = len(line) // FRAME * FRAME
        self._heard.extend(line[:whole].reshape(-1, FRAME))
        self._heard_rest = line[whole:]

    def _play(self, audio: str, event_id: str | None) -> None:
        sound = self._sound_of(audio)
        if len(sound) > LONGEST_BACKLOG * RATE:
            raise invalid("audio", f"a fixture lasts at most {LONGEST_BACKLOG:.0f} s.")
        self._tell_inner({"type": "response.cancel"}, {"type": "output_audio_buffer.clear"})
        padded = np.concatenate([sound, np.zeros(-len(sound) % FRAME, np.int16)])
        self._fixture, self._fixture_id = deque(padded.reshape(-1, FRAME)), event_id
        self._emit({"type": "session.output_audio.fixture.playing"}, event_id)

    def _sound_of(self, audio: str) -> Pcm:
        """Base64 in the session's format as 48 kHz samples. Raises Refusal."""
        form, rate = self._format()
        samples = decoded_sound(form, audio, "audio")
        if self._from_client is None or self._from_client[0] != rate:
            self._from_client = (rate, Resampler(rate, RATE))
        return int16(self._from_client[1].feed(samples))

    def _format(self) -> tuple[str, int]:
        given = part(part(self._resource, "audio"), "format")
        form, rate = str(given.get("type", "audio/pcm")), given.get("rate")
        return form, rate if isinstance(rate, int) else RATES[form]

    def _append(self, kind: str, content: str, delegation_id: object, event_id: str | None) -> None:
        if isinstance(delegation_id, str) and self._calls.get(delegation_id) != "client":
            raise invalid("delegation_id", "there is no such delegation to the client.")
        moment = {"start_ms": self.now_ms, "end_ms": self.now_ms}
        self._emit({"type": kind.replace(".append", ".appended"), **moment}, event_id)
        is_silent = kind == "session.thinking.append"
        if isinstance(delegation_id, str) and not is_silent:
            del self._calls[delegation_id]
            output: Fields = {"type": "function_call_output", "call_id": delegation_id, "output": content}
            self._ask({"type": "conversation.item.create", "item": output}, {"type": "response.create"})
            return
        if kind == "session.instructions.append" and content.lower().startswith("stop speaking"):
            self._wanted.clear()
            self._tell_inner({"type": "response.cancel"}, {"type": "output_audio_buffer.clear"})
            return
        role = "system" if is_silent or kind.startswith("session.commentary") else "user"
        content_part: Fields = {"type": "input_text", "text": quoted(content)}
        item: Fields = {"type": "message", "role": role, "content": [content_part]}
        self._ask({"type": "conversation.item.create", "item": item})
        if not is_silent:
            options: Fields = {"instructions": content} if role == "system" else {}
            self._ask({"type": "response.create", "response": options})

    def _answer_call(self, item: Fields) -> None:
        call_id = item.get("call_id")
        if item.get("type") == "function_call_output":
            if not isinstance(call_id, str) or self._calls.get(call_id) != "responses":
                raise invalid("item.call_id", "no function call with this id waits for an output.")
            del self._calls[call_id]
        self._ask({"type": "conversation.item.create", "item": {k: v for k, v in item.items() if k != "status"}})

    def _ask(self, *events: Fields) -> None:
        """Ask the session inside as soon as it is not answering."""
        self._wanted.extend(events)
        self._ask_on()

    def _ask_on(self) -> None:
        while self._wanted and not (self._is_answering and self._wanted[0].get("type") == "response.create"):
            self._tell_inner(self._wanted.popleft())

    def _tell_inner(self, *events: Fields) -> None:
        for event in events:
            if self._inner is not None:
                self._inner.client_said(json.dumps(event))

    # events
    def _translate(self, event: Fields) -> None:
        match event:
            case {"type": "conversation.item.input_audio_transcription.delta", "delta": str() as delta}:
                self._transcript("input", delta)
            case {"type": "response.output_audio_transcript.delta", "delta": str() as delta}:
                self._transcript("output", delta)
            case {"type": "input_audio_buffer.speech_started", "audio_start_ms": int() as at}:
                self._input_end = max(self._input_end, at)
            case {"type": "response.created"}:
                self._is_answering = True
            case {"type": "response.output_item.added", "item": {"type": "function_call"}}:
                self._calling(event)
            case {"type": "response.output_item.done", "item": {"type": "function_call"}}:
                self._called(event)
            case {"type": "response.done", "response": dict() as response}:
                self._done(response)
            case {"type": "error", "error": dict() as error} if error.get("code") != "response_cancel_not_active":
                self._emit({"type": "error", "error": {**error, "code": str(error.get("code") or "server_error")}})
            case _:
                pass

    def _transcript(self, side: Literal["input", "output"], delta: str) -> None:
        now = self.now_ms
        start = min(now, self._input_end if side == "input" else max(self._output_end, now - 200))
        if side == "input":
            self._input_end = now
        else:
            self._output_end = now
        times = {"start_ms": start, "end_ms": now}
        self._emit({"type": f"session.{side}_transcript.delta", "delta": delta, **times})

    def _calling(self, event: Fields) -> None:
        """The first sign of a function call: who is to answer it, and for Responses the beginning of its stream."""
        response_id = str(event.get("response_id"))
        if response_id in self._delegations or not self._is_for_responses:
            return
        delegation_id = self._delegations[response_id] = new_id("del")
        delegation: Fields = {
            "id": delegation_id,
            "type": "delegation",
            "target": "responses",
            "response_id": response_id,
        }
        self._emit({"type": "session.delegation.created", "delegation": delegation, "offset_ms": self.now_ms})
        self._nested(response_id, "response.created", response=self._snapshot(response_id, "in_progress"))

    def _called(self, event: Fields) -> None:
        item, response_id = part(event, "item"), str(event.get("response_id"))
        call_id = str(item.get("call_id"))
        if self._is_for_responses:
            self._calls[call_id] = "responses"
            call: Fields = {name: item.get(name) for name in ("id", "type", "call_id", "name", "arguments")}
            for kind, status in (("added", "in_progress"), ("done", "completed")):
                shown: Fields = {**call, "status": status}
                index = event.get("output_index")
                self._nested(response_id, f"response.output_item.{kind}", output_index=index, item=shown)
            return
        self._calls[call_id] = "client"
        delegation: Fields = {"id": call_id, "type": "delegation", "target": "client"}
        self._emit({"type": "session.delegation.created", "delegation": delegation, "offset_ms": self.now_ms})

    def _done(self, response: Fields) -> None:
        self._is_answering = False
        response_id = str(response.get("id"))
        if self._delegations.get(response_id):
            done = self._snapshot(response_id, "completed") | {"usage": tokens(part(response, "usage"))}
            self._nested(response_id, "response.completed", response=done)
            del self._delegations[response_id]
        self._ask_on()

    def _snapshot(self, response_id: str, status: str) -> Fields:
        """A response of the Responses API at its beginning or end; those of a Live session show no output."""
        asked = part(part(self._resource, "delegation"), "responses")
        return {
            "id": response_id,
            "object": "response",
            "created_at": int(time.time()),
            "status": status,
            "model": str(asked.get("model")),
            "output": [],
            "tools": [],
            "tool_choice": "auto",
            "parallel_tool_calls": asked.get("parallel_tool_calls") is not False,
        }

    def _nested(self, response_id: str, kind: str, **fields: JsonValue) -> None:
        event: Fields = {"type": kind, "sequence_number": self._sent, **fields}
        self._emit({"type": "response.event", "delegation_id": self._delegations.get(response_id), "event": event})

    @property
    def _is_for_responses(self) -> bool:
        return part(self._resource, "delegation").get("type") == "responses"

    def _send_sound(self) -> None:
        sound, self._spoken = np.concatenate(self._spoken), []
        if self.media == "websocket":
            form, rate = self._format()
            if self._to_client is None:
                self._to_client = Resampler(RATE, rate)
            data = write_sound(form, self._to_client.feed(sound.astype(np.float32) / 32768.0))
            delta = {"type": "session.output_audio.delta", "delta": base64.b64encode(data).decode()}
            self.line.send(json.dumps(delta))
        if self.viewers:
            times: Fields = {"start_ms": self.now_ms - FRAMES_A_DELTA * FRAME_MS, "end_ms": self.now_ms}
            self._view({"type": "session.output_audio.delta", "delta": at_24_khz(sound), **times})

    def _reflect(self, heard: Pcm) -> None:
        self._reflected.append(heard)
        if len(self._reflected) == FRAMES_A_DELTA:
            sound, self._reflected = np.concatenate(self._reflected), []
            self._view({"type": "session.input_audio.append", "audio": at_24_khz(sound)})

    def _view(self, event: Fields) -> None:
        for viewer in self.viewers:
            viewer.send(json.dumps(event))

    def _usage(self) -> Fields:
        return {"seconds": round(self.now_ms / 1000, 2)}

    def _end(self, reason: str, code: int, event_id: str | None = None) -> None:
        if self._has_ended:
            return
        closed: Fields = {"type": "session.closed", "reason": reason, "session": self._resource, "usage": self._usage()}
        self._emit(closed, event_id)
        self._has_ended = True
        self.line.hang_up(code, reason)

    def _refuse(self, refusal: Refusal, event_id: str | None) -> None:
        error: Fields = {"type": refusal.type, "code": refusal.code, "message": refusal.message, "param": refusal.param}
        if event_id:
            error["client_event_id"] = event_id
        self._emit({"type": "error", "error": error}, event_id)

    def _emit(self, event: Fields, client_event_id: str | None = None) -> None:
        """One event to the client and to every sideband."""
        if self._has_ended:
            return
        self._sent += 1
        event = {**event, "event_id": f"event_{self._sent:06d}"}
        if client_event_id:
            event["client_event_id"] = client_event_id
        self.line.send(json.dumps(event))
        self._view(event)


def without_nulls(session: Fields) -> Fields:
    """Null says nothing in a session of GPT-Live."""
    nested = ("audio", "output", "delegation")
    return {
        name: without_nulls(value) if name in nested and isinstance(value, dict) else value
        for name, value in session.items()
        if value is not None
    }


def check_command(kind: str, command: Fields) -> None:
    """Raises Refusal for a command that has not the form it must have."""
    members = COMMANDS.get(kind)
    if members is None:
        raise invalid("type", f"{kind[:64]!r} is no command of a Live session.")
    own: dict[str, Shape] = {"type": _TEXT, "event_id": ByKind(text=_TEXT, null=True), **members}
    check(command, shapes.Fields(own, tuple(members)), "")
    _check_decisions(part(command, "session"))


def check_offer(offer: Fields) -> None:
    """Raises Refusal for the body of a WebRTC offer that is none."""
    check(offer, _OFFER, "")
    _check_decisions(part(offer, "session"))
    if "format" in part(part(offer, "session"), "audio"):
        raise invalid("session.audio.format", "the audio of a WebRTC session is on its media tracks.")


def _check_decisions(session: Fields) -> None:
    if session.get("triggers") or part(session, "delegation").get("type") == "decisions":
        path = "session.triggers" if session.get("triggers") else "session.delegation"
        raise invalid(path, "this server delegates no decisions.")


def configured(session: Fields, session_id: str) -> SessionConfig:
    """The configuration of the session inside: turn detection on, both transcripts, the tools of the delegation."""
    config = fresh_config(str(session.get("model")), session_id)
    voice = part(part(session, "audio"), "output").get("voice")
    asked: Fields = {
        "type": "realtime",
        "audio": {
            "input": {"transcription": {"model": "local"}, "turn_detection": {"type": "server_vad"}},
            "output": {"voice": voice} if voice else {},
        },
        "tools": tools(session),
    }
    if instructions := session.get("instructions"):
        asked["instructions"] = instructions
    return updated(config, read_update(asked, "ga"))


def tools(session: Fields) -> JsonValue:
    """The functions the model may call: those of the Responses delegation, else the one that asks the client."""
    delegation = part(session, "delegation")
    if delegation.get("type") != "responses":
        return [DELEGATE]
    return part(delegation, "responses").get("tools") or []


def tokens(usage: Fields) -> Fields:
    """The usage of a Realtime response as the Responses API counts it; nothing is cached or reasoned here."""
    counts: Fields = {f"{name}_tokens": usage.get(f"{name}_tokens") or 0 for name in ("input", "output", "total")}
    cached: Fields = {"cached_tokens": 0, "cache_write_tokens": 0}
    return counts | {"input_tokens_details": cached, "output_tokens_details": {"reasoning_tokens": 0}}


def history(session: Fields) -> list[Fields]:
    """The messages that the session begins with, as items of the session inside."""
    given = session.get("input")
    kinds = {"developer": ("system", "input_text"), "user": ("user", "input_text")}
    made: list[Fields] = []
    for message in given if isinstance(given, list) else []:
        if isinstance(message, dict) and isinstance(content := message.get("content"), list):
            role, kind = kinds.get(str(message.get("role")), ("assistant", "output_text"))
            parts: list[JsonValue] = [
                {"type": kind, "text": part.get("text") or ""} for part in content if isinstance(part, dict)
            ]
            made.append({"type": "message", "role": role, "content": parts})
    return made


def quoted(content: str) -> str:
    """What a user wrote, where an instruction passes it on in quotation marks; else the instruction itself."""
    first, last = content.find('"'), content.rfind('"')
    return content[first + 1 : last] if 0 <= first < last - 1 else content


def at_24_khz(sound: Pcm) -> str:
    """Base64 of 48 kHz samples at half the rate, each the mean of two: good enough to listen in."""
    return base64.b64encode(sound.reshape(-1, 2).mean(axis=1).astype("<i2").tobytes()).decode()
