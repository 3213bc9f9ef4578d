"""What the offline engine answers: a chat server found on this computer, or the built-in guide.

`choose.choose_brain()` picks one and says which; `base` is the contract of both. The guide (`guide`, with one small
file a skill in `skills/`) is deterministic: the clock, chance and the session's facts are passed in. It does what it
can do exactly, and says so when it cannot.
"""
