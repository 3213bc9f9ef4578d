"""Where requests belong, what travels with them, and what of them is never shown."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from voicechat.errors import SignallingError
from voicechat.tap.calls import carried
from voicechat.tap.session import Reader
from voicechat.tap.upstream import Upstream, passed_on, secrets_of, shown_path

SDP = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"


ADDRESSES = {
    "https://api.openai.com/v1": "https://api.openai.com/v1",
    "wss://api.openai.com/v1/realtime": "https://api.openai.com/v1",
    "127.0.0.1:8080": "http://127.0.0.1:8080/v1",
    "https://res.openai.azure.com/openai/v1/": "https://res.openai.azure.com/openai/v1",
}


def test_an_upstream_may_be_written_as_people_write_addresses_or_is_refused() -> None:
    assert {given: Upstream(given).base_url for given in ADDRESSES} == ADDRESSES
    with pytest.raises(SignallingError):
        Upstream("")


def test_only_headers_of_one_connection_stay_behind() -> None:
    headers = CIMultiDict(
        {"Host": "127.0.0.1", "Connection": "Upgrade, X-Hop", "Upgrade": "websocket", "X-Hop": "1", "X-Mine": "2"}
    )
    headers.add("Set-Cookie", "a")
    headers.add("Set-Cookie", "b")
    assert list(passed_on(headers).items()) == [("X-Mine", "2"), ("Set-Cookie", "a"), ("Set-Cookie", "b")]


def test_keys_are_found_wherever_clients_put_them() -> None:
    headers = {
        "Authorization": "Bearer secret-one",
        "api-key": "secret-two",
        "Sec-WebSocket-Protocol": "realtime, openai-insecure-api-key.secret-three",
    }
    path = "/v1/realtime?model=m&api-key=secret-four"
    assert secrets_of(headers, path) == ("secret-one", "secret-two", "secret-three", "secret-four")
    assert shown_path(path) == "/v1/realtime?model=m&api-key=hidden"


def test_what_cannot_be_read_is_an_event_that_says_so() -> None:
    reader = Reader(["secret-one"])
    for raw in (b"{", b"[1]", b"\xff\xfe", b"", b"secret-one {"):
        event = reader.event(raw)
        assert event["type"] == "malformed" and "secret-one" not in str(event)


def test_a_description_is_found_in_every_body_and_only_it_is_replaced() -> None:
    form = (
        b'--xx\r\nContent-Disposition: form-data; name="session"\r\n\r\n{"a": 1}\r\n'
        b'--xx\r\nContent-Disposition: form-data; name="sdp"\r\nContent-Length: 30\r\n\r\n'
        + SDP.encode()
        + b"\r\n--xx--\r\n"
    )
    found = carried("multipart/form-data; boundary=xx", form)
    assert found is not None and found.sdp == SDP
    made = found.with_sdp("v=0 other")
    assert made == form.replace(SDP.encode(), b"v=0 other").replace(b"\r\nContent-Length: 30", b"")
    bare = carried("application/sdp", SDP.encode())
    assert bare is not None and bare.with_sdp("v=0 other") == b"v=0 other"
    wrapped = carried("application/json", b'{"model": "m", "sdp": "v=0\\r\\n"}')
    assert wrapped is not None and wrapped.with_sdp("v=0 other") == b'{"model":"m","sdp":"v=0 other"}'
    assert carried("application/json", b'{"session": {}}') is None and carried("text/plain", b"hello") is None
    assert carried("multipart/form-data; boundary=xx", b"--xx\r\nbroken") is None
