"""Token counts as the service would give them, estimated: this server has no tokeniser, and nothing costs anything.

Sound is exact by the published rates (the user's 10 tokens a second, the assistant's 20); text is four characters a
token, which is right to about a quarter for English.
"""

from __future__ import annotations

from voicechat.protocol.items import CachedTokensDetails, InputTokenDetails, OutputTokenDetails, Usage

_CHARACTERS_PER_TOKEN = 4
_HEARD_PER_SECOND = 10
_SPOKEN_PER_SECOND = 20


def text_tokens(text: str) -> int:
    """Estimated tokens of a text."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def spoken_tokens(seconds: float) -> int:
    """Tokens of the assistant's sound."""
    return round(seconds * _SPOKEN_PER_SECOND)


def heard_tokens(seconds: float) -> int:
    """Tokens of the user's sound."""
    return round(seconds * _HEARD_PER_SECOND)


def response_usage(text_in: int, audio_in: int, text_out: int, audio_out: int) -> Usage:
    """What one response took; nothing is ever cached here."""
    return Usage(
        total_tokens=text_in + audio_in + text_out + audio_out,
        input_tokens=text_in + audio_in,
        output_tokens=text_out + audio_out,
        input_token_details=InputTokenDetails(
            text_tokens=text_in,
            audio_tokens=audio_in,
            image_tokens=0,
            cached_tokens=0,
            cached_tokens_details=CachedTokensDetails(text_tokens=0, audio_tokens=0, image_tokens=0),
        ),
        output_token_details=OutputTokenDetails(text_tokens=text_out, audio_tokens=audio_out),
    )


def transcription_usage(seconds: float) -> Usage:
    """What one transcription took."""
    return Usage(type="duration", seconds=round(seconds, 3))
