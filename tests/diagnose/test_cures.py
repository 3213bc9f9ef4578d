"""The change in code: there for every finding, right in either language and dialect."""

from __future__ import annotations

import ast
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.support.each import each
from voicechat.cli.diagnose_words import folded
from voicechat.diagnose.cures import CURES, cure_of
from voicechat.diagnose.run import CODES


def test_every_finding_has_its_cure() -> None:
    assert set(CURES) == set(CODES) and len(CODES) == 55


@each("width", [60, 200])
@each("beta", [False, True])
def test_the_python_is_python_also_when_it_is_folded(beta: bool, width: int) -> None:
    for code in CURES:
        snippets = cure_of(code, beta=beta)
        assert snippets is not None
        text = "\n".join(folded(snippets.python, width))
        ast.parse(f"async def cure():\n{textwrap.indent(text, '    ')}\n    pass")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node to read JavaScript with")
def test_the_javascript_is_javascript_also_when_it_is_folded(tmp_path: Path) -> None:
    pieces = []
    for number, code in enumerate(CURES):
        for beta in (False, True):
            snippets = cure_of(code, beta=beta)
            assert snippets is not None
            text = "\n".join(folded(snippets.js, 70))
            text = text if not text.startswith("headers:") else f"const x = {{{text.split('//')[0]}}};"
            pieces.append(f"async function cure{number}{'b' if beta else 'g'}() {{\n{text}\n}}")
    script = tmp_path / "cures.mjs"
    script.write_text("\n".join(pieces), encoding="utf-8")
    checked = subprocess.run(["node", "--check", str(script)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_beta_is_spelled_flat_and_without_a_session_type() -> None:
    for code in set(CURES) - {"beta-retired"}:
        snippets = cure_of(code, beta=True)
        assert snippets is not None
        for text in (snippets.js, snippets.python):
            assert '"type": "realtime"' not in text or '"session": {' not in text or "audio" in text, code
    flat = cure_of("segments-too-short", beta=True)
    assert flat is not None and '"session": {"turn_detection"' in flat.js
