"""The numbers on the screen: what is known is told, what is not is `—`, and nothing is cut at 80 columns."""

from __future__ import annotations

import csv
import re
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.each import each
from tests.support.event_rows import NUMBERS_METERS, free_numbers, numbers
from tests.support.scenes import OPEN
from tests.support.screen import at_rest, change, lines, showing, text, until
from voicechat.core.user_events import GoOnChosen
from voicechat.core.view import View
from voicechat.engine.link import Meters, Numbers
from voicechat.insight.metrics.ledger import Figures, Money
from voicechat.insight.metrics.prices import Cost, Tokens, Usage
from voicechat.insight.metrics.turns import TurnNumbers
from voicechat.ui.paint import Palette
from voicechat.ui.widgets.header_line import clock_words
from voicechat.ui.widgets.numbers_view import NumbersView, bar_of, chart, typical_steps
from voicechat.ui.widgets.transcript import Transcript
from voicechat.ui.wording import cost_pieces, dollars

TURN = TurnNumbers(1, began_at=0.0, ended_at=2.0, stopped_at=2.2, first_delta_at=2.45, first_sound_at=2.5)


def row_with(rows: list[str], word: str) -> str:
    return next(row for row in rows if word in row)


async def test_every_size_tells_times_tokens_money_and_limits() -> None:
    async with showing("numbers", (80, 24)) as (app, _, pilot):
        await pilot.press("f7")
        for size in ((80, 24), (120, 36), (180, 50)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: "NUMBERS" in text(app))
            await at_rest(pilot)
            shown = lines(app)
            assert "380 ms" in row_with(shown, "   29  ")
            assert "╳ 58 ms" in row_with(shown, "   28  ")
            assert "you are speaking" in row_with(shown, "   30  ")
            assert "p50 500 ms" in row_with(shown, "cut→silence p95 58 ms")
            assert row_with(shown, "end of speech 200").rstrip().endswith("ms")
            assert "RTT 38 ms   jitter 4 ms   loss 0.2 %   buffer 42 ms" in row_with(shown, "jitter")
            assert "unheard but paid 48 tok" in "\n".join(shown)
            assert "budget $2.00, stops there" in row_with(shown, "per min")
            assert "38 912 of 40 000" in row_with(shown, "limits")
            assert "of 60:00" in "\n".join(shown)


def test_latency_beyond_the_chart_is_marked() -> None:
    turns = tuple(TurnNumbers(n, ended_at=0.0, first_sound_at=wait) for n, wait in enumerate((0.5, 1.2, 1.21, 9.0)))
    for ascii_only, mark in ((False, "▲"), (True, "!")):
        palette = Palette({"foreground": "#ffffff", "background": "#000000"}, ascii_only=ascii_only, mono=False)
        rows = chart(turns, palette, 80).plain.splitlines()
        assert row_with(rows, "1.2 s ").count(mark * 2) == 2
        assert row_with(rows, "0.9 s ").count(mark) == 0
        assert f"{mark} longer than 1.2 s" in row_with(rows, "newest at the right")
        assert mark not in chart(turns[:2], palette, 80).plain


async def test_the_numbers_stand_beside_the_talk_only_where_there_is_room() -> None:
    async with showing("numbers", (180, 50)) as (app, _, pilot):
        await pilot.press("t")
        await until(pilot, lambda: "NUMBERS" in text(app))
        assert "Lovely. Tell me when" in text(app)
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: "NUMBERS" in text(app) and "Lovely. Tell me when" not in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Lovely. Tell me when" in text(app))


@pytest.mark.parametrize("size", [(80, 24), (96, 30), (120, 36), (160, 45), (180, 50)])
async def test_the_cost_of_each_turn_is_seen_at_every_width(size: tuple[int, int]) -> None:
    async with showing("numbers", size) as (app, _, pilot):
        await pilot.press("f7")
        await until(pilot, lambda: "NUMBERS" in text(app))
        assert row_with(lines(app), "until first sound").split()[-1] == "cost"
        assert re.search(r" 776/400/60 +0\.010", row_with(lines(app), "776/400/60"))


async def test_a_turn_that_was_scrolled_to_stays_in_sight_when_another_is_counted() -> None:
    async with showing("numbers", (80, 24)) as (app, _, pilot):
        await pilot.press("f7")
        await until(pilot, lambda: "NUMBERS" in text(app))
        view, numbers = app.talk.numbers_view, app.talk.numbers
        view.table.scroll_home(animate=False)
        await at_rest(pilot)
        first = lines(app)[3]
        turns, costs = numbers.figures.turns[:-1], numbers.figures.costs[:-1]
        view.watch_numbers(Numbers(numbers.t, replace(numbers.figures, turns=turns, costs=costs)))
        await at_rest(pilot)
        assert lines(app)[3] == first


async def test_no_answer_yet_has_no_numbers_and_a_free_model_no_dollars() -> None:
    async with showing("numbers-empty", (80, 24)) as stage:
        app, _, pilot = stage
        await pilot.press("f7")
        await until(pilot, lambda: "numbers start with the first answer" in text(app))
        await change(stage, "numbers-free", (120, 36))
        await until(pilot, lambda: "this model costs nothing" in text(app))
        assert "$" not in lines(app)[0]


async def test_what_is_unknown_is_a_dash_and_the_buffer_of_a_websocket_does_not_apply() -> None:
    async with showing("numbers", (120, 36)) as (app, engine, pilot):
        await pilot.press("f7")
        engine.show(View(connection=replace(OPEN, transport="WebSocket")), Meters())
        await until(pilot, lambda: "buffer n/a" in text(app))
        row = row_with(lines(app), "jitter")
    assert "RTT —" in row and "jitter —" in row and "loss —" in row


async def test_x_writes_every_turn_to_a_private_file_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICECHAT_STATE_DIR", str(tmp_path))
    async with showing("numbers", (180, 50)) as (app, _, pilot):
        await pilot.press("f7", "x")
        await until(pilot, lambda: bool(list(tmp_path.glob("numbers-*.csv"))))
        await until(pilot, lambda: "written: " in lines(app)[1] and ".csv" in lines(app)[1])
        assert any(
            turn.text.startswith("Numbers written to /") for turn in app.talk.query_one(Transcript).records.values()
        )
    (path,) = tmp_path.glob("numbers-*.csv")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 30
    assert (rows[-2]["first_sound_ms"], rows[-2]["end_of_speech_ms"]) == ("380", "200")
    assert rows[-1]["first_sound_ms"] == "" and rows[-1]["cost_usd"] == ""
    assert (rows[-3]["cut_by"], rows[-3]["silent_in_ms"]) == ("barge-in", "58")


async def test_the_palette_goes_on_beyond_the_budget_and_only_then() -> None:
    async with showing("budget-spent", (120, 36)) as (app, engine, pilot):
        app.action_go_on()
        assert GoOnChosen() not in engine.sent
        engine.show(View(connection=OPEN, spent_budget=2.0))
        await until(pilot, lambda: app.view.spent_budget == 2.0)
        app.action_go_on()
        assert GoOnChosen() in engine.sent


def test_a_bar_is_as_long_as_its_wait_and_a_missing_mark_joins_its_neighbour() -> None:
    parts = bar_of(TURN, 100)
    assert [glyph for _, glyph, _ in parts] == ["━", "╌", "─"]
    assert sum(cells for cells, _, _ in parts) == 50
    whole = replace(TURN, created_at=2.25)
    assert [cells for cells, _, _ in bar_of(whole, 100)] == [20, 5, 20, 5]
    assert bar_of(replace(TURN, first_sound_at=None), 100) == []


def test_sound_that_outruns_its_words_never_makes_a_bar_too_long() -> None:
    early = replace(TURN, created_at=2.25, first_delta_at=2.6)
    assert [cells for cells, _, _ in bar_of(early, 100)] == [20, 5, 25, 0]
    assert sum(part or 0 for part in early.steps()) == pytest.approx(early.total)
    assert typical_steps((early,))[3] == 0.0


def money(cost: Cost | None, budget: float | None = None, state: str = "none") -> Figures:
    used = Usage(Tokens(1_900), output=Tokens(36))
    return Figures(usage=used, money=Money(cost, None, budget, state))  # type: ignore[arg-type]


@each(
    ("figures", "long", "words"),
    [
        (Figures(), True, ""),
        (money(Cost(0.18)), True, "$0.18"),
        (money(Cost(0.0021)), True, "$0.0021"),
        (money(Cost(0.18, is_estimate=True)), True, "≈ $0.18"),
        (money(None), True, "1 936 tok"),
        (money(Cost(0.18), 2.0, "within"), True, "$0.18 of $2.00"),
        (money(Cost(0.18), 2.0, "within"), False, "$0.18"),
        (money(Cost(1.8), 2.0, "near"), False, "▲ $1.80 of $2.00"),
        (money(Cost(0.0)), True, ""),
    ],
)
def test_the_header_tells_what_the_talk_costs(figures: Figures, long: bool, words: str) -> None:
    assert "".join(piece for piece, _, _ in cost_pieces(figures, long=long)) == words


async def test_the_cost_is_never_cut() -> None:
    async with showing("budget-near", (120, 36)) as (app, _, pilot):
        for width in (80, 100, 120):
            await pilot.resize_terminal(width, 36)
            await until(pilot, lambda width=width: len(lines(app)[0]) == width)  # type: ignore[misc]
            await until(pilot, lambda: "of $0.20" in lines(app)[0])
            assert lines(app)[0].rstrip().endswith("of $0.20")


def test_clock_shows_the_session_limit_and_small_sums_are_not_rounded_to_zero() -> None:
    assert (dollars(0.18), dollars(0.0004), dollars(0)) == ("$0.18", "$0.0004", "$0.00")
    assert clock_words(OPEN, 252.9) == "4:12"
    assert clock_words(replace(OPEN, seconds=3370.0), 3400.0) == "56:10 of 60:00"


def test_the_file_keeps_more_turns_than_the_screen() -> None:
    view = NumbersView()
    first, second = numbers(), free_numbers()
    view.watch_numbers(Numbers(0, replace(first.figures, turns=first.figures.turns[:5], costs=first.figures.costs[:5])))
    view.watch_numbers(Numbers(1, replace(first.figures, turns=first.figures.turns[5:], costs=first.figures.costs[5:])))
    assert view.csv().count("\n") == 31
    view.watch_numbers(Numbers(2, replace(second.figures, turns=second.figures.turns[:1], costs=(None,))))
    assert view.csv().count("\n") == 2
    assert NUMBERS_METERS.codec


async def test_what_translating_used_stands_beside_the_money_of_the_talk() -> None:
    async with showing("numbers-translated", (120, 40)) as (app, _, pilot):
        await pilot.press("f7")
        await until(pilot, lambda: "58 requests" in text(app))
        row = next(row for row in text(app).splitlines() if "translated" in row)
        assert "6 412 in 913 out tok" in row and "$0.0019" in row and "gpt-4.1-mini" in row
        assert "session $0.25" in text(app)
