"""What a start of the screen may not cost."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("aiortc", "av", "numpy", "sounddevice", "aiohttp", "openai", "onnxruntime", "typer")


def test_the_screen_loads_no_sound_and_no_network() -> None:
    script = f"import sys, voicechat.ui.app; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
