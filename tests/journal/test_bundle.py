"""A report for a bug holds what explains it, and nothing that is nobody's business."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tests.support.each import each
from tests.support.tapes import opening, told_tape, turn
from voicechat.errors import ConfigError
from voicechat.journal.bundle import Cleaner, Part, machine_parts, readme, talk_parts, write
from voicechat.journal.secrets_scan import KEY, leaks, private_values, scrubbed
from voicechat.journal.tape import read_tape

SECRET = "correct-horse-battery-staple"
CLEANER = Cleaner(lambda text: text.replace("/home/anna", "~"), (SECRET,))
LOOKS = [
    "sk-proj-0123456789abcdef",
    "ek_0123456789abcdef",
    "AIza0123456789abcdef0123456789abcdef",
    "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    "Bearer 0123456789abcdef",
    "https://anna:hunter2hunter2@example.org",
]


def test_the_tape_in_it_can_be_read_and_tells_no_word(tmp_path: Path) -> None:
    tape = told_tape(tmp_path / "a", [*opening(), *turn(1, "Zebras", "They gallop.")], sound=True)
    parts = list(talk_parts(tape.folder, CLEANER, words=False, audio=False))
    assert [part.name for part in parts] == ["findings.json", "tape/session.jsonl"]
    assert not any(word in part.raw for part in parts for word in (b"Zebras", b"gallop"))
    (tmp_path / "session.jsonl").write_bytes(parts[1].raw)
    assert read_tape(tmp_path / "session.jsonl").head["redacted"] is True


def test_words_and_sound_come_only_when_asked_for(tmp_path: Path) -> None:
    tape = told_tape(tmp_path, [*opening(), *turn(1, f"My key is {SECRET}", "Do not tell.")], sound=True)
    parts = {part.name: part.raw for part in talk_parts(tape.folder, CLEANER, words=True, audio=True)}
    assert b"Do not tell." in parts["transcript.txt"] and b"Do not tell." in parts["tape/session.jsonl"]
    assert parts["tape/audio.wav"][:4] == b"RIFF"
    assert not any(SECRET.encode() in raw for raw in parts.values())
    assert KEY.encode() in parts["transcript.txt"]


def test_the_log_is_cleaned_of_names_and_keys(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text(f"opened /home/anna/x\nAuthorization: Bearer {'a' * 20}\n{SECRET}\n")
    parts = {part.name: part.raw.decode() for part in machine_parts([], {}, log, CLEANER)}
    assert parts["engine.log"] == f"opened ~/x\nAuthorization: {KEY}\n{KEY}\n"
    assert "aiortc" in json.loads(parts["versions.json"])


def test_the_archive_lists_itself(tmp_path: Path) -> None:
    out = io.BytesIO()
    parts = [Part("a.txt", "something", b"x")]
    write([*parts, readme(parts, words=False)], out, (SECRET,))
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == ["a.txt", "README.txt"]
        assert b"a.txt" in archive.read("README.txt") and b"is not in it" in archive.read("README.txt")


@each("left", [SECRET, *LOOKS])
def test_nothing_is_written_while_a_key_is_left(left: str) -> None:
    out = io.BytesIO()
    with pytest.raises(ConfigError, match=r"x\.json still held"):
        write([Part("x.json", "", json.dumps({"a": left}).encode())], out, (SECRET,))
    assert not out.getvalue()


@given(st.lists(st.sampled_from([SECRET, *LOOKS]) | st.text(max_size=20)))
def test_what_was_scrubbed_never_leaks(pieces: list[str]) -> None:
    assert not leaks(scrubbed(" ".join(pieces), (SECRET,)).encode("utf-8", "replace"), (SECRET,))


def test_ids_of_the_protocol_are_no_keys() -> None:
    told = '{"item_id": "item_85be3725e21457b7a211", "id": "resp_402cdb329ea6c3a0a7cd", "event_id": "event_000001"}'
    assert scrubbed(told, ()) == told


def test_only_private_variables_are_secrets() -> None:
    found = private_values(
        {"OPENAI_API_KEY": "sk-12345678", "MY_TOKEN": "abcdefgh", "HOME": "/home/anna", "X_TOKEN": "a"}
    )
    assert found == ("sk-12345678", "abcdefgh")
