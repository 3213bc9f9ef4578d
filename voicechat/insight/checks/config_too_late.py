"""Was the first answer made before the configuration was in force?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from voicechat.insight.configured import UNKNOWN, value_at
from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record
from voicechat.insight.session_model import SessionModel

CODE = "config-too-late"
ON = ("session.updated",)
TELLING = (("instructions",), ("audio", "output", "voice"), ("output_modalities",))
"""What the first answer would have said or sounded like otherwise."""


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    config = model.configured
    if config.by_handshake or config.updated is None or config.updated.seq != record.seq:
        return
    sent = config.first_sent
    first = next(iter(model.answers.values()), None)
    if sent is None or first is None or not _changes_the_answer(sent.event.get("session"), config.at_creation):
        return
    yield found(
        CODE,
        "warning",
        "The first answer was begun before the session was configured.",
        cause="Audio or response.create went out before session.updated came back, so the first answer was made with "
        "the service's own instructions and voice; after it the voice is locked.",
        cure="Give the configuration with the handshake, or wait for session.updated before the first audio and the "
        "first response.create.",
        evidence=(sent.at, first.created, record.mark()),
        rests_on="no user audio before the configuration is in force",
        confidence=0.92,
    )


def _changes_the_answer(wished: object, before: Mapping[str, object]) -> bool:
    if not isinstance(wished, Mapping):
        return False
    for path in TELLING:
        value = value_at(wished, *path)
        if value is not UNKNOWN and value != value_at(before, *path):
            return True
    return False
