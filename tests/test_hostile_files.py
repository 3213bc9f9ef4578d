"""Whatever stands in a file that somebody was sent: logs, tapes, settings and filters are read, or refused in words.

More examples by command: `python -m pytest tests/test_hostile_files.py --hypothesis-profile night`.
"""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from voicechat.config.load import load
from voicechat.config.session_file import read_session_text
from voicechat.config.settings import Settings
from voicechat.errors import ConfigError, TapeError
from voicechat.insight.report import as_plain, diagnose
from voicechat.journal.index import Film
from voicechat.journal.rerun import check
from voicechat.journal.source import open_source
from voicechat.journal.tape import EVENTS_FILE, read_tape
from voicechat.protocol.client_events import CLIENT_EVENTS
from voicechat.protocol.server_events import SERVER_EVENTS
from voicechat.ui.inspector.matching import _compares
from voicechat.ui.inspector.query import BadTerm, Query, parse

LONG = int("9" * 400)
NUMBERS = st.sampled_from([0, -1, 0.5, 1e17, -1e300, LONG, -LONG, 1_790_000_000_000, 2**63, True])
NAMES = st.sampled_from(
    ["type", "t", "at", "dir", "event", "input", "effect", "session", "item", "item_id", "response"]
)
FIELDS = st.sampled_from(["audio_end_ms", "error", "delta", "timestamp", "direction", "payload", "usage", "connection"])
KINDS = st.sampled_from(
    [*SERVER_EVENTS, *CLIENT_EVENTS, "malformed", "mic.closed", "Received", "LineOpened", "TimePassed"]
)
LEAVES: st.SearchStrategy[object] = st.none() | NUMBERS | KINDS | st.text(max_size=8) | st.just({})
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | FIELDS, inner, max_size=5),
    max_leaves=12,
)
EVENTS = st.dictionaries(NAMES | FIELDS, VALUES, max_size=5).flatmap(
    lambda fields: KINDS.map(lambda kind: {**fields, "type": kind})
)
WRAPPED = st.builds(
    lambda t, way, event: {"t": t, "dir": way, "event": event},
    NUMBERS | VALUES,
    st.sampled_from(["in", "out", "local", "sent", [1], None]),
    EVENTS | VALUES,
)
DEEP = '{"t":1,"event":' + "[" * 2000 + "]" * 2000 + "}"
LINES = (EVENTS | WRAPPED | VALUES).map(json.dumps) | st.text(max_size=60) | st.just(DEEP)


def report(text: str) -> dict[str, Any]:
    found = as_plain(diagnose(io.BytesIO(text.encode("utf-8", "replace")), "a log"))
    return dict(json.loads(json.dumps(found)))


@given(st.lists(LINES, max_size=8))
@example(['{"type":["x"],"t":1}', '{"type":["x"],"t":1}'])
@example(['{"t":1,"dir":"in","event":{"type":"error"}}', '{"t":1,"dir":"in","event":{"type":["error"]}}'])
@example([json.dumps({"type": "session.created", "t": LONG, "timestamp": LONG})])
@example([json.dumps({"type": "input_audio_buffer.speech_started", "audio_start_ms": LONG, "t": 1})])
@example([f"12:00:01 input_audio_buffer.speech_started audio_start_ms: {'9' * 5000}"])
@example([DEEP] * 3)
def test_any_log_is_diagnosed(lines: list[str]) -> None:
    assert "findings" in report("\n".join(lines))


@given(st.lists(EVENTS, min_size=1, max_size=6))
def test_any_document_of_events_is_diagnosed(events: list[object]) -> None:
    assert "findings" in report(json.dumps(events))


@given(st.lists(LINES, max_size=8))
@example(['{"t":1e17,"dir":"in","event":{"type":"session.created"}}'])
@example([json.dumps({"t": LONG, "at": LONG, "dir": "in", "event": {"type": "session.created"}})])
@example([json.dumps({"t": 1, "at": 1, "input": {"type": "Received", "connection": LONG}})])
@example(['{"t":1,"dir":"in","event":{"type":"response.output_audio.delta","delta":"<99999999999 bytes of base64>"}}'])
@example([DEEP])
def test_any_tape_is_shown_or_refused(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / EVENTS_FILE
        head = '{"tape": 1, "started_at": "2026-11-21T10:00:00+00:00"}'
        file.write_text("\n".join([head, *(line.replace("\n", " ") for line in lines), ""]), errors="replace")
        film = Film(open_source(Path(folder)), Settings())
        film.develop(float("inf"))
        assert film.length < 1e8
        film.shot(film.length)
        try:
            check(read_tape(Path(folder)))
        except TapeError as refused:
            assert refused.message


PARTS = ["..>1", ".[]=1", ".a[0]>", ".a.b~x", "after:", "9" * 400, ":00", "turn:", "gap:>", "-", '"', "k", " "]
FILTERS = st.lists(st.sampled_from(PARTS) | st.text(max_size=6), max_size=6).map("".join) | st.text(max_size=200)


@given(FILTERS, LEAVES)
def test_any_filter_is_understood_or_refused(text: str, value: object) -> None:
    query = parse(text)
    assert isinstance(query, Query | BadTerm)
    for term in query.terms if isinstance(query, Query) else ():
        assert (term.name == "payload") == bool(term.path)
    for compare in (">", "=", "!=", "~"):
        _compares(value, compare, "9" * 400)


@given(
    st.lists(
        st.sampled_from(["a", ".", " = ", "\n", "[", "]", '"', "nan", "1e999", "9" * 400, "{", "}", "base_url"]) | NAMES
    )
)
def test_any_configuration_is_read_or_refused(parts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.toml"
        file.write_text("".join(parts))
        for read in (lambda: load({}, {}, file), lambda: read_session_text("".join(parts), "it")):
            try:
                read()
            except ConfigError as refused:
                assert refused.message


@pytest.mark.parametrize("url", ["http://[", "http://a:99999", "//[::1", "http://a:x"])
def test_an_address_that_cannot_be_split_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="no address"):
        load({"base_url": url}, {})
