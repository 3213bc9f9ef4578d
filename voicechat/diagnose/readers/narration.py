"""What a client says of itself in its log: it mutes, it waits, a timer of its own fires, it asks somebody else.

These sentences are evidence as good as events, and some causes show nowhere else. English and Chinese, as the logs are
that were seen. A sentence about what will be done, or is waited for, is not told as done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_MIC = (
    r"(?:mic(?:rophone)?s?\b|麦克风|麦\b|录音|(?:local |input )?audio (?:input|track|capture)|recorder\b|input track)"
)
_CLOSE = (
    r"(?:\b(?:mut(?:e|ed|ing)|disabl(?:e|ed|ing)|paus(?:e|ed|ing)|stopp?(?:ed|ing)?|clos(?:e|ed|ing)|suspend(?:ed|ing)?|"
    r"turn(?:ed|ing)? off|gat(?:e|ed|ing))\b|静音|关闭|停止|暂停|禁用)"
)
_OPEN = (
    r"(?:\b(?:un-?mut(?:e|ed|ing)|(?:re-?)?enabl(?:e|ed|ing)|resum(?:e|ed|ing)|re-?open(?:ed|ing)?|open(?:ed|ing)?|"
    r"re-?activat(?:e|ed|ing)|restor(?:e|ed|ing)|turn(?:ed|ing)? on)\b|取消静音|解除静音|打开|开启|恢复|重新(?:打开|开启|启用)|启用)"
)
_FAR = r"[^.;。；\n]{0,40}?"
_MIC_OPENED = re.compile(
    rf"{_OPEN}{_FAR}{_MIC}|{_MIC}{_FAR}{_OPEN}|\bunmuted\b|mic(?:rophone)? (?:is )?(?:on|live)\b", re.I
)
_MIC_CLOSED = re.compile(rf"{_CLOSE}{_FAR}{_MIC}|{_MIC}{_FAR}{_CLOSE}|mic(?:rophone)? (?:is )?off\b", re.I)
_UNDONE = re.compile(
    r"\b(?:will|waiting|wait(?:s)? (?:for|until)|until|once|pending|scheduled?|in \d+ ?m?s|should|would|going to|"
    r"cannot|can't|could not|couldn't|failed to|not|never|skip(?:ping|ped)?|already|trying to|try to|if)\b|"
    r"等待|稍后|将在|将会|准备|即将|未|无法|失败|跳过|已经|尚未|不",
    re.I,
)
_FOR_ANSWER = re.compile(
    r"assistant|\bAI\b|\bbot\b|model|agent|speak|talk|playback|playing|response|answer|echo|tts|"
    r"播放|回复|回答|响应|说话|助手|机器人|回声|回音",
    re.I,
)
_BY_USER = re.compile(r"\buser\b|button|click|tapp?ed|hotkey|toggle|用户|手动|点击|按钮", re.I)
_WAITS = re.compile(r"\bwait(?:ing|s)?\b.{0,60}|等待.{0,60}", re.I)
_FALLBACK = re.compile(
    r"(?:fall-?back|safety|watchdog|failsafe|backup|guard).{0,24}(?:timer|timeout|unmut|reopen|fired|trigger)|"
    r"(?:timer|timeout).{0,24}(?:fired|expired|elapsed|reached|hit|triggered)|force(?:d|-)? ?(?:unmut|reopen|resum)|"
    r"兜底|超时.{0,12}(?:恢复|打开|强制|触发)|定时器.{0,8}(?:触发|到)|强制(?:恢复|打开|取消静音)",
    re.I,
)
_ZEROS = re.compile(
    r"\ball[- ]zeros?\b|only zeros|zero(?:ed)?[- ](?:data|samples?|bytes|buffer|audio)|audio (?:data )?is (?:all )?(?:zeros?|empty)|"
    r"(?:no audio|empty audio) (?:data|samples|frames|input) (?:from|captured|received|detected|in)|silent (?:mic|microphone|input) detected|"
    r"全(?:部)?(?:是|为)?(?:0|零)|零数据|数据(?:全)?为(?:0|零|空)|没有音频数据|无音频数据|音频数据为空",
    re.I,
)
_SIDE = re.compile(
    r"(?:POST|GET|fetch|request(?:ing|ed)?|call(?:ing|ed)?|请求|调用).{0,60}(?:chat/completions|/v1/responses\b|translat|翻译|summar)|"
    r"(?:translat\w*|翻译|摘要|summar\w*|side) ?(?:request|call|api|请求|接口).{0,20}|(?:开始|发起|正在)翻译|start(?:ing)? translation",
    re.I,
)
_ENDS = re.compile(
    r"(?:user|manual\w*|用户|手动|主动).{0,12}(?:disconnect|hang|end|clos|stop(?:ped)? (?:the )?(?:session|call|conversation)|挂断|断开|结束)|"
    r"\b(?:hang(?:ing)? up|hung up|disconnect(?:ing)?\(\)|ending (?:the )?(?:session|call|conversation)|session ended by)|"
    r"结束(?:会话|通话|对话)|挂断|clean(?:ing)? ?up (?:session|connection)|dispos(?:e|ing)\b",
    re.I,
)
_ACTS = re.compile(
    r"\b(?:user|you) (?:interrupt|press|click|tapp|cancel|stopp|hit)|(?:stop|cancel|interrupt) (?:button|key)|"
    r"barge-?in|用户(?:打断|点击|按下|取消|停止)|打断|手动(?:停止|取消|打断)",
    re.I,
)
_LOST = re.compile(
    r"(?:web ?socket|data ?channel|peer ?connection|connection|ice|dtls|rtc|socket|连接|数据通道)"
    r".{0,40}(?:fail(?:ed|ure)|lost|dropped|unexpected|abnormal|reset|timed out|error|失败|丢失|异常|中断|意外)|"
    r"(?:连接|网络)(?:已)?(?:断开|丢失|中断)|onclose.{0,30}(?:1006|1011|1012|1013|4\d\d\d)|"
    r"close(?:d)?.{0,24}\b(?:code)?[ =:(]*(?:1001|1006|1011|1012|1013|4\d\d\d)\b",
    re.I,
)
_CLOSE_CODE = re.compile(r"\b(1001|1006|1008|1011|1012|1013|4\d\d\d)\b")
_STATUS = re.compile(
    r"(?:HTTP(?:/\d(?:\.\d)?)?|status(?: ?code)?|状态码|response|server|返回|rejected|failed|error|Error|错误)[^\d\n]{0,24}\b([45]\d\d)\b|"
    r"\b([45]\d\d) (?:Unauthorized|Forbidden|Not Found|Too Many Requests|Service Unavailable|Payment Required|Bad Request|Internal Server Error)",
    re.I,
)
_HANDSHAKE = re.compile(
    r"realtime|sdp|handshake|client_secret|ephemeral|session|connect|websocket|wss?://|webrtc|token|/calls|openai|连接|会话|握手",
    re.I,
)
_PLAYS = re.compile(
    r"(?:playback|audio play(?:ing|back)?|assistant audio|player|播放)[^.\n]{0,16}(?:start(?:ed)?|began|begins|开始)|"
    r"(?:start(?:ed|ing)?|began) (?:audio )?playback|开始播放",
    re.I,
)
_PLAYED = re.compile(
    r"(?:playback|audio play(?:ing|back)?|assistant audio|player|queue|播放)[^.\n]{0,16}(?:finish(?:ed)?|end(?:ed)?|complet(?:e|ed)|stopped|drained|结束|完成|完毕)|"
    r"(?:finish(?:ed)?|done|stopped) play(?:ing|back)|播放(?:结束|完成|完毕|停止)",
    re.I,
)
_KEY_DOWN = re.compile(
    r"(?:push[- ]to[- ]talk|ptt|talk (?:key|button)|按住说话|长按).{0,20}(?:down|press|start|began|开始|按下)", re.I
)
LONGEST = 400
"""Characters of a line that are looked at."""
_HINTS = re.compile(
    r"mic|mut|麦|静音|录音|audio|timer|timeout|wait|等待|兜底|超时|定时|强制|zero|零|数据|POST|GET|fetch|request|call|translat|翻译|summar|"
    r"摘要|请求|user|用户|hang|disconnect|end|结束|挂断|clean|dispos|barge|打断|手动|button|socket|channel|connection|ice|dtls|连接|"
    r"网络|close|HTTP|status|状态|[45]\d\d|play|播放|ptt|push|按住|fallback|fall-back|force",
    re.I,
)


def narrated(line: str) -> Iterator[Mapping[str, Any]]:
    """The local events that a sentence tells of; none for most sentences."""
    said = line[:LONGEST]
    if _HINTS.search(said) is None:
        return
    yield from _of_microphone(said)
    if _FALLBACK.search(said):
        yield {"type": "client.fell_back", "told": said}
    elif _WAITS.search(said) and (_MIC_OPENED.search(said) or "_buffer." in said or "response." in said):
        yield {"type": "client.waits", "told": said}
    if _ZEROS.search(said) and not re.search(r"\bnot\b|并非|不是", said):
        yield {"type": "mic.flat", "told": said}
    if _SIDE.search(said):
        yield {"type": "client.asked_aside", "told": said}
    yield from _of_playback(said)
    yield from _of_acts(said)
    yield from _of_line(said)


def _of_microphone(said: str) -> Iterator[Mapping[str, Any]]:
    undone = _UNDONE.search(said) is not None
    if _MIC_OPENED.search(said):
        if not undone:
            yield {"type": "mic.opened", "told": said}
    elif _MIC_CLOSED.search(said) and not undone:
        if _BY_USER.search(said) and not _FOR_ANSWER.search(said):
            yield {"type": "mute.chosen", "muted": True, "told": said}
        yield {"type": "mic.closed", "why": "answer" if _FOR_ANSWER.search(said) else "", "told": said}


def _of_playback(said: str) -> Iterator[Mapping[str, Any]]:
    if _PLAYED.search(said):
        yield {"type": "playback.ended", "told": said}
    elif _PLAYS.search(said) and _UNDONE.search(said) is None:
        yield {"type": "playback.began", "told": said}


def _of_acts(said: str) -> Iterator[Mapping[str, Any]]:
    if _KEY_DOWN.search(said):
        yield {"type": "talk.pressed", "told": said}
    elif _ENDS.search(said):
        yield {"type": "end.asked", "told": said}
    elif _ACTS.search(said):
        yield {"type": "stop.pressed", "told": said}


def _of_line(said: str) -> Iterator[Mapping[str, Any]]:
    status = _STATUS.search(said)
    if status is not None and _HANDSHAKE.search(said):
        yield {"type": "line.failed", "status": int(status[1] or status[2]), "message": said}
    elif _LOST.search(said) and not re.search(r"reconnect(?:ed|ion successful)|重连成功|retry", said, re.I):
        code = _CLOSE_CODE.search(said)
        yield {"type": "line.lost", "reason": said.strip()[:160], "close_code": int(code[1]) if code else None}
