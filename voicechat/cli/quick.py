"""What is answered without the option parser, whose import takes longer than all the rest: a talk with plain options,
and `--help`. Anything else (a typing error, another command) goes to the parser, which explains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from voicechat.cli.commands import CONFIG, HELP, ON_SCREEN, Command, found

OPTIONS = {spelled: one for one in (CONFIG, *ON_SCREEN) for spelled in one.spellings}
SWITCHES = {spelled: (one.name, True) for spelled, one in OPTIONS.items() if one.is_flag}
SWITCHES |= {one.negative: (one.name, False) for one in ON_SCREEN if one.negative}


def chat_flags(arguments: Sequence[str]) -> dict[str, Any] | None:
    """What was given for a talk, by setting; None when the full parser should look at it."""
    flags: dict[str, Any] = {}
    rest = list(arguments[1:] if arguments[:1] == ["chat"] else arguments)
    while rest:
        word = rest.pop(0)
        if word in SWITCHES:
            name, choice = SWITCHES[word]
            flags[name] = choice
            continue
        spelled, has_value, value = word.partition("=")
        option = OPTIONS.get(spelled)
        if option is None or option.is_flag or not (has_value or rest) or (not has_value and rest[0].startswith("-")):
            return None
        said = value if has_value else rest.pop(0)
        if option.is_many:
            flags.setdefault(option.name, []).append(said)
        elif option.kind is float and not said.replace(".", "", 1).isdecimal():
            return None
        else:
            flags[option.name] = float(said) if option.kind is float else said
    return flags


def help_wanted(arguments: Sequence[str]) -> tuple[Command, ...] | None:
    """The path of the command whose help is asked for by `COMMAND --help` or `help COMMAND`, and nothing else."""
    words = [*arguments[1:], "--help"] if arguments[:1] == ["help"] else list(arguments)
    if not words or words.pop() not in HELP.spellings:
        return None
    path = found(words)
    return path if len(path) == len(words) + 1 else None
