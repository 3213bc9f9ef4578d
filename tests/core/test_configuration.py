"""R9, R20-R23: the right configuration in the right dialect before the first word; a refusal is told and survived."""

from __future__ import annotations

from typing import Any

from tests.support.each import each
from tests.support.nearly import nearly
from tests.support.script import At, Talk, at, opened, refused, script, wire
from voicechat.core import events as on
from voicechat.core.effects import Connect, OpenMic
from voicechat.core.events import Noticed
from voicechat.core.policy import PRESETS, TurnPolicy, policy_for
from voicechat.core.rules.configuration import wanted_session
from voicechat.core.state import Choices, State, Wishes
from voicechat.protocol.client_events import SessionUpdate
from voicechat.protocol.dialects import DialectName
from voicechat.protocol.server_events import SessionCreated, SessionUpdated

WISH: dict[str, Any] = {
    "type": "realtime",
    "instructions": "Be kind.",
    "audio": {
        "input": {
            "noise_reduction": {"type": "near_field"},
            "transcription": {"model": "gpt-transcribe"},
            "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500},
        },
        "output": {"voice": "marin"},
    },
}
GA: dict[str, Any] = {"type": "realtime", "audio": {"output": {"voice": "marin"}}, "expires_at": 1_800_000_000}
BETA: dict[str, Any] = {"modalities": ["text", "audio"], "voice": "alloy"}
QUICK = policy_for(PRESETS["quick"])
BEGIN = State(wishes=Wishes(session=WISH))


def line(*events: At[on.Event], configured: bool = False) -> list[At[on.Event]]:
    """A line that opens at 1.0, and what follows."""
    return [at(0.0, on.ConnectWanted()), at(1.0, on.LineOpened(1, configured=configured)), *events]


def updates(talk: Talk) -> list[tuple[float, dict[str, Any], str]]:
    """What configurations were asked for."""
    return [
        (round(moment.now, 6), effect.session, moment.after.configuration.dialect)
        for moment in talk.moments
        for effect in moment.result.effects
        if isinstance(effect, SessionUpdate)
    ]


def detection(session: dict[str, Any]) -> Any:
    """The turn detection of a session."""
    return session["audio"]["input"]["turn_detection"]


def ga_created(time: float = 1.1) -> At[on.Event]:
    """`session.created` of a GA service."""
    return at(time, wire(SessionCreated(session=GA)))


def updated(time: float) -> At[on.Event]:
    """`session.updated`."""
    return at(time, wire(SessionUpdated(session=GA)))


def test_r21_given_in_the_handshake_the_configuration_is_in_force_at_once() -> None:
    talk = script(*line(configured=True), begin=BEGIN, until=2.0)
    assert talk.of(OpenMic) == [at(1.0, OpenMic())]
    assert talk.of(SessionUpdate) == []
    assert talk.news(on.ConfigurationInForce) == [at(1.0, on.ConfigurationInForce())]


def returned(**heard: Any) -> dict[str, Any]:
    """A session as a beta service returns it that took nothing over from the handshake."""
    detection = {"type": "server_vad", "threshold": 0.5, "create_response": True, "interrupt_response": True} | heard
    return BETA | {"input_audio_transcription": None, "turn_detection": detection, "voice": "marin"}


def test_r22_settings_the_handshake_lost_are_sent_by_an_update() -> None:
    created = at(1.0, wire(SessionCreated(session=returned())))
    talk = script(*line(created, configured=True), begin=BEGIN, until=2.0)
    ((time, session, dialect),) = updates(talk)
    assert (time, dialect) == (1.0, "beta")
    assert session["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}
    assert detection(session)["interrupt_response"] is False
    assert "voice" not in session["audio"].get("output", {}) and "instructions" not in session


def test_r22_settings_the_service_never_applies_are_named() -> None:
    answer = at(1.3, wire(SessionUpdated(session=returned(interrupt_response=False))))
    created = at(1.0, wire(SessionCreated(session=returned())))
    talk = script(*line(created, answer, configured=True), begin=BEGIN, until=9.0)
    assert len(updates(talk)) == 1
    assert [one.what.text for one in talk.news(Noticed)] == [
        "The service does not apply transcription; it keeps its own setting."
    ]


def test_r22_a_session_that_was_taken_over_is_not_asked_for_again() -> None:
    taken = wanted_session(BEGIN, TurnPolicy()) | {"id": "sess_1", "model": "resolved-name", "tools": []}
    talk = script(*line(at(1.0, wire(SessionCreated(session=taken))), configured=True), begin=BEGIN, until=9.0)
    assert updates(talk) == [] and talk.notices == []


def test_r21_otherwise_no_audio_before_session_updated() -> None:
    talk = script(*line(ga_created(), updated(1.6)), begin=BEGIN, until=3.0)
    assert [(one[0], one[2]) for one in updates(talk)] == [(1.1, "ga")]
    assert talk.of(OpenMic) == [at(1.6, OpenMic())]


def test_r21_a_press_does_not_send_audio_before_the_configuration_either() -> None:
    begin = State(wishes=Wishes(session=WISH), choices=Choices(turn_mode="push-to-talk"))
    talk = script(*line(at(1.05, on.TalkPressed()), ga_created(), updated(1.6)), begin=begin, until=3.0)
    assert talk.of(OpenMic) == [at(1.6, OpenMic(pre_roll=nearly(0.85)))]


def test_a_line_that_says_nothing_at_all_is_doubted_to_be_a_realtime_service() -> None:
    talk = script(*line(), begin=BEGIN, until=9.0)
    (told,) = talk.news(Noticed)
    assert "neither begun a session nor confirmed" in told.what.text
    assert "neither" not in script(*line(ga_created()), begin=BEGIN, until=9.0).news(Noticed)[0].what.text


def test_r21_after_5_seconds_without_an_answer_the_user_is_told_and_may_talk() -> None:
    talk = script(*line(ga_created()), begin=BEGIN, until=9.0)
    assert talk.notices == ["settings_unconfirmed"]
    assert talk.times(OpenMic) == [6.1]


def no(code: str, param: str | None = None, event_id: str = "session-1-1") -> on.Event:
    """A refusal of an update."""
    return refused(code, param=param, event_id=event_id)


UNKNOWN_TYPE = no("unknown_parameter", "session.type")
DIALECTS: tuple[DialectName, DialectName] = ("ga", "beta")
GA_SERVICE, BETA_SERVICE = (State(wishes=Wishes(session=WISH, dialect=one)) for one in DIALECTS)
AGAIN = (at(2.0, on.LineLost(1, "gone")), at(2.5, on.AgainPressed()), at(2.7, on.LineOpened(2)))
UPDATES: list[tuple[str, State, list[At[on.Event]], list[tuple[float, str]], list[str]]] = [
    ("the dialect is taken from session.created", BEGIN, line(at(1.1, wire(SessionCreated(session=BETA)))),
     [(1.1, "beta")], []),
    ("without session.created GA is asked after a while", BEGIN, line(), [(3.0, "ga")], []),
    ("a known dialect need not be waited for: GA", GA_SERVICE, line(), [(1.0, "ga")], []),
    ("a known dialect need not be waited for: beta", BETA_SERVICE, line(), [(1.0, "beta")], []),
    ("a service without session.type is asked again in beta, once", BEGIN,
     line(ga_created(), at(1.3, UNKNOWN_TYPE), at(1.5, no("unknown_parameter", "session.type", "session-1-2"))),
     [(1.1, "ga"), (1.3, "beta")], ["settings_refused"]),
    ("a service without flat fields is asked again in GA", BETA_SERVICE,
     line(at(1.3, no("unknown_parameter", "session.modalities"))), [(1.0, "beta"), (1.3, "ga")], []),
    ("a learned dialect is kept over a reconnect", BEGIN,
     line(ga_created(), at(1.3, UNKNOWN_TYPE), updated(1.5), *AGAIN, at(2.8, wire(SessionCreated(session={}), 2))),
     [(1.1, "ga"), (1.3, "beta"), (2.8, "beta")], ["line_lost"]),
    ("R22: the same refusal twice ends the matter", BEGIN,
     line(ga_created(), *(at(1.2 + count / 10, no("invalid_value", "session.audio.output.voice", f"session-1-{count}"))
                          for count in (1, 2))),
     [(1.1, "ga"), (1.3, "ga")], ["setting_refused", "settings_refused"]),
    ("R22: a refusal without a field is told and not repeated", BEGIN, line(ga_created(), at(1.3, no("invalid_value"))),
     [(1.1, "ga")], ["settings_refused"]),
    ("R22: a refusal of something else is not taken for one", BEGIN,
     line(ga_created(), at(1.3, no("invalid_value", event_id="typed-1-1"))), [(1.1, "ga")], ["message_refused"]),
    ("an update that could not be sent is told", BEGIN,
     line(ga_created(), at(1.2, on.SendRefused(1, "session.update", "too large", "session-1-1"))),
     [(1.1, "ga")], ["settings_refused"]),
]  # fmt: skip


@each(("name", "begin", "events", "asked", "notices"), UPDATES)
def test_r20_r22_which_updates_leave_in_which_dialect_and_what_is_told(
    name: str, begin: State, events: list[At[on.Event]], asked: list[tuple[float, str]], notices: list[str]
) -> None:
    talk = script(*events, begin=begin, until=3.1)
    assert ([(time, dialect) for time, _, dialect in updates(talk)], talk.notices) == (asked, notices)


def test_r22_a_refused_field_is_left_out_and_the_rest_sent_again_once() -> None:
    refusal = refused("unknown_parameter", param="session.audio.input.noise_reduction", event_id="session-1-1")
    talk = script(*line(ga_created(), at(1.3, refusal), updated(1.6)), begin=BEGIN, until=3.0)
    first, second = (session for _, session, _ in updates(talk))
    assert "noise_reduction" in first["audio"]["input"]
    assert "noise_reduction" not in second["audio"]["input"]
    assert second["instructions"] == "Be kind."
    assert talk.state.configuration.refused == ("session.audio.input.noise_reduction",)
    assert talk.notices == ["setting_refused"]
    assert talk.of(OpenMic) == [at(1.6, OpenMic())]


def test_r22_the_panes_show_what_the_service_returned() -> None:
    talk = script(*line(ga_created(), at(1.6, wire(SessionUpdated(session=BETA)))), begin=BEGIN, until=2.0)
    assert talk.state.configuration.effective["audio"]["output"]["voice"] == "alloy"
    assert talk.state.configuration.expires_at == 1_800_000_000.0


def test_r22_a_refused_field_is_not_asked_for_again_over_a_new_line() -> None:
    refusal = refused("unknown_parameter", param="session.audio.output.voice", event_id="session-1-1")
    events = line(
        ga_created(), at(1.3, refusal), updated(1.5), at(2.0, on.LineLost(1, "gone")), at(3.0, on.AgainPressed())
    )
    talk = script(*events, begin=BEGIN, until=3.0)
    assert isinstance(asked := talk.effects[-1].what, Connect)
    assert "output" not in asked.session["audio"]


def test_r23_push_to_talk_sets_turn_detection_to_null_in_any_preset() -> None:
    for name in PRESETS:
        begin = State(wishes=Wishes(session=WISH), choices=Choices(turn_mode="push-to-talk"))
        assert detection(wanted_session(begin, policy_for(PRESETS[name]))) is None


def test_r23_the_presets_say_who_replies_and_who_interrupts() -> None:
    def said(name: Any) -> tuple[bool, bool]:
        wanted = detection(wanted_session(BEGIN, policy_for(PRESETS[name])))
        return wanted["create_response"], wanted["interrupt_response"]

    assert said("balanced") == (True, False)
    assert said("steady") == (False, False)
    assert said("quick") == (True, True)


def test_r23_the_users_own_turn_detection_is_kept() -> None:
    assert detection(wanted_session(BEGIN, QUICK))["silence_duration_ms"] == 500
    assert WISH["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "silence_duration_ms": 500,
    }


def test_switching_to_push_to_talk_and_back_sends_the_minimal_update() -> None:
    events = (at(2.0, on.TurnModeChosen("push-to-talk")), updated(2.2), at(5.0, on.TurnModeChosen("hands-free")))
    talk = script(*line(configured=True), *events, updated(5.1), begin=BEGIN, until=6.0)
    (to_talk, to_free) = updates(talk)
    assert to_talk == (2.0, {"type": "realtime", "audio": {"input": {"turn_detection": None}}}, "ga")
    assert to_free[0] == 5.0
    assert detection(to_free[1])["silence_duration_ms"] == 500


def test_two_switches_before_the_answer_send_one_update_for_where_it_ended() -> None:
    events = [
        at(2.0, on.TurnModeChosen("push-to-talk")),
        at(2.05, on.TurnModeChosen("hands-free")),
        at(2.1, on.TurnModeChosen("push-to-talk")),
    ]
    talk = script(*line(configured=True), *events, updated(2.3), begin=BEGIN, until=4.0)
    assert [time for time, _, _ in updates(talk)] == [2.0]


def test_r9_barge_in_changes_the_session_under_quick_only() -> None:
    events = (at(2.0, on.BargeInChosen(False)), updated(2.2))
    talk = script(*line(configured=True), *events, begin=BEGIN, policy=QUICK, until=3.0)
    assert [detection(session)["interrupt_response"] for _, session, _ in updates(talk)] == [False]
    assert updates(script(*line(configured=True), *events, begin=BEGIN, until=3.0)) == []


def test_a_switch_that_the_service_never_confirms_is_told_and_not_repeated() -> None:
    talk = script(at(2.0, on.TurnModeChosen("push-to-talk")), begin=opened(wishes=Wishes(session=WISH)), until=60.0)
    assert len(updates(talk)) == 1
    assert talk.notices == ["settings_unconfirmed"]
