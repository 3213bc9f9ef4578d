"""The edge of the process: every expected failure is one sentence on stderr and its own exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable

from voicechat import exit_codes
from voicechat.errors import VoiceChatError


def guarded(act: Callable[[], int]) -> int:
    """What `act` returns, or the status of the error that ended it."""
    try:
        return act()
    except VoiceChatError as error:
        print(f"voicechat: {error}", file=sys.stderr)
        return exit_codes.exit_code(error)
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
