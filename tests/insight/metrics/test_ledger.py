"""The numbers of a conversation, from the events alone."""

from __future__ import annotations

from typing import Any

import pytest

from voicechat.insight.metrics.ledger import Ledger
from voicechat.insight.metrics.prices import Cost, Price
from voicechat.insight.metrics.turns import Direction, TurnClock

Line = tuple[float, Direction, dict[str, Any]]


def wire(at: float, type: str, **more: Any) -> Line:
    return at, "in", {"type": type, **more}


def here(at: float, type: str, **more: Any) -> Line:
    return at, "local", {"type": type, **more}


def usage(text_out: int = 10, audio_out: int = 100) -> dict[str, Any]:
    return {
        "input_tokens": 100,
        "output_tokens": text_out + audio_out,
        "input_token_details": {"text_tokens": 100},
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def done(at: float, id: str, status: str = "completed", **more: Any) -> Line:
    return wire(at, "response.done", response={"id": id, "status": status, "usage": usage(**more)})


CREATED = wire(0.0, "session.created", session={"model": "gpt-realtime-2.1"})
TURN = (
    here(1.1, "voice.began", began_at=1.0),
    wire(1.2, "input_audio_buffer.speech_started"),
    here(3.3, "voice.ended", ended_at=3.0, voiced=1.9),
    wire(3.5, "input_audio_buffer.speech_stopped"),
    wire(3.51, "input_audio_buffer.committed"),
    wire(3.52, "response.created", response={"id": "r1"}),
    wire(3.6, "response.output_audio_transcript.delta", response_id="r1", delta="Of"),
    here(3.7, "assistant.audible"),
    wire(3.8, "conversation.item.input_audio_transcription.completed", transcript="?"),
)


def after(*lines: Line, **options: Any) -> Ledger:
    ledger = Ledger(**options)
    for line in lines:
        ledger.feed(*line)
    return ledger


def test_a_turn_is_measured_from_your_last_sound_to_the_first_sound_of_the_answer() -> None:
    (turn,) = after(CREATED, *TURN).figures().turns
    assert turn.spoken == pytest.approx(2.0)
    assert turn.total == pytest.approx(0.7)
    assert turn.steps() == pytest.approx((0.5, 0.02, 0.08, 0.1))
    assert turn.transcript_at == 3.8


def test_marks_that_did_not_come_are_unknown_and_never_zero() -> None:
    (turn,) = after(CREATED, *TURN[:4]).figures().turns
    assert turn.total is None
    assert turn.steps()[0] == pytest.approx(0.5)
    assert turn.steps()[1:] == (None, None, None)


def test_a_push_to_talk_turn_begins_with_the_press() -> None:
    lines = (
        here(1.0, "talk.pressed"),
        here(2.6, "voice.ended", ended_at=2.5, voiced=1.4),
        wire(2.9, "input_audio_buffer.committed"),
        wire(3.0, "response.created", response={"id": "r"}),
        here(3.2, "assistant.audible"),
    )
    (turn,) = after(CREATED, *lines).figures().turns
    assert (turn.began_at, turn.ended_at) == (1.0, 2.5)
    assert turn.total == pytest.approx(0.7)


def test_a_typed_message_counts_from_its_enter() -> None:
    lines = (
        here(1.0, "text.entered"),
        wire(1.1, "response.created", response={"id": "r"}),
        here(1.4, "assistant.audible"),
    )
    (turn,) = after(*lines).figures().turns
    assert turn.total == pytest.approx(0.4)


def test_barge_in_is_measured_from_the_voice_to_the_last_audible_block() -> None:
    cut = (
        here(6.0, "barge_in.happened", voice_began_at=5.6),
        here(6.15, "assistant.silent", last_audible_at=6.02),
    )
    (turn,) = after(CREATED, *TURN, *cut, done(6.2, "r1", "cancelled", audio_out=100)).figures().turns
    assert turn.silent_in == pytest.approx(0.42)
    assert turn.cut_by == "barge-in"
    assert turn.heard == pytest.approx(2.3)
    assert turn.unheard_tokens == 100 - 46


def test_an_answer_cut_between_two_words_is_not_silenced_by_the_end_of_the_next() -> None:
    cut = (
        here(5.9, "assistant.silent", last_audible_at=5.8),
        here(6.0, "barge_in.happened", voice_began_at=5.6),
        here(8.0, "assistant.audible"),
        here(9.7, "assistant.silent", last_audible_at=9.6),
    )
    (turn,) = after(CREATED, *TURN, *cut).figures().turns
    assert (turn.cut_by, turn.silent_in) == ("barge-in", None)


def test_a_stop_while_nothing_sounds_cuts_no_answer_that_had_ended() -> None:
    ended = (done(5.0, "r1"), here(6.0, "assistant.silent", last_audible_at=5.9), here(9.0, "stop.pressed"))
    (turn,) = after(CREATED, *TURN, *ended).figures().turns
    assert (turn.cut_by, turn.heard, turn.silent_in) == ("", None, None)


def test_a_second_stop_cuts_no_answer_before_the_one_that_was_stopped() -> None:
    later = [(at + 10, direction, {**event}) for at, direction, event in TURN]
    for at, _, event in later:
        event |= {name: at for name in ("began_at", "ended_at") if name in event}
        event |= {"response": {"id": "r2"}} if "response" in event else {}
    stops = (here(15.0, "stop.pressed"), here(15.1, "stop.pressed"), done(15.2, "r2", "cancelled"))
    ended = (done(5.0, "r1"), here(6.0, "assistant.silent", last_audible_at=5.9))
    first, second = after(CREATED, *TURN, *ended, *later, *stops).figures().turns
    assert (first.cut_by, second.cut_by) == ("", "you")


def test_the_pause_inside_an_answer_is_no_reaction_to_anything() -> None:
    (turn,) = after(CREATED, *TURN, here(5.0, "assistant.silent", last_audible_at=4.9)).figures().turns
    assert turn.silent_in is None and turn.cut_by == ""


def test_two_responses_of_a_turn_with_a_tool_are_one_bill() -> None:
    second = (wire(4.1, "response.created", response={"id": "r2"}), done(5.0, "r2"))
    figures = after(CREATED, *TURN, done(4.0, "r1"), *second).figures()
    assert figures.usage.output.audio == 200
    assert sum(turn.usage.output.audio for turn in figures.turns if turn.usage) == 200


@pytest.mark.parametrize("is_allowed", [True, False])
def test_total_latency_excludes_the_wait_for_tool_approval(is_allowed: bool) -> None:
    output = {"type": "function_call_output", "call_id": "c1", "output": "not allowed"}
    decided = here(24.0, "tool.moved", call_id="c1", stage="running")
    if not is_allowed:
        decided = (24.0, "out", {"type": "conversation.item.create", "item": output})
    (turn,) = (
        after(
            CREATED,
            *TURN[:6],
            wire(3.6, "response.function_call_arguments.delta", response_id="r1", delta="{"),
            done(3.7, "r1"),
            here(4.0, "tool.moved", call_id="c1", stage="asked"),
            here(5.0, "tool.moved", call_id="c2", stage="asked"),
            here(6.0, "tool.moved", call_id="c2", stage="dropped"),
            decided,
            wire(25.0, "response.created", response={"id": "r2"}),
            here(25.5, "assistant.audible"),
        )
        .figures()
        .turns
    )
    assert turn.total == pytest.approx(25.5 - 3.0 - 20.0)
    assert turn.steps() == pytest.approx((0.5, 0.02, 0.08, 1.9))


def test_money_counts_responses_and_transcription_and_knows_the_budget() -> None:
    price = (100 * 4 + 10 * 24 + 100 * 64) / 1e6
    ledger = after(CREATED, *TURN, done(4.0, "r1"), budget=price / 0.95)
    assert ledger.figures().money.cost is not None
    assert ledger.figures().money.cost.usd == pytest.approx(price)  # type: ignore[union-attr]
    states: list[str] = [ledger.budget_state]
    ledger.feed(*done(5.0, "r1"))
    states.append(ledger.budget_state)
    assert states == ["near", "spent"]
    assert after(CREATED).budget_state == "none"


def test_a_model_without_a_price_shows_tokens_and_no_money() -> None:
    unknown = wire(0.0, "session.created", session={"model": "somebody-elses"})
    figures = after(unknown, *TURN, done(4.0, "r1"), budget=1.0).figures()
    assert figures.money.cost is None and figures.money.state == "within"
    assert figures.usage.total == 210


def test_percentiles_are_of_answers_that_sounded() -> None:
    lines: list[Line] = [CREATED]
    for n in range(20):
        start = 10.0 * n
        lines += [
            wire(start + 1, "input_audio_buffer.speech_started"),
            wire(start + 2, "input_audio_buffer.speech_stopped"),
            wire(start + 2.1, "response.created", response={"id": f"r{n}"}),
            here(start + 2.4 + n / 100, "assistant.audible"),
        ]
    found = after(*lines).figures().percentiles
    assert [found.p50, found.p95, found.best] == pytest.approx([0.49, 0.58, 0.4])
    assert after(CREATED).figures().percentiles.p50 is None


def test_rate_limits_are_kept_as_the_service_told_them() -> None:
    told = [{"name": "tokens", "limit": 40_000, "remaining": 38_912, "reset_seconds": 1.6}, "nonsense"]
    (limit,) = after(wire(1.0, "rate_limits.updated", rate_limits=told)).figures().limits
    assert (limit.name, limit.limit, limit.remaining, limit.reset) == ("tokens", 40_000, 38_912, 1.6)


def test_hours_of_turns_do_not_grow_without_bound() -> None:
    lines = [wire(n * 1.0, "response.created", response={"id": f"r{n}"}) for n in range(2_000)]
    ledger = after(*lines)
    assert len(ledger.figures(last=10_000).turns) <= 550
    assert ledger.figures(last=1).turns[0].response == "r1999"


def test_deltas_after_the_first_change_nothing() -> None:
    ledger = after(CREATED, *TURN)
    assert not ledger.feed(*wire(3.9, "response.output_audio_transcript.delta", response_id="r1", delta="course"))


def test_a_part_without_a_price_makes_an_estimate_a_whole_answer_no_sum() -> None:
    heard = wire(3.8, "conversation.item.input_audio_transcription.completed", usage={"type": "duration", "seconds": 3})
    cost = after(CREATED, heard, *TURN, done(4.0, "r1")).figures().money.cost
    assert cost is not None and cost.is_estimate
    other = wire(5.0, "session.updated", session={"model": "somebody-elses"})
    ledger = after(CREATED, *TURN, done(4.0, "r1"), other, done(6.0, "r1"))
    assert ledger.figures().money.cost is None and ledger.is_blind


def test_the_local_server_is_free_and_that_is_known() -> None:
    local = wire(0.0, "session.created", session={"model": "voicechat-local"})
    money = after(local, *TURN, done(4.0, "r1"), budget=1.0).figures().money
    assert money.cost is not None and money.cost.usd == 0.0 and money.state == "within"


def translated(model: str = "m", prompt: int = 60) -> Line:
    used = {"input_tokens": prompt, "input_token_details": {"cached_tokens": 20}, "output_tokens": 9}
    return here(1.0, "translation.used", model=model, usage=used)


def test_what_translating_used_is_counted_beside_the_talk_and_in_none_of_its_sums() -> None:
    ledger = Ledger(budget=0.000001, prices={"m": Price(text_in=1.0, text_cached=0.5, text_out=2.0)})
    assert ledger.feed(*translated()) and ledger.feed(*translated())
    figures = ledger.figures()
    assert (figures.side.requests, figures.side.usage.input.total, figures.side.usage.output.total) == (2, 120, 18)
    assert figures.side.cost is not None
    assert figures.side.cost.usd == pytest.approx(2 * (40 * 1.0 + 20 * 0.5 + 9 * 2.0) / 1e6)
    assert not figures.side.cost.is_estimate
    assert figures.usage.total == 0 and figures.money.cost is None and ledger.budget_state == "within"


def test_a_translating_model_without_a_price_has_tokens_only() -> None:
    ledger = Ledger(prices={"m": Price(text_in=1.0)})
    ledger.feed(*translated())
    ledger.feed(*translated("unknown"))
    side = ledger.figures().side
    assert side.cost is None and side.requests == 2 and side.model == "unknown"
    assert not ledger.is_blind


def test_a_live_turn_is_timed_by_local_voice_detection() -> None:
    spoken = {"id": "u", "role": "user", "content": [{"type": "input_audio"}]}
    clock = TurnClock()
    lines: tuple[Line, ...] = (
        wire(0.0, "session.started"),
        here(1.1, "voice.began", began_at=1.0),
        here(2.1, "voice.ended", ended_at=2.0),
        wire(2.2, "conversation.item.added", item=spoken),
        wire(2.6, "conversation.item.input_audio_transcription.completed"),
        wire(2.6, "response.created", response={"id": "r"}),
        here(2.7, "assistant.audible"),
        here(4.0, "voice.began", began_at=3.9),  # a noise: no words of it ever come
        here(4.2, "voice.ended", ended_at=4.1),
    )
    for line in lines:
        clock.feed(*line)
    (turn,) = clock.turns
    assert turn.spoken == 1.0 and turn.total == pytest.approx(0.7) and turn.stopped_at == 2.6


def test_a_live_session_is_billed_by_its_seconds_against_the_budget() -> None:
    ledger = Ledger(budget=0.1)
    for line in (
        wire(0.0, "session.started", session={"model": "gpt-live-1"}),
        wire(0.0, "session.created", session={"model": "gpt-live-1"}),
        wire(60.0, "session.usage.updated", usage={"seconds": 60.0}),
        wire(61.0, "session.usage.updated", usage={"seconds": 60.0}),
    ):
        ledger.feed(*line)
    states = [ledger.budget_state]
    assert ledger.spent == pytest.approx(0.05)
    ledger.feed(*wire(120.0, "session.closed", usage={"seconds": 120.0}))
    assert ledger.spent == pytest.approx(0.1) and [*states, ledger.budget_state] == ["within", "spent"]
    ledger.feed(*wire(130.0, "session.started", session={"model": "gpt-live-1"}))
    ledger.feed(*wire(190.0, "session.usage.updated", usage={"seconds": 60.0}))
    assert ledger.spent == pytest.approx(0.15), "the next session counts anew"
    ledger.feed(*done(191.0, "r1"))
    assert ledger.figures().money.cost == Cost(ledger.spent, is_estimate=True)
