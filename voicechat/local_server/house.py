"""What all sessions of a server share: the speech engine (loaded in the background), the brain's address, limits."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from voicechat.local_server.brain.chat_server import choose_brain
from voicechat.local_server.dialogue import Transport
from voicechat.local_server.faults import NO_FAULT, Fault
from voicechat.local_server.refusals import Refusal
from voicechat.local_server.session import ClientSession, Line, Observed, Senses, Session
from voicechat.local_server.session_config import Fields, SessionConfig, dialect_of, fresh_config, read_update, updated
from voicechat.protocol.dialects import Dialect

MODEL = "voicechat-local"
LIVE_MODEL = "local-live"
"""The model of GPT-Live sessions."""
MOST_SESSIONS = 8
"""Each costs a tenth of a core while its user speaks."""
TOKEN_LIFE = 600.0
_MOST_TOKENS = 256
_THREADS = 3
"""Two for recognition (a final one must not wait behind a partial one), one for the voice."""


@dataclass
class House:
    """The server apart from its addresses."""

    load: Callable[[ThreadPoolExecutor], Senses]
    brain_url: str = ""
    brain_model: str = ""
    fault: Fault = NO_FAULT
    observe: Callable[[], Observed] | None = None
    """Asked for each session who is told its messages."""
    _lines: dict[Line, ClientSession | None] = field(default_factory=dict)
    """Lines with a place, with their sessions; None while that is being opened."""
    _tokens: dict[str, tuple[Fields, float]] = field(default_factory=dict)
    """The session that each short-lived key carries, and when it dies (Unix seconds)."""
    _loading: asyncio.Task[Senses] | None = None

    def start(self) -> None:
        """Begin to load the engine; whoever needs it waits for it."""
        self.pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="speech")
        self._loading = asyncio.get_running_loop().create_task(self._load())

    async def _load(self) -> Senses:
        return await asyncio.get_running_loop().run_in_executor(self.pool, self.load, self.pool)

    @property
    def state(self) -> str:
        """loading, ready or failed."""
        if self._loading is None or not self._loading.done():
            return "loading"
        return "failed" if self._loading.cancelled() or self._loading.exception() else "ready"

    async def open_session(
        self, line: Line, transport: Transport, config: SessionConfig, dialect: Dialect
    ) -> ClientSession:
        """A session that is not started, as soon as the engine is loaded. Raises VoiceChatError if it cannot be."""
        assert self._loading is not None
        brain = choose_brain(self.brain_url, self.brain_model)
        chosen, senses = await asyncio.gather(brain, asyncio.shield(self._loading))
        return Session(line, senses, chosen, transport, config, dialect, self.fault)

    @property
    def sessions(self) -> list[ClientSession]:
        return [session for session in self._lines.values() if session]

    def find(self, session_id: str) -> ClientSession | None:
        return next((session for session in self.sessions if session.id == session_id), None)

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
            self.pool.shutdown(wait=False, cancel_futures=True)


def load_senses(pool: ThreadPoolExecutor) -> Senses:
    """The real engine. Raises ConfigError when the extra `local` is not installed."""
    from voicechat.local_server.speech.engine import load_engine

    engine = load_engine()
    return Senses(lambda: engine.new_vad().probability, engine.recogniser.transcribe, engine.voice.speak, pool)


def first_config(
    session: Fields, model: str, dialect: Dialect, session_id: str, *more: Fields
) -> tuple[SessionConfig, Dialect]:
    """The configuration a session starts with: the defaults, under the key's session, under what the handshake asked
    for; either may be nothing. Raises Refusal."""
    named = [name for one in (session, *more) if isinstance(name := one.get("model"), str) and name]
    config = fresh_config(named[0] if named else model or MODEL, session_id)
    for one in (session, *more):
        if one:
            config, dialect = updated(config, read_update(one, dialect)), dialect_of(one, dialect)
    return config, dialect
