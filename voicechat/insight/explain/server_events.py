"""What a service says, in plain words: what it means, and what normally follows."""

from __future__ import annotations

_TRANSCRIPTION = "conversation.item.input_audio_transcription"

SERVER: dict[str, tuple[str, str]] = {
    "error": (
        "Something that was asked for was refused; the session goes on unless the code is about key, quota or expiry.",
        "Look at code and param; event_id names the client event that caused it (press * for both).",
    ),
    "session.created": (
        "The session exists; this is its configuration before any wish of ours, and it shows the dialect spoken.",
        "A session.update follows, unless the configuration came with the handshake.",
    ),
    "session.updated": (
        "This configuration is in force now, all of it; what is not in it was not accepted.",
        "Audio may flow from here on.",
    ),
    "session.closed": ("A translation session has ended.", "Nothing follows; the connection closes."),
    "session.input_transcript.delta": (
        "Translation: a piece of what was said.",
        "More pieces, then the translated ones.",
    ),
    "session.output_transcript.delta": (
        "Translation: a piece of the translated text.",
        "More pieces, with their sound.",
    ),
    "session.output_audio.delta": (
        "Translation: a piece of the translated speech, base64.",
        "It is played; keep sending silence, or the translation stalls.",
    ),
    "conversation.created": (
        "The default conversation exists. Several services never say so.",
        "Nothing has to be done.",
    ),
    "conversation.item.added": (
        "An item entered the conversation; an answer's item is still empty here.",
        "previous_item_id gives its place; conversation.item.done follows when it is complete.",
    ),
    "conversation.item.done": (
        "An item is complete, with its final content.",
        "For your speech the transcript may still come later.",
    ),
    "conversation.item.created": (
        "An item entered the conversation (one event in beta, where GA has added and done).",
        "An answer's item is still empty; its words come as deltas.",
    ),
    "conversation.item.retrieved": (
        "An item that was asked for, its audio included.",
        "It can be megabytes; over a data channel better avoid it.",
    ),
    "conversation.item.truncated": (
        "An answer was cut to what was heard; the server has forgotten the rest of its text.",
        "audio_end_ms is where; the screen keeps the unheard words.",
    ),
    "conversation.item.deleted": (
        "An item left the conversation and no longer counts for answers.",
        "The next answer costs more once: the cache of the prefix is gone.",
    ),
    f"{_TRANSCRIPTION}.delta": (
        "A piece of what you said, written down.",
        "completed follows, perhaps after the whole answer.",
    ),
    f"{_TRANSCRIPTION}.completed": (
        "All that you said in one item, written down by a separate model; the answering model heard the sound itself.",
        "It may differ from what the model understood. A transcript without words is noise.",
    ),
    f"{_TRANSCRIPTION}.segment": (
        "Who said what from when to when (models that tell speakers apart).",
        "completed follows with the whole text.",
    ),
    f"{_TRANSCRIPTION}.failed": (
        "What you said could not be written down; the turn itself goes on.",
        "Check the transcription model; this is never repeated as an error event.",
    ),
    "input_audio_buffer.committed": (
        "What was heard became (or becomes) your item; its place is known now.",
        "The item, then response.created if the server answers by itself; the transcript whenever it is ready.",
    ),
    "input_audio_buffer.cleared": (
        "What was heard and not committed is forgotten.",
        "With push-to-talk this is the answer to the clear at the press.",
    ),
    "input_audio_buffer.speech_started": (
        "The server hears a voice; audio_start_ms includes the padding before it.",
        "With interrupt_response a running answer is cancelled now; speech_stopped follows.",
    ),
    "input_audio_buffer.speech_stopped": (
        "The server heard enough silence to call your turn finished.",
        "committed follows at once; the client commits nothing here.",
    ),
    "input_audio_buffer.timeout_triggered": (
        "Nobody spoke for idle_timeout_ms, so the model will speak up.",
        "committed and a response follow; each firing costs tokens.",
    ),
    "input_audio_buffer.dtmf_event_received": ("A telephone key was pressed (SIP only).", "It is yours to interpret."),
    "output_audio_buffer.started": (
        "The server begins to play an answer (WebRTC and SIP; several services never say so).",
        "stopped when it has played to its end, cleared when it was cut.",
    ),
    "output_audio_buffer.stopped": (
        "The server has played the answer to its end.",
        "The mic opens again a moment later.",
    ),
    "output_audio_buffer.cleared": (
        "The server's playout was cut; what was not played is dropped.",
        "conversation.item.truncated says where; terminal, like stopped.",
    ),
    "response.created": (
        "An answer begins; it counts as active until its response.done.",
        "Its items and words follow; a second response.create would be refused now.",
    ),
    "response.done": (
        "An answer has ended: completed, cancelled, failed or incomplete; usage tells its price.",
        "The sound may go on for seconds over WebRTC: this is never the end of the speech.",
    ),
    "response.output_item.added": (
        "An answer got a part: words and sound, or a call of a tool.",
        "Its content follows; output_item.done completes it.",
    ),
    "response.output_item.done": (
        "A part of an answer is complete.",
        "For a function_call: run it, then send function_call_output.",
    ),
    "response.content_part.added": ("A piece of content begins: text or sound.", "Its deltas follow."),
    "response.content_part.done": ("A piece of content is complete.", "output_item.done follows."),
    "response.output_text.delta": ("A piece of a written answer.", "More of them, then output_text.done."),
    "response.output_text.done": ("All of a written answer.", "content_part.done follows."),
    "response.output_audio_transcript.delta": (
        "A piece of the words of a spoken answer; they run ahead of the sound.",
        "More of them, then output_audio_transcript.done.",
    ),
    "response.output_audio_transcript.done": ("All words of a spoken answer.", "content_part.done follows."),
    "response.output_audio.delta": (
        "A piece of the sound of an answer, base64 (WebSocket; over WebRTC sound is a track).",
        "It comes faster than it plays: queue it.",
    ),
    "response.output_audio.done": (
        "The sound of an answer was made to its end; it may still be playing.",
        "The words' done, then response.done.",
    ),
    "response.function_call_arguments.delta": (
        "A piece of a tool call's arguments.",
        "More of them, then .done; nothing can be run yet.",
    ),
    "response.function_call_arguments.done": (
        "A tool call's arguments are complete: a JSON string, which may be invalid.",
        "Run the tool after response.done; send function_call_output and then one response.create.",
    ),
    "response.mcp_call_arguments.delta": (
        "A piece of the arguments of a server-side tool call.",
        "More of them, then .done.",
    ),
    "response.mcp_call_arguments.done": (
        "The arguments of a server-side tool call are complete.",
        "mcp_call.in_progress.",
    ),
    "response.mcp_call.in_progress": ("The service runs a tool of an MCP server.", "completed or failed follows."),
    "response.mcp_call.completed": ("An MCP tool has answered.", "The model goes on by itself."),
    "response.mcp_call.failed": (
        "An MCP tool could not be run.",
        "The item's error says whether protocol, tool or HTTP; the model goes on by itself.",
    ),
    "mcp_list_tools.in_progress": ("The service asks an MCP server for its tools.", "completed or failed follows."),
    "mcp_list_tools.completed": ("The tools of an MCP server are known.", "Answers may use them from now on."),
    "mcp_list_tools.failed": (
        "An MCP server did not tell its tools; none of them can be used.",
        "Check server_url and authorization of the tool.",
    ),
    "rate_limits.updated": (
        "What is left of the allowances; output tokens are reserved at the start of an answer.",
        "Nothing to do unless remaining is near 0; reset_seconds says how long.",
    ),
}
"""Server event (GA name) -> what it means, what follows."""

CLIENT: dict[str, tuple[str, str]] = {
    "session.update": (
        "We ask for a configuration; one wrong field costs the whole update.",
        "session.updated, or an error that names the field.",
    ),
    "input_audio_buffer.append": (
        "Sound of the microphone, base64 (WebSocket; over WebRTC it is the track).",
        "No answer; the server's turn detection reacts.",
    ),
    "input_audio_buffer.commit": (
        "Make a turn of what was heard; only where turn detection is the client's.",
        "input_audio_buffer.committed; no answer comes without response.create.",
    ),
    "input_audio_buffer.clear": (
        "Forget what was heard and not committed.",
        "input_audio_buffer.cleared.",
    ),
    "output_audio_buffer.clear": (
        "Stop the server's playout at once (WebRTC and SIP only).",
        "output_audio_buffer.cleared; cancel the response first, or it goes on being made.",
    ),
    "conversation.item.create": (
        "Add an item: typed text, a tool's result, history.",
        "conversation.item.added; no answer comes without response.create.",
    ),
    "conversation.item.retrieve": (
        "Ask for an item with its audio.",
        "conversation.item.retrieved, perhaps too big for a data channel.",
    ),
    "conversation.item.truncate": (
        "Tell how much of an answer was heard; the client's duty on WebSocket.",
        "conversation.item.truncated; more than was sent is an error.",
    ),
    "conversation.item.delete": ("Remove an item from the conversation.", "conversation.item.deleted."),
    "response.create": (
        "Ask for an answer; what is in `response` overrules the session for this one.",
        "response.created within a second or two, or an error and nothing else.",
    ),
    "response.cancel": (
        "Stop the answer that is being made; sound already on its way still plays.",
        "response.done with status cancelled, or the harmless response_cancel_not_active.",
    ),
    "session.input_audio_buffer.append": (
        "Sound for a translation session (24 kHz PCM16, frames of 200 ms, silence included).",
        "Pieces of the translation.",
    ),
    "session.close": ("End a translation session.", "session.closed."),
}
"""Client event (GA name) -> what it means, what follows."""

BETA_ONLY: dict[str, tuple[str, str]] = {
    "response.cancelled": (
        "Named by some guides only; services tell a cancelled answer by response.done with status cancelled.",
        "Wait for response.done instead.",
    ),
    "malformed": (
        "A frame that is no event: no JSON, no object, or no usable type.",
        "It is kept as it came; a service or proxy that sends many of them is broken.",
    ),
}
"""Names that stand beside the two tables."""
