"""Who asks too often, and who that is behind a proxy."""

from __future__ import annotations

import pytest

from tests.support.each import each
from voicechat.token_server import Rates, client_of


def test_so_many_in_any_minute_and_then_the_time_to_wait() -> None:
    rates = Rates(3)
    assert [rates.wait("a", now) for now in (0.0, 10.0, 20.0)] == [0.0, 0.0, 0.0]
    assert rates.wait("a", 30.0) == pytest.approx(30.0)
    assert rates.wait("b", 30.0) == 0.0
    assert rates.wait("a", 60.0) == 0.0
    assert rates.wait("a", 60.1) == pytest.approx(9.9)


def test_a_refused_request_costs_no_further_waiting_and_a_burst_is_counted_once() -> None:
    rates = Rates(1)
    for burst in (1, 2):
        began = 60.0 * (burst - 1)
        assert rates.wait("a", began) == 0.0
        for now in range(1, 60):
            assert rates.wait("a", began + now) == pytest.approx(60.0 - now)
        assert rates.bursts == burst


def test_many_clients_never_take_more_room() -> None:
    rates = Rates(1, most_clients=100)
    for number in range(5_000):
        rates.wait(f"client {number}", 0.0)
    assert rates.clients == 100


PROXY = frozenset({"10.0.0.1"})


@each(
    ("peer", "forwarded", "who"),
    [
        ("9.9.9.9", "1.2.3.4", "9.9.9.9"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::/64"),
        ("10.0.0.1", "[2001:db8::2]", "2001:db8::/64"),
        ("::ffff:9.9.9.9", "", "9.9.9.9"),
        ("", "", ""),
    ],
)
def test_only_the_trusted_proxys_own_word_is_believed(peer: str, forwarded: str, who: str) -> None:
    assert client_of(peer, forwarded, PROXY) == who
