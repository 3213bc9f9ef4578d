"""Cuts text into sentences while it is still being written: the voice begins before the answer is complete.

Tells whether somebody uses another language than English, the only one the offline engine has. Letters of other scripts
are certain. For Latin letters, common little words decide, which needs no model and is right for whole sentences; for
one or two words only unmistakable ones count. Speech cannot be judged like this: the recogniser turns any language into
English-looking words.
"""

from __future__ import annotations

import re
import unicodedata

_ENGLISH = frozenset(
    "the a an and or but of to in on at is are was were be am i you he she it we they me my your his her our their "
    "this that these those what which who when where why how do does did can could will would should may have has had "
    "not no yes please for from with about say tell give set make show ask if then so as by up out one two hello hi "
    "thanks good time day word spell repeat mean means".split()
)
_COMMON = """
German: der das ist nicht und ich du wir ihr sie ein eine einen mit auf für wie wo wann warum bitte! danke! kannst
  mir mich dir dich heute morgen uhr viel auch aber oder spät wetter kein keine haben hallo! guten! tag mach erzähl
  tschüss!
French: le les des est et je tu nous vous il elle une avec pour dans comment pourquoi quelle quel heure merci!
  bonjour! salut! oui pas ne ce cette mon ton moi toi suis êtes sont fait temps aujourd demain peux raconte au du
  qui
Spanish: el los las es y yo tú usted una con para en cómo como qué que cuál cuándo dónde hora gracias! hola! sí por
  favor está estás eres soy mi mañana hoy puedes dime del al muy buenos días cuánto cuenta adiós!
Italian: il lo gli è e io tu lei una con per come che cosa quale quando dove ora ore grazie! ciao! sì buongiorno!
  sono sei mi ti oggi domani puoi dimmi della del di non perché quanto raccontami
Portuguese: os as é e eu você uma com para em como que qual quando onde horas obrigado! obrigada! olá! sim não por
  favor está estou hoje amanhã pode me diga do da dos muito bom dia são quantas
Dutch: de het een en ik jij je wij zijn niet met voor hoe wat waar wanneer waarom alsjeblieft dank hallo kun kan mij
  vandaag morgen laat veel ook maar weer goedemorgen
Polish: i w na z jest nie to ja ty jak co gdzie kiedy dlaczego która godzina proszę dziękuję! cześć! dzień dobry tak
  dzisiaj jutro możesz mi się czy
Swedish: och det är inte jag du vi en ett med på för hur vad var när varför klockan tack! hej! snälla kan mig idag
  imorgon god mycket
Turkish: ve bir bu ben sen biz ne nasıl nerede neden saat kaç teşekkürler! merhaba! lütfen evet hayır bugün yarın
  değil için misin mısın var
"""
"""Little words of other languages; one with a mark is certain even alone."""
_BY_LANGUAGE: dict[str, str] = dict(re.findall(r"^(\w+): ((?:.|\n )+)", _COMMON, re.MULTILINE))
_LITTLE_WORDS = {language: frozenset(words.replace("!", "").split()) for language, words in _BY_LANGUAGE.items()}
_CERTAIN = {
    word[:-1]: language for language, words in _BY_LANGUAGE.items() for word in words.split() if word.endswith("!")
}
_SCRIPTS = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}
"""Scripts that one language has, by their names in Unicode."""
_LEAST_SHARE = 0.3
"""Share of letters of another script that makes a text foreign: one Greek letter in a formula does not."""


def foreign_language(text: str) -> str:
    """The name of the language or script this is written in; empty when it may be English."""
    return _by_script(text) or _by_words(re.findall(r"[^\W\d_]+", text[:2000].lower()))


def english_only(language: str) -> str:
    """The one sentence that says so, with the cure. `language` is what `foreign_language` returned."""
    return (
        f"This looks like {language}, but the offline engine understands and speaks only English; for other languages "
        "start voicechat --provider openai with an API key."
    )


def _by_script(text: str) -> str:
    letters = [char for char in text[:2000] if char.isalpha()]
    scripts = [unicodedata.name(char, "another").partition(" ")[0] for char in letters if char > "\u02ff"]
    foreign = [script for script in scripts if script not in ("LATIN", "FULLWIDTH", "MODIFIER", "MATHEMATICAL")]
    if len(foreign) < 2 or len(foreign) < _LEAST_SHARE * len(letters):
        return ""
    common = "HIRAGANA" if "HIRAGANA" in foreign else max(set(foreign), key=foreign.count)
    return _SCRIPTS.get(common, f"{common.title()} writing")


def _by_words(words: list[str]) -> str:
    if not words:
        return ""
    counts = {language: sum(word in little for word in words) for language, little in _LITTLE_WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    english = sum(word in _ENGLISH for word in words)
    if counts[best] >= 2 and counts[best] > english:
        return best
    certain = (_CERTAIN[word] for word in words if word in _CERTAIN)
    return next(certain, "") if len(words) <= 3 and not english else ""


LONGEST = 240
"""Characters after which a sentence is cut at a comma, or else between words: a breath, and a bound on the wait."""

_BOUNDARY = re.compile(r"(?:(?<=[.!?…])[\"”’')\]]*\s+(?=\S)|(?<=[。！？])|(?<!\s)\s*\n\s*)")
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st mt jr sr vs etc e.g i.e a.m p.m no vol fig inc ltd co corp dept approx est jan feb mar apr "
    "jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun".split()
)
_LIST_NUMBER = re.compile(r"(?:^|\n)[^\S\n]*+\d{1,3}\.$")


def complete_sentences(text: str) -> tuple[list[str], str]:
    """The sentences that are complete, and the rest, to which more text is to be added: an end counts once the next
    word has begun. Joined by blanks they hold the same words.
    """
    ready = []
    while (cut := _first_cut(text)) is not None:
        ready.append(text[:cut].strip())
        text = text[cut:].lstrip()
    return [sentence for sentence in ready if sentence], text


def split_sentences(text: str) -> list[str]:
    sentences, rest = complete_sentences(text)
    return [*sentences, rest.strip()] if rest.strip() else sentences


def _first_cut(text: str) -> int | None:
    for boundary in _BOUNDARY.finditer(text):
        if boundary.start() > LONGEST:
            break
        before, between, after = text[: boundary.start()], boundary.group(), text[boundary.end() :]
        if "\n" in between or (_ends_sentence(before, after) and not (between.strip() and after[:1].islower())):
            return boundary.end()
    if len(text) <= LONGEST:
        return None
    comma = max(text.rfind(mark, LONGEST // 3, LONGEST) for mark in (", ", "; ", ": ", " - ", " – "))
    blank = text.rfind(" ", 1, LONGEST)
    return comma + 2 if comma > 0 else blank + 1 if blank > 0 else LONGEST


def _ends_sentence(before: str, after: str) -> bool:
    """False after a title, an initial or a list number, and before a word in small letters.

    (The caller also goes on after a closing quote: "Stop!" she said.)
    """
    if not before.endswith("."):
        return True
    if _LIST_NUMBER.search(before) or after[:1].islower():
        return False
    word = before[:-1].rsplit(maxsplit=1)[-1].lstrip("(\"“'‘").lower() if before[:-1].strip() else ""
    return word not in _ABBREVIATIONS and not (len(word) == 1 and word.isalpha() and word != "i")
