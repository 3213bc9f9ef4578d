"""The house keeps its shape: who may import whom, and what the first keystroke may cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("textual", "aiortc", "numpy", "sounddevice", "av", "aiohttp", "onnxruntime", "rich")


def modules_after(code: str) -> set[str]:
    """Top-level names imported by a fresh interpreter that ran `code`."""
    probe = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_rooms_import_only_what_they_may() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_help_imports_nothing_heavy() -> None:
    loaded = modules_after("from voicechat.cli.main import app; import typer.main; typer.main.get_command(app)")
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("module", ["voicechat.ui.app", "voicechat.engine.host"])
def test_the_screen_process_never_loads_sound_or_webrtc(module: str) -> None:
    loaded = modules_after(f"import {module}")
    assert not loaded & {"aiortc", "av", "sounddevice", "numpy", "aiohttp"}


def test_the_bare_package_costs_nothing() -> None:
    assert not modules_after("import voicechat") & {"typer", "msgspec", *HEAVY}


@pytest.mark.parametrize("path", sorted((ROOT / "voicechat").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_file_says_what_it_is_and_stays_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""'), "a module begins with its docstring"
    assert text.count("\n") <= 400, "one file, one thing"
