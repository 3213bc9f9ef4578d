"""The quick reading of chat options says exactly what the full parser says, or leaves the word to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from voicechat.cli import chat, main
from voicechat.cli.quick import OPTIONS, SWITCHES, chat_flags


def parsed(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the full parser hands to the chat."""
    seen: dict[str, Any] = {}

    def take(flags: dict[str, Any], config: Path | None) -> int:
        seen.update({name: value for name, value in flags.items() if value is not None})
        if config is not None:
            seen["config"] = str(config)
        return 0

    monkeypatch.setattr(chat, "chat_command", take)
    assert main.run_cli(arguments) == 0
    return seen


WORDS = [word for word, one in OPTIONS.items() if one.kind is not float and not one.is_flag and not one.is_many]
MANY = [word for word, one in OPTIONS.items() if one.is_many]
SAMPLES = [
    [],
    ["chat"],
    *([option, "x"] for option in WORDS),
    *([f"{option}=x y"] for option in WORDS),
    *([option, "a=b", f"{option}=c=d"] for option in MANY),
    ["--budget", "2.5", "--no-budget-stop"],
    ["--budget=3"],
    *([switch] for switch in SWITCHES),
    ["chat", "--mic", "a.wav", "--no-barge-in", "--speaker=none", "--ascii", "--model", "m"],
    ["--voice", "a", "--voice", "b"],
    ["--greet="],
]


@pytest.mark.parametrize("arguments", SAMPLES, ids=lambda words: " ".join(words) or "nothing")
def test_both_parsers_agree(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert chat_flags(arguments) == parsed(arguments, monkeypatch)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--text", "x"],
        ["--mic"],
        ["--mic", "--ascii"],
        ["--nonsense", "x"],
        ["serve"],
        ["--ascii=1"],
        ["--budget", "two"],
        ["x"],
    ],
    ids=" ".join,
)
def test_everything_else_goes_to_the_full_parser(arguments: list[str]) -> None:
    assert chat_flags(arguments) is None
