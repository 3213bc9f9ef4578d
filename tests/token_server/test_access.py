"""Who may ask a token server: programs of this computer, holders of the access token, pages that were named."""

from __future__ import annotations

import pytest

from tests.support.each import each
from voicechat.errors import ConfigError
from voicechat.token_server import AccessRules, read_origin
from voicechat.visitors import is_of_this_computer

ACCESS = "access-0123456789abcdef"
HERE = {"Host": "127.0.0.1:8766"}
PAGE = "https://app.example"


def test_a_program_of_this_computer_is_let_in_and_with_an_access_token_by_any_name() -> None:
    assert AccessRules().refusal(HERE) is None and AccessRules().has_access(HERE)
    assert AccessRules(ACCESS).refusal({"Host": "tokens.example"}) is None


@each(
    ("headers", "error"),
    [
        ({"Host": "evil.example:8766"}, "wrong_host"),
        ({}, "wrong_host"),
        ({**HERE, "Origin": "https://evil.example"}, "origin_not_allowed"),
        ({**HERE, "Origin": "null"}, "origin_not_allowed"),
        ({**HERE, "Sec-Fetch-Site": "cross-site"}, "origin_not_allowed"),
        ({**HERE, "Sec-Fetch-Site": "same-site"}, "origin_not_allowed"),
    ],
)
def test_pages_from_elsewhere_are_not(headers: dict[str, str], error: str) -> None:
    refused = AccessRules().refusal(headers)
    assert refused is not None and (refused.status, refused.error) == (403, error)


def test_a_page_that_was_named_is_let_in_and_may_read_the_answer() -> None:
    access_rules = AccessRules(origins=frozenset({PAGE}))
    headers = {**HERE, "Origin": PAGE, "Sec-Fetch-Site": "cross-site"}
    assert access_rules.refusal(headers) is None
    assert access_rules.cors(headers)["Access-Control-Allow-Origin"] == PAGE
    assert "Access-Control-Allow-Origin" not in access_rules.cors({**HERE, "Origin": "https://app.example.evil"})


def test_a_preflight_grants_get_and_the_access_header_only() -> None:
    granted = AccessRules(origins=frozenset({PAGE})).preflight(
        {"Origin": PAGE, "Access-Control-Request-Private-Network": "true"}
    )
    assert granted is not None
    assert granted["Access-Control-Allow-Methods"] == "GET"
    assert granted["Access-Control-Allow-Headers"] == "Authorization"
    assert granted["Access-Control-Allow-Private-Network"] == "true"
    assert AccessRules(origins=frozenset({PAGE})).preflight({"Origin": "https://evil.example"}) is None


@each(
    ("shown", "is_right"),
    [
        (f"Bearer {ACCESS}", True),
        (f"bearer {ACCESS}", True),
        (f"Basic {ACCESS}", False),
        (ACCESS, False),
        ("Bearer ", False),
        (f"Bearer {ACCESS}x", False),
        (f"Bearer {ACCESS[:-1]}", False),
        ("Bearer \udcff\udcfe", False),
        ("", False),
    ],
)
def test_the_access_token_must_be_shown_whole(shown: str, is_right: bool) -> None:
    assert AccessRules(ACCESS).has_access({"Authorization": shown} if shown else {}) is is_right
    assert ACCESS not in repr(AccessRules(ACCESS))


OURS = ("localhost", "localhost:1", "127.0.0.1", "127.9.9.9:80", "[::1]:8766")
OTHERS = ("", "localhost.evil", "192.168.1.2", "[::2]", "127.0.0.1.evil.example", "[bad")


def test_names_of_this_computer_are_told_from_others() -> None:
    hosts = [is_of_this_computer(f"http://{host}") for host in (*OURS, *OTHERS)]
    assert hosts == [True] * len(OURS) + [False] * len(OTHERS)


ORIGINS = {
    "https://app.example": "https://app.example",
    "https://app.example/": "https://app.example",
    "https://APP.example:443": "https://app.example",
    "http://127.0.0.1:5173": "http://127.0.0.1:5173",
    "http://[::1]:80": "http://[::1]",
}


def test_an_origin_is_read_as_browsers_send_it_and_what_is_none_is_refused() -> None:
    assert {text: read_origin(text) for text in ORIGINS} == ORIGINS
    for text in ("*", "https://*.example", "app.example", "https://a/b", "null", "https://a:x", "ws://a"):
        with pytest.raises(ConfigError, match="no origin"):
            read_origin(text)
