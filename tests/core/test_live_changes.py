"""Settings changed while talking: one minimal update when they rest, what the service says is shown, refusals undo."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from tests.support.each import each
from tests.support.script import At, Talk, at, heard, opened, refused, script, wire
from voicechat.core import events as on
from voicechat.core.choosing import preset_now
from voicechat.core.effects import Connect
from voicechat.core.events import Event
from voicechat.core.policy import PRESETS, policy_for
from voicechat.core.rules.configuration import UNCONFIRMED
from voicechat.core.state import Configuration, State, Turn, Wishes
from voicechat.core.user_events import SettingValue
from voicechat.protocol.client_events import SessionUpdate
from voicechat.protocol.codec import encode
from voicechat.protocol.dialects import DialectName
from voicechat.protocol.server_events import SessionUpdated

VAD = "audio.input.turn_detection"
SILENCE = f"{VAD}.silence_duration_ms"
VOICE = "audio.output.voice"
DETECTION: dict[str, Any] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
}
DECIDED = {"create_response": True, "interrupt_response": False}
WISH: dict[str, Any] = {
    "type": "realtime",
    "instructions": "Be kind.",
    "audio": {
        "input": {"transcription": {"model": "gpt-transcribe", "language": "en"}, "turn_detection": DETECTION},
        "output": {"voice": "marin"},
    },
}


def begin(dialect: DialectName = "ga", **more: Any) -> State:
    """An open line with that wish in force."""
    state = opened(wishes=Wishes(session=WISH), **more)
    return replace(state, configuration=replace(state.configuration, dialect=dialect))


def choose(time: float, path: str, value: SettingValue) -> At[on.Event]:
    """The user moves one setting."""
    return at(time, on.SettingChosen(path, value))


def updated(time: float, connection: int = 1) -> At[on.Event]:
    """`session.updated`."""
    return at(time, wire(SessionUpdated(session=WISH), connection))


def sent(talk: Talk) -> list[tuple[float, dict[str, Any]]]:
    """The updates on the wire, in the words of the dialect."""
    made = talk.of(SessionUpdate)
    texts = [encode(one.what, talk.state.configuration.dialect) for one in made]
    return [(one.time, json.loads(text)["session"]) for one, text in zip(made, texts, strict=True)]


def detection(talk: Talk, place: int = -1) -> Any:
    """The turn detection of one of the updates, the last one by default."""
    return sent(talk)[place][1]["audio"]["input"]["turn_detection"]


def wished(talk: Talk) -> Any:
    """The turn detection the user wants."""
    return talk.state.wishes.session["audio"]["input"]["turn_detection"]


def why(talk: Talk) -> dict[str, str]:
    """What did not come into force, by path."""
    return dict(talk.state.configuration.refusals)


def test_a_moved_slider_sends_one_update_when_it_rests() -> None:
    moves = [choose(1.0 + n / 10, SILENCE, 500 - 50 * n) for n in range(7)]
    talk = script(*moves, begin=begin(), until=2.5)
    block = {**DETECTION, **DECIDED, "silence_duration_ms": 200}
    assert sent(talk) == [(1.9, {"type": "realtime", "audio": {"input": {"turn_detection": block}}})]


GOLDEN: list[tuple[DialectName, str, SettingValue, dict[str, Any]]] = [
    ("ga", "instructions", "Sing.", {"type": "realtime", "instructions": "Sing."}),
    ("beta", "instructions", "Sing.", {"instructions": "Sing."}),
    ("ga", VOICE, "cedar", {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}),
    ("beta", VOICE, "alloy", {"voice": "alloy"}),
    ("beta", "max_output_tokens", "inf", {"max_response_output_tokens": "inf"}),
    ("beta", "temperature", 0.9, {"temperature": 0.9}),
    ("beta", "output_modalities", ["audio"], {"modalities": ["text", "audio"]}),
    ("beta", "audio.input.noise_reduction", None, {"input_audio_noise_reduction": None}),
    ("ga", "audio.input.transcription.language", None,
     {"type": "realtime", "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}}}),
    ("beta", "audio.input.transcription.prompt", "names: Ada",
     {"input_audio_transcription": {"model": "gpt-transcribe", "language": "en", "prompt": "names: Ada"}}),
    ("ga", f"{VAD}.type", "semantic_vad",
     {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "semantic_vad", **DECIDED}}}}),
    ("beta", f"{VAD}.threshold", 0.7, {"turn_detection": {**DETECTION, **DECIDED, "threshold": 0.7}}),
    ("ga", VAD, None, {"type": "realtime", "audio": {"input": {"turn_detection": None}}}),
]  # fmt: skip
"""Where a field stands in each dialect is tested with the protocol; here, how much of it travels."""


@each(("dialect", "path", "value", "session"), GOLDEN, ids=lambda one: str(one)[:30])
def test_r20_the_update_is_minimal_in_either_dialect(
    dialect: DialectName, path: str, value: SettingValue, session: dict[str, Any]
) -> None:
    talk = script(choose(1.0, path, value), begin=begin(dialect), until=1.5)
    assert sent(talk) == [(1.3, session)]


@each(
    ("dialect", "path", "value", "reason"),
    [
        ("ga", f"{VAD}.threshold", 3, "out of range; allowed: 0 to 1"),
        ("ga", f"{VAD}.max_speech_ms", 5, "does not exist"),
        ("ga", "temperature", 0.8, "only services of the beta dialect know it"),
        ("beta", f"{VAD}.idle_timeout_ms", 6000, "the beta dialect does not know it"),
        ("ga", "model", "other", "agreed on at the start"),
        ("ga", "audio.input.format", {"type": "audio/pcmu"}, "over WebRTC"),
        ("ga", "nonsense.with.dots", 1, "is not a setting"),
        ("ga", "", 1, "is not a setting"),
    ],
)
def test_r20_what_cannot_be_is_refused_before_it_is_sent(
    dialect: DialectName, path: str, value: SettingValue, reason: str
) -> None:
    talk = script(choose(1.0, path, value), begin=begin(dialect), until=9.0)
    assert sent(talk) == []
    assert reason in why(talk)[path]
    assert talk.state.wishes.session == WISH


def test_several_settings_travel_together() -> None:
    talk = script(choose(1.0, SILENCE, 200), choose(1.1, VOICE, "cedar"), begin=begin(), until=2.0)
    assert [time for time, _ in sent(talk)] == [1.4]
    assert sent(talk)[0][1]["audio"]["output"] == {"voice": "cedar"}
    assert detection(talk, 0)["silence_duration_ms"] == 200


def test_what_is_changed_while_an_answer_is_awaited_goes_out_after_it() -> None:
    events = (choose(1.0, SILENCE, 200), choose(1.4, SILENCE, 300), updated(2.0), updated(2.1))
    talk = script(*events, begin=begin(), until=9.0)
    assert [time for time, _ in sent(talk)] == [1.3, 2.0]
    assert talk.notices == []


REFUSED: list[tuple[tuple[At[Event], ...], Event, dict[str, str], list[str]]] = [
    ((choose(1.0, SILENCE, 200),), refused("invalid_value", param=f"session.{SILENCE}", message="No!"),
     {SILENCE: "No!"}, ["setting_refused"]),
    ((choose(1.0, SILENCE, 200), choose(1.1, VOICE, "nobody")), refused("x", event_id="session-1-1"),
     {SILENCE: "No", VOICE: "No"}, ["setting_refused"]),
    ((at(1.0, on.PresetChosen("quick")),), refused("invalid_value", param=f"session.{VAD}", event_id="session-1-1"),
     {"preset": "No"}, ["setting_refused"]),
    ((choose(1.0, "instructions", "x"),), on.SendRefused(1, "session.update", "too large"),
     {"instructions": "too large"}, ["setting_refused"]),
]  # fmt: skip


@each(("changes", "refusal", "reasons", "notices"), REFUSED, ids=["a field", "no field: all", "a preset", "not sent"])
def test_r22_a_refused_change_goes_back_to_what_was_in_force_without_another_update(
    changes: tuple[At[Event], ...], refusal: Event, reasons: dict[str, str], notices: list[str]
) -> None:
    talk = script(*changes, at(1.5, refusal), begin=begin(), until=9.0)
    assert (len(sent(talk)), why(talk), talk.notices) == (1, reasons, notices)
    assert (talk.state.wishes.session, talk.state.choices) == (WISH, begin().choices)


def test_r22_what_was_not_refused_is_sent_again_without_it() -> None:
    refusal = refused("invalid_value", param="session.voice", event_id="session-1-1")
    events = (choose(1.0, SILENCE, 200), choose(1.1, VOICE, "nobody"), at(1.5, refusal), updated(1.6))
    talk = script(*events, begin=begin(), until=9.0)
    (_, both), (time, rest) = sent(talk)
    assert both["audio"]["output"] == {"voice": "nobody"}
    assert time == 1.5
    assert "output" not in rest["audio"]
    assert rest["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 200
    assert talk.state.wishes.session["audio"]["output"]["voice"] == "marin"


def test_a_setting_moved_on_meanwhile_is_not_thrown_back_by_an_old_refusal() -> None:
    refusal = refused("invalid_value", param=f"session.{SILENCE}", event_id="session-1-1")
    talk = script(choose(1.0, SILENCE, 50), choose(1.45, SILENCE, 400), at(1.5, refusal), begin=begin(), until=3.0)
    assert detection(talk)["silence_duration_ms"] == 400


def test_a_setting_the_service_never_confirms_is_told() -> None:
    talk = script(choose(1.0, SILENCE, 200), begin=begin(), until=20.0)
    assert talk.notices == ["settings_unconfirmed"]
    assert why(talk) == {SILENCE: UNCONFIRMED}
    assert why(talk.at(21.0).tell(wire(SessionUpdated(session=WISH)))) == {}


def test_undo_asks_for_what_was_before() -> None:
    undo = on.SettingUndone()
    events = (choose(1.0, SILENCE, 200), updated(1.5), at(2.0, undo), updated(2.5), at(3.0, undo))
    talk = script(*events, begin=begin(), until=4.0)
    assert [time for time, _ in sent(talk)] == [1.3, 2.3]
    assert detection(talk)["silence_duration_ms"] == 500
    assert talk.state.wishes.session == WISH
    at_once = script(choose(1.0, SILENCE, 200), at(1.1, on.SettingUndone()), begin=begin(), until=4.0)
    assert (sent(at_once), at_once.state.wishes.session) == ([], WISH)


def test_undo_goes_back_one_setting_at_a_time() -> None:
    events = (choose(1.0, SILENCE, 200), choose(2.0, VOICE, "cedar"), at(3.0, on.SettingUndone()), updated(3.1))
    talk = script(*events, begin=begin(), until=3.2)
    assert talk.state.wishes.session["audio"]["output"]["voice"] == "marin"
    assert wished(talk)["silence_duration_ms"] == 200
    assert talk.at(4.0).tell(on.SettingUndone()).state.wishes.session == WISH


def test_r23_a_preset_is_taken_whole_and_undone_whole() -> None:
    events = (at(1.0, on.PresetChosen("quick")), updated(1.5), at(2.0, on.SettingUndone()), updated(2.5))
    talk = script(*events, begin=begin(barge_in=False), until=3.0)
    quick, back = (session["audio"]["input"]["turn_detection"] for _, session in sent(talk))
    assert (quick["silence_duration_ms"], quick["interrupt_response"], quick["create_response"]) == (200, True, True)
    assert (back["silence_duration_ms"], back["interrupt_response"]) == (500, False)
    assert talk.state.choices == begin(barge_in=False).choices


def test_r23_a_single_option_overrules_a_preset() -> None:
    talk = script(at(1.0, on.PresetChosen("steady")), begin=begin(), until=1.1)
    assert preset_now(talk.state, talk.state.choices.policy or talk.policy) == "steady"
    assert talk.state.choices.barge_in is False
    talk = script(at(1.0, on.PresetChosen("steady")), updated(1.5), choose(2.0, SILENCE, 900), begin=begin(), until=2.5)
    now = detection(talk)
    assert (now["threshold"], now["silence_duration_ms"], now["create_response"]) == (0.3, 900, False)
    assert preset_now(talk.state, talk.state.choices.policy or talk.policy) is None


@each("name", sorted(PRESETS))
def test_r23_every_preset_is_known_again(name: Any) -> None:
    talk = script(at(1.0, on.PresetChosen(name)), updated(1.5), begin=begin(), until=2.0)
    assert preset_now(talk.state, talk.state.choices.policy or talk.policy) == name
    policy, asked = talk.state.choices.policy, policy_for(PRESETS[name])
    assert policy is not None
    assert policy.mic_open_during_playback == asked.mic_open_during_playback
    assert policy.reply_to_transcript_only == asked.reply_to_transcript_only
    assert policy.reopen_delay == asked.reopen_delay


def test_r13_the_service_stops_answering_by_itself_and_words_are_answered() -> None:
    talk = script(choose(1.0, f"{VAD}.create_response", False), updated(1.5), begin=begin(), until=2.0)
    assert detection(talk, 0)["create_response"] is False
    assert talk.state.choices.policy is not None and talk.state.choices.policy.reply_to_transcript_only


def test_r9_the_service_may_interrupt_only_where_barge_in_is_on() -> None:
    path = f"{VAD}.interrupt_response"
    talk = script(choose(1.0, path, True), begin=begin(), until=2.0)
    assert detection(talk, 0)["interrupt_response"] is True
    talk = script(choose(1.0, path, True), begin=begin(barge_in=False), until=2.0)
    assert why(talk) == {path: "barge-in is off"}


def test_r23_under_push_to_talk_the_detector_is_kept_for_later() -> None:
    events = (choose(1.0, SILENCE, 200), at(3.0, on.TurnModeChosen("hands-free")))
    talk = script(*events, begin=begin(turn_mode="push-to-talk"), until=4.0)
    assert [time for time, _ in sent(talk)] == [3.0]
    assert detection(talk, 0)["silence_duration_ms"] == 200


def test_a_switch_takes_the_resting_settings_along() -> None:
    events = (choose(1.0, VOICE, "cedar"), at(1.1, on.TurnModeChosen("push-to-talk")))
    talk = script(*events, begin=begin(), until=1.2)
    assert sent(talk) == [
        (1.1, {"type": "realtime", "audio": {"input": {"turn_detection": None}, "output": {"voice": "cedar"}}})
    ]
    assert len(sent(script(at(1.0, on.BargeInChosen(False)), begin=begin(), until=2.0))) == 0


def test_going_to_the_other_detector_and_back_loses_nothing() -> None:
    events = [
        choose(1.0, f"{VAD}.threshold", 0.7),
        choose(1.1, f"{VAD}.type", "semantic_vad"),
        choose(1.2, f"{VAD}.eagerness", "low"),
        updated(2.0),
        choose(3.0, f"{VAD}.type", "server_vad"),
        updated(4.0),
        choose(5.0, f"{VAD}.type", "semantic_vad"),
    ]
    talk = script(*events, begin=begin(), until=6.0)
    semantic = {"type": "semantic_vad", "eagerness": "low", **DECIDED}
    found = [session["audio"]["input"]["turn_detection"] for _, session in sent(talk)]
    assert found == [semantic, {**DETECTION, **DECIDED, "threshold": 0.7}, semantic]


def test_the_voice_is_fixed_once_it_was_heard_and_kept_for_the_next_session() -> None:
    state = begin()
    spoken = Turn("a1", "assistant", 0.0, connection=1, first_sound_at=0.1)
    state = replace(state, conversation=replace(state.conversation, turns=(spoken,)))
    talk = script(choose(1.0, VOICE, "cedar"), begin=state, until=3.0)
    assert sent(talk) == []
    assert talk.state.wishes.voice == "cedar"
    talk.at(4.0).tell(on.NewAsked())
    assert talk.of(Connect)[-1].what.session["audio"]["output"]["voice"] == "cedar"


def test_offline_a_choice_is_kept_and_goes_with_the_next_line() -> None:
    lost = (at(1.0, on.LineLost(1, "gone")), at(1.1, on.LineFailed(2, "no route", retryable=True, code="unreachable")))
    talk = script(*lost, choose(1.2, SILENCE, 200), at(1.3, on.AgainPressed()), begin=begin(), until=1.4)
    _, asked = talk.of(Connect)
    assert asked.what.session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 200
    assert sent(talk) == []


@each(
    ("choice", "expected"),
    [
        (on.SettingChosen(SILENCE, 200), {**DETECTION, **DECIDED, "silence_duration_ms": 200}),
        (on.TurnModeChosen("push-to-talk"), None),
    ],
)
def test_what_is_chosen_while_connecting_is_sent_when_the_line_is_up(choice: Event, expected: object) -> None:
    """The handshake carried the old wish, so the server would take turns by that."""
    events = (at(1.0, on.LineLost(1, "gone")), at(2.0, on.AgainPressed()), at(2.1, choice))
    talk = script(*events, at(3.0, on.LineOpened(2, configured=True)), begin=begin(), until=4.0)
    assert ([time for time, _ in sent(talk)], detection(talk)) == ([3.0], expected)


def test_changed_settings_survive_a_lost_connection() -> None:
    events = (choose(1.0, SILENCE, 200), updated(1.5), at(2.0, on.LineLost(1, "gone")), at(3.0, on.AgainPressed()))
    talk = script(*events, at(4.0, on.LineOpened(2, configured=True)), begin=begin(), until=9.0)
    assert talk.of(Connect)[-1].what.session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 200
    assert len(sent(talk)) == 1


def test_what_was_refused_at_the_start_may_be_chosen_again() -> None:
    state = begin()
    config: Configuration = replace(state.configuration, refused=("session.audio.output.voice",))
    talk = script(choose(1.0, VOICE, "cedar"), begin=replace(state, configuration=config), until=2.0)
    assert sent(talk) == [(1.3, {"type": "realtime", "audio": {"output": {"voice": "cedar"}}})]


def test_a_preset_changes_how_the_microphone_behaves_at_once() -> None:
    talk = script(at(0.0, heard()), at(1.0, on.PresetChosen("quick")), begin=begin(), until=2.0)
    assert talk.state.microphone.is_open


def test_beta_s_temperature_is_shown_as_the_service_returned_it() -> None:
    talk = script(at(1.0, wire(SessionUpdated(session={"temperature": 0.9, "voice": "alloy"}))), begin=begin("beta"))
    assert talk.state.configuration.effective["temperature"] == 0.9
