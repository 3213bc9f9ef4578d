"""Conversations that a log tells in sentences: the causes that its turns show, and healthy talks told the same way."""

from __future__ import annotations

import pytest

from tests.insight.test_behaviour import read, told

BOT = "2026-01-02 10:00:{:06.3f} | DEBUG    | pipecat.transports.base_output:_bot:60 - Bot {} speaking"
USER = "2026-01-02 10:00:{:06.3f} | DEBUG    | pipecat.transports.base_input:_user:33 - User {} speaking"


def pipecat(*talk: tuple[float, str, str]) -> str:
    return "\n".join((BOT if who == "bot" else USER).format(t, act) for t, who, act in talk)


def cut_in_after(seconds: float) -> str:
    """Three answers, each cut in on so late."""
    talk, began = [], 0.0
    for _ in range(3):
        cut = began + seconds
        talk += [(began, "bot", "started"), (cut, "user", "started"), (cut + 0.1, "bot", "stopped")]
        talk += [(cut + 1.5, "user", "stopped")]
        began = cut + 2.5
    return pipecat(*talk)


ITEM = '{{"id": "i{0}", "type": "message", "role": "{1}", "content": ["{2}"], "interrupted": {3}}}'


def chat(*items: tuple[str, str, bool]) -> str:
    rows = (ITEM.format(n, role, words, str(cut).lower()) for n, (role, words, cut) in enumerate(items))
    return '{"items": [' + ",\n".join(rows) + "]}"


DATE = (("assistant", "Could you", True), ("user", "of May", False))
HUMMED = (("assistant", "The weather today is", True), ("user", "Mm-hmm.", False))
PHONE = """[{{"role": "agent", "message": "Hello, how can I help?", "time_in_call_secs": 0}},
{{"role": "user", "message": "I need an appointment", "time_in_call_secs": 5}},
{{"role": "user", "message": "{}", "time_in_call_secs": 21}}]"""
ECHO = """User: hello there
Assistant: Good morning, the museum opens at nine today.
User: the museum opens at nine today
"""
BROKEN = """Bot: Hello, can I know
User: I would like a table please
Bot: For how many
User: Sorry, for what?
Bot: Yes
User: For six of us
"""
KOREAN = """AI: Hello there, how can I help you today?
User: What is the weather like in Rome?
AI: It is sunny, with a light wind from the sea.
User: Thank you so much.
AI: You are welcome.
User: {}"""
FALSE_ALARM = "10:00:01 DEBUG livekit.agents - resumed false interrupted speech\n"
ASKED = """2026-01-02 10:00:01 agent: Good morning, how can I help you?
2026-01-02 10:00:05 user: I would like to change my booking
2026-01-02 10:00:{} {}
"""
LIVEKIT = 'DEBUG livekit.agents - received user transcript {{"user_transcript": "{}", "pid": 7}}\n'


@pytest.mark.parametrize(
    ("log", "code"),
    [
        (ECHO, "self-echo"),
        (ECHO.replace("User:", "[VOX] GA Transcription:").replace("Assistant:", "[VOX] GA Response:"), "self-echo"),
        (ECHO.replace("at nine today\n", "at ten I hope\n"), ""),
        ("Assistant: The small or the large one?\nUser: the large one\nAssistant: Done, goodbye.", ""),
        (cut_in_after(1.2), "barge-in-too-eager"),
        (cut_in_after(5.0), ""),
        (chat(*DATE, ("assistant", "Thank", True), ("user", "1995", False)), "segments-too-short"),
        (chat(*DATE, ("assistant", "Thank you.", False), ("user", "1995", False)), ""),
        (chat(*DATE, ("assistant", "Thank", True), ("user", "stop it", False)), ""),
        (ASKED.format("17", "user: Hello? Are you there?"), "no-response"),
        (ASKED.format("06", "agent: Sure, which one?\n2026-01-02 10:00:20 user: Are you there on Monday?"), ""),
        (
            "Agent: Sure, your name?\nUser: It is Ann and\nAgent: Go on.\nUser: Lee from the\nAgent: Yes?",
            "segments-too-short",
        ),
        ("Agent: Sure, your name?\nUser: It is Ann and\nAgent: Go on.\nUser: Lee from Rome.\nAgent: Yes?", ""),
        (BROKEN, "barge-in-too-eager"),
        (BROKEN.replace("\nUser", ".\nUser"), ""),
        (KOREAN.format("시청해 주신 여러분"), "transcript-hallucinated"),
        (KOREAN.format("And tomorrow?"), ""),
        (KOREAN.format("안녕하세요 반갑습니다") + "\nAI: 네, 안녕하세요!", ""),
        (chat(*HUMMED, *HUMMED), "barge-in-too-eager"),
        (chat(*HUMMED, ("assistant", "Six.", True), ("user", "And in Rome?", False)), ""),
        (PHONE.format("Hello? Are you there?"), "no-response"),
        (PHONE.format("On Friday, please."), ""),
        (FALSE_ALARM * 2, "barge-in-too-eager"),
        (FALSE_ALARM, ""),
        (LIVEKIT.format("Thanks for watching!"), "transcript-hallucinated"),
        (LIVEKIT.format("Thanks for the help."), ""),
        ("response done but not complete with status: incomplete", "response-incomplete"),
    ],
)
def test_cause_in_narrated_turns_is_found_and_its_healthy_twin_is_not(log: str, code: str) -> None:
    assert told(log) == ([code] if code else [])
    assert read(log).verdict != "healthy", "words tell of turns, and not that they were heard"


def test_sentences_beside_events_of_the_same_turn_give_their_words_only() -> None:
    event = '{"type": "input_audio_buffer.speech_started", "item_id": "item_1"}'
    assert read(f"{event}\nUser started speaking\nUser: hello there").reading.types == {
        "input_audio_buffer.speech_started": 1,
        "conversation.item.input_audio_transcription.completed": 1,
    }


@pytest.mark.parametrize(
    "line", ["User: root", "Agent: Mozilla/5.0 (X11)", "AI: gpt-realtime", "User: wss://a.example"]
)
def test_settings_are_not_read_as_turns(line: str) -> None:
    assert read(f"{line}\n{line}").verdict == "nothing read"
