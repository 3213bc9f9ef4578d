"""`--translate` through the whole chain: the real engine, a real local server, a real text endpoint."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from aiohttp import web

from tests.engine.conversing import conversing
from tests.support.command import KEY, environ_for, voicechat
from tests.support.local_server import local_server
from tests.translation.translating_server import TranslatingServer
from voicechat.exit_codes import DONE, USAGE
from voicechat.journal.past_talk import as_markdown, as_text, transcript_of
from voicechat.journal.rerun import last_state
from voicechat.journal.tape import read_tape

QUESTION = "What is twelve times seven?"
WORDS = {QUESTION: "Was ist zwölf mal sieben?"}


def arguments(talk: str, translate: str) -> tuple[str, ...]:
    there = ("--base-url", talk, "--translate", "de", "--translate-url", translate)
    return ("run", "--text", QUESTION, "--speaker", "none", *there)


async def test_a_run_ends_with_both_sides_translated_and_tells_what_it_used(tmp_path: Path) -> None:
    server = TranslatingServer(WORDS)
    async with server.serving() as url, local_server() as talk:
        folder = str(tmp_path / "tapes")
        ran = await voicechat(
            *arguments(talk.base_url, url), "--json", "--record", folder, environ=environ_for(tmp_path)
        )
    assert ran.code == DONE, ran.err
    yours, answer = ran.summary["transcript"]
    assert yours["translation"] == WORDS[QUESTION] and answer["translation"] == f"<{answer['text']}>"
    told = [line["event"] for line in ran.lines[:-1] if line["event"].get("type") == "translation"]
    assert {event["text"] for event in told} == {yours["translation"], answer["translation"]}
    assert ran.summary["translation"]["requests"] == 2 and ran.summary["translation"]["input_tokens"] == 120
    assert "usage" not in ran.summary or ran.summary["usage"]["input_tokens"].get("text", 0) != 120
    assert all(KEY not in json.dumps([asked.headers, asked.query, asked.body]) for asked in server.asked)
    tape = read_tape(next((tmp_path / "tapes").iterdir()))
    story = transcript_of(tape)
    assert [line.translation for line in story.lines if line.who != "note"] == [
        yours["translation"],
        answer["translation"],
    ]
    assert f"↳ {WORDS[QUESTION]}" in as_text(story) and "Was ist zwölf" in as_markdown(story)
    assert last_state(tape) is not None


async def test_plain_talk_says_a_translation_in_a_line_of_its_own(tmp_path: Path) -> None:
    server = TranslatingServer(WORDS)
    async with server.serving() as url, local_server() as talk:
        there = ("--base-url", talk.base_url, "--translate", "German", "--translate-url", url)
        process = await asyncio.create_subprocess_exec(
            *_command("--plain", "--speaker", "none", *there),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environ_for(tmp_path),
        )
        async with asyncio.timeout(40):
            out, _ = await process.communicate(f"{QUESTION}\n".encode())
    lines = out.decode().splitlines()
    assert process.returncode == DONE
    assert f"[you in German] {WORDS[QUESTION]}" in lines
    assert any(" in German] <" in line for line in lines), lines


async def test_a_hopeless_endpoint_costs_one_note_and_never_the_talk(tmp_path: Path) -> None:
    server = TranslatingServer(script=[web.Response(status=401) for _ in range(4)])
    async with server.serving() as url, local_server() as talk:
        ran = await voicechat(*arguments(talk.base_url, url), "--json", environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    assert len(ran.summary["transcript"]) == 2
    (note,) = [text for text in ran.summary["problems"] if text.startswith("Translation")]
    assert "wants a key (401)" in note and "VOICECHAT_TRANSLATE_KEY" in note


async def test_without_an_endpoint_nobody_is_called_and_one_sentence_says_what_is_missing(tmp_path: Path) -> None:
    for command in (("run", "--text", "Hello"), ("--plain", "--mic", "none")):
        ran = await voicechat(*command, "--translate", "de", environ=environ_for(tmp_path))
        assert ran.code == USAGE and "needs a text endpoint" in ran.err and "--translate-url" in ran.err
    ran = await voicechat("run", "--text", "Hello", "--translate", "12", environ=environ_for(tmp_path))
    assert ran.code == USAGE and "is not a language" in ran.err


async def test_a_program_gets_the_translations_with_its_transcript(tmp_path: Path) -> None:
    server = TranslatingServer(WORDS)
    async with server.serving() as url, local_server() as there:
        async with conversing(there.base_url, tmp_path, translate="de", translate_url=url) as talk:
            await talk.say(QUESTION)
            async with asyncio.timeout(10):
                while any(turn.translation is None for turn in talk.transcript() if turn.who != "note"):
                    await talk._next_change()
            assert talk.transcript()[0].translation == WORDS[QUESTION]


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "voicechat", *arguments]
