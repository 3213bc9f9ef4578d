"""`voicechat report` as a user runs it: one archive, nothing sent, and a key of theirs nowhere in it."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.support.command import KEY, environ_for, voicechat
from tests.support.tapes import opening, told_tape, turn


async def test_a_report_explains_and_does_not_tell(tmp_path: Path) -> None:
    environ = environ_for(tmp_path)
    told_tape(
        tmp_path / "state" / "tapes" / "2026-11-21_10-00-00_abcd", [*opening(), *turn(1, "Zebras", "They gallop.")]
    )
    ran = await voicechat("report", "--last", "--out", str(tmp_path / "r.zip"), environ=environ)
    assert ran.code == 0, ran.err
    assert ran.out == f"{tmp_path / 'r.zip'}\n"
    assert "nothing was sent" in ran.err
    with zipfile.ZipFile(tmp_path / "r.zip") as archive:
        names = set(archive.namelist())
        whole = b"".join(archive.read(name) for name in names)
    assert names == {
        "README.txt",
        "versions.json",
        "doctor.json",
        "config.json",
        "engine.log",
        "findings.json",
        "tape/session.jsonl",
    }
    assert KEY.encode() not in whole and str(Path.home()).encode() not in whole
    assert b"Zebras" not in whole and b"response.created" in whole


async def test_a_report_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "r.zip").write_text("mine")
    ran = await voicechat("report", "--out", str(tmp_path / "r.zip"), environ=environ_for(tmp_path))
    assert ran.code == 2 and "is there already" in ran.err
    assert (tmp_path / "r.zip").read_text() == "mine"
