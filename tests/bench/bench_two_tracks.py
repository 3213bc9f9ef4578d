"""Whether faults of turn taking are found in sound alone, and at the right time.

    python -m tests.bench.bench_two_tracks [--talks N] [--seed N] [--verbose]

Two-track conversations are made here out of the local voice, at random but repeatable: waits, interruptions, coughs
that are ignored and coughs that stop the assistant, talk-over, dead air, answers that begin in the middle of a
sentence; with room noise, other volumes, and in some an echo of the assistant. Planted faults are compared with those
that `diagnose` tells; `--verbose`: each one that was missed or made up.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tests.bench.bars import Figure, judge, options
from voicechat.insight.two_tracks import FRAME, SLOW, Moment, turn_taking
from voicechat.journal.tape_sound import levels_of
from voicechat.local_server.speech.voice import Voice

RATE = 24_000
Pcm = NDArray[np.float32]
ASKED = (
    "What time is it in Lisbon right now?",
    "Could you tell me how far it is to the station?",
    "I would like to change my booking to the day after tomorrow.",
    "Please add milk and bread to the list.",
    "How many people live in Norway?",
    "Read me the last message again.",
)
SAID = (
    "It is a quarter past nine there, one hour behind you, and the sun has been up for a while.",
    "The station is about two kilometres away, which takes you twenty five minutes on foot or six by tram.",
    "I have moved your booking. You will get a new confirmation by mail within the next few minutes.",
    "Norway has about five and a half million inhabitants, most of whom live near the southern coast.",
)
KINDS = ("fine", "fine", "fine", "cut in", "cough", "slow", "dead air", "false yield", "talk-over", "early")
FAULTS = ("wait", "dead air", "false yield", "talk-over", "early")


def trimmed(sound: Pcm) -> Pcm:
    """From the first to the last moment within 34 dB of the loudest."""
    frame = RATE // 100
    power = [float(np.sqrt(np.mean(sound[at : at + frame] ** 2))) for at in range(0, len(sound) - frame, frame)]
    heard = [place for place, level in enumerate(power) if level > max(power) * 0.02]
    whole: Pcm = sound[heard[0] * frame : (heard[-1] + 1) * frame]
    return whole


@cache
def clips() -> tuple[tuple[Pcm, ...], tuple[Pcm, ...]]:
    """The user's and the assistant's sentences, at `RATE`."""
    voice = Voice()
    made = [trimmed(np.concatenate(list(voice.speak(text))).astype(np.float32)) for text in (*ASKED, *SAID)]
    return tuple(made[: len(ASKED)]), tuple(made[len(ASKED) :])


@dataclass(slots=True)
class Talk:
    """One conversation that is being made."""

    chance: random.Random
    user: Pcm
    assistant: Pcm
    at: float = 1.0
    planted: list[Moment] = field(default_factory=list)

    def ask(self, at: float, sound: Pcm) -> float:
        put(self.user, at, sound)
        return at + len(sound) / RATE

    def answer(self, at: float, sound: Pcm, until: float = 1e9) -> float:
        """Played until it is over or cut."""
        whole = sound[: max(0, round((until - at) * RATE))]
        put(self.assistant, at, whole)
        return at + len(whole) / RATE

    def question(self) -> Pcm:
        return self.chance.choice(clips()[0])

    def reply(self) -> Pcm:
        return self.chance.choice(clips()[1])

    def noise(self) -> Pcm:
        """A cough: a burst of noise that rises fast and falls slowly."""
        count = round(self.chance.uniform(0.12, 0.4) * RATE)
        shape = np.minimum(1.0, np.arange(count) / (0.01 * RATE)) * np.exp(-np.arange(count) / (count * 0.5))
        burst = np.random.default_rng(self.chance.randrange(1 << 30)).normal(0.0, 0.2, count)
        made: Pcm = (burst * shape).astype(np.float32)
        return made


def is_pause(sound: Pcm, at: float) -> bool:
    """Whether nothing is heard in the 60 ms before a moment."""
    before = sound[max(0, round((at - 0.06) * RATE)) : round(at * RATE)]
    return bool(np.sqrt(np.mean(before**2)) < 0.2 * np.sqrt(np.mean(sound**2)))


def put(track: Pcm, at: float, sound: Pcm) -> None:
    first = round(at * RATE)
    track[first : first + len(sound)] += sound[: max(0, len(track) - first)]


def episode(talk: Talk, kind: str) -> None:
    """One exchange at `talk.at`, which moves on behind it."""
    chance, asked_at = talk.chance, talk.at
    sentence = talk.question()
    if kind == "early":
        half = len(sentence) // 2
        first = trimmed(sentence[:half])
        ended = talk.ask(asked_at, first)
        began = ended + chance.uniform(0.3, 0.9)
        resumed = began + chance.uniform(0.2, 0.5)
        over = talk.ask(resumed, trimmed(sentence[half:]))
        talk.answer(began, talk.reply(), until=resumed + chance.uniform(0.2, 0.5))
        talk.planted.append(Moment("early", began, resumed - began))
        talk.at = talk.answer(over + chance.uniform(0.4, 1.2), talk.reply()) + 1.5
        return
    ended = talk.ask(asked_at, sentence)
    if kind == "dead air":
        silence = chance.uniform(6.0, 8.0)
        talk.planted.append(Moment("dead air", ended, silence))
        talk.at = ended + silence
        return
    wait = chance.uniform(SLOW + 0.6, 4.2) if kind == "slow" else chance.uniform(0.3, 1.6)
    if kind == "slow":
        talk.planted.append(Moment("wait", ended, wait))
    began, reply = ended + wait, talk.reply()
    over = began + len(reply) / RATE
    into = began + chance.uniform(1.0, 1.8)
    if kind == "cut in":
        cut = into + chance.uniform(0.2, 0.7)
        talk.answer(began, reply, until=cut)
        ended = talk.ask(into, talk.question())
        talk.at = talk.answer(ended + chance.uniform(0.3, 1.2), talk.reply()) + 1.5
    elif kind == "false yield":
        cut = into + chance.uniform(0.2, 0.7)
        while is_pause(reply, cut - began):  # cut in a pause, nobody could hear that it was
            cut += 0.02
        talk.ask(into, talk.noise())
        talk.at = talk.answer(began, reply, until=cut) + chance.uniform(2.0, 3.0)
        talk.planted.append(Moment("false yield", into, 0.0))
    elif kind == "talk-over":
        ended = talk.ask(into, talk.question())
        talk.at = max(talk.answer(began, reply), ended) + 1.5
        talk.planted.append(Moment("talk-over", into, min(over, ended) - into))
        if over < ended:  # the words that came last are answered, so that nothing else is wrong
            talk.at = talk.answer(ended + 0.6, talk.reply()) + 1.5
    else:
        if kind == "cough":
            talk.ask(into, talk.noise())
        talk.at = talk.answer(began, reply) + chance.uniform(1.2, 2.5)


def conversation(seed: int) -> tuple[NDArray[np.int16], list[Moment]]:
    """int16[samples, 2] at `RATE`, and the faults in it."""
    chance = random.Random(seed)
    talk = Talk(chance, np.zeros(240 * RATE, np.float32), np.zeros(240 * RATE, np.float32))
    while talk.at < 150.0:
        episode(talk, chance.choice(KINDS))
    count = round((talk.at + 1.0) * RATE)
    user, assistant = talk.user[:count] * chance.uniform(0.25, 1.0), talk.assistant[:count] * chance.uniform(0.4, 1.0)
    if chance.random() < 0.3:  # an echo that is quieter than a voice, and later than the loudspeaker
        late = round(chance.uniform(0.05, 0.25) * RATE)
        user[late:] += assistant[:-late] * 10 ** (chance.uniform(-32.0, -24.0) / 20)
    hiss = np.random.default_rng(seed).normal(0.0, 1.0, count) * 10 ** (chance.uniform(-75.0, -55.0) / 20)
    both = np.stack([user + hiss, assistant], axis=1)
    return np.clip(both * 32767, -32768, 32767).astype(np.int16), talk.planted


def compared(planted: list[Moment], told: list[Moment]) -> tuple[Counter[str], list[float], list[str]]:
    """Counts of found, missed and false ones, errors in seconds, and what went wrong in words."""
    counts: Counter[str] = Counter()
    errors, words, left = [], [], list(told)
    for one in planted:
        near = [it for it in left if it.what == one.what and abs(it.at - one.at) < 0.5]
        if not near:
            counts["missed"] += 1
            words.append(f"missed {one.what} at {one.at:.2f}")
            continue
        hit = min(near, key=lambda it: abs(it.at - one.at))
        left.remove(hit)
        counts["found"] += 1
        errors.append(abs(hit.at - one.at))
    counts["false"] = len(left)
    return counts, errors, [*words, *(f"false {one.what} at {one.at:.2f} ({one.seconds:.2f} s)" for one in left)]


def main() -> int:
    given = options(__doc__, talks=40, seed=random.SystemRandom().randrange(1 << 30), verbose=False)
    total: Counter[str] = Counter()
    errors: list[float] = []
    for seed in range(given.seed, given.seed + given.talks):
        sound, planted = conversation(seed)
        told = turn_taking(*levels_of(sound, RATE, FRAME))
        faults = [one for one in told.moments if one.what in FAULTS and (one.what != "wait" or one.seconds > SLOW)]
        counts, late, words = compared(planted, faults)
        total += counts
        errors += late
        if given.verbose:
            print(seed, dict(counts), *words, sep="\n    ")
    planted_count, told_count = total["found"] + total["missed"], total["found"] + total["false"]
    shares = 100 * total["found"] / max(1, planted_count), 100 * total["false"] / max(1, told_count)
    figures = [
        Figure("planted faults that were missed", [100 - shares[0]], "%", "worst", 5.0),
        Figure("faults told that were none", [shares[1]], "%", "worst", 2.0),
        Figure("error of their times", [1000 * one for one in errors], "ms", "p95", 30.0),
    ]
    return judge(f"turn taking in {given.talks} talks from seed {given.seed}, {planted_count} faults", figures)


if __name__ == "__main__":
    sys.exit(main())
