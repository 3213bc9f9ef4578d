"""What is said in the noise: recordings of people, the built-in voice, and espeak-ng's speakers, each with its words.

There are two sets. One may be looked at while numbers are chosen; the other has texts, speakers and noises of its own
and is for the end. The folder's recordings are few, so they are in both, in other noise.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench.rooms import ESPEAK, Sound, level, read, recordings
from voicechat.audio.blocks import SAMPLE_RATE
from voicechat.local_server.sound_formats import resampled
from voicechat.local_server.speech.voice import Voice

SPOKEN = {
    "cards_001": "ten of clubs",
    "cards_002": "four queen of clubs",
    "cards_003": "seven of clubs",
    "cards_004": "five five",
    "cards_005": "eight of spades four of clubs seven of hearts",
}
"""What is said, where the folder has no manifest."""
SENTENCES = (
    "What is the weather going to be like tomorrow afternoon",
    "Please remind me to call my mother at half past seven",
    "Turn the volume down a little and play some quiet music",
    "How many people live in the city of Berlin today",
    "I would like to book a table for four on Friday evening",
    "Can you tell me the fastest way to the railway station",
    "Write a short message to my brother about the garden",
    "Stop talking for a moment and listen to what I say",
    "Thanks, that is enough for now, let us continue later",
    "Which of these two books would you recommend to a friend",
    "The meeting was moved from Monday morning to Thursday",
    "Could you explain the difference between a lake and a pond",
)
UNSEEN = (
    "She sells fresh fish on the harbour every Saturday",
    "He has forgotten half of his homework again",
    "Find the shortest road from here to the old church",
    "This winter was colder than the three before it",
    "Have you heard anything from your sister since Christmas",
    "Please put the heavy boxes on the shelf behind the door",
    "Somebody should feed the chickens before it gets dark",
    "Whose coat is hanging on the chair in the kitchen",
    "Forty people signed up for the cooking class",
    "I think that the second answer was better than the first",
    "Hold the line while I look for the number",
    "Take the next train and change in the city centre",
    "Perhaps we should wait until the rain has stopped",
    "Summer holidays begin in the last week of July",
    "The film was far too long but the music was lovely",
    "Switch off the light when you leave the room",
)
"""Many of them begin softly: with h, f, s, th or wh."""
_SPEEDS, _HEIGHTS = (1.0, 1.15, 0.9), (24_000, 26_000, 22_000, 25_000)
_UNSEEN_SPEEDS, _UNSEEN_HEIGHTS = (1.05, 0.95, 1.2), (23_000, 25_500, 21_500, 27_000)
_LEVEL = 0.06


@dataclass(frozen=True)
class Said:
    """One clip: float32 at 48 kHz with an active RMS of 0.06, and its words."""

    name: str
    text: str
    sound: Sound


def sayings(folder: Path, voice: Voice, *, held_out: bool) -> list[Said]:
    """All clips of one set."""
    texts = transcripts(folder)
    people = {**recordings(folder, held_out=False), **recordings(folder, held_out=True)}
    said = [Said(name, texts[name], level(sound, _LEVEL)) for name, sound in people.items() if name in texts]
    if not held_out:
        return said + [_by_the_voice(voice, text, at, _SPEEDS, _HEIGHTS) for at, text in enumerate(SENTENCES)]
    local, others = UNSEEN[::2], UNSEEN[1::2]
    said += [_by_the_voice(voice, text, at, _UNSEEN_SPEEDS, _UNSEEN_HEIGHTS) for at, text in enumerate(local)]
    if shutil.which("espeak-ng"):
        return said + [_by_espeak(ESPEAK[at % len(ESPEAK)], text) for at, text in enumerate(others)]
    print("espeak-ng is not installed: the built-in voice says its sentences.")
    return said + [_by_the_voice(voice, text, at, _UNSEEN_SPEEDS, _UNSEEN_HEIGHTS) for at, text in enumerate(others)]


def transcripts(speech: Path) -> dict[str, str]:
    """Recording -> what is said in it."""
    manifest = speech / "manifest.json"
    if not manifest.exists():
        return SPOKEN
    return {Path(row["file"]).stem: row["text"] for row in json.loads(manifest.read_text()) if row.get("text")}


def _by_the_voice(voice: Voice, text: str, at: int, speeds: tuple[float, ...], heights: tuple[int, ...]) -> Said:
    said = np.concatenate(list(voice.speak(text + ".", speed=speeds[at % len(speeds)])))
    return Said("local voice", text, level(resampled(said, heights[at % len(heights)], SAMPLE_RATE), _LEVEL))


def _by_espeak(speaker: str, text: str) -> Said:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["espeak-ng", "-v", speaker, "-s", "150", "-w", str(path), text], check=True)
        return Said(speaker, text, level(read(path), _LEVEL))
