"""Languages as people write them: `de`, `pt-BR`, `German`, `deutsch`. Models are told the English name."""

from __future__ import annotations

import re

from voicechat.errors import ConfigError

LANGUAGES = {
    "af": "Afrikaans", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian", "bn": "Bengali",
    "bs": "Bosnian", "ca": "Catalan", "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "eo": "Esperanto", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "ga": "Irish", "gl": "Galician", "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "is": "Icelandic", "it": "Italian",
    "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh", "km": "Khmer", "kn": "Kannada", "ko": "Korean", "la": "Latin",
    "lb": "Luxembourgish", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian", "mi": "Maori", "mk": "Macedonian",
    "ml": "Malayalam", "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "mt": "Maltese", "my": "Burmese",
    "nb": "Norwegian Bokmål", "ne": "Nepali", "nl": "Dutch", "nn": "Norwegian Nynorsk", "no": "Norwegian",
    "pa": "Punjabi", "pl": "Polish", "ps": "Pashto", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "si": "Sinhala", "sk": "Slovak", "sl": "Slovenian", "so": "Somali", "sq": "Albanian", "sr": "Serbian",
    "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek", "vi": "Vietnamese", "yi": "Yiddish", "zh": "Chinese",
    "zu": "Zulu",
}  # fmt: skip
"""ISO 639-1 code -> English name. Others may be written by name: any model knows more languages than this table."""
_TAG = re.compile(r"([A-Za-z]{2})(?:[-_]([A-Za-z0-9]{2,8}))?")
_NAME = re.compile(r"[^\W\d_][\w '’().,-]{1,40}")
HINT = "a language by name or ISO code, such as German or de"


def language_name(text: str) -> str:
    """The English name for a code, a code with its region in brackets, or the name as it was written.

    Raises ConfigError for what can be neither.
    """
    said = " ".join(text.split())
    if tag := _TAG.fullmatch(said):
        name = LANGUAGES.get(tag[1].lower())
        if name is None:
            raise ConfigError(f"there is no language {said!r}", hint=HINT)
        return f"{name} ({tag[2]})" if tag[2] else name
    if not _NAME.fullmatch(said):
        raise ConfigError(f"{said[:60]!r} is not a language", hint=HINT)
    known = {name.lower(): name for name in LANGUAGES.values()}
    return known.get(said.lower(), said)


def language_pair(text: str) -> tuple[str, str]:
    """The names of `A:B`. Raises ConfigError."""
    one, colon, other = text.partition(":")
    if not (colon and one.strip() and other.strip()):
        raise ConfigError(f"{text[:60]!r} does not name two languages", hint="for example --interpreter en:de")
    pair = language_name(one), language_name(other)
    if pair[0] == pair[1]:
        raise ConfigError(f"between {pair[0]} and {pair[1]} there is nothing to interpret", hint="name two languages")
    return pair
