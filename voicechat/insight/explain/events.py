"""What a service says, in plain words: what it means, and what normally follows.

Our own events, as they stand between those of the wire: what happened on this side, and why it is noted.

Every field of a session, by its GA path, and the wrong names in circulation: what it does, what to know about it.
"""

from __future__ import annotations

LOCAL: dict[str, tuple[str, str]] = {
    "talk.pressed": ("You pressed push-to-talk.", "The mic opens at once, a running answer is stopped."),
    "talk.released": ("You let push-to-talk go.", "The mic closes 200 ms later, then the turn is committed."),
    "talk.rejoined": ("A key repeat showed that push-to-talk was never let go.", "The turn goes on."),
    "talk.latched": (
        "The press was a tap: the mic stays open until the next one.",
        "8 s of silence end it too, and send what was said; without a voice nothing is sent.",
    ),
    "focus.lost": ("The window lost the keyboard.", "A held key counts as released."),
    "mute.chosen": ("You muted or unmuted the microphone.", "Nothing but you opens a muted mic."),
    "pause.toggled": ("You paused the mic, or let it go on.", "With an open mic only."),
    "turn_mode.chosen": (
        "You chose open mic (hands-free) or push-to-talk.",
        "A session.update changes turn detection.",
    ),
    "barge_in.chosen": ("You switched cutting in on or off.", "On, your voice may stop an answer."),
    "stop.pressed": ("You stopped the answer.", "Silence at once, then response.cancel."),
    "again.pressed": ("You asked again, or reconnected.", "response.create, or a new connection."),
    "text.entered": ("You wrote something.", "conversation.item.create and response.create."),
    "end.asked": ("You ended the talk.", "The mic closes first, then the line."),
    "new.asked": ("You began afresh.", "The line closes, and a new session begins."),
    "attendance.changed": ("The screen stopped (or went on) giving signs of life.", "Unattended, the mic is closed."),
    "assistant.audible": ("The loudspeaker plays something.", "The mic closes, unless you may cut in."),
    "assistant.silent": (
        "The loudspeaker plays silence; last_audible_at is when the sound left it.",
        "The mic opens again a moment after it.",
    ),
    "voice.began": ("Your voice was heard here, after echo cancellation.", "The server's speech_started follows."),
    "voice.ended": ("Your voice ended; `voiced` is how many seconds of it there were.", "speech_stopped follows."),
    "barge_in.happened": (
        "You cut in; the loudspeaker was silenced at once.",
        "The service is asked to end the answer.",
    ),
    "tools.offered": ("These tools can be run here.", "The session offers them to the model (session.tools)."),
    "tool.allowed": ("You allowed a call of a tool.", "It runs; its output goes to the model."),
    "tool.denied": ("A tool call was not allowed.", "The model gets the refusal as its result."),
    "tool.moved": ("A call waits for your word, runs, or was dropped.", "tool.finished ends one that runs."),
    "tool.run": ("A call of a tool begins to run.", "tool.finished follows, at its time limit at the latest."),
    "tool.finished": ("A call of a tool has ended.", "conversation.item.create takes its output to the model."),
    "tools.dropped": ("Running calls are not waited for any more.", "The line that asked for them is gone."),
    "translation": (
        "A finished line was translated for the transcript; an empty text says why it was not.",
        "It is shown beneath its line, and the talk never hears of it.",
    ),
    "translation.used": ("What one request for a translation used.", "The numbers count it apart from the talk."),
    "side.noted": ("Work beside the talk has something to say.", "It stands in the transcript as a note."),
    "mic.drained": ("The last sound from before the mic closed has left.", "Now a commit may go."),
    "mic.flat": ("The open microphone gives only zeros.", "Hardware mute, permission, or the wrong device."),
    "mic.live": ("The microphone delivers sound again.", "Nothing to do."),
    "mic.file_ended": ("The sound file that stands for the microphone has ended.", "The run waits for the answer."),
    "script.began": ("The script plays speech into the microphone.", "script.ended, at its end."),
    "script.ended": ("The script's speech has ended.", "The pause that follows ends your turn."),
    "mic.opened": ("What the microphone hears goes to the service from here on.", "pre_roll seconds before it too."),
    "mic.closed": ("Silence goes to the service from here on; the track keeps running.", "The deck says why."),
    "device.opened": ("Microphone and loudspeaker are in use.", "echo says what cancels the loudspeaker's echo."),
    "device.lost": ("The sound devices stopped.", "They are looked for again by themselves."),
    "device.missing": ("There is no microphone or no loudspeaker to use.", "The talk goes on in text."),
    "echo.changed": ("Echo is treated in another way from now on.", "Whether you can cut in may change with it."),
    "echo.self_heard": ("The assistant's own voice sets off the detection.", "Headphones, or less volume."),
    "connect.wanted": ("The talk begins.", "line.connecting."),
    "line.connecting": ("A connection is being made.", "Five steps, each a line.step."),
    "line.step": ("One step of connecting is done; `seconds` is what it took.", "The next step, or line.opened."),
    "line.opened": ("The line is up.", "Audio flows once the configuration is in force."),
    "line.failed": ("No line could be opened.", "message and hint say why, and what to do."),
    "line.lost": ("The line broke.", "A new session is begun with the same configuration."),
    "line.hanging_up": ("voicechat closes the connection.", "The service is informed if it can be."),
    "tap.called": ("A client has called through the tap.", "The service is called for it; tap.opened follows."),
    "tap.opened": ("Both lines of a tapped call are up.", "Everything is passed on unchanged from here on."),
    "tap.connected": ("One of the two legs of a tapped call is connected.", "The other one, then the channel."),
    "tap.channel": ("One side has opened a channel; the tap opened its like.", "Messages pass in both directions."),
    "tap.subprotocol": ("The service has chosen this subprotocol.", "The client gets the same."),
    "tap.request": ("A request beside the calls was passed on and answered.", "Often a key, or the end of a call."),
    "tap.lost": ("A message could not be passed on.", "The reason says why; the other side never saw it."),
    "tap.closed": ("The other side answered the close frame.", "Nothing; the call is over."),
    "tap.ended": ("A tapped call is over; `by` says who ended it.", "The next client begins anew."),
    "send.refused": ("A client event could not leave.", "The reason says why: no line, or too big."),
    "answer.interrupted": (
        "The answer ends here; `by`: you (a key), barge-in (your voice), push-to-talk, server, line.",
        "Its unheard words stay in the transcript.",
    ),
    "playback.flushed": (
        "The loudspeaker was silenced, late sound of this response is dropped.",
        "The next response is played.",
    ),
    "playback.flush_applied": (
        "The audio thread has silenced the loudspeaker; sound of responses up to `through` is dropped.",
        "Nothing to do: the next response is played.",
    ),
    "playback.began": ("Sound that arrives from now on belongs to the next response.", "Nothing to do."),
    "playback.resumed": ("The next response begins: sound is played again (older tapes).", "Nothing to do."),
    "playback.ducked": (
        "The loudspeaker was turned down (or up again) while a voice may become an interruption.",
        "Nothing to do.",
    ),
    "mic.close_applied": ("The mute key closed the microphone before the core answered.", "Nothing to do."),
    "notice": ("Something you should read was put into the transcript.", "Its code names the kind."),
    "tape.began": ("A tape of this talk is being made.", "`folder` is where it lies."),
    "tape.ended": ("The tape ends here, whole.", "A tape without it was cut off by a crash."),
    "tape.stopped": ("The tape ended before the talk did.", "The reason says why: the disk, or its full size."),
    "control.missing": ("`voicechat ctl` cannot reach this talk.", "The reason says why; the talk is not affected."),
    "engine.defect": ("A fault of voicechat itself; the talk goes on.", "Please report it with the engine's log."),
    "setting.chosen": ("You changed a setting of the session.", "A session.update; session.updated confirms it."),
    "setting.undone": ("You took a change of a setting back.", "A session.update with the value of before."),
    "preset.chosen": ("You chose another way of taking turns.", "A session.update with all its values."),
    "budget.near": (
        "Nine tenths of the budget of this talk are spent.",
        "Nothing yet; at its end no answer is asked for.",
    ),
    "budget.spent": ("The budget of this talk is used up.", "No further answer is asked for until you go on."),
    "budget.blind": ("The budget cannot be kept, because the model has no known price.", "Give it one in [prices]."),
    "go_on.chosen": ("You want to go on although the budget is used up.", "Answers are asked for again."),
}
"""Local event -> what happened, what follows."""


_IN, _OUT = "session.audio.input", "session.audio.output"
_VAD, _TEXT = f"{_IN}.turn_detection", f"{_IN}.transcription"

FIELDS: dict[str, tuple[str, str]] = {
    "session.type": (
        'The kind of session: "realtime" talks, "transcription" only writes down.',
        "GA wants it in every update; beta services refuse it.",
    ),
    "session.model": ("The model that answers.", "Fixed at the start: it is chosen by the address or the handshake."),
    "session.instructions": (
        "What the assistant should be and do.",
        "May change at any time; a change makes the next answer dearer once (cache).",
    ),
    "session.output_modalities": (
        'How it answers: ["audio"] or ["text"], never both.',
        "Sound always carries its words.",
    ),
    "session.audio": ("Everything about sound: input and output.", "GA only; beta keeps these fields flat."),
    _IN: ("How your sound is taken: format, noise, transcription, turns.", "GA only."),
    _OUT: ("How the answer sounds: format, voice, speed.", "GA only."),
    f"{_IN}.format": (
        "How your sound is coded on WebSocket; over WebRTC it is Opus whatever stands here.",
        'Objects in GA ({"type": "audio/pcm", "rate": 24000}), words in beta (pcm16).',
    ),
    f"{_IN}.format.rate": ("Samples a second of PCM.", "24000 at OpenAI and nothing else; other services take more."),
    f"{_IN}.noise_reduction": (
        "Takes noise out at the service, before turn detection hears it.",
        "near_field for headsets, far_field for laptops and rooms, null for none.",
    ),
    f"{_IN}.noise_reduction.type": ("near_field or far_field.", "Take what fits the microphone."),
    f"{_IN}.noise_reduction.strength": ("How much noise is taken out.", "1 when first enabled."),
    _TEXT: ("Whether your words are written down, and by whom.", "Off (null) unless you set it."),
    f"{_TEXT}.model": (
        "The model that writes down what you say.",
        "At Azure: the name of a deployment. It is billed apart from the answers.",
    ),
    f"{_TEXT}.language": (
        "The language you speak, as an ISO 639-1 code.",
        'Leave it out to have it found out; "auto" is no value.',
    ),
    f"{_TEXT}.languages": ("Several languages you may speak.", "gpt-transcribe and gpt-live-transcribe only."),
    f"{_TEXT}.prompt": (
        "Words or style to expect: keywords for whisper-1, free text for the others.",
        "Not with diarizing models nor gpt-realtime-whisper.",
    ),
    f"{_TEXT}.keywords": ("Names and terms to listen for.", "gpt-transcribe and gpt-live-transcribe only."),
    f"{_TEXT}.delay": ("How long it may wait for certainty.", "gpt-realtime-whisper only."),
    _VAD: (
        "Who decides that your turn is over: server_vad by silence, semantic_vad by meaning, null: the client.",
        "null must be sent; a field left out stays as it was.",
    ),
    f"{_VAD}.type": ("server_vad or semantic_vad.", "Each has fields of its own."),
    f"{_VAD}.threshold": (
        "How sure of a voice the server must be, 0 to 1.",
        "0.5 normally; higher in noise, lower for a quiet voice. server_vad only.",
    ),
    f"{_VAD}.prefix_padding_ms": (
        "So much sound from before the voice is kept.",
        "300 normally; less cuts first syllables. server_vad only.",
    ),
    f"{_VAD}.silence_duration_ms": (
        "So long a silence ends your turn.",
        "500 normally; less answers sooner and cuts sentences in pieces. server_vad only.",
    ),
    f"{_VAD}.idle_timeout_ms": (
        "After so long a silence the model speaks up by itself.",
        "Off (null) normally; each firing costs tokens. GA, server_vad only.",
    ),
    f"{_VAD}.eagerness": (
        "How soon semantic_vad takes the turn: low waits 8 s at most, medium 4 s, high 2 s.",
        "auto is medium.",
    ),
    f"{_VAD}.create_response": (
        "Whether the server answers by itself after your turn.",
        "false: the client sends response.create, for instance after a transcript with words.",
    ),
    f"{_VAD}.interrupt_response": (
        "Whether your voice cancels the running answer at the server.",
        "false leaves cutting in to the client.",
    ),
    f"{_OUT}.format": ("How the answer's sound is coded on WebSocket.", "Over WebRTC it is Opus whatever stands here."),
    f"{_OUT}.format.rate": ("Samples a second of PCM.", "24000 at OpenAI."),
    f"{_OUT}.voice": (
        "The voice of the answers.",
        "Can change until the first sound only; later the whole update is refused.",
    ),
    f"{_OUT}.speed": ("How fast it speaks, 0.25 to 1.5.", "Changes between turns only."),
    "session.max_output_tokens": (
        'The longest answer in tokens, or "inf"; a second of speech is 20.',
        "Reached, the answer ends as incomplete (max_output_tokens).",
    ),
    "session.tools": ("What the model may call: functions of yours, or MCP servers.", "[] takes all away."),
    "session.tool_choice": ("Whether it may, must or must not call a tool.", "auto, none, required, or one by name."),
    "session.parallel_tool_calls": ("Whether one answer may call several tools.", "Reasoning models only."),
    "session.reasoning": ("How the model thinks before it speaks.", "Models that do not reason refuse the update."),
    "session.reasoning.effort": ("minimal to xhigh.", "More effort, later first sound."),
    "session.truncation": (
        "What is dropped when the conversation outgrows the model: auto, disabled or a share to keep.",
        "disabled ends in an error when it is full.",
    ),
    "session.truncation.retention_ratio": ("The share that is kept at each overflow.", "0.8 keeps the cache longer."),
    "session.truncation.token_limits": (
        "A cap below the model's own window.",
        "post_instructions counts without them.",
    ),
    "session.tracing": ("Whether the service keeps a trace for its dashboard.", "Once on it cannot change."),
    "session.prompt": ("A prompt stored at the service.", "Stored prompts end on 2026-11-30; do not build on them."),
    "session.include": ("Extras to send along: log probabilities of transcripts.", "One value exists."),
    "session.id": ("The session's name at the service.", "Read only; forgotten with the connection."),
    "session.object": ("What kind of object this is.", "Read only."),
    "session.expires_at": ("When the session ends, in Unix seconds.", "Read only; sessions last 60 minutes."),
    "session.temperature": ("How freely it chooses words, 0.6 to 1.2.", "Beta only; GA services refuse it."),
    "session.input": (
        "GPT-Live: the conversation so far, as messages of developer, user and assistant with one text each.",
        "128 messages and 8,192 tokens at most; fixed at the start.",
    ),
    "session.audio.format": (
        "GPT-Live over WebSocket: the sound of both directions, audio/pcm at 16000 or 24000 Hz, or G.711.",
        "WebRTC agrees on its own; there the field is refused.",
    ),
    "session.delegation": (
        "GPT-Live: who does what the voice model does not: the client (also null), a Responses model, or decisions.",
        "The type is fixed at the start; session.update changes what is in it.",
    ),
    "session.delegation.type": ("GPT-Live: client, responses or decisions.", "Fixed at the start."),
    "session.delegation.acknowledgement_delay_ms": (
        "GPT-Live: how long to wait before the model says that it is looking into it.",
        "0 says it at once; commentary or thinking meanwhile cancels it.",
    ),
    "session.delegation.responses": (
        "GPT-Live: the Responses model that works on delegated tasks: model, instructions, tools, reasoning, text.",
        "Tools of a Live session stand here, not at the top.",
    ),
    "session.delegation.responses.model": ("GPT-Live: the model that works on delegated tasks.", "Required there."),
    "session.delegation.responses.instructions": (
        "GPT-Live: what the model behind the voice should do; business rules belong here.",
        "May change with session.update.",
    ),
    "session.delegation.responses.tools": (
        "GPT-Live: the tools of the model behind the voice.",
        "Calls come inside response.event; answer each with response.item.create.",
    ),
    "session.delegation.responses.service_tier": ("GPT-Live: how urgent its requests are.", "Leave it out for auto."),
    "session.delegation.responses.text": ("GPT-Live: how much the model behind the voice writes.", "text.verbosity."),
    "session.delegation.decisions": ("GPT-Live: questions that are decided while the talk goes on.", "decision.event."),
    "session.triggers": ("GPT-Live: decisions that a transcript sets off.", "An empty list switches them off."),
    "session.store": ("GPT-Live: keep the session for 30 days, to fork it or fetch its recording.", "Default false."),
    "session.client.data_channel": (
        "GPT-Live over WebRTC: which events a browser may send and see: all, or a list.",
        "The service tells the browser with info; an attached client is not bound by it.",
    ),
    "session.safety_identifier": (
        "GPT-Live: a stable name for the user, for the service's own safety checks.",
        "A hash will do.",
    ),
}
"""GA path -> what it does, what to know."""

WRONG_FIELDS: dict[str, tuple[str, str]] = {
    "max_speech_ms": (
        "Does not exist: no service ends a turn after a given length of speech.",
        "silence_duration_ms is the pause that ends a turn.",
    ),
    "post_speech_silence_ms": ("Does not exist under this name.", "The pause that ends a turn is silence_duration_ms."),
    "min_speech_ms": ("Does not exist: the server has no shortest utterance.", "Raise threshold against noises."),
    "inactivity_threshold_ms": ("Does not exist.", "The nearest is idle_timeout_ms (GA, server_vad)."),
    "max_tokens": ("Does not exist under this name.", "The limit is max_output_tokens."),
    "system_prompt": ("Does not exist under this name.", "It is called instructions."),
    "sample_rate": ("Does not exist in a session: the shape of the sound is fixed.", "Leave it out."),
    "channels": ("Does not exist in a session: sound is mono.", "Leave it out."),
    "enabled": ("Does not exist: an object that is there is on, null is off.", "Leave it out."),
}
"""Names from guides that no service knows."""


_TRANSCRIPTION = "conversation.item.input_audio_transcription"

SERVER: dict[str, tuple[str, str]] = {
    "error": (
        "Something that was asked for was refused; the session goes on unless the code is about key, quota or expiry.",
        "Look at code and param; event_id names the client event that caused it (press * for both).",
    ),
    "session.created": (
        "The session was created with the service's defaults; your settings follow. It shows the service's dialect.",
        "A session.update follows, unless the configuration came with the handshake.",
    ),
    "session.updated": (
        "This configuration is in force now, all of it; what is not in it was not accepted.",
        "Audio may flow from here on.",
    ),
    "session.closed": (
        "A GPT-Live or translation session has ended; GPT-Live says why in `reason`.",
        "Nothing follows; the connection closes.",
    ),
    "session.input_transcript.delta": (
        "GPT-Live and translation: a piece of what you said; GPT-Live tells start_ms and end_ms on the model's clock.",
        "More pieces. No event says that a turn is over: a pause does.",
    ),
    "session.output_transcript.delta": (
        "GPT-Live: a piece of what the assistant says. Translation: a piece of the translated text.",
        "More pieces, with their sound; no event says that it is the last one.",
    ),
    "session.output_audio.delta": (
        "GPT-Live: 24 kHz sound at the pace of a clock, silence included. Translation: a piece of the speech, base64.",
        "It is played; go on sending your own sound, silence included.",
    ),
    "session.started": (
        "GPT-Live: the session has begun, with everything that is in force.",
        "Sound and transcripts flow both ways at once; model, voice, instructions and history are fixed from here on.",
    ),
    "session.input_audio.muted": (
        "GPT-Live: the service hears silence instead of you from here on.",
        "session.input_audio.unmute opens it again.",
    ),
    "session.input_audio.unmuted": ("GPT-Live: the service hears you again.", "Transcripts of what you say."),
    "session.instructions.appended": ("GPT-Live took an instruction in.", "The model follows it from here on."),
    "session.thinking.appended": ("GPT-Live took a silent note in.", "It knows more, and says nothing by itself."),
    "session.commentary.appended": ("GPT-Live took something to say in.", "It says so in its own words."),
    "session.output_audio.fixture.playing": (
        "GPT-Live plays the sound that was sent for it; the model and your microphone wait.",
        "session.output_audio.fixture.played.",
    ),
    "session.output_audio.fixture.played": ("GPT-Live has played the sound that was sent.", "The talk goes on."),
    "session.delegation.created": (
        "GPT-Live hands a task over; the event has no words: what is asked stands in your transcript.",
        "Answer with commentary.append or thinking.append and its id; a Responses model tells by response.event.",
    ),
    "response.event": (
        "GPT-Live: a whole event of the Responses model that works on a delegated task is inside.",
        "A function call in it is answered with response.item.create, then one response.create for all of them.",
    ),
    "session.usage.updated": (
        "GPT-Live: the seconds of the session so far, which is what it costs, and how full the model's memory is.",
        "Another one some seconds later.",
    ),
    "session.paused": (
        "GPT-Live over WebRTC: no speech for the idle timeout, so the model rests; connection and session stay.",
        "Speech wakes it: session.resumed.",
    ),
    "session.resumed": ("GPT-Live over WebRTC: speech has woken the model.", "Sound and transcripts again."),
    "info": ("GPT-Live tells something that is no error, such as what this data channel may send.", "Nothing."),
    "decision.event": ("GPT-Live: an event of a decision that is being made.", "decision.completed."),
    "decision.completed": ("GPT-Live: a decision is made.", "The application acts on it."),
    "decision.item.created": ("GPT-Live took an item for its decisions in.", "Later decisions know it."),
    "decision.item.deleted": ("GPT-Live has forgotten an item of its decisions.", "Nothing."),
    "transport.ringing": ("GPT-Live: the telephone at the other end rings.", "transport.answered or .failed."),
    "transport.answered": ("GPT-Live: the call was answered.", "The talk begins."),
    "transport.failed": ("GPT-Live: the call could not be made.", "session.closed."),
    "transport.dtmf.received": ("GPT-Live: the caller pressed a key of the telephone.", "The application acts on it."),
    "transport.dtmf.sent": ("GPT-Live: the tones were sent.", "Nothing."),
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
    f"{_TRANSCRIPTION}.updated": (
        "All that you said so far, in place of what came before (xAI; OpenAI sends pieces).",
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
        "No more sound of this item comes: it is complete, or the response was cancelled (response.done says which).",
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
    "input_audio_buffer.clear": ("Forget what was heard and not committed.", "input_audio_buffer.cleared."),
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
    "session.close": ("End a GPT-Live or translation session.", "session.closed, within ten seconds."),
    "session.start": (
        "Begin a GPT-Live session over WebSocket: the first event, with the model and all that is fixed afterwards.",
        "session.started. Never over WebRTC: there the HTTP request with the offer begins it.",
    ),
    "session.input_audio.append": (
        "GPT-Live over WebSocket: your sound, base64, silence included. From the service, to an attached client: what "
        "the caller says.",
        "Transcripts; no event says that you began or stopped to speak.",
    ),
    "session.input_audio.mute": ("GPT-Live: let the model hear silence.", "session.input_audio.muted."),
    "session.input_audio.unmute": ("GPT-Live: let the model hear you again.", "session.input_audio.unmuted."),
    "session.output_audio.fixture.play": (
        "GPT-Live: play up to 30 s of your own sound to the user; the model stops for it.",
        "session.output_audio.fixture.playing, then .played.",
    ),
    "session.instructions.append": (
        "GPT-Live: tell the model what to do from here on (500 tokens at most); typed text goes this way.",
        "session.instructions.appended.",
    ),
    "session.thinking.append": (
        "GPT-Live: tell the model something it should know and not say (500 tokens at most).",
        "session.thinking.appended.",
    ),
    "session.commentary.append": (
        "GPT-Live: give the model something to say, such as the result of a delegated task (500 tokens at most).",
        "session.commentary.appended, then its words.",
    ),
    "response.item.create": (
        "GPT-Live: the output of a function that the Responses model called.",
        "One response.create when every call of the session is answered.",
    ),
    "decision.create": ("GPT-Live: ask for a decision.", "decision.event, decision.completed."),
    "decision.item.create": ("GPT-Live: give its decisions an item to know.", "decision.item.created."),
    "decision.item.delete": ("GPT-Live: take an item from its decisions.", "decision.item.deleted."),
    "transport.dtmf.send": ("GPT-Live: send telephone tones into the call.", "transport.dtmf.sent."),
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
