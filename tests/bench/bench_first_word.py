"""Is the first word kept, when somebody presses the key to talk, and when somebody talks over the assistant?

    python -m tests.bench.bench_first_word [--quick] [--offline] [--speech FOLDER] [--only CLIP] [--kind SITUATION]

First the whole chain from the microphone to the server's words, with an echo 6 dB below the voice, faster than real
time and the same in every run; then (not with `--offline`) a few of the clips through a real engine and its local
server. Recordings of people
come from FOLDER (or VOICECHAT_SPEECH); without them the local voice speaks alone. A first word counts as kept when it
is the one the recogniser reads in the clip by itself. Where it does not read that word again when the clip by itself
comes a little later or softer, a loss proves nothing: those clips are counted apart. Because a recogniser guesses well,
the samples are counted too: the share of the first 300 ms that arrives.

A press is also compared with a microphone that was open all along, for the same voice, processing, codec, turn and
recogniser: what that one loses no key could have kept. Both figures are shown; the bar of a press is on the second.
"""

from __future__ import annotations

import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench.bars import Figure, judge, options
from tests.bench.first_word_chain import Heard, barge_in, clean, open_mic, push_to_talk
from tests.bench.voices import SPEECH, local, read, transcripts
from tests.support.speech import Sound, silence
from tests.support.tapes import write_wav
from voicechat.audio.blocks import BLOCK, SAMPLE_RATE
from voicechat.audio.sound_format import resampled
from voicechat.config.settings import Settings
from voicechat.core.user_events import TalkPressed, TalkReleased, TextEntered
from voicechat.engine.host import EngineProcess
from voicechat.engine.link import Batch, FromEngine, Snapshot
from voicechat.local_server.speech import engine_is_missing
from voicechat.local_server.speech.engine import SpeechEngine, load_engine

PERIOD = 12.0
CUT_IN = 5.0
"""Seconds into a period: the answer, asked for at its start, has been audible for some 4 s."""
_DONE = "conversation.item.input_audio_transcription.completed"


class Engine:
    """An engine that hears a file; keeps what the server understood, with the time."""

    def __init__(self, mic: Path, turn_mode: str) -> None:
        self.texts: list[tuple[float, str]] = []
        self.is_ready = threading.Event()
        self._turn_mode = turn_mode
        self.process = EngineProcess(Settings(mic=str(mic), speaker="none", provider="local", turn_mode=turn_mode))

    def start(self) -> None:
        self.process.start(self._take)
        if not self.is_ready.wait(30.0):
            raise RuntimeError("the conversation did not begin within 30 s")

    def _take(self, message: FromEngine) -> None:
        match message:
            case Batch(rows=rows):
                for row in rows:
                    if row.type == _DONE and row.dir == "in":
                        self.texts.append((time.monotonic(), str(row.event.get("transcript", ""))))
            case Snapshot(view=view) if view.mic.is_on_air or view.mic.reason == "push-to-talk idle":
                self.is_ready.set()
            case _:
                pass

    def understood(self, since: float, until: float) -> str:
        return " ".join(text for at, text in self.texts if since <= at < until)


def live_barge_ins(clips: list[Clip]) -> list[tuple[Clip, str, str]]:
    """Each clip over an answer, hands-free: clip, what was special, what was understood."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(_file(Path(folder), clips, lead_in=0.0), "hands-free")
        try:
            engine.start()
            began = time.monotonic()
            for number in range(len(clips)):
                _sleep_until(began + number * PERIOD)
                engine.process.send(TextEntered("Tell me a story."))
            _sleep_until(began + len(clips) * PERIOD)
        finally:
            engine.process.close()
    spans = [(began + n * PERIOD + CUT_IN, began + (n + 1) * PERIOD) for n in range(len(clips))]
    return [(clip, "over an answer", engine.understood(*span)) for clip, span in zip(clips, spans, strict=True)]


def live_presses(clips: list[Clip], leads: tuple[float, ...]) -> list[tuple[Clip, str, str]]:
    """Each clip with the key pressed `lead` seconds before its first sound (negative: after it)."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(_file(Path(folder), clips, lead_in=1.0), "push-to-talk")
        try:
            engine.start()
            # The file begins to play when the microphone is first opened.
            began = time.monotonic()
            engine.process.send(TalkPressed("control", 5.0))
            _sleep_until(began + 0.5)
            engine.process.send(TalkReleased("control"))
            for number, clip in enumerate(clips):
                onset, lead = began + 1.0 + number * PERIOD + CUT_IN + clip.onset, leads[number % len(leads)]
                _sleep_until(onset - lead)
                engine.process.send(TalkPressed("control", 20.0))
                _sleep_until(onset + len(clip.sound) / SAMPLE_RATE + 0.1)
                engine.process.send(TalkReleased("control"))
                _sleep_until(onset - CUT_IN + PERIOD - 1.0)
                found.append((clip, f"lead {lead:+.2f}", engine.understood(onset, time.monotonic())))
        finally:
            engine.process.close()
    return found


def _file(folder: Path, clips: list[Clip], lead_in: float) -> Path:
    """A WAV in which each clip begins `CUT_IN` seconds into its period."""
    parts: list[Sound] = [silence(lead_in)]
    for clip in clips:
        after = PERIOD - CUT_IN - len(clip.sound) / SAMPLE_RATE
        parts += [silence(CUT_IN), clip.sound, silence(after)]
    sound = np.concatenate([*parts, silence(30.0)])
    noise = np.random.default_rng(1).standard_normal(len(sound)) * 0.0003
    pcm = (np.clip(sound + noise, -1, 1) * 32767).astype(np.int16)
    return write_wav(folder / "talker.wav", pcm, SAMPLE_RATE)


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))


COMMANDS = (
    "Stop.",
    "Wait a moment.",
    "No, tell me about the weather.",
    "Hold on, please.",
    "Five more minutes.",
    "Shorter, please.",
    "Thanks, that is enough.",
    "Help me with something else.",
    "Cancel that.",
    "What time is it?",
)
_AIR = round(0.06 * SAMPLE_RATE)
_LONGEST = 3.2
_GAP_BLOCKS = 12
"""120 ms without sound part two phrases."""
_SOUND_DB = 32.0
"""dB below the loudest block at which a recording is sound and not room."""


@dataclass(frozen=True)
class Clip:
    """`sound` is float32 at 48 kHz with an RMS of 0.1 while there is sound; its first sound begins at `onset` s."""

    name: str
    sound: Sound
    onset: float
    said: str = ""
    """Words known to be said in the recording, in order; it may begin before the clip. Empty where not known."""


def human_clips(folder: Path) -> list[Clip]:
    """Each recording from its beginning, and from every later phrase that is at least half a second long."""
    clips, texts = [], transcripts(folder)
    for path in sorted(folder.glob("*.wav")):
        sound, said = read(path), texts.get(path.stem, "")
        starts = phrase_starts(sound)
        clips += [_clip(f"{path.stem}@{start / 100:.1f}", sound[_from(start) :], said) for start in starts]
    return clips


def spoken_clips() -> list[Clip]:
    """Short commands, as somebody says them who wants the assistant to be quiet."""
    return [_clip(text, np.concatenate([np.zeros(12_000, np.float32), local(text)])) for text in COMMANDS]


def levels(sound: Sound) -> Sound:
    """dBFS of every 10 ms."""
    whole = sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return np.asarray(10 * np.log10(np.mean(whole**2, axis=1) + 1e-10), np.float32)


def phrase_starts(sound: Sound) -> list[int]:
    """Blocks at which something is said after at least 120 ms of quiet, and goes on for half a second and more."""
    is_sound = levels(sound) > levels(sound).max() - _SOUND_DB
    starts, quiet = [], _GAP_BLOCKS
    for block, loud in enumerate(is_sound):
        if loud and quiet >= _GAP_BLOCKS and is_sound[block : block + 50].sum() > 35:
            starts.append(block)
        quiet = 0 if loud else quiet + 1
    return starts


def _from(block: int) -> int:
    return max(0, block * BLOCK - _AIR)


def _clip(name: str, sound: Sound, said: str = "") -> Clip:
    loud = np.flatnonzero(levels(sound) > levels(sound).max() - _SOUND_DB)
    first = int(loud[0])
    sound = sound[_from(first) :][: int(_LONGEST * SAMPLE_RATE)]
    onset = min(first * BLOCK, _AIR) / SAMPLE_RATE
    active = levels(sound) > levels(sound).max() - _SOUND_DB
    power = np.mean(np.square(sound[: len(active) * BLOCK].reshape(-1, BLOCK)[active]))
    fade = np.ones(len(sound), np.float32)
    fade[-960:] = np.linspace(1.0, 0.0, 960)
    fade[:240] = np.linspace(0.0, 1.0, 240)
    return Clip(name, np.asarray(sound * fade * (0.1 / np.sqrt(power)), np.float32), onset, said)


ANSWER = (
    "There are many ways to look at this question. First of all, the weather in the mountains changes quickly, "
    "so take a coat with you. Secondly, remember that the last train leaves at eleven."
)
LEADS = (0.1, 0.0, -0.1, -0.25)
"""Seconds by which the key is earlier than the voice."""
OPEN = "open mic (to compare)"
BARS = {
    OPEN: 0.0,
    "barge-in": 0.9,
    "press, quiet": 1.0,
    "press over answer": 1.0,
    "barge-in, live": 0.9,
    "press, live": 1.0,
}
FIRST = 0.3
"""Seconds of the first word whose samples are followed."""
_NUMBERS = {
    str(number): word for number, word in enumerate("zero one two three four five six seven eight nine ten".split())
}


@dataclass
class Case:
    """One utterance in one situation."""

    kind: str
    clip: Clip
    wanted: str
    """The first word of the clip by itself."""
    detail: str
    text: str
    """What the server understood."""
    share: float | None = None
    """Of the first sound that arrived, 0 to 1; None where only the words are known."""
    always_open: str | None = None
    """What the server understood of a microphone that was open all along; None where there is nothing to compare."""

    @property
    def kept(self) -> bool:
        return self._is_kept(self.text)

    @property
    def can_be_kept(self) -> bool:
        """Whether an open microphone keeps it."""
        return self.always_open is None or self._is_kept(self.always_open)

    def _is_kept(self, text: str) -> bool:
        """Read as in the clip by itself, or better: as it was said, where the clip by itself is misread."""
        words = text.lower().replace(",", "").split()[:2]
        is_said = len(words) == 2 and f" {' '.join(words)} " in f" {self.clip.said} "
        return first_word(text) == self.wanted or (is_said and f" {self.wanted} " not in f" {self.clip.said} ")


def first_word(text: str) -> str:
    words = re.findall(r"[a-z0-9']+", text.lower())
    return _NUMBERS.get(words[0], words[0]) if words else ""


def reading(engine: SpeechEngine, clip: Clip) -> str:
    """The first word of the clip by itself; empty where the recogniser is not sure of it."""
    variants = (clip.sound, 0.5 * clip.sound, np.pad(clip.sound, (480, 0)), np.pad(clip.sound, (1_120, 0)))
    read = [first_word(clean(engine, np.asarray(sound, np.float32))) for sound in variants]
    return read[0] if len(set(read)) == 1 else ""


def share_arrived(clip: Clip, sent: Sound) -> float:
    """Share of the loud 20 ms pieces of the clip's first 300 ms that are found in what was sent, at 16 kHz."""
    near, heard = (resampled(sound, SAMPLE_RATE, 16_000) for sound in (clip.sound, sent))
    size = len(near) + len(heard)
    match = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(near, size)), size)
    lag = int(np.argmax(match[: len(heard)]))
    begin = int(clip.onset * 16_000)
    pieces = []
    for start in range(begin, min(begin + int(FIRST * 16_000), len(near) - 320), 320):
        part = near[start : start + 320]
        pieces.append((float(np.mean(part**2)), _likeness(part, heard[max(0, lag + start - 8) : lag + start + 328])))
    loud = [alike for power, alike in pieces if power > 1e-3 * max(power for power, _ in pieces)]
    return sum(alike > 0.5 for alike in loud) / len(loud) if loud else 0.0


def _likeness(part: Sound, heard: Sound) -> float:
    """Best correlation within half a millisecond; 0 where the level is 18 dB below the original's or lower."""
    best = 0.0
    for lag in range(0, len(heard) - len(part) + 1):
        other = heard[lag : lag + len(part)]
        energy = float(np.dot(other, other)), float(np.dot(part, part))
        if energy[0] > 0.016 * energy[1]:
            best = max(best, float(np.dot(part, other)) / (energy[0] * energy[1]) ** 0.5)
    return best


def situations(clips: list[Clip], far: Sound, quick: bool) -> Iterator[tuple[str, str, Clip, Callable[..., Heard]]]:
    """Kind, detail, clip and the run of it. Offsets are spread, so that each clip meets other words of the answer."""
    for number, clip in enumerate(clips):
        yield OPEN, "", clip, lambda engine, clip=clip: open_mic(engine, clip.sound)
        for turn in range(1 if quick else 3):
            at = 4.0 + 0.37 * ((number + 5 * turn) % 7) + 0.003 * turn
            yield (
                "barge-in",
                f"at {at:.2f}",
                clip,
                lambda engine, clip=clip, at=at, turn=turn, number=number: barge_in(
                    engine, clip.sound, clip.onset, far, at, number + turn
                ),
            )
        for lead in LEADS[number % 4 :: 4] if quick else LEADS:
            for kind, other in (("press, quiet", None), ("press over answer", far)):
                if other is not None and (quick and number % 2):
                    continue
                yield (
                    kind,
                    f"lead {lead:+.2f}",
                    clip,
                    lambda engine, clip=clip, lead=lead, other=other, number=number: push_to_talk(
                        engine, clip.sound, clip.onset, lead, other, 4.0 if other is not None else 1.2, number
                    ),
                )


def run(
    engine: SpeechEngine, clips: list[Clip], wanted: dict[str, str], far: Sound, quick: bool, only: str = ""
) -> list[Case]:
    """Every situation, offline."""
    cases = []
    always_open = {
        clip.name: push_to_talk(engine, clip.sound, clip.onset, None, None, 1.2, number).text
        for number, clip in enumerate(clips)
    }
    for kind, detail, clip, act in situations(clips, far, quick):
        if only not in kind:
            continue
        heard = act(engine)
        if heard.granted_after is not None and heard.voice_late is not None:
            detail += f", noticed {heard.voice_late:+.2f} s, granted {heard.granted_after:.2f} s"
        elif kind == "barge-in":
            detail += ", never granted"
        share = share_arrived(clip, heard.sent.astype(np.float32) / 32768.0)
        compared = always_open[clip.name] if kind.startswith("press") else None
        cases.append(Case(kind, clip, wanted[clip.name], detail, heard.text, share, compared))
    return cases


def run_live(clips: list[Clip], wanted: dict[str, str]) -> list[Case]:
    """The given clips over an answer and after a press, in real time."""
    found = [("barge-in, live", *one) for one in live_barge_ins(clips)]
    found += [("press, live", *one) for one in live_presses(clips, LEADS)]
    return [Case(kind, clip, wanted[clip.name], detail, text) for kind, clip, detail, text in found]


def figures(cases: list[Case]) -> Iterator[Figure]:
    """What was kept of each kind, in per cent of what an open microphone keeps; every lost word is printed."""
    for kind, bar in BARS.items():
        mine = [case for case in cases if case.kind == kind and case.wanted]
        if not mine:
            continue
        possible = [100.0 * case.kept for case in mine if case.can_be_kept]
        yield Figure(f"{kind}: kept", possible, "%", "mean", 100 * bar, is_floor=True)
        if len(possible) < len(mine):
            yield Figure("   with those that no open mic keeps", [100.0 * case.kept for case in mine], "%", "mean")
        arrived = [100 * case.share for case in mine if case.share is not None]
        if arrived:
            yield Figure("   samples that arrived", arrived, "%", "mean")
    unsure = sorted({case.clip.name for case in cases if not case.wanted})
    if unsure:
        print(f"  not counted, because the clip alone is not read alike every time: {', '.join(unsure)}")
    for case in cases:
        if case.wanted and not case.kept:
            print(f"  lost: {_lost(case)}")


def _lost(case: Case) -> str:
    """One lost word by name, and what else is known about it."""
    share = "" if case.share is None else f", samples {case.share:.2f}"
    compared = "" if case.always_open is None else f", open mic: '{case.always_open[:30]}'"
    detail = f" ({case.detail})" if case.detail else ""
    return f"{case.kind}: {case.clip.name}: '{case.wanted}' became '{case.text[:50]}'{share}{compared}{detail}"


def main() -> int:
    given = options(__doc__, quick=False, offline=False, speech=SPEECH, only="", kind="")
    if missing := engine_is_missing():
        print(missing, file=sys.stderr)
        return 1
    began = time.monotonic()
    engine = load_engine()
    people = human_clips(given.speech)
    clips = [*people, *spoken_clips()]
    clips = [clip for clip in clips if given.only in clip.name]
    far = local(ANSWER)
    far = np.asarray(far * (0.1 / np.sqrt(np.mean(far**2))), np.float32)[: len(far) // BLOCK * BLOCK]
    if not people:
        print("no recordings of people found (--speech FOLDER): the local voice speaks alone")
    wanted = {clip.name: reading(engine, clip) for clip in clips}
    cases = run(engine, clips, wanted, far, given.quick, given.kind)
    if not given.offline:
        known = [clip for clip in clips if wanted[clip.name]]
        cases += run_live(known[:: len(known) // (2 if given.quick else 6) or 1], wanted)
    return judge(f"first word kept, {len(clips)} clips, {time.monotonic() - began:.0f} s", figures(cases))


if __name__ == "__main__":
    sys.exit(main())
