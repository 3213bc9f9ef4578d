"""The documentation beyond the README: `voicechat explain TOPIC`, and the chapters of the man page.

Whatever the program knows itself (keys, settings, paths, providers, failures, exit statuses) is written down from the
tables that it works with, so that no page can say something else than the program does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from voicechat.cli.help import columns

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Topic:
    """One page; `text` makes it."""

    title: str
    text: Callable[[], str]


def page(name: str) -> str | None:
    """The text of a topic with its title, or None."""
    topic = TOPICS.get(ALIASES.get(name.lower(), name.lower()))
    return f"{topic.title}\n\n{topic.text().strip(chr(10))}" if topic else None


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(columns(rows, WIDTH, 28))


def _keys() -> str:
    from voicechat.ui.bindings import ACTIONS, spoken

    titles = {"TALK": "Talk", "WRITE": "Write and record", "LOOK": "Look", "HEAR": "Hear", "LEAVE": "Leave"}
    parts: list[str] = []
    for group, title in {
        **titles,
        "EVENTS": "In the developer view (F2)",
        "": "More; without a key: by name after :",
    }.items():
        lines = [title]
        for action in ACTIONS:
            if action.group == group:
                keys = " ".join(spoken(key) for key in action.keys.split(",")) if action.keys else ""
                words = action.words if group else action.command or action.words
                lines.append(f"  {keys:<20} {words:<36} {action.id}")
        parts.append("\n".join(lines))
    return (
        "\n\n".join(parts)
        + """

`?` on the screen shows the keys that work there, `:` lists every action by name. Your own keys stand in the
configuration file under the name on the right (voicechat config path tells where the file is):

  [keys]
  "vc.mute" = "f6"

From outside, for a hotkey or a foot pedal: voicechat ctl ptt toggle
"""
    )


def _scripts() -> str:
    from voicechat.scripting import expected, model, reading

    criteria = {
        "contains": "each of these texts is in the words (case and punctuation do not count)",
        "contains_any": "one of them is",
        "not_contains": "none of them is",
        "matches": "this regular expression is found",
        "not_matches": "it is not found",
        "said": "your words were recognised as this text; word_errors = 0.2 allows a fifth of them to be wrong",
        "cut_by": f"what ended the answer: {', '.join(expected.CUTTERS)}",
        "first_sound_below": "the answer is heard within so many seconds after your words",
        "silent_in_below": "the loudspeaker is silent within so many seconds after you cut in or pressed stop",
        "transcript_below": "your words are written down within so many seconds",
        "events": "these events came, in any order",
        "no_events": "none of these came",
        "findings": "voicechat diagnose finds these",
        "no_findings": "it finds none of these; true: nothing at all",
        "tool": 'this tool was called; args = { city = "Paris" } looks at its arguments',
        "mic": "the state of the microphone",
    }
    acts = {
        "say": "speak this text in the local voice; speed, gain (dB), noise (dBFS); hold_key, background = true",
        "say_file": "play this WAV file into the microphone; gain, noise, hold_key, background",
        "type": "send this text as a typed message",
        "hold": "keep push-to-talk down for so many seconds",
        "silence": "let so many seconds pass",
        "press": "press = true: push-to-talk goes down",
        "release": "release = true: push-to-talk goes up",
        "stop": "stop = true: stop the answer",
        "pause": "pause = true: pause the microphone in hands-free, or end the pause",
        "again": "again = true: reconnect, or ask again for a missing answer",
        "mute": "true or false",
        "barge_in": "true or false",
        "turn_mode": " or ".join(reading.TURN_MODES),
        "preset": ", ".join(reading.PRESETS),
        "volume": "0 to 1.5",
        "set": 'change the session: set = { "audio.output.speed" = 1.2 }',
        "send": 'send any client event: send = { type = "response.create" }',
    }
    return f"""\
A script talks, waits and checks; it is TOML. Start from the commented one, which runs offline:

  voicechat run --script-example > talk.toml
  voicechat run --script talk.toml --check-script     # says what is wrong with it and runs nothing
  voicechat run --script talk.toml --junit result.xml # or --json; exit 0: everything held, 1: something did not

Sections
{
        _rows(
            [
                ("[script]", "name, timeout (seconds of the whole talk, 120)"),
                ("[talk]", "settings as in the configuration file (provider, preset, turn_mode, ...), but no mic"),
                ("[room]", "echo (dB), delay (s), noise (dBFS): what the microphone hears besides the words"),
                ("[sound]", "no_findings, wait_below (s): what the recording of the whole talk must show"),
                ("[vars]", 'name = "text"; ${name} in any text below stands for it'),
                ("[[step]]", f"at most one act, then a wait, then what is expected; up to {reading.MOST_STEPS} steps"),
            ]
        )
    }

Every step may have: label = "name"; repeat = N; when = {{ after = "answer.audible", seconds = 1 }} (the act waits for
that moment); wait = "answer.ended" or wait = {{ event = "...", where = {{ "path" = value }}, limit = 30 }} (limit: {
        model.DEFAULT_LIMIT:g} s);
expect = {{ ... }} or a list of such tables.

Acts
{_rows((name, acts.get(name, "")) for name in reading.ACTS)}

Waits: answer.audible (first sound or word of the answer), answer.ended, or any event `voicechat run --json` prints.

Expectations
{_rows((name, criteria.get(name, "")) for name in expected.CRITERIA)}

Beside an expectation: text = {
        ", ".join(expected.SOURCES)
    } (whose words); since = "label" or "talk" (from which step on);
within = seconds until it has to be so ({
        model.DEFAULT_WITHIN:g}); soft = true (the talk goes on, the script still fails).
"""


def _configuration() -> str:
    from voicechat.config.locations import config_file
    from voicechat.config.settings import TABLE

    def about(name: str) -> str:
        setting = TABLE[name]
        return setting.about + (f" ({', '.join(setting.choices)})" if 0 < len(setting.choices) < 8 else "")

    return f"""\
  voicechat config init     # writes {config_file()}
  voicechat config check    # says what is wrong in it
  voicechat config show     # every setting of a talk, and where its value comes from

Options beat the environment (VOICECHAT_<SETTING>), which beats the profile (--profile NAME), which beats the file.
API keys never stand in the file: see voicechat explain services.

Settings
{_rows((name, about(name)) for name in TABLE)}

Tables: [keys] (voicechat explain keys), [tools] and [mcp.NAME] (voicechat explain tools), [prices."MODEL"] (US dollars
for a million tokens: text_in, text_cached, text_out, audio_in, audio_cached, audio_out), [profiles.NAME] (settings for
another occasion).
"""


def _services() -> str:
    from voicechat.config.provider_presets import PROVIDERS

    def about(name: str) -> str:
        provider = PROVIDERS[name]
        keys = f"; key in {' or '.join(provider.key_variables)}" if provider.key_variables else ""
        return f"{provider.title}{keys}; model {provider.model or provider.needs_model or 'of the service'}"

    return f"""\
  voicechat                                        # offline: the local server
  voicechat --provider openai                      # with OPENAI_API_KEY in the environment
  voicechat --base-url https://host/v1             # any other Realtime service; key in VOICECHAT_API_KEY
  voicechat doctor --provider openai --online      # checks key and network, costs nothing

Providers
{_rows((name, about(name)) for name in PROVIDERS)}

An API key is read from the environment, from the command in `api_key_command` of the configuration file, or from the
system's keyring (`keyring set voicechat openai`), never from an option. `voicechat token-server` gives out short-lived
keys instead; `--token-url` uses them. GPT-Live has none: there the token server passes WebRTC offers on.

How a service is called (--transport, --handshake, --dialect, --auth-style) is found out at the first connection and
remembered. GPT-Live: --model gpt-live-1; the same offline: --model local-live.
"""


def _audio() -> str:
    return """\
  voicechat devices                 # microphones and loudspeakers, and what to type to get one
  voicechat --mic "USB" --speaker none
  voicechat --headphones            # no echo cancellation is needed
  voicechat doctor --loopback       # measures delay, echo and barge-in of this machine

Names: a part of the name, the number from `voicechat devices`, a WAV file, default or none. `d` on the screen changes
devices during a talk; the choice is remembered. A device that is unplugged is replaced, and taken back when it returns.

Echo: with loudspeakers the canceller takes the assistant's voice out of the microphone, so that you can interrupt it.
With --no-echo the microphone is closed while the assistant speaks (half duplex). If the assistant interrupts itself:
--headphones, a lower volume (-), or --no-barge-in.

Presets (how turns are taken; F4 changes each value)
  balanced     the server decides when you have finished; talking over the assistant interrupts it
  steady       half duplex; an answer is asked for only after words were recognised: for noisy rooms
  quick        the microphone stays open and the server interrupts: for headphones
  interpreter  the assistant interprets between two languages (--interpreter en:de)

Turn modes: hands-free (open mic), push-to-talk (hold Space or F8), transcribe (no answers).
--latency high helps against dropouts, low answers sooner. The volume is - and = on the screen, D turns it off.
"""


def _tools() -> str:
    return '''\
Every public function of a Python file can be called by the model; its type hints and docstring describe it.

  # my_tools.py
  def weather(city: str) -> str:
      """The weather in a city.

      Args:
          city: name of the city
      """
      return f"It rains in {city}."

  voicechat --tools my_tools.py                         # each call asks you first
  voicechat --tools my_tools.py --allow-tools weather   # this one does not

In the configuration file:

  [tools]
  files = ["my_tools.py"]
  approval = "ask"          # ask, always, never
  time_limit = 10           # seconds
  largest = 16000           # characters of a result
  [tools.weather]
  approval = "always"

  [mcp.files]               # an MCP server that runs here (extra `mcp`)
  command = ["python", "server.py"]
  pass_env = ["FILES_ROOT"]

  [mcp.docs]                # an MCP server that the service calls
  url = "https://docs.example.com/mcp"
  authorization_env = "DOCS_TOKEN"
  require_approval = "always"
'''


def _recordings() -> str:
    return """\
A tape is a folder with every event, every decision and the sound of a talk. Nothing is recorded unless you ask for it.

  voicechat --record default        # record into your folder of tapes; `w` on the screen starts and stops it
  voicechat --record tapes --redact # into ./tapes, without words and sound
  voicechat history                 # list your tapes; history tapes: those of a folder; --rm NAME deletes one
  voicechat replay last             # play it on the screen; --check recomputes every decision
  voicechat export last --format html   # html, md, txt, srt, jsonl, wav
  voicechat diagnose last           # what went wrong, and the cure
  voicechat diff last OTHER         # what differs
  voicechat report last             # a zip for a bug report, without words, sound and keys
  voicechat --continue last         # continue that talk

Instead of a tape, diagnose, diff and export read the logs of other clients: JSON lines of Realtime events.
tape_gb, tapes_gb and tapes_days in the configuration file limit what is kept.
"""


def _events() -> str:
    from voicechat.ui.inspector.query import FIELDS, IS

    return f"""\
F2 shows every event of the talk. `/` filters the list; terms are joined by "and", a comma is "or", - negates:

  type:response,in.speech*     types; in. and out. stand for input_audio_buffer. and output_audio_buffer.
  dir:in                       in, out or local
  is:error                     {", ".join(IS)}
  resp:8 item:abc call: turn:8 ids, or parts of them
  after:4:06 before:30s        times of the talk
  gap:>500ms size:>4k          the pause before it, its size
  .usage.output_tokens>200     any field of the event
  "free text"                  in its summary or payload

Fields: {", ".join(FIELDS)}

voicechat explain NAME explains an event, a field, an error or a finding; voicechat explain lists them all.
`c` sends an event by hand, `P` copies one as Python, `M` marks one, `n` goes to the next problem.
"""


CLIENTS = (
    ("openai", "3.57.0", "Realtime (both dialects, WebSocket) and GPT-Live (live.connect, live.create, sidebands)"),
    ("openai-agents", "0.24.0", "RealtimeRunner over WebSocket: speech, tools, interrupting"),
    ("livekit-plugins-openai", "1.8.9", "RealtimeModel and GPTLiveModel: speech, tools, delegation"),
    ("pipecat-ai", "1.14.0", "OpenAIRealtimeLLMService and OpenAILiveLLMService: speech, tools, delegation"),
    ("pydantic-ai", "2.62.0", "Agent.realtime with OpenAIRealtimeModel: speech, tools"),
    ("litellm", "1.108.7", "its proxy, in another environment, before this server or between voicechat and a service"),
)
"""Package, the newest version that talked with `voicechat serve`, and what was done with it.

`tests/local_server/test_realtime_clients.py`, `test_live_clients.py` and `test_litellm.py` do it again.
"""


def _clients() -> str:
    rows = [(f"{name} {version}", what) for name, version, what in CLIENTS]
    lines = (
        "`voicechat serve` prints a base URL; any key and any model will do. WebSocket is at BASE/realtime, WebRTC at",
        "BASE/realtime/calls, GPT-Live at BASE/live/sessions; the model local-live speaks GPT-Live.",
        "",
        "Clients that nobody here wrote, and what they were seen to do against it:",
        "",
        _rows(rows),
        "",
        "In a checkout: pip install -e '.[local,test,interop]', pytest tests/local_server/test_realtime_clients.py.",
        "Not kept true by a test: clients outside Python. `voicechat tap` shows what yours and the server say.",
    )
    return "\n".join(lines)


def _json() -> str:
    return f"""\
voicechat run --text "What time is it?" --json prints one object per event:

  {{"t": 1.234, "dir": "in", "event": {{"type": "response.done", ...}}}}

t is seconds of the talk, dir is in, out or local. The last line is {{"summary": {{...}}}}: turns, completed,
transcript, latencies_ms, problems, and usage and cost_usd where they are known. devices, doctor, diagnose, history,
diff, themes, explain, config and session have --json too. Data is on stdout, everything else on stderr.

{_exits()}"""


def _exits() -> str:
    return """\
Exit statuses
  0    done
  1    a turn failed, an expectation of a script failed, or a running talk refused (ctl)
  2    usage or configuration
  3    connection or authorisation
  4    sound
  5    the engine ended unexpectedly
  130  interrupted
"""


def _files() -> str:
    from voicechat.config import locations

    state = locations.wished_state_dir()
    return f"""\
{
        _rows(
            [
                (str(locations.config_file()), "configuration"),
                (str(locations.user_themes_dir()), "your themes, NAME.toml"),
                (str(state / "tapes"), "tapes, unless --record names another folder"),
                (str(state / "engine.log"), "log of the engine, below 1 MB"),
                (str(state / "devices.json"), "microphone and loudspeaker chosen on the screen"),
                (str(state / "services.json"), "how each service was reached the last time"),
                (str(state / "spoken"), "speech made for scripts"),
            ]
        )
    }

Everything is readable by you alone. VOICECHAT_CONFIG_DIR, VOICECHAT_STATE_DIR and VOICECHAT_RUNTIME_DIR choose other
folders. Removing the state folder loses tapes and what is remembered, nothing else.

Environment: VOICECHAT_<SETTING> for every setting (voicechat explain configuration), VOICECHAT_API_KEY and the keys of
the providers (voicechat explain services), NO_COLOR.
"""


def _troubleshooting() -> str:
    return """\
First: voicechat doctor (everything a talk needs), voicechat doctor --loopback (the sound), voicechat diagnose TAPE.

  NO MICROPHONE                      voicechat devices; Debian, Ubuntu: sudo apt install libportaudio2; macOS: allow
                                     the terminal app the microphone in the system settings
  ON AIR, no sound from the mic      the microphone's own mute switch; the level in the system's sound settings
  no sound from the assistant        `D` (loudspeaker off) or the volume: = makes it louder; voicechat devices
  the assistant interrupts itself    voicechat doctor --loopback tells why; --headphones, or `b` (barge-in off)
  it answers too early or too late   F4, silence; --preset steady answers only to words
  it does not answer                 F2 shows problems with their cure, `r` asks again
  Space is a tap, not a hold         the terminal reports no key releases: tap to open, tap to send
  the connection fails               voicechat doctor --online; --transport websocket where UDP is blocked
  401, 403, 429                      voicechat explain 401 (any status, code or event)
  keys do nothing                    `?` shows what works here; voicechat config check looks at [keys]
  garbled screen                     --ascii, or --plain for lines of text

A bug report: voicechat report last makes a zip without words, sound and keys.
"""


def _errors() -> str:
    from voicechat.failures import FAILURES

    rows = [(row.name, f"{row.sentence}. {row.cure}.") for row in FAILURES]
    return (
        "What can fail around a talk, and what to do.\n\n"
        + _rows(rows)
        + "\n\nvoicechat explain CODE explains one code."
    )


def _translation() -> str:
    return """\
  voicechat --translate de --translate-url http://127.0.0.1:11434/v1    # each finished line in German below it
  voicechat --interpreter en:de                                         # the assistant interprets
  voicechat --live-translate es --provider openai                       # your words, spoken in Spanish while you speak

--translate needs a chat-completions or responses endpoint (--translate-url, --translate-model; the key is
VOICECHAT_TRANSLATE_KEY) unless the provider has one. The translation is shown, and never spoken or sent back.
"""


def _completion() -> str:
    return """\
  voicechat completion bash --install     # or zsh, fish; then start a new shell
  eval "$(voicechat completion bash)"     # for this shell only
  voicechat completion fish | source      # the same in fish

Tab completes commands, options and their values: providers, models, voices, themes, devices, profiles, tapes, topics.
"""


TOPICS: dict[str, Topic] = {
    "keys": Topic("Keys of the screen", _keys),
    "scripts": Topic("Scripts for voicechat run --script", _scripts),
    "configuration": Topic("The configuration file, the environment and every setting", _configuration),
    "clients": Topic("Clients of voicechat serve that were tried", _clients),
    "services": Topic("Services, providers and API keys", _services),
    "audio": Topic("Microphone, loudspeaker, echo, presets", _audio),
    "tools": Topic("Functions and MCP servers the model may call", _tools),
    "recordings": Topic("Tapes: record, replay, export", _recordings),
    "languages": Topic("Translation and interpreting", _translation),
    "events": Topic("The developer view and its filter", _events),
    "json": Topic("Output for programs, and exit statuses", _json),
    "files": Topic("Files, folders and environment variables", _files),
    "troubleshooting": Topic("When something is wrong", _troubleshooting),
    "failures": Topic("What can fail, and the cure", _errors),
    "completion": Topic("Completion of the command line", _completion),
}
ALIASES = {
    "translate": "languages",
    "key": "keys", "script": "scripts", "config": "configuration", "settings": "configuration", "sound": "audio",
    "presets": "audio", "devices": "audio", "providers": "services", "tapes": "recordings", "filter": "events",
    "exit": "json", "serve": "clients", "environment": "files", "help": "troubleshooting", "mcp": "tools",
}  # fmt: skip
"""Other words for a topic."""
