"""What a log can be a witness of: which events it prints at all, and whether it is ours.

Somebody else's log may print three kinds of events out of forty. That an event is missing from it means something only
where such events would have been printed; checks that tell of an absence ask here first.
"""

from __future__ import annotations

from voicechat.insight.records import Record

RARELY_HANDLED = frozenset({"rate_limits.updated", "conversation.created", "response.content_part.added"})
"""Nobody writes a handler for these: where they are printed, everything is."""
SELDOM_HANDLED = RARELY_HANDLED.union(
    """
    conversation.item.added conversation.item.created conversation.item.done response.content_part.done
    response.output_item.added response.output_item.done response.output_audio.done
    response.output_audio_transcript.done
    """.split()
)
OF_LIVE = frozenset(
    """
    session.start session.started session.closed session.close session.input_audio.append session.output_audio.delta
    session.input_transcript.delta session.output_transcript.delta session.delegation.created session.usage.updated
    session.commentary.append session.thinking.append session.instructions.append response.event response.item.create
    """.split()
)
"""Events of GPT-Live (`/v1/live/sessions`), none of which the Realtime API has."""
MANY = 3
SERVER_KINDS = 4
"""So many kinds of server events, and answers would be among them."""
ASKED_KINDS = 2
"""The same, where the log shows that an answer was asked for."""


class Witness:
    """Fed with every record of a session, in order."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.is_ours = False
        """Our own engine tells of keys, gates and lines too, so that what it does not tell of did not happen."""
        self.narrates = False
        """A client that speaks of itself in sentences."""
        self.tells_turns = False
        """The conversation is told in words: who spoke when, and not whether it was heard."""

    def take(self, record: Record) -> None:
        """One more record of the log."""
        if record.type not in self.seen:
            self.seen.add(record.type)
        if record.dir == "local" and record.event:
            if "told" in record.event:
                self.narrates = True
            else:
                self.is_ours = True
        elif "told" in record.event:
            self.tells_turns = True

    @property
    def is_live(self) -> bool:
        """It is a session of GPT-Live: no items, turns or VAD events, and a session that is fixed at its start."""
        return not self.seen.isdisjoint(OF_LIVE)

    @property
    def prints_everything(self) -> bool:
        """Whole traffic, not the lines of some handlers."""
        if self.is_ours or not self.seen.isdisjoint(RARELY_HANDLED):
            return True
        return len(self.seen & SELDOM_HANDLED) >= MANY

    def prints(self, *names: str) -> bool:
        """Whether one of these events would stand in this log if it had happened."""
        return self.prints_everything or not self.seen.isdisjoint(names)

    @property
    def has_answers(self) -> bool:
        """Whether any line of an answer stands in it."""
        return self.is_live or any(name.startswith("response.") and name not in CLIENTS for name in self.seen)

    @property
    def prints_answers(self) -> bool:
        """Whether an answer would have left any line in it."""
        if self.prints_everything or self.has_answers:
            return True
        least = ASKED_KINDS if "response.create" in self.seen else SERVER_KINDS
        return sum("." in name and name not in CLIENTS for name in self.seen) >= least

    @property
    def prints_sent(self) -> bool:
        """Whether what the client sends stands in it."""
        return self.is_ours or not self.seen.isdisjoint(CLIENTS)


CLIENTS = frozenset(
    """
    session.update response.create response.cancel conversation.item.create conversation.item.truncate
    conversation.item.delete input_audio_buffer.append input_audio_buffer.commit input_audio_buffer.clear
    output_audio_buffer.clear
    """.split()
)
