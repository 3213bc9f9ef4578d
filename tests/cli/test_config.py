"""`voicechat config`: a file that can be written, understood and mended."""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from pathlib import Path

import pytest

from tests.support.command import environ_for, here, voicechat
from voicechat.cli.config import template
from voicechat.config.load import load_settings
from voicechat.config.settings import TABLE

BAD = """\
modle = "x"
preset = "quik"
api_key = "sk-very-secret"
profile = "nix"

[devices]
mik = "Yeti"
[keys]
"vc.mut" = "f6"
[prices."m"]
text_inn = 4
[profiles.a]
volume = 99
[profiles.a.keys]
"vc.quit" = "f1"
"""


def own_file(folder: Path, text: str) -> Path:
    path = folder / "config" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_path_is_printed_and_says_whether_anything_is_there(tmp_path: Path) -> None:
    environ = environ_for(tmp_path)
    before = here("config", "path", environ=environ)
    assert before.out.strip() == str(tmp_path / "config" / "config.toml") and "config init" in before.err
    own_file(tmp_path, "")
    after = here("config", "path", environ=environ)
    assert after.out == before.out and after.err == ""


def test_init_writes_a_private_file_once_and_replaces_it_only_by_force(tmp_path: Path) -> None:
    environ = environ_for(tmp_path)
    ran = here("config", "init", environ=environ)
    path = Path(ran.out.strip())
    assert ran.code == 0 and path.read_text() == template()
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text('model = "mine"\n')
    again = here("config", "init", environ=environ)
    assert again.code == 2 and "--force" in again.err and path.read_text() == 'model = "mine"\n'
    forced = here("config", "init", "--force", environ=environ)
    assert forced.code == 0 and path.read_text() == template()
    assert [one.name for one in path.parent.iterdir()] == ["config.toml"]
    assert (here("config", "check", environ=environ)).code == 0


def test_init_where_nothing_can_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = here("config", "init", "--config", f"{tmp_path}/file/c.toml", environ=environ_for(tmp_path))
    assert ran.code == 2 and "cannot write" in ran.err and "Traceback" not in ran.err


def test_every_setting_is_in_the_template_and_its_line_holds_when_it_is_uncommented(tmp_path: Path) -> None:
    assert tomllib.loads(template()) == {}
    lines = dict(re.findall(r"^# ((\w+) = .*)$", template(), re.MULTILINE))
    named = {name: line for line, name in lines.items()}
    assert set(TABLE) <= set(named)
    for name in TABLE:
        path = tmp_path / f"{name}.toml"
        path.write_text(named[name] + "\n")
        path.chmod(0o600)
        assert name in load_settings({}, {}, path).given


def test_check_tells_everything_with_line_key_and_nearest_name(tmp_path: Path) -> None:
    path = own_file(tmp_path, BAD)
    ran = here("config", "check", environ=environ_for(tmp_path))
    assert ran.code == 2
    for line, key, near in (
        (1, "modle", "model"),
        (2, "preset", "quick"),
        (3, "api_key", "VOICECHAT_API_KEY"),
        (4, "profile", "a"),
        (7, "devices.mik", "mic"),
        (9, "keys.vc.mut", "vc.mute"),
        (11, "prices.m.text_inn", "text_in"),
        (13, "profiles.a.volume", "0 to 1.5"),
        (15, "profiles.a.keys.vc.quit", "cannot be changed"),
    ):
        found = re.search(rf"^{re.escape(str(path))}:{line}: {re.escape(key)}\b.*(?:\n  .*)?", ran.out, re.MULTILINE)
        assert found and near in found[0], (line, key)
    assert "9 problems in" in ran.err and "sk-very-secret" not in ran.out + ran.err


def test_check_as_json_is_for_programs(tmp_path: Path) -> None:
    own_file(tmp_path, BAD)
    ran = here("config", "check", "--json", environ=environ_for(tmp_path))
    told = json.loads(ran.out)
    assert ran.code == 2 and [one["line"] for one in told["errors"]] == [1, 2, 3, 4, 7, 9, 11, 13, 15]
    assert all(one["key"] and one["reason"] for one in told["errors"] if one["line"] != 11)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('a = "', ":1 is not valid TOML"),
        ("\n\nmodel = \n", ":3 is not valid TOML"),
        ('[profiles.b]\nprovider = "custom"\n', ":2: profiles.b.provider: provider custom needs an address"),
        ("profiles = 3\n", ":1: profiles must be tables"),
        ("[profiles]\nx = 1\n", ":2: profiles.x must be a table"),
        ("devices = 1\n", ":1: devices must be a table"),
        ('[headers]\n"bad name" = "x"\n', "cannot be the name of a header"),
        ("quirks = [1]\n", ":1: quirks must be a list of texts"),
    ],
)
def test_what_is_wrong_in_company_or_in_shape_has_its_line_too(tmp_path: Path, text: str, says: str) -> None:
    own_file(tmp_path, text)
    ran = here("config", "check", environ=environ_for(tmp_path))
    assert ran.code == 2 and says in ran.out, ran.out
    assert "Traceback" not in ran.err


def test_a_named_file_is_checked_and_a_missing_one_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text('model = "x"\n[profiles.a]\nvoice = "ash"\n')
    ran = here("config", "check", str(file), environ=environ_for(tmp_path))
    assert ran.code == 0 and "nothing is wrong, 1 profile" in ran.out
    assert (here("config", "check", str(file) + "x", environ=environ_for(tmp_path))).code == 2
    assert (here("config", "check", environ=environ_for(tmp_path))).code == 0


def test_show_tells_where_each_value_comes_from(tmp_path: Path) -> None:
    path = own_file(tmp_path, 'voice = "ash"\nprofile = "work"\n[profiles.work]\npreset = "steady"\n')
    environ = environ_for(tmp_path, VOICECHAT_LATENCY="low")
    ran = here("config", "show", "--no-echo", "--json", environ=environ)
    told = json.loads(ran.out)
    sources = {name: row["source"] for name, row in told["settings"].items()}
    assert (told["file"], told["profile"]) == (str(path), "work")
    assert sources["voice"] == f"{path}:1" and sources["preset"] == f"profile work ({path}:4)"
    assert sources["latency"] == "VOICECHAT_LATENCY" and sources["echo_cancel"] == "--no-echo"
    assert sources["model"] == "provider local" and sources["greet"] == "default"
    plain = here("config", "show", environ=environ)
    assert re.search(r'^voice +"ash" +', plain.out, re.MULTILINE) and plain.code == 0


def test_show_hides_what_may_be_secret(tmp_path: Path) -> None:
    path = own_file(
        tmp_path, '[headers]\nX-Team = "hidden-word-1"\n[profiles.x]\nice_servers = ["turn:u:hidden-word-2@h"]\n'
    )
    path.chmod(0o600)
    environ = environ_for(tmp_path, VOICECHAT_QUERY='{"key": "hidden-word-3"}', VOICECHAT_PROFILE="x")
    for more in ((), ("--json",)):
        ran = here("config", "show", *more, environ=environ)
        assert ran.code == 0 and "hidden-word" not in ran.out + ran.err and "X-Team" in ran.out


async def test_the_key_of_a_command_reaches_the_engine_and_nothing_else(tmp_path: Path) -> None:
    give = tmp_path / "give.sh"
    give.write_text("#!/bin/sh\necho sk-from-command-0123\n")
    give.chmod(0o700)
    path = own_file(tmp_path, f'provider = "openai"\nbase_url = "http://127.0.0.1:9"\napi_key_command = "{give}"\n')
    path.chmod(0o600)
    environ = environ_for(tmp_path, VOICECHAT_API_KEY="")
    ran = await voicechat("run", "--text", "hi", "--speaker", "none", "--timeout", "5", environ=environ)
    assert ran.code == 3 and "127.0.0.1:9" in ran.err and "needs an API key" not in ran.err
    assert "sk-from-command" not in ran.out + ran.err
    give.write_text("#!/bin/sh\nexit 4\n")
    failed = await voicechat("run", "--text", "hi", "--speaker", "none", environ=environ)
    assert failed.code == 2 and "status 4" in failed.err
