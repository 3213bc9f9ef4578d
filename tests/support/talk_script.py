"""A conversation played by hand: events at chosen times through the real `step`, with a clock only a test moves."""

from __future__ import annotations

from voicechat.core import events as on
from voicechat.core.effects import Effect
from voicechat.core.events import Event
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Choices, State, Turn, Wishes
from voicechat.core.step import next_deadline, step
from voicechat.core.turn_viewing import turn_views
from voicechat.core.view import TurnView, View
from voicechat.core.viewing import view
from voicechat.protocol import server_events as wire
from voicechat.protocol.items import ContentPart, ErrorDetail, Item, Response, StatusDetails
from voicechat.protocol.server_events import ServerEvent
from voicechat.protocol.wire import JsonValue

POLICY = TurnPolicy()
HELLO = "Hello there, how are you today? I am very well."
SESSION: dict[str, JsonValue] = {
    "type": "realtime",
    "model": "some-model",
    "audio": {
        "input": {"transcription": {"model": "words"}, "turn_detection": {"type": "server_vad"}},
        "output": {"voice": "marin"},
    },
}


def item(item_id: str, role: str = "user", text: str | None = None, transcript: str | None = None) -> Item:
    """A message item: with text it was typed or written, without it was spoken."""
    if text is not None:
        part = ContentPart(type="input_text" if role == "user" else "output_text", text=text)
    else:
        part = ContentPart(type="input_audio" if role == "user" else "output_audio", transcript=transcript)
    return Item(id=item_id, type="message", role=role, content=(part,))


def done(
    response_id: str, *output: Item, status: str = "completed", reason: str | None = None, error: str | None = None
) -> wire.ResponseDone:
    """The end of generating."""
    details = StatusDetails(reason=reason, error=ErrorDetail(message=error) if error else None)
    return wire.ResponseDone(
        response=Response(id=response_id, status=status, output=output, status_details=details, conversation_id="c")
    )


def created(response_id: str, conversation: str | None = "c") -> wire.ResponseCreated:
    return wire.ResponseCreated(response=Response(id=response_id, conversation_id=conversation))


def words(response_id: str, item_id: str, text: str) -> wire.ResponseOutputAudioTranscriptDelta:
    return wire.ResponseOutputAudioTranscriptDelta(response_id=response_id, item_id=item_id, output_index=0, delta=text)


def transcript(item_id: str, text: str) -> wire.ConversationItemInputAudioTranscriptionCompleted:
    return wire.ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript=text)


def speech(item_id: str, began_ms: int = 0) -> wire.InputAudioBufferSpeechStarted:
    return wire.InputAudioBufferSpeechStarted(item_id=item_id, audio_start_ms=began_ms)


def silence(item_id: str, ended_ms: int = 1000) -> wire.InputAudioBufferSpeechStopped:
    return wire.InputAudioBufferSpeechStopped(item_id=item_id, audio_end_ms=ended_ms)


def committed(item_id: str, previous: str | None = None) -> wire.InputAudioBufferCommitted:
    return wire.InputAudioBufferCommitted(item_id=item_id, previous_item_id=previous)


class TalkScript:
    """One conversation. `at` moves the clock and lets every deadline on the way pass, as the session would."""

    def __init__(
        self, policy: TurnPolicy = POLICY, choices: Choices | None = None, *, speaker: str = "speaker"
    ) -> None:
        self.policy = policy
        self.now = 0.0
        self.effects: list[Effect] = []
        self.state = State(wishes=Wishes(), choices=choices or Choices())
        self.tell(on.ConnectWanted(), on.DeviceOpened("mic", speaker, "AEC3"))
        self.open_line()

    def open_line(self, transport: str = "WebRTC") -> None:
        number = self.state.connection.number
        kind = on.LineOpened(number, "WebSocket" if transport == "WebSocket" else "WebRTC", configured=True)
        self.tell(kind)
        self.hear(wire.SessionCreated(session=SESSION), wire.SessionUpdated(session=SESSION))

    def at(self, time: float) -> TalkScript:
        while True:
            due = next_deadline(self.state, self.now, self.policy)
            if due is None or due > time:
                break
            self.now = max(self.now, due)
            before = self.state
            self._step(on.TimePassed())
            spins = self.state == before and next_deadline(self.state, self.now, self.policy) == due
            assert not spins, f"the deadline {due} passes without any change: the session would spin"
        self.now = time
        return self

    def tell(self, *happened: Event) -> TalkScript:
        for event in happened:
            self._step(event)
        return self

    def hear(self, *said: ServerEvent, connection: int | None = None) -> TalkScript:
        number = self.state.connection.number if connection is None else connection
        return self.tell(*(on.Received(number, event) for event in said))

    def _step(self, event: Event) -> None:
        result = step(self.state, event, self.now, self.policy)
        self.state = result.state
        self.effects += result.effects

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


def ask(talk: TalkScript, number: int = 1, previous: str | None = None) -> TalkScript:
    """A spoken question of a second, committed; its transcript is still to come."""
    user = f"u{number}"
    return talk.hear(speech(user), silence(user), committed(user, previous))


def answer(talk: TalkScript, number: int = 1, text: str = HELLO) -> TalkScript:
    """An answer, all of its words received, no sound yet."""
    response, assistant = f"r{number}", f"a{number}"
    added = wire.ResponseOutputItemAdded(
        response_id=response, output_index=0, item=Item(id=assistant, type="message", role="assistant")
    )
    previous = wire.ConversationItemAdded(item=item(assistant, "assistant"), previous_item_id=f"u{number}")
    talk.hear(created(response), added, previous, words(response, assistant, text))
    return talk.hear(done(response, item(assistant, "assistant", transcript=text)))


def sound(talk: TalkScript, begins: float, ends: float) -> TalkScript:
    talk.at(begins).tell(on.AssistantHeard())
    return talk.at(ends).tell(on.AssistantFellSilent(ends))
