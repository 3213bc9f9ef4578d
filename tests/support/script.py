"""A conversation as a script: events at their times go through the real `step`, with a clock that only a test moves.

    talk = script(at(0.0, heard()), at(2.0, fell_silent()))
    assert talk.of(OpenMic) == [at(2.6, OpenMic())]

    talk = answered(asked(connected())).at(1.0).tell(AssistantHeard())
    assert talk.said() == [("you", ""), ("assistant", HELLO)]

`TimePassed` is delivered by itself at every derived deadline, as the session does it. A script begins with an open line
whose configuration is in force, unless `begin=` says otherwise; `connected()` is a talk whose line has just come up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from voicechat.core.effects import Effect
from voicechat.core.events import (
    Announcement,
    AssistantFellSilent,
    AssistantHeard,
    BargeInHappened,
    ConnectWanted,
    DeviceOpened,
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
from voicechat.core.state import Choices, Microphone, State, Turn, Wishes
from voicechat.core.step import Step, next_deadline, step
from voicechat.core.view import TurnView, View
from voicechat.core.viewing import turn_views, view
from voicechat.protocol.client_events import ConversationItemCreate
from voicechat.protocol.items import ContentPart, ErrorDetail, Item, Response, StatusDetails
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemInputAudioTranscriptionCompleted,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputItemAdded,
    ServerError,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from voicechat.protocol.wire import JsonValue, WireEvent

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
E = TypeVar("E", bound=Effect)
A = TypeVar("A", bound=Announcement)

PATIENCE = 500
"""Deadlines in one stretch of time; more is a livelock."""
HELLO = "Hello there, how are you today? I am very well."
SESSION: dict[str, JsonValue] = {
    "type": "realtime",
    "model": "some-model",
    "audio": {
        "input": {"transcription": {"model": "words"}, "turn_detection": {"type": "server_vad"}},
        "output": {"voice": "marin"},
    },
}


@dataclass(frozen=True, slots=True)
class At(Generic[T_co]):
    time: float
    what: T_co


def at(time: float, what: T) -> At[T]:
    """Something at a time, rounded so that sums of tenths compare equal."""
    return At(round(time, 6), what)


def is_from(rule: str, event: WireEvent) -> bool:
    """Whether a client event has the id that this rule gives; see `Talk.items`."""
    return (event.event_id or "").split("_")[-1].startswith(f"{rule}-")


@dataclass(frozen=True, slots=True, repr=False)
class Moment:
    now: float
    event: Event
    before: State
    result: Step

    def __repr__(self) -> str:
        told = (*self.result.effects, *self.result.announced)
        return f"at {self.now:.3f} {self.event} -> {told}"

    @property
    def after(self) -> State:
        return self.result.state

    def has(self, *kinds: type) -> bool:
        return any(isinstance(effect, kinds) for effect in self.result.effects)

    def announced(self, *kinds: type) -> bool:
        return any(isinstance(news, kinds) for news in self.result.announced)


@dataclass(slots=True)
class Talk:
    """A conversation under way on a fake clock."""

    state: State
    policy: TurnPolicy = field(default_factory=TurnPolicy)
    now: float = 0.0
    grants: bool = False
    """The audio callback grants every voice that may interrupt."""
    moments: list[Moment] = field(default_factory=list)

    def tell(self, *events: Event) -> Talk:
        for event in events:
            self.moments.append(Moment(self.now, event, self.state, step(self.state, event, self.now, self.policy)))
            self.state = self.moments[-1].after
        return self

    def hear(self, *said: ServerEvent | Received, connection: int | None = None) -> Talk:
        """The service says so now, on the present line or another."""
        number = self.state.connection.number if connection is None else connection
        return self.tell(*(Received(number, one.event if isinstance(one, Received) else one) for one in said))

    def at(self, time: float) -> Talk:
        """Let time pass until then; every deadline on the way is kept."""
        for _ in range(PATIENCE):
            due, granted = next_deadline(self.state, self.now, self.policy), self._granted_at()
            if granted is not None and granted <= time and (due is None or granted <= due):
                self.now = max(self.now, granted)
                self.tell(BargeInHappened(self.state.voice.began_at or 0.0))
                continue
            if due is None or due > time:
                self.now = max(self.now, time)
                return self
            self.now = max(self.now, due)
            self.tell(TimePassed())
            spins = self.state == self.moments[-1].before and next_deadline(self.state, self.now, self.policy) == due
            assert not spins, f"the deadline at {due} is still due after {self.moments[-1]}"
        raise AssertionError(f"a deadline at {due} comes again and again")

    def _granted_at(self) -> float | None:
        """When the audio callback would grant the voice that is on (R7): it decides, the core is told."""
        voice = self.state.voice
        if not self.grants or not voice.allowed or voice.began_at is None or voice.ended_at is not None:
            return None
        return max(self.now, voice.began_at + self.policy.min_voice)

    @property
    def effects(self) -> list[At[Effect]]:
        return [at(moment.now, effect) for moment in self.moments for effect in moment.result.effects]

    @property
    def announced(self) -> list[At[Announcement]]:
        return [at(moment.now, news) for moment in self.moments for news in moment.result.announced]

    def of(self, *kinds: type[E]) -> list[At[E]]:
        """The effects of these kinds, in order."""
        return [At(one.time, one.what) for one in self.effects if isinstance(one.what, kinds)]

    def items(self, name: str) -> list[At[ConversationItemCreate]]:
        """The items created by one rule, as their ids tell: `typed`, `kept` (told to a new session), `tool`, `hand`."""
        return [one for one in self.of(ConversationItemCreate) if is_from(name, one.what)]

    def times(self, *kinds: type[Effect]) -> list[float]:
        """When effects of these kinds were wanted."""
        return [one.time for one in self.effects if isinstance(one.what, kinds)]

    def news(self, *kinds: type[A]) -> list[At[A]]:
        """The announcements of these kinds, in order."""
        return [At(one.time, one.what) for one in self.announced if isinstance(one.what, kinds)]

    @property
    def notices(self) -> list[str]:
        """Codes of what the user was told."""
        return [one.what.code for one in self.news(Noticed)]

    @property
    def kinds(self) -> list[str]:
        return [type(one.what).__name__ for one in self.effects]

    @property
    def reason(self) -> str:
        """Why the mic is closed now."""
        return closed_reason(self.state, self.now, self.policy)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return self.state.conversation.turns

    @property
    def views(self) -> tuple[TurnView, ...]:
        return turn_views(self.state, self.now)

    @property
    def view(self) -> View:
        return view(self.state, self.now, self.policy)

    def said(self) -> list[tuple[str, str]]:
        """Who said what, notes left out, heard and unheard together."""
        return [(turn.who, turn.text + turn.rest) for turn in self.views if turn.who != "note"]

    def answer(self) -> TurnView:
        return next(turn for turn in reversed(self.views) if turn.who == "assistant")

    def open_line(self) -> Talk:
        """The line comes up, and the service tells its configuration."""
        self.tell(LineOpened(self.state.connection.number, "WebRTC", configured=True))
        return self.hear(SessionCreated(session=SESSION), SessionUpdated(session=SESSION))


def script(
    *events: At[Any], begin: State | None = None, policy: TurnPolicy | None = None, until: float | None = None
) -> Talk:
    """Play the events. Afterwards every deadline up to `until` is kept; by default 30 s after the last event."""
    talk = Talk(opened() if begin is None else begin, policy or TurnPolicy(), grants=True)
    for event in events:
        talk.at(event.time).tell(event.what)
    return talk.at(talk.now + 30.0 if until is None else until)


def connected(policy: TurnPolicy | None = None, choices: Choices | None = None, *, speaker: str = "speaker") -> Talk:
    """A talk whose line and devices came up at 0."""
    talk = Talk(State(wishes=Wishes(), choices=choices or Choices()), policy or TurnPolicy())
    return talk.tell(ConnectWanted(), DeviceOpened("mic", speaker, "AEC3")).open_line()


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
    return AssistantHeard()


def fell_silent(last_audible_at: float) -> AssistantFellSilent:
    return AssistantFellSilent(last_audible_at)


def created(response_id: str = "r1", connection: int = 1, *, conversation: str | None = "c") -> Received:
    """The service begins an answer; without a conversation one that is beside it."""
    response = Response(id=response_id, status="in_progress", conversation_id=conversation)
    return wire(ResponseCreated(response=response), connection)


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
    response = Response(id=response_id, status=status, status_details=details, output=output, conversation_id="c")
    return wire(ResponseDone(response=response), connection)


def audio(item_id: str, seconds: float, connection: int = 1) -> Received:
    """Sound of an item, 24 kHz PCM16 as base64."""
    return wire(ResponseOutputAudioDelta(item_id=item_id, delta="A" * round(seconds * 64_000)), connection)


def sound_started(response_id: str = "r1") -> Received:
    return wire(OutputAudioBufferStarted(response_id=response_id))


def sound_stopped(response_id: str = "r1") -> Received:
    return wire(OutputAudioBufferStopped(response_id=response_id))


def sound_cleared(response_id: str = "r1") -> Received:
    return wire(OutputAudioBufferCleared(response_id=response_id))


def item(item_id: str, role: str = "user", text: str | None = None, transcript: str | None = None) -> Item:
    """A message item: with text it was typed or written, without it was spoken."""
    if text is not None:
        part = ContentPart(type="input_text" if role == "user" else "output_text", text=text)
    else:
        part = ContentPart(type="input_audio" if role == "user" else "output_audio", transcript=transcript)
    return Item(id=item_id, type="message", role=role, content=(part,))


def words(response_id: str, item_id: str, text: str) -> Received:
    return wire(
        ResponseOutputAudioTranscriptDelta(response_id=response_id, item_id=item_id, output_index=0, delta=text)
    )


def speech(item_id: str, began_ms: int = 0) -> Received:
    return wire(InputAudioBufferSpeechStarted(item_id=item_id, audio_start_ms=began_ms))


def silence(item_id: str, ended_ms: int = 1000) -> Received:
    return wire(InputAudioBufferSpeechStopped(item_id=item_id, audio_end_ms=ended_ms))


def committed(item_id: str, previous: str | None = None) -> Received:
    """The service made a user item of what it heard."""
    return wire(InputAudioBufferCommitted(item_id=item_id, previous_item_id=previous))


def transcribed(item_id: str, transcript: str) -> Received:
    return wire(ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript=transcript))


def refused(
    code: str, *, event_id: str | None = None, param: str | None = None, message: str = "No.", connection: int = 1
) -> Received:
    detail = ErrorDetail(type="invalid_request_error", code=code, message=message, param=param, event_id=event_id)
    return wire(ServerError(error=detail), connection)


def voice(began: float, ended: float) -> tuple[At[Event], At[Event]]:
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


def asked(talk: Talk, number: int = 1, previous: str | None = None) -> Talk:
    """A spoken question of a second, committed; its transcript is still to come."""
    user = f"u{number}"
    return talk.hear(speech(user), silence(user), committed(user, previous))


def answered(talk: Talk, number: int = 1, text: str = HELLO) -> Talk:
    """An answer, all of its words received, no sound yet."""
    response, assistant = f"r{number}", f"a{number}"
    empty = Item(id=assistant, type="message", role="assistant")
    added = ResponseOutputItemAdded(response_id=response, output_index=0, item=empty)
    placed = ConversationItemAdded(item=item(assistant, "assistant"), previous_item_id=f"u{number}")
    talk.hear(created(response), added, placed, words(response, assistant, text))
    return talk.hear(done(response, output=(item(assistant, "assistant", transcript=text),)))


def sounded(talk: Talk, begins: float, ends: float) -> Talk:
    """The loudspeaker is audible from one time to the other."""
    return talk.at(begins).tell(AssistantHeard()).at(ends).tell(AssistantFellSilent(ends))


Recipe = Callable[[State, float], Event]
"""An event that depends on when it happens and on the line it happens on."""


def conversation(recipes: Iterable[tuple[float, Recipe]], policy: TurnPolicy, begin: State) -> Iterator[Moment]:
    """Each event so many seconds after the one before, and all that happens by itself between them."""
    talk = Talk(begin, policy)
    for gap, recipe in recipes:
        told = len(talk.moments)
        talk.at(talk.now + gap)
        talk.tell(recipe(talk.state, talk.now))
        yield from talk.moments[told:]
