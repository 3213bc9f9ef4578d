"""Sound: from microphone to line and from line to loudspeaker, 10 ms at a time.

`path.AudioPath` is the one step that everything else serves. The parts it is made of are pure on arrays and time:
`playout` (what is heard, and silence at once), `echo` (taking the loudspeaker out of the mic), `levels`,
`voice_activity` (is somebody speaking), `barge_in` (may they cut in), `mic_gate` (what is sent). Only
`duplex_stream`, `portaudio`, `devices` and `files` touch a device or a disk; `open.open_audio` chooses among them.
What happens is posted as `facts`; nothing here knows what a response or a session is.

One thread, the audio thread, runs the path. Requests reach it through a deque, sound leaves through another; there
is no lock. This package never imports session, engine or ui.
"""
