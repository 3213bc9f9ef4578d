"""Finished lines against a real HTTP server that is slow, busy, broken, silent or talks nonsense."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from tests.support.each import each
from tests.support.event_rows import noted_in
from tests.support.service import listening
from voicechat.core.events import SideNoted, TurnTranslated
from voicechat.core.view import TurnView
from voicechat.journal.entry import Entry
from voicechat.translation.backlog import MOST_WAITING
from voicechat.translation.options import Endpoint, TranslationOptions
from voicechat.translation.translator import LARGEST, MOST_TRIES, SAME, WAITS, TranslationClient, Translator

Reply = Callable[["Asked"], web.StreamResponse]


@dataclass(frozen=True, slots=True)
class Asked:
    path: str
    line: str
    headers: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]


def chat(text: object, prompt: int = 60, completion: int = 9) -> web.Response:
    """What a chat-completions endpoint answers."""
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return web.json_response({"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage})


def responses(text: str) -> web.Response:
    """What a responses endpoint answers: its thoughts first."""
    said = {"type": "message", "content": [{"type": "output_text", "text": text}]}
    usage = {"input_tokens": 50, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 20}}
    return web.json_response({"output": [{"type": "reasoning", "summary": []}, said], "usage": usage})


@dataclass
class TranslatingServer:
    """`script` is used up first, an answer a request; None there means: as usual."""

    words: dict[str, str] = field(default_factory=dict)
    script: list[web.Response | str | None] = field(default_factory=list)
    """`hang`: that request is not answered before `release`."""
    kinds: Sequence[str] = ("chat/completions",)
    models: Sequence[str] = ("bge-m3", "qwen3")
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    _running: int = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Yields the base URL, with /v1."""
        async with listening(self._handle) as url:
            try:
                yield f"{url}/v1"
            finally:
                self.release.set()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/v1/models":
            return web.json_response({"data": [{"id": name} for name in self.models]})
        body = await request.json()
        line = str(body["input"] if "input" in body else body["messages"][-1]["content"])
        kept = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.path, line, kept, dict(request.query), body))
        self.arrived.set()
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        try:
            return await self._answer(request.path, line)
        finally:
            self._running -= 1

    async def _answer(self, path: str, line: str) -> web.StreamResponse:
        if not path.removeprefix("/v1/").startswith(tuple(self.kinds)):
            return web.json_response({"error": {"message": "no such place"}}, status=404)
        scripted = self.script.pop(0) if self.script else None
        if scripted == "hang":
            await self.release.wait()
            return web.Response(status=503)
        if isinstance(scripted, web.Response):
            return scripted
        text = scripted if isinstance(scripted, str) else self.words.get(line, f"<{line}>")
        return responses(text) if path.endswith("responses") else chat(text)

    @property
    def lines(self) -> list[str]:
        return [asked.line for asked in self.asked]


# Finished lines against a real HTTP server that is slow, busy, broken, silent or talks nonsense


KEY = "sk-of-the-translator"


def you(number: int, text: str = "") -> TurnView:
    return TurnView(f"t{number}", "you", text=text or f"This is line number {number} of the talk.")


def assistant(number: int, text: str) -> TurnView:
    return TurnView(f"t{number}", "assistant", text=text)


@dataclass
class Desk:
    """A translator, its transcript, and what it told."""

    translator: Translator
    turns: list[TurnView] = field(default_factory=list)
    told: list[TurnTranslated | SideNoted] = field(default_factory=list)
    happened: list[Entry] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, *turns: TurnView) -> None:
        """These turns are in the transcript now."""
        self.turns += turns
        self.translator.look()

    @property
    def texts(self) -> dict[str, str]:
        """Turn -> translation, in the order in which they came."""
        return {event.key: event.text for event in self.told if isinstance(event, TurnTranslated)}

    @property
    def whys(self) -> dict[str, str]:
        return {event.key: event.why for event in self.told if isinstance(event, TurnTranslated)}

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, SideNoted)]

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not is_so():
                self.news.clear()
                await self.news.wait()

    async def until_told(self, count: int) -> None:
        """So many turns have their translation, or will have none."""
        await self.until(lambda: len(self.texts) >= count)


@asynccontextmanager
async def desk_at(
    url: str, *, limit: float = 10.0, endpoint: Endpoint | None = None, turns: Sequence[TurnView] = ()
) -> AsyncIterator[Desk]:
    at = endpoint or Endpoint(f"{url}/chat/completions", f"{url}/responses", f"{url}/models", "m", KEY)
    wish = TranslationOptions("German", at)
    clock = itertools.count()

    async def pause(seconds: float) -> None:
        desk.waits.append(seconds)
        await asyncio.sleep(0)

    def tell(event: TurnTranslated | SideNoted) -> None:
        desk.told.append(event)
        desk.news.set()

    happened: list[Entry] = []
    translator = Translator(
        wish,
        lambda: tuple(desk.turns),
        tell,
        lambda: float(next(clock)),
        noted_in(happened),
        client=TranslationClient(wish, limit=limit),
        pause=pause,
    )
    desk = Desk(translator, list(turns), happened=happened)
    translator.start()
    try:
        yield desk
    finally:
        await translator.close()


async def translated(server: TranslatingServer, *turns: TurnView, **more: Any) -> Desk:
    """What becomes of turns that are said one after the other."""
    async with server.serving() as url, desk_at(url, **more) as desk:
        desk.say(*turns)
        await desk.until_told(len(desk.turns))
    return desk


async def test_lines_of_both_sides_are_translated_beneath_their_turns() -> None:
    server = TranslatingServer({"Good morning.": "Guten Morgen.", "Hello!": "Hallo!"})
    desk = await translated(server, you(1, "Good morning."), assistant(2, "Hello!"))
    assert desk.texts == {"t1": "Guten Morgen.", "t2": "Hallo!"} and not desk.notes
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


async def test_the_transcript_is_looked_at_by_itself_and_a_cut_answer_translated_as_heard() -> None:
    server = TranslatingServer()
    cut = replace(assistant(1, "The train leaves"), rest=" at noon.", cut_by="barge-in")
    desk = await translated(server, turns=[cut])
    assert server.lines == ["The train leaves"] and desk.texts == {"t1": "<The train leaves>"}


async def test_a_line_in_that_language_already_is_left_alone() -> None:
    server = TranslatingServer(script=[SAME])
    desk = await translated(server, you(1, "Guten Morgen."))
    assert desk.texts == {"t1": ""} and desk.whys == {"t1": "same"} and not desk.notes


async def test_one_request_at_a_time_for_each_side_and_results_in_order() -> None:
    server = TranslatingServer()
    async with server.serving() as url, desk_at(url) as desk:
        desk.say(*(you(number) for number in range(6)))
        await desk.until_told(6)
    assert list(desk.texts) == [f"t{number}" for number in range(6)] and server.most_at_once == 1


async def test_a_slow_answer_for_one_side_holds_up_only_that_side() -> None:
    server = TranslatingServer(script=["hang"])
    async with server.serving() as url, desk_at(url) as desk:
        desk.say(you(1))
        await asyncio.wait_for(server.arrived.wait(), 10)
        desk.say(assistant(2, "One moment, please."))
        await desk.until_told(1)
        assert list(desk.texts) == ["t2"]


async def test_when_it_cannot_keep_up_short_old_lines_are_left_out_with_one_word() -> None:
    server = TranslatingServer(script=["hang"])
    async with server.serving() as url, desk_at(url) as desk:
        desk.say(you(0))
        await asyncio.wait_for(server.arrived.wait(), 10)
        desk.say(*(you(number, "yes" if number in (3, 5) else "") for number in range(1, MOST_WAITING + 5)))
        await desk.until(lambda: len([why for why in desk.whys.values() if why == "dropped"]) == 4)
        assert [key for key, why in desk.whys.items() if why == "dropped"] == ["t3", "t5", "t1", "t2"]
        assert len(desk.notes) == 1 and "cannot keep up" in desk.notes[0]


@each("status", [500, 502, 503])
async def test_a_server_that_fails_is_asked_once_more(status: int) -> None:
    server = TranslatingServer(script=[web.Response(status=status)])
    desk = await translated(server, you(1, "Good morning."))
    assert desk.texts == {"t1": "<Good morning.>"} and server.lines == ["Good morning."] * 2
    assert not desk.notes and not desk.waits


async def test_a_failing_server_is_noted_once_and_asked_less_and_less() -> None:
    server = TranslatingServer(script=[web.Response(status=500) for _ in range(8)])
    async with server.serving() as url, desk_at(url) as desk:
        desk.say(*(you(number) for number in range(5)))
        await desk.until_told(5)
    assert list(desk.whys.values()) == ["failed"] * 4 + [""]
    assert len(desk.notes) == 1 and "failed (500)" in desk.notes[0]
    assert desk.waits[:4] == list(WAITS[:4])


async def test_a_hanging_server_is_given_up_after_the_limit_twice() -> None:
    server = TranslatingServer(script=["hang", "hang"])
    desk = await translated(server, you(1), you(2), limit=0.05)
    assert desk.whys == {"t1": "failed", "t2": ""} or desk.whys == {"t1": "failed", "t2": "failed"}
    assert server.lines[:2] == [you(1).text] * 2 and "did not answer within" in desk.notes[0]


async def test_a_busy_service_is_asked_again_when_it_says_so_and_no_line_is_lost() -> None:
    busy = [web.Response(status=429, headers={"Retry-After": "7"}), web.Response(status=429)]
    server = TranslatingServer(script=[*busy])
    desk = await translated(server, you(1, "Good morning."))
    assert desk.texts == {"t1": "<Good morning.>"} and desk.waits == [7.0, WAITS[1]]
    assert len(desk.notes) == 1 and "429" in desk.notes[0]


async def test_a_service_that_stays_busy_gets_no_line_for_ever() -> None:
    server = TranslatingServer(script=[web.Response(status=429) for _ in range(MOST_TRIES)])
    desk = await translated(server, you(1), you(2, "Good morning."))
    assert desk.whys == {"t1": "failed", "t2": ""} and len(server.asked) == MOST_TRIES + 1
    assert desk.waits == list(WAITS[:MOST_TRIES]) and len(desk.notes) == 1


@pytest.mark.parametrize(
    ("status", "word"), [(401, "refuses the key"), (403, "refuses the key"), (402, "paid"), (307, "elsewhere")]
)
async def test_what_cannot_work_is_said_once_and_nobody_is_asked_again(status: int, word: str) -> None:
    headers = {"Location": "http://127.0.0.1:1/v1/chat/completions"} if status == 307 else {}
    body = f"Incorrect API key provided: {KEY}"
    server = TranslatingServer(script=[web.Response(status=status, headers=headers, text=body)])
    async with server.serving() as url, desk_at(url) as desk:
        desk.say(you(1), you(2), assistant(3, "Hello there."))
        await desk.until_told(3)
        desk.say(you(4))
        await desk.until_told(4)
    assert set(desk.texts.values()) <= {"", "<Hello there.>"} and desk.whys["t4"] == "failed"
    assert len(desk.notes) == 1 and word in desk.notes[0] and KEY not in desk.notes[0]
    assert len(server.asked) <= 2  # the other side may have been under way


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(text="<html>"),
        lambda: web.Response(body=b"\xff\xfe{"),
        lambda: web.json_response({"choices": "none"}),
        lambda: chat("lost " * 4_000),
        lambda: web.Response(body=b" " * (LARGEST * 4)),
    ],
    ids=["page", "bytes", "shape", "long", "huge"],
)
async def test_nonsense_is_asked_for_once_more_then_noted_once(answer: Callable[[], web.Response]) -> None:
    server = TranslatingServer(script=[answer(), answer(), answer(), answer()])
    desk = await translated(server, you(1), you(2), you(3, "Good morning."))
    assert desk.whys == {"t1": "failed", "t2": "failed", "t3": ""}
    assert len(desk.notes) == 1 and "did not translate" in desk.notes[0]


async def test_a_responses_endpoint_is_found_once_and_an_address_without_either_kind_named() -> None:
    server = TranslatingServer({"Good morning.": "Guten Morgen."}, kinds=("responses",))
    desk = await translated(server, you(1, "Good morning."), you(2, "Good evening."))
    assert desk.texts["t1"] == "Guten Morgen." and not desk.notes
    assert [asked.path for asked in server.asked] == ["/v1/chat/completions", "/v1/responses", "/v1/responses"]
    desk = await translated(TranslatingServer(kinds=("elsewhere",)), you(1))
    assert desk.whys == {"t1": "failed"} and "--translate-url" in desk.notes[0] and "404" in desk.notes[0]


async def test_a_server_that_is_not_there_is_said_in_one_note() -> None:
    async with desk_at("http://127.0.0.1:9/v1") as desk:
        desk.say(you(1), you(2))
        await desk.until_told(2)
    assert len(desk.notes) == 1 and "127.0.0.1:9 cannot be reached" in desk.notes[0]


async def test_a_server_on_this_machine_is_asked_for_a_model_that_can_chat() -> None:
    server = TranslatingServer()
    async with server.serving() as url:
        at = Endpoint(f"{url}/chat/completions", f"{url}/responses", f"{url}/models")
        async with desk_at(url, endpoint=at) as desk:
            desk.say(you(1))
            await desk.until_told(1)
    assert server.asked[0].body["model"] == "qwen3" and "authorization" not in server.asked[0].headers


async def test_azure_and_gateways_get_what_they_want_and_where() -> None:
    server = TranslatingServer()
    async with server.serving() as url:
        at = Endpoint(f"{url}/chat/completions", "", "", "m", KEY, "api-key", {"X-Gateway": "g"}, {"api-version": "v"})
        async with desk_at(url, endpoint=at) as desk:
            desk.say(you(1))
            await desk.until_told(1)
    asked = server.asked[0]
    assert asked.headers["api-key"] == KEY and asked.headers["x-gateway"] == "g" and asked.query == {"api-version": "v"}
    assert "authorization" not in asked.headers


async def test_every_request_that_was_paid_for_is_told() -> None:
    server = TranslatingServer(script=[SAME, chat("lost " * 4_000), None])
    desk = await translated(server, you(1), you(2))
    used = [entry.event for entry in desk.happened]
    assert [event["type"] for event in used] == ["translation.used"] * 3
    assert used[0]["usage"]["input_tokens"] == 60 and used[0]["model"] == "m"
    assert KEY not in repr(used)


# R24 by construction: who translates cannot even name what makes sound or asks for answers


ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = ("voicechat.core.effects", "voicechat.core.step", "voicechat.core.rules", "voicechat.engine.session")
ROOMS = ("voicechat.audio", "voicechat.rtc", "voicechat.engine", "voicechat.local_server", "voicechat.ui")


def modules_after(module: str) -> set[str]:
    probe = f"import {module}, sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_translator_never_loads_effects_rules_sound_or_lines() -> None:
    loaded = modules_after("voicechat.translation.translator")
    assert "voicechat.core.events" in loaded
    assert not [name for name in loaded if name.startswith((*FORBIDDEN, *ROOMS))]


@pytest.mark.parametrize("module", ["voicechat.translation.options", "voicechat.translation.backlog"])
def test_what_the_screen_needs_of_it_is_light(module: str) -> None:
    assert not modules_after(module) & {"aiohttp", "numpy", "textual", "aiortc"}
