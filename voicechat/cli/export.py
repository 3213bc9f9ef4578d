"""`voicechat export TAPE --format ...`: a talk as a page, a text, subtitles, events or sound."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from shutil import copyfileobj
from typing import Any, BinaryIO

from voicechat import exit_codes
from voicechat.cli.out_file import opened
from voicechat.cli.printing import say
from voicechat.cli.run import Progress
from voicechat.cli.tapes import tape_named
from voicechat.core.viewing import turn_views, view
from voicechat.engine.link import Turns
from voicechat.errors import ConfigError, TapeError
from voicechat.journal.export_sound import Side, write_side
from voicechat.journal.page import as_page
from voicechat.journal.past_talk import PastTalk, as_markdown, as_subtitles, as_text, read_talk, spans_of

TEXTS: dict[str, Callable[[PastTalk], str]] = {
    "md": lambda talk: as_markdown(talk.transcript),
    "txt": lambda talk: as_text(talk.transcript),
    "srt": lambda talk: as_subtitles(talk.transcript),
    "html": as_page,
}
LONG_TALK = 300.0
"""Seconds from which encoding takes long enough to say so: about a minute of work for an hour of talk."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How it was asked. `out` empty: a file named like the tape, `-`: stdout."""

    tape: str
    format: str
    out: str
    redact: bool
    side: Side | None
    force: bool
    otlp_words: bool


def export_command(options: ExportOptions) -> int:
    """Write one file, or to stdout. Raises TapeError for a tape that cannot be read, ConfigError for what cannot be."""
    if options.side and options.format != "wav":
        raise ConfigError("--side needs --format wav", hint=f"voicechat export {options.tape} --format wav --side you")
    if options.redact and options.format == "wav":
        raise ConfigError("sound cannot be redacted", hint=f"voicechat export {options.tape} --format html --redact")
    talk = read_talk(tape_named(options.tape), redact=options.redact)
    if talk.problem:
        say(f"read in part: {talk.problem}")
    if options.format == "html" and talk.audio_file is not None and talk.length > LONG_TALK:
        say("making the sound small enough for a page …")
    ending = "otlp.json" if options.format == "otlp" else options.format
    name = options.out or f"{talk.transcript.title}{f'-{options.side}' if options.side else ''}.{ending}"
    with opened(name, force=options.force) as out:
        _write(talk, options, out)
    if name != "-":
        print(name)
    return exit_codes.DONE


def _write(talk: PastTalk, options: ExportOptions, out: BinaryIO) -> None:
    if options.format in TEXTS:
        out.write(TEXTS[options.format](talk).encode("utf-8", "replace"))
    elif options.format == "jsonl":
        for line in run_lines(talk):
            out.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    elif options.format == "otlp":
        spans = spans_of(talk, words=options.otlp_words and not options.redact)
        from voicechat.journal.spans import as_otlp_json  # an extra

        out.write(as_otlp_json(spans).encode() + b"\n")
    elif talk.audio_file is None:
        raise TapeError("this tape has no sound", hint="--format html, md, txt, srt, jsonl and otlp work without")
    elif options.side:
        write_side(talk.audio_file, options.side, out)
    else:
        with talk.audio_file.open("rb") as recorded:
            copyfileobj(recorded, out)


def run_lines(talk: PastTalk) -> Iterator[dict[str, Any]]:
    """What `run --json` would have printed: an object for each event, then the summary."""
    progress = Progress()
    for entry in talk.source.entries():
        if entry.kind == "event":
            yield {"t": entry.t, "dir": entry.dir, "event": entry.data}
    for row in talk.rows:
        progress.see(row)
    turns = turn_views(talk.state, talk.now)
    progress.view = view(talk.state, talk.now, talk.policy)
    progress.take_turns(Turns(turns, tuple(turn.key for turn in turns)))
    progress.figures = talk.figures
    yield {"summary": progress.summary() | progress.used()}
