"""The handshake against real servers on loopback that answer as servers in the wild do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

import aiohttp
import pytest
from aiohttp import web

from tests.support.each import each
from tests.support.service import Seen, always, listening, read
from voicechat.errors import SignallingError
from voicechat.failures import failure_of
from voicechat.transports import signalling
from voicechat.transports.endpoint import endpoint, is_loopback, is_same_service, may_carry_key, proxy_for
from voicechat.transports.probing import call_service
from voicechat.transports.signalling import CallAnswer, exchange_sdp, hang_up
from voicechat.transports.target import Handshake, LineTarget

KEY = "sk-secret-0123456789"
OFFER = "v=0\r\no=offer\r\n"
ANSWER = "v=0\r\no=answer\r\n"


def request(base_url: str) -> LineTarget:
    return LineTarget(
        base_url=base_url,
        key=KEY,
        model="gpt-realtime",
        session={"type": "realtime", "audio": {"output": {"voice": "marin"}}},
        connect_timeout=5.0,
    )


async def call(wanted: LineTarget, handshake: Handshake = "multipart") -> CallAnswer:
    async with aiohttp.ClientSession() as http:
        return await exchange_sdp(http, wanted, OFFER, handshake)


def taken(base_url: str, call_id: str) -> CallAnswer:
    """A call that is up."""
    place = f"{base_url}/v1/realtime/calls"
    return CallAnswer(OFFER, call_id, 201, url=place, location=f"{place}/{call_id}", key=KEY)


async def failure(wanted: LineTarget) -> SignallingError:
    """The error of a call that must fail: one sentence, a next step, and never the key."""
    with pytest.raises(SignallingError) as caught:
        await call(wanted)
    error = caught.value
    assert error.message and "\n" not in error.message and len(error.message) < 500
    assert error.hint
    assert KEY not in str(error) and KEY not in repr(error)
    return error


@asynccontextmanager
async def raw_server(reply: bytes | None) -> AsyncIterator[str]:
    """A TCP server that reads a little, then sends `reply` and hangs up; with None it never answers."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(64)
        if reply is not None:
            writer.write(reply)
            writer.close()
        else:
            await reader.read()
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.sleep(0)


async def test_one_request_carries_offer_and_configuration() -> None:
    handler, seen = always(201, ANSWER, Location="/v1/realtime/calls/rtc_u1_abc?x=1")
    async with listening(handler) as url:
        answer = await call(request(url))
    assert (answer.sdp, answer.call_id, answer.status) == (ANSWER, "rtc_u1_abc", 201)
    assert answer.configured and answer.handshake == "multipart"
    (one,) = seen
    assert (one.method, one.path, one.query) == ("POST", "/v1/realtime/calls", {})
    assert one.headers["authorization"] == f"Bearer {KEY}"
    assert one.parts["sdp"] == ("application/sdp", OFFER)
    kind, text = one.parts["session"]
    assert kind == "application/json"
    assert json.loads(text) == {
        "type": "realtime",
        "model": "gpt-realtime",
        "audio": {"output": {"voice": "marin"}},
    }


async def test_a_bare_offer_names_the_model_in_the_query() -> None:
    handler, seen = always(200, ANSWER)
    async with listening(handler) as url:
        wanted = replace(request(url), query={"tenant": "a b"}, headers={"X-Extra": "1"})
        answer = await call(wanted, "sdp")
    assert answer.call_id == "" and not answer.configured
    (one,) = seen
    assert one.query == {"tenant": "a b", "model": "gpt-realtime"}
    assert one.headers["content-type"] == "application/sdp" and one.headers["x-extra"] == "1"
    assert one.body == OFFER.encode()


async def test_without_a_key_none_is_sent_and_an_answer_in_json_is_unwrapped() -> None:
    handler, seen = always(201, json.dumps({"sdp": ANSWER, "model": "x"}), Content_Type="application/json")
    async with listening(handler) as url:
        assert (await call(replace(request(url), key=""))).sdp == ANSWER
        assert KEY not in repr(request(url))
    assert "authorization" not in seen[0].headers


@each("location", ["", "/", "/v1/realtime/calls/a b", "/calls/" + "x" * 500, "/calls/..%2f", "http://[bad"])
async def test_a_call_name_that_is_none_is_no_name(location: str) -> None:
    handler, _ = always(201, ANSWER, Location=location)
    async with listening(handler) as url:
        assert (await call(request(url))).call_id == ""


REFUSED = {"message": "Incorrect API key", "code": "invalid_api_key"}
NO_MODEL = {"message": "no model", "code": "model_not_found"}
SLOW = {"message": "slow down", "code": "rate_limit_exceeded"}
UNPAID = {"message": "no money", "type": "insufficient_quota"}
MISSING = [{"loc": ["query", "model"], "msg": "Field required"}]


@each(
    ("status", "body", "says", "retryable", "code"),
    [
        (401, {"error": REFUSED}, "did not accept the key", False, "invalid_api_key"),
        (403, {"error": {"message": "No access", "type": "permission"}}, "does not allow", False, "permission"),
        (404, {"detail": "Not Found"}, "has no such address", False, ""),
        (404, {"error": NO_MODEL}, "no model", False, "model_not_found"),
        (405, "", "takes no calls", False, ""),
        (415, {"detail": "application/sdp only"}, "does not take this kind of handshake", False, ""),
        (429, {"error": SLOW}, "slow down", True, "rate_limit_exceeded"),
        (429, {"error": UNPAID}, "no money", False, "insufficient_quota"),
        (500, "boom", "boom", True, ""),
        (502, "<html><body>Bad gateway</body></html>", "web page", True, "html"),
        (503, {"error": "session_limit_reached"}, "session_limit_reached", True, ""),
        (400, {"error": {"message": ["a", "list"]}}, "rejected the request", False, ""),
        (422, {"detail": MISSING}, ": query.model: Field req", False, ""),
        (400, "[" * 10_000, "rejected the request", False, ""),
        (400, "{" * 10_000, "rejected the request", False, ""),
        (400, {"error": None}, "rejected the request", False, ""),
    ],
)
async def test_every_refusal_has_a_sentence_a_next_step_and_an_answer_to_whether_again(
    status: int, body: object, says: str, retryable: bool, code: str
) -> None:
    handler, _ = always(status, body if isinstance(body, str) else json.dumps(body))
    async with listening(handler) as url:
        error = await failure(request(url))
    assert says in error.message
    assert (error.status, error.retryable, error.code) == (status, retryable, code)


async def test_a_key_that_was_never_given_is_asked_for_instead_of_doubted() -> None:
    handler, _ = always(401, json.dumps({"error": {"message": "You must be logged in", "code": "invalid_api_key"}}))
    async with listening(handler) as url:
        error = await failure(replace(request(url), key=""))
        with_a_header = await failure(replace(request(url), key="", headers={"X-Key": "abc"}))
    assert "needs a key, and none is set" in error.message and "VOICECHAT_API_KEY" in error.hint
    assert "did not accept" in with_a_header.message


DATE = "Wed, 21 Oct 2037 07:28:00 GMT"
WAITS = {"7": 7.0, "0.5": 0.5, "-3": 0.0, "999999": 3_600.0, DATE: 3_600.0, "soon": None, "nan": None, "": None}


@each(("header", "seconds"), WAITS.items())
async def test_a_wait_that_is_asked_for_is_passed_on(header: str, seconds: float | None) -> None:
    handler, _ = always(429, "{}", Retry_After=header)
    async with listening(handler) as url:
        assert (await failure(request(url))).retry_after == seconds


async def test_a_service_that_quotes_the_key_does_not_get_it_onto_the_screen() -> None:
    handler, _ = always(401, json.dumps({"error": {"message": f"bad key {KEY}\x1b[31m\nsecond line"}}))
    async with listening(handler) as url:
        error = await failure(request(url))
    assert "[key]" in error.message and "\x1b" not in error.message


@each(
    ("body", "says"),
    [
        ("", "not with a session description"),
        ("<!DOCTYPE html><html>", "web page"),
        ('{"error": {"message": "model is loading"}}', "model is loading"),
        ("hello", "hello"),
        ('{"sdp": 5}', "not with a session description"),
        (b"\xff\xfe\x00", "not with a session description"),
    ],
)
async def test_a_success_without_a_description_is_a_failure(body: str | bytes, says: str) -> None:
    handler, _ = always(200, body)
    async with listening(handler) as url:
        assert says in (await failure(request(url))).message


async def test_an_answer_without_end_is_cut_off() -> None:
    sent = 0

    async def endless(incoming: web.Request) -> web.StreamResponse:
        nonlocal sent
        await read(incoming)
        response = web.StreamResponse()
        await response.prepare(incoming)
        try:
            while sent < 50_000_000:
                await response.write(b"v=0\r\n" * 10_000)
                sent += 50_000
        except ConnectionError:
            pass
        return response

    async with listening(endless) as url:
        error = await failure(request(url))
    assert "far more" in error.message
    assert sent < 50_000_000


async def test_a_server_that_is_not_there_or_never_answers_may_be_tried_again() -> None:
    error = await failure(request("http://127.0.0.1:9"))
    assert "nothing listens" in error.message and error.retryable and error.code == "refused"
    error = await failure(request("https://no-such-host.invalid"))
    assert "cannot be found" in error.message and error.retryable and error.code == "dns"
    async with raw_server(None) as url:
        error = await failure(replace(request(url), connect_timeout=0.2))
    assert "did not answer in time (0.2 s)" in error.message and error.retryable and error.code == "timeout"


@each("reply", [b"", b"\x00\x01garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nv=0"])
async def test_a_server_that_does_not_speak_http_to_the_end_is_an_error(reply: bytes) -> None:
    async with raw_server(reply) as url:
        assert (await failure(request(url))).retryable


@each("url", ["http://192.0.2.1/v1", "http://example.com", "ws://10.0.0.1:8000"])
async def test_the_key_is_never_sent_unencrypted_to_another_machine(url: str) -> None:
    error = await failure(request(url))
    assert "without encryption" in error.message and not error.retryable
    with_header = replace(request(url), key="", headers={"Api-Key": KEY})
    assert "without encryption" in (await failure(with_header)).message


@each("key", ["sk-a b", "sk-a\r\nX: y", "sk-ä", "sk-\x00"])
async def test_a_key_with_impossible_characters_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(SignallingError) as caught:
        await call(replace(request("http://127.0.0.1:9"), key=key))
    assert key not in str(caught.value) and "copy it again" in caught.value.hint


async def test_a_header_that_cannot_be_sent_is_an_error_not_a_crash() -> None:
    handler, _ = always(201, ANSWER)
    async with listening(handler) as url:
        assert (await failure(replace(request(url), headers={"X": "a\nb"}))).code == "invalid"


async def test_a_redirect_to_another_host_is_not_followed_with_the_key() -> None:
    elsewhere, visitors = always(201, ANSWER)
    async with listening(elsewhere) as other:
        handler, _ = always(307, "", Location=f"{other}/v1/realtime/calls")
        async with listening(handler) as url:
            error = await failure(request(url))
    assert "redirects to another" in error.message and "base_url" in error.hint
    assert visitors == []


async def test_a_redirect_within_the_service_is_followed_with_everything() -> None:
    seen: list[Seen] = []

    async def moved(incoming: web.Request) -> web.StreamResponse:
        seen.append(await read(incoming))
        if incoming.path == "/v1/realtime/calls":
            return web.Response(status=308, headers={"Location": "/v2/calls/"})
        return web.Response(status=201, text=ANSWER)

    async with listening(moved) as url:
        assert (await call(request(url))).sdp == ANSWER
    assert [one.path for one in seen] == ["/v1/realtime/calls", "/v2/calls/"]
    assert seen[1].parts["sdp"][1] == OFFER and seen[1].headers["authorization"] == f"Bearer {KEY}"


@each("location", ["", "/v1/realtime/calls", "ftp://x/", "http://[bad", "http://x:y"])
async def test_a_redirect_that_leads_nowhere_ends(location: str) -> None:
    handler, seen = always(302, "", Location=location)
    async with listening(handler) as url:
        await failure(request(url))
    assert len(seen) <= 4


async def test_hanging_up_names_the_call() -> None:
    handler, seen = always(200, "")
    async with listening(handler) as url, aiohttp.ClientSession() as http:
        assert await hang_up(http, request(url), taken(url, "rtc_1")) == ""
    assert (seen[0].method, seen[0].path) == ("POST", "/v1/realtime/calls/rtc_1/hangup")
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"


async def test_hanging_up_never_raises_and_never_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signalling, "_HANG_UP_TIMEOUT", 0.2)
    handler, _ = always(404, "")
    nobody = "http://127.0.0.1:9"
    async with aiohttp.ClientSession() as http, listening(handler) as url, raw_server(None) as silent:
        for base, name, why in (
            (url, "rtc_1", "404"),
            (silent, "rtc_1", "could not be told"),
            (nobody, "rtc_1", "could not be told"),
            (nobody, "", "no name"),
            (nobody, "../../admin", "no name"),
            ("http://192.0.2.1", "rtc_1", "without encryption"),
        ):
            assert why in await hang_up(http, request(base), taken(base, name))


# Which handshake is found: what services that are not OpenAI answered, in their own words


async def test_a_gateway_that_takes_only_keys_it_minted_is_called_with_one() -> None:
    """LiteLLM 1.106: a standard key at `realtime/calls` is an "expired token" to it."""
    seen = []

    async def gateway(request: web.Request) -> web.Response:
        name, key = request.path.rsplit("/", 1)[-1], request.headers["Authorization"].removeprefix("Bearer ")
        seen.append((name, key))
        if name == "client_secrets":
            return web.json_response({"value": "ek_minted", "expires_at": 4e9, "session": {"type": "realtime"}})
        if key != "ek_minted":
            return web.json_response({"detail": "Invalid or expired token"}, status=401)
        return web.Response(status=201, text="v=0\r\n", content_type="application/sdp")

    async with listening(gateway) as url, aiohttp.ClientSession() as http:
        target = LineTarget(base_url=url, key=KEY, model="m", handshake="auto", connect_timeout=5.0)
        answer = await call_service(http, target, "v=0\r\n")
    assert answer.handshake == "client_secret" and answer.configured
    assert seen == [("calls", KEY), ("client_secrets", KEY), ("calls", "ek_minted")]
    assert answer.why == "multipart to /v1/realtime/calls got 401"


async def refusal(
    status: int, body: str, handshake: Handshake | Literal["auto"] = "auto"
) -> tuple[SignallingError, list[str]]:
    """What becomes of a call to a service that answers everything so, and the paths that were asked."""
    handler, seen = always(status, body, Content_Type="text/html" if body.startswith("<") else "application/json")
    async with listening(handler) as url, aiohttp.ClientSession() as http:
        target = LineTarget(base_url=url, key=KEY, model="m", handshake=handshake, connect_timeout=5.0)
        with pytest.raises(SignallingError) as caught:
            await call_service(http, target, "v=0\r\n")
    return caught.value, [one.path for one in seen]


async def test_a_key_that_is_wrong_is_not_tried_in_other_styles() -> None:
    body = '{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}'
    error, paths = await refusal(401, body)
    assert error.status == 401 and paths == ["/v1/realtime/calls"]


async def test_a_login_page_that_answers_everything_is_said_once_with_the_way_out() -> None:
    error, _ = await refusal(200, "<!DOCTYPE html><html><body>Please log in.</body></html>")
    assert "web page (200)" in error.message and "\n" not in error.message
    assert "log in with a browser first" in error.hint


@each("handshake", ["multipart", "client_secret", "auto"])
async def test_a_standard_key_called_an_expired_token_is_a_refused_key(handshake: Handshake | Literal["auto"]) -> None:
    error, _ = await refusal(401, '{"detail": "Invalid or expired token"}', handshake)
    assert "did not accept the key" in error.message and "valid" in error.hint and not error.retryable
    assert failure_of(error.code, error.status, error.message).name == "key"


# What people type as an address, and where a key may go


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
