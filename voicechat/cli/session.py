"""`voicechat session check FILE`: is this configuration right, and what would be sent?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from voicechat import exit_codes
from voicechat.cli.help import App
from voicechat.errors import ConfigError

if TYPE_CHECKING:
    from voicechat.protocol.dialects import Dialect
    from voicechat.protocol.session_config import CheckedSession, Problem

app = App()

MAX_BYTES = 4 * 1024 * 1024
"""More is not read: a million characters, the limit of a session text, never take more."""
_KINDS = {
    "realtime": "a realtime session",
    "transcription": "a transcription session",
    "live": "a GPT-Live session",
    "live update": "an update of a GPT-Live session",
}
_LIVE_EVENTS = {"live": "session.start", "live update": "session.update"}


class DialectChoice(StrEnum):
    """The dialects a service may speak."""

    ga = "ga"
    beta = "beta"
    xai = "xai"
    live = "live"


@app.callback()
def session() -> None:
    """Look at a session configuration before a server does."""


@app.command()
def check(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON (comments allowed) or TOML; - reads standard input.")
    ],
    dialect: Annotated[
        DialectChoice | None,
        typer.Option(
            "--dialect",
            show_default=False,
            help="What the service speaks: ga (the Realtime API), beta, xai or live (GPT-Live); else the file tells.",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the event that would be sent.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """Say what is wrong with a session configuration, in plain sentences.

    Exit 0: nothing is wrong (notes and warnings may be told). Exit 2: the service would refuse something, or the file
    cannot be read.
    """
    from voicechat.config.session_file import read_session_text
    from voicechat.protocol.session_config import check_live_session, check_session, is_live_session

    spoken = cast("Dialect", (dialect or DialectChoice.ga).value)
    try:
        config = read_session_text(_text(file), "standard input" if file == "-" else file)
    except ConfigError as error:
        _say(f"voicechat: {error}", err=True)
        raise typer.Exit(exit_codes.USAGE) from error
    is_live = dialect is DialectChoice.live or (dialect is None and is_live_session(config))
    checked = check_live_session(config) if is_live else check_session(config, dialect=spoken)
    if as_json:
        _say(_as_json(checked, spoken))
    else:
        _tell(checked, to_stderr=show)
    if show and not as_json:
        _say(_update(checked, spoken))
    raise typer.Exit(exit_codes.DONE if checked.is_valid else exit_codes.USAGE)


def _text(file: str) -> str:
    """Raises ConfigError for a file that is not there, is none, or is far too long."""
    try:
        if file == "-":
            content = typer.get_binary_stream("stdin").read(MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read {file}: {error.strerror}", hint="voicechat session check FILE (or - for standard input)"
        ) from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{file} is longer than 4 MB", hint="is this the right file?")
    return content.decode("utf-8-sig", "replace")


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


def _update(checked: CheckedSession, dialect: Dialect) -> str:
    """The event as it would go over the wire, indented."""
    import json

    from voicechat.protocol.client_events import SessionUpdate
    from voicechat.protocol.codec import encode

    if checked.kind in _LIVE_EVENTS:
        event = {"type": _LIVE_EVENTS[checked.kind], "session": checked.session}
    else:
        event = json.loads(encode(SessionUpdate(session=checked.session), dialect))
    return json.dumps(event, indent=2, ensure_ascii=False)


def _as_json(checked: CheckedSession, dialect: Dialect) -> str:
    import json

    return json.dumps(
        {
            "valid": checked.is_valid,
            "kind": checked.kind,
            "written_in": checked.dialect,
            "dialect": "live" if checked.kind in _LIVE_EVENTS else dialect,
            "problems": [
                {
                    "path": problem.path,
                    "severity": problem.severity,
                    "message": problem.message,
                    "hint": problem.hint,
                    "allowed": list(problem.allowed),
                }
                for problem in checked.problems
            ],
            "update": json.loads(_update(checked, dialect)),
        },
        indent=2,
    )


def _say(text: str, *, err: bool = False) -> None:
    """One text for the terminal; what came from the file may hold control characters, which never reach it."""
    from voicechat.ui.sanitise import clean

    typer.echo(clean(text), err=err)
