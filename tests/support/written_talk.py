"""An answer that is read, not heard: Markdown with code, a list, a table."""

from __future__ import annotations

from tests.support.scene import Scene
from tests.support.talk_views import PTT, view
from voicechat.core.view import TurnView
from voicechat.engine.link import (
    Meters,
)

WRITTEN = """## Reading a microphone

Use `sounddevice`; **never** block in the *callback*. See [the manual](https://python-sounddevice.readthedocs.io):

```python
import sounddevice as sd

def heard(data, frames, time, status):
    queue.put_nowait((time.inputBufferAdcTime, bytes(data)))  # a copy: the buffer is used again as soon as this returns

with sd.RawInputStream(samplerate=24_000, channels=1, dtype="int16", callback=heard):
\tinput("Enter stops 窓際の席 👨‍👩‍👧\\n")
```

1. Open the stream *once*, at the rate you need
2. Keep the callback short:
   - no locks, no logging
   - no `print`

| rate | bytes/s | fits |
|---|---:|---|
| 16 kHz | 32,000 | speech |
| 24 kHz | 48,000 | Realtime, 窓際 |

> The callback runs in a thread of its own.

---
<b>HTML</b> stays text, and so does [@click=app.quit]this[/]."""


def written() -> Scene:
    """An answer that is read, not heard."""
    asked = TurnView("w1", "you", 300, "Show me in writing how to read a microphone.", typed=True, committed=True)
    answer = TurnView("w2", "assistant", 302, WRITTEN, written=True, latency=0.62)
    return Scene(view(PTT), (asked, answer), Meters(input=-52, output=-60, threshold=-38, rtt=0.038))
