"""The command line: `voicechat` talks; everything else has a name. Sub-commands import what they need when they run.

Of some twenty commands one is used, and only its options are built.

Typer looks at every parameter of every command before it reads a word, which takes 60 ms of the 100 that `--help` may
take. A command that is not named needs its name and its one sentence, for the list and for the words of an error.
"""

from __future__ import annotations

import copy
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Typer
from typer.models import CommandInfo

from voicechat import __version__, exit_codes
from voicechat.cli import options as opt
from voicechat.cli.config import app as config_app
from voicechat.cli.debug import app as debug_app
from voicechat.cli.edge import guarded, with_command
from voicechat.cli.fleet import app as fleet_app
from voicechat.cli.help import CONFIGURATION, DEBUGGING, REFERENCE, SERVERS, TALK, TAPES, App
from voicechat.cli.session import app as session_app
from voicechat.cli.sharing import add_to as add_sharing


def lean(app: Typer, arguments: Sequence[str]) -> Typer:
    """The same app, with options only for commands and groups whose name is among the words; `app` stays whole.

    A word that only happens to be a command's name, as the value of an option, costs a millisecond.
    """
    words = frozenset(arguments)
    light = copy.copy(app)
    light.registered_commands = [_lean_command(info, words) for info in app.registered_commands]
    light.registered_groups = []
    for group in app.registered_groups:
        inner = group.typer_instance
        if inner is not None:
            group = copy.copy(group)
            group.typer_instance = lean(inner, arguments if group.name in words else ())
        light.registered_groups.append(group)
    return light


def _lean_command(info: CommandInfo, words: frozenset[str]) -> CommandInfo:
    callback = info.callback
    if callback is None or name_of(info) in words:
        return info
    light = copy.copy(info)
    light.callback = _named_alike(callback)
    return light


def _named_alike(callback: Callable[..., object]) -> Callable[[], None]:
    """Nothing to call, and nothing to look at but the name and the words."""

    def unnamed() -> None: ...

    unnamed.__name__, unnamed.__doc__ = callback.__name__, callback.__doc__
    return unnamed


Flags = dict[str, Any]

app = App(
    name="voicechat",
    help="Talk with a Realtime assistant in your terminal, and see everything that flows.",
    epilog="voicechat COMMAND --help explains a command, voicechat explain keys the keys of the screen (or scripts, "
    "configuration, audio, troubleshooting, ...), voicechat man everything.",
    no_args_is_help=False,
)
app.add_typer(
    config_app, name="config", help="Write, show and check the configuration file.", rich_help_panel=REFERENCE
)
app.add_typer(session_app, name="session", help="Check a session configuration file.", rich_help_panel=REFERENCE)
app.add_typer(debug_app, name="debug", help="Drive a session from a shell, turn by turn.", rich_help_panel=DEBUGGING)
app.add_typer(fleet_app, name="fleet", help="Diagnose recorded sessions by the thousand.", rich_help_panel=TAPES)


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
        bool,
        typer.Option(
            "--version", "-V", callback=version, is_eager=True, help="Print the version.", rich_help_panel=CONFIGURATION
        ),
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
        named = str(context.invoked_subcommand)
        target: Any = context.command.commands.get(named)  # type: ignore[attr-defined]  # it is a group
        if not any(option in (*one.opts, *one.secondary_opts) for one in getattr(target, "params", ())):
            raise typer.BadParameter(f"{option} is not an option of {named}; its options: voicechat {named} --help")
        value = flags[name] if given else config
        said = [] if isinstance(value, bool) else [value[0] if isinstance(value, list) else value]
        moved = shlex.join(["voicechat", named, option, *map(str, said)])
        raise typer.BadParameter(f"{option} stands behind the command: {moved}")


@app.command(rich_help_panel=TALK)
@opt.takes(opt.SCREEN)
def chat(flags: Flags, config: opt.Config = None) -> None:
    """Talk on the screen."""
    from voicechat.cli.chat import chat_command

    raise typer.Exit(chat_command(flags, config))


@app.command(rich_help_panel=TALK)
@opt.takes(opt.TALK)
def run(
    flags: Flags,
    text: Annotated[
        list[str] | None, typer.Option("--text", metavar="TEXT", help="Send a typed message; may be repeated.")
    ] = None,
    turns: Annotated[
        int | None, typer.Option("--turns", metavar="N", min=1, max=1000, help="Number of answers to wait for.")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", min=1, max=86400, help="Longest run (60)."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per event, then a summary; with --script, one object.")
    ] = False,
    script: Annotated[
        Path | None,
        typer.Option("--script", metavar="FILE", help="Run a scripted talk (voicechat explain scripts)."),
    ] = None,
    script_example: Annotated[
        bool, typer.Option("--script-example", help="Print a commented script to start from.")
    ] = False,
    check_script: Annotated[bool, typer.Option("--check-script", help="Check the script and run nothing.")] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the script's results as JUnit XML.")
    ] = None,
    config: opt.Config = None,
) -> None:
    """Talk without a screen: for scripts, tests and measurements.

    `voicechat run --script-example` prints a commented script; `voicechat explain scripts` is its reference.
    """
    if script_example:
        from voicechat.scripting.reading import EXAMPLE

        typer.echo(EXAMPLE, nl=False)
        raise typer.Exit
    if script is not None:
        from voicechat.cli.script import ScriptOptions, script_command

        if text or turns:
            raise typer.BadParameter("--script replaces --text and --turns: voicechat run --script FILE")
        raise typer.Exit(script_command(flags, config, ScriptOptions(script, junit, json, check_script, timeout)))
    if check_script or junit:
        raise typer.BadParameter("--check-script and --junit need --script: voicechat run --script FILE --check-script")
    if not text:  # what follows takes a second to load
        print("Starts a conversation without a screen; Ctrl+C ends it.", file=sys.stderr, flush=True)
    from voicechat.cli.run import RunOptions, run_command

    options = RunOptions(texts=tuple(text or ()), turns=turns or 0, timeout=timeout or 60.0, as_json=json)
    raise typer.Exit(run_command(flags, config, options))


@app.command(rich_help_panel=SERVERS)
@opt.takes(opt.TRACE)
def serve(
    flags: Flags,
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0: any free port.")] = 8765,
    brain_url: Annotated[
        str, typer.Option("--brain-url", metavar="URL", help="Chat-completions server that writes the answers.")
    ] = "",
    brain_model: Annotated[str, typer.Option("--brain-model", metavar="NAME", help="Model of that server.")] = "",
    fault: Annotated[str, typer.Option("--fault", metavar="NAME", help="Misbehave on purpose, to test clients.")] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log sessions to stderr.")] = False,
    replay: Annotated[
        str, typer.Option("--replay", metavar="TAPE", help="Play the server's side of a tape, without an engine.")
    ] = "",
    speed: Annotated[
        float, typer.Option("--speed", metavar="FACTOR", min=0.25, max=100, help="Speed of the replay.")
    ] = 1.0,
    by_time: Annotated[
        bool, typer.Option("--by-time", help="Keep to the recorded times, without waiting for the client.")
    ] = False,
    config: opt.Config = None,
) -> None:
    """Run the local Realtime server alone, for any client."""
    from voicechat.cli.serve import serve_command

    played = None
    if replay:
        from voicechat.cli.serve import ReplayServing
        from voicechat.cli.tapes import tape_named

        played = ReplayServing(tape_named(replay, config), speed, by_time)
    raise typer.Exit(serve_command(flags, config, port, brain_url, brain_model, fault, verbose, played))


@app.command("token-server", rich_help_panel=SERVERS)
@opt.takes(opt.SERVICE)
def token_server(
    flags: Flags,
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0: any free port.")] = 8766,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="ADDRESS",
            help="Address to listen on; others than this computer need VOICECHAT_TOKEN_ACCESS.",
        ),
    ] = "127.0.0.1",
    behind_proxy: Annotated[
        list[str] | None,
        typer.Option("--behind-proxy", metavar="ADDRESS", help="Trust X-Forwarded-For of this proxy."),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option("--origin", metavar="URL", help="Web page that may ask; may be repeated."),
    ] = None,
    per_minute: Annotated[
        int, typer.Option("--per-minute", metavar="N", min=1, max=1000, help="Tokens a minute for one client.")
    ] = 10,
    life: Annotated[
        int,
        typer.Option(
            "--life",
            metavar="SECONDS",
            min=0,
            max=7200,
            help="Lifetime of a token, at least 10; 0: the service decides.",
        ),
    ] = 0,
    config: opt.Config = None,
) -> None:
    """Give out short-lived keys, so that the API key stays on this computer."""
    from voicechat.cli.token_server import ServerOptions, token_server_command

    options = ServerOptions(host, port, tuple(behind_proxy or ()), tuple(origin or ()), per_minute, life)
    raise typer.Exit(token_server_command(flags, options, config))


@app.command(rich_help_panel=REFERENCE)
def devices(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Keep running and print changes.")] = False,
) -> None:
    """List microphones and loudspeakers."""
    from voicechat.cli.devices import devices_command

    raise typer.Exit(devices_command(json, watch))


@app.command(rich_help_panel=DEBUGGING)
@opt.takes(opt.DOCTOR)
def doctor(
    flags: Flags,
    sections: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SECTION]...", help="python config terminal engine sound key network service; or all."),
    ] = None,
    online: Annotated[
        bool, typer.Option("--online", help="Check the API key with a request that costs nothing.")
    ] = False,
    loopback: Annotated[
        bool, typer.Option("--loopback", help="Play test sounds and measure echo, delay and barge-in.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="SECONDS", min=10, max=120, help="Length of the loopback test.")
    ] = 12.0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before playing.")] = False,
    config: opt.Config = None,
) -> None:
    """Check everything a talk needs; --loopback measures the sound.

    The output holds no key and no name of you or your computers: it may be pasted into a bug report.
    """
    from voicechat.cli.doctor import DoctorOptions, doctor_command

    options = DoctorOptions(loopback, json, seconds, at_once=yes, online=online, sections=tuple(sections or ()))
    raise typer.Exit(doctor_command(flags, options, config))


@app.command(rich_help_panel=TALK)
@opt.takes(opt.LOOKS)
def watch(
    flags: Flags,
    session: Annotated[
        int, typer.Option("--session", metavar="PID", help="Which talk; `voicechat ctl sessions` lists them.")
    ] = 0,
    config: opt.Config = None,
) -> None:
    """Watch a talk that runs in another terminal, read-only."""
    from voicechat.cli.watch import watch_command

    raise typer.Exit(watch_command(flags, config, session))


@app.command(rich_help_panel=DEBUGGING)
@opt.takes(opt.TAPE)
def tap(
    flags: Flags,
    upstream: Annotated[str, typer.Option("--upstream", metavar="URL", help="The service's base URL.")],
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0: any free port.")] = 8765,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per event, no screen.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="One line per event, no screen.")] = False,
    config: opt.Config = None,
) -> None:
    """Proxy between your client and its service: shows every event, changes none."""
    from voicechat.cli.tap import TapOptions, tap_command

    options = TapOptions(upstream, port, as_json=json, plain=plain)
    raise typer.Exit(tap_command(flags, options, config))


@app.command(rich_help_panel=DEBUGGING)
@opt.takes(opt.ATTACH)
def attach(
    flags: Flags,
    call: Annotated[str, typer.Argument(metavar="ID", help="A running call (rtc_...) or GPT-Live session.")],
    send: Annotated[
        list[str] | None, typer.Option("--send", metavar="EVENT", help="Send this event, as JSON; may be repeated.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per event, no screen.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="One line per event, no screen.")] = False,
    config: opt.Config = None,
) -> None:
    """Look into a running call of your service over a second line."""
    from voicechat.cli.tap import TapOptions, tap_command

    options = TapOptions(as_json=json, plain=plain, attach=call, to_send=tuple(send or ()))
    raise typer.Exit(tap_command(flags, options, config))


@app.command(rich_help_panel=TALK)
def ctl() -> None:
    """Control a running talk: ptt, mute, stop, say, status, events."""


@app.command(rich_help_panel=SERVERS)
def mcp() -> None:
    """Serve `voicechat debug` to coding agents, as a Model Context Protocol server over stdin and stdout."""
    from voicechat.cli.mcp_server import mcp_command

    raise typer.Exit(mcp_command())


@app.command(rich_help_panel=DEBUGGING)
def diagnose(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE...]", help="Tapes or logs of any client; -: standard input."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    min_confidence: Annotated[
        float, typer.Option("--min-confidence", metavar="0..1", help="Hide findings with less confidence.")
    ] = 0.0,
    sound: Annotated[
        list[str] | None,
        typer.Option("--sound", metavar="FILE", help="Stereo WAV, user left, assistant right, checked without a log."),
    ] = None,
) -> None:
    """Find what went wrong in a tape or in the log of any client, and the cure."""
    from voicechat.cli.diagnose import diagnose_command

    raise typer.Exit(diagnose_command(files or (), as_json=json, min_confidence=min_confidence, sounds=sound or ()))


@app.command(rich_help_panel=TAPES)
def history(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder of tapes; without it your own.")
    ] = None,
    most: Annotated[int, typer.Option("--most", metavar="N", min=0, help="Number of tapes listed; 0: all.")] = 20,
    rm: Annotated[
        list[str] | None, typer.Option("--rm", metavar="TAPE", help="Delete a tape; may be repeated.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: opt.Config = None,
) -> None:
    """List the tapes of your talks, the newest first."""
    from voicechat.cli.history import HistoryOptions, history_command

    raise typer.Exit(history_command(HistoryOptions(folder, most, json, tuple(rm or ())), config))


@app.command(rich_help_panel=TAPES)
@opt.takes(opt.LOOKS)
def replay(
    flags: Flags,
    tape: Annotated[str, typer.Argument(metavar="TAPE", help="A folder made by --record, its name, or last.")],
    check: Annotated[
        bool, typer.Option("--check", help="Recompute every decision and name the first that differs.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The result of --check as JSON.")] = False,
    speed: Annotated[
        float, typer.Option("--speed", metavar="FACTOR", min=0.25, max=16, help="Speed; sound only at 1.")
    ] = 1.0,
    at: Annotated[float, typer.Option("--at", metavar="SECONDS", min=0, help="Where to start.")] = 0.0,
    config: opt.Config = None,
) -> None:
    """Play a tape on the screen; --check tests the core against it."""
    from voicechat.cli.replay import ReplayOptions, replay_command

    raise typer.Exit(replay_command(tape, flags, ReplayOptions(check, json, speed, at), config))


@app.command(rich_help_panel=TALK)
@opt.takes(opt.TRANSCRIBE)
def transcribe(
    flags: Flags,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE...]", help="Sound or video files; - reads standard input.")
    ] = None,
    mic: Annotated[bool, typer.Option("--mic", help="Transcribe the microphone.")] = False,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="SECONDS", min=0, max=86400, help="How long; 0: until Ctrl+C.")
    ] = 0.0,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="Transcription model; any is passed on.")] = "",
    prompt: Annotated[str, typer.Option("--prompt", metavar="TEXT", help="Context for the model.")] = "",
    keywords: Annotated[
        list[str] | None, typer.Option("--keywords", metavar="WORD,...", help="Words to expect; may be repeated.")
    ] = None,
    delay: Annotated[
        str, typer.Option("--delay", metavar="minimal|low|medium|high|xhigh", help="Delay a live model may use.")
    ] = "",
    commit: Annotated[
        str, typer.Option("--commit", metavar="server|whole|vad|SECONDS", help="How the sound is divided.")
    ] = "",
    realtime: Annotated[bool, typer.Option("--realtime", help="Send files in real time.")] = False,
    form: Annotated[str, typer.Option("--format", "-f", metavar="text|srt|vtt|json", help="Output format.")] = "text",
    out: Annotated[str, typer.Option("--out", "-o", metavar="FILE|DIR", help="Write here instead of stdout.")] = "",
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", metavar="N", min=1, max=32, help="Number of files at a time.")
    ] = 2,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    config: opt.Config = None,
) -> None:
    """Transcribe recordings or the microphone: text, subtitles or JSON."""
    from voicechat.cli.transcribe import TranscribeOptions, transcribe_command

    options = TranscribeOptions(
        files=tuple(files or ()),
        mic=mic,
        seconds=seconds,
        model=model,
        prompt=prompt,
        keywords=tuple(keywords or ()),
        delay=delay,
        commit=commit,
        realtime=realtime,
        format=form,
        out=out,
        jobs=jobs,
        quiet=quiet,
    )
    raise typer.Exit(transcribe_command(flags, config, options))


add_sharing(app)  # diff, export, report


@app.command(rich_help_panel=REFERENCE)
def themes(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the themes of the screen."""
    from voicechat.cli.themes import themes_command

    raise typer.Exit(themes_command(as_json=json))


@app.command(rich_help_panel=REFERENCE)
def explain(
    word: Annotated[
        str, typer.Argument(metavar="[TOPIC|NAME]", help="A topic, or an event, a session field, an error, a finding.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain a topic (keys, scripts, audio ...), an event, a field or an error.

    Without a name it lists them all.
    """
    from voicechat.cli.explain import explain_command

    raise typer.Exit(explain_command(word, as_json=json))


@app.command(rich_help_panel=REFERENCE)
def completion(
    shell: Annotated[str, typer.Argument(metavar="[bash|zsh|fish]", help="Without one: the shell of $SHELL.")] = "",
    install: Annotated[bool, typer.Option("--install", help="Install it for your user.")] = False,
) -> None:
    """Print or install the completion of bash, zsh or fish.

    voicechat --install-completion and --show-completion do the same.
    """
    from voicechat.cli.completion import completion_command

    raise typer.Exit(completion_command(shell, install=install))


@app.command(rich_help_panel=REFERENCE)
def man() -> None:
    """Print the man page: `voicechat man | man -l -`."""
    from voicechat.cli.man import man_command

    raise typer.Exit(man_command())


ALIASES: Mapping[str, Callable[[Sequence[str]], list[str]]] = {
    "help": lambda rest: [*rest, "--help"],
    "--install-completion": lambda rest: ["completion", *rest, "--install"],
    "--show-completion": lambda rest: ["completion", *rest],
}
"""What people try by habit -> how it is said here."""


def run_cli(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    return guarded(lambda: obey(arguments), commands_in(arguments))


def obey(arguments: Sequence[str]) -> int:
    if arguments and (alias := ALIASES.get(arguments[0])):
        arguments = alias(arguments[1:])
    announce(arguments)
    try:
        result = lean(app, arguments)(args=list(arguments), prog_name="voicechat", standalone_mode=False)
    except typer.Abort:
        return exit_codes.INTERRUPTED
    except Exception as error:
        return complaint(error, commands_in(arguments))
    return result if isinstance(result, int) else exit_codes.DONE


def commands_in(arguments: Sequence[str]) -> str:
    """The command that is meant, for an error that names its help: `run`, `config check`; empty: none."""
    words = [word for word in arguments[:3] if not word.startswith("-")]
    if not words or words[0] not in {name_of(info) for info in app.registered_commands}:
        group = next((one for one in app.registered_groups if words and one.name == words[0]), None)
        if group is None or group.typer_instance is None:
            return ""
        inner = {name_of(info) for info in group.typer_instance.registered_commands}
        return " ".join(words[:2] if words[1:] and words[1] in inner else words[:1])
    return words[0]


def name_of(info: CommandInfo) -> str:
    """How a command is called."""
    return info.name or (info.callback.__name__.replace("_", "-") if info.callback else "")


def complaint(error: Exception, command: str) -> int:
    """Typer's own complaints about options; anything else is not ours to handle."""
    show = getattr(error, "format_message", None)
    if show is None:
        raise error
    print(with_command(f"voicechat: {show()}", command), file=sys.stderr)
    return exit_codes.USAGE


SLOW: Mapping[str, str] = {
    "devices": "Looking for microphones and loudspeakers ...",
    "doctor": "Checking what a talk needs ...",
    "serve": "Starting the local Realtime server ...",
    "token-server": "Starting the token server ...",
    "watch": "Looking for the talk ...",
    "tap": "Starting the tap ...",
    "attach": "Attaching to the call ...",
    "diagnose": "Reading ...",
    "replay": "Opening the tape ...",
    "transcribe": "Starting the transcription ...",
    "diff": "Reading both talks ...",
    "export": "Reading the tape ...",
    "report": "Collecting ...",
}
"""What commands say on a terminal that need half a second and more until their own first word."""


def announce(arguments: Sequence[str]) -> None:
    """Say at once what is being done. Pipes and logs do not want it, and a help has no need of it."""
    sentence = SLOW.get(arguments[0]) if arguments else None
    if arguments[:1] == ["run"] and "--script" in arguments:
        sentence = "Reading the script ..."
    if sentence and sys.stderr.isatty() and not {"-h", "--help", "--json"} & {*arguments}:
        print(sentence, file=sys.stderr, flush=True)
