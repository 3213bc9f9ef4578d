"""`voicechat debug ...`: a realtime session that lives between shells, driven one turn at a time.

The session is an engine of its own without sound hardware; every act is one request at its control socket. stdout is
data (an object with --json), the exit status says what came of the act. Nothing is sent that was not asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from voicechat.cli import options as opt
from voicechat.cli.help import App

app = App()
Session = Annotated[
    int, typer.Option("--session", metavar="PID", help="Which session, or a talk on a screen; the only one without it.")
]
Json = Annotated[bool, typer.Option("--json", help="As one JSON object.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0, max=600, help="How long to wait.")]


def act(session: int, request: dict[str, Any], as_json: bool) -> None:
    """One request to a session, its result on stdout, its exit status."""
    from voicechat.cli.debug_session import ask, exit_code_of, show

    result = ask(session, request)
    show(result, as_json=as_json)
    raise typer.Exit(exit_code_of(result))


@app.callback()
def debug() -> None:
    """Talk with a service one turn at a time from a shell, without sound hardware, and ask why it went wrong."""


@app.command()
@opt.takes(opt.TALK)
def start(
    flags: dict[str, Any],
    idle: Annotated[
        float, typer.Option("--idle", metavar="MINUTES", min=0.05, max=1440, help="Ends when not asked for so long.")
    ] = 30.0,
    json: Json = False,
    config: opt.Config = None,
) -> None:
    """Connect, and go on in the background; prints the name of the session. Without options: the local server."""
    from voicechat.cli.debug_session import ask, begin, show

    engine = begin(flags, config, outlives=idle * 60.0)
    number = engine.pid
    engine.leave()
    result = ask(number, {"verb": "status"})
    show(result | {"name": str(number)}, as_json=json)


@app.command()
def say(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="A typed message.")] = "",
    wav: Annotated[Path | None, typer.Option("--wav", metavar="FILE", help="Say this recording as the mic.")] = None,
    spoken: Annotated[str, typer.Option("--spoken", metavar="TEXT", help="The same in the local voice.")] = "",
    timeout: Timeout = 60.0,
    session: Session = 0,
    json: Json = False,
) -> None:
    """Say something, and wait until the response has ended and its sound is over."""
    if sum((bool(text.strip()), wav is not None, bool(spoken.strip()))) != 1:
        raise typer.BadParameter("give one of: TEXT, --wav FILE, --spoken TEXT")
    from voicechat.cli.debug_session import sound_file

    with sound_file(wav, spoken) as file:
        what = {"file": file} if file else {"text": text}
        act(session, {"verb": "say", "timeout": timeout, **what}, json)


@app.command()
def hear(timeout: Timeout = 60.0, session: Session = 0, json: Json = False) -> None:
    """Wait for the end of the next response, and print what was said since the last act. --timeout 0 does not wait."""
    act(session, {"verb": "hear", "timeout": timeout}, json)


@app.command()
def events(
    count: Annotated[int, typer.Argument(metavar="[N]", min=1, max=500, help="The last N.")] = 20,
    type: Annotated[str, typer.Option("--type", metavar="PREFIX", help="Only those whose name begins so.")] = "",
    after: Annotated[int, typer.Option("--after", metavar="SEQ", help="Only those behind this number.")] = -1,
    session: Session = 0,
    json: Json = False,
) -> None:
    """Print the last events, on the wire and local."""
    act(session, {"verb": "events", "count": count, "type": type, "after": after}, json)


@app.command()
def why(session: Session = 0, json: Json = False) -> None:
    """Say what went wrong so far, and which session field repairs it. Exit 1: something is wrong."""
    act(session, {"verb": "why"}, json)


@app.command("set")
def set_field(
    field: Annotated[str, typer.Argument(metavar="FIELD", help="Such as audio.input.turn_detection.threshold.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="JSON; what is none is a text.")],
    timeout: Timeout = 10.0,
    session: Session = 0,
    json: Json = False,
) -> None:
    """Send session.update for one field, and wait for the service's answer."""
    from voicechat.cli.debug_session import value_of

    act(session, {"verb": "set", "field": field, "value": value_of(value), "timeout": timeout}, json)


@app.command()
def decide(
    call: Annotated[str, typer.Argument(metavar="CALL_ID")],
    allow: Annotated[bool, typer.Option("--allow/--deny", help="Whether it may run.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why not, for the model.")] = "",
    session: Session = 0,
    json: Json = False,
) -> None:
    """Allow or deny a tool call that waits for approval; then `hear`."""
    act(session, {"verb": "decide", "call": call, "allow": allow, "reason": reason}, json)


@app.command()
def stop(session: Session = 0, json: Json = False) -> None:
    """Hang up and end the session."""
    act(session, {"verb": "stop"}, json)
