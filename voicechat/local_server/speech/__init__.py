"""Ears and mouth of the offline engine: when somebody speaks, what was said, and a voice that answers. English only.

`engine.load_engine()` is the door. Models come out of Python packages (the extra `local`) or lie in `assets/`;
nothing is ever downloaded at run time. Audio is mono float32 in [-1, 1]: 16 kHz towards the ears, 24 kHz from the
mouth (the rate of the Realtime protocol). onnxruntime and the voice are imported inside functions, because every
command of voicechat must start without them.
"""

from __future__ import annotations

import os

# onnxruntime (seen in 1.32) reports usage to Microsoft by default, also from a server that promises to be offline. It
# reads this when it is loaded, and everything that loads it (our models, the voice's package) is below this package.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
