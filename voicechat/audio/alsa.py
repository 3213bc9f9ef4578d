"""What ALSA's half of PortAudio must be told so that a stalled stream neither spins nor stays late.

PortAudio gives the microphone as much room as the loudspeaker. When the sound server stalls for 25 ms or more, what the
microphone heard meanwhile waits in that room for good, because both sides then move at the same pace. Once it is nearly
full PortAudio stops waiting for the loudspeaker to drop a period of the microphone; for a stream that is read instead
of mapped that drops nothing, and it asks again at once, with all of a core (`PaAlsaStream_WaitForFrames`, 19.6). After
21 stalls of 22 to 45 ms: 5 to 8 spins and up to 3 dead streams with equal room, none with more for the microphone.

More room alone would make the period longer, PortAudio takes a quarter of it: hence the number of periods.
"""

from __future__ import annotations

import ctypes
from types import ModuleType

MIC_ROOM = 0.16
"""Seconds that the microphone may fall behind before PortAudio spins; usually nothing waits there. One start in eight
begins 48 ms behind, and each stall adds its own length until the watchdog has dropped the lot: with 0.08 four stalls of
25 to 40 ms ended in a spin 4 times in 44, with this never in 24."""
_PERIODS = 20
"""At least as many as MIC_ROOM and PortAudio's own block more have blocks, or the period doubles; on a card that has
fewer the microphone comes in longer ones."""


def make_mic_room(module: ModuleType) -> bool:
    """Let buffers have many periods; `module` is sounddevice. False: this PortAudio cannot, leave the room alone."""
    try:
        library = ctypes.CDLL(module._libname)  # the one that is loaded already
        library.PaAlsa_SetNumPeriods(_PERIODS)
    except (AttributeError, OSError):
        return False
    return True
