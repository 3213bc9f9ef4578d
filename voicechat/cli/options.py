"""Options that `chat` and `run` share, each written once. A value of None means: not given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Provider = Annotated[
    str | None,
    typer.Option("--provider", metavar="local|openai|custom", help="Who answers."),
]
BaseUrl = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="Address of a Realtime service, with or without /v1.")
]
Model = Annotated[str | None, typer.Option("--model", metavar="NAME", help="Model; any name is passed on.")]
Voice = Annotated[str | None, typer.Option("--voice", metavar="NAME", help="Voice; any name is passed on.")]
Instructions = Annotated[
    str | None, typer.Option("--instructions", metavar="TEXT", help="What the assistant should be and do.")
]
Language = Annotated[str | None, typer.Option("--language", metavar="CODE", help="Language you speak, such as en.")]
Output = Annotated[str | None, typer.Option("--output", metavar="audio|text", help="How answers come.")]
Greet = Annotated[str | None, typer.Option("--greet", metavar="TEXT", help="The assistant speaks first, like this.")]
TurnMode = Annotated[
    str | None,
    typer.Option("--turn-mode", metavar="hands-free|push-to-talk", help="When the microphone is open."),
]
BargeIn = Annotated[
    bool | None, typer.Option("--barge-in/--no-barge-in", help="Whether talking over the assistant cuts in.")
]
PresetOption = Annotated[
    str | None, typer.Option("--preset", metavar="balanced|steady|quick", help="How turns are taken.")
]
SessionFile = Annotated[
    str | None, typer.Option("--session", metavar="FILE", help="Session configuration: JSON with comments, or TOML.")
]
Mic = Annotated[
    str | None, typer.Option("--mic", metavar="NAME", help="Microphone (part of its name), a WAV file, or none.")
]
Speaker = Annotated[
    str | None, typer.Option("--speaker", metavar="NAME", help="Loudspeaker (part of its name), a WAV file, or none.")
]
Echo = Annotated[
    bool | None,
    typer.Option("--echo/--no-echo", help="Cancel the loudspeaker's echo; without it the mic shuts while it plays."),
]
Headphones = Annotated[
    bool | None, typer.Option("--headphones", help="You wear headphones: no echo to cancel, talk over it freely.")
]
Noise = Annotated[bool | None, typer.Option("--noise/--no-noise", help="Suppress background noise.")]
Gain = Annotated[bool | None, typer.Option("--gain/--no-gain", help="Level the microphone.")]
Latency = Annotated[
    str | None, typer.Option("--latency", metavar="low|balanced|high", help="How much sound the devices buffer.")
]
Budget = Annotated[float | None, typer.Option("--budget", metavar="USD", help="What this talk may cost at most.")]
BudgetStop = Annotated[
    bool | None, typer.Option("--budget-stop/--no-budget-stop", help="Whether to stop when the budget is spent.")
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Configuration file (TOML).")]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="A profile of the configuration file.")]
Theme = Annotated[str | None, typer.Option("--theme", metavar="NAME", help="A theme; `voicechat themes` lists them.")]
Ascii = Annotated[bool | None, typer.Option("--ascii", help="Draw with ASCII characters only.")]
Plain = Annotated[
    bool | None, typer.Option("--plain", help="Talk in lines of text: for screen readers, pipes and plain terminals.")
]
