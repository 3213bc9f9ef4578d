"""The commands around a tape that is over: diff, export, report. What they do is imported when they run."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from voicechat.cli import options as opt
from voicechat.cli.help import TAPES

Flags = dict[str, Any]


def add_to(app: typer.Typer) -> None:
    """Put them among the commands of `app`."""
    for command in (diff, export, report):
        app.command(rich_help_panel=TAPES)(command)


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A tape, or a log of any client.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The tape or log to compare it with.")],
    threshold: Annotated[
        float,
        typer.Option(
            "--threshold", metavar="SECONDS", min=0, max=60, help="Difference from which timings count as different."
        ),
    ] = 0.2,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two talks: words, events, timings, configuration, findings."""
    from voicechat.cli.diff import diff_command

    raise typer.Exit(diff_command(a, b, threshold=threshold, as_json=json))


def export(
    tape: Annotated[str, typer.Argument(metavar="TAPE", help="A tape, or a log of any client.")],
    format: Annotated[
        str, typer.Option("--format", metavar="md|html|txt|srt|jsonl|wav|otlp", help="Output format.")
    ] = "html",
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="-: stdout; without it a file named like the tape.")
    ] = "",
    redact: Annotated[bool, typer.Option("--redact", help="Leave out words and sound.")] = False,
    side: Annotated[str, typer.Option("--side", metavar="you|assistant", help="Only this side, for wav.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    otlp_words: Annotated[bool, typer.Option("--otlp-words", help="Leave in what was said, for otlp.")] = False,
) -> None:
    """Export a tape as HTML, text, subtitles, events, sound or a trace."""
    from voicechat.cli.export import ExportOptions, export_command

    raise typer.Exit(export_command(tape, ExportOptions(format, out, redact, side, force, otlp_words)))


@opt.takes(opt.DOCTOR)
def report(
    flags: Flags,
    tape: Annotated[str, typer.Argument(metavar="[TAPE]", help="The talk it is about; may be left out.")] = "",
    last: Annotated[bool, typer.Option("--last", help="The newest tape.")] = False,
    out: Annotated[str, typer.Option("--out", "-o", metavar="FILE.zip", help="Where to write it.")] = "",
    with_words: Annotated[bool, typer.Option("--with-words", help="Include what was said.")] = False,
    with_audio: Annotated[bool, typer.Option("--with-audio", help="Include the sound.")] = False,
    config: opt.Config = None,
) -> None:
    """Collect what a bug report needs, without words, sound and keys. Nothing is sent."""
    from voicechat.cli.report import ReportOptions, report_command

    options = ReportOptions(tape, last, out, with_words, with_audio)
    raise typer.Exit(report_command(flags, config, options))
