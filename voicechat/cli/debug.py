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


def start(flags: Mapping[str, Any], config: Path | None, idle: float, as_json: bool) -> None:
    """Connect, and go on in the background; prints the name of the session."""
    engine = begin(flags, config, outlives=idle * 60.0)
    number = engine.pid
    engine.leave()
    result = ask(number, {"verb": "status"})
    show(result | {"name": str(number)}, as_json=as_json)


def say(text: str, wav: Path | None, spoken: str, timeout: float, session: int, as_json: bool) -> int:
    """Say something, and wait until the response has ended and its sound is over."""
    if sum((bool(text.strip()), wav is not None, bool(spoken.strip()))) != 1:
        raise ConfigError("give one of: TEXT, --wav FILE, --spoken TEXT")
    with sound_file(wav, spoken) as file:
        what = {"file": file} if file else {"text": text}
        return act(session, as_json, "say", timeout=timeout, **what)


def hear(timeout: float, session: int, as_json: bool) -> int:
    """Wait for the end of the next response."""
    return act(session, as_json, "hear", timeout=timeout)


def events(count: int, type: str, after: int, session: int, as_json: bool) -> int:
    """Print the last events."""
    return act(session, as_json, "events", count=count, type=type, after=after)


def why(session: int, as_json: bool) -> int:
    """Say what went wrong so far."""
    return act(session, as_json, "why")


def set_field(field: str, value: str, timeout: float, session: int, as_json: bool) -> int:
    """Send session.update for one field, and wait for the service's answer."""
    return act(session, as_json, "set", field=field, value=value_of(value), timeout=timeout)


def decide(call: str, allow: bool, reason: str, session: int, as_json: bool) -> int:
    """Allow or deny a tool call that waits for approval."""
    return act(session, as_json, "decide", call=call, allow=allow, reason=reason)


def stop(session: int, as_json: bool) -> int:
    """Hang up and end the session."""
    return act(session, as_json, "stop")
