"""The stories, sentence by sentence. Written for this program; free to use like the rest of it."""

from __future__ import annotations

STORIES: tuple[tuple[str, ...], ...] = (
    (
        "On a hill above the sea stood a lighthouse whose lamp had gone out.",
        "The keeper climbed the stairs every evening, lit it, and every morning it was dark again.",
        "One night she stayed awake and saw a small owl land on the glass and fold its wings around the light.",
        "The owl was cold, she understood, and had nowhere else to go.",
        "So she built it a box of wood beside the lamp, lined with wool.",
        "From then on the light burned until dawn, and two pairs of eyes watched over the ships.",
    ),
    (
        "A clockmaker once built a clock that was always five minutes late.",
        "People laughed at it, but he put it in his window and would not change it.",
        "One winter evening a boy ran into the square to catch the last coach, and wept, because it was gone.",
        "Then he saw the late clock, and beside it the coachman, who had looked at it too.",
        "Five minutes, said the coachman, can be a very kind thing.",
    ),
)
"""About 25 seconds each."""

LONG_STORIES: tuple[tuple[str, ...], ...] = (
    (
        "Long ago, in a valley where the wind never rested, there lived a girl named Mira who collected echoes.",
        "She carried a basket up into the mountains, called into every cave, and waited for the answer.",
        "Some echoes came back at once, sharp and bright, like a stone dropped into a well.",
        "Others took so long that she had time to eat her bread before they arrived.",
        "She gave each of them a name, and she never forgot one.",
        "One morning she found a cave that she had never seen before, hidden behind a curtain of ivy.",
        "She called her own name into the dark, and nothing came back.",
        "She waited until noon, and she waited until the shadows grew long, and still there was no answer.",
        "So she did what she had never done before: she asked the cave a question.",
        "Are you lonely, she asked.",
        "And very softly, from deep inside the mountain, a voice said: not any more.",
        "It was not an echo, for it had not used her words.",
        "Mira sat down at the mouth of the cave, and the two of them began to talk.",
        "The voice told her of rivers under the earth, and of crystals that grew one finger's width in a "
        "thousand years.",
        "Mira told it of the wind, of the market in the valley, and of the taste of bread with honey.",
        "When the stars came out, she had to go home, but she promised to return.",
        "She kept her promise for seventy years.",
        "And if you walk through that valley today and call into the right cave, you may hear two voices, laughing.",
    ),
    (
        "There was once a ship that carried nothing but letters.",
        "It sailed from island to island, and in every harbour people stood waiting on the quay.",
        "The captain, an old man called Tomas, knew most of them by name.",
        "He knew who hoped for good news, and who was afraid of any news at all.",
        "One autumn a storm caught the ship between two islands and tore its sails to ribbons.",
        "For three days it drifted, and the crew threw overboard everything they could spare.",
        "They threw away the spare anchor, the stove, the table, and at last their own boots.",
        "But nobody touched the letters.",
        "On the fourth morning the sea lay flat and grey, and there was no land in sight.",
        "Then the youngest sailor had an idea.",
        "He took his own letter, the one he had never dared to send, and read it aloud.",
        "It was to his brother, and it said that he was sorry.",
        "When he had finished, another sailor read his, and then another, until the whole ship was full of words.",
        "And it is said that the wind, which had been listening, came back to hear the rest.",
        "It filled the rags of the sails and carried the ship home to the harbour.",
        "Since that day every sailor of that ship sends his letters at once.",
    ),
)
"""About 75 seconds each."""
