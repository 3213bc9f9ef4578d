"""The table of failures, a test a row: each is met as it is met in life, by the code that meets it, and the talk then
does what the row says."""

from __future__ import annotations

import ast
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest

import voicechat.failures
from tests.support.each import each
from tests.support.script import Talk, at, audio, created, heard, opened, script, sound_started
from voicechat.audio.devices import refusal_words
from voicechat.audio.echo import HalfDuplexProcessor
from voicechat.cli.doctor_services import _echo_check
from voicechat.core.effects import Connect
from voicechat.core.events import (
    ConnectWanted,
    DeviceLost,
    DeviceMissing,
    DeviceOpened,
    Event,
    LineFailed,
    LineLost,
    MicFlat,
    Noticed,
    PlaybackMoved,
    SelfEchoHeard,
    StopPressed,
    TalkPressed,
)
from voicechat.core.state import State, Wishes
from voicechat.errors import SignallingError
from voicechat.failures import FAILURES, UNKNOWN, as_sentence, by_name, failure_of
from voicechat.transports.endpoint import proxy_for
from voicechat.transports.refusals import closing, refused, refused_redirect, unreachable

HOST = "api.example"
KEY: Any = SimpleNamespace(host=HOST, port=443, ssl=True, is_ssl=True)
Meet = Callable[[], SignallingError]


@dataclass(frozen=True)
class Met:
    """How a failure is met while connecting, and what is to come of it."""

    meet: Meet
    says: str
    attempts: int
    """Calls in 20 s when the same goes on."""
    is_replaced: bool = False
    """By WebSocket, where WebRTC was tried."""


def http(status: int, code: str = "", words: str = "no") -> Meet:
    return lambda: refused(HOST, status, json.dumps({"error": {"message": words, "code": code}}), "", "")


def keyless() -> SignallingError:
    return refused(HOST, 401, '{"error": {"message": "no", "code": "invalid_api_key"}}', "", "", sent_none=True)


def page() -> SignallingError:
    return refused(HOST, 200, "<html>Log in</html>", "", "")


def network(error: BaseException) -> Meet:
    return lambda: unreachable(HOST, error, 10.0)


def encrypted(number: int) -> Meet:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = number
    return network(aiohttp.ClientConnectorCertificateError(KEY, error))


def plain() -> Meet:
    error = ssl.SSLError(1, "wrong version number")
    error.reason = "WRONG_VERSION_NUMBER"
    return network(aiohttp.ClientConnectorSSLError(KEY, error))


def closed(number: int, reason: str = "") -> Meet:
    def meet() -> SignallingError:
        why = closing(number, reason)
        return SignallingError(why.reason, hint=why.hint, retryable=why.retryable, code=why.code)

    return meet


def own(code: str, *, retryable: bool = False) -> Meet:
    return lambda: SignallingError("nothing came through", code=code, retryable=retryable)


def socks() -> SignallingError:
    with (
        patch("voicechat.transports.endpoint.getproxies", lambda: {"https": "socks5://127.0.0.1:1080"}),
        pytest.raises(SignallingError) as met,
    ):
        proxy_for(f"https://{HOST}/v1")
    return met.value


def proxy(status: int) -> Meet:
    request: Any = SimpleNamespace(real_url="http://proxy")
    return network(aiohttp.ClientHttpProxyError(request, (), status=status, message="no"))


AGAIN, ONCE = 6, 1
MET: dict[str, Met] = {
    "name": Met(network(aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "unknown"))), "cannot be found", AGAIN),
    "nothing listens": Met(network(aiohttp.ClientConnectorError(KEY, ConnectionRefusedError())), "listens", AGAIN),
    "unreachable": Met(network(aiohttp.ClientConnectorError(KEY, OSError(101, "no"))), "cannot be reached", AGAIN),
    "no answer": Met(network(TimeoutError()), "did not answer in time (10 s)", AGAIN, True),
    "hung up": Met(network(aiohttp.ServerDisconnectedError()), "closed the connection without an answer", AGAIN),
    "not HTTP": Met(network(aiohttp.ClientError()), "not proper HTTP", AGAIN),
    "no media": Met(own("no_media"), "nothing came through", AGAIN, True),
    "line lost": Met(closed(1006), "lost without a reason", AGAIN),
    "going away": Met(closed(1001), "going away", AGAIN),
    "busy": Met(http(503), "busy", AGAIN),
    "restart": Met(closed(1012), "restarts", AGAIN),
    "service down": Met(http(500), "an internal error", AGAIN),
    "certificate": Met(encrypted(26), "certificate or protocol was not accepted", ONCE),
    "certificate expired": Met(encrypted(10), "has expired", ONCE),
    "certificate too young": Met(encrypted(9), "not valid yet", ONCE),
    "certificate self-signed": Met(encrypted(18), "self-signed", ONCE),
    "certificate authority": Met(encrypted(20), "authority", ONCE),
    "certificate name": Met(encrypted(62), "another name", ONCE),
    "no encryption": Met(plain(), "does not speak TLS", ONCE),
    "proxy login": Met(proxy(407), "name and password", ONCE),
    "proxy": Met(proxy(403), "blocks this connection", ONCE),
    "proxy kind": Met(socks, "not an HTTP proxy, but socks5", ONCE),
    "proxy away": Met(network(aiohttp.ClientProxyConnectionError(KEY, OSError(111, "no"))), "cannot be reached", AGAIN),
    "web page": Met(page, "a web page (200)", ONCE),
    "token": Met(http(401, "", "Ephemeral token expired"), "has run out", 3),
    "key": Met(http(401, "invalid_api_key"), "did not accept the key", ONCE),
    "no key": Met(keyless, "needs a key, and none is set", ONCE),
    "access": Met(http(403), "does not allow this with this key", ONCE),
    "quota": Met(http(429, "insufficient_quota"), "no quota or credit", ONCE),
    "model": Met(http(404, "model_not_found"), "no such model", ONCE),
    "no WebRTC": Met(http(404), "no such address", ONCE, True),
    "no calls": Met(http(405), "takes no calls", ONCE, True),
    "handshake": Met(http(415), "kind of handshake", ONCE, True),
    "no description": Met(http(201), "not with a session description", ONCE),
    "request": Met(http(400, "invalid_value"), "rejected the request", ONCE),
    "redirect": Met(lambda: refused_redirect(f"https://{HOST}/v1", "https://b.example/"), "redirects to another", ONCE),
    "protocol": Met(closed(1002), "a protocol error", ONCE),
    "unreadable": Met(closed(1007), "could not read", ONCE),
    "too large": Met(closed(1009), "too large", ONCE),
    "huge message": Met(own("message_too_large"), "nothing came through", ONCE),
    "broken message": Met(own("broken_message"), "nothing came through", AGAIN),
    "policy": Met(closed(1008), "rules do not allow", ONCE),
    "own code": Met(closed(4321), "a non-standard code (4321)", ONCE),
    "dialect": Met(closed(4000), "beta dialect", ONCE),
    "engine": Met(own("engine"), "nothing came through", ONCE),
    "codec": Met(closed(1003), "does not accept this audio format", ONCE, True),
    "session time": Met(closed(1001, "session_expired"), "maximum duration", 3),
    "too many sessions": Met(closed(1008, "Too many connections"), "its limit of sessions", AGAIN),
    "rate limit": Met(http(429, "rate_limit_exceeded"), "refusing calls", AGAIN),
    "closed": Met(own("session_closed"), "nothing came through", ONCE),
    "filter": Met(own("content_filter"), "nothing came through", ONCE),
    "ended": Met(closed(1000), "ended the session", AGAIN),
}
"""Row -> how it is met on a line."""


def failed(met: Met, number: int) -> LineFailed:
    """As the session passes an adapter's error on."""
    error = met.meet()
    more = {"status": error.status, "code": error.code, "retry_after": error.retry_after}
    return LineFailed(number, error.message, hint=error.hint, retryable=error.retryable, **more)  # type: ignore[arg-type]


def going_on(met: Met) -> Talk:
    """20 s of a WebRTC-only talk in which every call meets the same."""
    talk = script(
        at(0.0, ConnectWanted()), begin=State(wishes=Wishes(provider="openai", transport="webrtc")), until=0.0
    )
    for tick in range(1, 200):
        line = talk.state.connection
        if line.phase == "connecting" and line.retry_at is None:
            talk.at(tick / 10).tell(failed(met, line.number))
        talk.at(tick / 10)
    return talk


@each("name", MET)
def test_failure_is_shown_in_its_words_and_retried_or_not(name: str) -> None:
    met = MET[name]
    error = met.meet()
    assert failure_of(error.code, error.status, error.message).name == name
    assert met.says in error.message and "\n" not in error.message
    talk = going_on(met)
    calls = len(talk.of(Connect))
    assert calls >= met.attempts if met.attempts == AGAIN else calls == met.attempts
    assert any(met.says in turn.text for turn in talk.state.conversation.turns if turn.who == "note")


@each("name", [name for name, met in MET.items() if met.is_replaced])
def test_webrtc_that_cannot_connect_is_replaced_by_websocket(name: str) -> None:
    begin = State(wishes=Wishes(provider="openai"))
    talk = script(at(0.0, ConnectWanted()), at(3.0, failed(MET[name], 1)), begin=begin, until=3.0)
    assert [(one.time, one.what.transport) for one in talk.of(Connect)] == [(0.0, "auto"), (3.0, "WebSocket")]
    assert talk.notices == ["websocket_instead"] and talk.state.connection.why


@each("number", [1002, 1003, 1007, 1008, 1009, 4321])
def test_connection_that_had_worked_is_retried_after_a_close_fatal_for_a_first_one(number: int) -> None:
    why = closing(number, "")
    talk = script(at(60.0, LineLost(1, why.reason, why.code)), begin=opened(), until=61.0)
    assert len(talk.of(Connect)) == 1
    again = script(at(-8.9, LineLost(1, why.reason, why.code)), begin=opened(), until=10.0)
    assert again.of(Connect) == []


DEVICES: dict[str, tuple[Event, str, str]] = {
    "permission": (MicFlat(5.0, "Slide the switch."), "Mic delivers only silence. Slide the switch.", "mic_flat"),
    "no loudspeaker": (DeviceMissing("none there", "", "loudspeaker"), "Answers cannot be heard", "no_loudspeaker"),
    "device lost": (DeviceLost("Mic", "unplugged"), "Sound stopped: unplugged", "device_lost"),
    "self-echo": (SelfEchoHeard(-22.0, 0.05, 9.0, "headphones"), "Your loudspeaker triggers", "self_echo"),
}


@each("name", DEVICES)
def test_what_fails_of_the_sound_is_told_and_the_line_stays(name: str) -> None:
    event, words, code = DEVICES[name]
    talk = script(at(1.0, event), begin=opened(), until=20.0)
    assert talk.notices == [code] and failure_of(code).name == name
    assert words in talk.state.conversation.turns[-1].text
    assert talk.state.connection.phase == "open" and talk.of(Connect) == []


def test_response_audio_that_never_becomes_audible_is_told_within_two_seconds() -> None:
    speaker = at(0.0, DeviceOpened("Mic", "Loudspeaker"))
    started = (speaker, at(0.0, created()), at(0.5, sound_started()))
    talk = script(*started, until=4.0)
    assert talk.news(Noticed)[0].time == 2.5 and talk.notices == ["inaudible"]
    assert "Nothing reaches your loudspeaker" in talk.state.conversation.turns[-1].text
    assert script(*started, at(2.4, heard()), until=6.0).notices == []
    assert script(*started, at(1.0, StopPressed()), until=6.0).notices == []
    received = (speaker, at(0.0, created()), at(0.1, audio("i1", 2.0)), at(0.5, PlaybackMoved(1, "i1", 0.4, 0.5)))
    silent = script(*received, begin=opened(transport="WebSocket"), until=4.0)
    assert silent.notices == ["inaudible"] and "sends silence" in silent.state.conversation.turns[-1].text
    stuck = script(*received[:3], begin=opened(transport="WebSocket"), until=4.0)
    assert stuck.notices == ["inaudible"] and "takes no sound" in stuck.state.conversation.turns[-1].text


def test_without_a_microphone_a_press_is_told_what_works_instead() -> None:
    talk = script(at(1.0, DeviceMissing("none was found", "Plug one in.")), at(2.0, TalkPressed("key")), until=3.0)
    assert talk.notices == ["no_microphone"]
    told = talk.state.conversation.turns[-1].text
    assert told == "There is no microphone: none was found. Plug one in. You can type instead."


@each(
    ("refusal", "name"),
    [
        ("Error opening stream: Permission denied", "forbidden"),
        ("Device unavailable [PaErrorCode -9985]", "in use"),
        ("Invalid sample rate [PaErrorCode -9997]", "sound format"),
        ("Internal PortAudio error", "device refused"),
    ],
)
def test_a_device_that_does_not_open_says_why(refusal: str, name: str) -> None:
    words, cure = refusal_words("“Mic”", refusal, has_mic=True)
    assert by_name(name).of("“Mic”") in words and cure


def test_without_an_echo_canceller_the_talk_is_half_duplex_and_the_doctor_says_so() -> None:
    check = _echo_check(HalfDuplexProcessor("no build for this system"))
    assert check.mark == "care" and by_name("no echo canceller").instead in check.text
    assert check.cure == by_name("no echo canceller").cure


def test_a_cure_becomes_a_sentence() -> None:
    cures = ("check base_url", "a firewall may be in the way", "Is it running?")
    sentences = ["Check base_url.", "A firewall may be in the way.", "Is it running?"]
    assert [as_sentence(cure) for cure in cures] == sentences


def test_every_row_is_met_somewhere_above() -> None:
    here = {*MET, *DEVICES, "no microphone", "forbidden", "in use", "sound format", "device refused", "inaudible"}
    assert {row.name for row in FAILURES} == here | {"no echo canceller"}


def test_each_code_status_and_close_code_has_one_row() -> None:
    for column in ("codes", "statuses", "closes"):
        values = [value for row in FAILURES for value in getattr(row, column)]
        assert len(values) == len(set(values)), column


def test_unknown_failure_is_retried_only_where_the_adapter_allows_it() -> None:
    assert failure_of("odd") is UNKNOWN and UNKNOWN.is_fatal
    assert not failure_of("odd", retryable=True).is_fatal


def test_failure_table_imports_nothing_of_the_package() -> None:
    tree = ast.parse(Path(voicechat.failures.__file__).read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any((name or "").startswith("voicechat") for name in names)
