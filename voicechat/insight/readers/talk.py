"""A conversation that a log tells in words, as the events it stands for.

Frameworks and bridges print no events but "User started speaking", "Bot stopped speaking", "User: ..." or items of a
chat. `turn_in` and `turn_of_item` read one line or object; `Turns` keeps who is speaking, and gives what an event log
would hold instead: speech started and stopped, responses begun, cancelled and done, transcripts. A log that prints
such events itself is left alone: its sentences tell the same once more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from voicechat.insight.readers.phrases import Phrase, any_of, pattern, words
from voicechat.insight.records import BESIDE, NAMED

TURN = "talk."
WITHIN = 2.0
"""Seconds from the first sound of a voice in which the assistant falls silent because of it."""
LONGEST_TURN = 1_000
"""Characters of one turn that are kept."""
_USER = any_of(
    "users?|usr",
    *words("caller human customer participant patient guest benutzer nutzer anrufer kunde utilisateur appelant"),
    *words("usuario cliente utente usuário gebruiker beller klant użytkownik kullanıcı пользователь клиент абонент"),
    *words("المستخدم المتصل 用户 用戶 ユーザー 사용자"),
)
_BOT = any_of(
    *words("bot assistant agent ai model voicebot tts assistent asistente assistente agente ki ia"),
    *words("asystent asistan ассистент помощник бот المساعد 助手 机器人 アシスタント 어시스턴트"),
)
_WORDS = r"\s*[:>]+\s*(?![\w.<>]{1,40}:\d+\b)(\S.*)"
"""What is said; `bot:run:77 - ...` is the place in a program that logs."""
_LEAD = (
    r"^(?:\d{1,3}:\d\d(?:\.\d{1,3})?\s{1,3}|"
    r"[\w.]{1,40}\[\d{1,7}(?::\w{1,9})?\]:?\s?|"
    r"[\w-]{1,40}\.[a-z]{1,4}:\d{1,5}(?::\d{1,4})?\s|[\w.]{1,40}[:|]\s?|[\w.]{1,40} (?:[|-]|\d{1,5}) |[^\w{}<]|"
    r"\[[^\]]{1,40}\](?!:)|\((?=\w)[^)]{1,24}\)|\b(?:INFO|DEBUG|LOG|TRACE|I)\b(?: [\w.]{1,40} -)?|<(?=\w+>)){0,8}"
)
"""Levels, loggers, marks and tags in front of a speaker."""
_SAYS = (
    r"(?:['’]?s)?(?:[ _-](?:said|says|speaking|transcript(?:ion)?|speech|message|input|utterance|response|reply|"
    r"answer)){0,2}\]?(?: ?\([^)]{0,24}\))?"
)
_OF = r"transcript(?:ion)?s?[ ._\[\](-]{1,3}"
_AFTER_IT = r"(?:[\])]|\s*[:>]){1,3}\s*(\S.*)"
"""`transcript (user): ...`"""
_QUOTE = r"['\"]?\W{0,4}(?:\w{0,16}?(?:transcript|text)['\"]?\s?[:=]\s?)?['\"“]((?:[^\"\\]|\\.){1,1000})"
_LATER = r".{0,120}?\b(?:\w{1,8}_)?(?:transcript|text)(?:_\w{1,8})?['\"]?\s?[:=]\s?['\"]((?:[^\"\\]|\\.){1,1000})"
_QUOTED = rf"(?:{_LATER}|{_QUOTE})"
_BEGAN = any_of("start(?:ed|s)?", "began", "begins"), any_of("started", "began"), "speaking", "(?:开始|開始)"
_ENDED = (
    any_of("stop(?:ped|s)?", "finished", "ended"),
    any_of("stopped", "ended", "done"),
    "listening",
    "(?:停止|结束|終了)",
)


def _speaks(who: str, state: str, verb: tuple[str, str, str, str], *rows: str) -> Phrase:
    """`Bot started speaking`, `agent_state_changed: listening -> speaking`, `[AI] Response done`."""
    does, did, becomes, does_in_chinese = verb
    return pattern(
        rf"\b{who}[ _-]?(?:has |is |was |have )?{does}[ _-]?(?:speaking|talking|speech|to speak|to talk)\b",
        rf"\b{state}(?:[ _]?state)?[ _]?(?:changed|state)?\b.{{0,60}}?"
        rf"(?:new_state\W{{1,5}}|(?:->|→|=>|\bto\b)\s*['\"]?){becomes}\b",
        rf"{'用户' if state == 'user' else '(?:助手|机器人|AI)'}{does_in_chinese}(?:说话|播放)",
        rf"{'ユーザー?' if state == 'user' else '(?:アシスタント|AI)'}の?発話{does_in_chinese}",
        *rows,
        rf"\bspeech[ _]{did}\b"
        if state == "user"
        else rf"\[(?:ai|assistant|bot)\] (?:response|speaking|playback) {did}\b",
    )


CREDITS = (
    r"amara\.org|thanks? (?:you )?for watching|(?:please|like and) subscribe|subtitles? (?:by|made)|captions? by|"
    r"sous-titr(?:age|es|é)\b|untertitel(?:ung)? (?:der|im auftrag|von)|subtítulos (?:por|realizad)|"
    r"legendas? (?:pela|por)|sottotitoli (?:creati|a cura)|субтитры|продолжение следует|ご視聴ありがとう|"
    r"次の動画で|abone ol|字幕(?:by|由|提供|制作|志愿者)|请不吝点赞|시청해 ?주셔서|mbc 뉴스|"
    r"תודה (?:רבה )?(?:שצפיתם|על הצפייה)|شكرا (?:لكم )?على المشاهدة|اشتركوا في القناة|napisy (?:stworzone|by)|"
    r"ondertitel(?:s|ing) (?:door|ingediend)|undertext(?:er|ning)"
)
"""What speech recognition learned from films, and writes where there is silence or noise."""
ROWS: tuple[tuple[str, Phrase], ...] = (
    ("user_said", pattern(
        _LEAD
        + any_of(_USER, "you", "me", "final user", "(?:input |openai )?transcription(?=:)")
        + _SAYS
        + _WORDS,
        _LEAD + _OF + _USER + _AFTER_IT,
        rf"(?<!phantom )\b(?:{_USER}[ _](?:transcript|speech|input_transcribed)|"
        r"(?:\w+_)?(?:stt|asr)[ _-](?:\w+ )?(?:transcript|end))\b" + _QUOTED,
        r"^\W*heard: ['\"“](\S.{1,900})['\"”]\W*$",
        rf"^[\W\d]{{0,12}}(?:[ap]m\W{{1,4}})?((?:{CREDITS})[^{{}}=<>]{{0,30}})$",
        _LEAD + _USER + r"\s{1,3}['\"“](\S.{1,900})['\"”]\W*$",
        r"\[(?:stt|asr|whisper)(?: \w{1,10})?\]\s+['\"“](\S.{1,900})['\"”]\W*$",
        r"^\W*(?:\[(?:stt|asr|whisper)\]|(?:stt|asr):)\s+(?!\w{1,20}[ =]\w{1,20}$)(\w\S* [^={}/]{1,900})$",
        r"\buser-transcription\b(?=.{0,400}final\W{1,4}true)" + _LATER,
        r"\bspeech recogni[sz]ed as" + _QUOTE,
        r"\brole=['\"]?(?:user|human)\b.{0,24}?\b(?:content|text)=" + _QUOTE,
        r"\bApplication: >> (\S.*)",
        _LEAD + r"(?:user |input |final ){0,2}(?:trans[ck]ri(?:pt(?:ion)?|pción|ção)|文字起こし|转写|识别结果)"
        r"(?:[ .](?:completed|final|done))?"
        r"(?: item_\w{1,40})?\s?[:=：]?\s?['\"“「](.{0,1000})['\"”」]\W*$",
    )),
    ("bot_said", pattern(
        _LEAD + any_of(_BOT, "chatgpt", "gpt", "gemini") + r"(?<!model)(?<!tts)" + _SAYS + _WORDS,
        _LEAD + _BOT + r"\s{1,3}['\"“](\S.{1,900})['\"”]\W*$",
        _LEAD + _OF + _BOT + _AFTER_IT,
        rf"\b(?:{_BOT}[ _-](?:transcript|transcription|speech)|(?:\w+_)?tts[_-]start|committed agent \w+)\b" + _QUOTED,
        r"^\W*saying: ['\"“](\S.{1,900})['\"”]\W*$",
        r"\bgenerating tts\W{1,3}(\w.{1,900})",
        r"\[tts(?: \w{1,10})?\]\s+['\"“](\S.{1,900})['\"”]\W*$",
        r"^\W*\[(?:llm|tts)\]\s+(\w[^={}]{1,900}[.?!])$",
        r"\bconversation_item_added\b.{0,40}\brole\W{1,5}assistant\b.{0,24}?(?:text|content)" + _QUOTE,
        r"\bApplication: << (\S.*)",
        r"^\W*tts: (\w\S* \S+ [^={}/]{1,900})$",
        r"\brole=['\"]?(?:assistant|bot|agent)\b.{0,24}?\b(?:content|text)=" + _QUOTE,
    )),
    ("user_began", _speaks(_USER, "user", _BEGAN, r"\bstarting stt by vad\b")),
    ("user_ended", _speaks(_USER, "user", _ENDED, r"\bstt by vad end\b")),
    ("bot_incomplete", pattern(r"\bresponse\b.{0,24}\b(?:not complete\b.{0,24})?status\W{1,3}incomplete\b")),
    ("bot_cut", pattern(
        rf"\b(?:{_BOT}|response|playback|audio)\b.{{0,24}}\b(?:interrupted|cut off|cancell?ed)\b"
        r"(?!\W{1,4}(?:false|no\b))",
        r"\babort(?:ed|ing)? speaking\b|\binterrupt(?:ed|ing) (?:the )?(?:bot|assistant|agent|ai)\b",
        r"^\W*interrupted\W*$",
        rf"\b{_BOT} (?:wird |wurde |est |fue )?(?:interrumpid[oa]|interrompu|unterbrochen|interrotto)\b",
        r"(?:助手|AI)被打断",
        r"\b(?:outcome|status|state)=['\"]?interrupted\b",
        r"\breceived interruption\b|\binterruption (?:detected|frame)\b",
    )),
    ("bot_began", _speaks(_BOT, "agent", _BEGAN, r"\bSTATE: speaking\b")),
    ("bot_ended", _speaks(_BOT, "agent", _ENDED, r"\bSTATE: (?:listening|idle)\b")),
    ("user_said", pattern(
        r"\b(?:transcript(?:ion)?|transcribed|recogni[sz]ed(?: text)?|stt result|asr result)\b: +\[?(\w\S* \S.*)",
        r"\btranscription['\"]?: ?['\"]((?:[^\"'\\]|\\.|'(?=\w))+)",
    )),
    ("bot_said", pattern(
        r"\bresponse(?: text)?: +['\"“]?([a-z]\S* \S+ .*)",
        r"\bresponse: +['\"“]([a-z]\S{0,80}[.?!])['\"”]\W*$",
    )),
)  # fmt: skip
"""What a line may tell, and the ways of saying it; the first that matches is taken."""
_SUPPOSED = re.compile(
    r"\b(?:will|waiting|until|once|should|would|cannot|not|never|no|if|when|whether|allow\w*)\b", re.I
)
_NO_SPEECH = re.compile(
    r"^\W*$|://|\w=|^\W*(?:undefined|null|none|true|false)\b|^[{<]|^\S{1,40}/\S|"
    r"\b(?:dis)?connected\b|\b(?:joined|registered|created|version)\b|\blogged (?:in|out)\b",
    re.I,
)
_QUOTES_NOTHING = re.compile(r"\btranscript(?:ion)?\b[^'\"“]{0,40}['\"“][\s.…]{0,4}['\"”]\W*$", re.I)
_OF_WORDS = re.compile(r"text|transcript|utterance|speech", re.I)
_CUT_TOLD = re.compile(r"['\"]interrupted['\"]\s?:\s?true")
_USERS, _BOTS = ("user", "human", "caller", "customer"), ("assistant", "agent", "bot", "ai")
ROLES = (*_USERS, *_BOTS)
_TIMES = ("ts", "t", "created_at", "timestamp", "time", "secondsFromStart", "time_in_call_secs", "start_time")
_TEXTS = ("content", "text", "message", "transcript")
OF_CONVERSATION = re.compile(
    r"\b(?:input_audio_buffer|response|conversation\.item)\.(?!create\b|cancel\b|append\b|commit\b|clear\b)[a-z_.]{3,60}|"
    r"\b(?:Realtime)?(?:Server\w{0,10})?(?:[rR]esponse|[iI]nputAudioBuffer)(?:Created|Done|Audio|Output|Speech|Committed)"
)
"""An event of a conversation, as logs print its name."""


def turn_in(said: str) -> Mapping[str, Any] | None:
    """What a line tells of a turn, as `{type: talk.…, words, cut, told}`; None for nearly all lines."""
    for kind, row in ROWS:
        match = row.search(said)
        if match is None:
            continue
        words = next(filter(None, match.groups()), "").strip(" \"'[]“”")
        if kind.endswith("_said"):
            if _NO_SPEECH.search(words) and not _QUOTES_NOTHING.search(said):
                return None
        elif kind != "bot_incomplete" and _SUPPOSED.search(said[: match.end()][-60:]):
            return None
        is_cut = _CUT_TOLD.search(said) is not None
        return {"type": TURN + kind, "words": words, "cut": is_cut, "is_bare": not _is_said(words), "told": said}
    return None


_HEAD = re.compile(
    r"^\W*?(?:\d\S*\W+?)?(?:\[([^\W\d_]\w{1,20})\]|((?:[AK]I|IA|[^\W\d_][a-z]\w{0,20})(?: \w{1,12})?):) +(\S+ +\S.*)$",
    re.M,
)
_NOBODY = re.compile(
    r"(?:info|debug|warn\w*|error|\w+(?:Error|Exception)|note|event|status|system|log|type|update|result)$", re.I
)
ENDS = (".", "?", "!", "…", "。", "？", "！", '"', "”")
"""Of a sentence that somebody says."""
MOST_SPEAKERS = 4
NEARLY_ALL = 0.7
"""Of the lines, in a dialogue of people who are neither the user nor the assistant."""
SOME = 0.3
"""Of the lines of a name end as sentences, where what is said was cut."""


def speakers_in(sample: str) -> Mapping[str, str]:
    """Names that speak in a dialogue, and what their lines tell: `Maria: ...`; empty: nothing of the session."""
    heads = [(match[1] or match[2], match[3].rstrip().endswith(ENDS)) for match in _HEAD.finditer(sample)]
    counts, ended = Counter(name for name, _ in heads), Counter(name for name, is_end in heads if is_end)
    known = {name: turn["type"] for name in counts if (turn := turn_in(f"{name}: well, yes.")) is not None}
    people = [name for name in ended if name not in known and not _NOBODY.match(name)]
    others = [name for name in people if counts[name] > 1 and ended[name] >= SOME * counts[name]]
    kinds, lines = set(known.values()), sum(1 for line in sample.splitlines() if line.strip())
    if len(counts) > MOST_SPEAKERS or len(counts) < 2:
        return {}
    is_all = ended.total() == lines
    if not known and (others or is_all) and len(people) > 1 and counts.total() >= NEARLY_ALL * lines:
        return dict.fromkeys(people, "")
    if len(kinds) == 1 and others:
        other = "bot_said" if kinds == {f"{TURN}user_said"} else "user_said"
        return known | dict.fromkeys(others, TURN + other)
    return known if len(kinds) > 1 else {}


def says(line: str) -> tuple[str, str]:
    """The name in front of a sentence, and the sentence; empty for any other line."""
    head = _HEAD.match(line)
    return (head[1] or head[2], head[3].strip()) if head is not None else ("", "")


def _is_said(words: str) -> bool:
    """Two words, or one that ends as a sentence does: not the value of a setting."""
    return len(words.split()) > 1 or not words.isascii() or words[-1:] in ".?!,-"


def turn_of_item(item: Mapping[str, Any], *, is_line: bool = False) -> Mapping[str, Any] | None:
    """An item of a chat that says when it was, or whether it was interrupted; mere messages may be a prompt."""
    role, cut = item.get("role"), item.get("interrupted")
    who = "user" if role in _USERS else "bot" if role in _BOTS else ""
    is_told = is_line and _OF_WORDS.search(str(item.get("type", ""))) is not None
    is_timed = any(isinstance(item.get(name), int | float | str) for name in _TIMES)
    if not who or not (is_told or is_timed or isinstance(cut, bool)):
        return None
    content = next((item[name] for name in _TEXTS if isinstance(item.get(name), str | list)), "")
    pieces = content if isinstance(content, list) else [content]
    words = " ".join(one for one in pieces[:20] if isinstance(one, str))[:LONGEST_TURN]
    if words.startswith(("{", "[")) or not (words or isinstance(cut, bool)):
        return None  # an event in a wrapper that says who sent it
    return {"type": f"{TURN}{who}_said", "words": words, "cut": cut is True, "id": item.get("id"), "told": words}


class Turns:
    """Who speaks, in a log that tells it line by line."""

    def __init__(self, sample: str) -> None:
        """`sample`: how the log begins."""
        self.is_on = OF_CONVERSATION.search(sample) is None
        """Whether nothing but its sentences tells of the conversation."""
        self._count = 0
        self._known: set[str] = set()
        self._seen: set[str] = set()
        """Of the two, who has said more than a word: a single one may be the value of a setting."""
        self._item = ""
        self._is_speaking = False
        self._has_words = False
        self._over: tuple[bool, float | None] = (False, None)
        """Whether the user began while the assistant was heard, and when."""
        self._response = ""
        self._is_heard = False
        """Lines tell when the assistant begins and ends."""
        self._words = ""

    def events(self, turn: Mapping[str, Any], t: float | None) -> Iterator[Mapping[str, Any]]:
        """The events that a turn stands for, each with the line it was `told` in."""
        id = turn.get("id")
        if isinstance(id, str) and id in self._known:
            return  # a history that is printed again
        if isinstance(id, str):
            self._known.add(id)
        for event in self._events(turn, t):
            yield {**event, "told": turn["told"]}

    def words(self, turn: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Beside the events of a log that may leave out the words: what was said, for the turn that lacks it."""
        kind = str(turn["type"]).removeprefix(TURN)
        if kind.endswith("_said") and not turn.get("is_bare"):
            name = "conversation.item.input_audio_transcription.completed"
            name = name if kind == "user_said" else "response.output_audio_transcript.done"
            yield {"type": name, "transcript": str(turn.get("words", ""))[:LONGEST_TURN], NAMED: True, BESIDE: True}

    def _events(self, turn: Mapping[str, Any], t: float | None) -> Iterator[Mapping[str, Any]]:
        words = str(turn.get("words", ""))[:LONGEST_TURN]
        kind = str(turn["type"]).removeprefix(TURN)
        if kind.endswith("_said"):
            if turn.get("is_bare") and len(self._seen) < len(("user_said", "bot_said")):
                return
            self._seen.add(kind)
        match kind:
            case "user_began" if not self._is_speaking:
                yield from self._unheard_ends()
                self._is_speaking, self._has_words = True, False
                self._over = (bool(self._response), t)
                self._item = self._next("item")
                yield {"type": "input_audio_buffer.speech_started", "item_id": self._item}
            case "user_ended" if self._is_speaking:
                self._is_speaking = False
                yield {"type": "input_audio_buffer.speech_stopped", "item_id": self._item}
                yield {"type": "input_audio_buffer.committed", "item_id": self._item}
            case "user_said" if not any(mark.isalnum() for mark in words):
                pass
            case "user_said":
                yield from self._unheard_ends()
                if not self._item or self._has_words:
                    self._item = self._next("item")
                self._has_words = True
                kind = "conversation.item.input_audio_transcription.completed"
                yield {"type": kind, "item_id": self._item, "transcript": words}
            case "bot_began":
                yield from self._begins(is_heard=True)
            case "bot_said":
                yield from self._begins(is_heard=self._is_heard and bool(self._response))
                self._words = f"{self._words} {words}".strip()[:LONGEST_TURN]
                kind = "response.output_audio_transcript.done"
                yield {"type": kind, "response_id": self._response, "transcript": self._words}
                if turn.get("cut"):
                    yield from self._ends("cancelled")
            case "bot_ended" if self._response:
                yield from self._ends("cancelled" if self._is_cut_now(t) else "completed")
            case "bot_cut" if self._response:
                yield from self._ends("cancelled")
            case "bot_incomplete":
                yield from self._begins(is_heard=True)
                yield from self._ends("incomplete")

    def _is_cut_now(self, t: float | None) -> bool:
        is_over, began = self._over
        if not (is_over and self._is_speaking):
            return False
        return t is None or began is None or t - began <= WITHIN

    def _begins(self, *, is_heard: bool) -> Iterator[Mapping[str, Any]]:
        if self._response:
            return
        self._response, self._words, self._is_heard = self._next("answer"), "", is_heard
        yield {"type": "response.created", "response": {"id": self._response}}
        if is_heard:
            yield {"type": "response.output_audio.delta", "response_id": self._response}

    def _unheard_ends(self) -> Iterator[Mapping[str, Any]]:
        """In a mere dialogue an answer lasts until the user's next turn."""
        if self._response and not self._is_heard:
            yield from self._ends("completed")

    def _ends(self, status: str) -> Iterator[Mapping[str, Any]]:
        response: dict[str, Any] = {"id": self._response, "status": status}
        if status == "cancelled":
            response["status_details"] = {"reason": "turn_detected"}
        self._response = ""
        yield {"type": "response.done", "response": response}

    def _next(self, kind: str) -> str:
        self._count += 1
        return f"told-{kind}-{self._count}"
