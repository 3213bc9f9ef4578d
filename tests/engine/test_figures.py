"""The engine's bookkeeping: figures in session time, at most twice a second, and a session that hears of its budget."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from voicechat.config.settings import Settings
from voicechat.core.events import BudgetBlind, BudgetNear, BudgetSpent, Event
from voicechat.engine.figures import BitRate, Bookkeeper
from voicechat.engine.link import FromEngine, Numbers, pack, unpack_from_engine
from voicechat.journal.entry import Happening

BEGAN = 1_000.0
"""The monotonic clock at the start of the session."""


class Books:
    """A bookkeeper with what it posted and told."""

    def __init__(self, settings: Settings, model: str = "gpt-realtime-2.1") -> None:
        self.posted: list[FromEngine] = []
        self.told: list[Event] = []
        self.keeper = Bookkeeper(settings, self.posted.append, self.told.append)
        self.keeper.start_at(BEGAN)
        self.see(0.0, "in", type="session.created", session={"model": model})

    def see(self, at: float, direction: Literal["in", "out", "local"], **event: Any) -> Books:
        self.keeper.watch(Happening(BEGAN + at, direction, event))
        return self

    def answer(self, at: float, audio_out: int) -> Books:
        usage = {"output_tokens": audio_out, "output_token_details": {"audio_tokens": audio_out}}
        return self.see(at, "in", type="response.done", response={"id": f"r{at}", "usage": usage})

    def tick(self, at: float, *, last: bool = False) -> Books:
        self.keeper.tick(BEGAN + at, last=last)
        return self

    @property
    def numbers(self) -> list[Numbers]:
        return [message for message in self.posted if isinstance(message, Numbers)]


def test_times_of_turns_are_session_times_also_those_inside_local_facts() -> None:
    books = Books(Settings())
    books.see(1.1, "local", type="voice.began", began_at=BEGAN + 1.0)
    books.see(1.2, "in", type="input_audio_buffer.speech_started")
    books.see(3.3, "local", type="voice.ended", ended_at=BEGAN + 3.0).tick(4.0)
    (turn,) = books.numbers[-1].figures.turns
    assert (turn.began_at, turn.ended_at) == (1.0, 3.0)
    assert books.numbers[-1].t == 4.0


def test_figures_leave_twice_a_second_at_most_and_only_when_they_changed() -> None:
    books = Books(Settings()).tick(0.1)
    for step in range(40):
        books.answer(1.0 + step * 0.05, 10).tick(1.0 + step * 0.05)
    assert 4 <= len(books.numbers) <= 6
    sent = len(books.numbers)
    books.tick(10.0).tick(11.0).tick(12.0)
    assert len(books.numbers) == sent + 1


def test_the_last_figures_do_not_wait() -> None:
    books = Books(Settings()).tick(0.1).answer(0.2, 10).tick(0.3, last=True)
    assert books.numbers[-1].figures.usage.output.audio == 10


def test_figures_survive_the_pipe() -> None:
    numbers = Books(Settings(budget=1.0)).answer(1.0, 100).tick(2.0).numbers[-1]
    assert unpack_from_engine(pack(numbers)[4:]) == numbers


def test_the_session_hears_of_its_budget_once_for_each_step() -> None:
    books = Books(Settings(budget=1.0))
    for at in range(1, 30):
        books.answer(float(at), 1_000)  # $0.064 each
    near, spent = books.told
    assert isinstance(near, BudgetNear) and near.spent == pytest.approx(0.96)
    assert isinstance(spent, BudgetSpent) and (spent.budget, spent.stops) == (1.0, True)
    assert spent.spent == pytest.approx(1.024)


def test_without_the_stop_the_session_is_only_told() -> None:
    books = Books(Settings(budget=0.01, budget_stop=False)).answer(1.0, 1_000)
    (spent,) = books.told
    assert isinstance(spent, BudgetSpent) and not spent.stops


def test_a_budget_without_a_price_is_said_to_be_blind_and_own_prices_cure_it() -> None:
    assert Books(Settings(budget=1.0), "somebody-elses").answer(1.0, 10).told == [BudgetBlind(1.0, "somebody-elses")]
    own = Settings(budget=1.0, prices={"somebody-elses": {"audio_out": 2_000_000.0 / 1_000}})
    (spent,) = Books(own, "somebody-elses").answer(1.0, 1_000).told
    assert isinstance(spent, BudgetSpent) and spent.spent == pytest.approx(2.0)


def test_without_a_budget_nothing_is_told() -> None:
    assert Books(Settings()).answer(1.0, 10**9).told == []


def test_a_bit_rate_needs_a_second_and_begins_anew_with_a_line() -> None:
    rate = BitRate()
    assert [rate.of(count, at) for at, count in ((0.0, 0), (0.5, 2_000), (1.0, 4_000))] == [None, None, 32]
    assert rate.of(10, 1.5) is None
    assert rate.of(None, 2.0) is None
