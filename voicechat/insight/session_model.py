"""The session as the checks see it: facts taken from events one by one, in a bounded memory.

Fed by the running engine and by readers of logs alike. It judges nothing: `failures` sorts refusals, the checks derive
what is wrong. Times may be missing; order never is.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from voicechat.insight.facts import (
    LONGEST_ANSWER,
    Answer,
    Configured,
    Failure,
    Memory,
    Mic,
    Playback,
    Said,
    Segment,
    Witness,
)
from voicechat.insight.records import BESIDE, NAMED, Evidence, Record, elapsed, near, number, part, text
from voicechat.insight.refusals import failure_of

SOUND_FOLLOWS = 1.0
"""Seconds after the first sound in which a client closes its mic by itself."""
EVENTS = 4
"""The same, where there are no times."""
SECOND_SOON = 2.0
"""Seconds within which nobody starts a second session on purpose."""

KEEP = 64
"""Answers and pieces of speech that are remembered."""
AT_ONCE = 0.5
"""Seconds within which two lines tell of the same event."""
KEEP_SPEECH = 2_000
KEEP_SAID = 256
"""Client events that a late error may still name."""
USER_ACTS = tuple(
    """
    talk.pressed stop.pressed barge_in.happened text.entered again.pressed end.asked new.asked mute.chosen
    pause.toggled turn_mode.chosen
    """.split()
)
"""Local events in which the user (or a voice that cut in) decided something."""
OUTPUT = (
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_text.delta",
    "response.function_call_arguments.delta",
)
_SPOKEN = "response.output_audio_transcript.done"
_NOTED = tuple(
    """
    budget.spent line.hanging_up go_on.chosen playback.began client.asked_aside client.waits client.fell_back
    client.idle client.connected conversation.item.truncate output_audio_buffer.clear mcp_list_tools.failed
    """.split()
)
"""Of these only the last one is remembered."""
BYTES_A_SECOND = 48_000
"""Of 16 bit samples at 24 kHz."""
MOST_RETIRED = 512
Fact = TypeVar("Fact")


class SessionModel:
    """Facts of one session. Read its fields; change it through `feed` only."""

    def __init__(self) -> None:
        self.answers: OrderedDict[str, Answer] = OrderedDict()
        self._begun: OrderedDict[str, Answer] = OrderedDict()
        """Those of them whose end was not seen by `response.done`; nearly always one or none."""
        self.playback = Playback()
        self.mic = Mic()
        self.last = Memory()
        self.formats: dict[str, tuple[Evidence, Mapping[str, Any]]] = {}
        """What the client says of the sound it records ("input") and plays ("output")."""
        self.segments: OrderedDict[str, Segment] = OrderedDict()
        self.heard: Segment | None = None
        """Whose transcript came last, or failed."""
        self.speech: deque[tuple[float, float]] = deque(maxlen=KEEP_SPEECH)
        """Beginning and end of each piece of speech, in ms of the input audio."""
        self.said: OrderedDict[str, Said] = OrderedDict()
        self.unanswered: deque[Said] = deque(maxlen=32)
        """`response.create` events that were neither answered nor refused."""
        self.configured = Configured()
        self.failure: Failure | None = None
        """The newest one."""
        self.tool_output: Evidence | None = None
        """A tool's result was handed over and no answer was asked for since."""
        self.calls_told: OrderedDict[str, Evidence] = OrderedDict()
        """Calls that the client itself put into the conversation: a new line is told what the old one held."""
        self.call: Evidence | None = None
        """An answer called a tool, and neither its result nor another answer came since."""
        self.calling: Evidence | None = None
        """The running answer calls a tool, by its items; its end may be printed without them."""
        self.tool_said: Evidence | None = None
        """A tool's result was handed over and no answer has begun since."""
        self.new_input: Evidence | None = None
        """The newest thing an answer could be about: an item of ours, or something you said."""
        self.false_alarms: deque[Evidence] = deque(maxlen=8)
        """Barge-ins that were noise (R11)."""
        self.skipped: deque[Evidence] = deque(maxlen=8)
        """A client says that a transcript was empty and is not answered."""
        self.opened_twice: tuple[Evidence, Evidence] | None = None
        """Two sessions were begun at once."""
        self.appends = 0
        """Pieces of the user's sound that were sent."""
        self.flat = 0
        """Lines that tell of a microphone that gives zeros."""
        self.complaints: dict[str, Evidence] = {}
        """What the writer of a log says about it."""
        self.is_ended = False
        """The user ended the talk; what then breaks was meant to."""
        self.delegations: OrderedDict[str, Evidence] = OrderedDict()
        """GPT-Live: what was handed to the client and not answered yet."""
        self.has_worked = False
        """An answer came to its end, or something that was said was written down."""
        self.witness = Witness()
        self.retired: dict[str, Evidence] = {}
        """Ids of answers and pieces of speech of earlier sessions, with the event each was first seen in."""
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
        for one in reversed(self._begun.values()):  # asked with every event; a generator takes three times as long
            if one.done is None and not one.is_aside:
                return one
        return None

    def sorry(self, about: str) -> Evidence | None:
        """What the writer of a log says of it, unless a failure explains what they are sorry about."""
        return self.complaints.get(about) if self.failure is None else None

    @property
    def newest(self) -> Answer | None:
        """The last answer of the conversation, running or done."""
        return next((one for one in reversed(self.answers.values()) if not one.is_aside), None)

    @property
    def empty(self) -> list[Answer]:
        """Answers that ended without a word or a call, in a log in which others left more than their ends."""
        ended = [one for one in self.answers.values() if one.done is not None and not one.is_aside]
        if all(one.first_output is None for one in ended):
            return []
        bare = [one for one in ended if not (one.first_output or one.is_implied or one.calls or one.status)]
        return [one for one in bare if one.output_items is None and one.done and "done" in one.done.ref]

    @property
    def sounding(self) -> Evidence | None:
        """Since when the assistant is heard, by the best witness there is."""
        if self.playback.is_told_locally:
            return self.playback.audible
        if self.playback.playing is not None:
            return self.playback.playing
        active = self.active
        return active.first_output if active is not None else None

    @property
    def is_unfinished(self) -> bool:
        """Something was begun and not seen to end well, or who pasted the log is sorry about something."""
        answers = [one for one in self.answers.values() if not one.is_aside and one.done is not None]
        cut = sum(one.status == "cancelled" and one.reason in ("turn_detected", "") for one in answers)
        if not (self.witness.has_answers or self.configured.is_transcription):
            return True
        is_open = self.call is not None or self.tool_output is not None
        return bool(self.complaints) or len(self.empty) > 1 or 2 * cut > len(answers) or is_open

    def _playout_began(self, record: Record) -> None:
        id = text(record.event, "response_id")
        self.playback.playing = record.mark(id)
        answer = self.answers.get(id) or self.active
        if answer is not None and answer.first_output is None:
            answer.first_output = self.playback.playing
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
        heard = self.playback.playing or self.sounding
        for_answer = heard is not None
        if "told" in record.event:  # a client's own words; without a reason only a mic that closes at once counts
            for_answer = text(record.event, "why") == "answer" or near(heard, record.mark(), SOUND_FOLLOWS, EVENTS)
            if self.mic.is_open is False and self.mic.closed_for_answer is not None:
                return  # its state, told once more
        self.mic.is_open = False
        self.mic.changed = record.mark()
        self.mic.closed_for_answer = record.mark() if for_answer and not held else None

    def _mic_is_the_users(self, record: Record) -> None:
        self.mic.closed_for_answer = None
        self.mic.is_held_by_user = True

    def _format_told(self, record: Record) -> None:
        self.formats[text(record.event, "side") or "input"] = (record.mark(), record.event)

    def _note(self, record: Record) -> None:
        self.last.marks[record.type] = record.mark(text(record.event, "awaited"))

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
            "input_audio_buffer.append": self._appended,
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
            "client.failed": self._failed,
            "session.closed": self._live_closed,
            "notice": self._noticed,
            "playback.ended": self._playout_ended,
            "client.skipped": lambda record: self.skipped.append(record.mark()),
            "playback.cut": self._playout_ended,
            "format.told": self._format_told,
            "complaint": self._complained,
            "mic.flat": self._flat,
            "response.function_call_arguments.done": self._called,
            "response.output_item.added": self._item_of_answer,
            "response.output_item.done": self._item_of_answer,
            "session.start": self._update_sent,
            "session.started": self._session_created,
            "session.delegation.created": self._delegated,
            "session.commentary.append": self._delegation_answered,
            "session.thinking.append": self._delegation_answered,
            "session.output_transcript.delta": self._live_spoke,
            "response.event": lambda _: self.unanswered.clear(),
            "attendance.changed": self._mic_is_the_users,
            "device.lost": self._device_lost,
            "device.missing": self._device_lost,
        }
        table |= dict.fromkeys(OUTPUT, self.output) | {_SPOKEN: self._output_spoken}
        table |= dict.fromkeys(_NOTED, self._note)
        return table | dict.fromkeys(USER_ACTS, self._user_act)

    # configuration
    def _update_sent(self, record: Record) -> None:
        said = self._remember(record)
        self.configured.pending = said
        self.configured.last_sent = said
        self.configured.first_sent = self.configured.first_sent or said

    def _session_created(self, record: Record) -> None:
        session, before = part(record.event, "session"), self.configured.created
        if before is not None:
            ids = text(self.configured.at_creation, "id"), text(session, "id")
            if all(ids) and ids[0] != ids[1] and near(before, record.mark(), SECOND_SOON, EVENTS):
                self.opened_twice = before, record.mark(ids[1])
            self._new_line(record)
        self.configured.in_force = self.configured.at_creation = session
        self.configured.created = record.mark()

    def _session_updated(self, record: Record) -> None:
        session, pause = part(record.event, "session"), self.configured.vad("silence_duration_ms")
        self.configured.in_force = session or self.configured.in_force
        self.configured.is_wished = not session
        if not session and self.configured.pending is not None:
            wished = part(self.configured.pending.event, "session")
            self.configured.in_force = {**self.configured.in_force, **wished}
        if self.configured.vad("silence_duration_ms") != pause:
            self.speech.clear()  # what was said before was cut by another pause
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
        self._remember_said(record)
        named = text(record.event, "response_id")
        answer = self.answers.get(named) if named else self.active
        if answer is not None and answer.is_active and answer.cancel is None:
            answer.cancel = record.mark(answer.id)

    def _created(self, record: Record) -> None:
        response = part(record.event, "response")
        id = text(response, "id") or f"answer-{record.seq}"
        known = self.answers.get(id)
        if id in self.retired or (known is not None and known.is_active):
            return  # printed twice, or of an old line
        if not text(response, "id") and self.active is not None and NAMED in record.event:
            return  # a word about the one that runs
        said = self.unanswered.popleft() if self.unanswered else None
        conversation = part(said.event, "response").get("conversation") if said is not None else None
        is_aside = conversation == "none" or response.get("conversation_id", "") is None
        self._begin(Answer(id, record.mark(text(response, "id")), said.at if said is not None else None, is_aside))
        if not is_aside:
            self._note(record)

    def _implied(self, record: Record, id: str) -> Answer:
        """An answer whose beginning is not in the log."""
        said = self.unanswered.popleft() if self.unanswered else None
        is_aside = part(record.event, "response").get("conversation_id", "") is None
        known = id or f"answer-{record.seq}"
        answer = Answer(known, record.mark(id), said.at if said is not None else None, is_aside, is_implied=True)
        cancel, newest = self.last["response.cancel"], self.newest
        if cancel is not None and (newest is None or newest.done is None or cancel.seq > newest.done.seq):
            answer.cancel = cancel
        self._begin(answer)
        return answer

    def _begin(self, answer: Answer) -> None:
        answer.is_queued = self.sounding is not None or self.active is not None or self._had_to_wait(answer.asked)
        answer.after_tool = self.tool_said
        _put(self.answers, answer.id, answer, KEEP)
        _put(self._begun, answer.id, answer, KEEP)
        if answer.is_aside:
            return
        self.tool_output = self.tool_said = self.call = None
        segment = next(reversed(self.segments.values()), None)
        if segment is not None and segment.committed is not None and segment.answer is None:
            segment.answer = answer

    def _answer_of(self, record: Record, id: str) -> Answer | None:
        """The answer an event belongs to; one that was never seen to begin begins here."""
        if id in self.retired:
            return None
        if id and id in self.answers:
            return self.answers[id]
        active, newest = self.active, self.newest
        if active is not None and (not id or active.id.startswith("answer-")):
            return active
        if not id and newest is not None and newest.done is not None:
            apart = elapsed(newest.done, record.mark())
            is_old = self.new_input is None or self.new_input.seq < newest.done.seq
            if is_old and (apart is None or apart < AT_ONCE):
                return None  # printed twice: once by the socket, once by a handler
        return self._implied(record, id)

    def _had_to_wait(self, asked: Evidence | None) -> bool:
        """Another answer was still made or played when this one was asked for."""
        done = self.newest.done if self.newest is not None else None
        ends = [mark.seq for mark in (done, self.playback.ended) if mark is not None]
        return asked is not None and max(ends, default=-1) > asked.seq

    def _done(self, record: Record) -> None:
        response = part(record.event, "response")
        answer = self._answer_of(record, text(response, "id"))
        if answer is None or answer.done is not None:
            return
        details = part(response, "status_details")
        answer.done = record.mark(text(response, "id"))
        self._begun.pop(answer.id, None)
        answer.status = text(response, "status")
        answer.reason = text(details, "reason")
        if NAMED in record.event and not answer.status and answer.first_output is None and answer.speech is not None:
            answer.status, answer.reason = "cancelled", "turn_detected"  # it ended without a word when somebody spoke
        output = response.get("output")
        items = output if isinstance(output, list) else []
        answer.output_items = len(items) if isinstance(output, list) else None
        answer.words = answer.words or _words_of(items)
        answer.calls = sum(isinstance(item, Mapping) and item.get("type") == "function_call" for item in items[:100])
        act = self.last.newest(*USER_ACTS)
        is_meant = answer.status == "cancelled" and act is not None and act.seq > answer.created.seq
        is_whole = answer.status == "completed" and (answer.output_items != 0 or answer.first_output is not None)
        if is_whole or (answer.first_output is not None and (is_meant or not answer.status)):
            self.has_worked = self.has_worked or not self.witness.tells_turns
        if answer.output_items is None and self.calling is not None and self.calling.seq >= answer.created.seq:
            answer.calls = 1
        if answer.calls:
            self.call = answer.done
        self._note(record)
        if answer.status == "failed":
            self._failed(record)

    def _called(self, record: Record) -> None:
        self.calling = record.mark(text(record.event, "call_id"))
        answer = self._answer_of(record, text(record.event, "response_id"))
        if answer is not None:
            answer.first_output = answer.first_output or self.calling

    def _item_of_answer(self, record: Record) -> None:
        if part(record.event, "item").get("type") == "function_call":
            self._called(record)

    def output(self, record: Record) -> None:
        """Take in what an answer says, bit by bit."""
        event, kind = record.event, record.type
        named = event.get("response_id")
        answer = self.answers.get(named) if type(named) is str else None  # nine in ten events are deltas
        if answer is None or (self.retired and named in self.retired):
            answer = self._answer_of(record, text(event, "response_id"))
        if answer is None:
            return
        if answer.first_output is None:
            answer.first_output = record.mark(text(event, "response_id"))
        if kind == OUTPUT[0]:
            if len(answer.words) < LONGEST_ANSWER and isinstance(delta := event.get("delta"), str):
                answer.words += delta[:200]
        elif kind == OUTPUT[1] and isinstance(delta := event.get("delta"), str):
            answer.audio_seconds += len(delta) * 3 / 4 / BYTES_A_SECOND

    def _output_spoken(self, record: Record) -> None:
        """The words as a whole; a log may leave the deltas out."""
        if BESIDE in record.event:
            self._words_beside(record)
            return
        self._note(record)
        answer = self._answer_of(record, text(record.event, "response_id"))
        if answer is None:
            return
        answer.first_output = answer.first_output or record.mark(answer.id)
        answer.words = text(record.event, "transcript", LONGEST_ANSWER) or answer.words

    def _words_beside(self, record: Record) -> None:
        """A client's own line of what the assistant said: the words of the answer that the events leave without."""
        answer = self.active or self.newest
        if answer is not None and answer.done is None and "response.done" in self.witness.seen:  # a log that tells ends
            answer.first_output = answer.first_output or record.mark()
        if answer is not None and not answer.words:
            answer.words = text(record.event, "transcript", LONGEST_ANSWER)

    def _item_sent(self, record: Record) -> None:
        self._remember(record)
        self.new_input = record.mark()
        item = part(record.event, "item")
        call = text(item, "call_id")
        if item.get("type") == "function_call":  # a new line is told of a call of the old one; its result is old too
            _put(self.calls_told, call, record.mark(call), KEEP)
        elif item.get("type") == "function_call_output":
            self.call = None
        if item.get("type") == "function_call_output" and call not in self.calls_told:
            self.tool_output = self.tool_said = record.mark(call)

    # your speech
    def _segment(self, record: Record) -> Segment:
        id = text(record.event, "item_id")
        known = self.segments.get(id)
        if known is None and not id and self.segments and not record.type.endswith("speech_started"):
            known = next(reversed(self.segments.values()))  # a log that leaves the ids out
            said = record.event.get("transcript", known.transcript)
            return known if known.transcribed is None or said == known.transcript else self._another(record)
        return known or self._another(record)

    def _another(self, record: Record) -> Segment:
        segment = Segment(text(record.event, "item_id"))
        _put(self.segments, segment.item or f"speech-{record.seq}", segment, KEEP)
        return segment

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
        if segment.start_ms is not None and segment.end_ms is not None:
            self.speech.append((segment.start_ms, segment.end_ms))
        self._note(record)

    def _committed(self, record: Record) -> None:
        segment, mark = self._segment(record), record.mark(text(record.event, "item_id"))
        if not segment.item and segment.committed and not near(segment.committed, mark, AT_ONCE, 1):
            segment = self._another(record)  # a log that leaves the ids out
        segment.committed = mark
        if "transcript" in record.event:  # printed with it
            segment.transcript, segment.transcribed = text(record.event, "transcript", 2_000), segment.committed
        self._note(record)
        self.new_input = record.mark(segment.item)

    def _transcribed(self, record: Record) -> None:
        segment = self.heard = self._segment(record)
        if "transcript" in record.event:  # a log may only tell that there is one
            segment.transcript = text(record.event, "transcript", 2_000)
        segment.transcribed = record.mark(segment.item)
        is_timed = segment.started is not None or "input_audio_buffer.speech_started" in self.witness.seen
        if segment.over_answer is None and (self.witness.tells_turns or not is_timed):
            segment.after = self.newest
        is_event = not (self.witness.tells_turns or BESIDE in record.event)
        self.has_worked = self.has_worked or (is_event and not segment.is_empty)
        self._note(record)

    def _not_transcribed(self, record: Record) -> None:
        self.heard = self._segment(record)
        self.heard.failed = record.mark(self.heard.item)

    # acts
    def _user_act(self, record: Record) -> None:
        self._note(record)
        if record.type in ("end.asked", "new.asked"):
            self.is_ended = True
        if record.type == "text.entered":
            self.new_input = record.mark()
        if record.type in ("mute.chosen", "pause.toggled", "turn_mode.chosen", "talk.pressed", "end.asked"):
            self._mic_is_the_users(record)

    def _complained(self, record: Record) -> None:
        self.complaints.setdefault(text(record.event, "about"), record.mark(text(record.event, "told", 120)))

    def _appended(self, record: Record) -> None:
        self.appends += 1
        self._note(record)

    def _flat(self, _: Record) -> None:
        self.flat += 1

    def _noticed(self, record: Record) -> None:
        if text(record.event, "code") == "false_alarm":
            self.false_alarms.append(record.mark("false_alarm"))

    # line
    def _new_line(self, record: Record) -> None:
        """Ids of the old connection are forgotten (R27); what it left unanswered will never be."""
        self.unanswered.clear()
        for answer in self.answers.values():
            if not answer.id.startswith("answer-"):
                self.retired[answer.id] = answer.created
        self.retired |= {one.item: one.started for one in self.segments.values() if one.item and one.started}
        while len(self.retired) > MOST_RETIRED:
            self.retired.pop(next(iter(self.retired)))
        self.answers.clear()
        self._begun.clear()
        self.segments.clear()
        self.said.clear()
        self.configured = Configured()
        self.playback.playing = None
        self.tool_output = self.tool_said = self.call = None
        self.is_ended = False

    def _line_opened(self, record: Record) -> None:
        self.configured.by_handshake = record.event.get("configured") is True
        self._note(record)

    def _line_ended(self, record: Record) -> None:
        self._note(record)
        self._mic_is_the_users(record)
        self.unanswered.clear()
        self.tool_output = self.tool_said = None
        self.playback.playing = None
        for answer in self.answers.values():
            answer.done = answer.done or record.mark(answer.id)

    def _device_lost(self, record: Record) -> None:
        self._note(record)
        self._mic_is_the_users(record)

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

    # GPT-Live
    def _delegated(self, record: Record) -> None:
        delegation = part(record.event, "delegation")
        if text(delegation, "target") in ("client", ""):
            id = text(delegation, "id")
            _put(self.delegations, id, record.mark(id), KEEP)

    def _delegation_answered(self, record: Record) -> None:
        self.delegations.pop(text(record.event, "delegation_id"), None)

    def _live_closed(self, record: Record) -> None:
        self._failed(record)
        self.is_ended = True

    def _live_spoke(self, _: Record) -> None:
        self.has_worked = True
        self.unanswered.clear()  # what the Responses model was asked for is spoken

    # memory
    def _remember_said(self, record: Record) -> None:
        self._remember(record)
        self._note(record)

    def _remember(self, record: Record) -> Said:
        id = text(record.event, "event_id")
        said = Said(record.mark(id), record.type, record.event)
        _put(self.said, id or f"said-{record.seq}", said, KEEP_SAID)
        return said


def _words_of(items: Sequence[Any]) -> str:
    """What an answer said, out of the items of its end."""
    messages = [item for item in items[:20] if isinstance(item, Mapping)]
    contents = [item.get("content") for item in messages]
    pieces = [one for content in contents if isinstance(content, list) for one in content[:20]]
    said = (text(one, "transcript", LONGEST_ANSWER) for one in pieces if isinstance(one, Mapping))
    return " ".join(filter(None, said))[:LONGEST_ANSWER]


def _put(store: OrderedDict[str, Fact], id: str, fact: Fact, most: int) -> None:
    store[id] = fact
    store.move_to_end(id)
    if len(store) > most:
        store.popitem(last=False)
