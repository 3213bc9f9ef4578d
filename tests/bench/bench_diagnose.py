"""How long a log of a million events takes to diagnose, and how much memory.

    python -m tests.bench.bench_diagnose [--quick]

Four logs are written to a temporary folder and read by a process of their own each: a million events as lines of JSON
in a wrapper, 300,000 lines of a console with sentences between the events, the same as Python's dicts, and lines made
to let patterns search for long, no two of them alike. Bars: 5 s, 8 s, none, 10 s, and 200 MB. `--quick`:
a tenth of the events, the bars a tenth too.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.bars import Figure, judge, options

TALK = (
    ("in", {"type": "input_audio_buffer.speech_started", "audio_start_ms": 1000}),
    ("in", {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 3000}),
    ("in", {"type": "input_audio_buffer.committed"}),
    ("in", {"type": "response.created", "response": {"status": "in_progress"}}),
    *((("in", {"type": "response.output_audio_transcript.delta", "delta": "one word and "}),) * 40),
    ("in", {"type": "response.done", "response": {"status": "completed", "output": [{"type": "message"}]}}),
)
SENTENCES = (
    "Mic muted while assistant is speaking (waiting for the end of playback)",
    "stats rtt=41ms loss=0.0% jitter=3ms",
    "Mic unmuted, listening again",
    "player queue drained, playback finished",
)
MEGABYTES = 200.0


def talk(events: int) -> Iterator[tuple[float, str, dict[str, object]]]:
    """A healthy talk of so many events."""
    yield 0.0, "in", {"type": "session.created", "session": {"id": "sess_1", "turn_detection": {"type": "server_vad"}}}
    for number in range(events - 1):
        turn, step = divmod(number, len(TALK))
        way, event = TALK[step]
        known: dict[str, object] = {**event, "event_id": f"event_{number}"}
        if "response" in event:
            known["response"] = {**event["response"], "id": f"resp_{turn}"}  # type: ignore[dict-item]
        else:
            known |= {"item_id": f"item_{turn}", "response_id": f"resp_{turn}"}
        yield number * 0.02, way, known


def wrapped(path: Path, events: int) -> None:
    with path.open("w", encoding="utf-8") as out:
        for t, way, event in talk(events):
            out.write(json.dumps({"t": t, "dir": way, "event": event}) + "\n")


def console(path: Path, lines: int) -> None:
    with path.open("w", encoding="utf-8") as out:
        for number, (t, _, event) in enumerate(talk(lines)):
            clock = f"{int(t) // 3600:02}:{int(t) // 60 % 60:02}:{int(t) % 60:02}.{int(t * 1000) % 1000:03}"
            said = (
                f"{SENTENCES[number // 10 % len(SENTENCES)]} #{number}"
                if number % 10 == 0
                else f"recv {event['type']} {json.dumps(event)}"
            )
            out.write(f"{clock} client.js:{number % 900} {said}\n")


def dicts(path: Path, lines: int) -> None:
    with path.open("w", encoding="utf-8") as out:
        for t, _, event in talk(lines):
            out.write(f"{t:.3f} received {event!r}\n")


def hostile(path: Path, lines: int) -> None:
    worst = (
        "mic " * 90,
        "wait " * 80,
        "{" * 300,
        "[" * 300 + "'type':",
        "a(" * 150,
        "{type: " * 60,
        "response." * 40,
        '"' + "\\" * 390,
        "translate " * 40,
        "麦克风" * 130,
    )
    with path.open("w", encoding="utf-8") as out:
        for number in range(lines):
            line = worst[number % len(worst)]
            out.write(f"{line[: len(line) - number % 97]}{number}\n")


def measured(path: Path) -> tuple[float, float]:
    """Seconds and megabytes of `voicechat diagnose` over a file."""
    before = time.perf_counter()
    code = (
        "import sys; from voicechat.cli.diagnose import diagnose_command as d; sys.exit(d([sys.argv[1]], as_json=True))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], stdout=subprocess.DEVNULL, check=False)
    took = time.perf_counter() - before
    if done.returncode not in (0, 1):
        raise SystemExit(f"diagnose ended with {done.returncode} over {path.name}")
    return took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> int:
    share = 0.1 if options(__doc__, quick=False).quick else 1.0
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for name, write, many, bar in (
            ("a million wrapped events", wrapped, 1_000_000, 5.0),
            ("300,000 lines of a console", console, 300_000, 8.0),
            ("300,000 Python dicts", dicts, 300_000, None),
            ("30,000 hostile lines", hostile, 30_000, 10.0),
        ):
            path = Path(folder) / f"{write.__name__}.log"
            write(path, int(many * share))
            seconds, megabytes = measured(path)
            path.unlink()
            figures.append(Figure(f"{name}: time", [seconds], "s", "worst", bar * share if bar else None))
            figures.append(Figure(f"{name}: memory so far", [megabytes], "MB", "worst", MEGABYTES))
    return judge("diagnose", figures)


if __name__ == "__main__":
    sys.exit(main())
