"""One walk through the product, in this process: `python -m tests.bench.walking PLAN RESULT --folder FOLDER`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.bench.rig import Recorder
from tests.bench.virtual_screen import VirtualScreen
from tests.bench.walk_checks import (
    LOUD,
    Look,
    Seen,
    Violation,
    check,
    findings_on,
    look_at,
    loud_spans,
    spoken_responses,
    state_spans,
    untrue,
)
from tests.bench.walk_steps import Plan, Step, key_bytes
from tests.support.command import KEY, environ_for
from tests.support.processes import left_after, marked
from tests.support.speech import RATE, noise, spoken
from tests.support.terminal import Terminal
from tests.support.vaudio import VirtualAudio
from voicechat.audio.files import read_wav

NOISE = 0.001
"""RMS of what the virtual microphone hears while nobody speaks: -60 dBFS."""
HARMLESS = frozenset(
    "e f2 t f7 slash f g left_square_bracket right_square_bracket n N M T asterisk P y Y G end question_mark i w comma "
    "f4 up down left right home pageup pagedown 1 2 3 4 5 6 m k".split()
)
"""Keys that cannot stop an answer or make it inaudible, wherever the keyboard is."""
TOOLS = '''
def weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: name of the city
    """
    return f"It rains in {city}."
'''
"""What the model may call."""
BUSY = ("speaking", "finishing", "thinking", "waiting")
ROOMY = (160, 50)
PAUSE = 0.6
"""Seconds without a sample from a running sink that mean a sound server that does not run; it gives 50 a second."""


class Screen:
    """The terminal's picture, kept up to date by a thread, and the deck's words with their times."""

    def __init__(self, terminal: Terminal, size: tuple[int, int], looks: list[Look]) -> None:
        self._terminal, self._looks = terminal, looks
        self._picture = VirtualScreen(*size)
        self._lock = threading.Lock()
        self._taken = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def resize(self, columns: int, rows: int) -> None:
        with self._lock:
            self._picture.resize(columns, rows)
            self._terminal.resize(columns, rows)

    @property
    def text(self) -> str:
        with self._lock:
            return self._picture.text

    @property
    def now(self) -> Look:
        """What the deck says now."""
        return look_at(time.monotonic(), self.text)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.04):
            data = self._terminal.written_since(self._taken)
            self._taken += len(data)
            with self._lock:
                self._picture.feed(data)
            look = self.now
            if not self._looks or (look.badge, look.reply, look.deafened) != (
                self._looks[-1].badge, self._looks[-1].reply, self._looks[-1].deafened,
            ):  # fmt: skip
                self._looks.append(look)


class Server:
    """`walk_server` on one port, however often it is killed."""

    def __init__(self, folder: Path, senses: str) -> None:
        self._senses = senses
        self._notes, self._errors = folder / "server.jsonl", folder / "server.log"
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("VOICECHAT_")}
        self._notes.touch()
        self._port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.bench.walk_server", str(self._port), str(self._notes), self._senses]
        with self._errors.open("a") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=self._environ, text=True
            )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        self._port = int(self.url.rpartition(":")[2].partition("/")[0])

    @property
    def pid(self) -> int:
        return self._process.pid

    def order(self, fault: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(fault + "\n")
        self._process.stdin.flush()

    def notes(self) -> list[list[object]]:
        lines = self._notes.read_text().splitlines()
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):  # the last line of a killed server
                found.append(json.loads(line))
        return found

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Walk:
    """`run` it once."""

    def __init__(self, plan: Plan, folder: Path, tolerance: float, clips: str) -> None:
        self.plan, self.folder, self.tolerance = plan, folder, tolerance
        self.seen = Seen()
        self.violations: list[Violation] = []
        self.skipped: list[str] = []
        self.done: set[str] = set()
        self.began: list[float] = []
        """When each step began."""
        self.has_fault = False
        self._fault_at = 0.0
        self._lost_mic_at = 0.0
        self._space_is_down = False
        self._log = (folder / "walk.log").open("w", buffering=1)
        self._clips = _clips(Path(clips) if clips else None)
        sound = folder / "sound"
        sound.mkdir()
        self.audio = VirtualAudio(sound)
        self._noise = noise(200.0, level=NOISE)
        self.server: Server | None = None

    # the whole
    def run(self) -> None:
        """All of it; violations are kept."""
        with contextlib.ExitStack() as ends:
            ends.callback(self.audio.stop)
            self._start_sound()
            self.listener = Recorder(self.audio, self._note_peak, 20)
            ends.callback(self.listener.close)
            if self.plan["server"] != "spawned":
                self.server = Server(self.folder, self.plan["server"])
                ends.callback(self.server.kill)
            self._run()
            if self.server is not None:
                self.seen.notes = self.server.notes()
        lost = state_spans(self.seen.looks, self.seen.until, lambda look: "LOST" in look.badge)
        self.skipped += [f"a device was lost {len(lost)} times"] if lost else []
        self.seen.disturbed += lost
        pauses = sound_pauses(self.seen.speaker, 0.0)
        self.skipped += [f"the sound server gave nothing {len(pauses)} times"] if pauses else []
        self.seen.disturbed += pauses
        self.violations += check(self.seen, self.tolerance)
        heard = [f"{begin:.1f}-{end:.1f}" for begin, end in loud_spans(self.seen.speaker)]
        gaps = [f"{a:.1f}-{b:.1f}" for a, b in pauses]
        self._log.write(f"heard {' '.join(heard)}\nthe recorder paused {' '.join(gaps)}\n")
        self._log.writelines(f"{look.at:.1f} deck {look.badge} | {look.reply}\n" for look in self.seen.looks)

    def _note_peak(self, at: float, samples: npt.NDArray[np.int16]) -> None:
        self.seen.speaker.append((at, float(np.abs(samples.astype(np.int32)).max(initial=0)) / 32768))

    def _run(self) -> None:
        mark = str(self.folder / "state")
        size = (int(self.plan["size"][0]), int(self.plan["size"][1]))
        terminal = Terminal(self._command(), kitty=bool(self.plan["kitty"]), size=size, environ=self._environ())
        self.terminal = terminal
        with terminal:
            self.screen = Screen(terminal, size, self.seen.looks)
            try:
                self._walk()
                self._log.write(self.screen.text + "\n")
                self._quit(mark)
            finally:
                self.screen.close()
        self._look_for_secrets(terminal.written)

    def _walk(self) -> None:
        if not self._until(lambda: self._is_up(self.screen.now), 60.0):
            self._violate("no-connection", f"not connected 60 s after the start: {self.screen.text[:200]}")
            self.seen.until = time.monotonic()
            return
        for step in self.plan["steps"]:
            self.began.append(time.monotonic())
            self._do(step)
            time.sleep(float(step[-1]))
            self._say_where(json.dumps(step))
            if self.terminal.is_gone():
                break
        else:
            self._heal()
            self._probe()
        if self.terminal.is_gone():
            self._violate("ended", f"the screen ended by itself, status {self.terminal.status}")
        self.seen.until = time.monotonic()

    def _command(self) -> list[str]:
        where = ["--provider", "local"]
        if self.server is not None:
            where = ["--provider", "custom", "--base-url", self.server.url]
        plan = ["--transport", self.plan["transport"], "--turn-mode", self.plan["mode"]]
        plan += ["--model", self.plan["model"]] if self.plan.get("model") else []
        (tools := self.folder / "tools.py").write_text(TOOLS)
        plan += ["--tools", str(tools)]
        plan += ["--allow-tools", self.plan["allow"]] if self.plan.get("allow") else []
        return [sys.executable, "-m", "voicechat", *where, *plan]

    def _environ(self) -> dict[str, str]:
        run = self.folder / "run"
        run.mkdir(mode=0o700)
        environ = environ_for(self.folder, VOICECHAT_RUNTIME_DIR=str(run), PULSE_SERVER=f"unix:{self.audio.socket}")
        return environ | {"LC_ALL": "C.UTF-8", "HOME": str(self.folder)}

    # steps
    def _do(self, step: Step) -> None:
        kind, arguments, began = step[0], step[1:-1], time.monotonic()
        self.done.add(kind)
        if kind in ("key", "fault"):
            self.done.add(f"{kind}:{str(arguments[0]).partition('=')[0]}")
        if kind == "ask":
            self.done.add("key:enter")
        getattr(self, f"_{kind}")(*arguments)
        if kind == "ask":
            self.seen.meddled.append((began, began + 0.1))
        elif kind not in ("resize", "wait") and not (kind == "key" and arguments[0] in HARMLESS):
            self.seen.meddled.append((began - 0.3, time.monotonic() + 2.0))

    def _key(self, name: str) -> None:
        if name == "space":
            self.terminal.press_space()
            time.sleep(0.03)
            self.terminal.release_space()
        else:
            self.terminal.type(key_bytes(name, kitty=bool(self.terminal.keyboard_flags & 2)))

    def _ask(self, text: str) -> None:
        self.terminal.type(b"i")
        time.sleep(0.3)
        ends = time.monotonic() + self.tolerance  # letters that come before the field has the keyboard are commands
        while "Enter send" not in self.screen.text and time.monotonic() < ends:
            time.sleep(0.05)
        self.terminal.type(text.encode())
        time.sleep(0.1)
        self.terminal.type(b"\r")

    def _type(self, text: str, enter: bool) -> None:
        self.terminal.type(text.encode())
        if enter:
            time.sleep(0.1)
            self.terminal.type(b"\r")

    def _say(self, clip: int, seconds: float) -> None:
        self._speak(clip, seconds)
        time.sleep(min(seconds, 0.5))

    def _hold(self, clip: int, seconds: float, release: bool) -> None:
        self.terminal.press_space()
        self._space_is_down = True
        if clip >= 0:
            self._speak(clip, seconds)
        ends = time.monotonic() + seconds
        time.sleep(min(seconds, 0.4))
        while time.monotonic() < ends:
            self.terminal.repeat_space()
            time.sleep(0.033)
        if release:
            self._release()

    def _release(self) -> None:
        self.terminal.release_space()
        self._space_is_down = False

    def _resize(self, columns: int, rows: int) -> None:
        self.screen.resize(columns, rows)

    def _focus(self, seconds: float) -> None:
        """Another window has the keyboard for so long; a terminal sends no keys meanwhile."""
        self.terminal.type(b"\x1b[O")
        time.sleep(seconds)
        self.terminal.type(b"\x1b[I")

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def _mic(self, what: str) -> None:
        if what == "lose" and not self._lost_mic_at:
            self._lost_mic_at = time.monotonic()
            self.audio.tell("unload-module", "module-remap-source")
        elif what == "back" and self._lost_mic_at:
            self.audio.tell("load-module", "module-remap-source", "source_name=vmic", "master=vmic_feed.monitor")
            self.audio.tell("set-default-source", "vmic")
            self.listener.restart()
            self.seen.disturbed.append((self._lost_mic_at, time.monotonic()))
            self._lost_mic_at = 0.0

    def _speaker(self, seconds: float) -> None:
        with self._disturbing():
            self.audio.tell("suspend-sink", "vspk", "1")
            time.sleep(seconds)
            self.audio.tell("suspend-sink", "vspk", "0")

    def _stall_sound(self, seconds: float) -> None:
        with self._disturbing():
            self.audio.stall(seconds)

    def _kill_sound(self, seconds: float) -> None:
        with self._disturbing():
            self.audio.stop()
            time.sleep(seconds)
            self._start_sound()
        if self._lost_mic_at:
            self.seen.disturbed.append((self._lost_mic_at, time.monotonic()))
            self._lost_mic_at = 0.0

    def _stall_server(self, seconds: float) -> None:
        if pid := self._server_pid():
            with self._disturbing():
                os.kill(pid, signal.SIGSTOP)
                time.sleep(seconds)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def _kill_server(self, seconds: float) -> None:
        with self._disturbing():
            if self.server is not None:
                self.server.kill()
                time.sleep(seconds)
                self.server.start()
            elif pid := self._server_pid():
                os.kill(pid, signal.SIGKILL)
                time.sleep(seconds)

    def _fault(self, name: str) -> None:
        """In force until the next one; the sessions there are, are hung up."""
        if self.server is None:
            self.done -= {"fault", f"fault:{name.partition('=')[0]}"}
            return
        if self.has_fault:
            self.seen.disturbed.append((self._fault_at, time.monotonic()))
        self.server.order(name)
        self.has_fault, self._fault_at = bool(name), time.monotonic()
        self.seen.disturbed.append((self._fault_at, self._fault_at))

    # the end of a walk: everything works again, so the product has to
    def _heal(self) -> None:
        if sound_pauses(self.seen.speaker, time.monotonic() - 4.0):
            self._kill_sound(0.5)  # after some stalls PulseAudio's null sink works once a second until it is reloaded
        if self._space_is_down:
            self._release()
        self._mic("back")
        if self.has_fault:
            self._fault("")
        self._resize(*ROOMY)
        self.seen.meddled.append((time.monotonic() - 1.0, time.monotonic() + 3.0))

    def _probe(self) -> None:
        """A question gets an audible answer, and the microphone is open or says why not."""
        self._go_home()
        if not self._until(self._reconnected, 30.0) and not self.terminal.is_gone():
            self._violate("not-back", f"30 s after everything was healed: {self._sentence()}")
            return
        if self._devices_elsewhere():
            self.skipped.append("devices chosen elsewhere")
        else:
            self._expect_answer()
            self._expect_microphone()
        self._expect_true_findings()

    def _go_home(self) -> None:
        """Out of every pane and text."""
        for _ in range(4):
            self._key("escape")
            time.sleep(0.35)

    def _reconnected(self) -> bool:
        look = self.screen.now
        if self._is_up(look):
            return True
        if time.monotonic() - self._asked_again_at > 5.0:
            self._asked_again_at = time.monotonic()
            self._key("r")
        return False

    _asked_again_at = 0.0

    def _is_up(self, look: Look) -> bool:
        return look.reply not in ("", "no-session") and "LOST" not in look.badge and "NO MIC" not in look.badge

    def _open_up(self) -> None:
        """Undo what a user may have chosen: mute, pause, loudspeaker off."""
        for _ in range(3):
            for words, key in (("MUTED", "m"), ("PAUSED", "space"), ("STAYS ON", "space")):
                if words in self.screen.now.badge:
                    self._key(key)
                    time.sleep(0.8)
        if self.screen.now.deafened:
            self._key("D")
        for _ in range(12):
            self._key("equals_sign")
        time.sleep(0.5)

    def _devices_elsewhere(self) -> bool:
        """Whether no sound is due: other devices were chosen, answers in text, or a session that only transcribes."""
        if any("vspk" not in path.read_text() for path in self.folder.rglob("devices.json")):
            return True
        return any(words in self.screen.text for words in ("output text", "only writing down"))

    def _expect_answer(self) -> None:
        for _ in range(3):
            self._until(lambda: self.screen.now.reply not in BUSY, 20.0)
            self._go_home()
            self._open_up()
            self._say_where("question")
            asked = time.monotonic()
            self._ask("What is twelve times seven?")
            if self._until(partial(self._is_heard, asked), 12.0):
                self._until(lambda: self.screen.now.reply not in BUSY, 20.0)
                return
            if not self._was_lost_since(asked):
                break
            self._until(self._reconnected, 30.0)
        look = self.screen.now
        if look.reply in ("failed", "incomplete", "no-answer", "cancelled-at-birth", "no-session"):
            self.skipped.append(f"the screen says why there is no answer: {look.reply}")
        elif self.server is not None and not spoken_responses(self._notes_since(asked)):
            kinds = [note[2] for note in self._notes_since(asked) if note[0] in ("client", "server")]
            self._violate("unanswered", f"{look.badge}, {look.reply}; at the server: {kinds}")
        else:
            for what in ("sinks", "sink-inputs", "source-outputs"):
                self._log.write(self.audio.tell("list", what) + "\n")
            self._violate("inaudible", f"the answer is not audible; the deck says {look.badge}, {look.reply}")

    def _expect_microphone(self) -> None:
        self._go_home()
        self._open_up()
        self._until(lambda: "TAIL" not in self.screen.now.badge, 20.0)  # what was kept leaves no faster than spoken
        self._say_where("microphone")
        text = self.screen.text
        by_key = "push-to-talk" in text or "STAYS ON" in text
        if by_key and self.screen.now.is_open:
            self._key("space")
            self._until(lambda: not self.screen.now.is_open, 1.0)
        if by_key:
            self.terminal.press_space()
        began = time.monotonic()
        if not self._until(lambda: self.screen.now.is_open, 6.0) and not self._was_lost_since(began):
            self._violate("mic-closed", f"nothing closes it: {self._sentence()}; {self._footer()}")
        else:
            since = time.monotonic()
            self._speak(0, 1.5)
            heard = self._until(lambda: self.server is None or self._arrived_since(since), 4.0)
            if not heard and not self._was_lost_since(began):
                self._violate("not-sent", f"no sound reaches the server: {self._sentence()}")
        if by_key:
            self._release()
        time.sleep(1.0)

    def _expect_true_findings(self) -> None:
        for _ in range(3):
            if "PROBLEMS" in self.screen.text:
                break
            self._key("f2")
            time.sleep(1.0)
        pane = self.screen.text
        self._log.write(pane + "\n")
        if "PROBLEMS" not in pane:
            self.skipped.append("no problems pane")
        for code in sorted(untrue(findings_on(pane), self.done)):
            self._violate("untrue-finding", f"{code} was caused by nothing in the walk")
        self._key("f2")

    def _quit(self, mark: str) -> None:
        if self.terminal.is_gone():
            return
        pids = marked(mark)
        keys = (b"q", b"q", b"\r", b"\x11") if self.plan["quit"] == "q q" else (b"\x11", b"\x11")
        if self.plan["quit"] == "q q":
            self._go_home()
        for key in keys:  # the last ones confirm; on a slow machine two q may come too late for one another
            if not self.terminal.is_gone():
                self.terminal.type(key)
                time.sleep(0.5)
        gone = self._until(self.terminal.is_gone, 2.0)
        left = left_after(mark, 2.0 + self.tolerance)
        if not gone and not self.terminal.is_gone():
            self._violate("not-ended", f"{self.plan['quit']} does not end it, the keyboard is at {self._footer()}")
        elif left:
            self._violate("left-behind", f"{list(left.values())} of {len(pids)} processes")

    def _look_for_secrets(self, written: bytes) -> None:
        (self.folder / "terminal.raw").write_bytes(written)
        texts = {"the screen": re.sub(r"\x1b\[[0-9;:?<>=]*[ -/]*[@-~]", "", written.decode(errors="replace"))}
        for path in self.folder.rglob("*"):
            if path.is_file() and path.suffix != ".pa" and path.name not in ("walk.log", "terminal.raw"):
                texts[path.name] = path.read_text(errors="replace")
        for name, text in texts.items():
            if KEY in text:
                self._violate("key-shown", f"in {name}: {_around(text, KEY)}")
            for sign in ("Traceback (most recent call last)", "defect in a", "Task exception was never"):
                if sign in text:
                    self._violate("traceback", f"in {name}: {_around(text, sign, 1500)}")
                    break

    # helpers
    @contextlib.contextmanager
    def _disturbing(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seen.disturbed.append((began, time.monotonic()))

    def _start_sound(self) -> None:
        self.audio.start()
        with contextlib.suppress(OSError, StopIteration):  # as sound servers have it, where it is allowed
            os.setpriority(os.PRIO_PROCESS, next(iter(marked(str(self.audio.socket.parent)))), -11)
        self._play(self._noise)

    def _speak(self, clip: int, seconds: float) -> None:
        self._play(self._clips[clip % len(self._clips)][: int(seconds * RATE)])

    def _play(self, sound: npt.NDArray[np.float32]) -> None:
        """Into the virtual microphone, beside everything else that plays there."""

        def play() -> None:
            with contextlib.suppress(OSError):  # the sound server was killed meanwhile
                self.audio.speak(sound).wait()

        threading.Thread(target=play, daemon=True).start()

    def _server_pid(self) -> int:
        if self.server is not None:
            return self.server.pid
        mark = str(self.folder / "state")
        return next((pid for pid, command in marked(mark).items() if "voicechat.local_server" in command), 0)

    def _was_lost_since(self, at: float) -> bool:
        """On a machine with too much to do sound devices are lost; the screen said so, and that is another matter.

        Or the sound server itself gives its recorder nothing: then nobody could hear or be heard.
        """
        if sound_pauses(self.seen.speaker, at):
            return True
        spans = state_spans(list(self.seen.looks), time.monotonic(), lambda look: "LOST" in look.badge)
        return any(end > at for _, end in spans)

    def _is_heard(self, since: float) -> bool:
        pieces = [(when, peak) for when, peak in list(self.seen.speaker) if when > since]
        return sum(end - begin for begin, end in loud_spans(pieces, LOUD)) > 0.3

    def _notes_since(self, at: float) -> list[list[object]]:
        assert self.server is not None
        return [note for note in self.server.notes() if float(str(note[1])) > at]

    def _arrived_since(self, at: float) -> bool:
        return any(note[0] == "heard" and float(str(note[2])) > 0.03 for note in self._notes_since(at))

    def _until(self, is_true: Callable[[], bool], seconds: float) -> bool:
        ends = time.monotonic() + seconds + 2.0 * self.tolerance
        while not is_true():
            if time.monotonic() > ends or (is_true != self.terminal.is_gone and self.terminal.is_gone()):
                return False
            time.sleep(0.1)
        return True

    def _sentence(self) -> str:
        """What the deck says on its left."""
        rows = self.screen.text.split("\n")
        place = next((y for y, row in enumerate(rows) if self.screen.now.badge in row), 1)
        return f"{self.screen.now.badge}, {' '.join(rows[max(0, place - 1)].split())[:160]}"

    def _footer(self) -> str:
        """The last row: which keys work."""
        return self.screen.text.rstrip().rpartition("\n")[2].strip()

    def _say_where(self, stage: str) -> None:
        look = self.screen.now
        self._log.write(f"{time.monotonic():.1f} {stage}  {look.badge} | {look.reply}\n")

    def _violate(self, kind: str, what: str) -> None:
        self.violations.append(Violation(kind, what, time.monotonic()))
        if not self.terminal.is_gone():
            self._log.write(f"{time.monotonic():.1f} VIOLATION {kind}: {what}\n{self.screen.text}\n")


def _around(text: str, sign: str, more: int = 200) -> str:
    place = text.find(sign)
    return text[max(0, place - 100) : place + more]


def sound_pauses(peaks: list[tuple[float, float]], since: float) -> list[tuple[float, float]]:
    """From when to when the recorder of the loudspeaker's monitor, which has nothing to do with us, got no sound."""
    kept = list(peaks)
    return [(a, b) for (a, _), (b, _) in pairwise(kept) if b >= since and b - a > PAUSE]


def _clips(folder: Path | None) -> list[npt.NDArray[np.float32]]:
    """Speech at 48 kHz: recordings, or a synthetic voice."""
    if folder is None:
        return [spoken(2.5, seed=seed) for seed in (1, 2, 3)]
    return [(read_wav(path) / 32768.0).astype(np.float32) for path in sorted(folder.glob("*.wav"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--tolerance", type=float, default=1.0)
    parser.add_argument("--clips", default="")
    options = parser.parse_args()
    plan: Plan = json.loads(options.plan.read_text())
    options.folder.mkdir(parents=True)
    began = time.monotonic()
    walk = Walk(plan, options.folder, options.tolerance, options.clips)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    walk.run()
    (options.folder / "plan.json").write_text(json.dumps(plan))
    violations = [
        {"kind": one.kind, "what": one.what, "step": max(0, sum(at <= one.at for at in walk.began) - 1)}
        for one in walk.violations
    ]
    kinds = Counter(step[0] for step in plan["steps"])
    result = {"violations": violations, "kinds": kinds, "skipped": walk.skipped, "seconds": time.monotonic() - began}
    for path in (options.result, options.folder / "result.json"):
        path.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
