"""The offline engine: a Realtime server of our own, so that a talk needs no key, no account and no network.

Three parts with one direction of knowledge: `server` (HTTP, WebSocket and WebRTC) knows `dialogue` (the server's side
of the protocol, pure), and that knows `speech` (voice activity, recognition, synthesis) and `brain` (what is answered)
only by their contracts. Nothing here imports the client's core; what may be sent is described once, in `protocol`, and
the openai package is the witness of that in the tests. Nothing here opens a connection to anything but this computer.
"""
