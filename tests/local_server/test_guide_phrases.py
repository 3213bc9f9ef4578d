"""One question in many wordings, as people say them and as the recogniser writes them, gets its skill's answer."""

from __future__ import annotations

import re

from tests.local_server.guide_talk import Talk
from tests.support.each import each

PHRASES: dict[str, str] = {
    r"\b84\b": """What is twelve times seven? | What's 12 times 7? | twelve times seven | Twelve time seven. | 12 x 7
        | Could you please tell me what 12 times 7 is? | Calculate 12 times seven.
        | hey echo, what is 12 multiplied by 7
        | How much is 12 times 7? | what does twelve times seven make | multiply twelve by seven
        | Um, what's 12 * 7?""",
    r"\b85\b": "What is one hundred and five minus 20? | 105 minus twenty | subtract twenty from one "
    "hundred five | 105-20",
    r"\b1024\b": "two to the power of ten | What is 2 to the power of 10? | 2 raised to the power of 10 | 2^10",
    r"\b12\b": """what's the square root of 144 | Square root of one hundred forty-four. | 15 percent of 80
        | What's 15% of 80?
        | divide 144 by twelve | half of 24 | a quarter of 48 | What is two thirds of eighteen? | 3.5 plus 8.5
        | three point five plus eight point five""",
    r"about 1\.4142": "What is the square root of two? | root of 2 | square root 2",
    r"\b40\b": "What's 20 percent off 50? | twenty percent off of fifty | 50 minus 20 percent | eight times five",
    r"is 6\.": "four plus to | four plus two | what is four plus too | 2 plus four",
    r"divided by zero": "what is seven divided by zero | 1/0 | 5 modulo 0",
    r"It is 3:07 PM": """What time is it? | what's the time | Tell me the time.
        | Could you tell me the time please | time
        | what time is it right now | Do you know what time it is? | do you have the time | What is the time now?""",
    r"In Tokyo it is 11:07 PM": "What time is it in Tokyo? | what's the time in tokyo right now",
    r"In New York it is 9:07 AM": "what time is it in New York | tell me the time in New York",
    r"do not know the time in Atlantis": "What time is it in Atlantis?",
    r"Saturday, November 21, 2026": """What day is it today? | what's the date | What is today's date?
        | which day is it
        | what day of the week is it | Tell me the date. | what date is it today | What year is it?
        | what month is it""",
    r"Tomorrow is Sunday, November 22": "What day is it tomorrow? | what's the date tomorrow | which day is tomorrow",
    r"34 days until": "How many days until Christmas? | how long till christmas | How many days are there "
    "until Christmas?",
    r"7 days until Saturday, Nov": "how many days until Saturday",
    r"8\.047 kilometres": """How many kilometers is five miles? | convert 5 miles to kilometers | 5 miles in km
        | what's five miles in kilometres | How many kilometres are in 5 miles?""",
    r"37\.8 degrees Celsius": """convert 100 fahrenheit to celsius | what's 100 degrees Fahrenheit in Celsius
        | 100 degrees fahrenheit to degrees celsius | how much is 100 Fahrenheit in centigrade""",
    r"minus 40 degrees Fahrenheit": "minus forty celsius in fahrenheit | convert -40 degrees celsius to fahrenheit",
    r"2\.54 centimetres": "an inch in centimeters | how many centimeters are in an inch | 1 inch to cm",
    r"1000 grams": "how many grams in a kilogram | How many grams are there in a kilo? | one kilogram in grams",
    r"120 minutes": "how many minutes are two hours | 2 hours in minutes | How many minutes are in two hours?",
    r"do not convert": "convert five miles to kilograms",
    r"Heads|Tails": "Flip a coin. | toss a coin please | heads or tails? | can you flip a coin for me | coin flip",
    r"You rolled a [1-6]\.": "Roll a die. | roll the dice | throw a dice | Role a dice. | roll a six-sided die",
    r"You rolled \d, \d and \d: \d+ together": "roll three dice | Roll 3 dice please.",
    r"random number between 1 and 100": "give me a random number | pick a number | Random number, please.",
    r"between 5 and 10": "a random number between five and ten | pick a number from 5 to 10",
    r"I choose (tea|coffee)": "choose between tea and coffee | pick tea or coffee | help me decide: tea or coffee",
    r"OK, I started a timer for 5 minutes": """Set a timer for five minutes. | set a 5 minute timer | timer 5 minutes
        | start a timer for 5 minutes please | Can you set a timer for five minutes? | five minute timer
        | I need a timer for 5 min
        | set a timer 4 5 minutes | start a countdown of 5 minutes""",
    r"timer for 1 hour and 30 minutes": "set a timer for an hour and a half | timer for one hour thirty minutes",
    r"timer for 30 minutes": "set a timer for half an hour | wake me in 30 minutes",
    r"timer for 90|timer for 1 minute and 30 seconds": "set a timer for one and a half minutes | timer for 90 seconds",
    r"pasta timer for 8 minutes": "set a pasta timer for 8 minutes | start a timer for eight minutes called pasta",
    r"For how long": "set a timer | Start a timer please. | I need a timer",
    r"No timer is running": "cancel the timer | stop the timer | how much time is left on the timer | any timers?",
    r"N, E, C, E, S, S, A, R, Y": """Spell necessary. | how do you spell necessary | How is necessary spelled?
        | can you spell the word necessary | spell the word "necessary" for me please
        | What is the spelling of necessary?""",
    r"T, A, C": "spell cat backwards",
    r"Banana has 6 letters": "How many letters are in banana? | how many letters does the word banana have",
    r"^The rain in Spain\.?$": """Repeat after me: The rain in Spain. | repeat after me, The rain in Spain
        | say The rain in Spain | Please say "The rain in Spain" | Can you repeat after me: The rain in Spain?""",
    r"Nice to meet you, Anna": "My name is Anna. | hi, my name is anna | call me Anna | You can call me Anna.",
    r"have not told me your name": "What's my name? | do you know my name | who am I",
    r"Noted: the key is under the mat": """Remember that the key is under the mat.
        | note that the key is under the mat
        | please remember the key is under the mat | Take a note: the key is under the mat""",
    r"no notes": "What did I tell you to remember? | read my notes | what are my notes | do you remember anything",
    r"microphone go to school": "Tell me a joke. | do you know a joke | make me laugh | another joke | "
    "Tell me something funny",
    r"lighthouse": "Tell me a story. | tell me a short story please | can you tell me a bedtime story",
    r"collected echoes": """Tell me a long story. | say something long | keep talking | Read me something long.
        | Talk for a while. | tell me a very long story please""",
    r"^1, 2, 3, 4, 5, 6, 7, 8, 9, 10\.$": "Count to ten. | count from one to ten | please count to 10"
    " | can you count to ten",
    r"^5, 4, 3, 2, 1\.$": "Count down from five. | count backwards from 5 | countdown from five to one",
    r"A, B, C": "Say the alphabet. | recite the alphabet | tell me the ABC",
    r"9 times 7 is 63": "the seven times table | Say the multiplication table of 7",
    r"thinking of a number between 1 and 100": """Let's play a game. | play the guessing game
        | I want to play a guessing game
        | let me guess a number | can we play guess the number""",
    r"tell the time": "What can you do? | help | what can I ask you | How can you help me? | what are you able to do",
    r"I am Echo guide, a small assistant": """Who are you? | what's your name | are you a robot
        | Are you human? | what are you
        | introduce yourself | who made you | are you ChatGPT | Am I talking to a computer, who is this?""",
    r"Ask what I can do": "hello | Hi there! | Hello. | good morning | hey | Good evening, Echo.",
    r"Take your time": "Wait a second. | hold on | One moment please.",
    r"no alarm clock": "Wake me up at seven. | set an alarm for 7 am",
    r"\b49\b": "What's the square of seven? | seven squared",
    r"86,400 seconds": "How many seconds are in a day?",
    r"have not said anything before": "What did I say? | what did I just say?",
    r"no mood": "How are you? | hello, how are you today | how's it going",
    r"You are welcome": "Thanks. | thank you very much | thanks a lot | Okay, thank you.",
    r"Goodbye": "Bye. | goodbye | see you later | Good night.",
    r"loud and clear": "testing, one two three | Test. | testing testing",
    r"I hear you": "Can you hear me? | are you there | do you hear me",
    r"connected for": "How long have we been talking? | how long has this session been going",
    r"not heard your voice": "How long did I speak? | how long was my last sentence | how much have I talked",
    r"measured no answer yet": "How fast did you hear me? | what's the latency | How long did it take you to answer?",
    r"cut in not once": "How often did I interrupt you? | how many times did I interrupt you",
}

CASES = [(phrase.strip(), wanted) for wanted, phrases in PHRASES.items() for phrase in phrases.split("|")]


@each(("phrase", "wanted"), CASES, ids=[phrase for phrase, _ in CASES])
async def test_the_phrase_gets_its_answer(phrase: str, wanted: str) -> None:
    answer = await Talk().ask(phrase)
    assert re.search(wanted, answer), answer


APP: dict[str, str] = {
    "Hold Space": "How do I use push to talk? | what does the space bar do | how do I talk to you | what "
    "is push-to-talk",
    "Press M": "How do I mute the microphone? | mute | what does the M key do | how can I unmute myself",
    "Press O": "How do I switch to hands-free? | what's the turn mode | how do I change the mode | what does O key do",
    "barge-in on": "What is barge-in? | how do I interrupt you | Can I interrupt you? | what does press B do",
    "Escape or F9": "How do I stop you from talking? | how can I make you stop talking | what does escape do",
    "Press R": "How do I reconnect? | what does the R key do",
    "Press I": "How do I type a message? | can I type instead | how do I write to you",
    "F2, or E": "How do I see the events? | what is F2 | what does the F2 key do",
    "equals key": "How do I change the volume? | how do I make you louder | louder | you are too quiet | turn it down",
    "capital D": "What is deafen? | how do I turn the loudspeaker off",
    "Q twice": "How do I quit? | how do I leave the app | how can I exit the program | How do I close voicechat?",
    "three presets": "What presets are there? | what does steady mean | explain the preset quick | which preset",
    "--provider openai": "How do I use OpenAI? | where do I put my API key | how do I get a better voice "
    "| can I use ChatGPT",
    "Ollama": "How do I use Ollama? | can you use a language model | how can I make you smarter | can you "
    "get smarter with an LLM",
    "themes lamplight": "What themes are there? | how do I change the colors | is there a dark mode",
    "lists microphones": "How do I choose another microphone? | which devices are there | can I use headphones",
    "half a second": "What is silence duration? | how long do you wait | you cut me off, why",
    "0 to 1": "what does the threshold mean | how do I change the sensitivity",
    "first syllable": "what is prefix padding",
    "one English voice": "Can I change your voice? | which voices are there | do you have another voice",
    "only English": "Do you speak German? | which languages do you speak | what other languages do you know",
    "config.toml": "How do I change the settings? | where is the configuration | how can I rebind a key",
    "on this computer": "Is this private? | do you send anything to the internet | are you listening to "
    "me in the cloud",
    "Space talks": "What keys are there? | show me all the shortcuts | how does this work | which keys "
    "can I press | keyboard help",
}

HELP = [(phrase.strip(), wanted) for wanted, phrases in APP.items() for phrase in phrases.split("|")]


@each(("phrase", "wanted"), HELP, ids=[phrase for phrase, _ in HELP])
async def test_help_explains_the_key_or_setting(phrase: str, wanted: str) -> None:
    assert wanted in await Talk().ask(phrase)


UNKNOWN = """Who was the first president of France? | what's the weather like | Play some music.
        | What is the capital of Peru
    | I went to the market yesterday and bought two apples for my mother | Translate dog into Spanish
        | how old is the universe
    | What is love? | write a poem about the sea | order a pizza | tell me the news | why is the sky blue
    | What is your favorite color? | How long does it take to boil an egg? | What language should I learn?
    | He can't remember where he put the keys. | How do I get out of debt? | Which keyboard should I buy?
    | What is the time difference between London and Tokyo? | I want to quit smoking. | Choose a color.
    | Let me think about it for 10 minutes. | Turn on the lights. | Add milk to my shopping list.
    | I have two dogs and three cats | my car is red | how tall is Mount Everest | seven""".split("|")


@each("phrase", [phrase.strip() for phrase in UNKNOWN])
async def test_what_it_does_not_know_it_says_so_and_what_it_heard(phrase: str) -> None:
    answer = await Talk().ask(phrase)
    assert "no answer to that" in answer
    assert phrase.rstrip(".?") in answer
