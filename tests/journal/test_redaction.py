"""A redacted session holds no word and no secret, whatever field it stood in, and still runs as it did."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, strategies as st

from tests.support.tapes import opening, told_tape, turn, typed
from voicechat.core import events as on
from voicechat.journal.bundle import Cleaner, talk_parts
from voicechat.journal.past_talk import read_talk
from voicechat.journal.redaction import redacted, without_secrets
from voicechat.journal.rerun import check
from voicechat.journal.tape import read_tape


def nothing(text: str) -> str:
    return text


def test_no_word_of_the_talk_is_left_and_times_stay(tmp_path: Path) -> None:
    tape = told_tape(
        tmp_path, [*opening(), *turn(1, "Zebras gallop", "Indeed they gallop.", cut=True), *typed("quietly")]
    )
    plain, hidden = read_talk(tape.folder), read_talk(tape.folder, redact=True)
    told = repr(hidden.rows) + repr(hidden.transcript)
    assert not [word for word in ("Zebras", "zebras", "gallop", "Indeed", "quietly") if word in told]
    assert [(line.turn.who, line.t, line.until, line.heard) for line in hidden.transcript.lines] == [
        (line.turn.who, line.t, line.until, line.heard) for line in plain.transcript.lines
    ]
    assert hidden.audio_file is None


def test_a_redacted_tape_still_runs_through_the_core_without_a_difference(tmp_path: Path) -> None:
    tape = told_tape(tmp_path / "a", [*opening(), *turn(1, "Hello", "Hi, 窓際の席を。", cut=True), *typed("more")])
    parts = {part.name: part.raw for part in talk_parts(tape.folder, Cleaner(nothing, ()), words=False, audio=True)}
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "session.jsonl").write_bytes(parts["tape/session.jsonl"])
    checked = check(read_tape(tmp_path / "b"))
    assert checked.difference is None and checked.inputs > 10
    assert "audio.wav" not in str(list(parts))


@given(st.dictionaries(st.sampled_from(["text", "whatever", "note", "title"]), st.text(min_size=1), min_size=1))
def test_an_unknown_field_is_redacted(fields: dict[str, str]) -> None:
    for value in redacted(fields).values():
        assert not any(letter.isalpha() and letter not in "xXжა𝒙字𠀀" for letter in value)


def test_secrets_go_even_where_words_may_stay() -> None:
    event = {
        "type": "session.created",
        "session": {
            "client_secret": {"value": "ek_abc", "expires_at": 1},
            "tools": [{"type": "mcp", "server_label": "x", "authorization": "Bearer abc", "headers": {"X": "y"}}],
            "instructions": "Be kind.",
            "max_output_tokens": 100,
        },
    }
    told = json.dumps(without_secrets(event))
    assert "ek_abc" not in told and "Bearer" not in told and '"y"' not in told
    assert "Be kind." in told and '"max_output_tokens": 100' in told


def test_the_folder_of_the_tape_is_not_shared(tmp_path: Path) -> None:
    note = on.SoundNoted("This talk is recorded, in /home/anna/tapes/2026 x.", "info", "tape_began")
    tape = told_tape(tmp_path, [*opening(), (0.1, lambda state, now: note), *turn(1, "Hello", "Hi.")])
    for redact in (False, True):
        told = read_talk(tape.folder, redact=redact)
        assert "anna" not in repr(told.rows)
        assert [line.turn.who for line in told.transcript.lines] == ["you", "assistant"]
