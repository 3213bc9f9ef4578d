"""The group `voicechat config`: what its commands are called and what they take. The rest is imported when one runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from voicechat.cli import options as opt
from voicechat.cli.help import App

app = App()
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.callback()
def config() -> None:
    """Write, look at and check the configuration file."""


@app.command()
def path(config: opt.Config = None) -> None:
    """Print where the configuration file is, or would be."""
    from voicechat.cli.config_commands import path_command

    raise typer.Exit(path_command(config))


@app.command()
def init(
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    config: opt.Config = None,
) -> None:
    """Write a file with every setting in it, commented out; only you can read it."""
    from voicechat.cli.config_commands import init_command

    raise typer.Exit(init_command(config, force=force))


@app.command()
@opt.takes(opt.SCREEN)
def show(flags: dict[str, Any], json: AsJson = False, config: opt.Config = None) -> None:
    """Print the settings of a talk with these options, and where each value comes from."""
    from voicechat.cli.config_commands import show_command

    raise typer.Exit(show_command(flags, config, as_json=json))


@app.command()
def check(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Instead of your own file.")] = None,
    json: AsJson = False,
    config: opt.Config = None,
) -> None:
    """Say everything that is wrong with the file, with its line; exit 2 when anything is."""
    from voicechat.cli.config_commands import check_command

    raise typer.Exit(check_command(file or config, as_json=json))
