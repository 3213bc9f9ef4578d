"""GPT-Live: a session as one continuous stream each way, without turns, items or responses.

Inside it is a session like any other, in the mode that WebRTC uses (sound in frames of 20 ms, turn detection on, an
answer that yields to a voice): a Live session is that session with other words for what happens. Over WebSocket its
frames travel as base64 in pieces of 40 ms at real-time pace, silence included; over WebRTC they are the audio track.
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
from dataclasses import dataclass, field

import numpy as np

from voicechat.audio.blocks import FRAME, SAMPLE_RATE as RATE, to_float, to_int16
from voicechat.audio.sound_format import Resampler
from voicechat.errors import VoiceChatError
from voicechat.local_server.dialogue import Transport
from voicechat.local_server.refusals import Refusal, check, invalid
from voicechat.local_server.session import ClientSession, House, Session, new_id
from voicechat.local_server.session_config import Fields, SessionConfig, fresh_config, part, read_update, updated
from voicechat.local_server.sound import RATES, Pcm, decoded_sound, encoded_sound
from voicechat.protocol.event_shapes import LIVE_COMMANDS, LIVE_OFFER
from voicechat.protocol.wire import JsonValue
from voicechat.tasks import spawn

log = logging.getLogger("voicechat.local_server")

LIFETIME = 3600
"""Seconds from the start to `expires_at`."""
FRAME_MS = 20
FRAMES_A_DELTA = 2
"""Frames in one `session.output_audio.delta`: 40 ms. Whoever waits for more answers later."""
WORDS_AHEAD_MS = 200
"""So long before its audio a word is sent: the service makes transcript and audio in frames of 200 ms."""
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


@dataclass(eq=False)
class LiveSession(ClientSession):
    """A Live client's session, and the line of the session inside it. Start it when the client's line is open."""

    house: House
    media: Transport
    asked: Fields = field(default_factory=dict)
    """WebRTC: the session as the offer asked for it. A WebSocket starts its session with the first message."""
    id: str = field(default_factory=lambda: new_id("live"), kw_only=True)
    _inner: ClientSession | None = None
    _resource: Fields = field(default_factory=dict)
    _sent: int = 0
    _frames: int = 0
    _is_muted: bool = False
    _has_ended: bool = False
    _heard: Pcm = field(default_factory=lambda: np.zeros(0, np.int16))
    """WebSocket: what the client sent ahead of real time."""
    _exchanged: list[tuple[Pcm, Pcm]] = field(default_factory=list)
    """Frames of the client's and of ours that no event has carried yet."""
    _fixture: Pcm = field(default_factory=lambda: np.zeros(0, np.int16))
    _fixture_id: str | None = None
    _input_end: int = 0
    _output_end: int = 0
    _usage_at: int = 0
    _calls: set[str] = field(default_factory=set)
    """Calls without an output."""
    _delegation: str = ""
    """That of the response that is calling functions for Responses."""
    _is_answering: bool = False
    _wanted: deque[Fields] = field(default_factory=deque)
    """What the session inside is asked for once nothing is being answered."""
    _pump: asyncio.Task[None] | None = None

    @property
    def now_ms(self) -> int:
        """The session's own time: what was heard and said so far."""
        return self._frames * FRAME_MS

    def start(self) -> None:
        """The line is open. WebRTC: the offer has started the session."""
        if self.media == "webrtc":
            self._open(self.asked)

    def take(self, text: str) -> None:
        command = None
        try:
            with contextlib.suppress(ValueError, RecursionError):
                command = json.loads(text)
            if not isinstance(command, dict):
                raise Refusal("invalid_json", "The message is not a JSON object.")
            if isinstance(session := command.get("session"), dict):
                command["session"] = without_nulls(session)
            check_command(command)
            self._check_order(command["type"])
            self._obey(command["type"], command, command.get("event_id"))
        except Refusal as refusal:
            given = command.get("event_id") if isinstance(command, dict) else None
            self._refuse(refusal, given if isinstance(given, str) else None)

    def exchange(self, heard: Pcm) -> Pcm:
        """One frame each way (960 samples, 48 kHz): what the client sent for what it gets."""
        self._frames += 1
        silence = frame = np.zeros(FRAME, np.int16)
        if self._inner is not None:
            frame = self._inner.exchange(silence if self._is_muted or len(self._fixture) else heard)
            if isinstance(self._inner, Session):
                words = self._inner.dialogue.responses.next_words(WORDS_AHEAD_MS / 1000)
                self._send_words(f" {words}" if words and self._output_end else words)
        if len(self._fixture):
            frame, self._fixture = self._fixture[:FRAME], self._fixture[FRAME:]
            if not len(self._fixture):
                self._emit("session.output_audio.fixture.played", self._fixture_id)
        self._exchanged.append((heard, frame))
        if len(self._exchanged) == FRAMES_A_DELTA:
            self._send_sound()
        if self.now_ms - self._usage_at >= USAGE_EVERY:
            self._usage_at = self.now_ms
            self._emit("session.usage.updated", usage=self._usage())
        return frame

    async def close(self) -> None:
        self._has_ended = True
        if self._pump is not None:
            self._pump.cancel()
        for viewer in self.viewers:
            viewer.hang_up(1000, "the session has ended")
        if self._inner is not None:
            await self._inner.close()

    # the line of the session inside
    def send(self, text: str) -> None:
        """An event of the session inside, in the words of Live."""
        self._translate(json.loads(text))

    def hang_up(self, code: int, reason: str) -> None:
        """The session inside has ended."""
        self._end("expired" if code == 1001 else "connection_lost", code)

    # commands
    def _check_order(self, kind: str) -> None:
        if kind == "session.start":
            if self._resource or self.media == "webrtc":
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
                self._emit(f"{kind}d", event_id)
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
        form = part(part(session, "audio"), "format")
        self._form = str(form.get("type", "audio/pcm"))
        rate = form.get("rate")
        wire_rate = rate if isinstance(rate, int) else RATES[self._form]
        self._from_client, self._to_client = Resampler(wire_rate, RATE), Resampler(RATE, wire_rate)
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
        self._emit("session.started", event_id, session=self._resource)
        inner.start()
        for item in history(session):
            self._tell_inner({"type": "conversation.item.create", "item": item})
        if self.media == "websocket":
            self._pump = spawn(self._keep_pace())

    async def _keep_pace(self) -> None:
        """WebSocket: a frame each way every 20 ms, as a sound card would."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._has_ended:
            due = max(due + FRAME_MS / 1000, loop.time() - 0.2)
            await asyncio.sleep(due - loop.time())
            frame = np.zeros(FRAME, np.int16)
            if len(self._heard) >= FRAME:
                frame, self._heard = self._heard[:FRAME], self._heard[FRAME:]
            self.exchange(frame)

    def _update(self, session: Fields, event_id: str | None) -> None:
        if delegation := part(session, "delegation"):
            old = part(self._resource, "delegation") or {"type": "client"}
            if delegation.get("type") != old.get("type"):
                raise invalid("session.delegation.type", "it cannot change while the session runs.")
            responses = {**part(old, "responses"), **part(delegation, "responses")}
            self._resource["delegation"] = {**old, **delegation} | ({"responses": responses} if responses else {})
            changed: Fields = {"type": "realtime", "tools": tools(self._resource)}
            self._tell_inner({"type": "session.update", "session": changed})
        self._emit("session.updated", event_id, session=self._resource)

    def _hear(self, audio: str) -> None:
        sound = self._sound_of(audio)
        if len(self._heard) + len(sound) > LONGEST_BACKLOG * RATE:
            raise Refusal("input_audio_too_fast", f"More than {LONGEST_BACKLOG:.0f} s of audio wait already.")
        self._heard = np.concatenate([self._heard, sound])

    def _play(self, audio: str, event_id: str | None) -> None:
        sound = self._sound_of(audio)
        if len(sound) > LONGEST_BACKLOG * RATE:
            raise invalid("audio", f"a fixture lasts at most {LONGEST_BACKLOG:.0f} s.")
        self._stop_speaking()
        self._fixture, self._fixture_id = np.pad(sound, (0, -len(sound) % FRAME)), event_id
        self._emit("session.output_audio.fixture.playing", event_id)

    def _sound_of(self, audio: str) -> Pcm:
        """Base64 in the session's format as 48 kHz samples. Raises Refusal."""
        return to_int16(self._from_client.convert(decoded_sound(self._form, audio, "audio")))

    def _stop_speaking(self) -> None:
        self._tell_inner({"type": "response.cancel"}, {"type": "output_audio_buffer.clear"})

    def _append(self, kind: str, content: str, delegation_id: object, event_id: str | None) -> None:
        if isinstance(delegation_id, str) and (self._is_for_responses or delegation_id not in self._calls):
            raise invalid("delegation_id", "there is no such delegation to the client.")
        self._emit(f"{kind}ed", event_id, start_ms=self.now_ms, end_ms=self.now_ms)
        is_silent = kind == "session.thinking.append"
        if isinstance(delegation_id, str) and not is_silent:
            self._calls.remove(delegation_id)
            output: Fields = {"type": "function_call_output", "call_id": delegation_id, "output": content}
            self._ask({"type": "conversation.item.create", "item": output}, {"type": "response.create"})
            return
        if kind == "session.instructions.append" and content.lower().startswith("stop speaking"):
            self._wanted.clear()
            self._stop_speaking()
            return
        role = "system" if is_silent or kind.startswith("session.commentary") else "user"
        self._ask({"type": "conversation.item.create", "item": message(role, "input_text", [quoted(content)])})
        if not is_silent:
            options: Fields = {"instructions": content} if role == "system" else {}
            self._ask({"type": "response.create", "response": options})

    def _answer_call(self, item: Fields) -> None:
        call_id = item.get("call_id")
        if item.get("type") == "function_call_output":
            if not isinstance(call_id, str) or not self._is_for_responses or call_id not in self._calls:
                raise invalid("item.call_id", "no function call with this id waits for an output.")
            self._calls.remove(call_id)
        self._ask({"type": "conversation.item.create", "item": {k: v for k, v in item.items() if k != "status"}})

    def _ask(self, *events: Fields) -> None:
        """Ask the session inside, for a response as soon as it is not answering."""
        self._wanted.extend(events)
        while self._wanted and not (self._is_answering and self._wanted[0].get("type") == "response.create"):
            self._tell_inner(self._wanted.popleft())

    def _tell_inner(self, *events: Fields) -> None:
        for event in events:
            if self._inner is not None:
                self._inner.receive(json.dumps(event))

    # events
    def _translate(self, event: Fields) -> None:
        match event:
            case {"type": "conversation.item.input_audio_transcription.delta", "delta": str() as delta}:
                start, self._input_end = min(self.now_ms, self._input_end), self.now_ms
                self._emit("session.input_transcript.delta", delta=delta, start_ms=start, end_ms=self.now_ms)
            case {"type": "response.output_audio_transcript.delta", "delta": str() as delta}:
                if not isinstance(self._inner, Session):  # a tape keeps its own times
                    self._send_words(delta)
            case {"type": "input_audio_buffer.speech_started", "audio_start_ms": int() as at}:
                self._input_end = max(self._input_end, at)
            case {"type": "response.created"}:
                self._is_answering = True
            case {"type": "response.output_item.added", "item": {"type": "function_call"}}:
                self._calling(str(event.get("response_id")))
            case {"type": "response.output_item.done", "item": {"type": "function_call"}}:
                self._called(event)
            case {"type": "response.done", "response": dict() as response}:
                self._done(response)
            case {"type": "error", "error": dict() as error} if error.get("code") != "response_cancel_not_active":
                self._emit("error", error={**error, "code": str(error.get("code") or "server_error")})

    def _send_words(self, said: str) -> None:
        if said:
            start, self._output_end = max(self._output_end, self.now_ms), self.now_ms + WORDS_AHEAD_MS
            self._emit("session.output_transcript.delta", delta=said, start_ms=start, end_ms=self._output_end)

    def _calling(self, response_id: str) -> None:
        """The first sign of a function call that is not the client's: the beginning of a stream of Responses."""
        if self._is_for_responses and not self._delegation:
            self._delegation = new_id("del")
            self._delegate(self._delegation, "responses", response_id=response_id)
            self._nested("response.created", response=self._snapshot(response_id, "in_progress"))

    def _called(self, event: Fields) -> None:
        item = part(event, "item")
        call_id, index = str(item.get("call_id")), event.get("output_index")
        self._calls.add(call_id)
        if not self._is_for_responses:
            self._delegate(call_id, "client")
            return
        call: Fields = {name: item.get(name) for name in ("id", "type", "call_id", "name", "arguments")}
        for kind, status in (("added", "in_progress"), ("done", "completed")):
            shown: Fields = {**call, "status": status}
            self._nested(f"response.output_item.{kind}", output_index=index, item=shown)

    def _delegate(self, delegation_id: str, target: str, **fields: JsonValue) -> None:
        delegation: Fields = {"id": delegation_id, "type": "delegation", "target": target, **fields}
        self._emit("session.delegation.created", delegation=delegation, offset_ms=self.now_ms)

    def _done(self, response: Fields) -> None:
        self._is_answering = False
        if self._delegation:
            done = self._snapshot(str(response.get("id")), "completed") | {"usage": tokens(part(response, "usage"))}
            self._nested("response.completed", response=done)
            self._delegation = ""
        self._ask()

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

    def _nested(self, kind: str, **fields: JsonValue) -> None:
        event: Fields = {"type": kind, "sequence_number": self._sent, **fields}
        self._emit("response.event", delegation_id=self._delegation, event=event)

    @property
    def _is_for_responses(self) -> bool:
        return part(self._resource, "delegation").get("type") == "responses"

    def _send_sound(self) -> None:
        heard, spoken = (np.concatenate(frames) for frames in zip(*self._exchanged, strict=True))
        self._exchanged = []
        if self.media == "websocket":
            delta = encoded_sound(self._form, self._to_client.convert(to_float(spoken)))
            self.say(json.dumps({"type": "session.output_audio.delta", "delta": delta}), is_private=True)
        if self.viewers:
            times: Fields = {"start_ms": self.now_ms - FRAMES_A_DELTA * FRAME_MS, "end_ms": self.now_ms}
            for viewer in self.viewers:
                viewer.send(json.dumps({"type": "session.input_audio.append", "audio": at_24_khz(heard)}))
                viewer.send(json.dumps({"type": "session.output_audio.delta", "delta": at_24_khz(spoken), **times}))

    def _usage(self) -> Fields:
        return {"seconds": round(self.now_ms / 1000, 2)}

    def _end(self, reason: str, code: int, event_id: str | None = None) -> None:
        if not self._has_ended:
            self._emit("session.closed", event_id, reason=reason, session=self._resource, usage=self._usage())
            self._has_ended = True
            self.line.hang_up(code, reason)

    def _refuse(self, refusal: Refusal, event_id: str | None) -> None:
        error: Fields = {**refusal.fields(), **({"client_event_id": event_id} if event_id else {})}
        self._emit("error", event_id, error=error)

    def _emit(self, kind: str, client_event_id: str | None = None, **fields: JsonValue) -> None:
        """One event to the client and to every sideband."""
        if self._has_ended:
            return
        self._sent += 1
        event: Fields = {"type": kind, **fields, "event_id": f"event_{self._sent:06d}"}
        self.say(json.dumps(event | ({"client_event_id": client_event_id} if client_event_id else {})))


def without_nulls(session: Fields) -> Fields:
    """Null says nothing in a session of GPT-Live."""
    nested = ("audio", "output", "delegation")
    return {
        name: without_nulls(value) if name in nested and isinstance(value, dict) else value
        for name, value in session.items()
        if value is not None
    }


def check_command(command: Fields) -> None:
    """Raises Refusal for a command that has not the form it must have."""
    kind = str(command.get("type"))
    if kind not in LIVE_COMMANDS:
        raise invalid("type", f"{kind[:64]!r} is no command of a Live session.")
    check(command, LIVE_COMMANDS[kind], "")
    _check_decisions(part(command, "session"))


def check_offer(offer: Fields) -> None:
    """Raises Refusal for the body of a WebRTC offer that is none."""
    check(offer, LIVE_OFFER, "")
    _check_decisions(part(offer, "session"))
    if "format" in part(part(offer, "session"), "audio"):
        raise invalid("session.audio.format", "the audio of a WebRTC session is on its media tracks.")
    configured(part(offer, "session"), "")


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
    for one in given if isinstance(given, list) else []:
        if isinstance(one, dict) and isinstance(content := one.get("content"), list):
            texts = [str(part.get("text") or "") for part in content if isinstance(part, dict)]
            made.append(message(*kinds.get(str(one.get("role")), ("assistant", "output_text")), texts))
    return made


def message(role: str, kind: str, texts: list[str]) -> Fields:
    """An item of the session inside."""
    parts: list[JsonValue] = [{"type": kind, "text": text} for text in texts]
    return {"type": "message", "role": role, "content": parts}


def quoted(content: str) -> str:
    """What a user wrote, where an instruction passes it on in quotation marks; else the instruction itself."""
    first, last = content.find('"'), content.rfind('"')
    return content[first + 1 : last] if 0 <= first < last - 1 else content


def at_24_khz(sound: Pcm) -> str:
    """Base64 of 48 kHz samples at half the rate, each the mean of two: good enough to listen in."""
    return base64.b64encode(sound.reshape(-1, 2).mean(axis=1).astype("<i2").tobytes()).decode()
