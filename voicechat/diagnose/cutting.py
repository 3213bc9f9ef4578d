"""What the checks of cut answers share."""

from __future__ import annotations

from voicechat.diagnose.facts import Answer
from voicechat.diagnose.records import Record, part, text
from voicechat.diagnose.session_model import USER_ACTS, SessionModel

MEANT_WITHIN = 5.0
"""Seconds: the service's answer to a cancel of the user comes sooner."""


def cut_answer(model: SessionModel, record: Record) -> Answer | None:
    """The answer that this record ends as cancelled."""
    answer = model.answers.get(text(part(record.event, "response"), "id"))
    if answer is None or answer.done is None or answer.done.seq != record.seq or answer.is_aside:
        return None
    return answer if answer.status == "cancelled" else None


def was_meant(model: SessionModel, answer: Answer) -> bool:
    """The user did something that ends an answer: pressed, stopped, cut in, ended the talk."""
    act = model.last.newest(*USER_ACTS)
    if act is None or answer.done is None:
        return model.is_ended
    if act.seq > answer.created.seq or model.is_ended:
        return True
    return act.t is not None and answer.done.t is not None and answer.done.t - act.t < MEANT_WITHIN and _is_press(model)


def _is_press(model: SessionModel) -> bool:
    """A key that is held goes on ending what begins."""
    pressed = model.last["talk.pressed"]
    return pressed is not None and pressed == model.last.newest(*USER_ACTS)
