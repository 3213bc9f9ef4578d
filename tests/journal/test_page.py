"""The page of a talk: whole without a script, alive with one, and deaf to whatever a stranger wrote into it."""

from __future__ import annotations

import io
import re
import tomllib
import wave
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.chromium import BrowserError, Page, browser_page, find_browser
from tests.support.tapes import RATE, opening, told_tape, turn, typed, write_sound
from voicechat.core.state import Cut, Turn
from voicechat.errors import TapeError
from voicechat.journal.export_sound import as_opus, levels, write_side
from voicechat.journal.markup import data_block, el
from voicechat.journal.page import as_page
from voicechat.journal.past_talk import (
    Transcript,
    TranscriptLine,
    as_markdown,
    as_subtitles,
    as_text,
    read_talk,
    transcript_of,
)

ROOT = Path(__file__).resolve().parents[2]
EVIL = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>\x1b[2J\u202e"
TALK = [
    *opening(),
    *turn(1, "What is new?", "Nothing much is new, and that is all there is to it.", cut=True),
    *turn(2, EVIL, EVIL),
    *typed(EVIL),
]


def browser_is_here() -> bool:
    try:
        find_browser()
    except BrowserError:
        return False
    return True


needs_browser = pytest.mark.skipif(not browser_is_here(), reason="Chromium is not installed")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The page of a talk with sound, as a file."""
    folder = tmp_path_factory.mktemp("talk")
    told_tape(folder / "tape", TALK, sound=True)
    file = folder / "talk.html"
    file.write_text(as_page(read_talk(folder / "tape")), encoding="utf-8")
    yield file


class Seen(HTMLParser):
    """Tags, and what could load something or run."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.scripts = 0
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]


def test_it_loads_nothing_and_markup_in_a_transcript_stays_text(page: Path) -> None:
    document = page.read_text(encoding="utf-8")
    seen = Seen(document)
    assert seen.scripts == 2
    assert not seen.handlers
    assert all(address.startswith(("#", "data:")) for address in seen.addresses)
    assert "\x1b" not in document and "\u202e" not in document
    assert "&lt;img src=x onerror=alert(1)&gt;" in document


def test_what_may_run_is_named_by_its_hash(page: Path) -> None:
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page.read_text(encoding="utf-8"))
    assert found is not None
    rules = found[1].replace("&#x27;", "'")
    assert rules.startswith("default-src 'none';")
    assert "unsafe" not in rules and "script-src 'sha256-" in rules and "http" not in rules


def test_its_colours_are_those_of_the_themes() -> None:
    style = (ROOT / "voicechat/journal/page.css").read_text(encoding="utf-8")
    blocks = style.split(":root")
    for name, block in (("daylight", blocks[1]), ("lamplight", blocks[2]), ("lamplight", blocks[3])):
        theme = tomllib.loads((ROOT / f"themes/{name}.toml").read_text(encoding="utf-8"))
        colors = theme["colors"] | theme["voicechat"]
        told = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        assert len(told) > 14
        assert told == {key: colors[key] for key in told}


def test_text_and_data_cannot_leave_their_place() -> None:
    assert el("p", "<b>&\"'", title='"><script>') == (
        '<p title="&quot;&gt;&lt;script&gt;">&lt;b&gt;&amp;&quot;&#x27;</p>'
    )
    assert "<" not in data_block({"x": "</script><!--\u2028"})


def test_a_talk_without_sound_says_so_and_has_no_player(tmp_path: Path) -> None:
    document = as_page(read_talk(told_tape(tmp_path, TALK[:20]).folder))
    assert "no sound was recorded" in document
    assert "<audio" not in document


async def a_click_on_a_turn_plays_there_and_marks_it(shown: Page) -> None:
    starts = await shown.run("[...document.querySelectorAll('.turn')].map(one => Number(one.dataset.a))")
    await shown.until("document.getElementById('sound').readyState >= 1")
    assert abs(await shown.run("document.getElementById('sound').duration") - 8.3) < 0.3
    await shown.run("document.querySelectorAll('.turn')[3].click()")
    await shown.until(f"document.getElementById('sound').currentTime > {starts[3]}")
    await shown.until("document.querySelectorAll('.turn')[3].classList.contains('now')")
    await shown.run("document.getElementById('play').click()")
    await shown.until("document.getElementById('sound').paused")
    assert await shown.run("document.title") != "taken"


async def events_are_filtered_unfolded_and_led_to(shown: Page) -> None:
    visible = "[...document.querySelectorAll('.row')].filter(one => !one.hidden).length"
    assert await shown.run(visible) > 20
    await shown.run(
        "(() => { const f = document.getElementById('filter'); f.value = 'speech_started -dir:out';"
        " f.dispatchEvent(new Event('input')); })()"
    )
    assert await shown.run(visible) == 2
    await shown.run("document.querySelector('.row:not([hidden])').click()")
    assert '"audio_start_ms": 5000' in await shown.run("document.querySelector('.row pre').textContent")
    await shown.run("document.querySelector('.chip[data-filter=\"dir:local\"]').click()")
    assert await shown.run(visible) == 0


async def the_timeline_zooms_and_a_click_in_it_goes_there(shown: Page) -> None:
    width = "Number(document.getElementById('timeline').getAttribute('width'))"
    before = await shown.run(width)
    await shown.run("document.getElementById('in').click()")
    assert await shown.run(width) > before * 1.5
    await shown.run(
        "(() => { const it = document.getElementById('timeline'), box = it.getBoundingClientRect();"
        " it.dispatchEvent(new MouseEvent('click', { clientX: box.left + box.width / 2, bubbles: true })); })()"
    )
    await shown.until("Math.abs(document.getElementById('sound').currentTime - 4.2) < 0.3")


async def nothing_is_wider_than_the_window(shown: Page) -> None:
    for width in (1280, 390):
        for scheme in ("light", "dark"):
            await shown.sized(width, 844, scheme)
            assert await shown.run("document.documentElement.scrollWidth") == width


async def without_scripts_the_transcript_is_there(shown: Page) -> None:
    told = await shown.ask("DOM.getDocument", depth=-1)
    assert "What is new?" in str(told) and "not heard: " in str(told)


@needs_browser
async def test_the_page_works_in_a_browser_without_a_complaint_or_a_request(page: Path) -> None:
    acts = (
        a_click_on_a_turn_plays_there_and_marks_it,
        events_are_filtered_unfolded_and_led_to,
        the_timeline_zooms_and_a_click_in_it_goes_there,
        nothing_is_wider_than_the_window,
        without_scripts_the_transcript_is_there,
    )
    async with browser_page(page.as_uri()) as shown:
        for act in acts:
            await shown.ask(
                "Emulation.setScriptExecutionDisabled", value=act is without_scripts_the_transcript_is_there
            )
            await shown.open(page.as_uri())
            await act(shown)
            assert (shown.complaints, shown.requests) == ([], []), act.__name__


# Markdown, text and subtitles say what was said, and nobody's words become markup


def story(*lines: TranscriptLine) -> Transcript:
    return Transcript("a talk", "2026-11-21T10:00:00+00:00", "openai", "some-model", "marin", 75.0, lines)


def line(who: Any, t: float, until: float, text: str, heard: int, **more: Any) -> TranscriptLine:
    return TranscriptLine(Turn("t1", who, t, text=text, **more), t, until, heard)


CUT = line("assistant", 3.0, 5.5, "You can say *this* or that.", 18, cut=Cut("barge-in", 1.2), latency=0.41)


def test_the_unheard_part_is_struck_in_markdown_and_bracketed_in_text() -> None:
    assert r"You can say \*this\* ~~or that.~~".replace("  ", " ") in as_markdown(story(CUT)).replace("  ", " ")
    assert "You can say *this*" in as_text(story(CUT))
    assert "[not heard: or that.] (cut by barge-in, after 0.41 s)" in as_text(story(CUT))


def test_words_that_look_like_markdown_stay_words() -> None:
    told = as_markdown(story(line("you", 0.0, 1.0, "# [x](http://y) <script>", 24)))
    assert "\\# \\[x\\](http://y) \\<script\\>" in told


def test_subtitles_have_numbers_times_and_both_sides_without_unheard_text() -> None:
    you = line("you", 1.25, 2.9996, "Hello\nthere", 11)
    told = as_subtitles(story(you, CUT, line("note", 7.0, 7.0, "The connection was lost.", 18)))
    assert told.startswith("1\n00:00:01,250 --> 00:00:03,000\nYou: Hello there\n\n2\n00:00:03,000 --> ")
    assert "or that" not in told and "line was lost" not in told


def test_tools_tell_what_they_were_asked_and_why_they_failed() -> None:
    call = line("tool", 2.0, 2.4, "get_weather", 11, detail='{"city": "Oslo"}  →  sun', failed="timeout")
    assert 'get_weather {"city": "Oslo"}  →  sun (failed: timeout)' in as_text(story(call))
    assert "`get_weather`" in as_markdown(story(call))


def test_the_head_names_model_voice_and_length() -> None:
    assert as_text(story()).startswith("a talk · 2026-11-21T10:00:00+00:00 · openai some-model marin · 1:15 min")


def test_a_long_answer_is_told_in_subtitles_that_can_be_read() -> None:
    words = " ".join(["an answer of many words"] * 12)
    lines = as_subtitles(story(line("assistant", 3590.0, 3620.0, words, len(words)))).splitlines()
    assert "01:00:00,000" <= lines[-3][:12] and max(map(len, lines)) <= 60
    assert sum("-->" in line for line in lines) > 3


# A tape is told as who said what, when, and how much of it was heard


ANSWER = "Nothing much is new, and that is all there is to it."


def test_a_cut_answer_is_split_where_it_was_heard(tmp_path: Path) -> None:
    story = transcript_of(told_tape(tmp_path, [*opening(), *turn(1, "What is new?", ANSWER, cut=True)]))
    you, answer = story.lines
    assert (you.turn.who, you.turn.text, you.heard) == ("you", "What is new?", len("What is new?"))
    assert answer.cut_by == "barge-in"
    assert answer.said + answer.unheard == ANSWER
    assert answer.said and answer.unheard


def test_times_are_those_of_the_sound(tmp_path: Path) -> None:
    tape = told_tape(tmp_path, [*opening(), *turn(1, "Hello", "Hi.")])
    you, answer = transcript_of(tape).lines
    audible = next(entry.t for entry in tape.entries() if entry.data.get("type") == "assistant.audible")
    assert answer.t == audible
    assert you.t < you.until < answer.t < answer.until
    assert answer.turn.latency is not None and abs(answer.turn.latency - (audible - you.until)) < 1e-6


def test_speech_of_which_nothing_was_understood_is_told(tmp_path: Path) -> None:
    story = transcript_of(told_tape(tmp_path, [*opening(), *turn(1, "", "I did not hear you.")]))
    assert [line.turn.who for line in story.lines] == ["you", "assistant"]
    assert "You:       …" in as_text(story)
    assert "You:" not in as_subtitles(story)


def test_an_empty_tape_is_an_empty_story(tmp_path: Path) -> None:
    assert transcript_of(told_tape(tmp_path, [])).lines == ()


# The sound of a tape can be split, drawn, and made small


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Four seconds: you, the assistant, you, the assistant."""
    write_sound(tmp_path / "audio.wav", 4.0)
    return tmp_path / "audio.wav"


@pytest.mark.parametrize(("side", "sounds"), [("you", (0, 2)), ("assistant", (1, 3))])
def test_a_side_alone_has_only_that_voice(recorded: Path, side: str, sounds: tuple[int, ...]) -> None:
    out = io.BytesIO()
    write_side(recorded, "you" if side == "you" else "assistant", out)
    out.seek(0)
    with wave.open(out) as made:
        assert (made.getnchannels(), made.getframerate(), made.getnframes()) == (1, RATE, 4 * RATE)
        samples = np.frombuffer(made.readframes(4 * RATE), "<i2")
    loud = tuple(second for second in range(4) if np.abs(samples[second * RATE : (second + 1) * RATE]).max() > 1000)
    assert loud == sounds


def test_levels_follow_the_voices(recorded: Path) -> None:
    drawn = levels(recorded, 0.05)
    assert len(drawn.you) == len(drawn.assistant) == 80
    assert all(drawn.you[:20]) and not any(drawn.you[21:40])
    assert not any(drawn.assistant[:20]) and all(drawn.assistant[21:40])


def test_opus_is_small_as_long_as_the_talk_and_keeps_the_sides_apart(recorded: Path) -> None:
    import av

    raw = as_opus(recorded)
    assert len(raw) < recorded.stat().st_size / 6
    with av.open(io.BytesIO(raw)) as container:
        resampler = av.AudioResampler("s16", "stereo", 48_000)
        frames = [one for frame in container.decode(audio=0) for one in resampler.resample(frame)]
    sound = np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in frames])
    assert abs(len(sound) / 48_000 - 4.0) < 0.1
    first, second = sound[12_000:36_000], sound[60_000:84_000]
    assert np.abs(first[:, 0]).mean() > 10 * np.abs(first[:, 1]).mean()
    assert np.abs(second[:, 1]).mean() > 10 * np.abs(second[:, 0]).mean()


def test_what_is_no_sound_of_a_tape_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "audio.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(TapeError, match="cannot be read as sound"):
        levels(tmp_path / "audio.wav")
