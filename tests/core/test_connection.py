"""R16, R30 and the line: it opens, it is lost and asked for again, and ending is an act."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from tests.support.each import each
from tests.support.script import At, Talk, at, created, done, heard, opened, refused, script, transcribed, wire
from voicechat.core import effects as do, events as on
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State, Wishes
from voicechat.protocol import client_events as say
from voicechat.protocol.server_events import MalformedFrame, ServerEvent, UnknownEvent

LOCAL = State(wishes=Wishes(provider="local", is_loopback=True))
REMOTE = State(wishes=Wishes(provider="openai"))


def failing(failure: on.LineFailed, *, times: int, begin: State = REMOTE) -> Talk:
    """A talk whose first attempts all fail at once, and which is left while the next one is under way."""
    talk = script(at(0.0, on.ConnectWanted()), begin=begin, until=0.0)
    for _ in range(times):
        number = talk.state.connection.number
        talk.at(talk.now).tell(replace(failure, connection=number))
        while talk.state.connection.number == number and talk.state.connection.retry_at is not None:
            talk.at(talk.state.connection.retry_at)
    return talk


def test_a_conversation_begins_with_a_line_and_the_configuration_for_its_handshake() -> None:
    talk = script(at(0.0, on.ConnectWanted()), begin=State(wishes=Wishes(session={"instructions": "Hi"})), until=1.0)
    (asked,) = talk.of(do.Connect)
    assert asked.what.connection == 1
    assert asked.what.session["instructions"] == "Hi"
    assert asked.what.session["type"] == "realtime"
    assert talk.state.connection.phase == "connecting"


LIMITED = on.LineFailed(1, "too many", status=429, code="rate_limit_exceeded", retryable=True, retry_after=7.0)
WANTED = at(0.0, on.ConnectWanted())


@each(
    ("events", "times", "kinds"),
    [
        ((WANTED, at(1.0, on.ConnectWanted()), at(2.0, on.AgainPressed())), [0.0], ["Connect"]),
        ((WANTED, at(0.5, on.EndAsked())), [0.0], ["Connect", "HangUp"]),
        ((WANTED, at(0.5, LIMITED)), [0.0, 7.5], ["Connect", "Connect"]),
    ],
    ids=["coming up: asked for once", "R30: an end hangs up", "R27: the service says how long to wait"],
)
def test_when_a_connection_is_asked_for(events: tuple[At[on.Event], ...], times: list[float], kinds: list[str]) -> None:
    talk = script(*events, begin=REMOTE)
    assert (talk.times(do.Connect), talk.kinds) == (times, kinds)


def test_the_steps_of_connecting_are_kept() -> None:
    events = (WANTED, at(0.2, on.LineStep(1, "offer", 0.2)), at(0.5, on.LineStep(1, "ice", 0.3)))
    assert script(*events, begin=REMOTE).state.connection.steps == (("offer", 0.2), ("ice", 0.3))


def test_r30_an_hour_of_silence_asks_for_nothing() -> None:
    talk = script(until=3600.0, begin=opened(turn_mode="push-to-talk"))
    assert (talk.effects, talk.state.connection.phase) == ([], "open")


def test_a_starting_local_server_is_tried_three_times_before_the_user_is_told() -> None:
    talk = failing(on.LineFailed(0, "nothing listens", retryable=True, code="refused"), times=3, begin=LOCAL)
    assert talk.times(do.Connect) == [0.0, 0.5, 1.5, 2.5]
    assert talk.notices == []
    talk.at(2.5).tell(on.LineFailed(4, "nothing listens", retryable=True, code="refused"))
    assert talk.state.connection.phase == "refused"
    assert talk.notices == ["refused"]


def test_what_cannot_be_retried_is_told_with_its_next_step() -> None:
    failure = on.LineFailed(1, "The key was refused.", "Set OPENAI_API_KEY.", code="invalid_api_key", status=401)
    talk = script(at(0.0, on.ConnectWanted()), at(0.5, failure), begin=REMOTE)
    assert talk.state.connection.phase == "refused"
    assert talk.notices == ["invalid_api_key"]
    assert "Set OPENAI_API_KEY" in talk.state.connection.hint


def test_news_of_an_old_line_is_not_obeyed() -> None:
    late = (on.LineOpened(1), on.LineLost(1, "late"), on.LineFailed(1, "late"), on.LineStep(1, "ice", 9.9))
    talk = script(at(1.0, on.LineLost(1, "gone")), *(at(2.5, event) for event in late), until=3.0)
    assert talk.state.connection.phase == "connecting"
    assert talk.state.connection.number == 2
    assert talk.state.connection.steps == ()


def test_r16_a_lost_line_ends_the_answer_and_silences_it() -> None:
    talk = script(at(0.0, created()), at(0.1, heard()), at(1.0, on.LineLost(1, "gone")))
    assert talk.state.responses.last_ended_by == "line"
    assert next(type(one.what) for one in talk.effects if one.time == 1.0) is do.SilencePlayback
    assert talk.of(say.ResponseCancel, say.OutputAudioBufferClear) == []


def test_r30_ending_closes_the_mic_then_cancels_then_hangs_up() -> None:
    policy = TurnPolicy(mic_open_during_playback=True)
    events = (at(0.0, created()), at(0.1, heard()), at(1.0, on.EndAsked()))
    talk = script(*events, begin=opened(policy=policy), policy=policy, until=2.0)
    assert [type(one.what) for one in talk.effects if one.time == 1.0] == [
        do.CloseMic,
        do.SilencePlayback,
        say.ResponseCancel,
        say.OutputAudioBufferClear,
        do.HangUp,
    ]
    assert talk.state.connection.phase == "ended"
    assert talk.reason == "not connected"


def test_r30_after_the_end_nothing_is_obeyed_and_nothing_sent() -> None:
    events = (at(1.0, on.EndAsked()), at(2.0, created()), at(3.0, on.TextEntered("hello")))
    talk = script(*events, at(4.0, on.EndAsked()), at(5.0, on.LineLost(1, "gone")))
    assert [one for one in talk.effects if one.time > 1.0] == []
    assert talk.state.connection.phase == "ended"


def test_r30_new_ends_and_starts_afresh() -> None:
    events = (at(0.0, created()), at(0.1, heard()), at(1.0, on.NewAsked()), at(2.0, on.LineOpened(2, configured=True)))
    talk = script(*events, until=3.0)
    last = [type(one.what) for one in talk.effects if one.time == 1.0]
    assert last.index(say.ResponseCancel) < last.index(do.HangUp) < last.index(do.Connect)
    assert talk.state.responses.active_id == ""
    assert talk.state.microphone.is_open


@each("event", [UnknownEvent(type="x.y"), MalformedFrame(reason="no JSON"), transcribed("u1", "hello").event])
def test_unknown_and_malformed_events_and_transcripts_have_no_effect(event: ServerEvent) -> None:
    assert script(at(1.0, wire(event)), at(2.0, wire(event)), begin=opened()).effects == []


def test_typed_text_is_kept_while_offline_and_sent_when_connected() -> None:
    events = (
        at(0.0, on.TextEntered(" hello ")),
        at(0.1, on.TextEntered("   ")),
        at(0.2, on.TextEntered("there")),
        at(1.0, on.ConnectWanted()),
        at(2.0, on.LineOpened(1, configured=True)),
        at(3.0, created()),
        at(4.0, done()),
    )
    talk = script(*events, begin=REMOTE)
    assert [kind for kind in talk.kinds if kind in ("ConversationItemCreate", "ResponseCreate")] == [
        "ConversationItemCreate",
        "ConversationItemCreate",
        "ResponseCreate",
    ]
    assert talk.of(say.ResponseCreate)[0].time == 2.0
    assert talk.state.typing.kept == ()


def test_not_everything_is_kept() -> None:
    talk = script(*(at(float(count), on.TextEntered(f"line {count}")) for count in range(20)), begin=REMOTE)
    assert len(talk.state.typing.kept) == 16
    assert set(talk.notices) == {"kept_full"}


def test_r27_the_waits_grow_and_are_never_quite_the_same() -> None:
    talk = failing(on.LineFailed(0, "no route", retryable=True, code="unreachable"), times=8)
    times = talk.times(do.Connect)
    waits = [later - earlier for earlier, later in pairwise(times)]
    for wait, due in zip(waits, (0.5, 1.0, 2.0, 5.0, 10.0, 10.0, 10.0, 10.0), strict=True):
        assert 0.85 * due <= wait <= 1.15 * due
    assert len({round(wait, 3) for wait in waits[4:]}) > 1
    assert talk.notices == ["unreachable"]  # told once, not eight times


def test_r27_a_server_on_this_machine_is_asked_every_second_at_least() -> None:
    talk = failing(on.LineFailed(0, "nothing listens", retryable=True, code="refused"), times=8, begin=LOCAL)
    times = talk.times(do.Connect)
    assert max(later - earlier for earlier, later in pairwise(times)) <= 1.0


def test_r27_r_tries_at_once_and_end_stops_trying() -> None:
    talk = failing(on.LineFailed(0, "no route", retryable=True, code="unreachable"), times=5)
    talk.at(talk.now).tell(on.LineFailed(talk.state.connection.number, "no route", retryable=True, code="unreachable"))
    before, tries = round(talk.now + 0.01, 2), len(talk.of(do.Connect))
    talk.at(before + 1.0).tell(on.AgainPressed())
    assert talk.times(do.Connect)[tries:] == [before + 1.0]
    talk.at(before + 1.1).tell(
        on.LineFailed(talk.state.connection.number, "no route", retryable=True, code="unreachable")
    )
    talk.at(before + 1.2).tell(on.EndAsked()).at(before + 600.0)
    assert len(talk.of(do.Connect)) == tries + 1


def test_r27_a_fatal_error_before_the_loss_is_its_reason_and_nothing_is_tried() -> None:
    events = (at(1.0, refused("insufficient_quota", message="You have no credit.")), at(1.5, on.LineLost(1, "closed")))
    talk = script(*events, until=600.0)
    assert talk.of(do.Connect) == []
    assert talk.state.connection.phase == "lost"
    assert "You have no credit." in talk.news(on.Noticed)[-1].what.text


def test_r27_a_line_that_comes_and_goes_is_not_hammered() -> None:
    talk = script(at(0.0, on.LineLost(1, "gone")), until=0.0)
    for _ in range(6):
        talk.at(talk.state.connection.retry_at or talk.now)
        number = talk.state.connection.number
        talk.at(talk.now + 0.1).tell(on.LineOpened(number, configured=True), on.LineLost(number, "gone"))
    assert talk.now > 10.0


def test_r27_an_expired_token_is_replaced_by_a_new_one_a_few_times() -> None:
    talk = failing(on.LineFailed(0, "Ephemeral token expired", status=401), times=2)
    assert len(talk.of(do.Connect)) == 3
    talk.at(talk.now).tell(on.LineFailed(3, "Ephemeral token expired", status=401)).at(talk.now + 600.0)
    assert talk.state.connection.phase == "refused"


BLOCKED = on.LineFailed(1, "no packet came through", code="no_media", retryable=True)
NO_ROUTE = on.LineFailed(2, "no route", code="unreachable", retryable=True)


@each(
    ("wish", "events", "until", "transports"),
    [
        (
            "auto",
            (at(3.4, on.LineOpened(2, "WebSocket", configured=True)), at(60.0, on.LineLost(2, "gone"))),
            61.0,
            ["auto", "WebSocket", "WebSocket"],
        ),
        ("auto", (at(3.4, NO_ROUTE),), 5.0, ["auto", "WebSocket", "auto"]),
        ("webrtc", (), 5.0, ["auto", "auto"]),
    ],
    ids=["what worked stays", "a fall-back that fails proves nothing", "WebRTC alone is wanted"],
)
def test_r27_where_udp_is_blocked_websocket_is_tried(
    wish: Any, events: tuple[At[on.Event], ...], until: float, transports: list[str]
) -> None:
    begin = State(wishes=Wishes(provider="openai", transport=wish))
    talk = script(at(0.0, on.ConnectWanted()), at(3.0, BLOCKED), *events, begin=begin, until=until)
    assert [one.what.transport for one in talk.of(do.Connect)] == transports
    if len(transports) == 3 and transports[-1] == "WebSocket":
        assert talk.state.connection.why == "UDP blocked"


def test_r14_no_reconnect_asks_for_an_answer_and_r_does() -> None:
    cut = (at(0.0, created()), at(0.1, heard()), at(2.0, on.LineLost(1, "gone")))
    talk = script(*cut, at(2.3, on.LineOpened(2, configured=True)), until=60.0)
    assert talk.of(say.ResponseCreate) == []
    assert "waits for r" in talk.news(on.Noticed)[-1].what.text
    talk.at(61.0).tell(on.AgainPressed())
    assert len(talk.of(say.ResponseCreate)) == 1


def test_a_rate_limited_local_server_is_not_taken_for_one_that_is_starting() -> None:
    busy = on.LineFailed(1, "too many", status=429, code="rate_limit_exceeded", retryable=True, retry_after=9.0)
    talk = script(at(0.0, on.ConnectWanted()), at(0.5, busy), begin=LOCAL, until=1.0)
    assert talk.state.connection.phase == "refused"
    assert talk.state.connection.retry_at == 9.5
