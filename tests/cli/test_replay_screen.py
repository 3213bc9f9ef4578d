"""`voicechat replay`, where there is nothing to show or nothing to show it on."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import environ_for, voicechat
from tests.support.tapes import call_tape


async def test_what_is_no_tape_is_said_before_the_screen_opens(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Buy milk.\n")
    ran = await voicechat("replay", str(tmp_path / "notes.txt"), environ=environ_for(tmp_path))
    assert ran.code == 2 and "not a tape" in ran.err and not ran.out


async def test_without_a_terminal_it_says_what_to_do_instead(tmp_path: Path) -> None:
    ran = await voicechat("replay", str(call_tape(tmp_path)), environ=environ_for(tmp_path))
    assert ran.code == 2 and "terminal" in ran.err and "voicechat export" in ran.err
