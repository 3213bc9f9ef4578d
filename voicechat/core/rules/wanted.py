"""What the session should be now: the user's wish in the GA dialect, and how turns are to be taken (R9, R13, R23).

The wish itself is never bent: what is sent is derived from it and from what was chosen while talking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicechat.core.continuous import is_translation, only_audio
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.reply_gate import TRANSCRIPTION, client_decides
from voicechat.core.state import State
from voicechat.protocol.session_config import without
from voicechat.protocol.session_dialects import get_path, set_path
from voicechat.protocol.session_fields import SEMANTIC_VAD, SERVER_VAD

TURN_DETECTION = ("audio", "input", "turn_detection")
FALLBACK_TRANSCRIPTION = "gpt-transcribe"
"""R13 cannot work without transcripts; what OpenAI recommends where the user named no model."""

Turns = tuple[bool, bool, bool]
"""They are ours, the client decides on answers, the server interrupts."""


def is_mic_open_during_playback(state: State, policy: TurnPolicy) -> bool:
    """Preset `quick`: the server listens all the time and interrupts by itself (R1, R9). Barge-in off means off.

    A translation session listens while it speaks too, unless the loudspeaker would be translated with the speaker.
    """
    if is_translation(state):
        return state.microphone.hears_over_playback
    if policy.full_duplex:
        return state.microphone.hears_over_playback and state.choices.turn_mode != "push-to-talk"
    return policy.mic_open_during_playback and state.choices.barge_in and not state.choices.turns_are_ours


def wanted_session(state: State, policy: TurnPolicy) -> dict[str, Any]:
    """The user's wish in the GA dialect as it should be now, without what this service has refused."""
    session = dict(state.wishes.session)
    session.setdefault("type", "realtime")
    if is_translation(state):
        for path in state.configuration.refused:
            session = without_path(session, path)
        return only_audio(session)
    if client_decides(state, policy) and not get_path(session, TRANSCRIPTION):
        set_path(session, TRANSCRIPTION, {"model": FALLBACK_TRANSCRIPTION})
    set_path(session, TURN_DETECTION, turn_detection(state, policy))
    for path in state.configuration.refused:
        session = without_path(session, path)
    return session


def turns_now(state: State, policy: TurnPolicy) -> Turns:
    """The facts that the wire's turn detection is made of; a translation session has none."""
    if is_translation(state):
        return False, False, False
    return (
        state.choices.turns_are_ours,
        client_decides(state, policy),
        is_mic_open_during_playback(state, policy),
    )


def turn_detection(state: State, policy: TurnPolicy) -> dict[str, Any] | None:
    """What the wire should say; null where turns are ours."""
    ours, decided_here, interrupts = turns_now(state, policy)
    if ours:
        return None
    wish = wished_detection(state.wishes.session)
    return {**wish, "create_response": not decided_here, "interrupt_response": interrupts}


def wished_detection(session: Mapping[str, Any]) -> dict[str, Any]:
    """The wished detector with the fields it has.

    The wish keeps the fields of the other detector too, so that going there and back again loses nothing.
    """
    wish = get_path(session, TURN_DETECTION)
    detection: dict[str, Any] = dict(wish) if isinstance(wish, dict) else {}
    kind = detection.setdefault("type", "server_vad")
    known = {"server_vad": SERVER_VAD, "semantic_vad": SEMANTIC_VAD}.get(kind)
    foreign = {*SERVER_VAD.members, *SEMANTIC_VAD.members} - set(known.members) if known else set()
    return {name: value for name, value in detection.items() if name not in foreign}


def without_path(session: dict[str, Any], path: str) -> dict[str, Any]:
    """The session without a refused field; `type` is no wish and always stays."""
    rest: object = without(session, path)
    return {"type": session.get("type", "realtime"), **rest} if isinstance(rest, dict) else dict(session)
