"""The codes of findings: what each means, and the first thing to check."""

from __future__ import annotations

PROBLEMS: dict[str, tuple[str, str]] = {
    "mic-silent": ("The open microphone gives only zeros.", "Device, permission, hardware mute (R26)."),
    "self-echo": (
        "The assistant's own voice is taken for yours.",
        "Headphones, echo cancellation, less volume (R1, R7).",
    ),
    "segments-too-short": ("One sentence becomes several turns.", "Raise silence_duration_ms (R17)."),
    "unknown-session-field": (
        "An update was refused for a field nobody knows.",
        "`voicechat session check FILE` (R20).",
    ),
    "wrong-field-type": ("An update was refused for a value.", "`voicechat session check FILE` (R20)."),
    "dialect-mismatch": ("Client and service use different spellings, beta and GA.", 'dialect = "auto" (R20).'),
    "beta-retired": ("The beta interface was asked for where it is switched off.", "Leave the header OpenAI-Beta out."),
    "model-retired": ("The model asked for has been switched off.", "Choose a current one."),
    "voice-locked": ("The voice was to change after it had been heard.", "Leave it out of later updates (R22)."),
    "config-too-late": ("The first answer came before the configuration.", "Wait for session.updated (R21)."),
    "cancelled-at-birth": ("An answer was cancelled before its first word.", "Who sent response.cancel? (R12, R14)"),
    "cancelled-by-client": ("The client cut its own answer.", "Who sent response.cancel? (R14, R16)"),
    "barge-in-too-eager": ("Noise cuts answers.", "interrupt_response, threshold, headset (R7, R11)."),
    "active-response-conflict": (
        "Two answers at a time were asked for.",
        "One place asks; wait for response.done (R12).",
    ),
    "cancel-without-response": ("Nothing was there to cancel.", "Cancel only between created and done (R15)."),
    "duplicate-create": ("One turn got two answers.", "One item, one response (R13)."),
    "empty-commit": ("Less than 100 ms of sound were committed.", "Clear instead of commit (R18)."),
    "commit-with-server-vad": ("The client commits although the server detects turns.", "Leave commit out (R19)."),
    "empty-transcript": ("Sounds without words count as turns.", 'threshold, or preset = "steady" (R13).'),
    "transcription-off": ("Your words are not written down.", "Set audio.input.transcription (R13)."),
    "transcription-failed": ("Your words could not be written down.", "The transcription model and language."),
    "transcription-late": ("Transcripts come later than 5 s.", "A faster transcription model (R13)."),
    "mic-never-reopened": ("The mic stays closed after an answer.", "Which event does the client wait for? (R2, R4)"),
    "mic-reopened-too-early": ("The mic opened while the answer was audible.", "Never at response.done alone (R2)."),
    "mic-open-during-playback": ("The open mic hears the answer.", "Close it while the assistant is audible (R1)."),
    "no-response": ("An answer that was due never began.", "Does anybody ask? Does the service live? (R15)"),
    "response-failed": ("The service could not make an answer.", "status_details.error in response.done."),
    "response-incomplete": ("An answer stopped before its end.", "max_output_tokens, or the content filter."),
    "quota-or-billing": ("Out of quota or money.", "The billing page; retrying changes nothing (R27)."),
    "rate-limited": ("Too many requests or tokens.", "Wait as the service says (R27)."),
    "auth-failed": ("The key is not accepted.", "Complete, for this service, valid? (R27)"),
    "token-expired": ("A short-lived token had run out.", "Fetch one right before each connect."),
    "session-expired": ("The session reached its longest time.", "Begin a new one at 55 minutes (R28)."),
    "session-limit": ("The session's end is near, or the server is full.", "A new session; or end another one (R28)."),
    "slow-first-sound": ("The first sound of answers comes late.", "The numbers say which step takes long."),
    "tool-output-unanswered": ("A tool's result got no answer.", "One response.create after all outputs (R13)."),
    "connection-lost": ("The line broke, or none could be opened.", "The network; r reconnects (R27)."),
}
"""Code of a finding -> what it means, what to check."""
