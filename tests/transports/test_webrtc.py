"""The line over WebRTC against a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.support.each import each
from tests.support.peers import Pcm, eventually, loudness, pitch, silence, tone
from tests.support.service import Heard, RealServer, always, listening, wrapped
from voicechat.engine.ports import Line
from voicechat.errors import SignallingError
from voicechat.transports import webrtc
from voicechat.transports.target import LineTarget
from voicechat.transports.webrtc import Unwrapper, WebRtcLine


def target(url: str) -> LineTarget:
    return LineTarget(base_url=url, key="sk-test", model="m", session={"type": "realtime"})


async def listen(line: WebRtcLine, seconds: float) -> Pcm:
    frames = []
    for _ in range(round(seconds / 0.02)):
        await asyncio.sleep(0.02)
        frames.append(line.pull(time.monotonic()))
    return np.concatenate(frames)


async def test_a_line_carries_text_and_sound_both_ways_and_hangs_up() -> None:
    server, heard = RealServer(uplink=tone(880)), Heard()
    line = WebRtcLine(uplink=tone(440), heard=heard)
    as_port: Line = line
    async with server.serving() as url:
        opened = await line.open(target(url))
        assert opened.call_id == "rtc_1"
        assert [name for name, _ in opened.steps] == ["offer", "signalling", "ice", "dtls", "channel"]
        assert all(seconds >= 0.0 for _, seconds in opened.steps)
        (call,) = server.calls
        assert as_port.send('{"type": "response.create"}') == ""
        assert await asyncio.wait_for(call.texts.get(), 5) == '{"type": "response.create"}'
        assert call.peer.send('{"type": "session.created"}') == ""
        assert await asyncio.wait_for(heard.texts.get(), 5) == '{"type": "session.created"}'
        assert pitch((await listen(line, 1.2))[-24_000:]) == pytest.approx(880, abs=4)
        assert loudness(await call.listen(lambda pcm: loudness(pcm[-9_600:]) > 4_000)) > 0
        assert as_port.stats().codec == "opus" and line.stats().packets_received > 20
        await as_port.close(hang_up=True)
        assert server.hung_up == ["POST /v1/realtime/calls/rtc_1/hangup"]
        assert "other side" in await asyncio.wait_for(call.closed.get(), 5)
    assert heard.ends.empty()


async def test_the_handshake_carries_what_the_target_says() -> None:
    server = RealServer()
    line = WebRtcLine(uplink=silence, heard=Heard())
    async with server.serving() as url:
        wanted = replace(target(url), headers={"X-Team": "a"}, query={"q": "1"}, session={"instructions": "hi"})
        await line.open(wanted)
        await line.close(hang_up=False)
        await line.open(replace(wanted, handshake="sdp", path="realtime"))
        await line.close(hang_up=False)
    first, second = server.seen
    assert first.headers["x-team"] == "a" and first.query == {"q": "1"}
    assert json.loads(first.parts["session"][1]) == {"type": "realtime", "instructions": "hi", "model": "m"}
    assert second.path == "/v1/realtime" and second.query == {"q": "1", "model": "m"}
    assert server.hung_up == []


async def test_a_refused_call_leaves_nothing_open() -> None:
    threads = threading.active_count()
    handler, _ = always(401, '{"error": {"message": "no", "code": "invalid_api_key"}}')
    line = WebRtcLine(uplink=silence, heard=Heard())
    async with listening(handler) as url:
        with pytest.raises(SignallingError, match="did not accept the key"):
            await line.open(target(url))
        assert line.send("x") == "the connection is not open"
        assert not line.pull(0.0).any()
    await eventually(lambda: len(asyncio.all_tasks()) == 1)
    assert threading.active_count() <= threads + 1


def nowhere(sdp: str) -> str:
    """UDP is blocked: the answer is fine, but no packet ever comes through."""
    return re.sub(r"(a=candidate:\S+ 1 udp \d+) \S+ \d+", r"\1 127.0.0.1 9", sdp)


def without_candidates(sdp: str) -> str:
    kept = [line for line in sdp.splitlines() if not line.startswith(("a=candidate", "a=end-of"))]
    return "\r\n".join(kept) + "\r\n"


@pytest.mark.parametrize("change", [nowhere, without_candidates])
async def test_an_answer_that_leads_nowhere_ends_in_a_clear_sentence(
    change: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webrtc, "_LEAST_FOR_MEDIA", 0.3)
    wrong = "a=ice-pwd:wrongwrongwrongwrongwrong"
    server = RealServer(change_answer=lambda sdp: re.sub("a=ice-pwd:.*", wrong, change(sdp)))
    line = WebRtcLine(uplink=silence, heard=(heard := Heard()))
    async with server.serving() as url:
        with pytest.raises(SignallingError) as caught:
            await line.open(replace(target(url), connect_timeout=0.3))
        assert caught.value.message == "the server answered, but no packet came through"
        assert "WebSocket" in caught.value.hint and caught.value.retryable
        assert server.hung_up == ["POST /v1/realtime/calls/rtc_1/hangup"]
    assert heard.ends.empty()


async def test_a_call_given_up_half_way_leaves_nothing_open() -> None:
    asked = asyncio.Event()

    async def never(request: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    line = WebRtcLine(uplink=silence, heard=Heard())
    async with listening(never) as url:  # type: ignore[arg-type]  # it never returns at all
        opening = asyncio.ensure_future(line.open(target(url)))
        await asyncio.wait_for(asked.wait(), 10)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    assert line._peer is None and line._http is None


async def test_a_line_may_be_closed_at_any_time_and_opened_again() -> None:
    server = RealServer(uplink=tone(880))
    line = WebRtcLine(uplink=silence, heard=Heard())
    await line.close(hang_up=True)
    async with server.serving() as url:
        for _ in range(2):
            await line.open(target(url))
            assert loudness(await listen(line, 0.3)) > 100
            line.flush()
            await line.close(hang_up=True)
            await line.close(hang_up=True)
    assert server.hung_up == [f"POST /v1/realtime/calls/rtc_{n}/hangup" for n in (1, 2)]


# Messages in base64 and in parts become events; everything else passes untouched


EVENT = json.dumps({"type": "session.created", "session": {"instructions": "grüß dich " * 200}})


def test_a_long_message_is_put_together_whatever_the_order() -> None:
    unwrapper = Unwrapper()
    parts = wrapped(EVENT)
    assert len(parts) > 5
    said = [unwrapper.take(part) for part in reversed(parts)]
    assert said == [None] * (len(parts) - 1) + [EVENT]
    assert [unwrapper.take(part) for part in parts][-1] == EVENT
    assert Unwrapper().take(wrapped('{"type": "error"}')[0]) == '{"type": "error"}'


@each(
    "text",
    [
        '{"type": "response.done"}',
        "full_message",
        '{"type": "full_message"}',
        '{"type": "full_message", "data": "not base64!"}',
        '{"type": "full_message", "data": "/w=="}',
        '{"type": "partial_message", "id": "a", "data": "x", "fragment_index": 5, "total_fragments": 2}',
        '{"type": "partial_message", "id": "a", "data": "x", "fragment_index": -1, "total_fragments": 2}',
        '{"type": "partial_message", "id": "a", "data": "x", "fragment_index": 0, "total_fragments": 9999999}',
        '{"type": "error", "message": "\\"full_message\\""}',
        '["full_message"]',
        '{"type": "full_message", ',
    ],
)
def test_what_is_not_wrapped_is_left_as_it_is(text: str) -> None:
    assert Unwrapper().take(text) == text


def test_neither_unfinished_messages_nor_one_without_end_are_kept_for_ever() -> None:
    unwrapper = Unwrapper()
    part = {"type": "partial_message", "fragment_index": 0, "total_fragments": 2, "data": "x"}
    for number in range(1000):
        assert unwrapper.take(json.dumps(part | {"id": f"{number}"})) is None
    assert len(unwrapper._parts) <= 8
    endless = part | {"id": "a", "total_fragments": 60_000, "data": "x" * 1_000_000}
    for number in range(40):
        assert unwrapper.take(json.dumps(endless | {"fragment_index": number})) is None
        assert sum(len(data) for parts in unwrapper._parts.values() for data in parts.values()) <= 17_000_000
