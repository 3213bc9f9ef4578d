"""Responses: asked for, cancelled, refused, late, or never made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice, pairwise

from voicechat.insight.checks import check
from voicechat.insight.facts import UNKNOWN, Answer, Said
from voicechat.insight.records import (
    LOG_ENDED,
    TIME_PASSED,
    Ended,
    Evidence,
    Finding,
    Record,
    elapsed,
    found,
    near,
    part,
    text,
)
from voicechat.insight.refusals import failure_as
from voicechat.insight.session_model import USER_ACTS, SessionModel

ACTIVE_RESPONSE_CONFLICT = "active-response-conflict"


@check(ACTIVE_RESPONSE_CONFLICT, "error")
def active_response_conflict(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Was an answer asked for while another one was running?"""
    failure = failure_as(ACTIVE_RESPONSE_CONFLICT, model, record)
    if failure is None:
        return
    running = model.active or model.newest
    both_ask = model.configured.server_replies and running is not None and running.asked is None
    yield found(
        ACTIVE_RESPONSE_CONFLICT,
        "warning",
        "response.create was refused: an answer is already running.",
        cause="The server answers by itself after each of your turns (create_response), and the client asks too."
        if both_ask
        else "The client asks again before response.done of the running answer has come.",
        cure="Either set session.audio.input.turn_detection.create_response to false and go on sending "
        "response.create, or leave it and send none after speech."
        if both_ask
        else "Wait for response.done (or cancel first), then send response.create once, from one place.",
        evidence=(running.created if running else None, failure.said.at if failure.said else None, failure.at),
        rests_on="one active response in the default conversation; busy means wait for response.done",
        confidence=0.95,
        key="both" if both_ask else "",
    )


CANCEL_WITHOUT_RESPONSE = "cancel-without-response"
RACE = 1.0
"""Seconds after the end of an answer in which the refusal may be that race, where the cancel is not in the log."""


@check(CANCEL_WITHOUT_RESPONSE, "error")
def cancel_without_response(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Was an answer cancelled that was over already?"""
    failure = failure_as(CANCEL_WITHOUT_RESPONSE, model, record)
    if failure is None:
        return
    newest, sent = model.newest, failure.said.at if failure.said is not None else None
    if newest is not None and (newest.done is None or (sent is not None and newest.done.seq > sent.seq)):
        return  # it ended while the cancel was on its way: the race that every client meets
    if sent is None and newest is not None and newest.done is not None:
        if near(newest.done, failure.at, RACE, 2):
            return
    yield found(
        CANCEL_WITHOUT_RESPONSE,
        "info",
        "response.cancel was sent although no answer was running.",
        cause="The client takes the end of the sound for the end of the answer, or cancels at every key and every "
        "speech_started without looking.",
        cure="Send response.cancel only between response.created and response.done; to silence sound that still plays "
        "use output_audio_buffer.clear (WebRTC) or stop it yourself and truncate (WebSocket).",
        evidence=(newest.done if newest else None, sent, failure.at),
        rests_on="cancel if a response is active",
        confidence=0.9 if sent is not None else 0.8,
    )


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
    if cut is None or was_meant(model, answer) or (answer.speech is not None and answer.speech.seq < cut.seq):
        return True
    followed = model.last.newest("output_audio_buffer.clear", "conversation.item.truncate", "input_audio_buffer.clear")
    marks = [
        mark for mark in (followed, model.new_input) if mark is not None and not _is_later_speech(model, cut, mark)
    ]
    spoke = model.last["input_audio_buffer.speech_started"]
    return any(_goes_with(cut, mark) for mark in marks) or near(cut, spoke, SPEECH_WITHIN, SPEECH_EVENTS)


def _is_later_speech(model: SessionModel, cut: Evidence, mark: Evidence) -> bool:
    """Speech that began a while after the cut is no reason for it."""
    speech = [one for one in model.segments.values() if mark in (one.started, one.committed)]
    return any(one.started and not near(cut, one.started, SPEECH_WITHIN, SPEECH_EVENTS) for one in speech)


def _goes_with(cut: Evidence, mark: Evidence) -> bool:
    return near(cut, mark, GOES_ON_WITHIN, GOES_ON_EVENTS) and (mark.seq > cut.seq or cut.seq - mark.seq <= 3)


def was_meant(model: SessionModel, answer: Answer) -> bool:
    """The user did something that ends an answer: pressed, stopped, cut in, ended the talk."""
    act = model.last.newest(*USER_ACTS)
    if act is None or answer.done is None:
        return model.is_ended
    if (answer.asked or answer.created).seq < act.seq < answer.done.seq or model.is_ended:
        return True
    since = elapsed(act, answer.done)  # a key that is held goes on ending what begins
    return since is not None and 0 <= since < MEANT_WITHIN and act == model.last["talk.pressed"]


CANCELLED_AT_BIRTH = "cancelled-at-birth"
CANCELLED_AT_BIRTH_AT_ONCE = 0.3
"""Seconds: no answer has words so soon."""
CANCELLED_AT_BIRTH_TIMES = 2
"""An answer that the server drops because somebody goes on talking happens to everybody; twice it is a pattern."""


@check(CANCELLED_AT_BIRTH, "response.done", "response.created", LOG_ENDED)
def cancelled_at_birth(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Was an answer cancelled before it had said a word?"""
    judged = [one for one in cut_answers(model, record) if was_at_birth(model, one)]
    for answer in judged:
        if cut_by_client(model, answer) and not had_a_reason(model, answer):
            yield _by_client(answer)
    if not judged:
        return
    dropped = [one for one in model.answers.values() if one.status == "cancelled" and was_at_birth(model, one)]
    dropped = [one for one in dropped if not cut_by_client(model, one) and not one.is_aside]
    least = 1 if _is_all_there_was(model, record) else CANCELLED_AT_BIRTH_TIMES
    if len(dropped) >= least and not any(was_meant(model, one) for one in dropped):
        yield _by_server([mark for one in dropped for mark in (one.created, one.speech, one.done)])


def _is_all_there_was(model: SessionModel, record: Record) -> bool:
    """In somebody else's log that ends here, no answer came to its end, and all were seen to begin."""
    if record.type != LOG_ENDED or model.witness.is_ours:
        return False
    return not any(one.status == "completed" or one.is_implied for one in model.answers.values())


def was_at_birth(model: SessionModel, answer: Answer) -> bool:
    """Nothing of it came, and this log would have told."""
    if answer.first_output is not None:
        return False
    if answer.output_items == 0 or model.witness.is_ours:
        return not (answer.is_implied and model.witness.is_ours)
    if answer.is_implied:
        return False
    lived = elapsed(answer.created, answer.cancel or answer.done)
    if lived is not None and lived < CANCELLED_AT_BIRTH_AT_ONCE:
        return True
    ended, apart = (answer.cancel, 1) if answer.cancel is not None else (answer.done, 2)
    if lived is None and ended is not None and ended.seq - answer.created.seq <= apart:
        return True
    return prints_output(model)


def _by_client(answer: Answer) -> Finding:
    return found(
        CANCELLED_AT_BIRTH,
        "error",
        "The client cancelled an answer before it had said a word.",
        cause="Some handler or timer sent response.cancel right after the answer was created, although nobody cut "
        "in: often a handler of speech or mic events, or a second one that wants to ask again.",
        cure="Send response.cancel from one place only: on a granted barge-in, on push-to-talk, on a stop key.",
        evidence=(answer.asked, answer.created, answer.speech, answer.cancel, answer.done),
        rests_on="one author creates and cancels; no timer and no mic event does",
        confidence=0.9,
        key="client",
    )


def _by_server(seen: list[Evidence | None]) -> Finding:
    return found(
        CANCELLED_AT_BIRTH,
        "info",
        "The server dropped answers before their first word, because it heard speech again.",
        cause="You paused longer than silence_duration_ms and went on, or noises were taken for speech.",
        cure="Set session.audio.input.turn_detection.silence_duration_ms to 700 or more against pauses, a higher "
        "threshold against noise; with interrupt_response false the server does not drop answers.",
        evidence=tuple(seen),
        rests_on="a cancelled answer says who cancelled it (status_details.reason turn_detected)",
        confidence=0.75,
        key="server",
    )


CANCELLED_BY_CLIENT = "cancelled-by-client"


@check(CANCELLED_BY_CLIENT, "response.done", "response.created", LOG_ENDED)
def cancelled_by_client(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Did the client cut its own answer, although nobody cut in?"""
    for answer in cut_answers(model, record):
        if not cut_by_client(model, answer) or was_at_birth(model, answer) or had_a_reason(model, answer):
            continue
        why = model.last.newest("client.fell_back", "client.waits", "mic.opened", "mic.closed")
        near = why if why is not None and answer.cancel is not None and 0 < answer.cancel.seq - why.seq <= 3 else None
        is_seen = answer.cancel is not None
        who = "response.cancel" + (" (the event is in the evidence)" if is_seen else ", which this log does not show,")
        yield found(
            CANCELLED_BY_CLIENT,
            "error",
            "The client stopped its own answer in the middle, and nobody had cut in.",
            cause="response.cancel was sent without a user's act or speech before it: by a timer, a reconnect, a mic "
            "event or a side request."
            + ("" if is_seen else " The service says so: status_details.reason is client_cancelled."),
            cure=f"Find who sends {who} and let only a barge-in, a key or the end of the talk send it.",
            evidence=(answer.created, near, answer.cancel, answer.done),
            rests_on="a timer, a reconnect, a mic event or a side request never cancels a response",
            confidence=0.88 if is_seen else 0.78,
        )


DUPLICATE_CREATE = "duplicate-create"
CLOSE_BY = 3
"""Events between the end of the first answer and the second request, where there are no times."""
TIMES = 2
BY_MACHINE = 0.5
"""Seconds after the end of an answer in which nobody can have decided to ask again."""
DUPLICATE_CREATE_AT_ONCE = 3.0
"""Seconds: what is asked again later may be a second thought."""


@check(DUPLICATE_CREATE, "response.created", LOG_ENDED)
def duplicate_create(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Was the same turn answered twice?"""
    if record.type == LOG_ENDED:
        yield from _heard_twice(model)
        return
    newest = list(islice((one for one in reversed(model.answers.values()) if not one.is_aside), 2))
    if len(newest) < 2 or newest[0].id != text(part(record.event, "response"), "id"):
        return
    second, first = newest
    if second.asked is None or first.calls or first.status in ("cancelled", "failed", "incomplete"):
        return
    since = first.asked or first.created
    if model.new_input is not None and model.new_input.seq > min(since.seq, first.created.seq):
        return
    again = model.last["again.pressed"]
    if again is not None and again.seq > since.seq:
        return
    if not _is_at_once(since, first, second):
        return
    title = "One turn got two answers: response.create was sent twice for it."
    yield _twice(title, 0.88, first.asked, first.created, second.asked, second.created)


def _heard_twice(model: SessionModel) -> Iterator[Finding]:
    """Two answers for one turn, where their writer hears them twice, or the client asks at the end of each answer."""
    inputs = [mark.seq for one in model.segments.values() for mark in (one.started, one.committed) if mark is not None]
    inputs += [said.at.seq for said in model.said.values() if said.type == "conversation.item.create"]
    spoken = [one for one in model.answers.values() if not one.is_aside and one.status in ("completed", "")]
    pairs = [
        (first, second)
        for first, second in pairwise(spoken)
        if not first.calls and not any(first.created.seq < seq < second.created.seq for seq in inputs)
    ]
    asked = [(first, second) for first, second in pairs if _is_by_machine(first, second)]
    if (sorry := model.sorry("twice")) is not None and pairs:
        first, second = pairs[0]
        yield _twice("One turn got two answers.", 0.8, first.created, second.asked, second.created, sorry)
    elif len(asked) >= TIMES:
        marks = [mark for first, second in asked for mark in (first.done, second.asked)]
        yield _twice("Answers are asked for at the end of answers, although nobody spoke.", 0.8, *marks)


def _is_by_machine(first: Answer, second: Answer) -> bool:
    """The second one was asked for sooner after the end of the first than anybody decides."""
    if first.done is None or second.asked is None or second.asked.seq < first.done.seq:
        return False
    return near(first.done, second.asked, BY_MACHINE, 1)


def _twice(title: str, confidence: float, *marks: Evidence | None) -> Finding:
    return found(
        DUPLICATE_CREATE,
        "warning",
        title,
        cause="Two places ask for the answer to the same item: two handlers of the client, a timer that asks once "
        "more, or the client beside a server that answers by itself (create_response).",
        cure="One item, one response: let one place send response.create, and remember the item it was sent for.",
        evidence=marks,
        rests_on="one item, one response; one author creates",
        confidence=confidence,
    )


def _is_at_once(since: Evidence, first: Answer, second: Answer) -> bool:
    """Asked so soon that nobody can have thought about it."""
    if first.done is None or second.asked is None:
        return False  # this log does not tell when answers end
    apart = elapsed(since, second.asked)
    if apart is not None:
        return apart <= DUPLICATE_CREATE_AT_ONCE
    after = elapsed(first.done, second.created)
    if after is not None:
        return after <= DUPLICATE_CREATE_AT_ONCE / 2
    return second.asked.seq - first.done.seq <= CLOSE_BY


NO_RESPONSE = "no-response"
LIMIT = 8.0
"""Seconds (R15)."""
PATIENCE = 4.0
"""Seconds that a caller waits before asking whether anybody is there."""
ANYBODY = re.compile(
    r"\b(?:are you|you|anybody|anyone|somebody|is someone) (?:still )?there\b|\b(?:can|do|did) you hear\b|"
    r"^\W*(?:hello|hallo|hey|allô|alô|hola|pronto|喂)\W*(?:hello|hallo)?[?？]|hören sie|hörst du|bist du (?:noch )?da|"
    r"sigues? ahí|hay alguien|me (?:oyes?|escuchas?)|(?:vous êtes|tu es|y a quelqu.un) (?:toujours )?là|mi senti|"
    r"还在吗|听得到|聞こえ(?:ますか|る)",
    re.I,
)
OF_ANSWERS = re.compile("response|reply|answer")
BRIEF = 1.0
"""Seconds of an answer that brought nothing; one that lasts longer may have words that were left out of the log."""
EVENTS = 12
"""Without times: so many events later, and still none."""


_ANSWERED = ("response.created", "response.done", "response.event", "session.output_transcript.delta")


@check(NO_RESPONSE, TIME_PASSED, LOG_ENDED, *_ANSWERED, "client.failed")
def no_response(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Did an answer that was due never begin?"""
    if record.type == "client.failed":
        failure = failure_as(NO_RESPONSE, model, record)
        if failure is not None:  # the client says itself that it waited in vain
            yield _unanswered("given-up", failure.at, said=failure.message)
    elif record.type in _ANSWERED:
        for key in ("asked", "server", "nobody"):
            yield Ended(f"{NO_RESPONSE}:{key}", record.mark())
    elif not model.is_ended and model.active is None and model.witness.prints_answers:
        begun = model.newest.created.seq if model.newest is not None and not model.witness.is_ours else -1
        asked = next((one.at for one in model.unanswered if one.at.seq > begun and _is_overdue(one.at, record)), None)
        if asked is not None:
            yield _unanswered("asked" if asked.t is not None or model.witness.prints_everything else "dropped", asked)
        yield from _turn_without_answer(model, record)
    if record.type == LOG_ENDED and (model.witness.prints_answers or not model.answers):
        yield from _user_asks_who_is_there(model)
    if record.type == LOG_ENDED:
        yield from _left_at_the_end(model)


UNANSWERED: Mapping[str, tuple[str, str, str, str, float]] = {
    "given-up": (
        "The client asked for an answer, and gave up waiting for it.",
        "",
        "See whether response.create left and what came back: an error event, nothing at all (a lost connection), "
        "or an answer later than the client's own limit; raise that limit, or reconnect.",
        "response.create is answered by response.created or an error",
        0.85,
    ),
    "attention": (
        "A turn was not answered, and the user asked whether anybody was there.",
        "No answer was begun between the two; no line shows whether the server or the client was to ask.",
        "See whether response.create left after the turn and what came back; with create_response true the server asks "
        "by itself.",
        "after a turn comes response.created",
        0.8,
    ),
    "asked": (
        f"response.create got no answer: neither response.created nor an error within {LIMIT:.0f} s.",
        "The service is stuck, or it dropped the request without a word.",
        "Ask again, and take no answer within 8 s for none. If it repeats, look at the service's state, or reconnect.",
        "response.create with no response.created in 8 s frees the slot",
        0.9,
    ),
    "dropped": (
        "response.create got no answer in this log, which tells no times.",
        "The service dropped the request, or the log leaves out the error or the answer that came.",
        "Print error events and response.created, and ask again where neither comes within 8 s.",
        "response.create is answered by response.created or an error",
        0.6,
    ),
    "silent": (
        "An answer was begun, and nothing of it came: no words, and no sound.",
        "The service, or the speech synthesis behind it, sent nothing after the beginning of the answer.",
        "Log what comes after response.created, and leave the state of speaking when nothing came for some seconds.",
        "an answer that was begun brings words or sound, or ends",
        0.7,
    ),
    "unknown": (
        "Your turn was committed, and no answer was begun.",
        "The server did not answer by itself, and the client did not ask; no line here shows which was due.",
        "See session.updated: with create_response true the server answers, else send response.create.",
        "after a turn comes response.created",
        0.6,
    ),
    "server": (
        "Your turn was committed, and the server never began to answer.",
        "With this turn detection the server answers by itself, and it did not.",
        "Ask again with response.create. If it repeats, look at the service's state and its limits.",
        "after input_audio_buffer.committed comes response.created, where create_response is true",
        0.75,
    ),
    "client": (
        "Audio was committed, and no answer was asked for.",
        "Without turn detection the client commits the turn and has to send response.create itself; it did not.",
        "Send response.create after input_audio_buffer.commit.",
        "with turn_detection null a commit makes an item, and no answer",
        0.8,
    ),
    "typed": (
        "A message was put into the conversation, and no answer was asked for.",
        "conversation.item.create only adds the message; whatever turn detection is set, nothing answers a typed one.",
        "Send response.create after conversation.item.create.",
        "the server answers turns that it detects in sound, and no others",
        0.8,
    ),
    "uncommitted": (
        "Audio was sent, and nobody ended the turn.",
        "With turn_detection null the service collects audio until the client commits it; it never did.",
        "Send input_audio_buffer.commit and then response.create where the user has finished, or set turn_detection.",
        "with turn_detection null nothing happens before a commit",
        0.85,
    ),
    "nobody": (
        "Your turn was committed, and nobody asked for an answer.",
        "create_response is false, so the client has to send response.create, and it did not.",
        "Send response.create after the turn, or after its transcript where words are needed, or set "
        "session.audio.input.turn_detection.create_response to true.",
        "when the client decides, it creates the response",
        0.8,
    ),
}
"""Why an answer did not begin: title, cause, cure, the rule it rests on, how sure."""


def _unanswered(why: str, *marks: Evidence | None, said: str = "") -> Finding:
    title, cause, cure, rests_on, confidence = UNANSWERED[why]
    return found(
        NO_RESPONSE,
        "error",
        title,
        cause=said or cause,
        cure=cure,
        ours="r asks again." if why == "asked" else "",
        evidence=marks,
        rests_on=rests_on,
        confidence=confidence,
        key="server" if why == "unknown" else why,
    )


def _user_asks_who_is_there(model: SessionModel) -> Iterator[Finding]:
    """A turn, no answer, and the user asks whether anybody is there: the words tell what no event does."""
    answers = [one.created.seq for one in model.answers.values()]
    for before, after in pairwise(one for one in model.segments.values() if one.transcribed and not one.is_empty):
        first, then = before.transcribed, after.started or after.transcribed
        if first is None or then is None or not before.transcript or not ANYBODY.search(after.transcript or ""):
            continue
        if any(first.seq < seq < then.seq for seq in answers) or (answers and answers[0] > then.seq):
            continue
        waited = elapsed(first, then)
        if before.answer is None and (waited is None or waited >= PATIENCE):
            yield _unanswered("attention", first, then)
            return


def _left_at_the_end(model: SessionModel) -> Iterator[Finding]:
    """Turns that were passed over, a client that waits, or a writer who says so, where no time tells it."""
    if model.witness.is_ours or model.active is not None or model.configured.is_transcription:
        return
    marks = [one.created.seq for one in model.answers.values()]
    said = [one for one in model.segments.values() if not one.is_empty and one.failed is None]
    turns = [mark for one in said if (mark := one.committed or one.transcribed) is not None]
    left = [mark for mark in turns if not any(seq > mark.seq for seq in marks)]
    sorry, waits, is_told = model.sorry("no-reply"), model.last["client.waits"], model.witness.tells_turns
    mute, answers = sorry or (model.sorry("silence") if is_told else None), [*model.answers.values()]
    is_mute = mute and turns and all(not one.words and (is_told or _is_bare(one)) for one in answers)
    brief = [one for one in model.empty if (elapsed(one.created, one.done) or BRIEF) < BRIEF]
    if answers and (is_mute or len(brief) >= TIMES):
        silent = answers if is_mute else brief
        yield _unanswered("silent", *left, *(mark for one in silent for mark in (one.created, one.done)), mute)
        return
    if model.failure is not None and any(model.failure.at.seq > mark.seq for mark in left):
        return
    decides = model.configured.vad("create_response") is False or model.configured.turn_detection is None
    asked = model.last["response.create"]
    typed = next((said.at for said in reversed(model.said.values()) if _is_message(said)), None)
    if typed and asked is None and sorry and not any(seq > typed.seq for seq in marks):
        yield _unanswered("typed", typed, sorry)
    elif model.configured.turn_detection is None and _is_never_committed(model):
        yield _unanswered("uncommitted", model.configured.updated, model.last["input_audio_buffer.append"], sorry)
    elif asked is not None and model.unanswered and (sorry or (waits is not None and waits.seq > asked.seq)):
        yield _unanswered("asked", model.unanswered[-1].at, sorry, waits)
    elif left and model.configured.vad("create_response") is False and (len(left) > 1 or sorry) and asked is None:
        yield _unanswered("nobody", *left, sorry)
    elif len(left) > 1 and not marks and asked is None and _is_of_a_client_that_commits(model):
        yield _unanswered("client", model.last["input_audio_buffer.commit"], *left)
    elif left and (sorry or (waits is not None and waits.seq > left[-1].seq and OF_ANSWERS.search(waits.ref))):
        yield _unanswered("client" if decides and asked is None else "unknown", *left, sorry, waits)
    elif len(left) > 1 and marks and not model.is_ended and not model.unanswered and not model.witness.tells_turns:
        waited = elapsed(left[0], left[-1])
        if model.witness.prints_everything if waited is None else waited >= PATIENCE:
            yield _unanswered("unknown", *left)


def _is_message(said: Said) -> bool:
    return said.type == "conversation.item.create" and part(said.event, "item").get("type") == "message"


def _is_bare(answer: Answer) -> bool:
    """Its end is there, and nothing of what it brought."""
    return answer.done is not None and not (answer.first_output or answer.words or answer.status or answer.output_items)


def _is_never_committed(model: SessionModel) -> bool:
    """Audio left for longer than anybody speaks, and nothing ended the turn, in a log that shows what leaves."""
    first, newest, seen = model.configured.updated, model.last["input_audio_buffer.append"], model.witness.seen
    if newest is None or model.answers or not seen.isdisjoint(("input_audio_buffer.commit", "response.create")):
        return False
    waited = elapsed(first, newest)
    return model.appends >= EVENTS if waited is None else waited > LIMIT


def _is_of_a_client_that_commits(model: SessionModel) -> bool:
    """The client sends the commits, no server detects turns, and no transcript is what it is after."""
    seen = model.witness.seen
    is_manual = model.configured.turn_detection is None or "input_audio_buffer.speech_started" not in seen
    is_written = any(one.transcribed for one in model.segments.values())
    return is_manual and not is_written and "input_audio_buffer.commit" in seen


def _turn_without_answer(model: SessionModel, record: Record) -> Iterator[Finding]:
    segment = next(reversed(model.segments.values()), None)
    if model.failure is not None and model.failure.told_by != "error" and segment is not None and segment.committed:
        if model.failure.at.seq > segment.committed.seq:
            return  # the answer was refused, and that is told elsewhere
    if segment is None or segment.answer is not None or segment.is_empty or model.unanswered:
        return
    if not (_is_overdue(segment.committed, record) or _is_overdue(segment.transcribed, record)):
        return
    if model.last.newest("budget.spent", "go_on.chosen") not in (None, model.last["go_on.chosen"]):
        return  # the user's budget is used up, so nobody asks
    config = model.configured
    detects = "input_audio_buffer.speech_stopped" in model.witness.seen and not model.witness.is_ours
    if config.turn_detection is UNKNOWN and detects and (elapsed(segment.committed, record.mark()) or 0.0) > LIMIT:
        yield _unanswered("unknown", segment.committed, segment.transcribed)
    elif config.server_replies and _is_overdue(segment.committed, record):
        yield _unanswered("server", segment.committed, segment.transcribed)
    elif config.vad("create_response") is False and segment.transcript and _is_overdue(segment.transcribed, record):
        yield _unanswered("nobody", segment.committed, segment.transcribed)


def _is_overdue(since: Evidence | None, record: Record) -> bool:
    if since is None:
        return False
    waited = elapsed(since, record.mark())
    if waited is not None:
        return waited > LIMIT
    return record.type == LOG_ENDED and record.seq - since.seq >= EVENTS


RESPONSE_INCOMPLETE = "response-incomplete"
REASONS = {
    "max_output_tokens": (
        "It reached the limit of max_output_tokens; words and sound count alike (a second of speech is 20 tokens).",
        'Set session.max_output_tokens to "inf" or higher, or ask for shorter answers in the instructions.',
    ),
    "content_filter": (
        "The service's content filter stopped it.",
        "Say it differently; no setting of the session turns the filter off.",
    ),
}


@check(RESPONSE_INCOMPLETE, "response.done", "session.closed")
def response_incomplete(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Did an answer stop before its end by itself?"""
    if record.type == "session.closed":
        if failure_as(RESPONSE_INCOMPLETE, model, record) is not None:
            yield _closed_for_content(record)
        return
    response = part(record.event, "response")
    answer = model.answers.get(text(response, "id"))
    if text(response, "status") != "incomplete":
        return
    reason = text(part(response, "status_details"), "reason")
    cause, cure = REASONS.get(
        reason, (f"The service says: {reason or 'no reason'}.", "Ask again with response.create.")
    )
    yield found(
        RESPONSE_INCOMPLETE,
        "warning",
        f"An answer stopped before its end{f' ({reason})' if reason else ''}.",
        cause=cause,
        cure=cure,
        evidence=(answer.created if answer else None, record.mark(text(response, "id"))),
        rests_on="response.done with status incomplete says why in status_details.reason",
        confidence=0.97,
        key=reason if reason in REASONS else "",
    )


def _closed_for_content(record: Record) -> Finding:
    return found(
        RESPONSE_INCOMPLETE,
        "warning",
        "The service's content filter ended the session.",
        cause="session.closed came with reason content.",
        cure="Start a new session; no setting turns the filter off.",
        evidence=(record.mark(),),
        rests_on="GPT-Live: session.closed says why",
        confidence=0.95,
        key="session",
    )


SLOW_FIRST_SOUND = "slow-first-sound"
SLOW = 2.0
"""Seconds from the end of speech to the first sound; two are felt as a pause."""
VERY_SLOW = 4.0
"""Seconds that are a finding even once."""
ELSEWHERE = 6.0
"""The same in another client's log, whose times may be whole seconds, and which may not tell of tools."""
SLOW_FIRST_SOUND_TIMES, OF = 3, 5
STEPS = {
    "created": (
        "the service had not begun the answer (response.created)",
        "Check silence_duration_ms and, if the answer waits for the transcript, take a faster transcription model.",
    ),
    "made": (
        "the model had not made its first words",
        "Use a faster model, less reasoning effort, shorter instructions, fewer tools.",
    ),
    "heard": (
        "the first words were there and the sound was not",
        'Look at the line (numbers: rtt, loss, buffer) and at the loudspeaker\'s buffering: latency = "low".',
    ),
}


@check(SLOW_FIRST_SOUND, "assistant.audible", "response.done", LOG_ENDED)
def slow_first_sound(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Does it take too long from your last word to the first sound of the answer, and where?"""
    newest = model.newest
    if newest is None or _first(model, newest) is None or not _is_news(newest, record):
        return
    took, least = _wait(model, newest), VERY_SLOW if model.witness.tells_turns else SLOW
    if took is None or took < least:
        return
    recent = [one for one in list(model.answers.values())[-OF:] if not one.is_aside]
    waits = [(one, wait) for one in recent if (wait := _wait(model, one)) is not None]
    slow = [one for one, wait in waits if wait >= least]
    alone = VERY_SLOW if model.witness.is_ours or "slow" in model.complaints else ELSEWHERE
    if took < alone and len(slow) < SLOW_FIRST_SOUND_TIMES:
        return
    step, cure = STEPS[_longest(model, newest)]
    yield found(
        SLOW_FIRST_SOUND,
        "warning",
        f"The first sound came {took:.1f} s after your last word; most of the time {step}.",
        cause=f"Of the last {len(waits)} answers {len(slow)} took longer than {least:.0f} s.",
        cure=cure,
        evidence=(_since(model, newest), newest.created, newest.first_output, _first(model, newest)),
        rests_on="a second is felt as an answer at once, two as a pause",
        confidence=0.9,
    )


def _is_news(answer: Answer, record: Record) -> bool:
    if record.type == LOG_ENDED:
        return answer.done is None
    mark = answer.first_sound if record.type == "assistant.audible" else answer.done
    return mark is not None and mark.seq == record.seq


def _first(model: SessionModel, answer: Answer) -> Evidence | None:
    """The first sound; where nobody hears the loudspeaker, the first words."""
    return answer.first_sound if model.playback.is_told_locally else answer.first_output


def _since(model: SessionModel, answer: Answer) -> Evidence | None:
    segment = next((one for one in model.segments.values() if one.answer is answer), None)
    return segment.stopped or segment.committed if segment is not None else answer.asked


def _wait(model: SessionModel, answer: Answer) -> float | None:
    return None if answer.is_queued else elapsed(_since(model, answer), _first(model, answer))


def _longest(model: SessionModel, answer: Answer) -> str:
    steps = {
        "created": elapsed(_since(model, answer), answer.created),
        "made": elapsed(answer.created, answer.first_output),
        "heard": elapsed(answer.first_output, answer.first_sound),
    }
    return max(steps, key=lambda name: steps[name] or 0.0)
