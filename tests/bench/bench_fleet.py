"""How long ten thousand tapes with ten million events take to scan on two cores, and how much memory.

    python -m tests.bench.bench_fleet [--tapes 10000] [--keep FOLDER] [--workers 2]

The tapes are written as the recorder writes them, head, inputs and local events too: six in ten of WebRTC talks, the
others of WebSocket talks with their sound events. One in eight has a fault; a hundred logs of other clients and some
files that cannot be read stand among them. Bars: 60 s, 600 MB for all processes together (proportional set size).
`--keep`: where the corpus lies, and stays.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.bench.bars import Figure, judge, options
from tests.bench.bench_diagnose import console, wrapped

MEAN = 1_000
"""Events of a tape; half of them lie between 500 and 1,400."""
FAULTS = ("", "", "", "", "", "", "", "refused", "failed", "no answer", "cut", "tool", "empty commit", "rate limit")
WORDS = "the weather in the north will stay cold and dry until the end of the week with some wind at night".split()
DETECTION = '{"type":"server_vad","silence_duration_ms":500,"prefix_padding_ms":300,"create_response":true}'
SESSION = (
    '{"type":"realtime","id":"sess_%d","object":"realtime.session","model":"%s","instructions":"You are helpful.",'
    '"audio":{"input":{"transcription":{"model":"gpt-4o-mini-transcribe"},"turn_detection":' + DETECTION + "}}}"
)
USAGE = (
    '{"total_tokens":%d,"input_tokens":%d,"output_tokens":%d,"input_token_details":{"text_tokens":40,"audio_tokens":%d,'
    '"cached_tokens":0},"output_token_details":{"text_tokens":30,"audio_tokens":%d}}'
)


class Writer:
    """The lines of one tape, as the recorder writes them."""

    def __init__(self, number: int) -> None:
        self.random = random.Random(number)
        self.number = number
        self.t = 0.3
        self.count = 0
        self.events = 0
        self.lines: list[str] = []

    def came(self, after: float, name: str, rest: str = "") -> None:
        """A server event, and the input that it is to the core."""
        self.t += after
        self.count += 1
        self.events += 1
        self.lines.append(
            f'{{"t":{self.t:.6f},"dir":"in","event":{{"type":"{name}","event_id":"event_{self.count:06}"{rest}}}}}\n'
            f'{{"t":{self.t + 0.0002:.6f},"at":{5000 + self.t:.6f},"input":{{"type":"Received","connection":1}}}}\n'
        )

    def sent(self, after: float, name: str, rest: str = "") -> None:
        """A client event."""
        self.t += after
        self.events += 1
        self.lines.append(f'{{"t":{self.t:.6f},"dir":"out","event":{{"type":"{name}"{rest}}}}}\n')

    def here(self, after: float, name: str, rest: str = "", effect: str = "") -> None:
        """A local event, its input, and what the core decided upon it."""
        self.t += after
        self.events += 1
        self.lines.append(f'{{"t":{self.t:.6f},"dir":"local","event":{{"type":"{name}"{rest}}}}}\n')
        if effect:
            self.lines.append(f'{{"t":{self.t:.6f},"effect":{{"type":"{effect}","generation":1}}}}\n')

    def talk(self, events: int) -> str:
        """A whole talk of about so many events."""
        fault, is_socket = self.random.choice(FAULTS), self.number % 10 >= 6
        model = self.random.choice(("gpt-realtime", "gpt-realtime", "gpt-realtime-mini"))
        day = f"2026-{1 + self.number % 12:02}-{1 + self.number % 28:02}"
        self.lines.append(f'{{"tape":2,"started_at":"{day}T10:00:00+00:00","app":"0.1.0","start":{{"wishes":{{}}}}}}\n')
        self.here(0.1, "tape.began")
        self.came(1.2, "session.created", f',"session":{SESSION % (self.number, model)}')
        self.here(0.001, "line.opened", f',"connection":1,"transport":"{"WebSocket" if is_socket else "WebRTC"}"')
        if fault == "refused":
            self.came(0.1, "error", ',"error":{"type":"invalid_request_error","code":"unknown_parameter","message":'
                      '"Unknown parameter: \'session.turn_detection\'.","param":"session.turn_detection"}')  # fmt: skip
        turn = 0
        while self.events < events:
            turn += 1
            self.turn(turn, is_socket, fault if turn == 3 else "")
        if fault != "cut":
            self.here(0.5, "tape.ended")
        text = "".join(self.lines)
        return text if fault != "cut" else text[:-40]

    def turn(self, turn: int, is_socket: bool, fault: str) -> None:
        """What one turn of a user and its answer leave on a tape."""
        user, item, answer = (f"{kind}_{self.number}_{turn}" for kind in ("item_u", "item_a", "resp"))
        began = self.t + 1.0
        self.here(1.0, "voice.began", f',"began_at":{began:.6f}')
        self.came(0.2, "input_audio_buffer.speech_started", f',"audio_start_ms":{began * 1000:.0f},"item_id":"{user}"')
        for _ in range(self.random.randint(20, 60) if is_socket else 0):
            self.sent(0.02, "input_audio_buffer.append", ',"audio":"<1280 bytes of base64>"')
        self.t += self.random.uniform(0.5, 2.0)
        self.here(0.0, "voice.ended", f',"ended_at":{self.t:.6f}')
        self.came(0.5, "input_audio_buffer.speech_stopped", f',"audio_end_ms":{self.t * 1000:.0f},"item_id":"{user}"')
        self.came(0.01, "input_audio_buffer.committed", f',"item_id":"{user}","previous_item_id":null')
        part = ',"item":{"id":"%s","object":"realtime.item","type":"message","role":"%s","status":"%s","content":[%s]}'
        self.came(0.001, "conversation.item.added", part % (user, "user", "completed", ""))
        if fault == "empty commit":
            code = (
                '"code":"input_audio_buffer_commit_empty","message":"Error committing input audio buffer: too small."'
            )
            self.came(0.01, "error", f',"error":{{"type":"invalid_request_error",{code}}}')
        if fault == "rate limit":
            self.came(0.01, "error", ',"error":{"type":"tokens","code":"rate_limit_exceeded","message":"Rate limit."}')
        if fault == "no answer":
            self.t += 30.0
            return
        self.answer(user, item, answer, part, is_socket, fault)

    def answer(self, user: str, item: str, answer: str, part: str, is_socket: bool, fault: str) -> None:
        """From response.created to the end of its sound."""
        made = f',"response":{{"id":"{answer}","object":"realtime.response","status":"%s","output":[%s],"usage":%s%s}}'
        wait = self.random.lognormvariate(-1.2, 0.5)
        self.came(wait, "response.created", made % ("in_progress", "", "null", ""))
        self.here(0.0, "playback.began", ',"generation":1', "BeginPlayback")
        if fault == "failed":
            why = ',"status_details":{"type":"failed","error":{"type":"server_error","code":null,"message":"Oops."}}'
            self.came(0.4, "response.done", made % ("failed", "", "null", why))
            return
        of = f',"response_id":"{answer}","item_id":"{item}","output_index":0,"content_index":0'
        self.came(0.1, "response.output_item.added", f',"response_id":"{answer}","output_index":0'
                  + part % (item, "assistant", "in_progress", ""))  # fmt: skip
        self.came(0.002, "conversation.item.added", part % (item, "assistant", "in_progress", ""))
        if fault == "tool":
            call = f'{{"id":"{item}","type":"function_call","name":"get_weather","call_id":"call_{self.number}",'
            call += '"arguments":"{\\"city\\":\\"Oslo\\"}"}'
            self.came(0.3, "response.function_call_arguments.done", f'{of},"call_id":"call_{self.number}",'
                      '"name":"get_weather","arguments":"{\\"city\\":\\"Oslo\\"}"')  # fmt: skip
            self.came(0.1, "response.done", made % ("completed", call, USAGE % (300, 200, 100, 160, 70), ""))
            return
        self.came(0.002, "response.content_part.added", f'{of},"part":{{"type":"audio","transcript":""}}')
        if not is_socket:
            self.came(0.05, "output_audio_buffer.started", f',"response_id":"{answer}"')
        words = self.random.choices(WORDS, k=self.random.randint(15, 45))
        for place, word in enumerate(words):
            self.came(0.015, "response.output_audio_transcript.delta", f'{of},"delta":"{word} "')
            if is_socket:
                self.came(0.005, "response.output_audio.delta", f'{of},"delta":"<6400 bytes of base64>"')
                self.came(0.005, "response.output_audio.delta", f'{of},"delta":"<6400 bytes of base64>"')
            if place == 2:
                self.here(0.03, "assistant.audible")
            if place == 4:
                self.came(0.1, "conversation.item.input_audio_transcription.completed",
                          f',"item_id":"{user}","content_index":0,"transcript":"What is the weather?"')  # fmt: skip
        said = " ".join(words)
        audio = f'{{"type":"output_audio","transcript":"{said}"}}'
        self.came(0.01, "response.output_audio.done", of)
        self.came(0.001, "response.output_audio_transcript.done", f'{of},"transcript":"{said}"')
        self.came(0.001, "response.content_part.done", f'{of},"part":{audio}')
        self.came(0.001, "response.output_item.done", f',"response_id":"{answer}","output_index":0'
                  + part % (item, "assistant", "completed", audio))  # fmt: skip
        self.came(0.001, "conversation.item.done", part % (item, "assistant", "completed", audio))
        tokens = 20 * len(words)
        usage = USAGE % (240 + tokens, 200, 40 + tokens, 160, tokens)
        message = f'{{"id":"{item}","type":"message","role":"assistant","status":"completed","content":[{audio}]}}'
        self.came(0.001, "response.done", made % ("completed", message, usage, ""))
        self.came(0.001, "rate_limits.updated", ',"rate_limits":[{"name":"tokens","limit":40000,"remaining":39000}]')
        self.t += 0.3 * len(words)
        self.here(0.0, "assistant.silent", f',"last_audible_at":{self.t:.6f}')
        if not is_socket:
            self.came(0.02, "output_audio_buffer.stopped", f',"response_id":"{answer}"')


def write_tape(root: Path, number: int) -> int:
    """One tape in its folder; returns its events."""
    events = int(random.Random(number * 7 + 1).lognormvariate(0, 0.7) * MEAN / 1.2776) + 40
    writer = Writer(number)
    folder = root / f"{number // 1000:03}" / f"tape-{number:06}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "session.jsonl").write_text(writer.talk(events), encoding="utf-8")
    return writer.events


def write_some(root: Path, numbers: range) -> int:
    return sum(write_tape(root, number) for number in numbers)


def write_corpus(root: Path, tapes: int) -> int:
    """All tapes, a hundredth as many foreign logs, and four files that cannot be read; returns the tapes' events."""
    blocks = [range(start, min(start + 250, tapes)) for start in range(0, tapes, 250)]
    with ProcessPoolExecutor() as pool:
        events = sum(pool.map(write_some, [root] * len(blocks), blocks))
    logs = root / "logs"
    logs.mkdir()
    for number in range(max(2, tapes // 100)):
        (wrapped if number % 2 else console)(logs / f"{number:04}.log", 40 + number % 100)
    (logs / "empty.log").write_bytes(b"")
    (logs / "noise.log").write_bytes(random.Random(1).randbytes(20_000))
    (logs / "deep.jsonl").write_text("[" * 100_000)
    (logs / "gone.log").symlink_to(logs / "nowhere")
    return events


def tree_of(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    try:
        children = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        for thread in Path(f"/proc/{pid}/task").iterdir():
            children += [int(one) for one in (thread / "children").read_text().split()]
    except OSError:
        return
    for child in dict.fromkeys(children):
        yield from tree_of(child)


def megabytes_of(pid: int) -> float:
    """Proportional set size of a process and all below it."""
    total = 0
    for one in tree_of(pid):
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return total / 1024


def measured(root: Path, out: Path, workers: int) -> tuple[float, float, float]:
    """Seconds, seconds of CPU, and the most megabytes of all processes of a scan."""
    before, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "voicechat", "fleet", "scan", str(root), "--out", str(out), "-j", str(workers)]
    scan = subprocess.Popen(command)
    most, is_over = [0.0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.25):
            most[0] = max(most[0], megabytes_of(scan.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = scan.wait()
    is_over.set()
    watcher.join()
    if status:
        raise SystemExit(f"fleet scan ended with {status}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (time.perf_counter() - before, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, most[0])


def main() -> int:
    given = options(__doc__, tapes=10_000, keep=Path(), workers=2)
    share = given.tapes / 10_000
    folder = Path(tempfile.mkdtemp(prefix="fleet"))
    root = given.keep if given.keep.name else folder / "corpus"
    try:
        if not (root / "logs").exists():
            root.mkdir(parents=True, exist_ok=True)
            (root / "events.json").write_text(json.dumps({"events": write_corpus(root, given.tapes)}))
        events = json.loads((root / "events.json").read_text())["events"]
        print(f"{given.tapes:,} tapes, {events:,} events; {os.cpu_count()} cores", flush=True)
        seconds, cpu, megabytes = measured(root, folder / "tables", given.workers)
        again, _, _ = measured(root, folder / "tables", given.workers)
    finally:
        shutil.rmtree(folder)
    figures = [
        Figure("scan: time", [seconds], "s", "worst", 60.0 * share),
        Figure("scan: CPU of all processes", [cpu], "s", "worst", None),
        Figure("scan: CPU an event", [cpu / events * 1e6], "us", "worst", None),
        Figure("scan: memory of all processes", [megabytes], "MB", "worst", 600.0),
        Figure("the same again, nothing changed: time", [again], "s", "worst", None),
    ]
    return judge("fleet", figures)


if __name__ == "__main__":
    sys.exit(main())
