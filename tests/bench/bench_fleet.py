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
import re
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
IDS = {"user": "item_u", "item": "item_a", "answer": "resp"}
WORDS = "the weather in the north will stay cold and dry until the end of the week with some wind at night".split()
_ROWS = re.sub(r"\$(\w+)", r"%(\1)s", (Path(__file__).parent / "fleet_talk.txt").read_text(encoding="utf-8"))
TALK = {
    part.partition("]\n")[0]: [row.split(" ", 3) for row in part.partition("]\n")[2].splitlines()]
    for part in _ROWS.split("\n[")[1:]
}
"""Part of a talk -> rows of direction, seconds after the row before, type and other fields."""


class Writer:
    """The lines of one tape, as the recorder writes them."""

    def __init__(self, number: int) -> None:
        self.random = random.Random(number)
        self.number = number
        self.t = 0.3
        self.count = 0
        self.events = 0
        self.lines: list[str] = []

    def put(self, part: str, **filled: object) -> None:
        """The rows of a part; a server event with the input that it is to the core."""
        filled["number"] = self.number
        for direction, after, name, *rest in TALK[part]:
            filled["ms"] = f"{self.t * 1000:.0f}"
            self.t += float(after % filled)
            filled["t"] = f"{self.t:.6f}"
            fields = f",{rest[0] % filled}" if rest else ""
            if direction == "effect":
                self.lines.append(f'{{"t":{self.t:.6f},"effect":{{"type":"{name}"{fields}}}}}\n')
                continue
            self.events += 1
            if direction == "in":
                self.count += 1
                fields = f',"event_id":"event_{self.count:06}"{fields}'
            self.lines.append(f'{{"t":{self.t:.6f},"dir":"{direction}","event":{{"type":"{name}"{fields}}}}}\n')
            if direction == "in":
                received = f'"at":{5000 + self.t:.6f},"input":{{"type":"Received","connection":1}}'
                self.lines.append(f'{{"t":{self.t + 0.0002:.6f},{received}}}\n')

    def talk(self, events: int) -> str:
        """A whole talk of about so many events."""
        fault, is_socket = self.random.choice(FAULTS), self.number % 10 >= 6
        model = self.random.choice(("gpt-realtime", "gpt-realtime", "gpt-realtime-mini"))
        day = f"2026-{1 + self.number % 12:02}-{1 + self.number % 28:02}"
        self.lines.append(f'{{"tape":2,"started_at":"{day}T10:00:00+00:00","app":"0.1.0","start":{{"wishes":{{}}}}}}\n')
        self.put("begin", model=model, transport="WebSocket" if is_socket else "WebRTC")
        if fault == "refused":
            self.put("refused")
        turn = 0
        while self.events < events:
            turn += 1
            self.turn(turn, is_socket, fault if turn == 3 else "")
        if fault != "cut":
            self.put("end")
        text = "".join(self.lines)
        return text if fault != "cut" else text[:-40]

    def turn(self, turn: int, is_socket: bool, fault: str) -> None:
        """What one turn of a user and its answer leave on a tape."""
        ids = {name: f"{kind}_{self.number}_{turn}" for name, kind in IDS.items()}
        self.put("voice", **ids)
        for _ in range(self.random.randint(20, 60) if is_socket else 0):
            self.put("append")
        self.put("silence", spoken=self.random.uniform(0.5, 2.0), **ids)
        if fault in ("empty commit", "rate limit"):
            self.put(fault)
        if fault == "no answer":
            self.t += 30.0
            return
        self.put("created", wait=self.random.lognormvariate(-1.2, 0.5), **ids)
        if fault == "failed":
            self.put("failed", **ids)
            return
        self.put("item", **ids)
        if fault == "tool":
            self.put("tool", **ids)
            return
        self.answer(ids, is_socket)

    def answer(self, ids: dict[str, str], is_socket: bool) -> None:
        """From its first sound to its last."""
        self.put("part", **ids)
        if not is_socket:
            self.put("started", **ids)
        words = self.random.choices(WORDS, k=self.random.randint(15, 45))
        for place, word in enumerate(words):
            self.put("word", word=word, **ids)
            if is_socket:
                self.put("sound", **ids)
            if place in (2, 4):
                self.put("audible" if place == 2 else "transcribed", **ids)
        tokens = 20 * len(words)
        counts = {"tokens": tokens, "made": 40 + tokens, "total": 240 + tokens, "played": 0.3 * len(words)}
        self.put("done", said=" ".join(words), **counts, **ids)
        if not is_socket:
            self.put("stopped", **ids)


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
