"""The engine's private door: a socket of this user alone, at which the talk can be worked from outside.

One line asks, one line answers (`ok ...` or `error ...`), any number of them on one connection. `events` turns the
connection into a stream of JSON lines, `watch` into the frames of the link, for a second screen. Whoever connects is
asked for his user id by the kernel; where there are no Unix sockets a token out of a private file stands for it.

What may be said at an engine's door, as one line of words: `ptt down`, `mute toggle`, `say Hello there`, `status`.

Pure: a line and the present state give the user's acts, or what is to be answered.

What a client commands is an act of the user, checked by its type on the link and for its size here.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import math
import os
import secrets
import socket
import struct
import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from voicechat.core.state import State
from voicechat.core.user_events import (
    BargeInChosen,
    DevicesChosen,
    EndAsked,
    ItemTextEntered,
    MuteChosen,
    RawEventEntered,
    SettingChosen,
    SettingValue,
    StopPressed,
    TalkPressed,
    TalkReleased,
    TalkTapped,
    TextEntered,
    UserAct,
    UserEvent,
)
from voicechat.core.view import View
from voicechat.engine.audience import Audience
from voicechat.engine.door import PORT, SOCKET, runtime_dir, sessions
from voicechat.journal.entry import Entry
from voicechat.protocol.hand_written import LONGEST as LONGEST_BY_HAND
from voicechat.tasks import spawn

LONGEST_TEXT = 32_000
"""Characters of one typed message."""
LONGEST_WISH = 512
"""Characters of a device's name."""
MOST_PARTS = 32
"""Members of a setting's value."""


def too_large(act: UserAct) -> str:
    """Why an act is refused for its size; empty where it is not."""
    match act:
        case TextEntered(text=text) | ItemTextEntered(text=text) if len(text) > LONGEST_TEXT:
            return f"a message may have {LONGEST_TEXT} characters"
        case RawEventEntered(text=text) if len(text) > LONGEST_BY_HAND:
            return f"an event written by hand may have {LONGEST_BY_HAND} characters"
        case DevicesChosen(mic=mic, speaker=speaker) if max(len(mic), len(speaker)) > LONGEST_WISH:
            return f"a device's name may have {LONGEST_WISH} characters"
        case SettingChosen(path=path, value=value):
            return _too_large(path, value)
        case _:
            return ""


def _too_large(path: str, value: SettingValue) -> str:
    """A setting is a field, not a document."""
    said = value.values() if isinstance(value, dict) else value
    parts = [said] if isinstance(said, str) else list(said) if isinstance(said, Iterable) else []
    if len(path) > LONGEST_WISH or len(parts) > MOST_PARTS:
        return f"a setting has a path of at most {LONGEST_WISH} characters and at most {MOST_PARTS} parts"
    if sum(len(part) for part in parts if isinstance(part, str)) > LONGEST_TEXT:
        return f"a setting may have {LONGEST_TEXT} characters"
    return ""


LEASE = 30.0
"""Seconds a press lasts that nobody ends or renews (R6)."""
LONGEST_LINE = 256 * 1024
"""Bytes; the longest message in four bytes a character, and some."""
USAGE_MARK = "usage: "
"""How a refusal begins that names the right spelling; `ctl` exits with 2 then."""
UNDER_WAY = ("thinking", "speaking", "finishing")
SWITCH = ("on", "off", "toggle")
USAGE = {
    "ptt": "ptt down|up|toggle [SECONDS]",
    "mute": "mute on|off|toggle",
    "barge-in": "barge-in on|off|toggle",
    "stop": "stop",
    "say": "say TEXT",
    "end": "end",
    "status": "status [--json]",
}


@dataclass(frozen=True, slots=True)
class Obeyed:
    """The acts that a line stands for, and how they are confirmed."""

    acts: tuple[UserEvent, ...] = ()
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a line cannot be obeyed."""

    reason: str


def understood(line: str, state: State, shown: View) -> Obeyed | Refused:
    """What a line asks of the talk that is in `state`."""
    verb, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    match verb:
        case "ptt":
            return _talk_key(rest, state)
        case "mute" if rest in SWITCH:
            muted = _switched(rest, state.microphone.muted)
            return Obeyed((MuteChosen(muted),), "muted" if muted else "not muted")
        case "barge-in" if rest in SWITCH:
            wanted = _switched(rest, state.choices.barge_in)
            return Obeyed((BargeInChosen(wanted),), f"barge-in {'on' if wanted else 'off'}")
        case "stop" if not rest:
            is_needed = shown.reply.state in UNDER_WAY or state.tools.calls or state.responses.wanted
            return Obeyed((StopPressed(),), "stopped" if is_needed else "nothing to stop")
        case "say" if rest:
            typed = TextEntered(unescaped(rest))
            reason = too_large(typed)
            return Refused(reason) if reason else Obeyed((typed,), "sent")
        case "end" if not rest:
            return Obeyed((EndAsked(),), "ended")
        case "status":
            facts = status_of(state, shown)
            return Obeyed((), json.dumps(facts, ensure_ascii=False) if rest == "--json" else in_words(facts))
        case _ if verb in USAGE:
            return Refused(USAGE_MARK + USAGE[verb])
        case _:
            return Refused(f"{verb[:40]!r} is none of: {', '.join(USAGE)}")


def _talk_key(rest: str, state: State) -> Obeyed | Refused:
    how, _, seconds = rest.partition(" ")
    try:
        lease = min(max(float(seconds), 0.1), LEASE) if seconds else LEASE
        if not math.isfinite(lease):
            raise ValueError
    except ValueError:
        return Refused(f"{seconds[:20]!r} is no number of seconds")
    is_down = state.talk.pressed_at is not None and state.talk.released_at is None
    if how == "down":
        return Obeyed((TalkPressed("control", lease),), "talking")
    if how == "up" or (how == "toggle" and is_down):
        ending: UserEvent = TalkReleased("control") if state.talk.latched_at is None else TalkPressed("control")
        return Obeyed((ending,) if is_down else (), "not talking")
    if how == "toggle":
        return Obeyed((TalkPressed("control", lease), TalkTapped()), "talking")
    return Refused(USAGE_MARK + USAGE["ptt"])


def _switched(how: str, now: bool) -> bool:
    return not now if how == "toggle" else how == "on"


def status_of(state: State, shown: View) -> dict[str, Any]:
    """The talk in a few facts; names stay, new ones may come."""
    return {
        "connection": shown.connection.phase,
        "provider": state.wishes.provider,
        "model": state.wishes.model,
        "transport": state.connection.transport,
        "mic": shown.mic.state,
        "on_air": shown.mic.is_on_air,
        "muted": state.microphone.muted,
        "turn_mode": state.choices.turn_mode,
        "barge_in": state.choices.barge_in,
        "reply": shown.reply.state,
        "turns": len(state.conversation.turns),
    }


def in_words(facts: dict[str, Any]) -> str:
    """The same on one line, for a status bar."""
    mic = "ON AIR" if facts["on_air"] else facts["mic"]
    return f"{facts['connection']} · mic {mic} · reply {facts['reply']} · {facts['turns']} turns · {facts['model']}"


def unescaped(text: str) -> str:
    """A text as it was meant: a line holds its line breaks as `\\\\n`."""
    return text.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")


MOST_CONNECTIONS = 16
IDLE = 3600.0
"""Seconds a connection may be silent that follows nothing. Viewers and readers of `events` are always silent."""
MOST_BEHIND = 4 * 1024 * 1024
"""Bytes that a reader of `events` may be behind; then it is dropped, never waited for."""


LEFT_WITHIN = 0.5
"""Seconds after which a client that left is noticed while it waits."""


class Control:
    """`open` the door, `show` events to whoever follows them, `close` it."""

    def __init__(
        self,
        look: Callable[[], tuple[State, View]],
        tell: Callable[[UserEvent], None],
        audience: Audience,
        debug: Callable[[str], Coroutine[None, None, str]],
    ) -> None:
        """`debug` answers the requests of `voicechat debug`, which may wait for a response."""
        self._audience = audience
        self._debug = debug
        self._look = look
        self._tell = tell
        self._server: asyncio.Server | None = None
        self._path = ""
        self._token = ""
        self._connections = 0
        self._followers: set[asyncio.StreamWriter] = set()

    async def open(self) -> str:
        """Make the door; returns why there is none, or an empty string. Doors of engines that died are removed."""
        try:
            folder = runtime_dir()
            _remove_dead(folder)
            if sys.platform == "win32":
                await self._open_port(folder)
            else:
                await self._open_socket(folder)
        except OSError as error:
            return f"`voicechat ctl` cannot reach this talk: {error.strerror or error}"
        return ""

    async def _open_socket(self, folder: str) -> None:
        self._path = os.path.join(folder, f"{os.getpid()}{SOCKET}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=LONGEST_LINE)
        finally:
            os.umask(before)

    async def _open_port(self, folder: str) -> None:
        self._token = secrets.token_hex(16)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LONGEST_LINE)
        port = self._server.sockets[0].getsockname()[1]
        self._path = os.path.join(folder, f"{os.getpid()}{PORT}")
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{port} {self._token}\n")

    def show(self, rows: tuple[Entry, ...]) -> None:
        """Events of one tick, to everybody who follows them."""
        if not self._followers:
            return
        text = "".join(line_of(row) for row in rows).encode()
        for writer in tuple(self._followers):
            if writer.transport.get_write_buffer_size() > MOST_BEHIND:
                self._followers.discard(writer)
                writer.transport.abort()
            else:
                writer.write(text)

    async def close(self) -> None:
        """Take the door away."""
        for writer in tuple(self._followers):
            writer.close()
        if self._server is not None:
            self._server.close()
        if self._path:
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections > MOST_CONNECTIONS:
                writer.write(b"error too many connections\n")
            elif not is_mine(writer) or not await self._knows_token(reader):
                writer.write(b"error this is not your talk\n")
            else:
                await self._answer(reader, writer)
            await writer.drain()
        except ValueError:
            writer.write(f"error a line may have {LONGEST_LINE} bytes\n".encode())
        except (OSError, TimeoutError):
            pass  # gone: nobody to tell
        finally:
            self._connections -= 1
            self._followers.discard(writer)
            self._audience.leave(writer)
            writer.close()

    async def _knows_token(self, reader: asyncio.StreamReader) -> bool:
        if not self._token:
            return True
        said = await asyncio.wait_for(reader.readline(), 2.0)
        return hmac.compare_digest(said.strip(), self._token.encode())

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        limit: float | None = IDLE
        while line := await asyncio.wait_for(reader.readline(), limit):
            said = line.decode("utf-8", "replace").strip()
            if said == "events":
                writer.write(b"ok\n")
                self._followers.add(writer)
                limit = None
                continue
            if said == "watch":
                writer.write(b"ok\n")
                self._audience.join(writer)
                limit = None
                continue
            if said.startswith("debug "):
                answer = await self._unless_gone(self._debug(said.removeprefix("debug ")), reader)
            else:
                answer = self._obey(said)
            writer.write(answer.encode("utf-8", "replace") + b"\n")
            await writer.drain()

    async def _unless_gone(self, answer: Coroutine[None, None, str], reader: asyncio.StreamReader) -> str:
        """An answer that takes its time, given up when the client leaves: it may have been Ctrl+C."""
        work = spawn(answer)
        try:
            while not work.done() and not reader.at_eof():
                await asyncio.wait((work,), timeout=LEFT_WITHIN)
            if work.done() and work.exception() is None:
                return f"ok {work.result()}"
            return "error the engine failed at this; its log tells why"
        finally:
            work.cancel()

    def _obey(self, said: str) -> str:
        result = understood(said, *self._look())
        if isinstance(result, Refused):
            return f"error {result.reason}"
        for act in result.acts:
            self._tell(act)
        return f"ok {result.answer}".rstrip()


def line_of(row: Entry) -> str:
    """An event as `run --json` prints it."""
    return json.dumps({"t": row.t, "dir": row.dir, "event": row.event}, ensure_ascii=False) + "\n"


def is_mine(writer: asyncio.StreamWriter) -> bool:
    """Whether the other end is a process of this user; the kernel knows (where it tells, else the folder's mode)."""
    peer = writer.get_extra_info("socket")
    if not hasattr(socket, "SO_PEERCRED") or peer.family != getattr(socket, "AF_UNIX", None):
        return True
    _, user, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return bool(user == os.getuid())


def _remove_dead(folder: str) -> None:
    """Doors whose engine was killed."""
    for number in sessions(folder):
        if not _lives(number):
            for ending in (SOCKET, PORT):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, f"{number}{ending}"))


def _lives(process: int) -> bool:
    if sys.platform == "win32":
        return True  # asking would end the process there; a dead port refuses, and the file is harmless
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
