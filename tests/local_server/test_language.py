"""Other languages than English are noticed where that can be known, and English is never taken for one."""

from __future__ import annotations

from tests.support.each import each
from voicechat.local_server.speech.text import english_only, foreign_language

FOREIGN = {
    "German": "Wie spät ist es bitte? | Hallo, wie geht es dir?"
    " | Ich möchte einen Timer für fünf Minuten | Danke | guten Tag",
    "French": "Quelle heure est-il ? | Bonjour | Je voudrais savoir le temps qu'il fait | merci beaucoup",
    "Spanish": "¿Qué hora es? | Hola, ¿cómo estás? | gracias | Cuéntame una historia por favor",
    "Italian": "Che ore sono? | ciao | Dimmi una storia per favore",
    "Portuguese": "Que horas são? | olá | Você pode me dizer as horas",
    "Dutch": "Hoe laat is het? | Ik wil graag een verhaal horen van jou",
    "Polish": "Która jest godzina? | cześć | Co to jest",
    "Swedish": "Vad är klockan? | hej | Kan du berätta en historia för mig",
    "Turkish": "Saat kaç? | merhaba | bu ne için",
    "Chinese": "你好,现在几点",
    "Japanese": "今何時ですか",
    "Korean": "지금 몇 시예요",
    "Cyrillic writing": "Который час? | Привет",
    "Greek writing": "Τι ώρα είναι;",
    "Arabic writing": "كم الساعة",
    "Hebrew writing": "מה השעה",
    "Tamil writing": "நேரம் என்ன",
}
CASES = [(text.strip(), language) for language, texts in FOREIGN.items() for text in texts.split("|")]

ENGLISH = """What time is it? | hello | Tell me a joke. | set a timer for five minutes
    | what's the weather in Los Angeles
    | How do you say danke in German? | I had a naïve idea in a café | ok | yes | no | 12 * 7
    | π is a number | go | die | hi man
    | Play me some music by Die Ärzte | What does hola mean? | Mute | q
    | What is the word for time in French | do it | can I
    | I met her on Monday | so am I | war is bad | gift | was it you | in the art museum | also""".split("|")


@each(("text", "language"), CASES)
def test_another_language_is_named(text: str, language: str) -> None:
    assert foreign_language(text) == language


@each("text", [text.strip() for text in ENGLISH] + ["", "...", "🙂"])
def test_english_is_left_alone(text: str) -> None:
    assert foreign_language(text) == ""


def test_the_sentence_names_the_cure() -> None:
    sentence = english_only("German")
    assert "German" in sentence and "only English" in sentence and "voicechat --provider openai" in sentence
    assert sentence.count(". ") == 0
