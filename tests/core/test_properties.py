"""What must hold whatever happens in whatever order: random events through the real `step`, time included."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings, strategies as st
from msgspec.structs import fields, replace

from tests.support.random_talk import BEGINNINGS, POLICIES, SCRIPTS
from tests.support.script import (
    Moment,
    Recipe,
    Talk,
    committed,
    connected,
    conversation,
    created,
    done,
    is_from,
    item,
    silence,
    speech,
    transcribed,
    words,
)
from voicechat.core import effects as do, events as on
from voicechat.core.events import Event, Received
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.microphone import REASONS, closed_reason
from voicechat.core.state import State, Turn
from voicechat.core.step import RULES, next_deadline
from voicechat.core.transcript import find_item
from voicechat.protocol import client_events as say, server_events as wire, server_events as wires
from voicechat.protocol.items import ErrorDetail, Item
from voicechat.protocol.server_events import ServerEvent
from voicechat.protocol.wire import MalformedFrame, UnknownEvent, WireEvent


def a_step_never_raises_and_no_deadline_stays(moments: list[Moment], policy: TurnPolicy) -> None:
    for moment in moments:
        due = next_deadline(moment.after, moment.now, policy)
        assert due is None or due == due


def event_id(effect: do.Effect) -> str:
    return (effect.event_id or "") if isinstance(effect, say.ConversationItemCreate) else ""


def items_of(moment: Moment, *rules: str) -> list[str]:
    """The ids of the items that one of these rules creates (see `Talk.items`)."""
    items = [one for one in moment.result.effects if isinstance(one, say.ConversationItemCreate)]
    return [event_id(one) for one in items if any(is_from(rule, one) for rule in rules)]


def is_output(event: say.ConversationItemCreate) -> bool:
    """Of a call that was answered in this session, not one told of an earlier one."""
    return event.item.type == "function_call_output" and is_from("tool", event)


def r3_reopening_only_opens(moments: list[Moment], policy: TurnPolicy) -> None:
    """A step whose only cause is sound, silence or time sends nothing but what a granted barge-in sends."""
    causes = (on.AssistantFellSilent, on.PlaybackEmptied, on.AssistantHeard, on.MicLive, on.MicFlat)
    for moment in moments:
        if isinstance(moment.event, causes) and not moment.announced(on.AnswerInterrupted):
            assert not moment.has(say.ResponseCreate, say.ResponseCancel, say.SessionUpdate), moment


def r4_a_closed_mic_has_a_reason_and_a_way_out(moments: list[Moment], policy: TurnPolicy) -> None:
    silent_since: float | None = None
    for moment in moments:
        reason = closed_reason(moment.after, moment.now, policy)
        assert moment.after.microphone.is_open == (reason == "")
        assert reason == "" or reason in REASONS
        sound = moment.after.playback
        is_closed_for_it = reason.startswith("assistant speaking") and not sound.is_audible
        if not is_closed_for_it:
            silent_since = None
        elif silent_since is None or moment.event == on.AssistantHeard():
            silent_since = moment.now
        elif isinstance(moment.event, Received) and isinstance(moment.event.event, wires.OutputAudioBufferStarted):
            silent_since = moment.now
        if silent_since is not None:
            assert moment.now - silent_since <= policy.inaudible_limit + policy.reopen_delay + 1e-6, moment


def r1_nothing_is_sent_while_the_assistant_is_audible(moments: list[Moment], policy: TurnPolicy) -> None:
    for moment in moments:
        state = moment.after
        keeps_open = policy.mic_open_during_playback and state.choices.barge_in
        if state.playback.is_audible and not keeps_open and state.talk.pressed_at is None:
            assert not state.microphone.is_open, moment


def r5_a_mute_is_never_overridden(moments: list[Moment], policy: TurnPolicy) -> None:
    for moment in moments:
        if moment.after.microphone.muted:
            assert not moment.has(do.OpenMic), moment
            assert not moment.after.microphone.is_open
        if isinstance(moment.event, on.MuteChosen):
            assert moment.after.microphone.muted == moment.event.muted


def r12_never_two_creates_without_an_end_between(moments: list[Moment], policy: TurnPolicy) -> None:
    is_open = False
    for moment in moments:
        wire = moment.event.event if isinstance(moment.event, Received) else None
        ends = isinstance(wire, wires.ResponseDone | wires.ServerError)
        ends = ends or isinstance(moment.event, on.LineLost | on.EndAsked | on.NewAsked | on.SendRefused)
        if ends or any(getattr(news, "code", "") == "no_answer" for news in moment.result.announced):
            is_open = False
        if isinstance(moment.event, on.TimePassed) and not moment.after.responses.active_id:
            is_open = is_open and moment.after.responses.asked_at is not None
        creates = sum(isinstance(effect, say.ResponseCreate) for effect in moment.result.effects)
        assert creates <= 1
        if creates:
            assert not is_open, moment
            is_open = True


def r14_only_a_wish_creates_and_only_an_interruption_cancels(moments: list[Moment], policy: TurnPolicy) -> None:
    for moment in moments:
        if moment.has(say.ResponseCreate):
            is_end = isinstance(moment.event, Received) and isinstance(
                moment.event.event, wires.ResponseDone | wires.ServerError
            )
            assert moment.announced(on.ReplyWanted) or is_end, moment
        if moment.has(say.ResponseCancel):
            was_cancelled_at_birth = moment.before.responses.cancelled_by is not None
            assert moment.announced(on.AnswerInterrupted) or was_cancelled_at_birth, moment
        if isinstance(moment.event, on.TimePassed | on.LineOpened | on.DeviceOpened | on.MicLive):
            # What the user typed or wished for before the line was up waited for the configuration, not for time.
            assert not moment.has(say.ResponseCreate) or moment.announced(on.ConfigurationInForce), moment
            assert not moment.has(say.ResponseCancel) or moment.announced(on.AnswerInterrupted), moment


def nothing_is_asked_beyond_the_budget(moments: list[Moment], policy: TurnPolicy) -> None:
    for moment in moments:
        if moment.after.budget.spent_at is not None:
            assert not moment.has(say.ResponseCreate, do.OpenMic), moment
            assert not moment.after.microphone.is_open


def r19_the_servers_turns_are_never_committed_here(moments: list[Moment], policy: TurnPolicy) -> None:
    for moment in moments:
        if moment.has(say.InputAudioBufferCommit) and not moment.before.choices.turns_are_ours:
            assert policy.commit_after_stop is not None, moment
            assert isinstance(moment.event, on.TimePassed), moment


def r21_no_user_audio_before_the_configuration_is_in_force(moments: list[Moment], policy: TurnPolicy) -> None:
    for moment in moments:
        speaks = moment.has(do.OpenMic, do.SendKept, say.InputAudioBufferCommit, say.ResponseCreate)
        if speaks or items_of(moment, "typed", "kept"):
            assert moment.after.connection.phase == "open", moment
            assert moment.after.configuration.in_force_at is not None, moment


def r27_a_missing_line_is_on_its_way_or_explained(moments: list[Moment], policy: TurnPolicy) -> None:
    for moment in moments:
        was, line = moment.before.connection, moment.after.connection
        if line.phase in ("lost", "refused") and was.phase != line.phase and line.retry_at is None:
            assert any(isinstance(news, on.Noticed) and news.level == "error" for news in moment.result.announced)
        if line.phase == "ended":
            assert line.retry_at is None


def r27_a_new_line_is_told_of_the_old_one_first_and_once(moments: list[Moment], policy: TurnPolicy) -> None:
    told: set[str] = set()
    for moment in moments:
        items = items_of(moment, "kept")
        assert told.isdisjoint(items) and len(items) == len(set(items))
        told |= set(items)
        if items:
            effects = moment.result.effects
            before = effects[: next(place for place, one in enumerate(effects) if event_id(one) == items[0])]
            others = (do.OpenMic, do.SendKept, say.ConversationItemCreate, say.ResponseCreate)
            assert not any(isinstance(one, (*others, say.InputAudioBufferCommit)) for one in before)


def r5_what_was_said_before_a_mute_ends_with_it(moments: list[Moment], policy: TurnPolicy) -> None:
    muted_since: float | None = None
    for moment in moments:
        mic = moment.after.microphone
        for effect in moment.result.effects:
            if isinstance(effect, do.SendKept):
                assert 0.0 <= effect.until <= effect.since <= policy.keep_before_line + 1e-6
                assert muted_since is None or moment.now - effect.until <= muted_since + 1e-6, moment
        muted_since = (moment.now if muted_since is None else muted_since) if mic.muted else None


def each_rule_changes_only_what_it_owns(moments: list[Moment], policy: TurnPolicy) -> None:
    for moment in moments:
        for event in (moment.event, *moment.result.announced):
            for rule in RULES:
                answers = [rule.on_event(moment.before, event, moment.now, policy)]
                if rule.settle is not None:
                    answers.append(rule.settle(moment.before, moment.now, policy))
                for after in (answer.state for answer in answers if answer.state is not None):
                    changed = {
                        one.name
                        for one in fields(State)
                        if getattr(after, one.name) is not getattr(moment.before, one.name)
                    }
                    assert changed <= set(rule.owns), (rule.name, event)


def the_loudspeaker_drops_what_the_core_believes_it_drops(moments: list[Moment], policy: TurnPolicy) -> None:
    """A playout that carries out the effects, and that a fast path flushes: nothing is dropped unknown to the core."""
    generation, dropped = 0, -1
    for moment in moments:
        if isinstance(moment.event, on.PlaybackFlushed):
            dropped = max(dropped, moment.event.through)
        for effect in moment.result.effects:
            if isinstance(effect, do.BeginPlayback):
                generation = max(generation, effect.generation)
            elif isinstance(effect, do.SilencePlayback):
                dropped = max(dropped, effect.through)
        assert (generation <= dropped) == moment.after.playback.is_flushed, moment


def r24_a_note_is_only_a_note(moments: list[Moment], policy: TurnPolicy) -> None:
    for moment in moments:
        for news in moment.result.announced:
            if isinstance(news, on.Noticed):
                assert all(not rule.on_event(moment.before, news, moment.now, policy).effects for rule in RULES)


def r24_side_work_reaches_the_transcript_and_nothing_else(moments: list[Moment], policy: TurnPolicy) -> None:
    for moment in moments:
        if not isinstance(moment.event, on.TurnTranslated | on.SideNoted):
            continue
        for rule in RULES:
            result = rule.on_event(moment.before, moment.event, moment.now, policy)
            assert not result.effects and not result.announced, rule.name
            assert rule.name == "conversation" or result.state is None, rule.name
        assert not moment.result.effects and not moment.result.announced, moment
        after = replace(moment.after, conversation=moment.before.conversation)
        assert all(getattr(after, one.name) is getattr(moment.before, one.name) for one in fields(State)), moment
        assert next_deadline(moment.after, moment.now, policy) == next_deadline(moment.before, moment.now, policy)


def the_mic_is_told_what_it_does_not_know(moments: list[Moment], policy: TurnPolicy) -> None:
    """`OpenMic` and `CloseMic` take turns; a second close only ever drops what is on its way out."""
    for moment in moments:
        for effect in moment.result.effects:
            if isinstance(effect, do.OpenMic):
                assert 0.0 <= effect.pre_roll <= policy.keep_before_line
            if isinstance(effect, do.CloseMic) and not moment.before.microphone.is_open:
                assert effect.drop


def no_tool_runs_unallowed_and_each_call_is_answered_once(moments: list[Moment], policy: TurnPolicy) -> None:
    allowed: set[str] = set()
    running: set[str] = set()
    for moment in moments:
        if isinstance(moment.event, on.ToolAllowed):
            allowed |= {"look"} if moment.event.for_rest_of_talk or moment.event.call_id == "c1" else set()
        if isinstance(moment.event, on.NewAsked):
            allowed.clear()
        for effect in moment.result.effects:
            if isinstance(effect, do.DropTools):
                running.clear()
            if isinstance(effect, do.RunTool):
                assert effect.name == "add" or (effect.name == "look" and "look" in allowed), moment
                assert effect.call_id not in running, moment
                running.add(effect.call_id)
            if isinstance(effect, say.ConversationItemCreate) and is_output(effect):
                known = {call.call_id for call in moment.before.tools.calls}
                is_refused = isinstance(moment.event, Received) and "not run" in (effect.item.output or "")
                assert effect.item.call_id in known or is_refused or moment.announced(on.ToolsCalled), moment
                assert not moment.after.tools.calls or effect.item.call_id not in {
                    call.call_id for call in moment.after.tools.calls
                }
                running.discard(effect.item.call_id or "")


def r10_an_answer_sounds_only_while_the_loudspeaker_does(moments: list[Moment], policy: TurnPolicy) -> None:
    """One that stays behind as sounding would be shown as speaking for the rest of the talk."""
    for moment in moments:
        for turn in moment.after.conversation.turns:
            if turn.who == "assistant" and turn.sounding:
                assert moment.after.playback.is_audible and turn.complete_at is None and turn.cut is None, moment


CHECKS = [
    no_tool_runs_unallowed_and_each_call_is_answered_once,
    a_step_never_raises_and_no_deadline_stays,
    r1_nothing_is_sent_while_the_assistant_is_audible,
    r3_reopening_only_opens,
    r4_a_closed_mic_has_a_reason_and_a_way_out,
    r5_a_mute_is_never_overridden,
    r10_an_answer_sounds_only_while_the_loudspeaker_does,
    r12_never_two_creates_without_an_end_between,
    r14_only_a_wish_creates_and_only_an_interruption_cancels,
    nothing_is_asked_beyond_the_budget,
    r19_the_servers_turns_are_never_committed_here,
    r21_no_user_audio_before_the_configuration_is_in_force,
    the_loudspeaker_drops_what_the_core_believes_it_drops,
    r24_a_note_is_only_a_note,
    r24_side_work_reaches_the_transcript_and_nothing_else,
    r27_a_missing_line_is_on_its_way_or_explained,
    r27_a_new_line_is_told_of_the_old_one_first_and_once,
    r5_what_was_said_before_a_mute_ends_with_it,
    each_rule_changes_only_what_it_owns,
    the_mic_is_told_what_it_does_not_know,
]


@settings(derandomize=True, max_examples=2 * settings().max_examples)
@given(SCRIPTS, st.sampled_from(POLICIES), st.sampled_from(BEGINNINGS))
def test_every_rule_holds_whatever_happens_in_whatever_order(
    recipes: list[tuple[float, Recipe]], policy: TurnPolicy, begin: Callable[[TurnPolicy], State]
) -> None:
    """One conversation is played once and put before all checks: they cost little, playing costs much."""
    moments = list(conversation(recipes, policy, begin(policy)))
    for check in CHECKS:
        check(moments, policy)


# Whatever arrives in whatever order: the transcript holds together


USERS = st.sampled_from(["u1", "u2", "u3", ""])
ANSWERS = st.sampled_from(["a1", "a2", "a3"])
RESPONSES = st.sampled_from(["r1", "r2", "r3", ""])
ITEMS = st.one_of(USERS, ANSWERS, st.just("f1"))
TEXT = st.sampled_from(["", "one two ", "窓際の席", "x"])
CALL = Item(id="f1", type="function_call", call_id="c1", name="look", arguments="{}")
RESULT = Item(id="o1", type="function_call_output", call_id="c1", output="found")

SAID: st.SearchStrategy[ServerEvent] = st.one_of(
    st.builds(speech, USERS, st.integers(0, 9000)),
    st.builds(silence, USERS, st.integers(0, 9000)),
    st.builds(committed, USERS, st.one_of(st.none(), ITEMS)),
    st.builds(transcribed, USERS, TEXT),
    st.builds(wire.ConversationItemInputAudioTranscriptionDelta, item_id=USERS, delta=TEXT),
    st.builds(wire.ConversationItemInputAudioTranscriptionFailed, item_id=USERS),
    st.builds(created, RESPONSES, st.sampled_from(["c", None])),
    st.builds(words, RESPONSES, ANSWERS, TEXT),
    st.builds(wire.ResponseOutputTextDelta, response_id=RESPONSES, item_id=ANSWERS, delta=TEXT),
    st.builds(wire.ResponseOutputAudioTranscriptDone, response_id=RESPONSES, item_id=ANSWERS, transcript=TEXT),
    st.builds(wire.ResponseOutputItemAdded, response_id=RESPONSES, item=st.just(CALL)),
    st.builds(
        done,
        RESPONSES,
        output=st.tuples(st.builds(item, ANSWERS, st.just("assistant"), st.none(), TEXT)),
        status=st.sampled_from(["completed", "cancelled", "failed", "incomplete"]),
    ),
    st.builds(
        wire.ConversationItemAdded,
        item=st.one_of(
            st.builds(item, USERS, st.just("user"), st.one_of(st.none(), TEXT), TEXT),
            st.builds(item, ANSWERS, st.just("assistant")),
            st.sampled_from([CALL, RESULT, Item(id="x", type="hologram")]),
        ),
        previous_item_id=st.one_of(st.none(), ITEMS),
    ),
    st.builds(
        wire.ConversationItemTruncated, item_id=ANSWERS, audio_end_ms=st.one_of(st.none(), st.integers(-9, 9000))
    ),
    st.builds(wire.ConversationItemDeleted, item_id=ITEMS),
    st.builds(wire.OutputAudioBufferStarted, response_id=RESPONSES),
    st.builds(wire.OutputAudioBufferStopped, response_id=RESPONSES),
    st.builds(wire.OutputAudioBufferCleared, response_id=RESPONSES),
    st.just(wire.InputAudioBufferCleared()),
    st.builds(wire.ServerError, error=st.builds(ErrorDetail, code=TEXT, message=TEXT)),
)
HAPPENED: st.SearchStrategy[Event | ServerEvent] = st.one_of(
    SAID,
    SAID,
    st.just(on.AssistantHeard()),
    st.builds(on.AssistantFellSilent, st.floats(0, 50)),
    st.just(on.PlaybackEmptied(1)),
    st.builds(on.VoiceBegan, st.floats(0, 50)),
    st.builds(on.VoiceEnded, st.floats(0, 50), st.floats(0, 5)),
    st.builds(on.BargeInHappened, st.floats(0, 50)),
    st.just(on.StopPressed()),
    st.builds(on.TextEntered, TEXT),
    st.builds(on.TalkPressed),
    st.builds(on.TalkReleased),
    st.builds(on.DeafenChosen, st.booleans()),
    st.builds(on.LineLost, st.just(1), TEXT),
)
SCRIPT = st.lists(st.tuples(st.floats(0, 2), HAPPENED), max_size=40)


def play(script: list[tuple[float, Event | ServerEvent]]) -> Talk:
    talk = connected()
    for pause, happened in script:
        talk.at(talk.now + pause)
        check(talk)
        if isinstance(happened, WireEvent | UnknownEvent | MalformedFrame):
            talk.hear(happened)
        else:
            talk.tell(happened)
        check(talk)
    return talk


def check(talk: Talk) -> None:
    turns = talk.turns
    assert len({turn.key for turn in turns}) == len(turns)
    for turn, shown in zip(turns, talk.views, strict=True):
        assert shown.text + shown.rest == turn.text
        assert shown.key == turn.key
    mic = talk.view.mic
    is_sent = talk.state.microphone.is_open and talk.state.connection.phase == "open"
    assert mic.is_on_air == (is_sent or mic.state == "tail")  # the sound that waits behind a close is still to leave
    assert bool(mic.reason) != mic.is_on_air


@given(SCRIPT)
def test_no_order_of_events_raises_or_breaks_the_transcript(script: list[tuple[float, Event | ServerEvent]]) -> None:
    play(script)


@given(SCRIPT, st.floats(0, 3))
def test_what_was_shown_as_heard_stays_shown_while_the_answer_sounds(
    script: list[tuple[float, Event | ServerEvent]], pause: float
) -> None:
    talk = play(script)
    early = {turn.key: turn.text for turn in talk.views}
    talk.at(talk.now + pause)
    for turn in talk.views:
        assert turn.key not in early or turn.text.startswith(early[turn.key])


@given(st.permutations(range(6)), st.data())
def test_the_order_respects_what_the_server_said_comes_before(order: list[int], data: st.DataObject) -> None:
    """Users and answers in turn, each naming one of those before it, arriving in any order."""
    names = [f"{'u' if place % 2 == 0 else 'a'}{place}" for place in range(6)]
    previous = [None, *(data.draw(st.sampled_from(names[: place + 1])) for place in range(5))]
    talk = connected()
    for place in order:
        if place % 2 == 0:
            talk.hear(committed(names[place], previous[place]))
        else:
            response, assistant = f"r{place}", item(names[place], "assistant")
            talk.hear(created(response), words(response, names[place], "yes"))
            talk.hear(wire.ConversationItemAdded(item=assistant, previous_item_id=previous[place]), done(response))
        check_order(talk.state)
    assert {turn.item_id for turn in talk.turns} == set(names)


def check_order(state: State) -> None:
    for place, turn in enumerate(state.conversation.turns):
        assert_behind(state, place, turn)


def assert_behind(state: State, place: int, turn: Turn) -> None:
    leader = find_item(state.conversation, turn.connection, turn.previous_item_id)
    assert leader is None or leader < place
