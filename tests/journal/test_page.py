"""The page of a talk: whole without a script, alive with one, and deaf to whatever a stranger wrote into it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.chromium import BrowserError, Page, browser_page, find_browser
from tests.support.tapes import opening, told_tape, turn, typed
from voicechat.journal.markup import data_block, el
from voicechat.journal.page import as_page
from voicechat.journal.past_talk import read_talk

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
