"""Sentences for the practice partner, written before it: what must never make it act, and what must.

With `TOOLS` offered. Every row of `NEVER` is a negation, a question about a thing, or a half-heard command.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from voicechat.local_server.brain import FunctionTool, Output, Say

NOON = datetime(2026, 11, 21, 15, 7, tzinfo=ZoneInfo("Europe/Berlin"))
"""Saturday, 3:07 in the afternoon."""


def said(outputs: Iterable[Output]) -> str:
    """The spoken part of an answer."""
    return " ".join(output.text for output in outputs if isinstance(output, Say))


def _tool(name: str, description: str, **properties: dict[str, object]) -> FunctionTool:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return FunctionTool(name, description, parameters)


TOOLS = (
    _tool("get_weather", "Get the current weather in a city", city={"type": "string"}),
    _tool("set_timer", "Set a timer that rings", minutes={"type": "integer"}),
    _tool("lock_door", "Lock the front door of the house"),
    _tool(
        "set_light",
        "Switch a light in the house on or off",
        room={"type": "string", "enum": ["kitchen", "bedroom"]},
        on={"type": "boolean"},
    ),
    _tool("search_documents", "Find documents about a topic", query={"type": "string"}),
    _tool("add", "Add two numbers", a={"type": "number"}, b={"type": "number"}),
)

NEGATIONS = """
Do not set a timer. | Don't set a timer for five minutes. | Please don't lock the door.
Never lock the door. | Do not lock the door yet. | I do not want you to lock the door.
You should not turn on the kitchen light. | Don't switch on the light in the kitchen. | No kitchen light, please.
Please do not turn the bedroom light off. | Not the kitchen light. | Set no timer.
Don't tell me the time. | I don't want to know what time it is. | I didn't ask what time it is.
Do not tell me a story. | Please don't tell me a long story. | No story today. | I never want to hear a story again.
Don't stop. | Do not stop talking. | Never stop. | Please don't be quiet. | I did not say stop. | Don't you dare stop.
Do not repeat after me. | Don't repeat that. | Please don't say that again. | You must not say hello.
Don't call get weather. | Do not search documents about whales. | I can't lock the door. | I won't set a timer.
Don't add two and three. | Do not go on. | Don't continue. | It is not twelve times seven.
Without the weather in Paris, please. | Let's not lock the door. | There is no need to lock the door.
I'd rather you didn't tell me the time. | There's no need to tell me the date.
Stop telling me not to lock the door, I said don't. | Nobody asked you for a story.
I don't need the sum of two and two. | Forget the timer. | Under no circumstances lock the door.
Do anything except lock the door. | Turn on nothing. | You needn't repeat after me. | I would hate to hear a story.
Avoid setting a timer. | Refuse to lock the door. | Hardly ever lock the door.
Rather than locking the door, leave it. | The time doesn't matter. | Don't even think about twelve times seven.
Not now, a story later. | Neither lock the door nor set a timer. | Keep talking, do not be quiet.
Quit asking me to say hello. | Leave the kitchen light alone. | I changed my mind about the timer.
Set a timer for five minutes, no, wait. | Set a timer for five minutes, cancel that.
Lock the door... actually leave it. | Tell me a story later. | Twelve times seven is not eighty.
"""

QUESTIONS = """
What is a timer? | How does a timer work? | Why did you set a timer? | Who set the timer? | Is the timer running?
What is weather? | How is weather predicted? | Why is the weather in Paris so bad? | Does the weather app work?
Who was the first president of France? | What is the door made of? | Is the door locked? | Who locked the door?
Did I lock the door? | Should I lock the door? | How do I lock the door? | What does it mean to lock the door?
What does the word stop mean? | Where is the bus stop? | Why did you stop? | When will it stop raining?
What is a story? | How long is the story? | Who wrote that story? | What is the story of Hamlet about?
What is time? | What time does the bank open? | What time zone is Paris in? | How much time do I have?
What is a date? | Who invented the kitchen light? | Is the kitchen light on? | How bright is the light in the kitchen?
What is twelve? | How many times did I call? | What does percent mean? | What is a number plus a number?
Why do people say hello? | What does repeat after me mean? | He told me to stop. | If I say stop, what do you do?
I locked the door yesterday. | My sister said lock the door. | They have documents about whales.
What is a stop sign? | I said time flies. | Is there time for a story? | Why is twelve times seven eighty four?
Who told you to repeat after me? | Where does the phrase good morning come from?
The date of the meeting has moved. | What time did the train leave? | What time will it be in an hour?
What day was the first of May? | What's the date of Christmas? | Tell me about the time you fell down.
The story of my life is dull. | Do you like telling stories? | What happens when I say be quiet?
My teacher used to shut up the dog. | Which tool would lock the door? | How would you set a timer?
Is five minutes a good timer? | Was the weather in Paris nice? | The weather in Paris was lovely yesterday.
What can a dog do? | Her name is Stop. | Has someone locked the door? | I wonder who set the timer.
Did you say two plus two? | When is it quiet in the library? | I hold on to the rail.
Wait for the beep is what the sign says. | Repeat after me is a game. | Say the word and I will stop.
Say, what time is it in Rome? | Lock the door? | Would you lock the door if I asked?
Tell me the weather in Paris sucks. | What is the weather in Paris tomorrow morning? | What is the time in Tokyo?
What day is it tomorrow? | Lock the door when I leave. | Call the door. | Use the door. | Get better.
"""

HALF_HEARD = """
What is twelve times | Twelve times | Times seven | What is the square root of | Lock the | The door
Set a timer for | Timer five | Turn on the | The kitchen | Tell me a | Tell me a long | What time | What is the
Weather in | What is the weather in the | Repeat after | Stop the | Search documents about the | Switch on the light in
What's the weather in winter? | Set a kite for five minutes | Lock the drawer
Turn on the chicken light | Call add with twenty
Tell me the | What is fifteen percent of | Say | Repeat | Say this: | Lo the door | Set a timer for some minutes
Set a timer for five | five minutes | Add seven to | Turn the light | Search | ocuments about whales
eather in Paris | Sto | Wha time | tell a stor | two plus | plus two | the date | The time | The story | A story
Switch off the | Who ar | Divide by three | Lock the door at | Lock the door in | Lock the door and
Lock the door is | Turn on the kitchen light for | Repeat after me, please. | Repeat this, please. | Repeat the, uh
Read the, no wait. | Say after me what? | Search for documents about | Call search documents | Check
"""


def _rows(text: str) -> list[str]:
    return [row.strip() for line in text.strip().splitlines() for row in line.split("|") if row.strip()]


NEVER = _rows(NEGATIONS) + _rows(QUESTIONS) + _rows(HALF_HEARD)
"""None of these may do more than tell what was heard."""

MUST: dict[str, str] = {
    "time: 3:07 PM": """What time is it? | What's the time? | Tell me the time. | Could you tell me what time it is?
        | um, what time is it now please | Do you know what time it is?
        | hey, what is the time | Please tell me what the time is. | Have you got the time?""",
    "say: Saturday, November 21, 2026": """What day is it today? | What is the date? | What's today's date?
        | Which day is it? | Tell me the date, please.""",
    "say: 84": """What is twelve times seven? | What's 12 times 7? | Twelve times seven. | Calculate 12 x 7.
        | Could you please tell me what 12 times 7 is? | How much is 12 multiplied by 7? | multiply twelve by seven
        | And what is 91 minus seven?""",
    "say: 12": "What is 15 percent of 80? | Divide 144 by 12. | The square root of 144. | And three plus nine?",
    "story": """Tell me a story. | Please tell me a long story about the sea. | Can you tell me a long story?
        | Tell me a story, please. | Read me a story. | I want to hear a long story.""",
    "quiet": """Stop. | Stop it. | Stop talking. | Please stop. | Be quiet! | Stop, wait a moment. | Okay, stop now.
        | Shut up. | That's enough. | Wait. | No, stop! | Hold on a second.""",
    "say: the quick brown fox": """Repeat after me: the quick brown fox. | Please repeat after me the quick brown fox.
        | Repeat the following text: "The quick brown fox." | Say the words the quick brown fox.""",
    "say: never give up": """Repeat after me: never give up. | Repeat this sentence: Never give up.
        | Can you repeat: never give up?""",
    "greet": "Hello. | Hi there! | Good morning. | Hello, how are you?",
    "who": """Who are you? | What can you do? | What can I say? | Help.
        | What is your name? | Tell me about yourself. | Who am I talking to? | What are you able to do?""",
    "model": """How do I get a better model? | How can I make you smarter? | How do I use Ollama?
        | Can I use a language model?""",
    'get_weather {"city": "Paris"}': """What is the weather in Paris? | What's the weather like in Paris today?
        | Tell me the weather in Paris. | Could you get the weather for Paris, please?
        | Call get weather with city Paris. | How is the weather in Paris? | I want to know the weather in Paris.""",
    'get_weather {"city": "New York"}': "What is the weather in New York right now?",
    'set_timer {"minutes": 5}': "Set a timer for five minutes. | Please set a 5 minute timer. | set timer minutes 5",
    "lock_door {}": "Lock the door. | Please lock the door. | Could you lock the door for me? | Call lock door.",
    'set_light {"room": "kitchen", "on": true}': """Switch on the light in the kitchen. | Turn the kitchen light on.
        | Turn on the kitchen light, please.""",
    'set_light {"room": "bedroom", "on": false}': "turn the bedroom light off | Switch off the light in the bedroom.",
    'search_documents {"query": "whales"}': "Search documents about whales. | Please search the documents for whales.",
    'add {"a": 20, "b": 22}': """Call add with 20 and 22. | Use the tool add with a 20 and b 22.
        | Call the add tool with a 20 and b 22.""",
}
"""What it must do, and the wordings that must make it."""
