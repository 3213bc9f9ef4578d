"""A conversation as a script: events at their times go through the real `step`, with a fake clock.

    talk = script(at(0.0, heard()), at(2.0, fell_silent()))
    assert talk.of(OpenMic) == [at(2.6, OpenMic())]

`TimePassed` is delivered by itself at every derived deadline, as the session does it. A script begins with an open line
whose configuration is in force, unless `begin=` says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from voicechat.core.effects import Effect
from voicechat.core.events import (
    Announcement,
    AssistantFellSilent,
    AssistantHeard,
    BargeInHappened,
    ConnectWanted,
    Event,
    LineOpened,
    Noticed,
    Received,
    TimePassed,
    VoiceBegan,
    VoiceEnded,
)
from voicechat.core.policy import TurnMode, TurnPolicy
from voicechat.core.rules.microphone import closed_reason
from voicechat.core.state import Choices, Microphone, State, Wishes
from voicechat.core.step import next_deadline, step
from voicechat.protocol.items import ErrorDetail, Item, Response, StatusDetails
from voicechat.protocol.server_events import (
    ConversationItemInputAudioTranscriptionCompleted,
    InputAudioBufferCommitted,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ServerError,
    ServerEvent,
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
E = TypeVar("E", bound=Effect)
A = TypeVar("A", bound=Announcement)
Late = Callable[[float], Event]

PATIENCE = 500
"""Deadlines in one script; more is a livelock."""


@dataclass(frozen=True, slots=True)
class At(Generic[T_co]):
    """Something at a time."""

    time: float
    what: T_co


def at(time: float, what: T) -> At[T]:
    """Something at a time, rounded so that sums of tenths compare equal."""
    return At(round(time, 6), what)


@dataclass(slots=True)
class Talk:
    """A conversation under way on a fake clock."""

    state: State
    policy: TurnPolicy
    now: float = 0.0
    effects: list[At[Effect]] = field(default_factory=list)
    announced: list[At[Announcement]] = field(default_factory=list)

    def tell(self, time: float, *events: Event) -> Talk:
        """Let time pass until then, deadlines included, and let the events happen."""
        self.until(time)
        for event in events:
            self._take(event)
        return self

    def until(self, time: float) -> Talk:
        """Let time pass; every deadline on the way is kept."""
        for _ in range(PATIENCE):
            due, granted = next_deadline(self.state, self.now, self.policy), self._granted_at()
            if granted is not None and granted <= time and (due is None or granted <= due):
                self.now = max(self.now, granted)
                self._take(BargeInHappened(self.state.voice.began_at or 0.0))
                continue
            if due is None or due > time:
                self.now = max(self.now, time)
                return self
            self.now = max(self.now, due)
            self._take(TimePassed())
        raise AssertionError(f"a deadline at {due} comes again and again")

    def _granted_at(self) -> float | None:
        """When the audio callback would grant the voice that is on (R7): it decides, the core is told."""
        voice = self.state.voice
        if not voice.allowed or voice.began_at is None or voice.ended_at is not None:
            return None
        return max(self.now, voice.began_at + self.policy.min_voice)

    def of(self, *kinds: type[E]) -> list[At[E]]:
        """The effects of these kinds, in order."""
        return [At(one.time, one.what) for one in self.effects if isinstance(one.what, kinds)]

    def said(self, *kinds: type[A]) -> list[At[A]]:
        """The announcements of these kinds, in order."""
        return [At(one.time, one.what) for one in self.announced if isinstance(one.what, kinds)]

    @property
    def notices(self) -> list[str]:
        """Codes of what the user was told."""
        return [one.what.code for one in self.said(Noticed)]

    @property
    def kinds(self) -> list[str]:
        """Names of all effects, in order."""
        return [type(one.what).__name__ for one in self.effects]

    @property
    def reason(self) -> str:
        """Why the mic is closed now."""
        return closed_reason(self.state, self.now, self.policy)

    def _take(self, event: Event) -> None:
        result = step(self.state, event, self.now, self.policy)
        self.state = result.state
        self.effects += [at(self.now, effect) for effect in result.effects]
        self.announced += [at(self.now, news) for news in result.announced]


def script(
    *events: At[Any],
    begin: State | None = None,
    policy: TurnPolicy | None = None,
    until: float | None = None,
) -> Talk:
    """Play the events. Afterwards every deadline up to `until` is kept; by default 30 s after the last event."""
    talk = Talk(opened() if begin is None else begin, policy or TurnPolicy())
    for event in events:
        talk.tell(event.time, event.what)
    talk.until(talk.now + 30.0 if until is None else until)
    return talk


def opened(
    *,
    turn_mode: TurnMode = "hands-free",
    barge_in: bool = True,
    local_detection: bool = False,
    transport: Literal["WebRTC", "WebSocket"] = "WebRTC",
    policy: TurnPolicy | None = None,
    wishes: Wishes | None = None,
) -> State:
    """A state with a line that is up, its configuration in force and the mic where it belongs, since long before 0."""
    choices = Choices(turn_mode=turn_mode, barge_in=barge_in, local_detection=local_detection)
    microphone = Microphone(name="Mic", speaker="Loudspeaker")
    state = State(wishes=wishes or Wishes(), choices=choices, microphone=microphone)
    state = step(state, ConnectWanted(), -10.0, policy or TurnPolicy()).state
    up = LineOpened(1, transport, configured=True)
    return step(state, up, -9.0, policy or TurnPolicy()).state


def wire(event: ServerEvent, connection: int = 1) -> Received:
    """A server event of the present line."""
    return Received(connection, event)


def heard() -> AssistantHeard:
    """The loudspeaker becomes audible."""
    return AssistantHeard()


def fell_silent(last_audible_at: float) -> AssistantFellSilent:
    """The loudspeaker falls silent."""
    return AssistantFellSilent(last_audible_at)


def created(response_id: str = "r1", connection: int = 1) -> Received:
    """The service begins an answer."""
    return wire(ResponseCreated(response=Response(id=response_id, status="in_progress")), connection)


def done(
    response_id: str = "r1",
    status: str = "completed",
    reason: str | None = None,
    *,
    error: str = "",
    output: tuple[Item, ...] = (),
    connection: int = 1,
) -> Received:
    """The service has made an answer, or gave it up."""
    detail = ErrorDetail(message=error, code="rate_limit_exceeded") if error else None
    details = StatusDetails(type=status, reason=reason, error=detail) if reason or error else None
    response = Response(id=response_id, status=status, status_details=details, output=output)
    return wire(ResponseDone(response=response), connection)


def audio(item_id: str, seconds: float, connection: int = 1) -> Received:
    """Sound of an item, 24 kHz PCM16 as base64."""
    return wire(ResponseOutputAudioDelta(item_id=item_id, delta="A" * round(seconds * 64_000)), connection)


def sound_started(response_id: str = "r1") -> Received:
    """`output_audio_buffer.started`."""
    return wire(OutputAudioBufferStarted(response_id=response_id))


def sound_stopped(response_id: str = "r1") -> Received:
    """`output_audio_buffer.stopped`."""
    return wire(OutputAudioBufferStopped(response_id=response_id))


def sound_cleared(response_id: str = "r1") -> Received:
    """`output_audio_buffer.cleared`."""
    return wire(OutputAudioBufferCleared(response_id=response_id))


def committed(item_id: str) -> Received:
    """The service made a user item of what it heard."""
    return wire(InputAudioBufferCommitted(item_id=item_id))


def transcribed(item_id: str, transcript: str) -> Received:
    """What the user said in one item."""
    return wire(ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript=transcript))


def refused(
    code: str, *, event_id: str | None = None, param: str | None = None, message: str = "No.", connection: int = 1
) -> Received:
    """An `error` of the service."""
    detail = ErrorDetail(type="invalid_request_error", code=code, message=message, param=param, event_id=event_id)
    return wire(ServerError(error=detail), connection)


def voice(began: float, ended: float) -> tuple[At[Event], At[Event]]:
    """Local voice from one time to another."""
    return at(began, VoiceBegan(began)), at(ended, VoiceEnded(ended, ended - began))


def answer(
    response_id: str = "r1", *, since: float = 0.0, audible: float = 0.1, until: float = 10.0
) -> list[At[Event]]:
    """An answer on WebRTC: made at once, audible until long after; `done` after half a second."""
    return [
        at(since, created(response_id)),
        at(since + audible, heard()),
        at(since + 0.5, done(response_id)),
        at(until, fell_silent(until)),
    ]
