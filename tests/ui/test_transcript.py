"""What was said, what was heard, and what nobody heard."""

from __future__ import annotations

import gc
import weakref
from typing import Literal

import pytest
from msgspec.structs import replace

from tests.support.scenes import TALK
from tests.support.screen import at_rest, lines, showing, text, until
from voicechat.core.view import TurnView
from voicechat.engine.link import Turns
from voicechat.ui.widgets.transcript import KEEP, MOST, RECORDS, Transcript
from voicechat.ui.widgets.turn import Turn

CUT = TurnView("a", "assistant", 3, "You can say", rest=" this and that.", cut_by="barge-in", cut_at=2.4)

ENDS = [
    (CUT, "╳ you cut in at 2.4 s · not heard: [this and that.]"),
    (replace(CUT, cut_by="you"), "╳ you stopped it at 2.4 s"),
    (replace(CUT, cut_by="push-to-talk"), "╳ you cut in at 2.4 s"),
    (replace(CUT, cut_by="server"), "╳ the server stopped it at 2.4 s"),
    (replace(CUT, cut_by="line"), "╳ connection lost at 2.4 s"),
    (
        replace(CUT, cut_by="device", rest=" this and that" + " and more" * 20 + "."),
        "╳ no sound device at 2.4 s · not heard: this and that and more",
    ),
    (replace(CUT, false_alarm=True), "╳ a noise cut it at 2.4 s"),
    (replace(CUT, cut_is_estimate=True), "╳ you cut in at ≈2.4 s"),
    (replace(CUT, rest=""), "╳ you cut in at 2.4 s"),
    (TurnView("a", "assistant", failed="rate limit, again in 12 s"), "✕ rate limit, again in 12 s"),
    (TurnView("u", "you", committed=True, failed="refused"), "(no transcript: refused)"),
    (TurnView("u", "you", partial=True, committed=True), "▎ …"),
    (TurnView("u", "you", committed=True), "(no words in it)"),
    (TurnView("u", "you", text="And", partial=True), "And▌"),
    (TurnView("u", "you", text="typed", typed=True, committed=True), "typed"),
    (TurnView("n", "note", text="again", level="warning", count=3), "▲ again ×3"),
    (TurnView("t", "tool", text="get_weather", detail="Tokyo"), "▸ get_weather  Tokyo"),
]


async def test_a_turn_tells_how_it_ended() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        for turn, words in ENDS:
            engine.say(turn)
            await until(pilot, lambda words=words: words in text(app))  # type: ignore[misc]


async def test_the_unheard_rest_is_struck_and_bracketed() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.say(CUT)
        await until(pilot, lambda: "[this and that.]" in text(app))
        struck = [
            s.text for strip in app.screen._compositor.render_strips() for s in strip if s.style and s.style.strike
        ]
        assert "".join(struck) == "this and that."


META = {(80, 24): "◆ 2.8 s ◇", (100, 30): "◆ 2.8 s ◇", (120, 36): "◆ 2.8 s ◇  3:56", (180, 50): "◆ 2.8 s ◇  3:56"}


async def test_voice_markers_stand_at_every_size_and_latencies_where_there_is_room() -> None:
    async with showing("talk", (120, 36)) as (app, _, pilot):
        for (width, height), meta in META.items():
            await pilot.resize_terminal(width, height)
            await at_rest(pilot)
            line = next(line for line in lines(app) if "a table for two by the window?" in line)
            assert line[: 118 if width == 180 else width].rstrip("▂▃▄▅▆▇█ ").endswith(meta), width
            if width in (80, 120):
                assert ("+412 ms" in text(app) and "▲ +1.31 s" in text(app)) == (width == 120)


async def test_a_long_rest_is_folded_and_enter_unfolds_it() -> None:
    long = replace(CUT, rest=" word" * 100)
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.say(long)
        await until(pilot, lambda: "[… 100 words · Enter shows them]" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: text(app).count("word") >= 100)
        await pilot.press("enter")
        await until(pilot, lambda: "[… 100 words · Enter shows them]" in text(app))


async def test_looking_back_shows_how_much_is_new_and_end_returns() -> None:
    async with showing("talk", (80, 24)) as (app, engine, pilot):
        await pilot.press("pageup")
        await until(pilot, lambda: "▾ End follows the newest" in text(app))
        engine.say(*TALK, *(TurnView(f"x{i}", "you", text=f"new {i}") for i in range(3)))
        await until(pilot, lambda: "▾ 3 newer · End" in text(app))
        assert "new 2" not in text(app)
        await pilot.press("end")
        await until(pilot, lambda: "new 2" in text(app) and "newer" not in text(app))
        engine.say(*TALK, TurnView("y", "you", text="the very newest"))
        await until(pilot, lambda: "the very newest" in text(app))


async def test_a_resize_while_looking_back_does_not_jump_to_the_end() -> None:
    async with showing("talk", (80, 24)) as (app, _, pilot):
        await pilot.press("home")
        await until(pilot, lambda: "Session opened" in text(app))
        await pilot.resize_terminal(84, 26)
        await at_rest(pilot)
        assert "Session opened" in text(app)


async def test_turns_take_the_order_they_are_given_and_leave_when_they_are_gone() -> None:
    turns = [TurnView(name, "you", text=f"<{name}>") for name in "abcd"]
    async with showing("ptt", (80, 30)) as (app, engine, pilot):
        for order in ("abcd", "acbd", "dcba", "bd", "dabc"):
            engine.deliver(Turns(tuple(turns), tuple(order)))
            await until(pilot, lambda order=order: _order(app.talk.query_one(Transcript)) == order)  # type: ignore[misc]
            await at_rest(pilot)
            shown = [c for line in lines(app) for c in "abcd" if f"<{c}>" in line]
            assert "".join(shown) == order


def _order(transcript: Transcript) -> str:
    return "".join(turn.turn.key for turn in transcript.turn_list.query(Turn))


async def test_a_burst_of_deltas_is_painted_a_few_times_only() -> None:
    async with showing("ptt") as (app, engine, pilot):
        painted = 0
        transcript = app.talk.query_one(Transcript)
        apply = transcript._apply

        def counted() -> None:
            nonlocal painted
            painted += 1
            apply()

        transcript._apply = counted  # type: ignore[method-assign]
        for count in range(300):
            engine.deliver(
                Turns((TurnView("a9", "assistant", text="x" * count, partial=True),), None if count else ("a9",))
            )
        await until(pilot, lambda: "x" * 60 in text(app))
        await until(pilot, lambda: transcript.records["a9"].text == "x" * 299)
        assert painted <= 10


async def test_y_copies_the_newest_turn_without_labels() -> None:
    async with showing("interrupted") as (app, _, pilot):
        await pilot.press("y")
        assert app.clipboard.startswith("You can say: 窓際の席を二人で [お願いします。")
        assert app.clipboard.endswith("or simply spell yours.]")
        await pilot.press("Y")
        assert app.clipboard.startswith("Session opened") and "Lovely." in app.clipboard


async def test_what_the_mouse_selects_is_copied_without_label_and_rail() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.say(TurnView("u", "you", text="Slower, please."))
        await until(pilot, lambda: text(app).count("▎") == 1)
        turn = app.talk.query_one(Turn)
        await pilot.mouse_down(turn, offset=(10, 0))
        await pilot.hover(turn, offset=(16, 0))
        await pilot.mouse_up(turn, offset=(16, 0))
        await pilot.press("y")
        assert app.clipboard.strip() in ("Slower", "Slower,", "Slowe")


async def test_a_click_unfolds_a_tool_call_and_a_second_one_folds_it() -> None:
    async with showing("tools", (120, 36)) as (app, _, pilot):
        for before, after in (("▸ get_weather", "▾ get_weather"), ("▾ get_weather", "▸ get_weather")):
            await until(pilot, lambda before=before: before in text(app))  # type: ignore[misc]
            row = next(y for y, line in enumerate(lines(app)) if before in line)
            await pilot.click(offset=(20, row))
            await until(pilot, lambda after=after: after in text(app))  # type: ignore[misc]
            assert ('  "sky": "cloudy"' in text(app)) is (after[0] == "▾")


async def test_text_is_hidden_until_its_audio_was_played() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        answer = TurnView("a", "assistant", text="You can say", rest=" this and that.", partial=True)
        engine.say(answer)
        await until(pilot, lambda: "You can say▌" in text(app))
        assert "this" not in text(app)
        engine.say(replace(answer, text="You can say this", rest=" and that."))
        await until(pilot, lambda: "You can say this▌" in text(app))
        engine.say(replace(answer, text="You can say this and that.", rest="", partial=False))
        await until(pilot, lambda: "▎ You can say this and that." in text(app))


async def test_the_copy_as_text_holds_tool_calls_and_translations() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        call = TurnView("t", "tool", text="get_weather", detail='{"city": "Oslo"}  →  sun')
        said = TurnView("a", "assistant", text="The sun shines.", translation="Die Sonne scheint.")
        engine.say(call, said)
        await until(pilot, lambda: "Die Sonne scheint." in text(app))
        await pilot.press("Y")
        assert app.clipboard == ('get_weather  {"city": "Oslo"}  →  sun\n\nThe sun shines.\n↳ Die Sonne scheint.')


async def test_a_translation_stands_directly_beneath_its_line() -> None:
    async with showing("ptt", (80, 24)) as (app, engine, pilot):
        engine.say(
            TurnView("u", "you", text="Good morning.", committed=True),
            TurnView("a", "assistant", text="And to you.", translation=""),
        )
        await until(pilot, lambda: "And to you." in text(app))
        engine.say(
            TurnView("u", "you", text="Good morning.", committed=True, translation="Guten Morgen."),
            TurnView("a", "assistant", text="And to you.", translation=""),
        )
        await until(pilot, lambda: "Guten Morgen." in text(app))
        rows = lines(app)
        assert "↳ Guten Morgen." in rows[next(y for y, row in enumerate(rows) if "Good morning." in row) + 1]


async def test_translation_of_a_written_answer_stands_beneath_and_none_takes_no_row() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.say(TurnView("a", "assistant", text="- one\n- two `x`", written=True, translation="- eins\n- zwei"))
        await until(pilot, lambda: "↳ - eins" in text(app) and "- zwei" in text(app))
        for key, translation in (("u", ""), ("v", None)):
            engine.say(TurnView(key, "you", text=f"Morgen {key}.", committed=True, translation=translation))
            await until(pilot, lambda key=key: f"Morgen {key}." in text(app))  # type: ignore[misc]
            await at_rest(pilot)
            assert "↳" not in text(app)
            assert [turn.size.height for turn in app.query(Turn)] == [1]


WHO: tuple[Literal["you", "assistant"], ...] = ("you", "assistant")


async def test_a_talk_of_3000_exchanges_keeps_a_bounded_transcript() -> None:
    async with showing("ptt", (80, 24)) as (app, engine, pilot):
        transcript = app.talk.query_one(Transcript)
        order: list[str] = []
        for block in range(6):
            new = [
                TurnView(f"{who}{n}", who, n * 6.0, f"Words of exchange {n}.")
                for n in range(block * 500, block * 500 + 500)
                for who in WHO
            ]
            order += [turn.key for turn in new]
            engine.deliver(Turns(tuple(new), tuple(order)))
            newest = order[-1]
            await until(pilot, lambda key=newest: transcript.order[-1:] == (key,))  # type: ignore[misc]
            assert len(transcript.records) == min(len(order), RECORDS) and len(transcript._shown) <= KEEP
        kept = transcript.whole_text()
        assert kept.startswith("(5000 earlier turns are not kept on the screen)")
        assert "Words of exchange 2999." in kept and "Words of exchange 2499." not in kept


async def test_turns_removed_from_the_transcript_are_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicechat.ui.app.COLLECT_EVERY", 0.2)
    async with showing("ptt", (80, 24)) as (app, engine, pilot):
        transcript = app.talk.query_one(Transcript)
        order = tuple(f"n{n}" for n in range(2 * KEEP))
        engine.deliver(Turns(turns(0, KEEP), order[:KEEP]))
        await until(pilot, lambda: len(transcript._shown) == KEEP and order[0] in transcript._shown)
        gc.collect()  # twice: now they are of the oldest generation, as after minutes on the screen
        gc.collect()
        mounted = [weakref.ref(turn) for turn in transcript._shown.values()]
        engine.deliver(Turns(turns(KEEP, 2 * KEEP), order))
        await until(pilot, lambda: order[-1] in transcript._shown and order[0] not in transcript._shown)
        await until(pilot, lambda: not any(turn() for turn in mounted))


def turns(begin: int, end: int) -> tuple[TurnView, ...]:
    return tuple(TurnView(f"n{n}", "you", n, f"Words number {n}.", committed=True) for n in range(begin, end))


async def test_scrolling_up_brings_the_turns_before_and_what_is_read_stays_in_sight() -> None:
    async with showing("ptt", (80, 24)) as (app, engine, pilot):
        transcript = app.talk.query_one(Transcript)
        order = tuple(f"n{n}" for n in range(500))
        engine.deliver(Turns(turns(0, 500), order))
        await until(pilot, lambda: "Words number 499." in text(app))
        assert len(transcript._shown) == KEEP
        for first in (500 - KEEP, 500 - 2 * KEEP):
            transcript.turn_list.scroll_to(y=0, animate=False, force=True)
            await until(pilot, lambda first=first: f"n{first - KEEP}" in transcript._shown)  # type: ignore[misc]
            await at_rest(pilot)
            assert f"Words number {first}." in text(app)
        more = (*order, "n500")
        engine.deliver(Turns(turns(500, 501), more))
        await until(pilot, lambda: "n500" in transcript._shown)
        await until(pilot, lambda: "Words number 380." in text(app) and "▾ 1 newer" in text(app))
        for _ in range(6):
            transcript.turn_list.scroll_to(y=0, animate=False, force=True)
            await at_rest(pilot)
        assert len(transcript._shown) == MOST
        transcript.follow()
        await at_rest(pilot)
        engine.deliver(Turns(turns(501, 502), (*more, "n501")))
        await until(pilot, lambda: "Words number 501." in text(app))
        assert len(transcript._shown) == KEEP


async def test_the_mark_goes_up_past_the_oldest_turn_that_is_mounted() -> None:
    async with showing("ptt", (80, 24)) as (app, engine, pilot):
        transcript = app.talk.query_one(Transcript)
        engine.say(*turns(0, 100))
        await until(pilot, lambda: "Words number 99." in text(app))
        for _ in range(KEEP + 5):
            transcript.move_selection(-1)
        await at_rest(pilot)
        assert transcript.selected < "n40" and f"Words number {transcript.selected[1:]}." in text(app)
