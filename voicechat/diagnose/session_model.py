"""The session as the checks see it: facts taken from events one by one, in a bounded memory.

Fed by the running engine and by readers of logs alike. It judges nothing: `failures` sorts refusals, the checks derive
what is wrong. Times may be missing; order never is.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import TypeVar

from voicechat.diagnose.configured import Configured
from voicechat.diagnose.facts import LONGEST_ANSWER, Answer, Failure, Memory, Mic, Playback, Said, Segment
from voicechat.diagnose.findings import Evidence
from voicechat.diagnose.records import Record, number, part, text
from voicechat.diagnose.refusals import failure_of

KEEP = 64
"""Answers and pieces of speech that are remembered."""
KEEP_SAID = 256
"""Client events that a late error may still name."""
USER_ACTS = (
    "talk.pressed",
    "stop.pressed",
    "barge_in.happened",
    "text.entered",
    "again.pressed",
    "end.asked",
    "new.asked",
    "mute.chosen",
    "pause.toggled",
    "turn_mode.chosen",
)
"""Local events in which the user (or a voice that cut in) decided something."""
_OUTPUT = (
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_text.delta",
    "response.function_call_arguments.delta",
)
Fact = TypeVar("Fact")


class SessionModel:
    """Facts of one session. Read its fields; change it through `feed` only."""

    def __init__(self) -> None:
        self.answers: OrderedDict[str, Answer] = OrderedDict()
        self.segments: OrderedDict[str, Segment] = OrderedDict()
        self.said: OrderedDict[str, Said] = OrderedDict()
        self.unanswered: deque[Said] = deque(maxlen=32)
        """`response.create` events that were neither answered nor refused."""
        self.configured = Configured()
        self.playback = Playback()
        self.mic = Mic()
        self.last = Memory()
        self.failure: Failure | None = None
        """The newest one."""
        self.tool_output: Evidence | None = None
        """A tool's result was handed over and no answer was asked for since."""
        self.new_input: Evidence | None = None
        """The newest thing an answer could be about: an item of ours, or something you said."""
        self.false_alarms: deque[Evidence] = deque(maxlen=8)
        """Barge-ins that were noise (R11)."""
        self.is_ended = False
        """The user ended the talk; what then breaks was meant to."""
        self._handlers: dict[str, Callable[[Record], None]] = self._table()

    @property
    def events(self) -> frozenset[str]:
        """The types that change anything here."""
        return frozenset(self._handlers)

    def feed(self, record: Record) -> None:
        """Take in the facts of one event."""
        handler = self._handlers.get(record.type)
        if handler is not None:
            handler(record)

    @property
    def active(self) -> Answer | None:
        """The running answer of the conversation."""
        return next((one for one in reversed(self.answers.values()) if one.is_active and not one.is_aside), None)

    @property
    def newest(self) -> Answer | None:
        """The last answer of the conversation, running or done."""
        return next((one for one in reversed(self.answers.values()) if not one.is_aside), None)

    @property
    def sounding(self) -> Evidence | None:
        """Since when the assistant is heard, by the best witness there is."""
        if self.playback.is_told_locally:
            return self.playback.audible
        if self.playback.playing is not None:
            return self.playback.playing
        active = self.active
        return active.first_output if active is not None else None

    def _table(self) -> dict[str, Callable[[Record], None]]:
        table: dict[str, Callable[[Record], None]] = {
            "session.update": self._update_sent,
            "session.created": self._session_created,
            "session.updated": self._session_updated,
            "response.create": self._create_sent,
            "response.cancel": self._cancel_sent,
            "response.created": self._created,
            "response.done": self._done,
            "conversation.item.create": self._item_sent,
            "input_audio_buffer.commit": self._remember_said,
            "input_audio_buffer.clear": self._remember_said,
            "input_audio_buffer.speech_started": self._speech_started,
            "input_audio_buffer.speech_stopped": self._speech_stopped,
            "input_audio_buffer.committed": self._committed,
            "conversation.item.input_audio_transcription.completed": self._transcribed,
            "conversation.item.input_audio_transcription.failed": self._not_transcribed,
            "output_audio_buffer.started": self._playout_began,
            "output_audio_buffer.stopped": self._playout_ended,
            "output_audio_buffer.cleared": self._playout_ended,
            "assistant.audible": self._audible,
            "assistant.silent": self._silent,
            "playback.flushed": self._silent,
            "mic.opened": self._mic_opened,
            "mic.closed": self._mic_closed,
            "line.connecting": self._new_line,
            "line.opened": self._line_opened,
            "line.lost": self._line_ended,
            "line.failed": self._failed,
            "error": self._failed,
            "notice": self._noticed,
            "budget.spent": self._note,
            "go_on.chosen": self._note,
            "attendance.changed": self._mic_is_the_users,
            "device.lost": self._mic_is_the_users,
            "device.missing": self._mic_is_the_users,
        }
        table |= dict.fromkeys(_OUTPUT, self._output)
        return table | dict.fromkeys(USER_ACTS, self._user_act)

    # configuration
    def _update_sent(self, record: Record) -> None:
        said = self._remember(record)
        self.configured.pending = said
        self.configured.first_sent = self.configured.first_sent or said

    def _session_created(self, record: Record) -> None:
        if self.configured.created is not None:
            self._new_line(record)
        by_handshake = self.configured.by_handshake
        self.configured = Configured(part(record.event, "session"), record.mark(), part(record.event, "session"))
        self.configured.by_handshake = by_handshake

    def _session_updated(self, record: Record) -> None:
        session = part(record.event, "session")
        self.configured.in_force = session or self.configured.in_force
        self.configured.updated = self.configured.updated or record.mark()
        self._note(record)
        if self.configured.pending is not None:
            self.configured.pending.is_answered = True
            self.configured.pending = None

    # answers
    def _create_sent(self, record: Record) -> None:
        said = self._remember(record)
        self._note(record)
        if part(record.event, "response").get("conversation") != "none":
            self.tool_output = None
        self.unanswered.append(said)

    def _cancel_sent(self, record: Record) -> None:
        self._remember(record)
        named = text(record.event, "response_id")
        answer = self.answers.get(named) if named else self.active
        if answer is not None and answer.is_active and answer.cancel is None:
            answer.cancel = record.mark(answer.id)

    def _created(self, record: Record) -> None:
        response = part(record.event, "response")
        id = text(response, "id") or f"answer-{record.seq}"
        said = self.unanswered.popleft() if self.unanswered else None
        asked = said.at if said is not None else None
        conversation = part(said.event, "response").get("conversation") if said is not None else None
        is_aside = conversation == "none" or response.get("conversation_id", "") is None
        is_queued = self.sounding is not None or self.active is not None or self._had_to_wait(asked)
        answer = Answer(id, record.mark(id), asked, is_aside, is_queued)
        _put(self.answers, id, answer, KEEP)
        if is_aside:
            return
        self._note(record)
        self.tool_output = None
        segment = next(reversed(self.segments.values()), None)
        if segment is not None and segment.committed is not None and segment.answer is None:
            segment.answer = answer

    def _had_to_wait(self, asked: Evidence | None) -> bool:
        """Another answer was still made or played when this one was asked for."""
        done = self.newest.done if self.newest is not None else None
        ends = [mark.seq for mark in (done, self.playback.ended) if mark is not None]
        return asked is not None and max(ends, default=-1) > asked.seq

    def _done(self, record: Record) -> None:
        response = part(record.event, "response")
        answer = self.answers.get(text(response, "id")) or self.active
        if answer is None:
            return
        details = part(response, "status_details")
        answer.done = record.mark(answer.id)
        answer.status = text(response, "status")
        answer.reason = text(details, "reason")
        output = response.get("output")
        items = output if isinstance(output, list) else []
        answer.calls = sum(isinstance(item, Mapping) and item.get("type") == "function_call" for item in items[:100])
        self._note(record)
        if answer.status == "failed":
            self._failed(record)

    def _output(self, record: Record) -> None:
        answer = self.answers.get(text(record.event, "response_id"))
        if answer is None:
            return
        if answer.first_output is None:
            answer.first_output = record.mark(answer.id)
        if record.type == _OUTPUT[0] and len(answer.words) < LONGEST_ANSWER:
            answer.words += text(record.event, "delta")

    def _item_sent(self, record: Record) -> None:
        self._remember(record)
        self.new_input = record.mark()
        if part(record.event, "item").get("type") == "function_call_output":
            self.tool_output = record.mark(text(part(record.event, "item"), "call_id"))

    # your speech
    def _segment(self, record: Record) -> Segment:
        id = text(record.event, "item_id")
        known = self.segments.get(id)
        if known is None:
            known = Segment(id)
            _put(self.segments, id or f"speech-{record.seq}", known, KEEP)
        return known

    def _speech_started(self, record: Record) -> None:
        segment = self._segment(record)
        segment.started = record.mark(segment.item)
        segment.start_ms = number(record.event, "audio_start_ms")
        self._note(record)
        self.new_input = record.mark(segment.item)
        heard, active = self.sounding, self.active
        newest = self.newest
        if heard is not None:
            segment.over_answer = newest
        answer = newest if heard is not None else active
        if answer is not None and answer.speech is None:
            answer.speech = record.mark(segment.item)

    def _speech_stopped(self, record: Record) -> None:
        segment = self._segment(record)
        segment.stopped = record.mark(segment.item)
        segment.end_ms = number(record.event, "audio_end_ms")
        self._note(record)

    def _committed(self, record: Record) -> None:
        segment = self._segment(record)
        segment.committed = record.mark(segment.item)
        self._note(record)
        self.new_input = record.mark(segment.item)

    def _transcribed(self, record: Record) -> None:
        segment = self._segment(record)
        segment.transcript = text(record.event, "transcript", 2_000)
        segment.transcribed = record.mark(segment.item)
        self._note(record)

    def _not_transcribed(self, record: Record) -> None:
        self._segment(record).failed = record.mark(text(record.event, "item_id"))

    # sound
    def _playout_began(self, record: Record) -> None:
        self.playback.playing = record.mark(text(record.event, "response_id"))
        if not self.playback.is_told_locally:
            self.playback.began = self.playback.playing

    def _playout_ended(self, record: Record) -> None:
        self.playback.playing = None
        self.playback.ended = record.mark(text(record.event, "response_id"))
        self._note(record)

    def _audible(self, record: Record) -> None:
        self.playback.is_told_locally = True
        self.playback.audible = record.mark()
        newest = self.newest
        if newest is not None and newest.first_sound is None:
            newest.first_sound = record.mark()
            self.playback.began = newest.first_sound

    def _silent(self, record: Record) -> None:
        self.playback.is_told_locally = True
        self.playback.audible = None
        self.playback.ended = record.mark()

    def _mic_opened(self, record: Record) -> None:
        pressed, changed = self.last["talk.pressed"], self.mic.changed
        by_key = pressed is not None and (changed is None or pressed.seq > changed.seq)
        self.mic = Mic(True, record.mark(), reopened_after=self.mic.closed_for_answer, is_opened_by_key=by_key)
        self._note(record)

    def _mic_closed(self, record: Record) -> None:
        held = self.mic.is_held_by_user or self.mic.is_opened_by_key
        for_answer = self.sounding is not None or self.playback.playing is not None
        for_answer = for_answer or text(record.event, "why") == "answer"  # a client's own words
        self.mic.is_open = False
        self.mic.changed = record.mark()
        self.mic.closed_for_answer = record.mark() if for_answer and not held else None

    def _mic_is_the_users(self, record: Record) -> None:
        self.mic.closed_for_answer = None
        self.mic.is_held_by_user = True

    def _user_act(self, record: Record) -> None:
        self._note(record)
        if record.type in ("end.asked", "new.asked"):
            self.is_ended = True
        if record.type == "text.entered":
            self.new_input = record.mark()
        if record.type in ("mute.chosen", "pause.toggled", "turn_mode.chosen", "talk.pressed", "end.asked"):
            self._mic_is_the_users(record)

    def _noticed(self, record: Record) -> None:
        if text(record.event, "code") == "false_alarm":
            self.false_alarms.append(record.mark("false_alarm"))

    # line
    def _new_line(self, record: Record) -> None:
        """Ids of the old connection are forgotten (R27); what it left unanswered will never be."""
        self.unanswered.clear()
        self.answers.clear()
        self.segments.clear()
        self.said.clear()
        self.configured = Configured()
        self.playback.playing = None
        self.tool_output = None
        self.is_ended = False

    def _line_opened(self, record: Record) -> None:
        self.configured.by_handshake = record.event.get("configured") is True
        self._note(record)

    def _line_ended(self, record: Record) -> None:
        self._note(record)
        self._mic_is_the_users(record)
        self.unanswered.clear()
        self.tool_output = None
        self.playback.playing = None
        for answer in self.answers.values():
            answer.done = answer.done or record.mark(answer.id)

    def _failed(self, record: Record) -> None:
        failure = failure_of(record, self)
        self.failure = failure
        said = failure.said
        if said is None:
            return
        said.is_answered = True
        if said in self.unanswered:
            self.unanswered.remove(said)
        if self.configured.pending is said:
            self.configured.pending = None

    # memory
    def _note(self, record: Record) -> None:
        self.last.marks[record.type] = record.mark()

    def _remember_said(self, record: Record) -> None:
        self._remember(record)
        self._note(record)

    def _remember(self, record: Record) -> Said:
        id = text(record.event, "event_id")
        said = Said(record.mark(id), record.type, record.event)
        _put(self.said, id or f"said-{record.seq}", said, KEEP_SAID)
        return said


def _put(store: OrderedDict[str, Fact], id: str, fact: Fact, most: int) -> None:
    store[id] = fact
    store.move_to_end(id)
    if len(store) > most:
        store.popitem(last=False)
