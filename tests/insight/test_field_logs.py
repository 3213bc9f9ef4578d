"""Logs as people paste them where only the behaviour shows the cause; each was given its cause before it was diagnosed.

`data/*.txt`: `#### name | causes | what is true as well`, then the log. `a/b`: either will do; `?`: we miss it yet.
`healthy` and `little` stand for no cause; `little`: it must not be called healthy either.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import NamedTuple

from tests.support.each import each
from voicechat.insight.report import diagnose

ALWAYS = {"beta-retired", "model-retired"}


class Pasted(NamedTuple):
    name: str
    causes: list[str]
    also: set[str]
    log: bytes


def pasted() -> list[Pasted]:
    logs = []
    for path in sorted((Path(__file__).parent / "data").glob("*.txt")):
        for chunk in re.split(r"(?m)^#### ", path.read_text(encoding="utf-8"))[1:]:
            head, _, log = chunk.partition("\n")
            name, causes, also = (part.strip() for part in head.split("|"))
            logs.append(Pasted(name, causes.split(), {*also.split()}, log.encode()))
    return logs


@each("one", pasted(), ids=lambda one: one.name)
def test_pasted_log_has_its_cause_and_no_other(one: Pasted) -> None:
    report = diagnose(io.BytesIO(one.log), one.name)
    found = {finding.code for finding in report.findings}
    causes = [] if one.causes[0] in ("healthy", "little") else [{*cause.lstrip("?").split("/")} for cause in one.causes]
    missed = [cause for cause, told in zip(causes, one.causes, strict=False) if not cause & found and told[0] != "?"]
    assert not missed
    assert found <= ALWAYS | one.also | set().union(*causes)
    assert one.causes[0] == "healthy" or report.verdict != "healthy"
