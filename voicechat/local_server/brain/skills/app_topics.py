"""What the guide knows about voicechat: words that name a thing, and what to say about it. Keys are the defaults.

Help about voicechat itself: its keys, its settings, and how to get more out of it.
"""

from __future__ import annotations

import re

from voicechat.local_server.brain.skill import Ask, Reply, say

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


TOPICS: tuple[tuple[str, str], ...] = (
    (
        r"\bpush to talk\b|\bspace ?(?:bar|key)?\b|\bhold to talk\b|\bhold\b.*\bkey\b|\bptt\b|\blatch\b"
        r"|\bhow (?:do|can|should) i (?:talk|speak)\b"
        r"|\bwalkie\b",
        "Hold Space while you speak and release it to send. A short tap latches the microphone open; tap "
        "again to send. "
        "F8 or Control Space does the same while you type. In hands-free mode Space pauses the microphone.",
    ),
    (
        r"\bunmute\b|\bmute\b|\bmicrophone off\b|\bturn off (?:the |my )?(?:mic|microphone)\b"
        r"|\bstop listening\b|\bpress m\b|\bm key\b|\bkey m\b",
        "Press M to mute the microphone, and M again to open it. A mute wins over every other way to talk.",
    ),
    (
        r"\bturn mode\b|\bhands free\b|\bopen mic(?:rophone)?\b|\bo key\b|\bkey o\b|\bpress o\b"
        r"|\b(?:switch|change)\b.*\bmodes?\b",
        "Press O to switch between hands-free, where the microphone is open, and push-to-talk, where you hold Space.",
    ),
    (
        r"\bbarge in\b|\bbarging\b|\binterrupt(?:ing|ion|ions)?\b|\bcut (?:in|you off)\b|\btalk over\b"
        r"|\bb key\b|\bkey b\b|\bpress b\b",
        "With barge-in on you can talk over me and I stop. B turns it on or off. Holding Space interrupts in any mode, "
        "and Escape or F9 stops me without a word.",
    ),
    (
        r"\b(?:stop|silence|cancel|end|shut)\b.*\b(?:you|answer|talking|speaking|reply|up)\b|\bescape\b"
        r"|\besc\b|\bf ?9\b",
        "Press Escape or F9, and I stop at once.",
    ),
    (
        r"\breconnect\b|\bask again\b|\b(?:lost|broken|bad) (?:line|connection)\b|\br key\b|\bkey r\b"
        r"|\bpress r\b|\boffline\b.*\bkey\b",
        "Press R to reconnect when the line is down, or to ask again when an answer is missing.",
    ),
    (
        r"\b(?:type|typing|text message|write (?:to you|a message|instead|something|text))\b|\bi key\b"
        r"|\bkey i\b|\bpress i\b|\bwithout (?:a )?microphone\b",
        "Press I, type your message and press Enter. Escape leaves the text field.",
    ),
    (
        r"\bf ?2\b|\bevents?\b|\bdeveloper\b|\bdebug\b|\bwire\b|\be key\b",
        "F2, or E, shows every event that travels between you and the server.",
    ),
    (
        r"\bvolume\b|\blouder\b|\bquieter\b|\bsofter\b|\btoo (?:loud|quiet)\b|\bturn (?:it|you"
        r"|yourself) (?:up|down)\b|\bminus key\b|\bequals key\b",
        "Press the equals key to make me louder and the minus key to make me quieter.",
    ),
    (
        r"\bdeaf(?:en|ened)?\b|\bcaptions?\b|\bloudspeaker off\b|\bspeaker off\b|\bsilent mode\b|\bcapital d\b",
        "Press capital D to switch the loudspeaker off or on. The captions go on.",
    ),
    (
        r"\bcopy\b|\bclipboard\b|\by key\b",
        "Press Y to copy the newest turn, or capital Y to copy the whole conversation.",
    ),
    (
        r"\bscroll\b|\bfollow\b|\bnewest\b|\bend key\b",
        "Scroll up to look back; End or capital G follows the newest again. Enter unfolds a folded turn.",
    ),
    (
        r"\b(?:quit|exit|leave|close|hang up|end)\b.*\b(?:app|application|program|voicechat|voice chat"
        r"|session|conversation|call|this|here)\b"
        r"|\bhow (?:do|can) i (?:quit|exit|leave|get out|hang up|end)(?:$| of (?:here|this)\b)|^(?:quit|exit)$",
        "Press Q twice within two seconds, or Control Q, to leave. Colon and then end closes the session only.",
    ),
    (
        r"\bpresets?\b|\bbalanced\b|\bsteady\b|\bquick (?:mode|preset|setting)\b",
        "There are three presets. Balanced: you can talk over me, once it is surely you. Steady: no interrupting, and "
        "I answer only what was understood. Quick: the microphone stays open and the server interrupts. "
        "Start with voicechat --preset and the name.",
    ),
    (
        r"\bopen ?a ?i\b|\bprovider\b|\bapi key\b|\breal assistant\b|\bbetter (?:assistant|model|voice)\b"
        r"|\bgpt\b|\bchat ?gpt\b",
        "To talk with OpenAI, put your key into the environment variable OPENAI_API_KEY and start "
        "voicechat --provider openai. Any server of the same kind works with --provider custom and --base-url.",
    ),
    (
        r"\bolla?ma\b|\bo llama\b|\blanguage models?\b|\bl ?l ?m\b|\blocal model\b|\bsmarter\b"
        r"|\bmore intelligent\b|\blm studio\b|\bllama\b"
        r"|\bget (?:better|clever)\b|\bcleverer\b",
        "Install Ollama, LM Studio, llama dot cpp or vLLM on this computer and start a model, for example with "
        "ollama run llama3.2. I look for it at the start of each session and use it by myself. "
        "Another address goes into --brain-url.",
    ),
    (
        r"\bthemes?\b|\b(?:the|screen|other|different|change) colou?rs?\b|\bdark mode\b|\blight mode\b"
        r"|\blamplight\b|\bdaylight\b",
        "The themes lamplight and daylight are built in. voicechat themes lists them; start with --theme and a name.",
    ),
    (
        r"\bdevices?\b|\bheadphones\b|\bheadset\b|\b(?:choose|change|other|another|which|select) (?:a "
        r"|the |my )?(?:microphone|mic|loudspeaker|speaker)\b",
        "voicechat devices lists microphones and loudspeakers. Start with --mic or --speaker and part of the name.",
    ),
    (
        r"\bsilence duration\b|\bhow long\b.*\b(?:wait|silence)\b|\bwait(?:ing)? (?:longer|shorter)\b"
        r"|\bend of (?:my )?(?:turn|speech)\b"
        r"|\bcut(?:s|ting)? me off\b|\bpauses?\b",
        "The server decides that you have finished after half a second of silence. The setting is called "
        "silence duration; the preset quick waits 200 milliseconds. With push-to-talk you decide yourself.",
    ),
    (
        r"\bthreshold\b|\bsensitiv\w+\b|\bbackground noise\b|\bnoisy\b",
        "The threshold is how sure the detector must be that it hears a voice, from 0 to 1. The usual value is 0.5; "
        "a higher one ignores more noise.",
    ),
    (
        r"\bprefix padding\b|\bpadding\b|\bfirst (?:word|syllable)\b",
        "Prefix padding is the sound kept from before your voice was noticed, usually 300 milliseconds, so that the "
        "first syllable is not lost.",
    ),
    (
        r"\becho (?:cancel\w*|problem)\b|\bfeedback\b|\bhear(?:s|ing)? (?:itself|yourself)\b|\bnoise suppression\b",
        "Echo cancelling, noise suppression and gain control are on. With headphones you may start me with "
        "--headphones, since there is no echo to cancel then.",
    ),
    (
        r"\b(?:change|other|another|different|which|more|male|your) voices?\b|\bvoice setting\b",
        "The offline engine has one English voice, called heart. With --provider openai and a key there are more.",
    ),
    (
        r"\b(?:other|another|different|foreign) languages?\b|\blanguages? (?:do|can|are|is|you|there)\b"
        r"|\bspeak (?:german|french|spanish"
        r"|italian|chinese|russian|dutch|polish)\b",
        "The offline engine understands and speaks only English. For other languages start voicechat --provider openai "
        "with a key.",
    ),
    (
        r"\brebind\b|\bchange (?:the |a |my )?keys?\b|\bconfig(?:uration)?\b|\bsettings?\b|\boptions\b",
        "Settings live in the file config.toml, in environment variables that begin with VOICECHAT, or behind two "
        "dashes on the command line. Keys can be changed in its section keys. voicechat --help lists the options.",
    ),
    (
        r"\bprivacy\b|\bprivate\b|\brecord(?:ed|ing)?\b.*\bme\b|\b(?:internet|cloud|online|network)\b"
        r"|\bwho (?:hears|listens)\b|\bare you listening\b",
        "Everything happens on this computer: hearing, thinking and speaking. Nothing is sent to the internet.",
    ),
    (
        r"\b(?:which|what|all|list|show|explain|about)\b.*\b(?:keys?|shortcuts?|key bindings?|commands)\b"
        r"|^keyboard$|\bkeyboard (?:help|card|shortcuts?)\b|\bcheat ?sheet\b|\bhow does (?:this|it) work\b"
        r"|\bhow do i use\b|\bquestion mark\b",
        "Space talks, M mutes, O switches hands-free and push-to-talk, B is barge-in, Escape or F9 stops me, "
        "I types a message, R asks again, F2 shows the events, minus and equals change the volume, capital D silences "
        "the loudspeaker, and Q twice leaves. The question mark shows them all.",
    ),
)
"""Pattern over the heard line, answer. The first that matches wins, so the special come before the general."""
