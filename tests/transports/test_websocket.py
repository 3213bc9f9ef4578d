"""What only a line over WebSocket does: the request, refusals, the end, microphone, sound and translation."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from tests.support.each import each
from tests.support.peers import Pcm, eventually, loudness, pitch, silence, tone
from tests.support.service import GREETING, Handler, Heard, SocketServer, always, created, delta, finished, listening
from voicechat.audio.send_pace import Uplink, Waiting
from voicechat.audio.sound_format import SoundFormat
from voicechat.audio.stream_queue import StreamQueue
from voicechat.errors import SignallingError
from voicechat.transports import microphone, upgrade, websocket
from voicechat.transports.line_codec import RealtimeCodec
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


class Looks:
    """How much waits at the gate, and how often the line has looked: once a frame of 20 ms at least."""

    def __init__(self, waiting: Waiting = lambda: None) -> None:
        self._waiting = waiting
        self._count = 0

    def __call__(self) -> float | None:
        self._count += 1
        return self._waiting()

    async def later(self, frames: int = 10) -> None:
        """Return when so many more frames could have left, whatever the machine takes for them."""
        until = self._count + 2 * frames
        await eventually(lambda: self._count >= until)


def hum(hertz: float, seconds: float) -> Pcm:
    make = tone(hertz)
    return np.concatenate([make() for _ in range(round(seconds * 50))])


# What only a line over WebSocket does: the request, refusals, the end, and pings


async def test_the_request_carries_model_key_and_the_users_own_headers_and_query() -> None:
    async with talking(headers={"OpenAI-Beta": "realtime=v1"}, query={"intent": "talk"}) as talk:
        (seen,) = talk.server.seen
    assert seen.path == "/v1/realtime" and seen.query == {"model": "some model", "intent": "talk"}
    assert seen.headers["authorization"] == f"Bearer {KEY}" and seen.headers["openai-beta"] == "realtime=v1"


async def test_the_key_travels_as_the_service_wants_it_and_a_beta_header_only_where_asked() -> None:
    choices: tuple[dict[str, Any], ...] = ({"auth_style": "api-key"}, {"auth_style": "query"}, {"key": ""})
    for wishes in choices:
        async with talking(**wishes) as talk:
            (seen,) = talk.server.seen
        assert "authorization" not in seen.headers and "openai-beta" not in seen.headers
        sent = seen.headers.get("api-key"), seen.query.get("api-key")
        assert sent == {"api-key": (KEY, None), "query": (None, KEY)}.get(wishes.get("auth_style", ""), (None, None))


async def test_an_address_of_its_own_replaces_the_one_below_the_base_url() -> None:
    server, line = SocketServer(), WebSocketLine(uplink=silence, heard=Heard())
    async with server.serving() as url:
        where = url.replace("http", "ws") + "/api/v9/session?tenant=a"
        await line.open(target("https://nowhere.invalid", websocket_url=where))
        await line.close(hang_up=True)
    assert server.seen[0].path == "/api/v9/session" and server.seen[0].query == {"tenant": "a", "model": "some model"}


@each("url", ["ws://u:p@host/x", "ftp://host", "wss://", "wss://host:99999/x"])
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
            with pytest.raises(SignallingError, match="redirects to another"):
                await WebSocketLine(uplink=silence, heard=Heard()).open(target(url))
    assert seen == []


async def never(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


async def closes(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.close(code=4000, message=b"invalid_request_error.beta_api_shape_disabled")
    return socket


async def complains_and_closes(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_json({"type": "error", "error": {"code": "invalid_api_key", "message": "Incorrect API key"}})
    await socket.close(code=1000)
    return socket


@pytest.mark.parametrize(
    ("handler", "code", "says", "retryable"),
    [
        (never, "timeout", "did not answer in time", True),
        (closes, "beta_api_shape_disabled", "beta dialect", False),
        (complains_and_closes, "invalid_api_key", "Incorrect API key", False),
    ],
)
async def test_a_service_that_never_answers_or_opens_only_to_close_has_refused(
    handler: Handler, code: str, says: str, retryable: bool
) -> None:
    heard = Heard()
    async with listening(handler) as url:
        with pytest.raises(SignallingError, match=says) as refusal:
            await WebSocketLine(uplink=silence, heard=heard).open(target(url, connect_timeout=0.2))
    assert (refusal.value.code, refusal.value.retryable) == (code, retryable) and heard.ends.empty()
    with pytest.raises(SignallingError) as refusal:
        await WebSocketLine(uplink=silence, heard=Heard()).open(target("http://127.0.0.1:9"))
    assert refusal.value.code == "refused"


async def test_a_service_that_never_greets_is_open_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RealtimeCodec, "patience", 0.05)
    async with talking(SocketServer(greeting=None)) as talk:
        assert talk.line.send('{"type": "x"}') == ""
        assert await asyncio.wait_for(talk.server.texts.get(), 5) == '{"type": "x"}'


@pytest.mark.parametrize(
    ("code", "reason", "words", "name"),
    [
        (1001, b"session_expired", "maximum duration", "session_expired"),
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
        begins, looks = talk.line._clock(), itertools.count(1)
        monkeypatch.setattr(talk.line, "_clock", lambda: begins + 0.1 * next(looks))
        monkeypatch.setattr(websocket, "LOOK_EVERY", 0.0)
        await eventually(lambda: next(looks) > 40)  # four seconds of its watch
        assert talk.heard.ends.empty() and talk.line.stats().rtt is None
        assert talk.line.send('{"type": "x"}') == ""


async def test_an_orderly_goodbye_is_said_after_what_still_waits() -> None:
    async with talking() as talk:
        for number in range(50):
            talk.line.send(json.dumps({"type": "x", "n": number}))
        await talk.line.close(hang_up=True)
        await asyncio.wait_for(talk.server.closed.wait(), 5)
        assert talk.server.close_code == 1000 and talk.server.texts.qsize() == 50


# How the microphone travels over a WebSocket: paced appends, silence, formats, and services that refuse it


async def test_sound_is_appended_in_small_pieces_at_the_pace_of_a_voice() -> None:
    async with talking(uplink=tone(440), chunk=0.04) as talk:
        began = time.monotonic()
        await eventually(lambda: len(talk.server.appended) >= 20)
        took = time.monotonic() - began
        assert 0.6 < took < 2.0
        assert {len(piece) for piece in talk.server.appended[2:]} <= {1_918, 1_920, 1_922}
        assert pitch(talk.server.heard()[-24_000:]) == pytest.approx(440, abs=4)


async def test_a_closed_mic_sends_silence_so_that_the_service_ends_the_turn() -> None:
    async with talking(uplink=silence) as talk:
        await eventually(lambda: len(talk.server.appended) >= 5)
        assert not any(b"".join(talk.server.appended))


async def test_where_turns_are_ours_only_what_is_open_leaves_and_its_tail() -> None:
    frames: list[Pcm] = []
    opened: list[float] = []
    looks = Looks(lambda: 0.02 if opened else None)
    async with talking(uplink=lambda: frames.pop(0) if frames else silence(), waiting=looks) as talk:
        await talk.server.say(formats("audio/pcm", None))
        await talk.text("session.updated")
        await looks.later()
        before = len(talk.server.appended)
        await looks.later()
        assert len(talk.server.appended) == before
        opened.append(1.0)
        await eventually(lambda: len(talk.server.appended) >= before + 3)  # open and silent: it flows
        opened.clear()
        frames += [np.full(960, 9, np.int16)] * 3  # what the gate still had
        await eventually(lambda: any(b"".join(talk.server.appended)))
        await looks.later()
        quiet = len(talk.server.appended)
        await looks.later()
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
    looks = Looks()
    async with talking(uplink=tone(440), waiting=looks) as talk:
        await eventually(lambda: talk.server.appended)
        assert talk.line.send('{"type": "session.update", "session": {"audio": {"input": {"format": 1}}}}') == ""
        await asyncio.wait_for(talk.server.texts.get(), 5)
        held = len(talk.server.appended)
        await looks.later()
        assert len(talk.server.appended) == held
        talk.server.form = SoundFormat(form, 8_000)
        await talk.server.say(formats(kind))
        await eventually(lambda: len(talk.server.appended) >= held + 40)
        assert pitch(talk.server.heard(held)[-24_000:]) == pytest.approx(440, abs=4)
        await talk.server.speak(np.concatenate([tone(880)() for _ in range(1)] + [hum(880, 1.0)]))
        await talk.text("response.done")
        assert pitch((await talk.play(0.9))[-24_000:]) == pytest.approx(880, abs=6)
        assert talk.line.stats().codec.startswith("G.711")


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
    looks = Looks()
    async with talking(uplink=tone(440), waiting=looks) as talk:
        for number in range(3):
            error = {"code": "invalid_value", "message": "no such sound", "event_id": f"mic-{number}"}
            await talk.server.say(json.dumps({"type": "error", "error": error}))
        await eventually(lambda: talk.heard.notes)
        await looks.later()
        before = len(talk.server.appended)
        await looks.later()
        assert len(talk.server.appended) == before
        assert talk.heard.notes == [("The service refuses the microphone's sound: no such sound", "sound_refused")]


async def test_a_service_that_does_not_read_is_told_once_and_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "LONGEST_SOUND", 0.2)
    async with talking(SocketServer(reads=False, answers_pings=False), uplink=tone(440)) as talk:
        for _ in range(40):  # fill what the two systems buffer
            talk.line.send(json.dumps({"type": "x", "much": "y" * 400_000}))
        await eventually(lambda: talk.heard.notes)
        assert talk.heard.notes == [(microphone.NOT_KEEPING_UP, "slow_line")]
        refusals = [talk.line.send(json.dumps({"type": "x", "much": "y" * 4_000_000})) for _ in range(10)]
        assert "too slow" in refusals[-1]


# The assistant's sound over a WebSocket: clocks of what was played, flushes, and services that misbehave


async def test_an_answer_is_played_and_its_clock_is_told() -> None:
    async with talking() as talk:
        assert await talk.heard.text() == GREETING
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
    looks = Looks()
    async with talking(waiting=looks) as talk:
        await talk.server.say(created(), delta(b"\x10\x27" * 4_800))
        await talk.text("audio.delta")
        at = time.monotonic()
        for n in range(30):
            talk.line.pull(at + n / 100, 480)
        # Still in the same turn of the loop: more comes before the news is passed on.
        assert talk.line._open is not None
        talk.line._open.queue.add(1, "item_1", np.full(4_800, 5, np.int16))
        await looks.later()
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


@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta"], ids=["ga", "beta"])
async def test_odd_byte_counts_make_no_noise(kind: str) -> None:
    async with talking() as talk:
        data = np.full(24_000, 9_000, "<i2").tobytes()
        cuts = [data[at : at + 333] for at in range(0, len(data), 333)]
        await talk.server.say(created(), *(delta(piece, kind=kind) for piece in cuts), finished())
        await talk.text("response.done")
        steady = (await talk.play(0.9))[4_800:40_000]
        assert np.abs(steady.astype(int) - 9_000).max() < 30


async def test_a_message_beyond_all_measure_ends_the_line_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade, "LARGEST_MESSAGE", 100_000)
    async with talking() as talk:
        await talk.server.say(delta(bytes(200_000)))
        assert "a message of more than" in await talk.heard.end() and talk.heard.codes == ["message_too_large"]


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


# The WebSocket line in a translation session: its own address, its own names, one stream of sound


def piece(pcm: Pcm, **form: object) -> str:
    audio = base64.b64encode(pcm.astype("<i2").tobytes()).decode()
    return json.dumps({"type": "session.output_audio.delta", "delta": audio, **form})


def sine(rate: int, seconds: float) -> Pcm:
    return (9_000 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


async def test_the_address_and_the_names_are_those_of_translations_and_it_says_goodbye() -> None:
    server = SocketServer()
    async with talking(server, uplink=lambda: hum(200, 0.02), api="translation", chunk=0.2) as talk:
        assert server.seen[0].path.startswith("/v1/realtime/translations")
        await eventually(lambda: server.order.count("session.input_audio_buffer.append") >= 2)
        assert set(server.order) == {"session.input_audio_buffer.append"}
        await talk.line.close(hang_up=True)
        await asyncio.wait_for(server.closed.wait(), 5)
        assert server.order[-1] == "session.close" and '{"type":"session.close"}' in talk.heard.shown


async def test_the_last_syllable_is_sent_before_the_goodbye() -> None:
    pulled = itertools.count()
    newest = [0]

    def uplink() -> Pcm:
        newest[0] = next(pulled)
        return hum(200, 0.02)

    async with talking(uplink=uplink, api="translation", chunk=0.2) as talk:
        await eventually(lambda: newest[0] % 10 >= 3)
        frames = newest[0]
        await talk.line.close(hang_up=True)
        await asyncio.wait_for(talk.server.closed.wait(), 5)
        events = [json.loads(talk.server.texts.get_nowait()) for _ in range(talk.server.texts.qsize())]
    sent = sum(len(base64.b64decode(event["audio"])) for event in events if "audio" in event)
    assert sent >= frames * 960, "20 ms of 24 kHz each"


async def test_a_session_update_never_pauses_the_microphone_of_gpt_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_FORMAT_ANSWER", 60.0)
    server = SocketServer(greeting={"type": "session.started", "session": {"model": "gpt-live-1"}})
    async with talking(server, uplink=tone(440), api="live") as talk:
        update = {"type": "session.update", "session": {"audio": {"input": {"format": {"type": "audio/pcm"}}}}}
        assert talk.line.send(json.dumps(update)) == ""
        before = len(server.order)
        await eventually(lambda: server.order[before:].count("session.input_audio.append") >= 20)


async def test_its_sound_is_played_at_the_rate_and_in_the_channels_it_names() -> None:
    async with talking(api="translation", chunk=0.2) as talk:
        for pcm, form in (
            (sine(24_000, 0.5), {}),
            (sine(24_000, 0.5), {"sample_rate": 24_000, "channels": 1}),
            (sine(16_000, 0.5), {"sample_rate": 16_000, "channels": 1}),
            (np.repeat(sine(24_000, 0.5), 2), {"sample_rate": 24_000, "channels": 2}),
        ):
            await talk.server.say(piece(pcm, **form), '{"type":"session.output_transcript.delta","delta":"x"}')
            await talk.text("output_transcript")
            played = await talk.play(0.8)
            assert abs(pitch(np.trim_zeros(played)) - 440) < 8, form


async def test_after_a_flush_the_stream_goes_on_with_what_comes_next() -> None:
    async with talking(api="translation", chunk=0.2) as talk:
        await talk.server.say(piece(sine(24_000, 3.0)), '{"type":"session.output_transcript.delta","delta":"x"}')
        await talk.text("output_transcript")
        assert (await talk.play(0.5)).any()
        talk.line.flush()
        assert not (await talk.play(0.5)).any()
        await talk.server.say(piece(sine(24_000, 0.5)), '{"type":"session.output_transcript.delta","delta":"y"}')
        await talk.text("output_transcript")
        assert (await talk.play(0.5)).any()


async def test_odd_pieces_of_sound_end_nothing() -> None:
    odd: list[dict[str, object]] = [
        {"delta": "?", "sample_rate": 24_000},
        {"delta": "AAAA", "sample_rate": "fast", "channels": [2]},
        {"delta": "AAAA", "sample_rate": -1, "channels": 9},
        {"delta": None},
        {},
    ]
    async with talking(api="translation", chunk=0.2) as talk:
        for one in odd:
            await talk.server.say(json.dumps({"type": "session.output_audio.delta", **one}))
        await talk.server.say(piece(sine(24_000, 0.5)), '{"type":"session.output_transcript.delta","delta":"x"}')
        await talk.text("output_transcript")
        assert (await talk.play(0.6)).any()
