"""The suite itself: who runs beside whom, whose folders a test uses, and what a fast test may not do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.command import ended, environ_for, started, voicechat
from tests.support.distribution import AUDIO, SOUND, group_of, processes
from tests.support.each import each

FOLDERS = ("VOICECHAT_RUNTIME_DIR", "VOICECHAT_STATE_DIR", "VOICECHAT_CONFIG_DIR")


def test_all_tests_with_sound_devices_are_one_group(request: pytest.FixtureRequest) -> None:
    items = request.session.items
    sounding = [item for item in items if item.get_closest_marker(AUDIO) or SOUND in getattr(item, "fixturenames", ())]
    assert all(group_of(item.nodeid) == AUDIO for item in sounding)
    assert not any(item.get_closest_marker("fast") for item in sounding)
    assert all(group_of(item.nodeid) in (AUDIO, item.nodeid.partition("::")[0]) for item in items)


def test_a_module_stays_in_one_process_and_sound_devices_in_another() -> None:
    assert group_of("tests/core/test_step.py::test_x[a::b]") == "tests/core/test_step.py"
    assert group_of("tests/audio/test_open.py::test_x") == group_of("tests/engine/test_change_devices.py") == AUDIO


def test_the_whole_suite_has_four_processes_and_a_module_one() -> None:
    assert processes(["tests"]) == processes(["tests/core", "tests/ui/test_paint.py"]) == 4
    assert processes(["tests/ui/test_paint.py::test_x", "tests/ui/test_paint.py::test_y"]) == 0
    assert processes(["tests/ui/test_paint.py", "tests/test_api.py"]) == 2


def test_each_test_has_folders_of_its_own(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    folders = [Path(os.environ[name]) for name in FOLDERS]
    private = Path(request.getfixturevalue("private_folder"))
    assert all(folder.is_relative_to(private) and not folder.exists() for folder in folders)
    assert environ_for(tmp_path)["VOICECHAT_RUNTIME_DIR"] == str(folders[0])
    assert len(str(folders[0] / "1234567.sock")) < 100, "the path of a socket may have 103 characters"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="commands are forked where the system can")
@pytest.mark.parametrize(
    "arguments", ["config path", "run --preset x", "run --text hi --speaker none --base-url http://127.0.0.1:9"]
)
async def test_a_forked_command_is_the_command(tmp_path: Path, arguments: str) -> None:
    command, environ = arguments.split(), environ_for(tmp_path)
    async with started(*command, environ=environ) as process:
        real = await ended(process)
    assert await voicechat(*command, environ=environ) == real


def test_what_starts_processes_is_not_fast(request: pytest.FixtureRequest) -> None:
    fast = {item.nodeid.partition("::")[0] for item in request.session.items if item.get_closest_marker("fast")}
    assert not fast & {"tests/test_suite.py", "tests/config/test_secrets.py", "tests/tools/test_mcp_servers.py"}


def test_a_family_in_one_test_names_every_row_that_fails() -> None:
    @each("number", [1, 2, 3])
    def only_two(number: int) -> None:
        assert number == 2

    with pytest.raises(pytest.fail.Exception, match=r"2 of 3 rows\n1: AssertionError(.|\n)*\n3: AssertionError"):
        only_two()
