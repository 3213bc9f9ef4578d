"""Of some twenty commands one is used, and only its options are built.

Typer looks at every parameter of every command before it reads a word, which takes 60 ms of the 100 that `--help` may
take. A command that is not named needs its name and its one sentence, for the list and for the words of an error.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

from typer import Typer
from typer.models import CommandInfo


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
        if inner is not None and group.name not in words:
            group = copy.copy(group)
            group.typer_instance = lean(inner, ())
        light.registered_groups.append(group)
    return light


def _lean_command(info: CommandInfo, words: frozenset[str]) -> CommandInfo:
    callback = info.callback
    if callback is None or (info.name or callback.__name__.replace("_", "-")) in words:
        return info
    light = copy.copy(info)
    light.callback = _named_alike(callback)
    return light


def _named_alike(callback: Callable[..., object]) -> Callable[[], None]:
    """Nothing to call, and nothing to look at but the name and the words."""

    def unnamed() -> None: ...

    unnamed.__name__, unnamed.__doc__ = callback.__name__, callback.__doc__
    return unnamed
