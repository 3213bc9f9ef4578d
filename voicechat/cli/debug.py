"""`voicechat debug ...`: a realtime session that lives between shells, driven one turn at a time.

The session is an engine of its own without sound hardware; every act is one request at its control socket. stdout is
data (an object with --json), the exit status says what came of the act. Nothing is sent that was not asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicechat.cli.debug_session import ask, begin, exit_code_of, show, sound_file, value_of
from voicechat.errors import ConfigError


def act(session: int, as_json: bool, verb: str, **request: Any) -> int:
    """One request to a session, its result on stdout; the exit status."""
    result = ask(session, {"verb": verb, **request})
    show(result, as_json=as_json)
    return exit_code_of(result)


def start_command(flags: Mapping[str, Any], config: Path | None, idle: float, as_json: bool) -> None:
    engine = begin(flags, config, outlives=idle * 60.0)
    number = engine.pid
    engine.leave()
    result = ask(number, {"verb": "status"})
    show(result | {"name": str(number)}, as_json=as_json)


def say_command(text: str, wav: Path | None, spoken: str, timeout: float, session: int, as_json: bool) -> int:
    if sum((bool(text.strip()), wav is not None, bool(spoken.strip()))) != 1:
        raise ConfigError("give one of: TEXT, --wav FILE, --spoken TEXT")
    with sound_file(wav, spoken) as file:
        what = {"file": file} if file else {"text": text}
        return act(session, as_json, "say", timeout=timeout, **what)


def hear_command(timeout: float, session: int, as_json: bool) -> int:
    return act(session, as_json, "hear", timeout=timeout)


def events_command(count: int, type: str, after: int, session: int, as_json: bool) -> int:
    return act(session, as_json, "events", count=count, type=type, after=after)


def why_command(session: int, as_json: bool) -> int:
    return act(session, as_json, "why")


def set_command(field: str, value: str, timeout: float, session: int, as_json: bool) -> int:
    return act(session, as_json, "set", field=field, value=value_of(value), timeout=timeout)


def decide_command(call: str, allow: bool, reason: str, session: int, as_json: bool) -> int:
    return act(session, as_json, "decide", call=call, allow=allow, reason=reason)


def stop_command(session: int, as_json: bool) -> int:
    return act(session, as_json, "stop")
