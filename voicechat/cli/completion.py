"""What the Tab key offers in bash, zsh and fish: commands, options, and the values of options and arguments.

The shell's function calls `voicechat` again with `_VOICECHAT_COMPLETE` set, once for each Tab. It prints a candidate a
line (zsh and fish: with its description), or `:files` or `:folders` where the shell knows better. Candidates come from
the table of commands; no microphone, network or engine is touched except for the names of devices.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from voicechat import exit_codes
from voicechat.cli.commands import ROOT, Command, Parameter, by_panel
from voicechat.cli.help import first_sentence
from voicechat.errors import ConfigError

VARIABLE = "_VOICECHAT_COMPLETE"
FILES, FOLDERS = ":files", ":folders"
MOST = 500
"""Candidates of one Tab."""
LISTS_LIVE = 60.0
"""Seconds for which a list of devices is offered without looking again."""

BASH = r"""_voicechat() {
    local IFS=$'\n' answer
    answer=($(COMP_LINE="${COMP_LINE:0:COMP_POINT}" _VOICECHAT_BREAKS="$COMP_WORDBREAKS" \
        _VOICECHAT_COMPLETE=bash "${1/#\~/$HOME}" 2>/dev/null))
    case "${answer[0]}" in
        :files) COMPREPLY=(); compopt -o default 2>/dev/null || COMPREPLY=($(compgen -f -- "$2")) ;;
        :folders) COMPREPLY=(); compopt -o dirnames 2>/dev/null || COMPREPLY=($(compgen -d -- "$2")) ;;
        *) COMPREPLY=("${answer[@]}") ;;
    esac
}
complete -F _voicechat voicechat
"""
ZSH = r"""#compdef voicechat
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
_voicechat() {
    local -a answer
    answer=("${(@f)$(_VOICECHAT_COMPLETE=zsh ${(Q)~words[1]} "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    case "$answer[1]" in
        '') return 1 ;;
        :files) compset -P '--*='; _files ;;
        :folders) compset -P '--*='; _files -/ ;;
        *) _describe voicechat answer ;;
    esac
}
if [[ "$funcstack[1]" == _voicechat ]]; then _voicechat "$@"; else compdef _voicechat voicechat; fi
"""
FISH = r"""function __voicechat_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (env _VOICECHAT_COMPLETE=fish $words[1] $words[2..-1] "$current" 2>/dev/null)
    set -l option (string match -r '^--[^=]*=' -- "$current")
    set -l typed (string replace -r '^--[^=]*=' '' -- "$current")
    switch "$answer[1]"
        case ':files'
            printf "$option%s\n" (__fish_complete_path "$typed")
        case ':folders'
            printf "$option%s\n" (__fish_complete_directories "$typed")
        case '*'
            printf '%s\n' $answer
    end
end
complete --command voicechat --no-files --keep-order --arguments '(__voicechat_complete)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}

_SPECIAL = re.compile(r"([\s\\'\"$`&|;<>()*?#!])")
"""What bash would take for its own."""
Named = Iterable[tuple[str, str]]
"""Candidates with what each is; the description may be empty."""


def complete(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Print what fits the word under the cursor. Never fails: a Tab that finds nothing is silent."""
    shell = environ[VARIABLE]
    words = split_line(environ.get("COMP_LINE", "")) if shell == "bash" else list(arguments) or [""]
    is_quoted = shell == "bash" and _is_open(environ.get("COMP_LINE", ""))
    words[-1] = words[-1].lstrip("\"'")
    found = [(clean_name(value), about) for value, about in candidates(words)][:MOST]
    breaks = "" if is_quoted else environ.get("_VOICECHAT_BREAKS", " ")
    sys.stdout.write("".join(f"{line}\n" for line in formatted(found, shell, words[-1], breaks)))
    return exit_codes.DONE


def _is_open(line: str) -> bool:
    """A quotation mark is still open at the end of the line."""
    try:
        shlex.split(line)
    except ValueError:
        return True
    return False


def split_line(line: str) -> list[str]:
    """The words of a bash line up to the cursor, without the program; the last is the one that is being written."""
    for closing in ("", '"', "'"):
        try:
            words = shlex.split(line + closing)
        except ValueError:
            continue
        is_new = not closing and (not line or (line[-1].isspace() and not line.endswith("\\ ")))
        return words[1:] + ([""] if is_new or len(words) < 2 else [])
    return [""]


def formatted(found: Sequence[tuple[str, str]], shell: str, current: str, breaks: str = "") -> Iterator[str]:
    """Lines for the shell's function; bash without `breaks` is inside quotation marks."""
    if shell == "bash":  # it replaces what stands behind the last of its word breaks
        cut = max((current.rfind(mark) + 1 for mark in breaks if mark in "=:"), default=0)
        for value, _ in found:
            yield value[cut:] if value in (FILES, FOLDERS) or not breaks else _SPECIAL.sub(r"\\\1", value[cut:])
        return
    for value, about in found:
        if value.startswith(":"):
            yield value
        elif shell == "zsh":
            yield value.replace("\\", "\\\\").replace(":", "\\:") + (f":{about}" if about else "")
        else:
            yield f"{value}\t{about}" if about else value


def clean_name(value: str) -> str:
    """One candidate on one line: names of devices and files come from outside."""
    return "".join(letter for letter in value if letter.isprintable())


def candidates(words: Sequence[str]) -> Named:
    """What fits the last word. Every name begins with it."""
    *before, current = words
    path: tuple[Command, ...] = (ROOT,)
    waiting: Parameter | None = None
    given: dict[str, str] = {}
    arguments = 0
    for word in before:
        command = path[-1]
        if waiting is not None:
            given[waiting.name] = word
            waiting = None
        elif word.startswith("-") and word != "-":
            name, has_value, value = word.partition("=")
            option = next((one for one in command.parameters if name in one.spellings and not one.is_flag), None)
            if option is not None and has_value:
                given[option.name] = value
            else:
                waiting = option
        elif inner := [one for one in command.commands if one.name == word]:
            path = (*path, *inner)
            given["command"] = path[1].name
        elif command.name == "ctl":
            return ()
        else:
            arguments += 1
    command = path[-1]
    if waiting is not None:
        return _starting(current, _values(waiting, given))
    name, has_value, value = current.partition("=")
    if has_value and current.startswith("--"):
        option = next((one for one in command.parameters if name in one.spellings and not one.is_flag), None)
        found = list(_starting(value, _values(option, given))) if option is not None else []
        is_for_shell = bool(found) and found[0][0].startswith(":")
        return found if is_for_shell else [(f"{name}={one}", about) for one, about in found]
    if command.name == "ctl":
        return _starting(current, _ctl())
    if current.startswith("-"):
        return _starting(current, _options(command))
    if command.commands:
        return _starting(current, ((one.name, first_sentence(one.about)) for one in command.commands))
    parameters = [one for one in command.own if not one.is_option]
    if not parameters or (arguments >= len(parameters) and not parameters[-1].is_many):
        return _starting(current, _options(command))
    return _starting(current, _values(parameters[min(arguments, len(parameters) - 1)], given))


def _starting(current: str, named: Named) -> Named:
    """Those that begin with the word; where none does and files are possible, files."""
    named = list(named)
    found = [(value, about) for value, about in named if not value.startswith(":") and value.startswith(current)]
    return found or [(value, about) for value, about in named if value.startswith(":")][:1]


def _options(command: Command) -> Named:
    for _, some in by_panel(command):
        for option in some:
            for name in (*option.spellings, option.negative):
                if name.startswith("--"):
                    yield name, option.about


def _values(parameter: Parameter, given: Mapping[str, str]) -> Named:
    """What an option or argument may be: by its name, else by what its metavar says."""
    metavar = parameter.metavar
    if metavar == "PID":
        return _talks(given)
    if source := SOURCES.get(parameter.name):
        return [*source(given), (FILES, "")] if parameter.name in OR_FILE else source(given)
    if "|" in metavar and (choices := [word for word in metavar.strip("[].").split("|") if word == word.lower()]):
        return [(word, "") for word in choices]
    return [(one, "") for one in parameter.choices] or _of_files(metavar)


def _of_files(metavar: str) -> Named:
    if "DIR" in metavar and "FILE" not in metavar:
        return [(FOLDERS, "")]
    return [(FILES, "")] if "FILE" in metavar or metavar in ("A", "B", "TAPE") else []


def _providers(_: Mapping[str, str]) -> Named:
    from voicechat.config.provider_presets import PROVIDERS

    return [(name, provider.title if provider.title != name else "") for name, provider in PROVIDERS.items()]


def _models(given: Mapping[str, str]) -> Named:
    from voicechat.config.provider_presets import PROVIDERS
    from voicechat.insight.metrics.prices import PRICES
    from voicechat.protocol.session_fields import TRANSCRIPTION_MODELS

    if given.get("command") == "transcribe":
        return [(name, "") for name in TRANSCRIPTION_MODELS]
    usual = {provider.model: provider.title for provider in PROVIDERS.values() if provider.model}
    chosen = PROVIDERS.get(given.get("provider", ""))
    if chosen is not None and chosen.name not in ("openai", "custom", "azure", "newapi", "litellm"):
        return [(chosen.model, chosen.title)] if chosen.model else []
    openai = {name: "OpenAI" for name in PRICES if not re.search("transcribe|translate|preview|whisper", name)}
    ours = {"local-live": "local, continuous"} | (usual if chosen is None else {})
    return list((openai | {name: title for name, title in ours.items() if name not in openai}).items())


def _voices(given: Mapping[str, str]) -> Named:
    from voicechat.config.provider_presets import PROVIDERS
    from voicechat.protocol.session_fields import VOICES

    chosen = PROVIDERS.get(given.get("provider", ""))
    if chosen is not None and chosen.voice and chosen.voice not in VOICES:
        return [(chosen.voice, chosen.title)]
    return [*((one, "") for one in VOICES), (PROVIDERS["local"].voice, "local")]


def _themes(_: Mapping[str, str]) -> Named:
    from voicechat.config.locations import user_themes_dir

    ours = Path(__file__).parents[1] / "themes"
    folders = (ours if ours.is_dir() else ours.parents[1] / "themes", user_themes_dir())
    return [(file.stem, "") for folder in folders for file in sorted(folder.glob("*.toml"))]


def _devices(_: Mapping[str, str], side: str = "inputs") -> Named:
    return [("default", "as the system chooses"), ("none", "no device"), *((one, "") for one in device_names(side))]


def device_names(side: str) -> list[str]:
    """`inputs` or `outputs` as `voicechat devices` found them last; asking PortAudio would take seconds on a bad day.

    A list older than a minute is made again in the background, for the next Tab.
    """
    from voicechat.config.locations import device_names_file

    try:
        file = device_names_file()
        age = time.time() - file.stat().st_mtime
        known = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        age, known = LISTS_LIVE, {}
    if age >= LISTS_LIVE:
        program = (sys.executable, "-P", "-m", "voicechat", "devices", "--json")
        quiet = subprocess.DEVNULL
        subprocess.Popen(program, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True, env=_without_tab())
    names = known.get(side, []) if isinstance(known, dict) else []
    return [name for name in names if isinstance(name, str)]


def _without_tab() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in (VARIABLE, "COMP_LINE")}


def _profiles(given: Mapping[str, str]) -> Named:
    import tomllib

    from voicechat.config.locations import config_file

    try:
        table = tomllib.loads(Path(given.get("config") or config_file()).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    profiles = table.get("profiles", {})
    return [(str(name), "") for name in profiles] if isinstance(profiles, dict) else []


def _tapes(_: Mapping[str, str]) -> Named:
    from voicechat.config.locations import tapes_root, wished_state_dir

    folder = wished_state_dir() / "tapes"
    record = os.environ.get("VOICECHAT_RECORD", "")
    if record:
        folder = tapes_root(record)
    try:
        names = sorted((one.name for one in os.scandir(folder) if one.is_dir()), reverse=True)
    except OSError:
        names = []
    return [("last", "the newest"), *((name, "") for name in names)]


def _talks(_: Mapping[str, str]) -> Named:
    from voicechat.engine.door import runtime_dir, sessions

    try:
        return [(str(number), "") for number in sessions(runtime_dir())]
    except OSError:
        return []


def _faults(_: Mapping[str, str]) -> Named:
    from voicechat.local_server.faults import FAULTS

    return list(FAULTS.items())


def _words(_: Mapping[str, str]) -> Named:
    from voicechat.cli.topics import TOPICS
    from voicechat.insight.explain.lookup import everything

    return [*((name, topic.title) for name, topic in TOPICS.items()), *((one.name, one.kind) for one in everything())]


def _languages(_: Mapping[str, str]) -> Named:
    return [(code, "") for code in ("ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "nl", "pl", "pt", "ru", "zh")]


def _ctl() -> Named:
    from voicechat.cli.ctl import HELP, VERBS

    about = {line.split()[0]: line for line in HELP.splitlines() if line.startswith("  ")}
    return [(verb, re.split(r"\s{2,}", about[verb].strip())[-1]) for verb in VERBS if verb in about]


SOURCES: Mapping[str, Callable[[Mapping[str, str]], Named]] = {
    "provider": _providers,
    "model": _models,
    "voice": _voices,
    "theme": _themes,
    "mic": _devices,
    "speaker": lambda given: _devices(given, "outputs"),
    "profile": _profiles,
    "continue_from": _tapes,
    "tape": _tapes,
    "a": _tapes,
    "b": _tapes,
    "remove": _tapes,
    "replay": _tapes,
    "fault": _faults,
    "word": _words,
    "language": _languages,
    "translate": _languages,
    "live_translate": _languages,
    "shell": lambda _: [(name, "") for name in SCRIPTS],
}
"""Values by the name of the parameter."""
OR_FILE = ("mic", "speaker", "tape", "a", "b", "continue_from", "replay")
"""Parameters that take a file as well."""


def completion_command(shell: str, *, install: bool, environ: Mapping[str, str] = os.environ) -> int:
    """Print the script for a shell, or put it where the shell finds it. Raises ConfigError."""
    shell = shell or Path(environ.get("SHELL", "")).name
    if shell not in SCRIPTS:
        what = f"there is no completion for {shell[:40]!r}" if shell else "it is not known which shell you use"
        raise ConfigError(what, hint="name one: voicechat completion bash (or zsh, fish)")
    if not install:
        sys.stdout.write(SCRIPTS[shell])
        if sys.stdout.isatty():
            print(f"to install it: voicechat completion {shell} --install", file=sys.stderr)
        return exit_codes.DONE
    home = Path(environ.get("HOME") or Path.home())
    try:
        place, begun_in = install_in(home, shell, environ)
    except OSError as error:
        hint = f"voicechat completion {shell} prints the script: put it where your shell reads it"
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}", hint=hint) from error
    print(place)
    told = f" ({begun_in} reads it)" if begun_in else ""
    print(f"completion for {shell} is installed{told}; it works in the next shell: exec {shell}", file=sys.stderr)
    return exit_codes.DONE


def install_in(home: Path, shell: str, environ: Mapping[str, str]) -> tuple[Path, Path | None]:
    """Write the script; bash and zsh get one line in their start file, once. Returns both paths. Raises OSError."""
    if shell == "fish":
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        place, start = config / "fish" / "completions" / "voicechat.fish", None
    else:
        data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
        place = data / "voicechat" / f"completion.{shell}"
        start = Path(environ.get("ZDOTDIR") or home) / ".zshrc" if shell == "zsh" else home / ".bashrc"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(SCRIPTS[shell], encoding="utf-8")
    if start is None:
        return place, None
    line = f"[ -r {shlex.quote(str(place))} ] && source {shlex.quote(str(place))}"
    there = start.read_text("utf-8", "replace") if start.exists() else ""
    if line not in there:
        with start.open("a", encoding="utf-8") as file:
            file.write(("" if not there or there.endswith("\n") else "\n") + f"{line}  # completion of voicechat\n")
    return place, start
