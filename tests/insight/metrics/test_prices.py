"""What a response costs: cached tokens are part of the input, reasoning counts once, unknown models have no price."""

from __future__ import annotations

import pytest

from voicechat.insight.metrics.prices import Cost, Price, Tokens, Usage, cost_of, price_of, read_prices, read_usage

FULL = {
    "total_tokens": 1636,
    "input_tokens": 1395,
    "output_tokens": 241,
    "input_token_details": {
        "text_tokens": 421,
        "audio_tokens": 974,
        "cached_tokens": 1088,
        "cached_tokens_details": {"text_tokens": 384, "audio_tokens": 704},
    },
    "output_token_details": {"text_tokens": 34, "audio_tokens": 207},
}


def test_cached_tokens_are_not_paid_twice() -> None:
    usage = read_usage(FULL)
    price = price_of("gpt-realtime-2.1")
    assert usage is not None and price is not None
    by_hand = ((421 - 384) * 4 + 384 * 0.4 + (974 - 704) * 32 + 704 * 0.4 + 34 * 24 + 207 * 64) / 1e6
    assert cost_of(usage, price) == Cost(pytest.approx(by_hand))  # type: ignore[arg-type]


def test_reasoning_is_inside_the_text_output_and_counted_once() -> None:
    raw = {**FULL, "output_token_details": {"text_tokens": 34, "audio_tokens": 207, "reasoning_tokens": 20}}
    assert read_usage(raw) == read_usage(FULL)


def test_without_the_split_of_cached_tokens_the_cost_is_an_estimate() -> None:
    details = {"text_tokens": 100, "audio_tokens": 900, "cached_tokens": 500}
    usage = read_usage({"input_tokens": 1000, "output_tokens": 0, "input_token_details": details})
    assert usage == Usage(Tokens(100, 900), Tokens(100, 400), Tokens(), is_estimate=True)


def test_tokens_without_details_are_text_and_nonsense_is_nothing() -> None:
    assert read_usage({"input_tokens": 7, "output_tokens": 3}) == Usage(Tokens(7), Tokens(), Tokens(3))
    odd: tuple[object, ...] = (None, [], {}, {"input_tokens": -5}, {"input_tokens": "many"}, {"input_tokens": True})
    for nonsense in odd:
        assert read_usage(nonsense) is None


def test_transcription_is_billed_by_the_second() -> None:
    usage = read_usage({"type": "duration", "seconds": 30})
    price = price_of("gpt-transcribe")
    assert usage is not None and price is not None
    assert cost_of(usage, price).usd == pytest.approx(0.00225)


@pytest.mark.parametrize("model", ["gpt-realtime-2025-08-28", "gpt-realtime", "gpt-realtime-latest"])
def test_dated_snapshots_have_the_price_of_their_model(model: str) -> None:
    assert price_of(model) == price_of("gpt-realtime")


def test_a_model_of_no_table_has_no_price() -> None:
    assert price_of("grok-voice-3") is None


def test_the_users_own_prices_win_figure_by_figure() -> None:
    own, problems = read_prices(
        {"gpt-realtime-2.1": {"audio_out": 70.0}, "mine": {"text_in": 1}, "bad": 3, "worse": {"x": 1}}
    )
    assert own["gpt-realtime-2.1"].audio_out == 70.0 and own["gpt-realtime-2.1"].audio_in == 32.0
    assert price_of("mine", own) == Price(text_in=1.0)
    assert len(problems) == 2 and "prices.bad" in problems[0] and "prices.worse.x" in problems[1]
