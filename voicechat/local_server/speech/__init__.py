"""Ears and mouth of the offline engine: when somebody speaks, what was said, and a voice that answers. English only.

`engine.load_engine()` is the door. Models come out of Python packages (the extra `local`) or lie in `assets/`;
nothing is ever downloaded at run time. Audio is mono float32 in [-1, 1]: 16 kHz towards the ears, 24 kHz from the
mouth (the rate of the Realtime protocol). onnxruntime and the voice are imported inside functions, because every
command of voicechat must start without them.
"""
