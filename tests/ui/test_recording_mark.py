"""Whoever is recorded sees it, and one key begins and ends the tape."""

from __future__ import annotations

import pytest

from tests.support.fake_engine import FakeEngine
from tests.support.screen import text
from voicechat.core.user_events import RecordingToggled
from voicechat.engine.link import TapeShown
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.options import UiOptions
from voicechat.ui.widgets.header_line import HeaderLine


def header(app: VoiceChatApp) -> str:
    line = app.talk.query_one(HeaderLine)
    return "".join(segment.text for segment in line.render_line(0))


@pytest.mark.parametrize("width", [60, 120])
async def test_the_header_says_that_the_talk_is_recorded_as_long_as_it_is(width: int) -> None:
    engine = FakeEngine()
    app = VoiceChatApp(engine, UiOptions())
    async with app.run_test(size=(width, 30)) as pilot:
        await pilot.pause()
        assert "rec" not in header(app)
        engine.deliver(TapeShown("/somewhere"))
        await pilot.pause()
        assert "● rec " in header(app)
        engine.deliver(TapeShown("/somewhere", redacted=True))
        await pilot.pause()
        assert "● rec, no words " in header(app)
        engine.deliver(TapeShown())
        await pilot.pause()
        assert "rec" not in header(app)


async def test_the_key_asks_for_a_tape_and_never_while_a_message_is_typed() -> None:
    engine = FakeEngine()
    app = VoiceChatApp(engine, UiOptions())
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("w")
        assert RecordingToggled() not in engine.sent
        assert "w once more makes a tape" in text(app)
        await pilot.press("w")
        assert engine.sent.count(RecordingToggled()) == 1
        await pilot.press("i", "w")
        assert engine.sent.count(RecordingToggled()) == 1


async def test_an_engine_that_dies_records_no_longer() -> None:
    engine = FakeEngine()
    app = VoiceChatApp(engine, UiOptions())
    async with app.run_test(size=(100, 30)) as pilot:
        engine.deliver(TapeShown("/somewhere"))
        await pilot.pause()
        assert "● rec " in header(app)
        engine.die("killed")
        await pilot.pause()
        assert "rec" not in header(app)
