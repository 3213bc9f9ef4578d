"""What only a line over WebSocket does: paced appends, clocks of what was played, pings, close codes, bad services."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from tests.support.call_server import always, listening, read
from tests.support.peers import Pcm, eventually, loudness, pitch, silence, tone
from tests.support.socket_server import GREETING, Heard, SocketServer, created, delta, finished
from voicechat.audio.send_pace import Uplink, Waiting
from voicechat.audio.sound_format import SoundFormat
from voicechat.audio.stream_queue import StreamQueue
from voicechat.errors import SignallingError
from voicechat.transports import microphone, outbox, upgrade, websocket
from voicechat.transports.target import LineTarget
from voicechat.transports.websocket import WebSocketLine

KEY = "sk-websocket-secret"


def target(url: str, **other: Any) -> LineTarget:
    return replace(LineTarget(base_url=url, key=KEY, model="some model"), **other)


def session_said(kind: str = "session.updated", **session: Any) -> str:
    return json.dumps({"type": kind, "session": session})


def formats(kind: str, turn_detection: object = "absent") -> str:
    form = {"type": kind, "rate": 24_000} if kind == "audio/pcm" else {"type": kind}
    heard: dict[str, object] = {"format": form}
    if turn_detection != "absent":
        heard["turn_detection"] = turn_detection
    return session_said(audio={"input": heard, "output": {"format": form}})


@dataclass
class Talk:
    server: SocketServer
    line: WebSocketLine
    heard: Heard
    url: str

    async def text(self, kind: str) -> str:
        """The next event of a type."""
        while kind not in (text := await self.heard.text()):
            pass
        return text

    async def play(self, seconds: float) -> Pcm:
        """Pull so much at once: the queue's clock goes by what is pulled."""
        at = time.monotonic()
        return np.concatenate([self.line.pull(at + n / 100, 480) for n in range(round(seconds * 100))])


@asynccontextmanager
async def talking(
    server: SocketServer | None = None, uplink: Uplink = silence, waiting: Waiting = lambda: None, **wishes: Any
) -> AsyncIterator[Talk]:
    server, heard = server or SocketServer(), Heard()
    line = WebSocketLine(uplink=uplink, heard=heard, waiting=waiting)
    async with server.serving() as url:
        await line.open(target(url, **wishes))
        try:
            yield Talk(server, line, heard, url)
        finally:
            await line.close(hang_up=False)


async def test_the_request_carries_model_key_and_the_users_own_headers_and_query() -> None:
    async with talking(headers={"OpenAI-Beta": "realtime=v1"}, query={"intent": "talk"}) as talk:
        (seen,) = talk.server.seen
    assert seen.path == "/v1/realtime" and seen.query == {"model": "some model", "intent": "talk"}
    assert seen.headers["authorization"] == f"Bearer {KEY}" and seen.headers["openai-beta"] == "realtime=v1"


@pytest.mark.parametrize(("style", "place"), [("api-key", "header"), ("query", "query")])
async def test_the_key_travels_as_the_service_wants_it(style: str, place: str) -> None:
    async with talking(auth_style=style) as talk:
        (seen,) = talk.server.seen
    assert "authorization" not in seen.headers
    assert (seen.headers.get("api-key") if place == "header" else seen.query.get("api-key")) == KEY


async def test_no_beta_header_is_sent_unless_somebody_wants_it_and_no_key_is_no_header() -> None:
    async with talking(key="") as talk:
        assert "openai-beta" not in talk.server.seen[0].headers and "authorization" not in talk.server.seen[0].headers


async def test_an_address_of_its_own_replaces_the_one_below_the_base_url() -> None:
    server, line = SocketServer(), WebSocketLine(uplink=silence, heard=Heard())
    async with server.serving() as url:
        where = url.replace("http", "ws") + "/api/v9/session?tenant=a"
        await line.open(target("https://nowhere.invalid", websocket_url=where))
        await line.close(hang_up=True)
    assert server.seen[0].path == "/api/v9/session" and server.seen[0].query == {"tenant": "a", "model": "some model"}


@pytest.mark.parametrize("url", ["ws://u:p@host/x", "ftp://host", "wss://", "wss://host:99999/x"])
def test_an_address_nobody_can_call_is_told_before_anything_is_sent(url: str) -> None:
    with pytest.raises(SignallingError, match="WebSocket address"):
        upgrade.address(target("https://x", websocket_url=url))


async def test_no_key_travels_unencrypted_to_another_machine() -> None:
    line = WebSocketLine(uplink=silence, heard=Heard())
    for wish in (target("http://192.0.2.1"), target("https://x", websocket_url="ws://192.0.2.1/x")):
        with pytest.raises(SignallingError, match="without encryption"):
            await line.open(wish)


@pytest.mark.parametrize(
    ("status", "body", "words", "code", "retryable"),
    [
        (401, '{"error": {"message": "Incorrect key sk-websocket-secret", "code": "invalid_api_key"}}', "Incorrect key",
         "invalid_api_key", False),
        (403, "", "does not allow", "", False),
        (404, '{"detail": "Not Found"}', "Not Found", "", False),
        (429, '{"error": {"message": "Slow down", "code": "rate_limit_exceeded"}}', "Slow down",
         "rate_limit_exceeded", True),
        (503, "busy", "busy", "", True),
        (200, "hello", "takes no WebSocket", "no_websocket", False),
        (502, "<html><body>Bad gateway</body></html>", "web page", "html", True),
    ],
)  # fmt: skip
async def test_a_refused_upgrade_is_told_in_the_services_own_words(
    status: int, body: str, words: str, code: str, retryable: bool
) -> None:
    handler, _ = always(status, body, Retry_After="7")
    line = WebSocketLine(uplink=silence, heard=Heard())
    async with listening(handler) as url:
        with pytest.raises(SignallingError) as refusal:
            await line.open(target(url))
    error = refusal.value
    assert words in error.message and error.status == status and error.retryable is retryable and error.code == code
    assert KEY not in f"{error} {error.hint}"


async def test_a_redirect_never_carries_the_key_to_another_host() -> None:
    elsewhere, seen = always(200)
    async with listening(elsewhere) as there:

        async def handler(request: web.Request) -> web.StreamResponse:
            return web.Response(
                status=307, headers={"Location": there.replace("127.0.0.1", "localhost") + "/v1/realtime"}
            )

        async with listening(handler) as url:
            with pytest.raises(SignallingError, match="sends us on"):
                await WebSocketLine(uplink=silence, heard=Heard()).open(target(url))
    assert seen == []


async def test_a_service_that_never_answers_the_upgrade_is_given_up() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    async with listening(handler) as url:
        with pytest.raises(SignallingError) as refusal:
            await WebSocketLine(uplink=silence, heard=Heard()).open(target(url, connect_timeout=0.2))
    assert refusal.value.code == "timeout" and refusal.value.retryable


async def test_nothing_listening_is_told_as_such() -> None:
    with pytest.raises(SignallingError) as refusal:
        await WebSocketLine(uplink=silence, heard=Heard()).open(target("http://127.0.0.1:9"))
    assert refusal.value.code == "refused"


async def test_a_service_that_opens_only_to_close_has_refused() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        await read(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close(code=4000, message=b"invalid_request_error.beta_api_shape_disabled")
        return socket

    heard = Heard()
    async with listening(handler) as url:
        with pytest.raises(SignallingError) as refusal:
            await WebSocketLine(uplink=silence, heard=heard).open(target(url))
    assert refusal.value.code == "beta_api_shape_disabled" and heard.ends.empty()


async def test_an_error_as_first_word_and_a_close_are_a_refusal_with_its_code() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        error = {"code": "invalid_api_key", "message": "Incorrect API key provided"}
        await socket.send_json({"type": "error", "error": error})
        await socket.close(code=1000)
        return socket

    async with listening(handler) as url:
        with pytest.raises(SignallingError, match="Incorrect API key") as refusal:
            await WebSocketLine(uplink=silence, heard=Heard()).open(target(url))
    assert refusal.value.code == "invalid_api_key" and not refusal.value.retryable


async def test_a_service_that_never_greets_is_open_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_FIRST_WORD", 0.05)
    async with talking(SocketServer(greeting="")) as talk:
        assert talk.line.send('{"type": "x"}') == ""
        assert await asyncio.wait_for(talk.server.texts.get(), 5) == '{"type": "x"}'


@pytest.mark.parametrize(
    ("code", "reason", "words", "name"),
    [
        (1001, b"session_expired", "longest time", "session_expired"),
        (1011, b"oh no", "oh no", "close 1011"),
        (1013, b"", "overloaded", "close 1013"),
    ],
)
async def test_the_end_of_a_session_is_told_with_its_reason_and_code(
    code: int, reason: bytes, words: str, name: str
) -> None:
    async with talking() as talk:
        await talk.server.socket.close(code=code, message=reason)
        assert words in await talk.heard.end() and talk.heard.codes == [name]


async def test_a_dead_line_is_noticed_by_missing_pongs() -> None:
    async with talking(SocketServer()) as talk:
        await eventually(lambda: talk.line.stats().rtt is not None)
        writer = talk.server.socket
        writer._autoping = False  # it reads on, but answers nothing any more
        assert "nothing came" in await talk.heard.end() and talk.heard.codes == ["line_lost"]


async def test_a_service_that_never_answers_pings_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with talking(SocketServer(answers_pings=False)) as talk:
        await asyncio.sleep(1.8)
        assert talk.heard.ends.empty() and talk.line.stats().rtt is None
        assert talk.line.send('{"type": "x"}') == ""


async def test_an_orderly_goodbye_is_said_after_what_still_waits() -> None:
    async with talking() as talk:
        for number in range(50):
            talk.line.send(json.dumps({"type": "x", "n": number}))
        await talk.line.close(hang_up=True)
        await asyncio.wait_for(talk.server.closed.wait(), 5)
        assert talk.server.close_code == 1000 and talk.server.texts.qsize() == 50


# the microphone


async def test_sound_is_appended_in_small_pieces_at_the_pace_of_a_voice() -> None:
    async with talking(uplink=tone(440), chunk=0.04) as talk:
        began = time.monotonic()
        await eventually(lambda: len(talk.server.appended) >= 20)
        took = time.monotonic() - began
        assert 0.6 < took < 2.0
        assert {len(piece) for piece in talk.server.appended[2:]} <= {1_918, 1_920, 1_922}
        assert pitch(talk.server.heard()[-24_000:]) == pytest.approx(440, abs=4)


async def test_silence_flows_while_the_mic_is_closed_because_the_service_listens_for_the_end_of_a_turn() -> None:
    async with talking(uplink=silence) as talk:
        await eventually(lambda: len(talk.server.appended) >= 5)
        assert not any(b"".join(talk.server.appended))


async def test_where_turns_are_ours_only_what_is_open_leaves_and_its_tail() -> None:
    frames: list[Pcm] = []
    opened: list[float] = []
    async with talking(
        uplink=lambda: frames.pop(0) if frames else silence(), waiting=lambda: 0.02 if opened else None
    ) as talk:
        await talk.server.say(formats("audio/pcm", None))
        await talk.text("session.updated")
        await asyncio.sleep(0.1)
        before = len(talk.server.appended)
        await asyncio.sleep(0.2)
        assert len(talk.server.appended) == before
        opened.append(1.0)
        await eventually(lambda: len(talk.server.appended) >= before + 3)  # open and silent: it flows
        opened.clear()
        frames += [np.full(960, 9, np.int16)] * 3  # what the gate still had
        await eventually(lambda: any(b"".join(talk.server.appended)))
        await asyncio.sleep(0.15)
        quiet = len(talk.server.appended)
        await asyncio.sleep(0.1)
        assert len(talk.server.appended) == quiet


async def test_a_commit_comes_after_the_last_sample_that_left_the_gate() -> None:
    async with talking(uplink=tone(440), chunk=0.04) as talk:
        await eventually(lambda: len(talk.server.appended) >= 3)
        assert talk.line.send('{"type": "input_audio_buffer.commit"}') == ""
        await asyncio.wait_for(talk.server.texts.get(), 5)
        assert talk.server.order[-1] == "input_audio_buffer.commit" or "append" in talk.server.order[-1]
        before = talk.server.order.index("input_audio_buffer.commit")
        assert talk.server.order[before - 1] == "input_audio_buffer.append"


@pytest.mark.parametrize(("kind", "form"), [("audio/pcmu", "pcmu"), ("audio/pcma", "pcma")])
async def test_g711_is_spoken_once_the_service_has_agreed_and_not_a_sample_before(kind: str, form: Any) -> None:
    async with talking(uplink=tone(440)) as talk:
        await eventually(lambda: talk.server.appended)
        assert talk.line.send('{"type": "session.update", "session": {"audio": {"input": {"format": 1}}}}') == ""
        await asyncio.wait_for(talk.server.texts.get(), 5)
        held = len(talk.server.appended)
        await asyncio.sleep(0.15)
        assert len(talk.server.appended) == held
        talk.server.form = SoundFormat(form, 8_000)
        await talk.server.say(formats(kind))
        await eventually(lambda: len(talk.server.appended) >= held + 40)
        assert pitch(talk.server.heard(held)[-24_000:]) == pytest.approx(440, abs=4)
        await talk.server.speak(np.concatenate([tone(880)() for _ in range(1)] + [hum(880, 1.0)]))
        await talk.text("response.done")
        assert pitch((await talk.play(0.9))[-24_000:]) == pytest.approx(880, abs=6)
        assert talk.line.stats().codec.startswith("G.711")


def hum(hertz: float, seconds: float) -> Pcm:
    make = tone(hertz)
    return np.concatenate([make() for _ in range(round(seconds * 50))])


async def test_a_service_with_another_rate_gets_and_gives_it() -> None:
    server = SocketServer(form=SoundFormat("pcm16", 16_000))
    async with talking(
        server, uplink=tone(440), input_format=("pcm16", 16_000), output_format=("pcm16", 16_000)
    ) as talk:
        await eventually(lambda: len(server.appended) >= 40)
        assert pitch(server.heard()[-24_000:]) == pytest.approx(440, abs=4)
        await server.speak(hum(880, 1.0))
        await talk.text("response.done")
        assert pitch((await talk.play(0.9))[-24_000:]) == pytest.approx(880, abs=4)


async def test_of_the_microphone_one_piece_a_second_is_shown() -> None:
    async with talking(uplink=tone(440)) as talk:
        await eventually(lambda: len(talk.server.appended) >= 60)
        assert 1 <= len(talk.heard.shown) <= 3
        shown = json.loads(talk.heard.shown[0])
        assert shown["type"] == "input_audio_buffer.append" and shown["event_id"] == "mic-1"


async def test_a_service_that_refuses_the_microphone_is_not_asked_fifty_times_a_second() -> None:
    async with talking(uplink=tone(440)) as talk:
        for number in range(3):
            error = {"code": "invalid_value", "message": "no such sound", "event_id": f"mic-{number}"}
            await talk.server.say(json.dumps({"type": "error", "error": error}))
        await eventually(lambda: talk.heard.notes)
        await asyncio.sleep(0.1)
        before = len(talk.server.appended)
        await asyncio.sleep(0.2)
        assert len(talk.server.appended) == before
        assert talk.heard.notes == [("The service refuses the microphone's sound: no such sound", "sound_refused")]


async def test_a_service_that_does_not_read_is_told_once_and_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "LONGEST_SOUND", 0.2)
    async with talking(SocketServer(reads=False, answers_pings=False), uplink=tone(440)) as talk:
        for _ in range(40):  # fill what the two systems buffer
            talk.line.send(json.dumps({"type": "x", "much": "y" * 400_000}))
        await eventually(lambda: talk.heard.notes)
        assert talk.heard.notes == [(microphone.NOT_KEEPING_UP, "slow_line")]
        refusals = [talk.line.send(json.dumps({"type": "x", "much": "y" * 4_000_000})) for _ in range(10)]
        assert "does not keep up" in refusals[-1]


# the assistant's sound


async def test_an_answer_is_played_and_its_clock_is_told() -> None:
    async with talking() as talk:
        await talk.server.speak(hum(880, 1.0))
        await talk.text("response.done")
        assert talk.line.stats().buffer == pytest.approx(1.0, abs=0.02)
        await talk.play(0.5)
        await eventually(lambda: talk.heard.played)
        assert talk.heard.times_emptied == 0
        await talk.play(0.7)
        await asyncio.wait_for(talk.heard.emptied.wait(), 5)
        item, seconds, moving = talk.heard.played[-1]
        assert (item, moving) == ("item_1", False) and seconds == pytest.approx(1.0, abs=0.005)


async def test_the_beta_names_of_sound_are_understood() -> None:
    async with talking() as talk:
        await talk.server.say(created(), delta(b"\x10\x27" * 4_800, kind="response.audio.delta"), finished())
        await talk.text("response.done")
        assert loudness((await talk.play(0.15))[:9_000]) > 5_000


async def test_after_a_flush_nothing_of_that_answer_is_heard_however_late_it_comes() -> None:
    async with talking() as talk:
        await talk.server.say(created(), delta(b"\x10\x27" * 24_000))
        await talk.text("audio.delta")
        assert loudness(await talk.play(0.2)) > 5_000
        talk.line.flush()
        await talk.server.say(delta(b"\x10\x27" * 24_000), finished(), created("resp_2"))
        await talk.text("resp_2")
        assert not (await talk.play(0.5)).any()
        await talk.server.say(delta(b"\x10\x27" * 2_400, response="resp_2", item="item_2"), finished("resp_2"))
        await talk.text("response.done")
        assert loudness((await talk.play(0.1))[:4_000]) > 5_000


async def test_emptied_is_not_told_when_more_has_come_meanwhile() -> None:
    async with talking() as talk:
        await talk.server.say(created(), delta(b"\x10\x27" * 4_800))
        await talk.text("audio.delta")
        at = time.monotonic()
        for n in range(30):
            talk.line.pull(at + n / 100, 480)
        # Still in the same turn of the loop: more comes before the news is passed on.
        assert talk.line._open is not None
        talk.line._open.queue.add(1, "item_1", np.full(4_800, 5, np.int16))
        await asyncio.sleep(0.05)
        assert talk.heard.times_emptied == 0


# services that misbehave


async def test_garbage_in_the_sound_is_left_out_told_once_and_never_ends_the_line() -> None:
    async with talking() as talk:
        piece = {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i"}
        for bad in ("%%%=", "A", 7, None, {"x": 1}, "not base64 at all!"):
            await talk.server.say(json.dumps(piece | {"delta": bad}))
        await talk.server.say("not json", "[1, 2]", '"text"', "", "{" * 50_000, '{"type": 5, "delta": 6}')
        await talk.server.socket.send_bytes(b"\xff\xfe\x00")
        await talk.server.say(delta(b"\x10\x27" * 4_801 + b"\x10", response="r", item="i"), finished("r"))
        await talk.text("response.done")
        assert loudness((await talk.play(0.15))[:9_000]) > 5_000
        assert [code for _, code in talk.heard.notes] == ["bad_sound"] and talk.heard.ends.empty()


async def test_odd_byte_counts_make_no_noise() -> None:
    async with talking() as talk:
        data = np.full(24_000, 9_000, "<i2").tobytes()
        cuts = [data[at : at + 333] for at in range(0, len(data), 333)]
        await talk.server.say(created(), *(delta(piece) for piece in cuts), finished())
        await talk.text("response.done")
        steady = (await talk.play(0.9))[4_800:40_000]
        assert np.abs(steady.astype(int) - 9_000).max() < 30


async def test_a_message_beyond_all_measure_ends_the_line_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade, "LARGEST_MESSAGE", 100_000)
    async with talking() as talk:
        await talk.server.say(delta(bytes(200_000)))
        assert "a message of more than" in await talk.heard.end() and talk.heard.codes == ["close 1009"]


async def test_an_endless_answer_is_cut_and_the_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StreamQueue.__init__, "__defaults__", (3.0,))
    async with talking() as talk:
        await talk.server.say(created(), *[delta(b"\x10\x27" * 24_000)] * 8, finished())
        await talk.text("response.done")
        assert talk.line.stats().buffer == pytest.approx(3.0, abs=0.6)
        assert [code for _, code in talk.heard.notes] == ["long_answer"]


async def test_a_service_that_names_no_response_is_played_and_can_be_silenced() -> None:
    async with talking() as talk:
        bare = json.loads(delta(b"\x10\x27" * 4_800))
        del bare["response_id"]
        await talk.server.say(json.dumps(bare))
        await talk.text("audio.delta")
        assert loudness(await talk.play(0.1)) > 4_000
        talk.line.flush()
        await talk.server.say(json.dumps(bare))
        await talk.text("audio.delta")
        assert not (await talk.play(0.3)).any()


async def test_the_greeting_is_handed_on_like_any_event() -> None:
    async with talking() as talk:
        assert await talk.heard.text() == GREETING
