"""The commands around a tape that is over: diff, export, report. What they do is imported when they run."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from voicechat.cli import options as opt

Flags = dict[str, Any]


def add_to(app: typer.Typer) -> None:
    """Put them among the commands of `app`."""
    for command in (diff, export, report):
        app.command()(command)


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A tape, or a log of any client.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The one to compare it with.")],
    threshold: Annotated[
        float, typer.Option("--threshold", min=0, max=60, help="Seconds from which a timing counts as different.")
    ] = 0.2,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Compare two talks turn by turn: words, events, timings, configuration, findings."""
    from voicechat.cli.diff import diff_command

    raise typer.Exit(diff_command(a, b, threshold=threshold, as_json=json))


def export(
    tape: Annotated[str, typer.Argument(metavar="TAPE", help="A tape, or a log of any client.")],
    format: Annotated[str, typer.Option("--format", metavar="FORMAT", help="md html txt srt jsonl wav")] = "html",
    out: Annotated[str, typer.Option("--out", "-o", metavar="FILE", help="- is stdout; else the tape's name.")] = "",
    redact: Annotated[bool, typer.Option("--redact", help="Without words and sound.")] = False,
    side: Annotated[str, typer.Option("--side", metavar="SIDE", help="wav: only you or assistant.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Make a page, a text, subtitles, events or sound of a tape."""
    from voicechat.cli.export import ExportOptions, export_command

    raise typer.Exit(export_command(tape, ExportOptions(format, out, redact, side, force)))


@opt.takes(opt.DOCTOR)
def report(
    flags: Flags,
    tape: Annotated[str, typer.Argument(metavar="[TAPE]", help="The talk it is about; without one: none.")] = "",
    last: Annotated[bool, typer.Option("--last", help="About the newest tape.")] = False,
    out: Annotated[str, typer.Option("--out", "-o", metavar="FILE.zip", help="Where to write it.")] = "",
    with_words: Annotated[bool, typer.Option("--with-words", help="Leave in what was said.")] = False,
    with_audio: Annotated[bool, typer.Option("--with-audio", help="Put the sound in.")] = False,
    config: opt.Config = None,
) -> None:
    """Put together what a bug report needs, without words, sound and keys. Nothing is sent."""
    from voicechat.cli.report import ReportOptions, report_command

    options = ReportOptions(tape, last, out, with_words, with_audio)
    raise typer.Exit(report_command(flags, config, options))
