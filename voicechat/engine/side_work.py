"""Builds what works beside a talk, from settings (R24)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from voicechat.config.settings import Settings
from voicechat.core.viewing import turn_views
from voicechat.engine.session import Session
from voicechat.journal.entry import Watch

if TYPE_CHECKING:
    from voicechat.translation.translator import Translator


def translator_for(settings: Settings, environ: Mapping[str, str], session: Session, watch: Watch) -> Translator | None:
    """Who translates finished lines; None without `translate`. Raises ConfigError where nobody could."""
    if not settings.translate:
        return None
    from voicechat.translation.options import translation_options
    from voicechat.translation.translator import Translator  # most talks have none

    options = translation_options(settings, environ)
    if options is None:
        return None
    return Translator(options, lambda: turn_views(session.state, session.clock()), session.tell, session.clock, watch)
