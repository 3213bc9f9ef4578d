"""A script is read, or everything that is wrong in it is said, with its place, before anybody is called."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.support.each import each
from voicechat.audio.script_mic import Room
from voicechat.core.user_events import (
    MuteChosen,
    RawEventEntered,
    SettingChosen,
    TalkPressed,
    TextEntered,
    TurnModeChosen,
)
from voicechat.scripting.expected import CRITERIA, MODIFIERS
from voicechat.scripting.model import Do, Hold, Say, Script, Silence, SoundExpectation
from voicechat.scripting.reading import KNOWN, Reading, read_script
from voicechat.scripting.speech import write_wav


def read(folder: Path, text: str) -> Reading:
    path = folder / "talk.toml"
    path.write_text(text, encoding="utf-8")
    return read_script(path)


def good(folder: Path, text: str) -> Script:
    reading = read(folder, text)
    assert reading.complaints == []
    assert reading.script is not None
    return reading.script


def only_complaint(folder: Path, text: str) -> str:
    reading = read(folder, text)
    assert len(reading.complaints) == 1, reading.complaints
    return reading.complaints[0].sentence("talk.toml")


def test_a_script_is_read_whole(tmp_path: Path) -> None:
    script = good(
        tmp_path,
        """
        [script]
        name = "all of it"
        timeout = "2 min"
        [talk]
        model = "any"
        turn-mode = "push-to-talk"
        [room]
        echo = "-20 dB"
        delay = "40 ms"
        noise = -60
        [vars]
        city = "Paris"
        [[step]]
        label = "ask"
        say = "Is it raining in ${city}?"
        speed = 1.2
        gain = "-6 dB"
        hold_key = true
        wait = { event = "response.done", where = { "response.status" = "completed" }, limit = "5 s" }
        expect = [
            { tool = "weather", args = { city = "${city}" } },
            { matches = "rain|sun", soft = true, since = "ask" },
        ]
        [[step]]
        silence = 0.5
        [[step]]
        hold = 2
        [[step]]
        set = { "audio.output.speed" = 1.2 }
        when = { after = "answer.audible", seconds = 2 }
        [[step]]
        mute = false
        """,
    )
    assert (script.name, script.timeout) == ("all of it", 120.0)
    assert script.settings == {"model": "any", "turn_mode": "push-to-talk"}
    assert script.room == Room(-20.0, 0.04, -60.0)
    ask, silence, hold, change, mute = script.steps
    assert isinstance(ask.act, Say) and ask.act.holds_key and ask.act.sound.text == "Is it raining in Paris?"
    assert (ask.act.sound.speed, ask.act.sound.gain) == (1.2, -6.0)
    assert ask.wait is not None and (ask.wait.limit, ask.wait.wanted.where) == (5.0, {"response.status": "completed"})
    called, matched = ask.expectations
    assert (called.value, called.args, called.is_soft) == ("weather", {"city": "Paris"}, False)
    assert matched.is_soft and matched.since == "ask" and matched.value.search("it RAINS")
    assert (silence.act, hold.act) == (Silence(0.5), Hold(2.0))
    assert change.act == Do((SettingChosen("audio.output.speed", 1.2),))
    assert change.when is not None and change.when.seconds == 2.0
    assert mute.act == Do((MuteChosen(False),))


def test_acts_of_a_hand_become_what_the_screen_would_send(tmp_path: Path) -> None:
    script = good(
        tmp_path,
        """
        [[step]]
        press = true
        [[step]]
        type = "hello"
        [[step]]
        turn_mode = "push-to-talk"
        [[step]]
        send = { type = "response.create" }
        [[step]]
        send = '{"type": "response.cancel"}'
        """,
    )
    acts = [step.act for step in script.steps]
    assert acts[0] == Do((TalkPressed("control"),), begins_turn=True)
    assert acts[1] == Do((TextEntered("hello"),), begins_turn=True)
    assert acts[2] == Do((TurnModeChosen("push-to-talk"),))
    assert acts[3] == Do((RawEventEntered('{"type": "response.create"}'),), begins_turn=True)
    assert acts[4] == Do((RawEventEntered('{"type": "response.cancel"}'),), begins_turn=False)


def test_a_repeated_step_knows_its_round_and_is_complained_of_once(tmp_path: Path) -> None:
    script = good(tmp_path, '[[step]]\nlabel = "l"\ntype = "Number ${round}"\nrepeat = 3')
    assert [step.act for step in script.steps] == [
        Do((TextEntered(f"Number {count}"),), begins_turn=True) for count in (1, 2, 3)
    ]
    assert script.steps[2].told.endswith("(3 of 3)")
    assert "did you mean say" in only_complaint(tmp_path, '[[step]]\nsya = "x"\nstop = true\nrepeat = 3')


WRONG = [
    (
        '[[step]]\nsay = "a"\n\n[[step]]\nlabel = "x"\nsya = "b"\nstop = true',
        "talk.toml:6: step 2 (x): 'sya'",
        "did you mean say?",
    ),
    ('[[stpe]]\nsay = "a"\n[[step]]\nstop = true', "talk.toml:1: 'stpe' is not known here", "did you mean step?"),
    (
        "[talk]\nmodle = 'x'\n[[step]]\nstop = true",
        "talk.toml:2: [talk]: modle is not a setting",
        "did you mean model?",
    ),
    ("[talk]\nmic = 'x'\n[[step]]\nstop = true", "talk.toml:2: [talk]: mic is no setting", "the script itself"),
    (
        "[talk]\nprovider = 'opneai'\n[[step]]\nstop = true",
        "talk.toml:2: [talk]: provider cannot be",
        "did you mean openai",
    ),
    ("[room]\necho = 20\n[[step]]\nstop = true", "talk.toml:2: [room]: echo = 20 is out of range", "-120 to 0"),
    ('[[step]]\nwait = "respnse.done"', "talk.toml:2: step 1: wait: there is no event", "did you mean response.done?"),
    ("[[step]]\nstop = true\nlimit = 3", "talk.toml:3: step 1: limit belongs to wait", "within"),
    ('[[step]]\nsay = "a"\nstop = true', "a step has one act, this has say and stop", "two steps"),
    ("[[step]]\nstop = false", "talk.toml:2: step 1: write stop = true", ""),
    ("[[step]]\nlabel = 'a'", "nothing is done, waited for or expected", "acts: say"),
    ('[[step]]\nsay = ""', "say is empty", ""),
    ('[[step]]\nsay = "?!"', "there is no word to say", ""),
    ('[[step]]\nsay_file = "gone.wav"', "talk.toml:2: step 1: cannot read gone.wav", ""),
    ("[[step]]\nspeed = 1\nstop = true", "speed belongs to say", ""),
    (
        '[[step]]\nlabel = "a"\nstop = true\n[[step]]\nlabel = "a"\nstop = true',
        "talk.toml:5: step 2 (a): there is a step 'a'",
        "",
    ),
    ('[[step]]\nset = { "audio.output.sped" = 1 }', "a session has no field", "did you mean audio.output.speed?"),
    ('[[step]]\nsend = "{nonsense"', "this is no event: line 1", "for example"),
    ('[[step]]\ntype = "hello ${nam}"', "there is no variable 'nam'", "variables: round"),
    ('[[step]]\nexpect = { matches = "(" }', "talk.toml:2: step 1: expect: '(' is no regular expression", ""),
    (
        '[[step]]\nexpect = { contain = "a", matches = "b" }',
        "expect: 'contain' is not known here",
        "did you mean contains?",
    ),
    ('[[step]]\nexpect = { no_findings = "self-eco" }', "there is no finding 'self-eco'", "did you mean self-echo?"),
    ('[[step]]\nexpect = { contains = "a", since = "later" }', "no step before is labelled 'later'", "talk"),
    ("[[step]]\nexpect = { soft = true }", "nothing is expected", "criteria: contains"),
    ('[[step]]\nexpect = { first_sound_below = "soon" }', "first_sound_below must be seconds", ""),
    ("[[step]\nsay = 1", "talk.toml:1: is not valid TOML", ""),
    ("", "there is no [[step]]", "for example"),
]


@each(("text", "place", "cure"), WRONG)
def test_what_is_wrong_is_said_with_its_place_and_its_cure(tmp_path: Path, text: str, place: str, cure: str) -> None:
    sentence = only_complaint(tmp_path, text)
    assert place in sentence
    assert cure in sentence


def test_every_mistake_is_told_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    reading = read(tmp_path, '[[step]]\nsya = "a"\nwiat = "b"\nstop = 1\n[[step]]\nwait = "answer.endet"\n')
    assert [one.line for one in reading.complaints] == [2, 3, 4, 6]


def test_a_vendors_own_event_may_be_waited_for_and_a_sound_file_is_found_beside_the_script(tmp_path: Path) -> None:
    (complaint,) = read_script(tmp_path / "gone.toml").complaints
    assert "cannot read" in complaint.message
    good(tmp_path, '[[step]]\nwait = "vendor.emotion.detected"')
    write_wav(tmp_path / "q.wav", np.zeros(160, np.float32), 16_000)
    (step,) = good(tmp_path, '[[step]]\nsay_file = "q.wav"').steps
    assert isinstance(step.act, Say) and step.act.sound.file == tmp_path / "q.wav"


_values = st.recursive(
    st.one_of(st.booleans(), st.integers(-5, 5), st.floats(allow_nan=True), st.text("ab.{}$\"'\n", max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from((*CRITERIA, *MODIFIERS, "event")), inner, max_size=3),
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(KNOWN), _values, max_size=4))
def test_no_value_anywhere_makes_reading_fail(
    tmp_path_factory: pytest.TempPathFactory, step: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    text = "[[step]]\n" + "".join(f"{name} = {_toml(value)}\n" for name, value in step.items())
    tomllib.loads(text)
    assert read(folder, text).script is not None


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return str(value)


def test_sound_of_the_talk_is_expected_in_a_table_of_its_own(tmp_path: Path) -> None:
    step = '\n[[step]]\nsay = "Hello."\n'
    assert good(tmp_path, step).sound is None
    told = good(tmp_path, '[sound]\nno_findings = true\nwait_below = "800 ms"' + step).sound
    assert told == SoundExpectation((), wait_below=0.8)
    assert "did you mean self-echo?" in only_complaint(tmp_path, '[sound]\nno_findings = ["self-eco"]' + step)
    assert "nothing is expected of the sound" in only_complaint(tmp_path, "[sound]" + step)
