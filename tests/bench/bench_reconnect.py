"""How soon a talk goes on when its line goes: a drop, a blackout, a network without UDP, the end of a session.

    python -m tests.bench.bench_reconnect [--quick] [--only drop,blackout,udp,roll-over,loss]

Our own server runs as a process, the client in this one, and a relay between them can lose packets or go dark. What is
typed is answered by the built-in guide; what is said comes from the built-in voice, as a sound file in the place of the
microphone, and what the server understood is compared with what its recogniser reads in the sound itself.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from tests.bench.bars import Figure, judge, options
from tests.bench.relayed_calls import RelayedCalls, relayed_calls
from tests.local_server.built_in_voice import Sound, engine, silence, spoken_words
from tests.support.lossy_relay import Network
from tests.support.tapes import write_wav
from tests.support.word_errors import word_error_rate
from voicechat.config.load import load_settings
from voicechat.core.events import AgainPressed, Event, TextEntered
from voicechat.core.state import State
from voicechat.engine.assemble import Talk
from voicechat.journal.entry import Entry
from voicechat.journal.secrets_scan import without_keys
from voicechat.local_server.spawn import start_local_server
from voicechat.local_server.speech import engine_is_missing

LOOK_EVERY = 0.005
LIMIT = 40.0
"""Seconds after which what is waited for counts as not happening."""


class Watched:
    """One conversation, and when what happened in it (monotonic seconds)."""

    def __init__(self, base_url: str, folder: Path, mic: Path | None = None, **more: object) -> None:
        environ = {**os.environ, "XDG_CACHE_HOME": str(folder), "XDG_STATE_HOME": str(folder)}
        flags = {"provider": "local", "base_url": base_url, "mic": str(mic or "none"), "speaker": "none", **more}
        self.happened: list[Entry] = []
        self.talk = Talk(load_settings(flags, environ), environ)
        self.talk.observers.add("benchmark", self.happened.append)

    @property
    def state(self) -> State:
        return self.talk.session.state

    def tell(self, event: Event) -> None:
        self.talk.session.tell(event)

    def times(self, name: str) -> list[float]:
        """When events of this type were seen, in either direction."""
        return [self.talk.started_at + one.t for one in self.happened if one.event.get("type") == name]

    def remembered(self) -> int:
        """Items of the old conversation that the server has confirmed."""
        kinds = ("conversation.item.added", "conversation.item.created")
        ids = {
            str(one.event.get("item", {}).get("id", ""))
            for one in self.happened
            if one.dir == "in" and one.event.get("type") in kinds
        }
        return sum(item_id.startswith("kept-") for item_id in ids)

    async def until(self, condition: Callable[[], object], limit: float = LIMIT) -> float:
        """The moment at which it is so; infinity if it never is."""
        ends = time.monotonic() + limit
        while time.monotonic() < ends:
            if condition():
                return time.monotonic()
            await asyncio.sleep(LOOK_EVERY)
        return float("inf")

    def is_ready(self, number: int = 1) -> bool:
        """A line of this number or later is up, its configuration in force."""
        state = self.state
        is_up = state.connection.phase == "open" and state.connection.number >= number
        return is_up and state.configuration.in_force_at is not None


@asynccontextmanager
async def talking(
    folder: Path, *, fault: str = "", network: Network | None = None, blocked: bool = False, **settings: object
) -> AsyncIterator[tuple[Watched, RelayedCalls]]:
    """A conversation that has begun, through the relay."""
    server = await start_local_server(without_keys(dict(os.environ)), fault=fault)
    try:
        async with relayed_calls(server.base_url, network) as calls:
            calls.is_udp_blocked = blocked
            watched = Watched(calls.base_url, folder, **settings)  # type: ignore[arg-type]
            try:
                await watched.talk.start()
                yield watched, calls
            finally:
                await watched.talk.close()
    finally:
        await server.stop()


def write(path: Path, sounds: list[Sound]) -> Path:
    """16 kHz sound as a WAV file."""
    pcm = np.clip(np.concatenate(sounds), -1.0, 1.0) * 32767
    return write_wav(path, pcm.astype(np.int16), 16_000)


QUESTION = "Tell me a long story."
SENTENCES = (
    "The train to the mountains leaves at eleven.",
    "My neighbour has painted her door blue.",
    "We bought seven apples and a loaf of bread.",
    "The children are playing in the garden.",
    "It will probably rain tomorrow morning.",
    "He forgot his umbrella on the bus.",
    "The library closes at six on Fridays.",
    "Nobody knows where the cat is sleeping.",
)
LOST = 0.5
"""Word errors from which a sentence counts as lost."""
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"

Take = Callable[[RelayedCalls], Awaitable[None]]


async def cut(take: Take, folder: Path) -> dict[str, float]:
    """Take the line away in the middle of an answer; seconds until it is noticed, replaced, and answers again."""
    mic = write(folder / "silence.wav", [silence(60.0)])
    async with talking(folder, mic=mic) as (talk, calls):
        await talk.until(talk.is_ready)
        for text in ("My name is Otto.", QUESTION):
            done = talk.state.conversation.completed
            talk.tell(TextEntered(text))
            if text is not QUESTION:
                await talk.until(lambda done=done: talk.state.conversation.completed > done)  # type: ignore[misc]
        await talk.until(lambda: talk.state.playback.is_audible)
        await asyncio.sleep(1.0)
        gone = time.monotonic()
        await take(calls)
        noticed = await talk.until(lambda: talk.state.connection.lost_at is not None)
        ready = await talk.until(lambda: talk.is_ready(2) and talk.state.microphone.is_open)
        creates = talk.state.responses.creates
        await asyncio.sleep(0.3)
        unasked = float(talk.state.responses.creates - creates)
        asked = time.monotonic()
        talk.tell(AgainPressed())
        heard = await talk.until(lambda: talk.state.playback.is_audible)
        told = float(len(talk.state.resumption.items))
        kept = talk.remembered()
    return {
        "noticed": noticed - gone,
        "ready": ready - gone,
        "again": heard - asked,
        "unasked": unasked,
        "forgotten": max(0.0, told - kept) if told >= 3 else 1.0,
    }


async def drop(calls: RelayedCalls) -> None:
    await calls.hang_up_all()


async def black_out(calls: RelayedCalls) -> None:
    calls.black_out()


async def without_udp(folder: Path) -> float:
    """Seconds from the start to the first sound of an answer, where no UDP passes."""
    began = time.monotonic()
    async with talking(folder, blocked=True) as (talk, _):
        talk.tell(TextEntered("What time is it?"))
        began = time.monotonic()
        heard = await talk.until(lambda: talk.state.playback.is_audible)
        is_socket = talk.state.connection.transport == "WebSocket"
    return heard - began if is_socket else float("inf")


async def roll_over(folder: Path, limit: float) -> dict[str, float]:
    """Somebody talks through the end of a session of `limit` seconds; what is understood, and how long nobody hears."""
    said = [SENTENCES[number % len(SENTENCES)] for number in range(round(limit / 3.0))]
    sounds = {text: spoken_words(text, before=0.1, after=0.0) for text in SENTENCES}
    mic = write(folder / "speech.wav", [silence(1.0), *(x for text in said for x in (sounds[text], silence(1.3)))])
    length = 1.0 + sum(len(sounds[text]) / 16_000 + 1.3 for text in said)
    async with talking(folder, fault=f"expires-after={limit:g}", mic=mic, output="text") as (talk, _):
        await talk.until(talk.is_ready)
        await asyncio.sleep(length + 4.0)
        completed = [one.event for one in talk.happened if one.event["type"] == _TRANSCRIBED]
        understood = [str(event.get("transcript", "")) for event in completed]
        wanted, up = talk.times("line.connecting")[1:], talk.times("mic.opened")
        lines = talk.state.connection.number
        expired = [one for one in talk.happened if one.dir == "in" and "session_expired" in str(one.event)]
    gaps = [min((at - left for at in up if at > left), default=float("inf")) for left in wanted]
    return {
        "sentences": float(len(said)),
        "lost": float(len(said) - found(said, understood)),
        "gap": max(gaps, default=float("inf")),
        "lines": float(lines),
        "expired": float(len(expired)),
    }


def found(said: list[str], understood: list[str]) -> int:
    """Sentences that were understood, each transcript used once and in its order; two may have become one."""
    heard, count = " ".join(understood).lower(), 0
    rest = heard.split()
    for text in said:
        wanted = engine_reads(text).split()
        spans = [
            (word_error_rate(" ".join(wanted), " ".join(rest[at : at + len(wanted)])), at) for at in range(len(rest))
        ]
        near = [span for span in spans[: 3 * len(wanted)] if span[0] <= LOST]
        if near:
            count += 1
            rest = rest[min(near)[1] + len(wanted) - 1 :]
    return count


def engine_reads(text: str) -> str:
    """What the recogniser makes of the sentence by itself."""
    return engine().recogniser.transcribe(spoken_words(text)).lower()


async def lossy(folder: Path, seconds: float) -> float:
    """Lines lost in so many seconds of 10 % loss of everything, each way."""
    async with talking(folder, network=Network(delay=0.03, jitter=0.01, loss=0.1, everything=True)) as (talk, _):
        await talk.until(talk.is_ready)
        first = talk.state.connection.number
        await asyncio.sleep(seconds)
        return float(talk.state.connection.number - first)


async def measured(only: list[str], *, quick: bool) -> list[Figure]:
    rounds = 1 if quick else 5
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, take in (("drop", drop), ("blackout", black_out)):
            if what in only:
                figures += cut_figures(what, [await cut(take, folder) for _ in range(rounds)])
        if "udp" in only:
            firsts = [await without_udp(folder) for _ in range(rounds)]
            figures.append(Figure("UDP blocked: first word through WebSocket", firsts, "s", "worst", 5.0))
        if "roll-over" in only:
            seen = [await roll_over(folder, 24.0 if quick else 60.0) for _ in range(1 if quick else 2)]
            figures += roll_figures(seen)
        if "loss" in only:
            lost = [await lossy(folder, 20.0 if quick else 600.0)]
            figures.append(Figure("10 % loss: lines given up by mistake", lost, "", "worst", 0.0))
    return figures


def cut_figures(what: str, seen: list[dict[str, float]]) -> list[Figure]:
    """A blackout is noticed first; what comes after it has the bar of a drop."""
    gone = [one["ready"] - (one["noticed"] if what == "blackout" else 0.0) for one in seen]
    since = "from the notice" if what == "blackout" else "from the drop"
    return [
        Figure(f"{what}: noticed", [one["noticed"] for one in seen], "s", "worst", 1.5),
        Figure(f"{what}: talking again, {since}", gone, "s", "worst", 1.5),
        Figure(f"{what}: first sound after r", [one["again"] for one in seen], "s"),
        Figure(f"{what}: items that were not kept", [one["forgotten"] for one in seen], "", "worst", 0.0),
        Figure(f"{what}: answers nobody asked for", [one["unasked"] for one in seen], "", "worst", 0.0),
    ]


def roll_figures(seen: list[dict[str, float]]) -> list[Figure]:
    return [
        Figure("roll-over: silence", [one["gap"] for one in seen], "s", "worst", 1.5),
        Figure("roll-over: sentences said", [one["sentences"] for one in seen]),
        Figure("roll-over: sentences lost", [one["lost"] for one in seen], "", "worst", 0.0),
        Figure("roll-over: sessions", [one["lines"] for one in seen]),
        Figure("roll-over: sessions that ran out", [one["expired"] for one in seen]),
    ]


def main() -> int:
    given = options(__doc__, quick=False, only="drop,blackout,udp,roll-over,loss")
    if missing := engine_is_missing():
        print(missing, file=sys.stderr)
        return 1
    return judge("Reconnecting", asyncio.run(measured(given.only.split(","), quick=given.quick)))


if __name__ == "__main__":
    sys.exit(main())
