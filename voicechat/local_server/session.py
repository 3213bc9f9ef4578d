"""Sessions alive: the pure dialogue, and around it the clock, the recogniser, the brain, the voice and the line.

Everything that takes time runs in a pool of threads and comes back to the event loop; the dialogue itself is only ever
touched from the loop. Nothing of what is said is logged.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import secrets
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

import msgspec
import numpy as np

from voicechat.audio.blocks import FRAME, SAMPLE_RATE as RATE, to_float
from voicechat.audio.sound_format import Resampler
from voicechat.errors import LocalProtocolError
from voicechat.local_server.answer import PACE, VOICE_RATE, Finished, Piece, Spoken
from voicechat.local_server.brain import Brain, CallTool, Say, Turn
from voicechat.local_server.brain.chat_server import choose_brain
from voicechat.local_server.brain.partner import Partner, answer_to
from voicechat.local_server.conversation import Recognise, Reply, StopReply
from voicechat.local_server.dialogue import Dialogue, Transport, error_event
from voicechat.local_server.faults import NO_FAULT, Fault
from voicechat.local_server.listening import Detector, Ears
from voicechat.local_server.refusals import Refusal
from voicechat.local_server.session_config import Fields, SessionConfig
from voicechat.local_server.sound import Pcm, Samples
from voicechat.local_server.speech.text import split_sentences
from voicechat.local_server.speech.vad import SAMPLE_RATE
from voicechat.protocol.codec import decode_client, encode
from voicechat.protocol.dialects import DialectName
from voicechat.protocol.items import RateLimit
from voicechat.protocol.server_events import RateLimitsUpdated, ResponseCreated, ResponseDone, ServerEvent, type_of
from voicechat.protocol.session_dialects import DIALECTS
from voicechat.tasks import spawn

log = logging.getLogger("voicechat.local_server")

_UNLIMITED = tuple(
    RateLimit(name=name, limit=10**6, remaining=10**6, reset_seconds=0.0) for name in ("requests", "tokens")
)
LIVE_MODEL = "local-live"
"""The model of GPT-Live sessions."""
MOST_SESSIONS = 16
"""On two cores, with short questions the sixteenth is answered as soon as the first; each costs a tenth of a core while
its user speaks."""
TOKEN_LIFE = 600.0
_MOST_TOKENS = 256
TICK = 0.1
"""Seconds between looks at timers and captions."""
PARTIAL_EVERY = 0.5
_PARTIAL_SHARE = 4
"""Partial recognitions of all sessions take a quarter of the time at most: their cost grows with the utterance."""
_SHORTEST_PARTIAL = int(0.4 * SAMPLE_RATE)


@dataclass(eq=False)
class Senses:
    """What all sessions hear, understand and speak with."""

    new_detector: Callable[[], Detector]
    transcribe: Callable[[Samples], str]
    """The words of 16 kHz samples; empty when there are none. Called from a thread."""
    speak: Callable[[str, float], Iterator[Samples]]
    """24 kHz samples of a text at a speed. Called from a thread."""
    hearing: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "hearing"))
    """Two threads: a final recognition must not wait behind a partial one."""
    speaking: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "speaking"))
    """One, for voices take turns: those that wait must not keep threads from hearing."""
    finals: int = 0
    """Recognitions under way that an answer waits for: they come before captions."""
    partial_from: float = 0.0
    """When the next guess for a caption may begin; one that is not made now is dropped, a later one will do."""

    def allows_partial(self, now: float) -> bool:
        return not self.finals and now >= self.partial_from


class Line(Protocol):
    """The connection to the client."""

    def send(self, text: str) -> None:
        """Queue one event; it is dropped where the connection is closing."""
        ...

    def hang_up(self, code: int, reason: str) -> None:
        """End the connection, soon."""
        ...


Observed = Callable[[Literal["in", "out", "local"], str], None]
"""Gets each message of a session: what it sends (`in`, as the client sees it), what it is sent, and `local` its end."""


@dataclass(eq=False)
class ClientSession(ABC):
    """What the server does with a session, whoever answers in it."""

    line: Line
    id: str = field(default_factory=lambda: new_id("sess"), kw_only=True)
    """By which a sideband finds it."""
    viewers: list[Line] = field(default_factory=list, kw_only=True)
    """Sidebands: they get every event too."""
    observer: Observed | None = field(default=None, kw_only=True)

    def receive(self, text: str) -> None:
        """A message of the client's, or of a sideband."""
        if self.observer:
            self.observer("out", text)
        self.take(text)

    def say(self, text: str, *, is_private: bool = False) -> None:
        """Send one event to the client, and unless it is private to the sidebands."""
        for line in (self.line, *(() if is_private else self.viewers)):
            line.send(text)
        if self.observer:
            self.observer("in", text)

    @abstractmethod
    def start(self) -> None:
        """The line is open."""

    @abstractmethod
    def take(self, text: str) -> None:
        """Obey a message."""

    @abstractmethod
    def exchange(self, heard: Pcm) -> Pcm:
        """Every 20 ms: what the client sent (960 samples, 48 kHz) for what it gets."""

    @abstractmethod
    async def close(self) -> None:
        """Nothing is sent any more. To be called in any case."""


@dataclass(eq=False)
class Session(ClientSession):
    senses: Senses
    brain: Brain
    transport: Transport
    config: SessionConfig
    dialect: DialectName = "ga"
    fault: Fault = NO_FAULT
    _waiting: deque[str] = field(default_factory=deque)
    """Messages that came while a long sound is still being listened to."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _sent: int = 0
    _next_partial_at: float = 0.0
    _ahead: dict[tuple[str, float], asyncio.Future[Samples]] = field(default_factory=dict)
    """The sound of a sentence at a speed, made while the user might still go on speaking."""

    def __post_init__(self) -> None:
        self._to_ears = Resampler(RATE, SAMPLE_RATE)
        self.dialogue = Dialogue(
            transport=self.transport,
            config=self.config,
            dialect=self.dialect,
            ears=Ears(self.senses.new_detector()),
            new_id=new_id,
            local_time=lambda: datetime.now().astimezone(),
        )

    def start(self) -> None:
        if lifetime := self.fault.seconds("expires-after"):
            self.dialogue.config.session["expires_at"] = int(time.time() + lifetime)
        self.dialogue.opened()
        self._perform()
        if error := self.fault.opening_error():
            self._send(error)
        self._run(self._let_time_pass())

    def take(self, text: str) -> None:
        if self._fault_refuses(text):
            return
        if self._waiting or self.dialogue.has_sound_left():
            self._waiting.append(text)
            return
        self.dialogue.receive(text, time.monotonic())
        self._perform()
        if self.dialogue.has_sound_left():
            self._run(self._hear_the_rest())

    async def _hear_the_rest(self) -> None:
        """A long sound in slices, so that the other sessions are not kept waiting; then what was said behind it."""
        while self.dialogue.has_sound_left() or self._waiting:
            await asyncio.sleep(0)
            if self.dialogue.has_sound_left():
                self.dialogue.hear_more(time.monotonic())
            else:
                self.dialogue.receive(self._waiting.popleft(), time.monotonic())
            self._perform()

    def exchange(self, heard: Pcm) -> Pcm:
        now = time.monotonic()
        self.dialogue.hear(self._to_ears.convert(to_float(heard)), now)
        frame = self.dialogue.responses.pull(now)
        self._perform()
        return np.zeros(FRAME, np.int16) if self.fault.name == "mute" else frame

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _perform(self) -> None:
        """Send and do what a step of the dialogue has put out."""
        for out in self.dialogue.outs():
            match out:
                case Recognise():
                    self._run(self._recognise(out))
                case Reply(response_id):
                    failed = functools.partial(self._reply_failed, response_id)
                    spawn(self._reply(out), failed, self._tasks).set_name(response_id)
                case StopReply(response_id):
                    for task in self._tasks:
                        if task.get_name() == response_id:
                            task.cancel()
                case _:
                    self._send(out)

    def _send(self, event: ServerEvent) -> None:
        dialect = "beta" if self.fault.name == "beta" else self.dialogue.dialect
        if self.fault.hides(event) or DIALECTS[dialect].event_name(type_of(event)) is None:
            return
        self._sent += 1
        numbered = msgspec.structs.replace(event, event_id=f"event_{self._sent:06d}")
        try:
            text = encode(numbered, dialect)
        except LocalProtocolError as error:
            log.error("defect: %s", error)
            return
        for frame in (*self.fault.nonsense(), text):
            self.say(frame)
        if isinstance(event, ResponseDone if dialect == "ga" else ResponseCreated):
            self._send(RateLimitsUpdated(rate_limits=_UNLIMITED))

    def _run(self, work: Coroutine[None, None, None]) -> None:
        spawn(work, lambda error: log.error("defect in a session: %r", error, exc_info=error), self._tasks)

    async def _let_time_pass(self) -> None:
        started_at = time.monotonic()
        while True:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            self.dialogue.time_passed(now)
            self._perform()
            may_caption = now >= self._next_partial_at and self.senses.allows_partial(now)
            if may_caption and (wanted := self.dialogue.listening.wants_partial()):
                self._next_partial_at, self.senses.partial_from = now + PARTIAL_EVERY, math.inf
                spawn(self._recognise_partly(wanted))
            if self._fault_ends(now - started_at):
                return

    def _transcribed(self, samples: Pcm) -> asyncio.Future[str]:
        """The words of 16 kHz sound."""
        senses, loop = self.senses, asyncio.get_running_loop()
        return loop.run_in_executor(senses.hearing, senses.transcribe, to_float(samples))

    async def _recognise(self, action: Recognise) -> None:
        self.senses.finals += 1
        try:
            text = await self._transcribed(action.samples)
        except (RuntimeError, ValueError, MemoryError) as error:
            log.error("recognition failed: %r", error)
            self.dialogue.listening.recognition_failed(action.item_id, "The recogniser failed on this sound.")
            self._perform()
            return
        finally:
            self.senses.finals -= 1
        self.dialogue.listening.recognised(action.item_id, action.tag, text)
        self._perform()
        if turn := self.dialogue.likely_turn(action.item_id, text):
            self._speak_ahead(turn, self.dialogue.config.speed)

    async def _recognise_partly(self, wanted: Recognise) -> None:
        began = time.monotonic()
        try:
            if len(wanted.samples) >= _SHORTEST_PARTIAL:
                text = await self._transcribed(wanted.samples)
                self.dialogue.listening.recognised_partly(wanted.item_id, text)
                self._perform()
        finally:
            took = time.monotonic() - began
            self.senses.partial_from = began + _PARTIAL_SHARE * took

    async def _reply(self, reply: Reply) -> None:
        if delay := self.fault.seconds("slow-first-sound"):
            await asyncio.sleep(delay)
        if self.fault.name == "fails-responses":
            self._made(reply.response_id, Finished("The answer could not be made: as was asked of it."))
            return
        if reply.preamble:
            await self._say(reply, reply.preamble)
        has_called = False
        if reply.turn:
            async for output in self.brain.answer(reply.turn):
                match output:
                    case Say(text) if not has_called:
                        await self._say(reply, text)
                    case CallTool():
                        has_called = True
                        self._made(reply.response_id, output)
        self._made(reply.response_id, Finished())

    async def _say(self, reply: Reply, text: str) -> None:
        if not reply.is_spoken:
            self._made(reply.response_id, Say(text))
            return
        for sentence in split_sentences(text):
            ahead, self._ahead = self._ahead, {}
            samples = await (ahead.get((sentence, reply.speed)) or self._synthesised(sentence, reply.speed))
            self._made(reply.response_id, Spoken(sentence, samples))
            await asyncio.sleep(len(samples) / VOICE_RATE / PACE)

    def _speak_ahead(self, turn: Turn, speed: float) -> None:
        """Begin to make the first sentence of what the practice partner would answer now.

        The words are known 200 ms into the silence that ends a turn after 500 ms; it takes the voice's 25 ms (150 on a
        busy machine) out of every answer. A chat server is never asked ahead: it would be asked twice.
        """
        first = next(iter(answer_to(turn)), None) if isinstance(self.brain, Partner) else None
        if isinstance(first, Say) and (sentences := split_sentences(first.text)):
            self._ahead = {(sentences[0], speed): self._synthesised(sentences[0], speed)}

    def _synthesised(self, sentence: str, speed: float) -> asyncio.Future[Samples]:
        """A sentence as 24 kHz sound."""

        def speak() -> Samples:
            return np.concatenate([np.zeros(0, np.float32), *self.senses.speak(sentence, speed)])

        return asyncio.get_running_loop().run_in_executor(self.senses.speaking, speak)

    def _reply_failed(self, response_id: str, error: Exception) -> None:
        log.error("defect in an answer: %r", error, exc_info=error)
        self._made(response_id, Finished("The answer could not be made: a defect of the server."))

    def _made(self, response_id: str, piece: Piece) -> None:
        self.dialogue.responses.made(response_id, piece, time.monotonic())
        self._perform()

    def _fault_refuses(self, text: str) -> bool:
        """A scripted refusal of a client event; without a fault never."""
        if self.fault.name not in ("refuses-field", "no-responses"):
            return False
        said = decode_client(text).raw or {}
        if self.fault.name == "no-responses":
            return said.get("type") == "response.create"
        if path := self.fault.refuses(said.get("session")):
            self._send(error_event(Refusal("unknown_parameter", f"Unknown parameter: '{path}'.", path), said))
        return bool(path)

    def _fault_ends(self, lasted: float) -> bool:
        """A scripted end of the line; without a fault never."""
        if (closes := self.fault.seconds("closes-after")) is not None and lasted >= closes:
            self.line.hang_up(1011, "fault: closes-after")
            return True
        if (expires := self.fault.seconds("expires-after")) is not None and lasted >= expires:
            message = "Your session hit the maximum duration."
            self._send(error_event(Refusal("session_expired", message)))
            self.line.hang_up(1001, message)
            return True
        return False


@dataclass
class House:
    """The server apart from its addresses."""

    load: Callable[[], Senses]
    brain_url: str = ""
    brain_model: str = ""
    fault: Fault = NO_FAULT
    observe: Callable[[], Observed] | None = None
    """Asked for each session who is told its messages."""
    _lines: dict[Line, ClientSession | None] = field(default_factory=dict)
    """Lines with a place, with their sessions; None while that is being opened."""
    _tokens: dict[str, tuple[Fields, float]] = field(default_factory=dict)
    """The session that each short-lived key carries, and when it dies (Unix seconds)."""
    _loading: asyncio.Future[Senses] | None = None

    def start(self) -> None:
        """Begin to load the engine; whoever needs it waits for it."""
        thread = ThreadPoolExecutor(1, "loading")
        self._loading = asyncio.get_running_loop().run_in_executor(thread, self.load)

    @property
    def state(self) -> str:
        """loading, ready or failed."""
        if self._loading is None or not self._loading.done():
            return "loading"
        return "failed" if self._loading.cancelled() or self._loading.exception() else "ready"

    async def open_session(
        self, line: Line, transport: Transport, config: SessionConfig, dialect: DialectName
    ) -> ClientSession:
        """A session that is not started, as soon as the engine is loaded. Raises VoiceChatError if it cannot be."""
        assert self._loading is not None
        brain = choose_brain(self.brain_url, self.brain_model)
        chosen, senses = await asyncio.gather(brain, asyncio.shield(self._loading))
        return Session(line, senses, chosen, transport, config, dialect, self.fault)

    @property
    def sessions(self) -> list[ClientSession]:
        return [session for session in self._lines.values() if session]

    def check_room(self) -> None:
        """Raises Refusal when no further session can be opened now."""
        if self.state == "failed":
            raise Refusal("model_load_error", "The speech engine could not be loaded.", type="server_error")
        if len(self._lines) >= MOST_SESSIONS:
            text = f"All {MOST_SESSIONS} sessions of this server are in use."
            raise Refusal("session_limit_reached", text, type="server_error")

    def enter(self, line: Line) -> None:
        """Give a line a place until it leaves. Raises Refusal. To be called before anything is awaited."""
        self.check_room()
        self._lines[line] = None

    async def start_session(
        self, line: Line, opening: ClientSession | Awaitable[ClientSession], session_id: str = ""
    ) -> ClientSession:
        """Begin the session of a line, and have its messages told where somebody wants them."""
        session = opening if isinstance(opening, ClientSession) else await opening
        session.id = session_id or session.id
        session.observer = self.observe() if self.observe is not None else None
        self._lines[line] = session
        session.start()
        return session

    async def leave(self, line: Line) -> None:
        """End the session of a line, if it has one, and give up its place; any number of times."""
        if session := self._lines.pop(line, None):
            await session.close()
            if session.observer:
                session.observer("local", "")

    def issue_token(self, session: Fields, life: float = TOKEN_LIFE) -> tuple[str, float]:
        """A short-lived key that carries a configuration, and when it dies (Unix seconds)."""
        now = time.time()
        self._tokens = {name: token for name, token in self._tokens.items() if token[1] > now}
        while len(self._tokens) >= _MOST_TOKENS:
            self._tokens.pop(next(iter(self._tokens)))
        name = f"ek_{secrets.token_hex(16)}"
        self._tokens[name] = (session, now + life)
        return name, now + life

    def session_of(self, key: str) -> Fields:
        """The configuration a short-lived key carries; empty for any other key. Raises Refusal for an invalid one."""
        session, dies_at = self._tokens.get(key, ({}, 0.0))
        if dies_at > time.time():
            return session
        if key.startswith("ek_"):
            raise Refusal("invalid_api_key", "This ephemeral key has expired or was not made by this server.")
        return {}

    async def close(self) -> None:
        for line in list(self._lines):
            line.hang_up(1001, "the server is ending")
            await self.leave(line)
        if self._loading:
            self._loading.cancel()
            if self.state == "ready":
                for pool in (self._loading.result().hearing, self._loading.result().speaking):
                    pool.shutdown(wait=False, cancel_futures=True)


def load_senses() -> Senses:
    """The real engine. Raises ConfigError when the extra `local` is not installed."""
    from voicechat.local_server.speech.engine import load_engine

    engine = load_engine()
    return Senses(lambda: engine.new_vad().probability, engine.recogniser.transcribe, engine.voice.speak)


def new_id(kind: str) -> str:
    """A fresh id such as `item_3f9a...`."""
    return f"{kind}_{secrets.token_hex(10)}"
