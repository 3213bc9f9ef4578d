"""The state as the screen needs it: which mic state, which reply state, which line, derived anew each time.

Durations are rounded to 0.1 s: more is not shown, and equal views cost the screen nothing. Turns are in `turn_viewing`.

What the assistant is doing, in one word for the deck.

Turns as the screen shows them: what was heard, what was not, and where an answer was cut (R10).
"""

from __future__ import annotations

from voicechat.core.continuous import target_language
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.budget import dollars, is_spent
from voicechat.core.rules.microphone import BUDGET, IDLE, REOPENING, SPEAKING, SPEAKING_CUT_IN, closed_reason
from voicechat.core.rules.playback import over_from
from voicechat.core.rules.push_to_talk import is_draining, is_talking, latch_ends_at, tail_ends_at
from voicechat.core.rules.roll_over import session_ends_at
from voicechat.core.rules.tools import asked
from voicechat.core.sounding import (
    has_loudspeaker,
    heard_seconds,
    is_output_inaudible,
    is_spoken,
    is_unheard,
    open_answers,
)
from voicechat.core.spoken_text import heard_length
from voicechat.core.state import Cut, State, Turn
from voicechat.core.view import (
    CUT_WORDS,
    ConnectionView,
    Lamp,
    MicState,
    MicView,
    ReplyState,
    ReplyView,
    ToolAsk,
    TurnView,
    View,
)
from voicechat.protocol.session_dialects import get_path

MOST_KEPT = 8192
"""Views kept for turns that will not change by themselves; beyond it they are all made anew."""
_kept: dict[str, tuple[Turn, float | None, TurnView]] = {}
# A screen asks 20 times a second and a long talk has a thousand turns: the view of a record is made once. Known by the
# turn's key and the record's identity, because comparing a turn costs as much as viewing it; of each turn the last one.


def turn_views(state: State, now: float, since: float | None = None) -> tuple[TurnView, ...]:
    """Every turn in display order. Only answers that are sounding change with time alone.

    `since`: from where their times count, as those of the events do; without it from the first connection.
    """
    conversation = state.conversation
    rate = conversation.chars_per_second
    start = conversation.started_at if since is None else since
    at_once = not has_loudspeaker(state)
    return tuple(
        _kept_view(turn, start)
        if _is_fixed(turn)
        else _view(turn, now, rate, start, at_once, is_unheard=is_unheard(turn, state))
        for turn in conversation.turns
    )


def split(turn: Turn, now: float, rate: float, *, at_once: bool = False) -> int:
    """How many characters of an answer were or are audible at `now`; the rest is not heard (yet).

    `rate`: narrow characters a second for an answer that has not sounded. `at_once`: there is no loudspeaker, so
    nothing waits for it. A written answer is read, not heard; a spoken one that is over uncut was heard
    in full.
    """
    if turn.who != "assistant" or not is_spoken(turn):
        return len(turn.text)
    rate = rate if turn.pace is None else turn.pace
    if turn.cut is not None:
        return heard_length(turn.text, turn.cut.heard, rate)
    if turn.complete_at is not None or at_once:
        return len(turn.text)
    return heard_length(turn.text, heard_seconds(turn, now), rate)


def _is_fixed(turn: Turn) -> bool:
    """Whether neither time nor the learned pace can change how the turn looks."""
    if turn.who != "assistant":
        return True
    return turn.complete_at is not None and (turn.cut is None or turn.pace is not None)


def _kept_view(turn: Turn, start: float | None) -> TurnView:
    known = _kept.get(turn.key)
    if known is not None and known[0] is turn and known[1] == start:
        return known[2]
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    made = _view(turn, turn.at, 0.0, start, at_once=False)
    _kept[turn.key] = (turn, start, made)
    return made


def _view(
    turn: Turn, now: float, rate: float, start: float | None, at_once: bool, *, is_unheard: bool = False
) -> TurnView:
    at = 0.0 if start is None else max(0.0, turn.at - start)
    if turn.who == "note":
        return TurnView(
            turn.key,
            "note",
            at,
            turn.text,
            level=turn.level,
            detail=turn.detail,
            count=turn.count,
            item_id=turn.item_id,
        )
    heard = split(turn, now, rate, at_once=at_once)
    cut = Cut("device", turn.heard) if is_unheard else turn.cut
    return TurnView(
        turn.key,
        turn.who,
        at,
        text=turn.text[:heard],
        rest=turn.text[heard:],
        partial=_is_growing(turn),
        typed=turn.typed,
        written=turn.who == "assistant" and not is_spoken(turn),
        unheard=turn.unheard and turn.complete_at is not None and turn.cut is None,
        committed=turn.committed,
        failed=turn.failed,
        vad="" if turn.speech_began_ms is None else "started" if turn.speech_ended_ms is None else "stopped",
        spoken=turn.spoken,
        latency=turn.latency,
        cut_by="" if cut is None else cut.by,
        cut_at=0.0 if cut is None else cut.heard,
        cut_is_estimate=cut is not None and cut.estimated,
        false_alarm=turn.false_alarm,
        detail=turn.detail,
        stage=turn.stage,
        item_id=turn.item_id,
        call_id=turn.call_id,
        translation=turn.translation,
    )


def _is_growing(turn: Turn) -> bool:
    match turn.who:
        case "assistant":
            return turn.complete_at is None and turn.cut is None
        case "tool":
            return not turn.done
        case _:
            return not turn.final


BREATH = 0.8
"""Seconds of silence inside an answer that count as a pause between its sentences."""
SHOWN_FOR = 3.0
"""Seconds for which an end (finished, cut, stopped) is shown before `ready`."""


def reply_view(state: State, now: float, policy: TurnPolicy) -> ReplyView:
    """The reply state at `now`; what is happening comes before what has happened."""
    answer = _newest(state, "assistant")
    name, seconds, detail = (
        _happening(state, answer, now, policy) or _happened(state, answer, now) or ("ready", 0.0, "")
    )
    unheard = answer is not None and answer.unheard if name == "finished" else _is_unheard_now(state)
    return ReplyView(name, round(max(0.0, seconds), 1), detail, _last_latency(state), unheard)


def _is_unheard_now(state: State) -> bool:
    return is_output_inaudible(state) or state.microphone.lost_at is not None


Told = tuple[ReplyState, float, str]
"""State, seconds, detail."""


def _happening(state: State, answer: Turn | None, now: float, policy: TurnPolicy) -> Told | None:
    if state.connection.phase != "open":
        return "no-session", now - state.connection.since, ""
    turns = state.conversation.turns
    answers = [turns[index] for index in open_answers(state.conversation, state.connection.number)]
    sounding = next((turn for turn in answers if turn.sounding), None)
    if sounding is not None:  # the newest answer may still be in the making behind one that was asked for before
        return ("finishing" if sounding.done else "speaking"), heard_seconds(sounding, now), ""
    listening_since = _listening_since(state, now, policy)
    if listening_since is not None:
        return "listening", now - listening_since, ""
    paused = next((turn for turn in answers if _draws_breath(turn, now)), None)
    if paused is not None:
        return "speaking", paused.heard, ""
    slot = state.responses
    pausing = [turn for turn in answers if turn.done and turn.cut is None]
    heard = next((turn for turn in pausing if turn.first_sound_at is not None), None)
    if heard is not None and not slot.active_id:
        return "finishing", heard.heard, ""
    if slot.stalled_at is not None:
        return "no-answer", now - slot.stalled_at, slot.missing_why
    tool = _running_tool(state, now)
    is_written = answer is not None and not answer.done and bool(answer.text)
    if slot.active_id and is_written and (not has_loudspeaker(state) or state.microphone.lost_at is not None):
        return "speaking", 0.0, ""
    if slot.active_id or slot.asked_at is not None or tool:
        since = slot.asked_at if slot.asked_at is not None else slot.created_at
        return "thinking", 0.0 if since is None else now - since, tool
    if answer in pausing and answer is not None and answer.parts:
        return "thinking", now - answer.at, ""
    if _is_waiting(state, now, policy):
        return "waiting", 0.0, ""
    return None


def _draws_breath(turn: Turn, now: float) -> bool:
    """Whether an answer that is still being made was heard a moment ago: a pause between sentences is no thinking."""
    return not turn.done and turn.cut is None and turn.last_sound_at is not None and now - turn.last_sound_at < BREATH


def _happened(state: State, answer: Turn | None, now: float) -> Told | None:
    slot = state.responses
    if slot.missing_since is not None:
        return "no-answer", now - slot.missing_since, slot.missing_why
    is_of_this_line = slot.done_at is not None and slot.done_at >= state.connection.since
    since = 0.0 if slot.done_at is None else now - slot.done_at
    if slot.last_status == "failed" and is_of_this_line:
        return "failed", since, slot.last_error
    if slot.last_status == "incomplete" and since < SHOWN_FOR:
        return "incomplete", since, slot.last_reason
    if answer is None:
        return None
    ended_at = answer.complete_at
    if answer.cut is not None:
        ended_at = answer.last_sound_at if answer.last_sound_at is not None else answer.done_at
    if ended_at is None or now - ended_at >= SHOWN_FOR:
        return None
    if answer.cut is None:
        return "finished", answer.heard, ""
    who = CUT_WORDS[answer.cut.by]
    if answer.first_sound_at is None and not answer.text:
        return "cancelled-at-birth", 0.0, who
    return ("stopped" if answer.cut.by == "you" else "cut"), answer.cut.heard, who


def _listening_since(state: State, now: float, policy: TurnPolicy) -> float | None:
    """Since when the user's turn is being taken: a press that is on the air, or a voice that the server hears."""
    talk = state.talk
    if talk.opened_at is not None and is_talking(talk, now, policy):
        return talk.opened_at
    voice = state.voice
    if state.choices.local_detection and state.microphone.is_open and voice.ended_at is None:
        return voice.began_at
    for turn in reversed(state.conversation.turns):
        if turn.who == "you" and not turn.typed:
            is_speaking = turn.speech_began_ms is not None and turn.speech_ended_ms is None and not turn.committed
            is_here = turn.connection == state.connection.number and state.microphone.is_open
            return turn.at if is_speaking and is_here and not turn.final else None
        if turn.who == "assistant" and turn.complete_at is not None:
            return None
    return None


def _is_waiting(state: State, now: float, policy: TurnPolicy) -> bool:
    """The user's turn is on its way: committed or about to be, its words or its answer not here yet."""
    if state.segment.awaiting_item or state.gate.waiting:
        return True
    turn = next((turn for turn in reversed(state.conversation.turns) if turn.who in ("you", "assistant")), None)
    if turn is None or turn.who != "you" or turn.connection != state.connection.number:
        return False
    if turn.final or turn.last_sound_at is None:
        return False
    return now < turn.last_sound_at + policy.answer_limit


def _running_tool(state: State, now: float) -> str:
    """The call that is being worked on, with its seconds."""
    for turn in reversed(state.conversation.turns):
        if turn.who == "tool" and not turn.done and turn.connection == state.connection.number:
            if turn.stage == "asked":
                return f"{turn.text or 'a tool'} waits for your word"
            return f"{turn.text or 'a tool'} {max(0.0, now - turn.at):.1f} s" if not turn.failed else ""
        if turn.who != "note":
            return ""
    return ""


def _newest(state: State, who: str) -> Turn | None:
    return next((turn for turn in reversed(state.conversation.turns) if turn.who == who), None)


def _last_latency(state: State) -> float | None:
    for turn in reversed(state.conversation.turns):
        if turn.who == "assistant" and turn.latency is not None:
            return turn.latency
    return None


LONGEST_ASK = 4000
"""Characters of the arguments in a question; more is read in the transcript."""
SPOKEN, BETWEEN_WORDS = 1.0, 1.5
"""Seconds of voice into a closed microphone that are no cough, and of silence after it in which more may follow."""
TOO_LOUD = 0.02
"""Share of clipped samples from which recognition suffers and the user should know."""


def view(state: State, now: float, policy: TurnPolicy, meters_hint: float | None = None) -> View:
    """Everything but the turns, at `now`. `meters_hint`: share (0 to 1) of input samples that clip, where known."""
    policy = state.choices.policy or policy
    return View(
        mic=mic_view(state, now, policy, meters_hint),
        reply=reply_view(state, now, policy),
        connection=connection_view(state, now),
        refused=state.configuration.refused,
        completed=state.conversation.completed,
        spent_budget=state.budget.amount if is_spent(state) else None,
        has_all_tools=state.tools.are_all,
        asked=tuple(
            ToolAsk(
                call.call_id,
                call.name,
                call.arguments[:LONGEST_ASK],
                max(0, len(call.arguments) - LONGEST_ASK),
                call.server,
            )
            for call in asked(state)
        ),
    )


def mic_view(state: State, now: float, policy: TurnPolicy, clipped: float | None = None) -> MicView:
    """The deck's row: state, reason (R4), time, lamps."""
    mic = state.microphone
    reason = _reason(state, now, policy)
    name = mic_state(state, reason, clipped)
    remaining = _remaining(state, name, now, policy)
    return MicView(
        state=name,
        is_on_air=is_on_air(state),
        reason=reason,
        seconds=round(max(0.0, now - _since(state, name)), 1),
        remaining=None if remaining is None else round(max(0.0, remaining), 1),
        name=mic.name,
        speaker=mic.speaker,
        echo=mic.echo,
        detail=_detail(state),
        hint=mic.missing_hint if mic.missing else "",
        turn_mode=state.choices.turn_mode,
        barge_in=state.choices.barge_in,
        translates_to=target_language(state),
        muted=mic.muted,
        speaks_while_closed=name in ("muted", "paused", "idle") and _is_speaking(state, now),
        volume=mic.volume,
        deafened=mic.deafened,
        lamps=(_mic_lamp(state), _sent_lamp(state, name), _heard_lamp(state)),
    )


def _is_speaking(state: State, now: float) -> bool:
    """A voice of a second and more since the mic closed that goes on, or paused a moment ago; never its own echo."""
    began_at, ended_at = state.voice.began_at, state.voice.ended_at
    if began_at is None or state.playback.is_audible:
        return False
    until = now if ended_at is None else ended_at
    return until - max(began_at, state.microphone.changed_at) >= SPOKEN and now - until < BETWEEN_WORDS


def _detail(state: State) -> str:
    mic = state.microphone
    if mic.missing or mic.lost_at is not None:
        return mic.missing or mic.lost_reason
    return dollars(state.budget.amount) if is_spent(state) else ""


def is_on_air(state: State) -> bool:
    """Samples of the microphone leave this machine: a fact, not a mode."""
    mic = state.microphone
    is_leaving = mic.is_open or mic.leaving_until is not None or is_draining(state)
    return is_leaving and state.connection.phase == "open"


def mic_state(state: State, reason: str, clipped: float | None = None) -> MicState:
    """The row of the deck's table that holds. The first that holds wins: what stops you most comes first."""
    mic = state.microphone
    if state.connection.phase == "ended":
        return "ended"
    if mic.missing:
        return "no-microphone"
    if mic.lost_at is not None:
        return "device-lost"
    if mic.muted:
        return "muted"
    if reason == BUDGET:
        return "budget-spent"
    return _line_state(state) or _talk_state(state) or _free_state(state, reason, clipped)


def connection_view(state: State, now: float) -> ConnectionView:
    """The line, with what the service says is in use, else what was asked for (R22)."""
    line = state.connection
    effective = state.configuration.effective
    started_at = state.conversation.started_at
    voice = get_path(effective, ("audio", "output", "voice"))
    voice = voice.get("id") or voice.get("name") if isinstance(voice, dict) else voice
    model = effective.get("model")
    return ConnectionView(
        phase=line.phase,
        seconds=round(max(0.0, now - line.since), 1),
        provider=state.wishes.provider,
        model=model if isinstance(model, str) and model else state.wishes.model,
        voice=voice if isinstance(voice, str) and voice else state.wishes.voice,
        transport=line.transport,
        steps=line.steps,
        attempts=line.attempts,
        next_try_in=None if line.retry_at is None else round(max(0.0, line.retry_at - now), 1),
        reason=line.reason,
        hint=line.hint,
        session_limit=state.wishes.session_limit,
        session_seconds=0.0 if started_at is None else round(max(0.0, now - started_at), 1),
        receive_fallback=line.receive_fallback,
        dialect=state.configuration.dialect,
        why=line.why,
        lost_for=None if line.lost_at is None else round(max(0.0, now - line.lost_at), 1),
        rolls_over=line.rolls_over,
        ends_in=_ends_in(state, now),
    )


def _ends_in(state: State, now: float) -> float | None:
    ends_at = session_ends_at(state)
    is_told = state.renewal.told_for == state.connection.number
    return None if ends_at is None or not is_told else round(max(0.0, ends_at - now))


def _reason(state: State, now: float, policy: TurnPolicy) -> str:
    """R4. Empty only for an open mic: one that may open but was not told yet is reopening."""
    return "" if is_on_air(state) else closed_reason(state, now, policy) or REOPENING


def _line_state(state: State) -> MicState | None:
    phase = state.connection.phase
    is_kept = state.talk.pressed_at is not None and state.talk.opened_at is None
    if phase in ("lost", "refused") or (phase == "connecting" and state.connection.lost_at is not None):
        is_coming = phase == "connecting" or state.connection.retry_at is not None
        return "keeping" if is_kept and is_coming else "line-lost"
    if phase in ("idle", "connecting"):
        return "keeping" if is_kept else "no-line"
    if state.configuration.in_force_at is None:
        return "keeping" if is_kept else "configuring"
    return "no-line" if state.microphone.unattended else None


def _talk_state(state: State) -> MicState | None:
    talk = state.talk
    if talk.pressed_at is None:
        return None
    if talk.released_at is not None:
        if is_on_air(state):
            return "tail"
        return "unfocused" if talk.focus_lost_at is not None else None
    if talk.latched_at is not None:
        return "latched"
    return "remote" if talk.source == "control" else "held"


def _free_state(state: State, reason: str, clipped: float | None) -> MicState:
    mic = state.microphone
    if is_on_air(state):
        if not mic.is_open:
            return "tail"
        if mic.flat_since is not None:
            return "flat"
        return "too-loud" if clipped is not None and clipped >= TOO_LOUD else "hands-free"
    if mic.paused and state.choices.is_open_mic:
        return "paused"
    match reason:
        case _ if reason == SPEAKING_CUT_IN:
            return "barge-in-ready"
        case _ if reason == SPEAKING:
            return "half-duplex"
        case _ if reason == IDLE:
            is_thinking = bool(state.responses.active_id) or state.responses.asked_at is not None
            return "thinking" if is_thinking and not state.playback.is_audible else "idle"
        case _:
            return "restoring"


def _since(state: State, name: MicState) -> float:
    """When the state began, where a fact tells; else when the mic last opened or closed."""
    mic, talk = state.microphone, state.talk
    facts: dict[str, float | None] = {
        "held": talk.opened_at,
        "latched": talk.opened_at,
        "remote": talk.opened_at,
        "tail": talk.released_at if is_draining(state) else mic.changed_at,
        "keeping": talk.pressed_at,
        "flat": mic.flat_since,
        "device-lost": mic.lost_at,
        "unfocused": talk.focus_lost_at,
        "budget-spent": state.budget.spent_at,
    }
    if name in ("no-line", "line-lost", "configuring", "ended"):
        return state.connection.since
    at = facts.get(name)
    return mic.changed_at if at is None else at


def _remaining(state: State, name: MicState, now: float, policy: TurnPolicy) -> float | None:
    ends: float | None = None
    match name:
        case "restoring":
            ends = over_from(state, now, policy)
        case "latched":
            ends = latch_ends_at(state, policy)
        case "tail":
            ends = tail_ends_at(state.talk, policy)
        case "remote":
            ends = state.talk.lease_until
        case "line-lost":
            ends = state.connection.retry_at
    return None if ends is None else ends - now


def _mic_lamp(state: State) -> Lamp:
    mic = state.microphone
    if mic.missing or mic.lost_at is not None or mic.flat_since is not None:
        return "broken"
    return "yes" if mic.name else "no"


def _sent_lamp(state: State, name: MicState) -> Lamp:
    if is_on_air(state):
        return "yes"
    if name == "keeping":
        return "waiting"
    line = state.connection
    return "broken" if line.phase in ("lost", "refused") or line.lost_at is not None else "no"


def _heard_lamp(state: State) -> Lamp:
    """The server reacted to what is being said: its voice detector, or words where it has none."""
    if not is_on_air(state):
        return "no"
    if state.microphone.flat_since is not None:
        return "no"
    for turn in reversed(state.conversation.turns):
        if turn.who in ("note", "tool"):
            continue
        is_heard = turn.speech_began_ms is not None or bool(turn.text)
        is_now = turn.who == "you" and not turn.typed and turn.at >= state.microphone.changed_at
        return "yes" if is_heard and is_now else "waiting"
    return "waiting"
