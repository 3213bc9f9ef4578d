"""A tap without a screen: events as lines of text or of JSON, on stdout; narration on stderr."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from voicechat import exit_codes
from voicechat.config.settings import Settings
from voicechat.engine.eventlog import row_of
from voicechat.engine.link import FromEngine
from voicechat.engine.pipe import TICK
from voicechat.insight.records import Finding
from voicechat.journal.entry import Entry, summary, summary_of
from voicechat.journal.lines import AUDIO_TYPES
from voicechat.tap.host import TapSettings
from voicechat.tap.service import tap_of
from voicechat.tap.session import Session
from voicechat.tap.sideband import Sideband
from voicechat.tasks import ended_by_signal, ticks
from voicechat.ui.sanitise import clean

SOUND_EVERY = 5.0
"""Seconds between two lines for sound of one kind: fifty a second would hide everything else. JSON has all."""
ARROWS = {"in": "←", "out": "→", "local": "·"}


def print_tap(settings: Settings, wish: TapSettings, environ: Mapping[str, str], *, as_json: bool) -> int:
    """Until Ctrl+C, or until the call that was attached to is over. Raises ConfigError, SignallingError."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(settings, wish, environ, as_json=as_json))
    return exit_codes.DONE


async def _run(settings: Settings, wish: TapSettings, environ: Mapping[str, str], *, as_json: bool) -> None:
    registry, server = tap_of(settings, wish, environ)
    printer = Printer(sys.stdout, as_json=as_json)
    registry.on_session, registry.on_request = printer.follow, printer.request
    await server.start()
    ended = ended_by_signal()
    if isinstance(server, Sideband):
        server.on_end = ended.set
        narrate(f"Attached to {wish.attach} at {registry.upstream.host}.", "  leave it:           Ctrl+C")
    else:
        narrate(
            f"This is a tap of {registry.upstream.base_url}, for this computer only.",
            f"  point a client at:  {server.base_url}",
            "  end it:             Ctrl+C",
        )
    printer.on_gone = ended.set
    try:
        async for _ in ticks(ended, TICK):
            for session in registry.sessions:
                session.tick(registry.clock())
    finally:
        await server.stop()


def narrate(*lines: str) -> None:
    """How to use it; on stderr, because stdout is data."""
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


class Printer:
    """Lines for what happens in all sessions."""

    def __init__(self, out: TextIO, *, as_json: bool) -> None:
        self._out = out
        self._as_json = as_json
        self._sound: dict[tuple[int, str], tuple[float, int]] = {}
        """By session and type: when a line was last written, and how many events came since."""
        self.on_gone: Callable[[], None] = lambda: None

    def follow(self, session: Session) -> None:
        """Print what happens in this session from now on."""
        session.on_event = lambda entry: self._event(session, entry)
        session.post = lambda message: self._message(session, message)

    def request(self, event: dict[str, Any]) -> None:
        """A request while nobody calls."""
        if self._as_json:
            self._write(json.dumps({"session": None, "dir": "local", "event": event}))
        else:
            self._write(f"            · {summary(event)}")

    def _event(self, session: Session, entry: Entry) -> None:
        row = row_of(entry)
        added = None if row.added is None else round(row.added * 1000, 3)
        if self._as_json:
            told = {"t": row.t, "session": session.caller.number, "dir": row.dir, "event": row.event}
            self._write(json.dumps(told | ({} if added is None else {"added_ms": added}), ensure_ascii=False))
            return
        more = ""
        if row.type in AUDIO_TYPES:
            kind = session.caller.number, row.type
            told_at, passed = self._sound.get(kind, (-SOUND_EVERY, 0))
            if row.t < told_at + SOUND_EVERY:
                self._sound[kind] = told_at, passed + 1
                return
            self._sound[kind], more = (row.t, 0), f" ×{passed + 1}" if passed else ""
        cost = "" if added is None else f"  (+{added:.1f} ms)"
        self._write(
            f"{session.caller.number:>3} {row.t:8.3f} {ARROWS[row.dir]} {row.type}{more}  {summary_of(row)}{cost}"
        )

    def _message(self, session: Session, message: FromEngine) -> None:
        if not isinstance(message, Finding):
            return
        if self._as_json:
            told = {"code": message.code, "severity": message.severity, "title": message.title, "cure": message.cure}
            told |= {"resolved": message.resolved} if message.resolved else {}  # type: ignore[dict-item]  # JSON
            self._write(json.dumps({"session": session.caller.number, "finding": told}, ensure_ascii=False))
        elif not message.resolved:
            self._write(f"{session.caller.number:>3}          ! {message.code}: {message.title} {message.cure}")

    def _write(self, line: str) -> None:
        try:
            self._out.write((line if self._as_json else clean(line, one_line=True)) + "\n")
            self._out.flush()
        except (BrokenPipeError, ValueError):
            self.on_gone()
