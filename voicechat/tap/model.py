"""The conversation as the wire alone tells it: the core follows it, and nothing it decides is carried out.

The loudspeaker is the client's: what passes by is taken for heard at its moment. Time alone changes nothing but that an
answer is over whose sound has ended: what the core would do by itself (ask or connect again) is the client's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec.structs import replace

from voicechat.core import sounding
from voicechat.core.events import (
    AssistantFellSilent,
    AssistantHeard,
    ConnectWanted,
    EndAsked,
    Event,
    LineNoted,
    LineOpened,
    LineStep,
    Received,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Microphone, State, Wishes
from voicechat.core.step import step
from voicechat.protocol.codec import decode_server
from voicechat.protocol.server_events import SessionCreated, SessionUpdated
from voicechat.protocol.session_dialects import get_path, has_path, session_to_ga
from voicechat.protocol.wire import JsonValue

CLIENTS = "the client's"
"""What the loudspeaker is called."""
TURN_DETECTION = ("audio", "input", "turn_detection")


class TappedConversation:
    """`state` is how the conversation stands."""

    def __init__(self, provider: str) -> None:
        self.policy = TurnPolicy()
        self.state = idle_state(provider)

    def connecting(self, now: float) -> None:
        """A client has called, and the service is being called."""
        self._step(ConnectWanted(), now)

    def opened(self, transport: Literal["WebRTC", "WebSocket"], now: float) -> None:
        """Both lines are up."""
        self._step(LineOpened(self._line, transport, configured=True), now)

    def reached(self, name: str, seconds: float, now: float) -> None:
        """A step of connecting is done."""
        self._step(LineStep(self._line, name, seconds), now)

    def server_said(self, raw: bytes, now: float) -> None:
        """One message of the service."""
        event = decode_server(raw).event
        self._step(Received(self._line, event), now)
        if isinstance(event, SessionCreated | SessionUpdated):
            self._learn_turns(session_to_ga(event.session).session)

    def sounds(self, audible: bool, now: float) -> None:
        """The assistant's sound came, or has not come for a while."""
        if audible != self.state.playback.is_audible:
            self._step(AssistantHeard() if audible else AssistantFellSilent(now), now)

    def passed(self, now: float) -> None:
        """An answer that has been silent for long enough is over."""
        due = sounding.completion_due(self.state, self.policy)
        if due is not None and now >= due:
            over = sounding.completed(self.state.conversation, self.state, now, self.policy, ended=False)
            self.state = replace(self.state, conversation=over)

    def noticed(self, text: str, now: float) -> None:
        """A sentence about the tap itself, for the transcript."""
        self._step(LineNoted(self._line, text), now)

    def ended(self, why: str, now: float) -> None:
        """The call is over; `why` stands in the transcript, if it is not empty."""
        if self.state.connection.phase in ("connecting", "open"):
            if why:
                self._step(LineNoted(self._line, why), now)
            self._step(EndAsked(), now)

    @property
    def _line(self) -> int:
        return self.state.connection.number

    def _learn_turns(self, session: Mapping[str, JsonValue]) -> None:
        """Who takes turns is the client's choice, and no wish of ours."""
        if not has_path(session, TURN_DETECTION):
            return
        mode: Literal["hands-free", "push-to-talk"] = (
            "push-to-talk" if get_path(session, TURN_DETECTION) is None else "hands-free"
        )
        if mode != self.state.choices.turn_mode:
            self.state = replace(self.state, choices=replace(self.state.choices, turn_mode=mode))

    def _step(self, event: Event, now: float) -> None:
        self.state = step(self.state, event, now, self.policy).state


def idle_state(provider: str) -> State:
    """Before the first client. It has a loudspeaker of its own, or its answers would count as not heard."""
    return State(wishes=Wishes(provider=provider), microphone=Microphone(speaker=CLIENTS))
