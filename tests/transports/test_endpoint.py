"""What people type as an address, and where a key may go."""

from __future__ import annotations

import pytest

from tests.support.each import each
from voicechat.errors import SignallingError
from voicechat.transports.endpoint import endpoint, is_loopback, is_same_service, may_carry_key, proxy_for


@each(
    ("typed", "asked"),
    [
        ("https://api.openai.com", "https://api.openai.com/v1/realtime/calls"),
        ("https://api.openai.com/", "https://api.openai.com/v1/realtime/calls"),
        ("https://api.openai.com/v1", "https://api.openai.com/v1/realtime/calls"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1/realtime/calls"),
        (" https://api.openai.com/v1\n", "https://api.openai.com/v1/realtime/calls"),
        ("api.openai.com", "https://api.openai.com/v1/realtime/calls"),
        ("wss://api.openai.com/v1/realtime", "https://api.openai.com/v1/realtime/calls"),
        ("https://api.openai.com/v1/realtime/calls", "https://api.openai.com/v1/realtime/calls"),
        ("localhost:8080", "http://localhost:8080/v1/realtime/calls"),
        ("127.0.0.1:8080/", "http://127.0.0.1:8080/v1/realtime/calls"),
        ("http://[::1]:9/v1", "http://[::1]:9/v1/realtime/calls"),
        ("https://x.openai.azure.com/openai/v1/", "https://x.openai.azure.com/openai/v1/realtime/calls"),
        ("https://gw.example/openai", "https://gw.example/openai/v1/realtime/calls"),
        ("https://gw.example/api/paas/v4", "https://gw.example/api/paas/v4/realtime/calls"),
        ("https://gw.example/v1beta/", "https://gw.example/v1beta/realtime/calls"),
        ("https://gw.example/v1?team=a", "https://gw.example/v1/realtime/calls?team=a"),
    ],
)
def test_every_way_to_write_a_base_url_means_the_same_service(typed: str, asked: str) -> None:
    assert endpoint(typed, "realtime/calls") == asked


@each("typed", ["", "   ", "https://", "ftp://host", "http://host:99999", "http://host:x", "://", "http://[::1"])
def test_an_address_that_is_none_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(SignallingError) as caught:
        endpoint(typed, "realtime/calls")
    assert "https://api.openai.com/v1" in caught.value.hint and not caught.value.retryable


def test_a_password_in_the_address_is_refused_without_being_shown() -> None:
    with pytest.raises(SignallingError) as caught:
        endpoint("https://me:hunter2@host/v1", "realtime/calls")
    assert "hunter2" not in str(caught.value)


HERE = ("localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]")
ELSEWHERE = ("", "localhost.example.com", "192.168.1.1", "10.0.0.1", "0.0.0.0", "example.com", "127.0.0.1.evil.example")


def test_this_machine_is_known_from_others_and_a_key_travels_encrypted_or_not_at_all() -> None:
    assert [is_loopback(host) for host in (*HERE, *ELSEWHERE)] == [True] * len(HERE) + [False] * len(ELSEWHERE)
    urls = ("https://api.example/v1", "http://127.0.0.1:80/v1", "http://192.168.1.9/v1")
    assert [may_carry_key(url) for url in urls] == [True, True, False]


@each(
    ("here", "there", "same"),
    [
        ("https://a.example/x", "https://a.example/y", True),
        ("https://a.example/x", "https://a.example:443/y", True),
        ("http://localhost:80/x", "https://localhost/y", True),
        ("https://a.example/x", "http://a.example/y", False),
        ("https://a.example/x", "https://b.example/x", False),
        ("https://a.example/x", "https://a.example.evil/x", False),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:9000/x", False),
    ],
)
def test_a_redirect_stays_with_a_service_or_leaves_it(here: str, there: str, same: bool) -> None:
    assert is_same_service(here, there) is same


@pytest.mark.parametrize(
    ("set_to", "url", "through"),
    [
        ({"https_proxy": "proxy.example:3128"}, "https://api.example/v1", "http://proxy.example:3128"),
        ({"http_proxy": "http://p:1", "https_proxy": "http://p:1"}, "http://127.0.0.1:8000/v1", None),
        ({"https_proxy": "http://p:1", "no_proxy": "api.example"}, "https://api.example/v1", None),
        ({"all_proxy": "http://p:1"}, "https://api.example/v1", "http://p:1"),
        ({"all_proxy": "socks5://p:1", "https_proxy": "http://p:2"}, "https://api.example", "http://p:2"),
        ({"https_proxy": "http://p:1", "no_proxy": ".example"}, "https://api.example/v1", None),
        ({"https_proxy": "http://p:1", "no_proxy": "api.example:8443"}, "https://api.example:8443/v1", None),
        ({"https_proxy": "http://p:1", "no_proxy": "api.example:8443"}, "https://api.example/v1", "http://p:1"),
        ({"https_proxy": "http://p:1", "no_proxy": "a.example, 10.0.0.0/8"}, "https://10.1.2.3/v1", None),
        ({"https_proxy": "http://p:1", "no_proxy": "10.0.0.0/8"}, "https://11.1.2.3/v1", "http://p:1"),
        ({"https_proxy": "http://p:1", "no_proxy": "*"}, "https://api.example/v1", None),
    ],
)
def test_proxies_are_meant_as_other_programs_mean_them(
    monkeypatch: pytest.MonkeyPatch, set_to: dict[str, str], url: str, through: str | None
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in set_to.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == through


def test_a_proxy_of_another_kind_is_neither_misused_nor_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://me:secret@127.0.0.1:1080")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(SignallingError) as caught:
        proxy_for("https://api.example/v1")
    assert "but socks5" in caught.value.message and "secret" not in caught.value.message and caught.value.hint
