"""Random conversations for property tests: what can happen, in any order, through the real `step`, time included."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.script import (
    Recipe,
    committed,
    created,
    done,
    opened,
    refused,
    sound_cleared,
    sound_started,
    sound_stopped,
    transcribed as transcript,
)
from tests.support.wire_samples import wire_samples
from voicechat.core import events as on
from voicechat.core.events import Event, Received
from voicechat.core.policy import PRESETS, TurnPolicy, policy_for
from voicechat.core.state import Choices, State, Wishes
from voicechat.protocol import server_events as wires
from voicechat.protocol.codec import decode_server
from voicechat.protocol.items import Item, Response

IDS = st.sampled_from(["r1", "r2", "r3"])
ITEMS = st.sampled_from(["u1", "u2", "u3"])
WORDS = st.sampled_from(["", ".", "yes", "好"])
SETTINGS = st.sampled_from(
    ["speed", "voice", "nonsense", "audio.output.voice", "audio.input.turn_detection.silence_duration_ms"]
)
TURNS = st.sampled_from(["", "t1", "t2", "t3", "u1", "nobody"])
CALLS = st.sampled_from(["c1", "c2", "c3", "m1"])
SOURCES: st.SearchStrategy[on.TalkSource] = st.sampled_from(["key", "mouse", "control"])
SAMPLES = [decode_server(json.dumps(sample.ga)).event for sample in wire_samples() if sample.sender == "server"]
SECONDS = st.sampled_from([0.0, 0.05, 0.3, 1.1, 3.0])
STATUSES = st.sampled_from(["completed", "cancelled", "failed", "incomplete"])
BUSY = "conversation_already_has_active_response"


POLICIES = [
    *(policy_for(preset) for preset in PRESETS.values()),
    TurnPolicy(commit_after_stop=2.0),
    TurnPolicy(reopen_delay=0.0, min_playback=0.0),
]
TOOLS = (on.ToolOffer("look"), on.ToolOffer("add", "always"), on.ToolOffer("burn", "never"))
BEGINNINGS: list[Callable[[TurnPolicy], State]] = [
    lambda policy: opened(policy=policy, wishes=Wishes(tools=TOOLS)),
    lambda policy: State(wishes=Wishes(greeting="Hello", provider="local")),
    lambda policy: State(wishes=Wishes(dialect="beta"), choices=Choices(turn_mode="push-to-talk")),
    lambda policy: opened(policy=policy),
    lambda policy: opened(barge_in=False, transport="WebSocket", policy=policy),
    lambda policy: opened(turn_mode="push-to-talk", policy=policy),
    lambda policy: opened(local_detection=True, policy=policy),
]


GARBAGE: list[wires.ServerEvent] = [
    wires.UnknownEvent(type="surprise"),
    wires.MalformedFrame(reason="no JSON"),
    wires.SessionCreated(session={}),
    wires.SessionCreated(session={"voice": 3, "turn_detection": [], "expires_at": "soon"}),
    wires.SessionUpdated(session={"type": "realtime", "audio": {"output": {"format": {"rate": -1}}}}),
    wires.ServerError(),
    wires.ResponseCreated(),
    wires.ResponseDone(),
    wires.ResponseDone(response=Response(id="r1", output=(Item(), Item(type="function_call")))),
    wires.ResponseOutputAudioDelta(item_id=None, delta="====="),
    wires.OutputAudioBufferStarted(),
    wires.OutputAudioBufferCleared(),
    wires.InputAudioBufferCommitted(),
    wires.InputAudioBufferSpeechStarted(),
    wires.InputAudioBufferSpeechStopped(),
    wires.InputAudioBufferCleared(),
    wires.ConversationItemAdded(),
    wires.ConversationItemAdded(item=Item(type="function_call_output", call_id="c1")),
    wires.ConversationItemInputAudioTranscriptionCompleted(transcript="no id"),
]


SESSION = Received(1, wires.SessionCreated(session={"type": "realtime"}))
UPDATED = Received(1, wires.SessionUpdated(session={"type": "realtime"}))

USER: st.SearchStrategy[Event] = st.one_of(
    st.builds(on.TalkPressed, SOURCES, st.none() | SECONDS),
    st.builds(on.TalkReleased, SOURCES, st.booleans()),
    st.sampled_from([on.TalkRejoined(), on.TalkTapped(), on.FocusLost(), on.PauseToggled(), on.StopPressed()]),
    st.sampled_from([on.AgainPressed(), on.EndAsked(), on.NewAsked(), on.ConnectWanted(), on.DeafenChosen(True)]),
    st.builds(on.MuteChosen, st.booleans()),
    st.sampled_from([on.BudgetNear(1.8, 2.0), on.BudgetSpent(2.1, 2.0), on.GoOnChosen()]),
    st.builds(on.BargeInChosen, st.booleans()),
    st.builds(on.AttendanceChanged, st.booleans()),
    st.builds(on.VolumeChosen, st.sampled_from([0.0, 9.0, float("nan")])),
    st.builds(on.TurnModeChosen, st.sampled_from(["hands-free", "push-to-talk"])),
    st.builds(on.TextEntered, WORDS),
    st.builds(on.SettingChosen, SETTINGS, st.sampled_from([None, 0.9, 500, "alloy", "semantic_vad"])),
    st.just(on.SettingUndone()),
    st.builds(on.RawEventEntered, st.sampled_from(["{", "[]", '{"type": "response.create"}', '{"type": "x"}'])),
    st.builds(on.ItemDeletionAsked, TURNS),
    st.builds(on.ItemTruncationAsked, TURNS),
    st.builds(on.ItemRetrievalAsked, TURNS),
    st.builds(on.ItemTextEntered, WORDS, st.sampled_from(["user", "assistant", "system"]), TURNS),
    st.builds(on.ToolAllowed, CALLS, st.booleans()),
    st.builds(on.ToolDenied, CALLS),
    st.builds(on.ToolFinished, CALLS, WORDS, WORDS),
    st.builds(on.TurnTranslated, TURNS, WORDS, st.sampled_from(["", "same", "failed", "dropped"])),
    st.builds(on.SideNoted, WORDS, st.sampled_from(["", "translation_wait"])),
)
AUDIO: st.SearchStrategy[Event] = st.one_of(
    st.sampled_from([on.AssistantHeard(), on.PlaybackEmptied(1), on.UplinkDrained(), on.MicClosed()]),
    st.sampled_from([on.MicLive(), on.MicFlat(5.0)]),
    st.builds(on.DeviceOpened, WORDS, WORDS),
    st.builds(on.DeviceLost, WORDS, WORDS),
    st.builds(on.DeviceMissing, WORDS),
)
WIRE: st.SearchStrategy[Event] = st.one_of(
    st.builds(created, IDS, conversation=st.sampled_from(["c", None])),
    st.builds(done, IDS, STATUSES, st.sampled_from([None, "turn_detected", "client_cancelled"])),
    st.builds(sound_started, IDS),
    st.builds(sound_stopped, IDS),
    st.builds(sound_cleared, IDS),
    st.builds(committed, ITEMS),
    st.builds(transcript, ITEMS, WORDS),
    st.sampled_from([*GARBAGE, *SAMPLES]).map(lambda event: Received(1, event)),
)


def heard_recipe(kind: int, ago: float) -> Recipe:
    """The audio path reports something that was a while ago."""
    reports: list[Callable[[float], Event]] = [
        on.AssistantFellSilent,
        on.VoiceBegan,
        lambda past: on.VoiceEnded(past, ago),
        on.BargeInHappened,
        lambda past: on.VoiceEnded(past, ago, near_end=True),
    ]
    return lambda state, now: reports[kind](now - ago)


def flushed_recipe(back: int) -> Recipe:
    """A fast path has flushed the present response's sound, or was late and flushed the one before."""
    return lambda state, now: on.PlaybackFlushed(state.playback.generation - back)


def line_recipe(kind: int, flag: bool, back: int) -> Recipe:
    """The present line, or the one before, reports something."""
    reports: list[Callable[[int], Event]] = [
        lambda number: on.LineOpened(number, "WebRTC" if flag else "WebSocket", configured=flag),
        lambda number: on.LineOpened(number, configured=not flag),
        lambda number: on.LineFailed(number, "no", retryable=flag),
        lambda number: on.LineLost(number, "gone"),
        lambda number: on.LineStep(number, "ice", 0.1),
    ]
    return lambda state, now: reports[kind](state.connection.number - back)


def error_recipe(code: str, param: str | None, about: int) -> Recipe:
    """The service refuses something, perhaps what was asked last."""

    def happen(state: State, now: float) -> Event:
        event_id = (None, "x", state.configuration.event_id, state.responses.event_id)[about]
        if code == "send":
            return on.SendRefused(state.connection.number, "response.create", "closed", event_id or "")
        return refused(code, event_id=event_id, param=param, connection=state.connection.number)

    return happen


def as_recipe(event: Event) -> Recipe:
    """An event that is the same at any time; one of the wire belongs to the present line."""
    if isinstance(event, Received):
        return lambda state, now: replace(event, connection=state.connection.number)
    return lambda state, now: event


def calling(kind: int) -> Received:
    """The end of an answer that called tools: one, several, one of each kind, or one that was cut short."""
    look, add = (
        Item(id=f"i-{call_id}", type="function_call", call_id=call_id, name=name, arguments="{}")
        for call_id, name in (("c1", "look"), ("c2", "add"))
    )
    burn = Item(id="i-c3", type="function_call", call_id="c3", name="burn", status="incomplete")
    request = Item(id="m1", type="mcp_approval_request", server_label="docs", name="search")
    items = [(look,), (look, add), (add, burn, look), (request, look), (request,)][kind]
    return done("r1", output=items)


RECIPES: st.SearchStrategy[Recipe] = st.one_of(
    USER.map(as_recipe),
    AUDIO.map(as_recipe),
    WIRE.map(as_recipe),
    WIRE.map(as_recipe),
    st.builds(heard_recipe, st.integers(0, 4), SECONDS),
    st.builds(flushed_recipe, st.integers(0, 1)),
    st.builds(line_recipe, st.integers(0, 4), st.booleans(), st.sampled_from([0, 0, 0, 1])),
    st.builds(
        error_recipe,
        st.sampled_from([BUSY, "response_cancel_not_active", "unknown_parameter", "server_error", "send"]),
        st.sampled_from([None, "session.type", "session.voice", "session.audio.input.transcription", "input"]),
        st.integers(0, 3),
    ),
)
GAPS = st.sampled_from([0.0, 0.01, 0.1, 0.3, 0.7, 2.5, 9.0])
Scene = tuple[tuple[float, Recipe], ...]


def scene(*events: tuple[float, Event | Recipe]) -> Scene:
    """Events that belong together, each so long after the one before; random alone they would hardly ever meet."""
    return tuple((gap, what if callable(what) else as_recipe(what)) for gap, what in events)


SCENES: list[Scene] = [
    scene(
        (0.1, on.DeviceOpened("Mic", "Loudspeaker")),
        (0.1, created("r1")),
        (0.2, sound_started("r1")),
        (2.5, done("r1")),
    ),
    scene((0.1, on.StopPressed()), (0.1, flushed_recipe(0)), (0.1, created("r1")), (0.2, on.AssistantHeard())),
    scene((0.1, created("r1")), (0.2, on.AssistantHeard()), (0.5, done("r1")), (2.0, heard_recipe(0, 0.0))),
    scene((0.1, created("r2")), (0.1, sound_started("r2")), (0.1, on.AssistantHeard()), (2.5, heard_recipe(1, 0.0))),
    scene((0.0, heard_recipe(1, 0.0)), (0.5, heard_recipe(3, 0.3)), (0.3, heard_recipe(2, 0.0))),
    scene((0.5, heard_recipe(1, 0.0)), (1.5, heard_recipe(2, 0.0)), (0.6, committed("u1"))),
    scene((0.5, on.TalkPressed()), (1.0, on.TalkReleased()), (0.3, on.UplinkDrained()), (0.1, committed("u2"))),
    scene((0.5, committed("u3")), (0.4, transcript("u3", "yes"))),
    scene((0.5, on.TextEntered("hello")), (0.1, created("r3")), (0.2, on.AssistantHeard()), (0.0, done("r3"))),
    scene((0.0, on.AgainPressed()), (0.5, line_recipe(1, False, 0)), (0.2, SESSION), (0.2, UPDATED)),
    scene((0.5, heard_recipe(1, 0.0)), (0.6, line_recipe(3, False, 0)), (0.3, line_recipe(0, True, 0))),
    scene((0.1, line_recipe(3, False, 0)), (0.1, heard_recipe(1, 0.0)), (0.4, on.MuteChosen(True))),
    scene((0.1, line_recipe(2, True, 0)), (0.6, line_recipe(1, False, 0)), (0.1, SESSION), (0.1, UPDATED)),
    scene((0.5, on.TextEntered("so")), (0.1, line_recipe(3, False, 0)), (0.2, line_recipe(0, True, 0))),
    scene((0.2, on.MuteChosen(True)), (0.5, on.AssistantHeard()), (0.5, on.MuteChosen(False))),
    *(scene((0.1, created("r1")), (0.5, as_recipe(calling(kind)))) for kind in range(5)),
    scene((0.3, on.ToolAllowed("c1")), (0.3, on.ToolFinished("c1", "yes")), (0.1, on.ToolFinished("c2", "yes"))),
]
SCRIPTS: st.SearchStrategy[list[tuple[float, Recipe]]] = st.lists(
    st.one_of(st.sampled_from(SCENES), st.tuples(GAPS, RECIPES).map(lambda one: (one,))), min_size=5, max_size=25
).map(lambda scenes: [event for one in scenes for event in one])
