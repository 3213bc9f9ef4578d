"""`python -P -m voicechat.tap`: the tap's process, started by `tap.host` as an engine is."""

from __future__ import annotations

from voicechat.engine.pipe import run_process
from voicechat.tap.service import TapService

if __name__ == "__main__":
    run_process(TapService)
