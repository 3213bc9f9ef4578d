"""The roads to a Realtime server. Each implements the session's `Line`: text both ways, remote sound, counters, an end.

`webrtc.WebRtcLine` is the real one, on `signalling` (the HTTP handshake) and the room `rtc` (the connection).
`websocket.WebSocketLine` needs no UDP. `target` says where to call.
"""
