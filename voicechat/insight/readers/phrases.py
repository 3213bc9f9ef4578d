"""The words in which clients speak of themselves, as tables: one row a way of saying it, English and Chinese.

Each table becomes one pattern. Rows are bounded (`{0,40}?` between two words, never `.*`), so that no line can make
them search for long. Most lines hold none of the words that a pattern needs, and looking for those takes a tenth of the
time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any


class Phrase:
    """A pattern that is tried only where the words stand that it cannot do without."""

    def __init__(self, rows: str, flags: re.RegexFlag = re.I) -> None:
        self.pattern = re.compile(rows, flags)
        parsed = _parsed(rows, flags)
        self.words = needed(parsed)
        """In lower case; none: it is always tried."""
        self._plain = tuple(word for word in self.words if word.isascii())
        self._rows = _rows_of(parsed)

    def search(self, said: str) -> re.Match[str] | None:
        """The first match."""
        if self.words:
            lowered = said.lower()
            for word in self._plain if said.isascii() else self.words:
                if word in lowered:
                    break
            else:
                return None
            if self._rows and not any(_holds(lowered, row) for row in self._rows):
                return None
        return self.pattern.search(said)


def _holds(lowered: str, row: Sequence[Sequence[str]]) -> bool:
    for words in row:
        for word in words:
            if word in lowered:
                break
        else:
            return False
    return True


def needed(parts: Sequence[tuple[Any, Any]]) -> tuple[str, ...]:
    """Words of which every match of a parsed pattern holds one, in lower case; none where there is no telling."""
    return _fewest(max(_choices(parts), key=_telling, default=set()))


def _rows_of(parts: Sequence[tuple[Any, Any]]) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """For each alternative of a pattern all the words it needs, one out of each group; none where one group says it."""
    is_choice = len(parts) == 1 and str(parts[0][0]) == "BRANCH"
    alternatives = parts[0][1][1] if is_choice else [parts]
    rows = [[words for words in _choices(one) if _telling(words)[0] > 1] for one in alternatives]
    return tuple(tuple(map(_fewest, row)) for row in rows) if any(len(row) > 1 for row in rows) else ()


def _fewest(words: set[str]) -> tuple[str, ...]:
    return tuple(sorted(word for word in words if not any(other in word for other in words - {word})))


def _choices(parts: Sequence[tuple[Any, Any]]) -> list[set[str]]:
    """Groups of words; every match holds one out of each."""
    choices: list[set[str]] = []
    run = ""
    for code, value in parts:
        if str(code) == "LITERAL":
            if run:
                choices.pop()
            run += chr(value).lower()
            choices.append({run})
            continue
        run = ""
        within: Sequence[Sequence[tuple[Any, Any]]] = ()
        if str(code) == "SUBPATTERN":
            within = (value[-1],)
        elif str(code) == "BRANCH":
            within = value[1]
        elif str(code) in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and value[0] > 0:
            within = (value[2],)
        of_each = [needed(one) for one in within]
        if of_each and all(of_each):
            choices.append({word for words in of_each for word in words})
    return choices


def _telling(words: set[str]) -> tuple[int, int]:
    """Few long words keep most lines out; a Chinese character tells more than a letter."""
    return min(min(len(word) if word.isascii() else 4 for word in words), 6), -len(words)


def _parsed(rows: str, flags: re.RegexFlag) -> Sequence[tuple[Any, Any]]:
    """The standard library's own reading of a pattern; it may move, and then every line is searched."""
    try:
        return tuple(import_module("re._parser").parse(rows, int(flags)))
    except (ImportError, AttributeError):
        return ()


def any_of(*rows: str) -> str:
    """One group that matches any of the rows."""
    return f"(?:{'|'.join(rows)})"


def pattern(*rows: str) -> Phrase:
    """Any of the rows, whatever their case."""
    return Phrase("|".join(rows))


def words(said: str) -> Iterable[str]:
    """The rows of a table that is written as lines of words."""
    return said.split()


GAP = r"(?:[^.;。；\n]|\.(?=\w)){0,40}?"
"""Between two words of one clause."""

MICROPHONE = any_of(
    r"\bmic(?:rophone)?s?\b|\bmic(?=[A-Z])|\b(?:local |input )?audio (?:input|track|capture)\b|\brecorder\b|\buplink\b",
    r"\blocal (?:audio|track|stream)\b|\binput ?(?:track|node)\b|\bi2s rx\b|\brx(?= (?:un)?mut)",
    *words("麦克风 麦 录音 收音"),
)
CLOSED = any_of(
    r"\b(?:mut(?:e|ed|ing)|disabl(?:e|ed|ing)|paus(?:e|ed|ing)|stop(?:ped|ping)?|clos(?:e|ed|ing)|suspend(?:ed|ing)?|"
    r"turn(?:ed|ing)? off|gat(?:e|ed|ing)|block(?:ed|ing)?)\b",
    *words("静音 关闭 停止 暂停 禁用 关掉"),
)
OPENED = any_of(
    r"\b(?:un-?mut(?:e|ed|ing)|(?:re-?)?enabl(?:e|ed|ing)|resum(?:e|ed|ing)|(?:re-?)?open(?:ed|ing)?|start(?:ed|ing)?|"
    r"re-?activat(?:e|ed|ing)|restor(?:e|ed|ing)|turn(?:ed|ing)? on|un-?paus(?:e|ed|ing))\b",
    *words("取消静音 解除静音 打开 开启 恢复 重新打开 重新开启 重新启用 启用 放开"),
)

_ELSEWHERE = r"\b(?:mikro(?:fon)?|micro(?:phone)?|micrófono|microfone)\b\W{1,3}(?:\w{2,8} ){0,2}?"
"""The microphone in German, French, Spanish and Portuguese."""
MIC_OPENED = pattern(
    OPENED + GAP + MICROPHONE,
    MICROPHONE + GAP + OPENED,
    r"\bunmuted\b",
    "🎙️? ?(?:on|live|open)",
    r"\bmic(?:rophone)? (?:is )?(?:now )?(?:on|live|active|hot)\b",
    _ELSEWHERE + r"(?:an|offen|aktiv\w{0,4}|(?:ré)?activ(?:é|ado)|ouvert|abierto|aberto|ligado|encendido)\b",
    r"マイク(?:を|が)?(?:オン|再開|有効)",
)
MIC_CLOSED = pattern(
    CLOSED + GAP + MICROPHONE,
    MICROPHONE + GAP + CLOSED,
    r"🔇\W*(?:$|mut|mic|静|audio|track|input|gat)",
    r"\bmic(?:rophone)? (?:is )?(?:now )?off\b|マイク(?:を|が)?(?:オフ|停止|無効|ミュート)",
    _ELSEWHERE + r"(?:aus|stumm\w{0,10}|zu|deaktiviert|coupé|désactivé|fermé|cerrado|silenciado|apagado|desligado)\b",
)
MIC_SET = Phrase(
    r"\b(?:set)?(?:mic\w{0,20}|(?:audio|local|input)?track)[\w.\[\]]{0,24}?enabled?\W{1,4}(true|false)\b|"
    r"\b(?:is|set)?_?(?:mic\w{0,12})?mut(?:ed?)\W{1,4}(true|false)\b"
)
"""`micEnabled: false`, `track.enabled = true`, `setMicrophoneMute(true)`: group 1 enabled, group 2 muted."""

OF_OTHERS = pattern(
    r"(?:playback|timer|fall-?back|watchdog|speech|turn|session|stream|播放|定时器)\W{0,3}"
    r"(?:start|stop|open|clos|paus|resum|开始|停止)",
    r"(?:start|stop|clos|open)\w{0,4} (?:the |a )?(?:[\w-]{1,16} )?(?:playback|timer|watchdog|session)",
)
"""Something else is opened or closed in a clause that names the microphone."""
UNDONE = pattern(
    r"\b(?:will|waiting|waits? (?:for|until)|until|once|pending|schedul(?:e|ed|ing)|in \d+ ?m?s|should|would|going to|"
    r"(?:in|after) \d+(?:\.\d+)? ?(?:m?s|sec)|cannot|can't|could not|couldn't|failed to|unable to|not|never|already|"
    r"skip(?:ping|ped)?|tr(?:ying|y|ied) to|if|when|whether)\b",
    *words("等待 稍后 将在 将会 准备 即将 未 无法 失败 跳过 已经 尚未 不 如果 是否 秒后 后再"),
)
"""Said of what will be done, or was not."""
FOR_ANSWER = pattern(
    r"assistant|\bAI\b|\bbot\b|\bmodel\b|\bagent\b|\bspeaker\b|speaking|talking|playback|playing|\bresponse\b|\banswer\b|echo|\btts\b",
    *words("播放 回复 回答 响应 说话 助手 机器人 回声 回音"),
    *words("antwort wiedergabe spricht réponse lecture parle respuesta habla 再生 応答"),
)
ANSWER_HEARD = pattern(
    r"speaking|speaks|talking|talks|playback|playing|plays|echo|\btts\b|assistant|\bAI\b|\bbot\b",
    *words("播放 说话 回声 回音 助手 wiedergabe spricht lecture parle habla 再生"),
)
"""Said of an answer that is heard, not of one that is waited for."""
RECORDING_STOPPED = pattern(
    r"\bstop(?:s|ped|ping)?\b.{0,20}record|record\w{0,4}.{0,12}\bstopped\b|停止录音|录音(?:停止|结束)"
)
"""The end of a push-to-talk turn is told in these words, and nothing reopens by itself after it."""
LISTED = pattern(r"\bignor|\bbenign|\bcodes\b|\bexpected errors?\b|\bfor example\b|\be\.g\.")
"""A code in such a sentence did not necessarily come."""
GENERAL = pattern(
    r"(?:^|[.!?—–] )\W*(?:if|when(?:ever)?|once|every|each|in case) (?:the|an?|you|your|this|it|all|\w+ (?:session|"
    r"event|client|call|connection|token|response)s?)\b|\b(?:if|when(?:ever)?) you\b|\bto (?:avoid|prevent|handle)\b|"
    r"\b(?:should|must|can|may|might|will) (?:also |then )?(?:be|get|return|expire|occur|happen|fail|close|send)\b|"
    r"\bmeans? (?:that|the)\b|\b(?:returned|sent|raised|thrown|emitted) (?:if|when)\b|"
    r"^\s*[-*•|]\s*`[a-z_]{4,60}`[^`\w]{0,3}[:–—-]|"
    r"^\W*(?:handl|fix|feat|add|renew|retry|support|docs?|chore|test)\w{0,5}\b"
)
"""A rule, an advice or a note on a change: it tells when something happens, and not that it did."""
BY_USER = pattern(r"\buser\b|button|click|tapp?ed|hotkey|toggle|by you", *words("用户 手动 点击 按钮"))
WAITS = pattern(r"\bwait(?:ing|s)?\b", "等待", "等")
FALLBACK = pattern(
    r"(?:fall-?back|safety|watchdog|failsafe|backup|guard).{0,24}(?:timer|timeout|unmut|reopen|fired|trigger)",
    r"(?:timer|timeout).{0,24}(?:fired|expired|elapsed|reached|hit|triggered)",
    r"force(?:d|-)? ?(?:unmut|reopen|resum)",
    r"兜底|超时.{0,12}(?:恢复|打开|强制|触发)|定时器.{0,8}(?:触发|到)|强制(?:恢复|打开|取消静音)",
)
ZEROS = pattern(
    r"zero ?data\b",
    r"\ball[- ]zeros?\b|only zeros|zero(?:ed)?[- ](?:data|samples?|bytes|buffer|audio)",
    r"\b(?:rms|peak|level)\W{1,3}0(?:\.0+)?\b.{0,20}(?:silen|\b(?:peak|max)\w{0,10}\W{1,3}0(?:\.0+)?(?![.\d]))",
    r"audio (?:data )?is (?:all )?(?:zeros?|empty)",
    r"(?:no audio|empty audio) (?:data|samples|frames|input) (?:from|captured|received|detected|in)",
    r"silent (?:mic|microphone|input) detected|microphone (?:is|seems|appears) (?:to be )?silent",
    r"全(?:部)?(?:是|为)?(?:0|零)|零数据|数据(?:全)?为(?:0|零|空)|没有音频数据|无音频数据|音频数据为空",
)  # fmt: skip
SIDE = pattern(
    r"(?:POST|GET|fetch|request(?:ing|ed)?|call(?:ing|ed)?|请求|调用).{0,60}"
    r"(?:chat/completions|/v1/responses\b|translat|翻译|summar)",
    r"(?:translat\w{0,8}|翻译|摘要|summar\w{0,8}|side) ?(?:request|call|api|请求|接口).{0,20}",
    r"(?:开始|发起|正在)翻译|start(?:ing|ed)? translati(?:on|ng)|translating (?:transcript|line|text|user|the)",
)
ENDS = pattern(
    r"(?:user(?!\W{1,3}(?:speech|speak|turn|audio|utteran|input|transcri|talk))|manual\w{0,4}|用户|手动|主动).{0,12}"
    r"\b(?:disconnect|hang|end|clos|stop(?:ped)? (?:the )?(?:session|call|conversation)|挂断|断开|结束)",
    r"(?<!socket )\bhang(?:ing)? up|hung up|disconnect(?:ing)?\(\)|\bdisconnecting\b|disconnect function called|"
    r"agent ended (?:the )?call|\bending (?:the )?(?:session|call|conversation)|session ended by",
    r"结束(?:会话|通话|对话)|挂断|clean(?:ing)? ?up (?:session|connection)|dispos(?:e|ing)\b",
)
ACTS = pattern(
    r"\b(?:user|you) (?:interrupt|press|click|tapp|cancel|hit|stopp(?!ed (?:speak|talk)))|"
    r"(?:stop|cancel|interrupt) (?:button|key)",
    r"\bbarge-?in\b.{0,16}\b(?:detected|triggered|started|requested|granted|happened)\b|\buser barge",
    r"用户(?:打断|点击|按下|取消|停止)|手动(?:停止|取消|打断)",
)
_UNASKED = r"(?:100[2-9]|101[1-5]|4\d\d\d)"
"""Close codes of a connection that nobody ended on purpose."""
FRAME = re.compile(r"(?:at |File \")")
"""A line inside a traceback: what happened stands above or below it."""
LOST = pattern(
    r"(?:web ?socket|data ?channel|peer ?connection|connection|\bice\b|dtls|\brtc\b|socket|连接|数据通道)"
    r".{0,40}(?:fail(?:ed|ure)|lost|dropped|unexpected|abnormal|reset|aborted|refused|timed out|"
    r"丢失|异常|中断|意外|失败)",
    r"peerconnection is closed|(?:connection|socket)\w{0,12}:? (?:was |is |has )?(?:been )?(?:closed|terminated) "
    r"(?:unexpectedly|abnormally|by (?:the )?(?:peer|remote|server))|\bshutdown by (?:the )?(?:remote|peer)",
    r"\bsocket (?:read |write )?error\b|\bread error on|received session close|\bsignal (?:client|connection) closed|"
    r"closed before (?:the connection (?:is|was) established|receiving)|socket hang up|"
    r"clos(?:ed?|ing)\W{1,4}(?:unexpected|abnormal)|unexpected(?:ly)? clos",
    r"data ?channel.{0,24}\b(?:is |was |has )?(?:closed|error)\b",
    r"(?:连接|网络)(?:已)?(?:断开|丢失|中断)|onclose.{0,30}" + _UNASKED,
    r"(?:error|fail\w*|失败)\b.{0,40}received 1000 \(OK\)|失败.{0,40}received 1000 \(OK\)",
    r"(?:received|sent) " + _UNASKED + r" \(|no close frame received|keepalive ping timeout|\bConnectionClosedError\b",
    r"(?:clos(?:e|ed|ing)|disconnect)\w{0,8}.{0,60}?\b(?:code|status)?[ =:('\"`]{0,4}" + _UNASKED + r"\b",
    r"\bcode['\"]?\s?[:=]\s?" + _UNASKED + r"\b.{0,80}\b(?:clos|disconnect)",
    r"ice(?:connection)?state\w{0,8}\W{1,4}(?:failed|closed)|connectionstate\W{1,4}failed",
    r"\b(?:ECONNRESET|ECONNREFUSED|ECONNABORTED|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|"
    r"ERR_(?:CONNECTION|NAME|NETWORK|INTERNET|ADDRESS|TIMED|SOCKET|SSL|CERT)_?\w{0,30}|ESP_ERR_HTTP_\w{0,20})\b",
    r"unknownhostexception|unable to resolve host|socket is not connected|without completing the close handshake|"
    r"\b(?:API)?ConnectionError\b|\bWebSocketClosedError\b|"
    r"getaddrinfo|name or service not known|nodename nor servname|name resolution|could not resolve host|"
    r"\bdial tcp\b|no route to host|network is unreachable|"
    r"failed host lookup|server not found|dns (?:error|failure|lookup)",
    r"certificate.{0,5}verify.{0,5}failed|ssl.{0,20}(?:error|failed)|tls handshake (?:timeout|fail)",
    r"timed? ?out.{0,24}(?:handshake|connect)|(?:handshake|connect\w{0,3}).{0,24}timed? ?out|"
    r"\bConnect(?:Timeout|Error)\b|"
    r"select\(\) timeout|fail\w{0,3} to (?:re)?connect|"
    r"could(?: not|n't) connect|unable to connect|cannot connect|can['’]?t establish a connection|\bconnection error\b",
)
CONNECTED = pattern(
    r"(?<!not )(?<!dis)\bconnected to (?:the )?(?:openai|azure|realtime|websocket|server|api)|"
    r"\b(?:web ?socket|connection|socket)\b.{0,24}\b(?:opened|connected|established|is open)\b"
)
CLOSED_NORMALLY = pattern(
    r"clos(?:e|ed|ing)\w{0,8}.{0,40}?\b(?:code|status)?[ =:('\"`]{0,4}100[01]\b|\b1000 \(OK\)|normal closure|"
    r"\bcode['\"]?\s?[:=]\s?100[01]\b.{0,80}\b(?:clos|disconnect)"
)
"""Somebody closed it in order; the log may show that nothing had been said yet."""
NO_REPLY = pattern(
    r"(?:reply|response|answer|realtimeerror: \w{1,30})(?:\.?\w{1,8})? (?:has |was )?timed? ?out|"
    r"timed? ?out (?:while )?waiting for .{0,24}(?:response|reply|answer)|"
    r"no (?:response|reply|answer) (?:from|received|was received|within)|"
    r"nothing (?:was |has been )?(?:received|came|arrived|happened)\b.{0,24}\b\d{1,3} ?s(?:ec\w*)?\b"
)
OF_ANOTHER_SERVICE = pattern(
    r"redis|postgres|mysql|mongo|database|\bdb\b|sqlite|kafka|rabbitmq|smtp|supabase|firebase|sentry|analytics|prisma|"
    r"elastic|health[ -]?check|hot-?reload|\bhmr\b|vite|webpack|favicon|socket\.io/|localhost:517\d|"
    r":(?:6379|5432|3306|27017|9200|5672|11211)\b|dbus|docker\.sock|/run/\w"
)
"""What is lost here is the connection to something beside the talk."""
INTENDED = pattern(
    r"\b(?:if|when|once) (?:the |a )?(?:\w+ ){0,2}(?:connection|socket|websocket)\b|"
    r"\bwill (?:re\w+|retry|close|stop) (?:on|if|when|after)\b|\bhandlers? (?:installed|registered|for)\b|"
    r"unexpected keyword argument|is not (?:a function|defined|callable)\b|has no attribute|cannot read propert"
)
"""Said of what a program does should the connection be lost, or of a mistake in it."""
UNSENT = pattern(
    r"(?<!socket )\bis not connected\b|\bnot connected\b.{0,40}\bsend|websocket is not (?:open|connected)|"
    r"still in connecting state|data ?channel.{0,20}\bnot (?:yet )?(?:open|ready)|readystate (?:is )?not ['\"]?open|"
    r"(?:cannot|can't|could not|failed to|unable to|tried to) (?:send|append|write).{0,60}"
    r"(?:not (?:open|connected|ready)|closed|disconnected|before)|not open: readystate|"
    r"once a close message has been sent|write to closing transport|send(?:ing)? (?:after|on a|to a|before).{0,16}clos"
)
"""Something was sent, and there was no connection for it."""
UNKNOWN_EVENT = pattern(
    r"unknown variant [`'\"]?(?:response|session|conversation|input_audio|output_audio|rate_limits|error)|"
    r"['\"](?:response|session|conversation|input_audio_buffer|output_audio_buffer)\.[\w.]{1,60}['\"] is not a valid|"
    r"validation errors? for \w{0,40}(?:event|realtime|server)|literal_error|union_tag_invalid|"
    r"fail\w{0,3} to (?:parse|deserialize|decode) .{0,30}\bevent\b|(?:unknown|unrecognized|unsupported) .{0,16}event"
    r".{0,60}(?:exception|error)|"
    r"(?:error|exception|raise|panic).{0,60}(?:unknown|unrecognized|unsupported) .{0,16}event|"
    r"\b(?:keynotfound|typemismatch|valuenotfound|datacorrupted)\((?:codingkeys|swift|core\.|any|string)|"
    r"json: cannot unmarshal|jsonexception: the json value|json(?:decoding|mapping)exception|unrecognizedproperty|"
    r"\bunknown \w{1,40}kind value|"
    r"keyerror: ['\"](?:response|session|conversation|input_audio_buffer|output_audio_buffer)\."
)
"""A library that fails on an event it does not know."""
NO_AUDIO = pattern(
    r"\b(?:response|answer|reply)\b.{0,30}\bwithout (?:any )?audio\b|\bhad_audio\W{1,3}false\b|"
    r"\b0 (?:bytes|frames|samples|chunks)\b.{0,12}\b(?:received|played)\b.{0,24}\b(?:session|call|turn|response)\b|"
    r"\bno audio (?:output |deltas? )?(?:in|came with) (?:the )?(?:response|answer|reply)\b|"
    r"\b(?:received|got) (?:a )?text[- ]only (?:response|answer|reply)|\bnothing to play\b"
)
"""A client that counts what an answer brought."""
MODEL_ASKED = Phrase(r"wss?://api\.openai\.com/v1/realtime\?[^\s'\"]{0,80}?\bmodel=([\w.:-]{1,60})")
"""An address of OpenAI with the model in it."""
REALTIME_MODEL = re.compile(r"realtime|live|transcribe|whisper|translate|audio", re.I)
"""What OpenAI's models are called that can be asked for there."""
SUCCEEDED = pattern(
    r"✓|✔|✅|☑|\bsuccess(?:ful(?:ly)?)?\b|\b(?:is|was|has been|now) (?:set|updated|restored)\b|\bupdated\b|成功"
)
ERROR_LINE = Phrase(
    r"\b(?:ERROR|FATAL|CRITICAL|SEVERE|PANIC|ConnectionClosedOK)\b|\[E\]|^E/|❌|✗|✘|"
    r"(?:Error|Exception)\b:? ?\S|\b[Ee]rror\b ?[:=]|"
    r"\b(?:uncaught|unhandled)\b|[\"']level[\"']: ?[\"']error|\bstatus\W{1,4}failed\b|错误[:：]|失败[:：]",
    re.NOFLAG,
)
NO_ERROR = Phrase(
    r"\bno errors?\b|\b0 errors?\b|\berrors?[:=] ?(?:0\b|none\b|null\b|false\b|\[\]|\"\")|^\s+at |^\s*File \"|"
    r"error handl|handle_error|on_?error\b|raise \w|except\b"
)
FAILS = pattern(
    r"error|fail|refus|reject|denied|nothing |time(?:d )?out|cannot|can't|could not|unable|invalid|exception|"
    r"❌|✗|✘|\[E\]|错误|失败|拒绝"
)
MENDED = pattern(r"reconnect(?:ed|ion successful)|connection (?:restored|re-?established)|重连成功")
CLOSE_CODE = re.compile(r"\b(100[1-9]|101[1-5]|4\d\d\d)\b")
_REFUSALS = r"(?<![:.\d])(40[0-9]|41[05]|422|429|50[0-4])\b(?! ?(?:ms|s\b|bytes|k?hz|kb|chars|tokens|samples|frames|%))"
STATUS = pattern(
    r"(?:HTTP(?:/\d(?:\.\d)?)?|status(?:[ _]?code)?|状态码|response|server|返回|rejected|failed|error|错误)"
    r"[^\d\n]{0,24}" + _REFUSALS,
    r"(?:POST|GET) \S{0,120}realtime\S{0,80}\W{1,5}" + _REFUSALS,
    _REFUSALS + r"[,:]? (?:message=|Unauthorized|Forbidden|Not Found|Too Many Requests|Service Unavailable|"
    r"Payment Required|Bad Request|Internal Server Error)",
)
HANDSHAKE = pattern(
    r"realtime|sdp|handshake|unexpected (?:server )?response|client_secret|ephemeral|session|connect|websocket|wss?://|webrtc|token|/calls|openai|"
    r"连接|会话|握手"
)
PLAYS = pattern(
    r"(?:playback|audio play(?:ing|back)?|assistant audio|player|播放)[^.\n]{0,16}(?:start(?:ed)?|began|begins|开始)",
    r"(?:start(?:ed|ing)?|began) (?:audio )?(?:playback|playing)|开始播放",
)
PLAYED = pattern(
    r"(?:playback|audio play(?:ing|back)?|assistant audio|player|audio queue|tts(?: response)?|播放)[^.\n]{0,16}"
    r"(?:finish(?:ed)?|end(?:ed)?|complet(?:e|ed)|stopped|drained|结束|完成|完毕)",
    r"(?:finish(?:ed)?|done|stopped) play(?:ing|back)|播放(?:结束|完成|完毕|停止)|再生(?:終了|完了)",
    r"wiedergabe (?:ist )?(?:beendet|fertig)|lecture (?:est )?terminée|reproducci[óo]n (?:terminada|finalizada)",
)
CUT = pattern(
    r"(?:clear(?:ed|ing)?|flush(?:ed|ing)?|drop(?:ped|ping)?|discard(?:ed|ing)?|empt(?:y|ied|ying)|stop(?:ping)?)"
    r" (?:the |all |remaining |\d+ ?(?:ms|s|chunks?|bytes|frames) (?:of )?){0,3}"
    r"(?:buffered |queued |unplayed |pending ){0,2}(?:audio|playback|player|sound)",
    r"\baudioqueue\.(?:clear|flush|reset)|player\.(?:stop|flush|reset|clear)|清空(?:音频|播放)(?:队列|缓冲)|停止播放",
)
KEY_DOWN = pattern(
    r"(?:push[- ]to[- ]talk|\bptt\b|talk (?:key|button)|按住说话|长按).{0,20}(?:down|press|start|began|开始|按下)"
)
SKIPPED = pattern(
    r"(?:empty|blank|too short|no) (?:or too short )?(?:transcript(?:ion)?|speech|words)(?! (?:for|after|within) \d)",
    r"(?:drop|discard|ignor|filter|reject)\w{0,4} .{0,24}(?:phantom|hallucinat|ghost)\w{0,8}.{0,12}transcript",
    r"no[- ]text[- ]recogni[sz]ed",
    r"^\W*(?:INFO|DEBUG)\W[\w.]*(?:whisper|stt|asr|transcri)[\w.]*:[\s.…]*$",
    r"transcript(?:ion)? (?:is |was )?(?:empty|blank|too short)|skip(?:ping|ped)? empty",
    r"(?:转写|转录|识别|文本)(?:结果)?(?:为空|太短|过短)|空(?:转写|转录|文本)",
)
FALSE_ALARM = pattern(
    r"\b(?:resum|detect|recover|ignor)\w{1,3} (?:a |from )?(?:a )?false(?:ly)?[- ]interrupt",
    r"\bfalse[- ]interrupt\w{0,4} (?:detected|resumed|recovered|ignored)",
    r"\bagent_false_interruption\b(?!\s?[=:(_])",
)
"""A framework that lets the answer go on says so."""
RATE = Phrase(
    r"(?:sample[ _-]?rate|采样率|at|@|rate)\W{0,4}(\d{4,6}|\d{1,2}(?:\.\d)? ?k)(?:hz\b| ?hz\b|\b)|"
    r"\b(\d{4,6}|\d{1,2}(?:\.\d)? ?k) ?hz\b",
)  # fmt: skip
CODEC = Phrase(
    r"\b(x-mulaw|mulaw|mu-law|[\u03bc\u00b5]-law|g711_ulaw|pcmu|alaw|a-law|g711_alaw|pcma|pcm16|pcm_?s16\w*)\b"
)
RECORDS = pattern(
    r"record|captur|\bsend(?:s|ing)?\b|microphone|\bmic\b|\binput\b|getusermedia|mediaformat|media format|audiorecord|"
    r"录音|采集|麦克风|输入"
)
PLAYS_AT = pattern(r"playback|player|play(?:ing)?\b|\boutput\b|speaker|audiotrack|播放|输出|扬声器")
CANCELS = pattern(
    r"\b(?:cancel|abort|interrupt)l?(?:s|ed|ing)? (?:the |its |current |active |running |ongoing ){0,2}"
    r"(?:response|answer|reply|generation)\b",
    r"取消(?:当前)?(?:响应|回复|回答)",
)
NO_MICROPHONE = pattern(
    r"\bnotallowederror\b(?!.{0,20}\bplay\()|\bgetusermedia\b.{0,60}(?:denied|not allowed|refused)|"
    r"notreadableerror|could not create record track|uninitialized audiorecord|"
    r"requested device not found|reading ['\"]getusermedia|"
    r"\bportaudioerror\b|\[errno -99(?!81)\d\d\]|no (?:default )?(?:audio )?input device",
    r"\b(?:mic(?:rophone)?|audio ?record|record_audio)\b.{0,40}"
    r"\b(?:denied|not (?:granted|allowed|authori[sz]ed)|refused)\b",
    r"麦克风权限.{0,8}(?:拒绝|未)|マイク.{0,12}(?:拒否|許可されて)",
)
"""A browser or a system that gives the client none."""
LEVEL = Phrase(r"\b(?:rms|level|volume)\W{1,3}0")
"""A meter that shows nothing, which a moment of silence explains."""
IDLE = pattern(
    r"\bno (?:speech|input|audio|voice|activity|user (?:input|speech)|[\w.]{0,20}speech_started)\b.{0,30}?"
    r"\b\d{1,4} ?(?:s|sec\w*|min\w*)\b",
    r"\b\d{1,4} ?(?:s|sec\w*)\b.{0,16}\bno (?:speech|input|audio|voice)|\bstill no (?:speech|input|audio)",
    r"\d{1,4} ?秒.{0,4}(?:无|没有)(?:输入|语音|声音)",
)
"""A client counts how long nobody has spoken."""
_NOT = (
    r"\b(?:never|not|no|don['’]?t|doesn['’]?t|didn['’]?t|can['’]?t|cannot|isn['’]?t|won['’]?t|without|"
    r"(?<!user )(?<!users )(?<!caller )(?:stopped|stops))\b"
)
_CLAUSE = r"(?:[^.,;]|\.(?=\w)){0,60}?"
_WHO = r"(?:I|the (?:user|caller|customer)|they|people)(?: am| are| is|['’]m|['’]s)? ?(?:have |has |can |even )?"
OVER = pattern(
    r"(?<!not )(?<!n't )\b(?:fixed|solved|resolved)\b|\b(?:works?|working|fine|great|good|perfect\w*) now\b",
    r"\bno (?:more )?(?:static|noise|echo|crackl\w{0,4}|distort\w{0,4}|delays?|gaps?|issues?|problems?)\b",
)
"""Said of what was wrong, and is not."""
STILL = pattern(r"\b(?:but|however|except|although|still|again)\b")
ADVICE = pattern(
    r"^\W*(?:do not|don['’]t|never|always|avoid|please|be|keep|speak|talk|sound|respond|answer|use|make sure|try|check|"
    r"when(?:ever)? (?:the|you|a)|you(?:['’]re| are| must| should| will| can))\b|"
    r"\bif (?:you|your|the|there|a|an)\b"
)
"""What a prompt or a manual says: it tells what is to be done, and not what happened."""
GUESS = pattern(r"\b(?:maybe|perhaps|possibly|I (?:think|guess|suspect|assume)|might|my guess)\b")
_SPEAKS = r"(?:respon|answer|repl|speak|start)"
COMPLAINTS: dict[str, Phrase] = {
    "slow": pattern(
        r"\b(?:delay|latency|lag(?:s|gy|ging)?|slow(?:ly)?|waits?)\b.{0,60}\b(?:sec|" + _SPEAKS + ")",
        r"\b" + _SPEAKS + r"\w{0,6}\b.{0,60}\b(?:delay|latency|slow|lag|too late|too long|\d+ sec)",
        r"\btakes? (?:too|very|so) long|\b\d+ ?(?:s|sec\w*) (?:before|until|after)\b.{0,30}\b" + _SPEAKS,
        r"verzögerung|dauert (?:zu|sehr) lange|很慢|延迟|trop lent|tarda (?:mucho|demasiado)",
    ),
    "itself": pattern(
        r"\b(?:talk|speak|answer|respond|repl|listen|hear|interrupt|cut|trigger)\w{0,4}\b.{0,16}(?<!by )\bitself\b",
        r"\b(?:hears?|answers?|transcribes?|picks? up|records?)\b.{0,16}\b(?:its|his|her|(?:agent|bot|ai)['’]s) own\b",
        r"\bmic\w{0,8}\b.{0,40}\b(?:records?|hears?|picks? up|captures?)\b.{0,16}\b(?:bot|agent|ai|tts)\b",
        r"\bmic\w{0,8}\b.{0,40}\b(?:captur|pick|hear|re-?open)\w{0,4}\b.{0,40}"
        r"\b(?:(?:end|part) of (?:the|its)|before|while)\b.{0,40}\b(?:announce|playback|finish|" + _SPEAKS + ")",
        r"自言自语|自问自答|自己(?:打断|识别|回答)了?自己|自分の声|(?:spricht mit|hört|unterbricht) sich selbst",
        r"se (?:écoute|parle|répond|escucha|responde|habla) (?:lui|elle|a sí|sol[ao])",
    ),
    "echo": pattern(
        r"\b(?:its|(?:bot|agent|assistant|ai)['’]s) own (?:voice|speech|audio|words|output|question|answer)",
        r"\b(?:with(?:out)?|on|no) (?:a |laptop )?(?:head(?:phones?|set)|earphones|earbuds|(?:loud ?)?speakers?)\b",
        r"(?:ヘッドホン|イヤホン)なし|スピーカーで|没戴耳机|外放|ohne (?:kopfhörer|headset)|sans casque",
    ),
    "format": pattern(
        r"chipmunk|fast.?forward|sped up|slow(?:ed)?[- ](?:motion|down)|\bgarbled",
        r"\bhigh.pitched|\b(?:only|just|hear|persistent|white|pure) (?:a |some )?(?:static|noise|hiss)",
        r"\bstatic\b.{0,20}\b(?:noise|audio|sound)|gibberish|rauschen|verzerrt|杂音|噪音|grésille|雑音",
        r"\b(?:audio|sound|voice|call)\b.{0,30}\b(?:degrad|turn|becom)\w{0,3}\b.{0,12}\b(?:static|noise)\b",
        r"(?:sounds?|audio|speech|voice|plays?|speaks?)\b.{0,24}\b(?:too|very|twice as) (?:fast|slow|high|low)\b",
    ),
    "tail": pattern(
        r"\b(?:(?:last|final) (?:\w+ ){0,2}(?:words?|syllables?|sentence|parts?|seconds?)|(?:end|tail) of)\b.{0,40}"
        r"\b(?:missing|cut|lost|gone|swallowed|truncated|clipped|never)\b",
        r"\bcut(?:s|ting)?[ -]?off\b.{0,24}\b(?:last|end)\b",
        r"\b(?:miss|cut|los|clip|truncat)\w{1,4} (?:off )?the (?:last|end|final)\b",
        r"letzte (?:wort|silbe)|dernier mot|最后(?:几个字|一句|一个字)|última palabra",
    ),
    "silence": pattern(
        r"\bno (?:sound|audio|voice)\b|\b(?:hear|play)s? nothing\b|\b(?:completely |totally )?silent\b|kein ton",
        _NOT + r".{0,20}\bhear (?:anything|it|any|the|a)\b|\bno clip to play|\bonly (?:get |see )?text\b",
        r"没有?声音|没有音频|無音|aucun son|höre nichts|no se oye|音が(?:出|で)ない",
    ),
    "twice": pattern(
        r"\btwice\b|\btwo times\b|\b(?:two|2) (?:answers|responses|replies|voices)",
        r"\bdouble[sd]? (?:answers?|responses?|repl)",
        r"\bduplicated? (?:answers?|responses?|repl|audio)|doppelt|zweimal|两次|两遍|deux fois|dos veces|二回|2回",
        r"\b(?:same|every) (?:answer|response|thing|reply)\b.{0,20}\bagain",
    ),
    "no-reply": pattern(
        _NOT + r".{0,24}\b(?:talk|answer|respond|repl|speak|say)\w{0,6}\b|\bno (?:answer|response|reply)\b",
        r"\b(?:response|answer|reply)\b.{0,4}" + _NOT + r".{0,8}\b(?:triggered|created|generated|coming|played)\b",
        _NOT + r" (?:create|generate|give|get|produce|receive)s? (?:an? |any |me )?(?:response|reply|answer)\b",
        r"\bhangs?\b|\bstuck\b|\bgoes (?:silent|quiet)|\bnothing happens|keine antwort|antwortet nicht|不回|没有回复",
        r"没反应|没有反应|no (?:responde|contesta)|ne répond (?:pas|plus)|返事(?:が|を)(?:ない|しない)|não responde",
    ),
    "tool": pattern(
        r"\b(?:function|tool)[ /-]?(?:calls?|calling|tool call)\b.{0,40}\b(?:stops|hangs|goes silent|stays silent)\b|"
        r"\b(?:no (?:voice|audio|response|answer|reply)|stops|silent)\b.{0,30}\bafter (?:\w+ )?(?:tool|function)",
        r"\bafter (?:a |the |any |each |every )?(?:tool|function)[ -]?calls?\b.{0,40}\b(?:silent|nothing|stops|hangs|"
        r"no (?:response|answer|reply|audio|voice)|(?:not|never|n['’]t) (?:respond|answer|reply|speak|say))",
    ),
    "deaf": pattern(
        r"\bdeaf\b|"
        + _NOT
        + r".{0,24}\b(?:hears?|listen\w{0,3}|pick(?:s|ing)? up) (?:me|anything|again|my|the user)\b",
        r"\b(?:mic(?:rophone)?|stays?|remains?)\b.{0,24}\b(?:muted|off|closed)\b.{0,16}\b(?:for ?ever|after|again)",
        r"听不到|听不见|hört (?:mich )?nicht|n['’]entend (?:pas|plus)",
    ),
    "stops": pattern(
        r"\b(?:stop|cut|break|interrupt|silenc|pause)\w{0,5}\b.{0,40}\b(?:mid[- ]?(?:sentence|word|way)|middle|random)",
        r"\b(?:stop|cut|break|interrupt)\w{0,5}\b.{0,40}\bhalf (?:way|of)|mitten im satz|说到一半",
        r"\bkeeps (?:stopping|cutting out|getting interrupted)|途中で.{0,6}(?:止|切)",
        r"au milieu d|a mitad de|bricht (?:immer |ständig )?ab",
    ),
    "cut": pattern(
        r"\b(?:interrupt|cut)\w{0,4} (?:me|users?|callers?|people|customers?)\b|\bins wort\b|\btoo (?:early|soon)\b",
        r"\b(?:before|while) " + _WHO + r"(?:finish|done|still|stop|speak|talk)",
        r"\bhalf (?:a |of (?:a|the|my) )?sentence|\bpauses?\b.{0,30}\b(?:turn|ends?|commit|cuts?|split)",
        r"\b(?:one|single|same|continuous|an?) (?:\w+ )?(?:utterance|sentence|phrase)s?\b.{0,40}"
        r"\b(?:split|fragment\w*|(?:two|several|multiple|separate) (?:\w+ )?(?:turns|pieces|items|messages|parts))",
        r"\bsplit\w* (?:one|a|my|the) (?:\w+ )?(?:utterance|sentence)",
        r"没说完|还没说完|(?:me|nous) coupe|me interrumpe|bevor ich fertig",
    ),
    "noise": pattern(
        r"\b(?:noises?|cough\w*|clapping|breath\w*|m+-?hm+|uh-?huh|backchannels?|keyboard)\b.{0,80}"
        r"\b(?:interrupt|cut|cancel|abort|stop|trigger)(?!\w{0,6} (?:no|nothing))",
        r"\b(?:interrupt|cut|cancel|abort|stopp?)(?:s|ed|ted)\b.{0,24}\bby (?:\w+ ){0,2}(?:noise|cough|echo|breath)",
    ),
    "no-transcript": pattern(
        _NOT + _CLAUSE + r"\b(?:transcri|(?:speech|voice) recognition|input_audio_transcription|user_speech_committed)",
        r"\b(?:input_audio_transcription|user_speech_committed)\b.{0,40}" + _NOT,
        r"\btranscri\w{1,8}\b" + _CLAUSE + _NOT,
        r"\btranscri\w{1,8}\b.{0,30}\b(?:null|nil|empty|blank|missing|fails|failing|stopp?ed working)\b",
    ),
    "invented": pattern(
        r"\b(?:nobody|no ?one|no-one)\b.{0,24}\b(?:said|saying|says|spoke|speaking|talk|in the room|there)",
        r"\b(?:said|saying|spoke) nothing\b|\bwithout (?:saying|speaking)|\bwhile (?:I (?:am|was) )?silent",
        r"\b(?:I|we|s?he|they|users?|callers?|customers?|people|while|when)\b.{0,12}" + _NOT + r" (?:sa(?:y|id)|speak)",
        r"hallucinat|phantom|\b(?:random|made[- ]up|invented) (?:words|text|sentences|transcripts?|phrases)",
        r"niemand (?:hat )?(?:etwas )?(?:gesagt|spricht)|personne n['’]a (?:rien )?(?:dit|parlé)|没人说话",
    ),
}
"""What somebody is sorry about -> the ways of saying it."""
