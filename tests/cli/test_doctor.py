"""`voicechat doctor`, as a user sees it."""

from __future__ import annotations

import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.command import environ_for, voicechat
from tests.support.vaudio import VirtualAudio, virtual_audio
from voicechat.audio.devices import Device, DeviceList
from voicechat.cli import doctor_services
from voicechat.cli.doctor import DoctorOptions, doctor_command
from voicechat.cli.doctor_looks import Check, Page, worst
from voicechat.errors import ConfigError
from voicechat.exit_codes import AUDIO, DONE

__all__ = ["virtual_audio"]

MIC = Device(2, "USB \x1b[31mMic", "ALSA", 1, 48_000, True)
BOX = Device(3, "Speakers", "ALSA", 2, 44_100, True)
BOTH = DeviceList((MIC,), (BOX,), MIC.name, BOX.name)


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VOICECHAT_CONFIG_DIR", str(tmp_path))


def show(monkeypatch: pytest.MonkeyPatch, devices: DeviceList, *, as_json: bool = False) -> int:
    monkeypatch.setattr(doctor_services, "list_devices", lambda: devices)
    return doctor_command({}, DoctorOptions(as_json=as_json, sections=("sound",)))


def test_devices_canceller_detector_and_versions_are_told_without_a_sound(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(monkeypatch, BOTH) == DONE
    said = capsys.readouterr().out
    for word in ("Mic", "Speakers", "AEC3", "silero", "numpy", "--loopback"):
        assert word in said
    assert "\x1b" not in said


def test_a_missing_microphone_is_named_with_its_cure_and_status_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(monkeypatch, DeviceList((), (BOX,), "", BOX.name, "no microphone was found", "Plug one in.")) == AUDIO
    said = capsys.readouterr().out
    assert "no microphone was found" in said
    assert "Plug one in." in said


def test_a_warning_about_a_device_is_care_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    warned = replace(MIC, note="Bluetooth: telephone quality")
    assert show(monkeypatch, DeviceList((warned,), (BOX,), warned.name, BOX.name), as_json=True) == DONE
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["microphone"]["mark"] == "care"
    assert checks["microphone"]["cure"] == "Bluetooth: telephone quality"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems make their audio threads urgent themselves")
@pytest.mark.parametrize(("refused", "told"), [(False, "(real-time)"), (True, "rtprio")])
def test_a_sound_that_other_programs_can_hold_up_is_told_with_what_helps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], refused: bool, told: str
) -> None:
    def set_policy(who: int, policy: int, parameters: os.sched_param) -> None:
        if refused:
            raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", set_policy)
    assert show(monkeypatch, BOTH) == DONE
    assert told in capsys.readouterr().out


def test_a_sound_file_has_no_room_to_test() -> None:
    with pytest.raises(ConfigError, match="needs devices"):
        doctor_command({"mic": "hello.wav"}, DoctorOptions(loopback=True))


def test_a_page_without_unicode_is_ascii_and_never_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    file = io.StringIO()
    page = Page(file, ascii_only=True)
    page.checks([Check("round trip", "care", "60 ms · " + "a long story " * 12, "Plug “it” in…")])
    page.verdict("bad", "barge-in does not work here: " + "why " * 40, [Check("also", "care", "more")])
    assert file.getvalue().isascii()
    assert max(len(line) for line in file.getvalue().splitlines()) <= 80


def test_the_verdict_is_the_last_line_and_tells_its_mark_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    file = io.StringIO()
    Page(file, ascii_only=False).verdict("bad", "barge-in does not work here", [Check("also", "bad", "gaps", "cure")])
    assert file.getvalue().splitlines()[-1] == "✕ barge-in does not work here"


def test_the_gravest_mark_counts() -> None:
    assert worst([Check("a", "fact", ""), Check("b", "good", "")]) == "good"
    assert worst([Check("a", "care", ""), Check("b", "good", "")]) == "care"
    assert worst([Check("a", "care", ""), Check("b", "bad", "")]) == "bad"


@pytest.mark.audio
async def test_a_loudspeaker_that_is_heard_is_measured_and_judged(virtual_audio: VirtualAudio, tmp_path: Path) -> None:
    environ = environ_for(tmp_path, PULSE_SERVER=os.environ["PULSE_SERVER"], PULSE_SOURCE="vspk.monitor")
    ran = await voicechat("doctor", "--loopback", "--json", "--seconds", "10", "--yes", environ=environ)
    told = json.loads(ran.out)["loopback"]
    figures = told["figures"]
    assert 2 * figures["chirps_heard"] >= figures["chirps"]  # a sound server may shift one of them
    assert 0.01 < figures["round_trip"] < 0.3
    assert figures["echo_gain_db"] == pytest.approx(0.0, abs=1.5)
    stutters = told["setup"]["gaps"] > 2 or figures["round_trip_spread"] > 0.02 or figures["loss_steady_db"] is None
    if stutters:  # a busy machine, and it is told so
        assert told["grade"] != "works"
    else:
        assert figures["loss_steady_db"] > 20.0
    assert told["verdict"].startswith("barge-in ")
    assert ran.code == (AUDIO if told["grade"] == "fails" else DONE)
    assert "Please stay quiet" in ran.err
