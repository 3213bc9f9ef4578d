"""A redacted tape tells nobody's words and no secret, and the core decides over it as it did."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.random_talk import POLICIES, SCRIPTS
from tests.support.script import Recipe, conversation
from tests.support.tapes import tape_of, write_lines
from voicechat.core import user_events as did
from voicechat.core.events import ConnectWanted, LineOpened
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State, Wishes
from voicechat.journal.redact import concealer, masked, redacted
from voicechat.journal.rerun import check
from voicechat.journal.tape import read_tape

BY_HAND = (
    '{"type": "conversation.item.create", "item": {"type": "message", "role": "user", '
    '"content": [{"type": "input_text", "text": "my \\n secret"}]}}'
)
OPENING: list[tuple[float, Recipe]] = [
    (0.0, lambda state, now: ConnectWanted()),
    (0.1, lambda state, now: LineOpened(state.connection.number, configured=True)),
    (0.1, lambda state, now: did.TextEntered("Mein Name ist Größe 12")),
    (0.1, lambda state, now: did.RawEventEntered(BY_HAND)),
    (0.1, lambda state, now: did.SettingChosen("instructions", "be secretive")),
]


@settings(derandomize=True)
@given(SCRIPTS, st.sampled_from(POLICIES))
def test_a_redacted_tape_of_any_conversation_runs_again_without_a_difference(
    recipes: list[tuple[float, Recipe]], policy: TurnPolicy
) -> None:
    begin = State(wishes=Wishes(session={"type": "realtime", "model": "m", "instructions": "Be Größe"}, greeting="Hi"))
    with tempfile.TemporaryDirectory() as folder:
        tape = tape_of(conversation([*OPENING, *recipes], policy, begin), begin, policy, Path(folder))
        lines = [json.loads(line) for line in tape.events_file.read_text().splitlines()]
        write_lines(tape.events_file, [redacted({**lines[0], "redacted": True}), *map(redacted, lines[1:])])
        text = tape.events_file.read_text()
        checked = check(read_tape(tape.folder))
    assert checked.difference is None
    for word in ("Größe", "secret", "Name", "Mein", 'Hi"'):
        assert word not in text


@given(st.text(max_size=200))
def test_a_masked_text_is_as_long_as_it_was_and_masking_again_changes_nothing(text: str) -> None:
    hidden = masked(text)
    assert len(hidden) == len(text)
    assert len(hidden.encode("utf-8", "replace")) == len(text.encode("utf-8", "replace"))
    assert masked(hidden) == hidden
    assert hidden.split() == [masked(word) for word in text.split()]


@pytest.mark.parametrize("text", ["Hello, Anna-Lena!", "你好吗", "Привет", "สวัสดี", "한국어 42"])
def test_no_letter_of_any_alphabet_is_left(text: str) -> None:
    assert not set(masked(text)) & {one for one in text if one.isalnum()} - set("xX0字ა")


def test_what_the_protocol_needs_is_left_as_it_was() -> None:
    event = {"type": "response.output_audio_transcript.delta", "response_id": "resp_A1", "delta": "Hello"}
    sound = {"type": "response.output_audio.delta", "delta": "<400 bytes of base64>"}
    session = {"type": "session.created", "session": {"audio": {"output": {"voice": "marin", "format": {"type": "x"}}}}}
    assert redacted({"event": event})["event"] == {**event, "delta": "Xxxxx"}
    assert redacted({"event": sound})["event"] == sound
    assert redacted({"event": session})["event"] == session


def test_logprobs_tell_the_words_no_other_way() -> None:
    event = {"type": "x", "logprobs": [{"token": "Paris", "bytes": [80, 97], "logprob": -0.1}]}
    assert redacted({"event": event})["event"]["logprobs"] == [{"token": "Xxxxx", "bytes": [], "logprob": -0.1}]


def test_an_event_typed_by_hand_is_the_same_event_without_its_words() -> None:
    line = {"input": {"type": "RawEventEntered", "text": BY_HAND}}
    text = redacted(line)["input"]["text"]
    assert json.loads(text)["item"]["content"][0] == {"type": "input_text", "text": "xx \n xxxxxx"}
    assert len(text) == len(BY_HAND)
    assert redacted({"input": {"type": "RawEventEntered", "text": "no event"}})["input"]["text"] == "xx xxxxx"


def test_secrets_are_on_no_line_whether_known_or_only_looking_like_one() -> None:
    conceal = concealer(lambda: ['pass"word-123'])
    line = {"a": 'x pass"word-123 y', "b": "ek_0123456789abcdef0123", "c": "Authorization: Bearer abc.def.ghi.jkl.mno"}
    kept = conceal(json.dumps(line).encode()).decode()
    assert "word-123" not in kept and "ek_0" not in kept and "abc.def" not in kept
    assert json.loads(kept)["a"] == "x [key hidden] y"
