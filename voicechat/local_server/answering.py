"""The assistant's side of a dialogue: which responses are active, how they end, and what of them is heard.

One response of the default conversation is active at a time; side responses (`conversation: "none"`) run beside it.
Over WebRTC the sound waits in a `Playout`, so this side knows what was heard and truncates by itself; over WebSocket
the client knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from voicechat.local_server.answer import VOICE_RATE, Answer, AnswerRequest, Out, Reply, StopReply, made_by
from voicechat.local_server.brain import Turn
from voicechat.local_server.conversation import Conversation, Entry, cut
from voicechat.local_server.playout import RATE, Moved, Pcm, Playout, Started, Stopped
from voicechat.local_server.refusals import Refusal
from voicechat.local_server.sound_formats import Samples, int16, resampled
from voicechat.protocol.items import ErrorDetail
from voicechat.protocol.server_events import (
    ConversationItemTruncated,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
)

MOST_ACTIVE = 8
"""Responses at once, side responses included."""


@dataclass(frozen=True, slots=True)
class _Playing:
    """The answer that is being heard."""

    response_id: str
    played: float
    """Seconds of it that have left."""


class Answering:
    """All responses of one session."""

    def __init__(
        self,
        conversation: Conversation,
        conversation_id: str,
        new_id: Callable[[str], str],
        playout: Playout | None,
    ) -> None:
        self._conversation = conversation
        self._conversation_id = conversation_id
        self._new_id = new_id
        self._playout = playout
        self._active: dict[str, Answer] = {}
        self._audible: dict[str, Entry] = {}
        """Answers with sound in the playout, oldest first; they stay after their `response.done`."""
        self._playing: _Playing | None = None
        self._last_played = ""
        self.quiet_since: float | None = None
        """When the last sound ends or ended: measured (WebRTC), or reckoned from its length (WebSocket)."""
        self.has_spoken = False
        """Some answer had sound: the voice is locked from then on."""

    @property
    def main(self) -> Answer | None:
        """The active response of the default conversation."""
        return next((answer for answer in self._active.values() if answer.request.in_conversation), None)

    def is_quiet(self, now: float) -> bool:
        """Nothing is being made and nothing waits to be heard."""
        return not self._active and not self._audible and (self.quiet_since or now) <= now

    def start(self, request: AnswerRequest) -> tuple[str, list[Out]] | Refusal:
        """Create a response: its id and the event that says so. The caller sends the `Reply` when it can."""
        if request.in_conversation and self.main:
            text = (
                f"Conversation already has an active response in progress: {self.main.id}. "
                "Wait until the response is finished before creating a new one."
            )
            return Refusal("conversation_already_has_active_response", text)
        if len(self._active) >= MOST_ACTIVE:
            return Refusal("rate_limit_exceeded", f"At most {MOST_ACTIVE} responses can be active at once.")
        answer = Answer(
            self._new_id("resp"),
            request,
            self._conversation,
            self._conversation_id,
            self._new_id,
            is_paced=self._playout is not None,
        )
        self._active[answer.id] = answer
        return answer.id, answer.created()

    def reply(self, response_id: str, turn: Turn | None, preamble: str = "") -> list[Out]:
        """The order to make the answer, now that all it needs is known; nothing if it was cancelled meanwhile."""
        answer = self._active.get(response_id)
        if answer is None:
            return []
        return [Reply(response_id, turn, preamble, answer.request.is_spoken, answer.request.speed)]

    def wrote(self, response_id: str, text: str) -> list[Out]:
        """Text of an answer came."""
        answer = self._active.get(response_id)
        return self._checked(answer, answer.wrote(text)) if answer else []

    def voiced(self, response_id: str, text: str, samples: Samples, now: float) -> list[Out]:
        """A sentence of an answer came with its sound (24 kHz)."""
        answer = self._active.get(response_id)
        if answer is None:
            return []
        outs = answer.voiced(text, samples)
        seconds = len(samples) / VOICE_RATE
        self.has_spoken = True
        if answer.limit_reached:
            return self._checked(answer, outs)
        if self._playout is None:
            self.quiet_since = max(self.quiet_since or now, now) + seconds
        elif len(samples) and answer.spoken_entry:
            self._audible.setdefault(response_id, answer.spoken_entry)
            self._playout.add(response_id, int16(resampled(samples, VOICE_RATE, RATE)))
        return outs

    def called(self, response_id: str, name: str, arguments: str) -> list[Out]:
        """The brain wants a function of the client's."""
        answer = self._active.get(response_id)
        return answer.called(name, arguments) if answer else []

    def answered(self, response_id: str) -> list[Out]:
        """The brain has said all it wants to say."""
        answer = self._active.get(response_id)
        if answer is None:
            return []
        answer.is_generated = True
        if self._playout:
            self._playout.complete(response_id)
        return self._done_if_finished(answer)

    def failed(self, response_id: str, message: str) -> list[Out]:
        """The answer cannot be made."""
        answer = self._active.get(response_id)
        if answer is None:
            return []
        error = ErrorDetail(type="server_error", code="server_error", message=message)
        return self._end(answer, "failed", error=error)

    def cancel(self, response_id: str | None) -> list[Out] | Refusal:
        """`response.cancel`: stop generating. What was generated goes on being heard, as at the service."""
        answer = self._active.get(response_id) if response_id else self.main
        if answer is None:
            return Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
        return self._end(answer, "cancelled", "client_cancelled")

    def interrupt(self, now: float) -> list[Out]:
        """The user speaks: silence, truncate, and end what was being made."""
        main = self.main
        if main is None and not self._audible:
            return []
        outs = self._silence(now, "turn_detected")
        if main and main.id in self._active:
            outs += self._end(main, "cancelled", "turn_detected")
        return outs

    def clear_output(self, now: float) -> list[Out]:
        """`output_audio_buffer.clear`: silence at once; what is still being made for the ear is stopped with it."""
        return self._silence(now, "client_cancelled") or [OutputAudioBufferCleared(response_id=self._last_played)]

    def told_what_was_heard(self, now: float) -> None:
        """The client truncates, so over WebSocket the sound has ended, sooner than was reckoned."""
        if self._playout is None and self.quiet_since is not None:
            self.quiet_since = min(self.quiet_since, now)

    def pull(self, now: float) -> tuple[Pcm, list[Out]]:
        """The next 20 ms for the track, and what the client must be told."""
        assert self._playout is not None
        frame, marks = self._playout.pull()
        outs: list[Out] = []
        for mark in marks:
            match mark:
                case Started(response_id):
                    self._last_played = response_id
                    outs.append(OutputAudioBufferStarted(response_id=response_id))
                case Moved(response_id, played):
                    self._playing = _Playing(response_id, played)
                    outs += self._advance(response_id, played)
                case Stopped(response_id):
                    self._playing = None
                    self._audible.pop(response_id, None)
                    self.quiet_since = now
                    outs.append(OutputAudioBufferStopped(response_id=response_id))
        return frame, outs

    def _advance(self, response_id: str, played: float) -> list[Out]:
        answer = self._active.get(response_id)
        return [*answer.advance(played), *self._done_if_finished(answer)] if answer else []

    def _checked(self, answer: Answer, outs: list[Out]) -> list[Out]:
        """End an answer that has reached its limit."""
        return [*outs, *self._end(answer, "completed")] if answer.limit_reached else outs

    def _done_if_finished(self, answer: Answer) -> list[Out]:
        if not answer.is_finished:
            return []
        del self._active[answer.id]
        return answer.done("completed")

    def _end(
        self, answer: Answer, status: str, reason: str | None = None, error: ErrorDetail | None = None
    ) -> list[Out]:
        """Finish an answer before the brain has."""
        del self._active[answer.id]
        if self._playout and answer.id in self._audible:
            if status == "cancelled":
                self._keep_ahead(answer)
            self._playout.complete(answer.id)
        return [StopReply(answer.id), *answer.done(status, reason, error)]

    def _keep_ahead(self, answer: Answer) -> None:
        """Of a cancelled answer only what counts as made is heard."""
        assert self._playout is not None
        played = self._played(answer.id)
        generated = made_by(played)
        self._playout.keep(answer.id, generated - played)
        entry = answer.spoken_entry
        if entry and entry.length > generated:
            entry.length = generated
            entry.sound = entry.sound[: int(generated * entry.rate)]
            entry.words = [word for word in entry.words if word.starts < generated]

    def _played(self, response_id: str) -> float:
        """Seconds of an answer that were heard."""
        return self._playing.played if self._playing and self._playing.response_id == response_id else 0.0

    def _silence(self, now: float, reason: str) -> list[Out]:
        """Empty the playout: every answer in it is truncated to what was heard, and ends if it was being made."""
        if self._playout is None or not self._audible:
            return []
        self._playout.clear()
        outs: list[Out] = []
        for response_id, entry in self._audible.items():
            played = self._played(response_id)
            outs.append(OutputAudioBufferCleared(response_id=response_id))
            if played < entry.length and self._conversation.find(entry.id):
                cut(entry, played)
                outs.append(ConversationItemTruncated(item_id=entry.id, audio_end_ms=int(played * 1000)))
        silenced = [self._active[name] for name in self._audible if name in self._active]
        self._audible.clear()
        self._playing, self.quiet_since = None, now
        for answer in silenced:
            outs += self._end(answer, "cancelled", reason)
        return outs
