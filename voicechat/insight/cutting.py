"""What the checks of cut answers share."""

from __future__ import annotations

from voicechat.insight.facts import Answer
from voicechat.insight.records import LOG_ENDED, Evidence, Record, elapsed, part, text
from voicechat.insight.session_model import USER_ACTS, SessionModel

MEANT_WITHIN = 5.0
"""Seconds: the service's answer to a cancel of the user comes sooner."""


def cut_answers(model: SessionModel, record: Record) -> list[Answer]:
    """Answers that ended as cancelled, once it can be judged why.

    Where our own engine tells of every key that is at once; in other logs what follows is waited for: the next answer,
    or the end of the log.
    """
    if model.witness.is_ours:
        answer = model.answers.get(text(part(record.event, "response"), "id"))
        ended_now = answer is not None and answer.done is not None and answer.done.seq == record.seq
        known = [answer] if answer is not None and ended_now else []
    else:
        if record.type == "response.done":
            return []
        known = [one for one in model.answers.values() if one.status == "cancelled"]
        if known and record.type != LOG_ENDED and not prints_output(model):
            known = [one for one in known if one.first_output is not None]  # whether it had begun is not known yet
    return [one for one in known if one.status == "cancelled" and not one.is_aside]


GOES_ON_WITHIN = 3.0
"""Seconds after a cancel in which what the user does next shows that the cancel was meant."""
GOES_ON_EVENTS = 8
SPEECH_WITHIN = 0.8
"""Seconds from the first sound of a voice to the cut that it causes."""
SPEECH_EVENTS = 3


def prints_output(model: SessionModel) -> bool:
    """Whether what an answer says leaves lines in this log."""
    return model.witness.is_ours or any(name.startswith("response.output_") for name in model.witness.seen)


def cut_by_client(model: SessionModel, answer: Answer) -> bool:
    """The client ended it, as far as anybody tells."""
    return answer.cancel is not None or answer.reason == "client_cancelled"


def had_a_reason(model: SessionModel, answer: Answer) -> bool:
    """Somebody spoke, or what went with the cancel shows that it was an act: the sound was cleared, words followed.

    Other people's logs hold no keys. A client that stops an answer for its user also silences it, or goes on with what
    the user wants instead.
    """
    cut = answer.cancel or answer.done
    if cut is None or was_meant(model, answer):
        return True
    if answer.speech is not None and answer.speech.seq < cut.seq:
        return True
    followed = model.last.newest("output_audio_buffer.clear", "conversation.item.truncate", "input_audio_buffer.clear")
    marks = [
        mark for mark in (followed, model.new_input) if mark is not None and not _is_later_speech(model, cut, mark)
    ]
    spoke = model.last["input_audio_buffer.speech_started"]
    return any(_goes_with(cut, mark) for mark in marks) or (spoke is not None and _is_close(cut, spoke))


def _is_later_speech(model: SessionModel, cut: Evidence, mark: Evidence) -> bool:
    """Speech that began a while after the cut is no reason for it."""
    speech = [one for one in model.segments.values() if mark in (one.started, one.committed)]
    return any(one.started is not None and not _is_close(cut, one.started) for one in speech)


def _is_close(cut: Evidence, mark: Evidence) -> bool:
    apart = elapsed(cut, mark)
    return abs(mark.seq - cut.seq) <= SPEECH_EVENTS if apart is None else abs(apart) <= SPEECH_WITHIN


def _goes_with(cut: Evidence, mark: Evidence) -> bool:
    apart = elapsed(cut, mark)
    near = abs(mark.seq - cut.seq) <= GOES_ON_EVENTS if apart is None else abs(apart) <= GOES_ON_WITHIN
    return near and (mark.seq > cut.seq or cut.seq - mark.seq <= 3)


def was_meant(model: SessionModel, answer: Answer) -> bool:
    """The user did something that ends an answer: pressed, stopped, cut in, ended the talk."""
    act = model.last.newest(*USER_ACTS)
    if act is None or answer.done is None:
        return model.is_ended
    if (answer.asked or answer.created).seq < act.seq < answer.done.seq or model.is_ended:
        return True
    since = elapsed(act, answer.done)
    return since is not None and 0 <= since < MEANT_WITHIN and _is_press(model)


def _is_press(model: SessionModel) -> bool:
    """A key that is held goes on ending what begins."""
    pressed = model.last["talk.pressed"]
    return pressed is not None and pressed == model.last.newest(*USER_ACTS)
