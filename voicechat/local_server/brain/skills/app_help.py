"""Help about voicechat itself: its keys, its settings, and how to get more out of it."""

from __future__ import annotations

import re

from voicechat.local_server.brain.skill import Ask, Reply, say
from voicechat.local_server.brain.skills.app_topics import TOPICS

_QUESTION = re.compile(
    r"\b(?:how|what|which|where|can you|could you|why|can i|may i|key|keys|press|help|explain|is there|do you|does"
    r"|tell me about|turn|switch|change"
    r"|setting|settings|mean|means|about|are you|who|are we|show|list|all|cut me off|too"
    r"|make|shortcut|mode|install|use)\b"
)
_LONGEST_QUESTION = 20
"""Words; in a longer utterance a topic's word proves nothing."""
_ORDERS = re.compile(
    r"^(?:unmute|mute|louder|quieter|quit|exit|stop listening|speak (?:louder|up|softer)|be quiet|shut up|turn)\b"
)


def app_help(ask: Ask) -> Reply | None:
    """Explain the thing of the app that is asked about. It cannot press keys, so an order is answered with the key."""
    line = ask.heard.line
    question = _QUESTION.search(line) or _ORDERS.search(line) or len(ask.heard.words) <= 3
    if not question or len(ask.heard.words) > _LONGEST_QUESTION:
        return None
    for pattern, answer in TOPICS:
        if re.search(pattern, line):
            return say(answer)
    return None
