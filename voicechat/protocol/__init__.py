"""The wire's vocabulary, pure and for both roles: no sockets, no clock, no threads.

* `server_events`, `client_events`, `items`: one frozen record per event and what events carry, always in GA spelling.
* `codec`: JSON text to event and back. Reading never raises, writing never lets a forbidden frame out.
  It is made of `json_text` (text to tree), `repairs` (odd spellings), `salvage` (tree to record) and `outgoing`.
* `dialects`, `session_dialects`: GA and beta spellings of events, items and session fields; which one a service speaks.
* `session_config`: what `session.update` may hold, with an explanation for what it may not. It is made of
  `session_fields` (the table), `shapes` (kinds of values), `session_repair` (wrong spellings), `session_advice`
  (doubtful combinations) and `problems` (what is told to the user).

Milliseconds and base64 end here: everything above counts seconds and handles bytes.
"""
