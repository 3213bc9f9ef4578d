"""STUN and TURN addresses, resolved before aiortc sees them."""

from __future__ import annotations

import asyncio

import pytest

from voicechat.rtc.ice_servers import resolved


async def test_none_is_none() -> None:
    assert await resolved(()) == []


async def test_names_become_numbers_and_credentials_are_kept_apart() -> None:
    stun, turn, tls = await resolved(
        ("stun:localhost:3478", "turn:me:secret@localhost?transport=tcp", "turns:me:secret@turn.example:5349")
    )
    assert stun.urls == "stun:127.0.0.1:3478"
    assert (turn.urls, turn.username, turn.credential) == ("turn:127.0.0.1?transport=tcp", "me", "secret")
    assert tls.urls == "turns:turn.example:5349"


@pytest.mark.parametrize("url", ["", "http://localhost", "stun:", "stun:a b", "turn:x@y@z", "stun:localhost:port"])
async def test_an_address_that_is_none_is_left_out(url: str) -> None:
    assert await resolved((url,)) == []


async def test_a_name_nobody_answers_for_is_left_out_after_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*args: object, **named: object) -> list[object]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    monkeypatch.setattr("voicechat.rtc.ice_servers._DEADLINE", 0.01)
    assert await resolved(("stun:stun.example:3478",)) == []
