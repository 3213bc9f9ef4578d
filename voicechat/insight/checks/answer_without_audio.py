"""Did an answer come as text alone, although sound was asked for?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record, part, text
from voicechat.insight.session_model import SessionModel

CODE = "answer-without-audio"
ON = ("response.done",)
WORDS = {"text", "output_text"}


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    response = part(record.event, "response")
    if text(response, "status") != "completed" or not _asks_for_sound(model, response):
        return
    kinds = _content_kinds(response)
    answer = model.answers.get(text(response, "id")) or model.newest
    if not kinds or not kinds <= WORDS or (answer is not None and (answer.is_aside or answer.audio_seconds > 0)):
        return
    yield found(
        CODE,
        "warning",
        "An answer came as text alone, although sound was asked for.",
        cause="The model went on in the form of the history: assistant items of type text, or many typed turns, lead "
        "it to answer in text.",
        cure="Put as few earlier answers as needed into the conversation, ask again with response.create and "
        'output_modalities ["audio"], and say in the instructions that it speaks.',
        evidence=(answer.created if answer else None, record.mark(text(response, "id"))),
        rests_on="output_modalities names audio; an answer then has content of type output_audio",
        confidence=0.85,
    )


def _asks_for_sound(model: SessionModel, response: Mapping[str, object]) -> bool:
    for wished in (response.get("output_modalities"), response.get("modalities")):
        if isinstance(wished, list):
            return "audio" in wished
    wished = model.configured.value("output_modalities")
    return isinstance(wished, list) and "audio" in wished


def _content_kinds(response: Mapping[str, object]) -> set[str]:
    """Types of content in the messages of an answer."""
    output = response.get("output")
    items = [item for item in output[:20] if isinstance(item, Mapping)] if isinstance(output, list) else []
    contents = [item.get("content") for item in items if item.get("type") == "message"]
    pieces = [one for content in contents if isinstance(content, list) for one in content[:20]]
    return {text(one, "type") for one in pieces if isinstance(one, Mapping)}
