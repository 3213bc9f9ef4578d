"""R24 by construction: who translates cannot even name what makes sound or asks for answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = ("voicechat.core.effects", "voicechat.core.step", "voicechat.core.rules", "voicechat.engine.session")
ROOMS = ("voicechat.audio", "voicechat.rtc", "voicechat.engine", "voicechat.local_server", "voicechat.ui")


def modules_after(module: str) -> set[str]:
    probe = f"import {module}, sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_translator_never_loads_effects_rules_sound_or_lines() -> None:
    loaded = modules_after("voicechat.translation.translator")
    assert "voicechat.core.events" in loaded
    assert not [name for name in loaded if name.startswith((*FORBIDDEN, *ROOMS))]


@pytest.mark.parametrize("module", ["voicechat.translation.options", "voicechat.translation.backlog"])
def test_what_the_screen_needs_of_it_is_light(module: str) -> None:
    assert not modules_after(module) & {"aiohttp", "numpy", "textual", "aiortc"}
