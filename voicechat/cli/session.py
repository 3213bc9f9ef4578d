"""`voicechat session check FILE`: is this configuration right, and what would be sent?"""

from __future__ import annotations

import json
import sys
from typing import cast

from voicechat import exit_codes
from voicechat.config.session_file import read_session_file
from voicechat.protocol.client_events import SessionUpdate
from voicechat.protocol.codec import encode
from voicechat.protocol.dialects import DialectName
from voicechat.protocol.session_config import (
    CheckedSession,
    Problem,
    check_live_session,
    check_session,
    is_live_session,
)
from voicechat.protocol.session_dialects import GA_PATHS
from voicechat.ui.sanitise import clean

_KINDS = {
    "realtime": "a realtime session",
    "transcription": "a transcription session",
    "live": "a GPT-Live session",
    "live update": "an update of a GPT-Live session",
}
_TOLD = ("path", "severity", "message", "hint", "allowed")
_LIVE_EVENTS = {"live": "session.start", "live update": "session.update"}


def check_command(file: str, dialect: str | None, show: bool, as_json: bool) -> int:
    """Exit 0: nothing is wrong (notes and warnings may be told). Exit 2: the service would refuse something, or the
    file cannot be read.
    """
    spoken = cast(DialectName, dialect or "ga")
    config = read_session_file(file, sys.stdin.buffer)
    is_live = dialect == "live" or (not dialect and is_live_session(config))
    checked = check_live_session(config) if is_live else check_session(config, dialect=spoken)
    if as_json:
        _say(_as_json(checked, spoken))
    else:
        inner = config.get("session")
        given = inner if isinstance(inner, dict) else config
        renamed = [f"{old} → {'.'.join(new)}" for old, new in GA_PATHS.items() if old in given]
        if renamed and "type" in given and spoken == "ga" and not is_live:  # without a type it is beta as a whole
            _say(f"Beta's names are sent as GA's, which a GA service takes alone: {', '.join(renamed)}.", err=show)
        _tell(checked, to_stderr=show)
    if show and not as_json:
        _say(_update(checked, spoken))
    return exit_codes.DONE if checked.is_valid else exit_codes.USAGE


def _tell(checked: CheckedSession, *, to_stderr: bool) -> None:
    """The problems as sentences, the worst first; with --show they leave standard output to the data."""
    order = {"error": 0, "warning": 1, "note": 2}
    for problem in sorted(checked.problems, key=lambda problem: order[problem.severity]):
        _say(_sentence(problem), err=to_stderr)
    _say(_verdict(checked), err=to_stderr)


def _sentence(problem: Problem) -> str:
    lines = [f"{problem.severity + ':':<9}{problem.path} {problem.message}"]
    if problem.hint:
        lines.append(problem.hint)
    if problem.allowed:
        lines.append(f"allowed: {', '.join(problem.allowed)}")
    return "\n         ".join(lines)


def _verdict(checked: CheckedSession) -> str:
    count = {
        word: sum(problem.severity == word for problem in checked.problems) for word in ("error", "warning", "note")
    }
    told = ", ".join(f"{number} {word}{'s' if number > 1 else ''}" for word, number in count.items() if number)
    what = _KINDS[checked.kind]
    if not checked.is_valid:
        return f"Not valid: {what} with {told}. Invalid fields would not be sent."
    return f"Valid: {what} with {told}." if told else f"Valid: {what}, no problems."


def _update(checked: CheckedSession, dialect: DialectName) -> str:
    if checked.kind in _LIVE_EVENTS:
        event = {"type": _LIVE_EVENTS[checked.kind], "session": checked.session}
    else:
        event = json.loads(encode(SessionUpdate(session=checked.session), dialect))
    return json.dumps(event, indent=2, ensure_ascii=False)


def _as_json(checked: CheckedSession, dialect: DialectName) -> str:
    return json.dumps(
        {
            "valid": checked.is_valid,
            "kind": checked.kind,
            "written_in": checked.dialect,
            "dialect": "live" if checked.kind in _LIVE_EVENTS else dialect,
            "problems": [{name: getattr(one, name) for name in _TOLD} for one in checked.problems],
            "update": json.loads(_update(checked, dialect)),
        },
        indent=2,
    )


def _say(text: str, *, err: bool = False) -> None:
    """One text for the terminal; what came from the file may hold control characters, which never reach it."""
    print(clean(text), file=sys.stderr if err else sys.stdout)
