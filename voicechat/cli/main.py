"""The command line: `voicechat` talks; everything else has a name. Sub-commands import what they need when they run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from voicechat import __version__, exit_codes
from voicechat.cli import options as opt
from voicechat.cli.config import app as config_app
from voicechat.cli.edge import guarded
from voicechat.cli.session import app as session_app

Flags = dict[str, Any]

app = typer.Typer(
    name="voicechat",
    help="Talk with a Realtime assistant in your terminal, and see everything that flows.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(config_app, name="config", help="Write, look at and check the configuration file.")
app.add_typer(session_app, name="session", help="Look at a session configuration before a server does.")


def version(asked: bool) -> None:
    if asked:
        typer.echo(f"voicechat {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
@opt.takes(opt.SCREEN)
def root(
    context: typer.Context,
    flags: Flags,
    config: opt.Config = None,
    show_version: Annotated[
        bool, typer.Option("--version", "-V", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Without a command: talk. The same as `voicechat chat`."""
    if context.invoked_subcommand is None:
        from voicechat.cli.chat import chat_command

        raise typer.Exit(chat_command(flags, config))
    given = [name for name, value in flags.items() if value is not None]
    if given or config:
        name = given[0] if given else "config"
        spellings = next((p.opts, p.secondary_opts) for p in context.command.params if p.name == name)
        option = spellings[flags.get(name) is False][0]
        raise typer.BadParameter(f"write {option} behind the command: voicechat {context.invoked_subcommand} {option}")


@app.command()
@opt.takes(opt.SCREEN)
def chat(flags: Flags, config: opt.Config = None) -> None:
    """Talk on the screen."""
    from voicechat.cli.chat import chat_command

    raise typer.Exit(chat_command(flags, config))


@app.command()
@opt.takes(opt.TALK)
def run(
    flags: Flags,
    text: Annotated[
        list[str] | None, typer.Option("--text", metavar="TEXT", help="Say this in writing; may be repeated.")
    ] = None,
    turns: Annotated[int | None, typer.Option("--turns", min=1, max=1000, help="Answers to wait for.")] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, max=86400, help="Seconds until it gives up.")] = 60.0,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per event, then a summary.")] = False,
    config: opt.Config = None,
) -> None:
    """Talk without a screen: a script, a test, a measurement."""
    from voicechat.cli.run import RunOptions, run_command

    options = RunOptions(texts=tuple(text or ()), turns=turns or 0, timeout=timeout, as_json=json)
    raise typer.Exit(run_command(flags, config, options))


@app.command()
def serve(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 chooses a free one.")] = 8765,
    brain_url: Annotated[str, typer.Option("--brain-url", metavar="URL", help="A chat server to think with.")] = "",
    brain_model: Annotated[str, typer.Option("--brain-model", metavar="NAME", help="Its model.")] = "",
    fault: Annotated[str, typer.Option("--fault", metavar="NAME", help="Misbehave on purpose, to test clients.")] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log sessions to stderr.")] = False,
) -> None:
    """Run the local Realtime server alone, for any client."""
    from voicechat.cli.serve import serve_command

    raise typer.Exit(
        serve_command(port=port, brain_url=brain_url, brain_model=brain_model, fault=fault, verbose=verbose)
    )


@app.command("token-server")
@opt.takes(opt.SERVICE)
def token_server(
    flags: Flags,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 chooses a free one.")] = 8766,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Beyond this computer only with VOICECHAT_TOKEN_ACCESS.")
    ] = "127.0.0.1",
    behind_proxy: Annotated[
        list[str] | None,
        typer.Option("--behind-proxy", metavar="ADDRESS", help="Believe X-Forwarded-For of this proxy alone."),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option("--origin", metavar="URL", help="A web page that may ask; may be repeated. None by default."),
    ] = None,
    per_minute: Annotated[int, typer.Option("--per-minute", min=1, max=1000, help="Tokens for one client.")] = 10,
    life: Annotated[
        int, typer.Option("--life", min=0, max=7200, help="Seconds a token lives, from 10; 0: as the service has it.")
    ] = 0,
    config: opt.Config = None,
) -> None:
    """Give out short-lived keys, so that the standard key stays on this computer alone."""
    from voicechat.cli.token_server import ServerOptions, token_server_command

    options = ServerOptions(host, port, tuple(behind_proxy or ()), tuple(origin or ()), per_minute, life)
    raise typer.Exit(token_server_command(flags, options, config))


@app.command()
def devices(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on and print what comes and goes.")] = False,
) -> None:
    """List microphones and loudspeakers."""
    from voicechat.cli.devices import devices_command

    raise typer.Exit(devices_command(json, watch))


@app.command()
@opt.takes(opt.DOCTOR)
def doctor(
    flags: Flags,
    sections: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SECTION]...", help="python config terminal engine sound key network service; or all."),
    ] = None,
    online: Annotated[
        bool, typer.Option("--online", help="Show the key to the service, by something that is free.")
    ] = False,
    loopback: Annotated[
        bool, typer.Option("--loopback", help="Play and listen, and say whether talking over the assistant works.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    seconds: Annotated[float, typer.Option("--seconds", min=10, max=120, help="Length of the loopback test.")] = 12.0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Begin to play at once.")] = False,
    config: opt.Config = None,
) -> None:
    """Say whether everything for a talk is here; with --loopback, measure the sound. Fit to be pasted anywhere."""
    from voicechat.cli.doctor import DoctorOptions, doctor_command

    options = DoctorOptions(loopback, json, seconds, at_once=yes, online=online, sections=tuple(sections or ()))
    raise typer.Exit(doctor_command(flags, options, config))


@app.command()
@opt.takes(opt.LOOKS)
def watch(
    flags: Flags,
    session: Annotated[int, typer.Option("--session", metavar="PID", help="Which talk; `voicechat ctl sessions`.")] = 0,
    config: opt.Config = None,
) -> None:
    """Watch a talk that runs in another terminal: the same screen, read-only."""
    from voicechat.cli.watch import watch_command

    raise typer.Exit(watch_command(flags, config, session))


@app.command()
def ctl() -> None:
    """Work a running talk from outside: ptt, mute, stop, say, status, events (`voicechat ctl --help`)."""


@app.command()
def diagnose(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE...]", help="Tapes or logs of any client; - reads standard input."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say what went wrong in a session, and how to cure it: from a tape, or from the log of any client."""
    from voicechat.cli.diagnose import diagnose_command

    raise typer.Exit(diagnose_command(files or (), as_json=json))


@app.command()
def themes(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List themes, and say which files could not be read."""
    from voicechat.cli.themes import themes_command

    raise typer.Exit(themes_command(as_json=json))


@app.command()
def explain(
    word: Annotated[
        str, typer.Argument(metavar="[EVENT|FIELD|ERROR]", help="An event, a session field, an error or a finding.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say what a word of the protocol means, and what normally follows. Without one: list them."""
    from voicechat.cli.explain import explain_command

    raise typer.Exit(explain_command(word, as_json=json))


def run_cli(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    return guarded(lambda: obey(arguments))


def obey(arguments: Sequence[str]) -> int:
    try:
        result = app(args=list(arguments), standalone_mode=False)
    except typer.Abort:
        return exit_codes.INTERRUPTED
    except Exception as error:
        return complaint(error)
    return result if isinstance(result, int) else exit_codes.DONE


def complaint(error: Exception) -> int:
    """Typer's own complaints about options; anything else is not ours to handle."""
    show = getattr(error, "format_message", None)
    if show is None:
        raise error
    print(f"voicechat: {show()}\n  try: voicechat --help", file=sys.stderr)
    return exit_codes.USAGE
