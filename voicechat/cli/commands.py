"""Every command of `voicechat`: what it is called, what it takes, and the function that obeys it. Data only.

The parser (`main.py`), `--help`, the man page and the completion are made from these rows; options that are settings
come from the table of settings. Nothing is imported here that a `--help` has no need of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from voicechat.config.settings import CONNECTION, MONEY, RECORDING, SCREEN, SESSION, SOUND, TABLE, TOOLS, TRANSLATION

OPTIONS = "Options"
"""The panel of a command's own options, and of the ten most used settings."""
CONFIGURATION = "Configuration and help"
OPTION_PANELS = (
    OPTIONS, SESSION, SOUND, CONNECTION, TOOLS, TRANSLATION, RECORDING, MONEY, SCREEN, CONFIGURATION
)  # fmt: skip
TALK, TAPES, DEBUGGING, SERVERS, REFERENCE = "Talk", "Recordings", "Find out what is wrong", "Servers", "Setup and help"
COMMAND_PANELS = (TALK, TAPES, DEBUGGING, SERVERS, REFERENCE)


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option, or without spellings an argument."""

    name: str
    """What the command's function calls it."""
    spellings: tuple[str, ...] = ()
    """The longest first."""
    about: str = ""
    metavar: str = ""
    default: Any = ""
    kind: type = str
    """str, int, float, bool or Path; object: any JSON value."""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    negative: str = ""
    """The spelling that switches it off."""
    panel: str = OPTIONS
    is_many: bool = False
    is_required: bool = False
    is_setting: bool = False

    @property
    def is_option(self) -> bool:
        return bool(self.spellings)

    @property
    def is_flag(self) -> bool:
        return self.kind is bool


@dataclass(frozen=True, slots=True)
class Command:
    """One command, or with `commands` a group of them."""

    name: str
    about: str
    """The first sentence stands in the list of commands."""
    own: tuple[Parameter, ...] = ()
    """Handed over one by one, or as `options` where the function takes such a record."""
    settings: tuple[Parameter, ...] = ()
    """Handed over together, as `flags`."""
    has_config: bool = False
    """It takes --config; what takes settings does anyway."""
    does: str = ""
    """`MODULE:NAME` below `voicechat.cli`, where that is not `NAME:NAME`: its function, there called `NAME_command`,
    returns the exit status."""
    slow: str = ""
    """What it says on a terminal until its own first word, half a second or more after the start."""
    commands: tuple[Command, ...] = ()
    panel: str = ""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (*((CONFIG,) if self.settings or self.has_config else ()), *self.own, *self.settings)

    @property
    def place(self) -> tuple[str, str]:
        name = self.name.replace("-", "_")
        module, _, function = (self.does or f"{name}:{name}").partition(":")
        return f"voicechat.cli.{module}", f"{function}_command"


def option(
    spellings: str, about: str, metavar: str = "", default: Any = "", *, name: str = "", **more: Any
) -> Parameter:
    """`--out -o`; the name is that of the first, and the kind that of the default, where nothing else is said."""
    words = tuple(spellings.split())
    kind = more.pop("kind", None) or (Path if isinstance(default, Path) else type(default))
    return Parameter(name or words[0][2:].replace("-", "_"), words, about, metavar, default, kind, **more)


def switch(spellings: str, about: str, *, name: str = "") -> Parameter:
    return option(spellings, about, default=False, name=name)


def many(spellings: str, metavar: str, about: str, *, name: str = "") -> Parameter:
    return option(spellings, about, metavar, None, name=name, kind=str, is_many=True)


def argument(name: str, metavar: str, about: str = "", **more: Any) -> Parameter:
    """Required, unless its metavar is in brackets."""
    return Parameter(name, (), about, metavar, is_required=not metavar.startswith("["), **more)


def shared(*names: str) -> tuple[Parameter, ...]:
    """The options of settings, in the order of their table, and `profile`, which is none."""
    profile = (PROFILE,) if "profile" in names else ()
    return (*(_setting(name) for name in TABLE if name in names), *profile)


def _setting(name: str, panel: str = "") -> Parameter:
    about = TABLE[name]
    is_many = about.kind in (tuple, dict)
    return Parameter(
        name,
        about.options[:1],
        about.help_text if not is_many else f"{about.help}; may be repeated.",
        about.metavar or "|".join(about.choices),
        None,
        str if is_many else about.kind,
        negative="".join(about.options[1:]),
        panel=panel or about.panel,
        is_many=is_many,
        is_setting=True,
    )


CONFIG = option("--config", "Configuration file (TOML).", "FILE", None, kind=Path, panel=CONFIGURATION)
PROFILE = option(
    "--profile", "A profile of the configuration file.", "NAME", None, kind=str, panel=CONFIGURATION, is_setting=True
)
VERSION = option("--version -V", "Print the version.", default=False, name="show_version", panel=CONFIGURATION)
HELP = option("--help -h", "Show this message and exit.", default=False)
JSON = switch("--json", "Print JSON.", name="as_json")
SECTIONS = ("python", "config", "terminal", "engine", "sound", "key", "network", "service")
"""What `doctor` looks at, in this order."""
MOST_USED = (
    *("provider", "base_url", "model", "voice", "instructions"),
    *("mic", "speaker", "turn_mode", "tools", "record"),
)
"""The ten that stand first in the help of a talk."""
ON_SCREEN = (
    *(_setting(name, OPTIONS) for name in MOST_USED),
    *shared(*(name for name, about in TABLE.items() if about.panel and name not in MOST_USED), "profile"),
)
"""Everything that says how a talk is to be and how it is shown."""
HEADLESS = tuple(one for one in ON_SCREEN if one.name not in ("theme", "ascii", "plain"))
_LOOKS, _TRACE = ("theme", "ascii", "profile"), ("otlp", "otlp_words")
_TAPE = (*_LOOKS, *_TRACE, "record", "redact")
_SERVICE = ("provider", "base_url", "auth_style", "headers", "query", "insecure", "profile")
LOOKS, TRACE, TAPE = shared(*_LOOKS), shared(*_TRACE), shared(*_TAPE)
DOCTOR = shared(
    *("mic", "speaker", "echo_cancel", "headphones", "latency", "profile"),
    *("provider", "base_url", "model", "token_url", "transport", "insecure"),
)
ATTACH = shared(*_TAPE, *_SERVICE, "dialect")
TOKENS = shared(*_SERVICE, "model", "voice", "instructions", "session", "handshake")
LISTENING = shared(*_SERVICE, "transport", "handshake", "dialect", "ice_servers", "language", "token_url")
"""Which service, for a session that only listens."""

PORT = option("--port", "0: any free port.", "PORT", 8765, low=0, high=65535)
FORCE = switch("--force", "Replace a file that is there.")
SCREENLESS = (
    switch("--json", "One JSON object per event, no screen.", name="as_json"),
    switch("--plain", "One line per event, no screen."),
)
ACT = (
    option("--session", "Which session, or a talk on a screen; the only one without it.", "PID", 0),
    switch("--json", "As one JSON object.", name="as_json"),
)
"""What every act on a debug session takes."""


def _wait(seconds: float) -> Parameter:
    return option("--timeout", "How long to wait.", "SECONDS", seconds, low=0, high=600)


RUN = (
    many("--text", "TEXT", "Send a typed message; may be repeated.", name="texts"),
    option("--turns", "Number of answers to wait for.", "N", None, kind=int, low=1, high=1000),
    option("--timeout", "Longest run (60).", "SECONDS", None, kind=float, low=1, high=86400),
    switch("--json", "Print one JSON object per event, then a summary; with --script, one object.", name="as_json"),
    option("--script", "Run a scripted talk (voicechat explain scripts).", "FILE", None, kind=Path),
    switch("--script-example", "Print a commented script to start from."),
    switch("--check-script", "Check the script and run nothing."),
    option("--junit", "Write the script's results as JUnit XML.", "FILE", None, kind=Path),
)
SERVE = (
    PORT,
    option("--brain-url", "Chat-completions server that writes the answers.", "URL"),
    option("--brain-model", "Model of that server.", "NAME"),
    option("--fault", "Misbehave on purpose, to test clients.", "NAME"),
    switch("--verbose -v", "Log sessions to stderr."),
    option("--replay", "Play the server's side of a tape, without an engine.", "TAPE"),
    option("--speed", "Speed of the replay.", "FACTOR", 1.0, low=0.25, high=100),
    switch("--by-time", "Keep to the recorded times, without waiting for the client."),
)
TOKEN_SERVER = (
    option("--port", "0: any free port.", "PORT", 8766, low=0, high=65535),
    option(
        "--host",
        "Address to listen on; others than this computer need VOICECHAT_TOKEN_ACCESS.",
        "ADDRESS",
        "127.0.0.1",
    ),
    many("--behind-proxy", "ADDRESS", "Trust X-Forwarded-For of this proxy.", name="proxies"),
    many("--origin", "URL", "Web page that may ask; may be repeated.", name="origins"),
    option("--per-minute", "Tokens a minute for one client.", "N", 10, low=1, high=1000),
    option("--life", "Lifetime of a token, at least 10; 0: the service decides.", "SECONDS", 0, low=0, high=7200),
)
TRANSCRIBE = (
    argument("files", "[FILE...]", "Sound or video files; - reads standard input.", is_many=True),
    switch("--mic", "Transcribe the microphone."),
    option("--seconds", "How long; 0: until Ctrl+C.", "SECONDS", 0.0, low=0, high=86400),
    option("--model", "Transcription model; any is passed on.", "NAME"),
    option("--prompt", "Context for the model.", "TEXT"),
    many("--keywords", "WORD,...", "Words to expect; may be repeated."),
    option("--delay", "Delay a live model may use.", "minimal|low|medium|high|xhigh"),
    option("--commit", "How the sound is divided.", "server|whole|vad|SECONDS"),
    switch("--realtime", "Send files in real time."),
    option("--format -f", "Output format.", default="text", choices=("text", "srt", "vtt", "json")),
    option("--out -o", "Write here instead of stdout.", "FILE|DIR"),
    option("--jobs -j", "Number of files at a time.", "N", 2, low=1, high=32),
    switch("--quiet -q", "No progress."),
)
EXPORT = (
    argument("tape", "TAPE", "A tape, or a log of any client."),
    option("--format", "Output format.", default="html", choices=("md", "html", "txt", "srt", "jsonl", "wav", "otlp")),
    option("--out -o", "-: stdout; without it a file named like the tape.", "FILE"),
    switch("--redact", "Leave out words and sound."),
    option("--side", "Only this side, for wav.", default=None, kind=str, choices=("you", "assistant")),
    FORCE,
    switch("--otlp-words", "Leave in what was said, for otlp."),
)
DEBUG = (
    Command(
        "start",
        "Connect, and go on in the background; prints the name of the session. Without options: the local server.\n\n"
        "This comes first; every other act is done in a session that goes on.",
        (option("--idle", "Ends when not asked for so long.", "MINUTES", 30.0, low=0.05, high=1440), ACT[1]),
        HEADLESS,
    ),
    Command(
        "say",
        "Say something, and wait until the response has ended and its sound is over.\n\n"
        "Give one of text, spoken, wav. Returns outcome (done, failed, no_response, timeout, tool_waits, lost), "
        "transcript, times (seconds), tools, and findings: the problems that are new, each with its cure and repair "
        "[{field, value}], ready for `set`. No finding means that this turn went well.",
        (
            argument("text", "[TEXT]", "A typed message."),
            option("--wav", "Say this recording as the mic.", "FILE"),
            option("--spoken", "The same in the local voice, English.", "TEXT"),
            _wait(60.0),
            *ACT,
        ),
    ),
    Command(
        "hear",
        "Wait for the end of the next response, and tell what was said since the last act. Timeout 0 does not wait.",
        (_wait(60.0), *ACT),
    ),
    Command(
        "events",
        "Tell the last events, on the wire (in, out) and local.",
        (
            argument("count", "[N]", "The last N.", default=20, kind=int, low=1, high=500),
            option("--type", "Only those whose name begins so.", "PREFIX"),
            option("--after", "Only those behind this number.", "SEQ", -1),
            *ACT,
        ),
    ),
    Command(
        "why",
        "Say what went wrong so far, and which session field repairs it. Exit 1: something is wrong.\n\n"
        "Every finding with its cause, cure, evidence and repair [{field, value}], ready for `set`; the fields that "
        "the service refused, and the session configuration that is in force.",
        ACT,
    ),
    Command(
        "set",
        "Send session.update for one field, and wait for the service's answer.\n\n"
        "Outcome done: it is in force. refused: the reason says why, and in_force what holds instead.",
        (
            argument("field", "FIELD", "Such as audio.input.turn_detection.threshold."),
            argument("value", "VALUE", "JSON; what is none is a text.", kind=object),
            _wait(10.0),
            *ACT,
        ),
    ),
    Command(
        "decide",
        "Allow or deny a tool call that waits for approval (outcome tool_waits); then `hear`.",
        (
            argument("call_id", "CALL_ID"),
            option("--allow", "Whether it may run.", default=False, negative="--deny", is_required=True),
            option("--reason", "Why not, for the model.", "TEXT"),
            *ACT,
        ),
    ),
    Command("stop", "Hang up and end the session.", ACT),
)
TABLES = option("--tables", "The folder of a scan; this one by default.", "DIR", Path())
FLEET = (
    Command(
        "scan",
        "Read tapes and logs into tables. What was read by an earlier scan and has not changed is kept.",
        (
            argument("sources", "SRC...", "Folders of tapes and logs, or files.", is_many=True),
            option("--out -o", "Where the tables are; may be there already.", "DIR", Path(), is_required=True),
            option("--engine", "Processes here, or a Ray cluster.", default="local", choices=("local", "ray")),
            option("--workers -j", "Processes; 0: one a core.", "N", 0, low=0, high=256),
            option("--ray-address", "A running cluster.", "ADDRESS", "auto"),
            switch("--json", "What was done, as JSON.", name="as_json"),
        ),
    ),
    Command(
        "ask",
        "Ask the tables in SQL (DuckDB), read only: no other file, no network, no extension.",
        (
            argument("sql", "SQL", "One SELECT over sessions, turns, findings, tools, errors, usage."),
            TABLES,
            option("--format -f", "csv and json write all rows.", default="table", choices=("table", "json", "csv")),
        ),
    ),
    Command(
        "compare",
        "Say what changed from one scan (a release, a week) to another: findings, latencies, cost, with intervals.",
        (
            argument("a", "A", "The folder of a scan.", kind=Path),
            argument("b", "B", "The folder to compare it with.", kind=Path),
            switch("--all", "Also what did not change.", name="every"),
            switch("--json", "As JSON, all of it.", name="as_json"),
        ),
    ),
    Command(
        "report",
        "Make one page of a scan: causes by frequency, latencies, examples that lead to their tapes.",
        (
            TABLES,
            option("--out -o", "- is stdout.", "FILE", "fleet.html"),
            option("--title", "Of the page.", "TEXT", "Recorded sessions"),
            FORCE,
        ),
    ),
)
AS_JSON = switch("--json", "As JSON.", name="as_json")
CONFIG_FILE = (
    Command(
        "path",
        "Print where the configuration file is, or would be.",
        has_config=True,
    ),
    Command(
        "init",
        "Write a file with every setting in it, commented out; only you can read it.",
        (FORCE,),
        has_config=True,
    ),
    Command(
        "show",
        "Print the settings of a talk with these options, and where each value comes from.",
        (AS_JSON,),
        ON_SCREEN,
    ),
    Command(
        "check",
        "Say everything that is wrong with the file, with its line; exit 2 when anything is.",
        (argument("file", "[FILE]", "Instead of your own file.", default=None, kind=Path), AS_JSON),
        has_config=True,
    ),
)
SESSION_FILE = (
    Command(
        "check",
        "Say what is wrong with a session configuration, in plain sentences.\n\n"
        "Exit 0: nothing is wrong (notes and warnings may be told). Exit 2: the service would refuse something, or the "
        "file cannot be read.",
        (
            argument("file", "FILE", "JSON (comments allowed) or TOML; - reads standard input."),
            option(
                "--dialect",
                "What the service speaks: ga (the Realtime API), beta, xai or live (GPT-Live); else the file tells.",
                default=None,
                kind=str,
                choices=("ga", "beta", "xai", "live"),
            ),
            switch("--show", "Print the event that would be sent."),
            switch("--json", "Print everything as one JSON object.", name="as_json"),
        ),
    ),
)
_PANELS = {
    TALK: (
        Command("chat", "Talk on the screen.", (), ON_SCREEN),
        Command(
            "run",
            "Talk without a screen: for scripts, tests and measurements.\n\n"
            "`voicechat run --script-example` prints a commented script; `voicechat explain scripts` is its reference.",
            RUN,
            HEADLESS,
            slow="Starts a conversation without a screen; Ctrl+C ends it.",
        ),
        Command(
            "watch",
            "Watch a talk that runs in another terminal, read-only.",
            (option("--session", "Which talk; `voicechat ctl sessions` lists them.", "PID", 0),),
            LOOKS,
            slow="Looking for the talk ...",
        ),
        Command("ctl", "Control a running talk: ptt, mute, stop, say, status, events.", does="main:ctl"),
        Command(
            "transcribe",
            "Transcribe recordings or the microphone: text, subtitles or JSON.",
            TRANSCRIBE,
            LISTENING,
            slow="Starting the transcription ...",
        ),
    ),
    TAPES: (
        Command(
            "history",
            "List the tapes of your talks, the newest first.",
            (
                argument("folder", "[DIR]", "Folder of tapes; without it your own.", default=None, kind=Path),
                option("--most", "Number of tapes listed; 0: all.", "N", 20, low=0),
                many("--rm", "TAPE", "Delete a tape; may be repeated.", name="remove"),
                JSON,
            ),
            has_config=True,
        ),
        Command(
            "replay",
            "Play a tape on the screen; --check tests the core against it.",
            (
                argument("tape", "TAPE", "A folder made by --record, its name, or last."),
                switch("--check", "Recompute every decision and name the first that differs."),
                switch("--json", "The result of --check as JSON.", name="as_json"),
                option("--speed", "Speed; sound only at 1.", "FACTOR", 1.0, low=0.25, high=16),
                option("--at", "Where to start.", "SECONDS", 0.0, low=0),
            ),
            LOOKS,
            slow="Opening the tape ...",
        ),
        Command(
            "diff",
            "Compare two talks: words, events, timings, configuration, findings.",
            (
                argument("a", "A", "A tape, or a log of any client."),
                argument("b", "B", "The tape or log to compare it with."),
                option(
                    "--threshold",
                    "Difference from which timings count as different.",
                    "SECONDS",
                    0.2,
                    low=0,
                    high=60,
                ),
                JSON,
            ),
            slow="Reading both talks ...",
        ),
        Command(
            "export",
            "Export a tape as HTML, text, subtitles, events, sound or a trace.",
            EXPORT,
            slow="Reading the tape ...",
        ),
        Command(
            "report",
            "Collect what a bug report needs, without words, sound and keys. Nothing is sent.",
            (
                argument("tape", "[TAPE]", "The talk it is about; may be left out."),
                switch("--last", "The newest tape."),
                option("--out -o", "Where to write it.", "FILE.zip"),
                switch("--with-words", "Include what was said."),
                switch("--with-audio", "Include the sound."),
            ),
            DOCTOR,
            slow="Collecting ...",
        ),
        Command("fleet", "Diagnose recorded sessions by the thousand.", commands=FLEET),
    ),
    DEBUGGING: (
        Command(
            "doctor",
            "Check everything a talk needs; --loopback measures the sound.\n\n"
            "The output holds no key and no name of you or your computers: it may be pasted into a bug report.",
            (
                argument(
                    "sections",
                    "[SECTION]...",
                    f"{' '.join(SECTIONS)}; without one all.",
                    choices=SECTIONS,
                    is_many=True,
                ),
                switch("--online", "Check the API key with a request that costs nothing."),
                switch("--loopback", "Play test sounds and measure echo, delay and barge-in."),
                JSON,
                option("--seconds", "Length of the loopback test.", "SECONDS", 12.0, low=10, high=120),
                switch("--yes -y", "Do not ask before playing.", name="at_once"),
            ),
            DOCTOR,
            slow="Checking what a talk needs ...",
        ),
        Command(
            "tap",
            "Proxy between your client and its service: shows every event, changes none.",
            (option("--upstream", "The service's base URL.", "URL", is_required=True), PORT, *SCREENLESS),
            TAPE,
            slow="Starting the tap ...",
        ),
        Command(
            "attach",
            "Look into a running call of your service over a second connection.",
            (
                argument("attach", "ID", "A running call (rtc_...) or GPT-Live session."),
                many("--send", "EVENT", "Send this event, as JSON; may be repeated.", name="to_send"),
                *SCREENLESS,
            ),
            ATTACH,
            does="tap:tap",
            slow="Attaching to the call ...",
        ),
        Command(
            "diagnose",
            "Find what went wrong in a tape or in the log of any client, and the cure.",
            (
                argument("files", "[FILE...]", "Tapes or logs of any client; -: standard input.", is_many=True),
                JSON,
                option("--min-confidence", "Hide findings with less confidence.", "0..1", 0.0),
                many(
                    "--sound",
                    "FILE",
                    "Stereo WAV, user left, assistant right, checked without a log.",
                    name="sounds",
                ),
            ),
            slow="Reading ...",
        ),
        Command("debug", "Drive a session from a shell, turn by turn.", commands=DEBUG),
    ),
    SERVERS: (
        Command(
            "serve",
            "Run the local Realtime server alone, for any client.",
            SERVE,
            TRACE,
            slow="Starting the local Realtime server ...",
        ),
        Command(
            "token-server",
            "Give out short-lived keys, so that the API key stays on this computer.",
            TOKEN_SERVER,
            TOKENS,
            slow="Starting the token server ...",
        ),
        Command(
            "mcp",
            "Serve `voicechat debug` to coding agents, as a Model Context Protocol server over stdin and stdout.",
            does="mcp_server:mcp",
        ),
    ),
    REFERENCE: (
        Command(
            "devices",
            "List microphones and loudspeakers.",
            (JSON, switch("--watch", "Keep running and print changes.")),
            slow="Looking for microphones and loudspeakers ...",
        ),
        Command("themes", "List the themes of the screen.", (JSON,)),
        Command(
            "explain",
            "Explain a topic (keys, scripts, audio ...), an event, a field or an error.\n\n"
            "Without a name it lists them all.",
            (argument("word", "[TOPIC|NAME]", "A topic, or an event, a session field, an error, a finding."), JSON),
        ),
        Command(
            "completion",
            "Print or install the completion of bash, zsh or fish.\n\n"
            "voicechat --install-completion and --show-completion do the same.",
            (
                argument("shell", "[bash|zsh|fish]", "Without one: the shell of $SHELL."),
                switch("--install", "Install it for your user."),
            ),
        ),
        Command("man", "Print the man page: `voicechat man | man -l -`."),
        Command("config", "Write, show and check the configuration file.", commands=CONFIG_FILE),
        Command("session", "Check a session configuration file.", commands=SESSION_FILE),
    ),
}


def _placed(command: Command, panel: str) -> Command:
    """With its panel; what the commands of a group do stands in the module of the group."""
    inner = tuple(replace(one, does=f"{command.name}:{one.name}") for one in command.commands)
    return replace(command, panel=panel, commands=inner)


ROOT = Command(
    "voicechat",
    "Talk with a Realtime assistant in your terminal, and see everything that flows.",
    (VERSION,),
    ON_SCREEN,
    does="chat:chat",
    commands=tuple(_placed(one, panel) for panel, commands in _PANELS.items() for one in commands),
)
EPILOG = (
    "voicechat COMMAND --help explains a command, voicechat explain keys the keys of the screen (or scripts, "
    "configuration, audio, troubleshooting, ...), voicechat man everything."
)


def found(words: Sequence[str]) -> tuple[Command, ...]:
    """The commands that the first words name, from the root on."""
    path = [ROOT]
    for word in words:
        inner = next((one for one in path[-1].commands if one.name == word), None)
        if inner is None:
            break
        path.append(inner)
    return tuple(path)


def by_panel(command: Command) -> Iterator[tuple[str, list[Parameter]]]:
    """The options of a command, panel by panel; `--help` is the last of them."""
    options = [one for one in command.parameters if one.is_option]
    panels = [name for name in OPTION_PANELS if any(one.panel == name for one in options)] or [OPTIONS]
    help_panel = CONFIGURATION if CONFIGURATION in panels else panels[0]
    for name in panels:
        yield name, [one for one in options if one.panel == name] + ([HELP] if name == help_panel else [])
