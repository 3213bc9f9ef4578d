"""What a headless run knows about its conversation, and the summary it ends with."""

from __future__ import annotations

import json
import re
from typing import Any

from voicechat.core.user_turns import LINE_LOST, TRANSCRIPTION_OFF
from voicechat.core.view import TurnView, View
from voicechat.engine.link import EventRow, Turns
from voicechat.failures import cure_of_answer
from voicechat.insight.metrics.ledger import Figures
from voicechat.insight.metrics.usage import Tokens
from voicechat.translation.backlog import is_awaited

DEAD_ENDS = (
    "no_answer",
    "transcription_failed",
    "transcript_missing",
    "tool_unanswered",
    "tool_expired",
    "kept_full",
)
"""Codes of notices after which nothing comes unless the user acts, and here is none."""
_KEYS = re.compile(r"(?:(?<=[.;·])|^) *(?:Press r|r (?:reconnects|asks|tries))\b[^.;]*[.;]?")


class Progress:
    """Collects what the engine tells. Latencies are milliseconds here, because the summary is read by people."""

    def __init__(self) -> None:
        self.view: View | None = None
        self.was_open = False
        self.failed = False
        self.mic_file_ended = False
        self.key_is_up = False
        self.failure_code = ""
        """Why no line came: the code of `line.failed`."""
        self.lost = ""
        """Why a line that was up was lost, other than by a session's longest time; empty: none was."""
        self.dead_end = ""
        """The notice of an answer that will not come by itself."""
        self.missing_part = ""
        """`microphone` or `loudspeaker` that could not be opened."""
        self.device_missing: tuple[str, ...] = ()
        self.figures = Figures()
        self._turns: dict[str, TurnView] = {}
        self._order: tuple[str, ...] = ()
        self._problems: list[str] = []
        self._causes: list[str] = []

    def see(self, row: EventRow) -> None:
        if row.type == "engine.defect":
            self.problem(f"a defect of voicechat: {row.summary}", "please report it with the engine's log")
        self.was_open = self.was_open or row.type == "line.opened"
        self.mic_file_ended = self.mic_file_ended or row.type == "mic.file_ended"
        if row.type == "line.lost" and not self.lost:
            lost = json.loads(row.payload)
            self.lost = "" if lost.get("rolls_over") else str(lost.get("reason") or "no reason given")
        if row.type == "line.failed":
            self.failure_code = str(json.loads(row.payload).get("code", ""))
        elif row.type == "device.missing":
            missing = json.loads(row.payload)
            self.missing_part = str(missing.get("part", ""))
            self.device_missing = (str(missing.get("reason", "")), str(missing.get("hint", "")))
        elif row.type == "device.opened":
            self.missing_part = ""

    def take_turns(self, message: Turns) -> None:
        self._turns |= {turn.key: turn for turn in message.changed}
        if message.order is not None:
            self._order = message.order
        for turn in message.changed:
            if turn.who == "note" and turn.detail in DEAD_ENDS:
                self.dead_end = self.dead_end or without_keys(turn.text)
        self.failed = any(turn.who == "assistant" and turn.failed for turn in self._turns.values())

    def problem(self, *sentences: str) -> None:
        text = " · ".join(" ".join(sentence.split()) for sentence in sentences if sentence)
        if text and text not in self._problems:
            self._problems.append(text)
            self._causes.append(sentences[0])

    @property
    def awaits_translation(self) -> bool:
        """A finished line still has no translation, nor the word that it gets none."""
        return is_awaited([self._turns[key] for key in self._order if key in self._turns])

    @property
    def completed(self) -> int:
        return self.view.completed if self.view else 0

    @property
    def is_ready(self) -> bool:
        """The line is open and the configuration in force: user input will be obeyed."""
        view = self.view
        return bool(view and view.connection.phase == "open" and view.mic.state != "configuring" and view.has_all_tools)

    def stuck_at(self) -> str:
        """What it was waiting for, for the sentence of a timeout."""
        if self.view is None:
            return "the engine never spoke"
        if self.view.connection.phase != "open":
            return f"the line is {self.view.connection.phase}" + (
                f" ({self.view.connection.reason})" if self.view.connection.reason else ""
            )
        return f"{self.completed} answers complete, the reply is {self.view.reply.state}"

    def used(self) -> dict[str, Any]:
        """Tokens and US dollars, as far as they are known: what is not known is left out."""
        usage, money = self.figures.usage, self.figures.money
        known: dict[str, Any] = {}
        if usage.total:
            known["usage"] = {
                "input_tokens": tokens(usage.input),
                "cached_tokens": tokens(usage.cached),
                "output_tokens": tokens(usage.output),
            }
        if usage.total and money.cost is not None:
            known |= {"cost_usd": round(money.cost.usd, 6), "cost_is_estimate": money.cost.is_estimate}
        if (side := self.figures.side).requests:  # beside the talk, and in none of its sums
            spent = {"cost_usd": round(side.cost.usd, 6)} if side.cost is not None else {}
            known["translation"] = {
                "model": side.model,
                "requests": side.requests,
                "input_tokens": side.usage.input.total,
                "output_tokens": side.usage.output.total,
                **spent,
            }
        if "cost_usd" in known and not money.is_own:
            known["prices_of"] = money.prices_of
        return known

    def summary(self) -> dict[str, Any]:
        turns = [self._turns[key] for key in self._order if key in self._turns]
        spoken = [turn for turn in turns if turn.who != "note"]
        failed = [turn for turn in turns if turn.failed and turn.who != "tool"]
        noted = [without_keys(turn.text) for turn in turns if turn.who == "note" and turn.level != "info"]
        # The note of a failure (which names a key to press) or of a lost line says nothing that these do not say.
        told = [*self._problems, *(failure_words(turn) for turn in failed)]
        clauses = [clause.lower() for cause in self._causes for clause in cause.split("; ")]
        said = [*(turn.failed.lower() for turn in failed), *clauses]
        notes = [text for text in noted if not any(words in text.lower() for words in said)]
        latencies = [
            round(turn.latency * 1000) for turn in turns if turn.who == "assistant" and turn.latency is not None
        ]
        return {
            "turns": sum(turn.who == "you" for turn in turns),
            "completed": self.completed,
            "transcript": [entry(turn) for turn in spoken],
            "latencies_ms": latencies,
            "problems": list(dict.fromkeys([*told, *notes])),
        }


def without_keys(text: str) -> str:
    """A notice without the key it offers: a run has none."""
    return _KEYS.sub("", text).strip()


def failure_words(turn: TurnView) -> str:
    """What failed, why, and the next step."""
    if turn.who == "assistant":
        return f"the answer failed: {turn.failed} · {cure_of_answer(turn.failed)}"
    if turn.failed == TRANSCRIPTION_OFF:
        return f"what you said was not written down: {turn.failed} · set audio.input.transcription"
    if turn.failed == LINE_LOST:
        return f"what you said was not written down: {turn.failed} · say it again"
    return f"the transcription of what you said failed: {turn.failed} · check the transcription model"


def tokens(counted: Tokens) -> dict[str, int]:
    """By modality; images only where there are any."""
    parts = {"text": counted.text, "audio": counted.audio}
    return parts | ({"image": counted.image} if counted.image else {})


def entry(turn: TurnView) -> dict[str, Any]:
    """One line of the transcript; what nobody heard stands apart."""
    line: dict[str, Any] = {"who": turn.who, "text": turn.text}
    if turn.cut_by:
        line |= {"cut_by": turn.cut_by, "cut_at_s": round(turn.cut_at, 2), "unheard": turn.rest}
    elif turn.rest:
        line["text"] = turn.text + turn.rest
    if turn.detail:
        line["detail"] = turn.detail
    if turn.translation:
        line["translation"] = turn.translation
    return line
