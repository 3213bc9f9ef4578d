"""WebRTC as a conversation needs it, for both ends of the line.

`peer.Peer` is one connection: an Opus track each way and one data channel for events. It is aiortc with what a voice
conversation misses there: our own receive buffer (`receive_path`), a paced sender that encodes Opus itself
(`send_track`), loopback candidates when there is no network (`loopback_candidates`), session descriptions that ask for
forward error correction (`sdp`), and counters a client can show.

The client's transport and the local server share this room; it knows nothing of events, turns or HTTP.
"""
