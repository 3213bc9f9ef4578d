"""`c`: an event is written, judged, completed and sent; nothing in it harms the terminal or is lost by closing."""

from __future__ import annotations

import asyncio
import json

import pytest
from textual import events
from textual.pilot import Pilot

from tests.support.event_rows import row
from tests.support.fake_engine import FakeEngine
from tests.support.screen import at_rest, showing, text, until
from voicechat.core import user_events as did
from voicechat.core.view import TurnView
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.keyboard import KeyMoved
from voicechat.ui.screens.send_event import EventEditor, SendEventScreen


async def form_of(app: VoiceChatApp, pilot: Pilot[int], prefill: str = "") -> SendEventScreen:
    app.manual.open_form(prefill)
    await until(pilot, lambda: app.manual.form is not None and app.manual.form.is_mounted and app.focused is not None)
    form = app.screen
    assert isinstance(form, SendEventScreen)
    await until(pilot, lambda: form.editor.has_focus)
    await at_rest(pilot)
    return form


def sent(engine: FakeEngine) -> list[str]:
    return [event.text for event in engine.sent if isinstance(event, did.RawEventEntered)]


async def test_ctrl_s_sends_a_refusal_is_shown_and_escape_keeps_the_text() -> None:
    async with showing("talk", (120, 36)) as (app, engine, pilot):
        form = await form_of(app, pilot, '{"type":"response.create","event_id":"old"}')
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(sent(engine)))
        assert json.loads(sent(engine)[0]) == {"type": "response.create"}
        assert "sent" in text(app)
        refusal = "The service refused your response.create: no \x1b[31m"
        engine.say(TurnView("n9", "note", text=refusal, detail="hand_refused"))
        await until(pilot, lambda: "The service refused your response.create" in text(app))
        await pilot.press("escape", "c")
        await until(pilot, lambda: form.editor.has_focus)
        assert '"response.create"' in text(app)


async def test_what_is_wrong_needs_a_second_press_and_what_is_unreadable_never_leaves() -> None:
    async with showing("talk", (120, 36)) as (app, engine, pilot):
        await form_of(app, pilot, '{"type": "conversation.item.delete"}')
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "again sends it all the same" in " ".join(text(app).split()))
        assert sent(engine) == []
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(sent(engine)) == 1)
        await pilot.press("x", "ctrl+s", "ctrl+s")
        await at_rest(pilot)
        assert "line 1, column 1" in text(app)
        assert len(sent(engine)) == 1


async def test_a_prefill_is_never_sent_by_itself_and_undo_brings_the_old_text_back() -> None:
    async with showing("talk", (120, 36)) as (app, engine, pilot):
        await form_of(app, pilot, '{"type": "response.cancel"}')
        form = await form_of(app, pilot, '{"type": "input_audio_buffer.clear"}')
        await until(pilot, lambda: "input_audio_buffer.clear" in form.editor.text)
        await pilot.press("ctrl+z")
        assert "response.cancel" in form.editor.text
        assert sent(engine) == []


async def test_the_form_opens_on_a_machine_that_composes_it_late(monkeypatch: pytest.MonkeyPatch) -> None:
    compose = SendEventScreen._compose

    async def composed_late(form: SendEventScreen) -> None:
        await asyncio.sleep(0.1)  # the screen is painted meanwhile
        await compose(form)

    monkeypatch.setattr(SendEventScreen, "_compose", composed_late)
    async with showing("ptt", (120, 36)) as (app, _, pilot):
        app.manual.open_form('{"type": "response.cancel"}')
        await until(pilot, lambda: app.focused is not None and app.focused.id == "event-editor")
        assert "response.cancel" in text(app)


async def test_x_fills_the_form_with_an_event_of_the_service_and_refuses_a_local_one() -> None:
    async with showing("talk", (120, 36)) as (app, engine, pilot):
        engine.log(row(1, 1.0, "local", "mic.opened"))
        await pilot.press("f2", "l")
        await until(pilot, lambda: "mic.opened" in app.talk.developer.inspector.copied("json"))
        await pilot.press("x")
        await until(pilot, lambda: "local event: cannot be sent" in " ".join(text(app).split()))
        assert app.manual.form is None
        engine.log(row(2, 2.0, "out", "response.create", event_id="e1"))
        await until(pilot, lambda: "response.create" in app.talk.developer.inspector.copied("json"))
        await pilot.press("x")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "event-editor")
        assert json.loads(app.screen.query_one(EventEditor).text) == {"type": "response.create"}
        assert sent(engine) == []


async def test_a_running_answer_is_told_while_the_form_stands_open() -> None:
    async with showing("talk", (120, 36)) as (app, _, pilot):
        await form_of(app, pilot, '{"type": "response.create"}')
        app.talk.reply = type(app.talk.reply)("speaking")
        await until(pilot, lambda: "an answer is running: the server will refuse this" in text(app))


async def test_ctrl_t_goes_through_every_template_and_tab_through_completions() -> None:
    async with showing("talk", (120, 36)) as (app, _, pilot):
        form = await form_of(app, pilot, "{}")
        seen = set()
        for _ in range(13):
            await pilot.press("ctrl+t")
            seen.add(form.verdict.type)
        assert len(seen) == 13
        form.fill('{"type": "response.create", "response": {"meta')
        form.editor.move_cursor(form.editor.document.end)
        await pilot.press("tab")
        assert form.editor.text.endswith('"response": {"metadata": ')
        form.fill('{"type": "response.create", "response": {"conversation": ""}}')
        form.editor.move_cursor((0, form.editor.text.index('""') + 1))
        await pilot.press("tab")
        assert '"conversation": "auto"}' in form.editor.text
        await pilot.press("tab")
        assert '"conversation": "none"}' in form.editor.text


async def test_hostile_text_is_written_as_json_escapes_and_keeps_its_meaning() -> None:
    hostile = {"type": "x.y", "a": "\x1b]52;c;eA==\x07 \u202e abc \u200b [bold] 日本"}
    async with showing("talk", (120, 36)) as (app, engine, pilot):
        form = await form_of(app, pilot, json.dumps(hostile))
        await until(pilot, lambda: "x.y" in form.editor.text)
        shown = text(app) + form.editor.text
        assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(shown)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(sent(engine)))
        assert json.loads(sent(engine)[0]) == hostile
        form.editor.post_message(events.Paste("\x1b[2J\u2066"))
        await until(pilot, lambda: "\\u2066" in form.editor.text)
        assert "\x1b" not in form.editor.text


async def test_a_huge_paste_is_cut_and_the_form_stays_quick_enough_to_close() -> None:
    async with showing("talk", (80, 24)) as (app, _, pilot):
        form = await form_of(app, pilot)
        form.editor.post_message(events.Paste("y" * 400_000))
        await until(pilot, lambda: len(form.editor.text) > 100_000)
        assert len(form.editor.text) <= 131_072
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.talk)


async def test_letters_and_space_in_the_form_are_text_and_never_talk() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        form = await form_of(app, pilot, '{"type": "x"}')
        app.talker.detector.has_release = True
        app.post_message(KeyMoved("space", "press"))
        await pilot.press("m", "space", "q")
        await at_rest(pilot)
        assert form.editor.text.startswith("m q")
        assert engine.sent == []
