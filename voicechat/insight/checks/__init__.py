"""The checks of a diagnosis, by subject: each looks at one event and at the model, which has taken it in already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from voicechat.insight.records import Ended, Finding, Record
from voicechat.insight.session_model import SessionModel

Look = Callable[[SessionModel, Record], Iterator[Finding | Ended]]


@dataclass(frozen=True, slots=True)
class Check:
    """One question: its code, the types of records it looks at, and what a record shows."""

    code: str
    on: tuple[str, ...]
    """`response.done failed` is a record of this type with this status."""
    look: Look


def check(code: str, *on: str) -> Callable[[Look], Check]:
    """Make a check of a function."""
    return lambda look: Check(code, on, look)
