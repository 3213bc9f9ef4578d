"""The command line: `voicechat` talks; everything else has a name. Typer reads the words, by the table of commands.

Of some thirty commands one is used, and only its options are built: Typer looks at every parameter before it reads a
word, which takes 60 ms of the 100 that an error or a `--help` may take.
"""

from __future__ import annotations

import importlib
import inspect
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup

from voicechat import __version__, exit_codes
from voicechat.cli.commands import HELP, ROOT, VERSION, Command, Parameter, found
from voicechat.cli.edge import guarded, with_command
from voicechat.cli.help import help_text


class _Command(TyperCommand):
    def get_help(self, ctx: Any) -> str:
        return _help_of(ctx)


class _Group(TyperGroup):
    def get_help(self, ctx: Any) -> str:
        return _help_of(ctx)


def _help_of(ctx: Any) -> str:
    return help_text(found(ctx.command_path.split()[1:]))


def app_for(words: Sequence[str]) -> typer.Typer:
    """The whole command line, with options for those commands whose name is among the words."""
    return _typer(ROOT, frozenset(words), _obeying(ROOT))


def _typer(group: Command, words: frozenset[str], callback: Callable[..., None] | None) -> typer.Typer:
    app = typer.Typer(
        name=group.name,
        cls=_Group,
        callback=callback,
        invoke_without_command=callback is not None,
        no_args_is_help=callback is None,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": [*HELP.spellings]},
    )
    for one in group.commands:
        if one.commands:
            app.add_typer(_typer(one, words if one.name in words else frozenset(), None), name=one.name)
        else:
            app.command(one.name, cls=_Command)(_obeying(one) if one.name in words else _unnamed)
    return app


def _unnamed() -> None:
    """A command that is not on the line: it needs no options."""


def _obeying(command: Command) -> Callable[..., None]:
    """What Typer calls. It reads the options off the signature, which is written here."""

    def obey_it(**given: Any) -> None:
        context = given.pop("context", None)
        if context is not None and context.invoked_subcommand is not None:
            refuse_before(context.invoked_subcommand, given)
            return
        raise typer.Exit(obey(command, given))

    kind = inspect.Parameter.KEYWORD_ONLY
    shown = [
        inspect.Parameter(one.name, kind, default=_default(one), annotation=_typed(one)) for one in command.parameters
    ]
    if command is ROOT:
        shown.append(inspect.Parameter("context", kind, annotation=typer.Context))
    obey_it.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # typer reads the signature
    obey_it.__annotations__ = {one.name: one.annotation for one in shown}
    return obey_it


def _typed(one: Parameter) -> Any:
    kind: Any = Literal[one.choices] if one.choices and not one.is_many else str if one.kind is object else one.kind
    kind = list[kind] if one.is_many else kind
    about: dict[str, Any] = {"metavar": one.metavar or None}
    if one.low is not None:
        about |= {"min": one.low, "max": one.high}
    if one.choices:
        about |= {"case_sensitive": False}
    if one is VERSION:
        about |= {"callback": _version, "is_eager": True}
    if not one.is_option:
        return Annotated[kind if one.is_required else kind | None, typer.Argument(**about)]
    spellings = [f"{one.spellings[0]}/{one.negative}" if one.negative else one.spellings[0], *one.spellings[1:]]
    return Annotated[kind if one.is_required else kind | None, typer.Option(*spellings, **about)]


def _default(one: Parameter) -> Any:
    if one.is_required:
        return inspect.Parameter.empty
    return None if one.is_many else one.default


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"voicechat {__version__}")
        raise typer.Exit


def obey(command: Command, given: Mapping[str, Any]) -> int:
    """Import what a command needs and call it; the exit status."""
    own = {one.name: tuple(given[one.name] or ()) if one.is_many else given[one.name] for one in command.own}
    own.pop(VERSION.name, None)
    module, name = command.place
    loaded = importlib.import_module(module)
    act = getattr(loaded, name)
    if (record := inspect.signature(act).parameters.get("options")) is not None:
        own = {"options": getattr(loaded, record.annotation)(**own)}
    if command.settings:
        own["flags"] = {one.name: given[one.name] for one in command.settings}
    if "config" in given:
        own["config"] = given["config"]
    return act(**own) or exit_codes.DONE


def refuse_before(named: str, given: Mapping[str, Any]) -> None:
    """Options of the talk in front of a command's name would be lost. Raises BadParameter that says where they go."""
    one = next(
        (
            one
            for one in ROOT.parameters
            if given[one.name] not in (None, False) or (given[one.name] is False and one.is_setting)
        ),
        None,
    )
    if one is None:
        return
    value = given[one.name]
    option = one.negative if value is False else one.spellings[0]
    target = found([named])[-1]
    if not any(option in (*other.spellings, other.negative) for other in target.parameters):
        raise typer.BadParameter(f"{option} is not an option of {named}; its options: voicechat {named} --help")
    said = [] if isinstance(value, bool) else [value[0] if isinstance(value, list) else value]
    raise typer.BadParameter(
        f"{option} stands behind the command: {shlex.join(['voicechat', named, option, *map(str, said)])}"
    )


def ctl_command() -> None:
    """`ctl` never comes here: `__main__` answers it before anything heavy is imported."""


ALIASES: Mapping[str, Callable[[Sequence[str]], list[str]]] = {
    "help": lambda rest: [*rest, "--help"],
    "--install-completion": lambda rest: ["completion", *rest, "--install"],
    "--show-completion": lambda rest: ["completion", *rest],
}
"""What people try by habit -> how it is said here."""


def run_cli(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    return guarded(lambda: parse(arguments), commands_in(arguments))


def parse(arguments: Sequence[str]) -> int:
    """Read the words and obey them. What is wrong with them is one sentence on stderr and status 2."""
    if arguments and (alias := ALIASES.get(arguments[0])):
        arguments = alias(arguments[1:])
    announce(arguments)
    try:
        result = app_for(arguments)(args=list(arguments), prog_name="voicechat", standalone_mode=False)
    except typer.Abort:
        return exit_codes.INTERRUPTED
    except Exception as error:
        return complaint(error, commands_in(arguments))
    return result if isinstance(result, int) else exit_codes.DONE


def commands_in(arguments: Sequence[str]) -> str:
    """The command that is meant, for an error that names its help: `run`, `config check`; empty: none."""
    words = [word for word in arguments[:3] if not word.startswith("-")]
    return " ".join(one.name for one in found(words)[1:])


def complaint(error: Exception, command: str) -> int:
    """Typer's own complaints about options; anything else is not ours to handle."""
    show = getattr(error, "format_message", None)
    if show is None:
        raise error
    print(with_command(f"voicechat: {show()}", command), file=sys.stderr)
    return exit_codes.USAGE


def announce(arguments: Sequence[str]) -> None:
    """Say at once what is being done. Pipes and logs do not want it, and a help has no need of it; only that a talk has
    begun which listens until Ctrl+C is told everywhere."""
    sentence, listens = found(arguments[:1])[-1].slow, False
    if arguments[:1] == ["run"]:
        said = {"--text", "--script", "--script-example"} & {*arguments}
        sentence, listens = ("Reading the script ..." if said == {"--script"} else "" if said else sentence), not said
    is_wanted = listens or (sys.stderr.isatty() and "--json" not in arguments)
    if sentence and is_wanted and not {*HELP.spellings} & {*arguments}:
        print(sentence, file=sys.stderr, flush=True)
