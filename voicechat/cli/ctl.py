"""`voicechat ctl ...`: work a running talk from the shell, a window manager or a foot pedal.

Standard library only and nothing heavy of it: a key that is bound to this must open the microphone at once. One line
goes to the engine's door, one comes back.
"""

from __future__ import annotations

import contextlib
import socket
import sys

from voicechat import exit_codes
from voicechat.engine.door import chosen, runtime_dir, sessions

HELP = """Usage: voicechat ctl [--session PID] COMMAND

Work a running talk from outside. Commands:
  ptt down|up|toggle [SECONDS]   hold the talk key; without `up` it ends after SECONDS (at most 30)
  mute on|off|toggle             the microphone
  barge-in on|off|toggle         whether talking over the assistant cuts in
  stop                           stop the answer
  say TEXT                       a typed message
  end                            end the talk
  status [--json]                one line about the talk
  events                         every event as a line of JSON, until Ctrl+C
  sessions                       the talks that can be reached
"""
VERBS = ("ptt", "mute", "barge-in", "stop", "say", "end", "status", "events", "sessions")
USAGE_MARK = "usage: "
"""How the talk begins a refusal that names the right spelling."""
REFUSED = exit_codes.FAILED_TURN
UNREACHABLE = exit_codes.CONNECTION


def ctl_command(arguments: list[str]) -> int:
    """Exit 0: done. 1: the talk refused it. 2: not a command. 3: there is no talk to reach. Raises VoiceChatError."""
    session = ""
    if arguments[:1] == ["--session"] and len(arguments) > 1:
        session, arguments = arguments[1], arguments[2:]
    if not arguments or arguments[0] in ("-h", "--help"):
        (sys.stdout if arguments else sys.stderr).write(HELP)
        return exit_codes.DONE if arguments else exit_codes.USAGE
    if arguments[0] not in VERBS:
        return _complain(f"ctl has no command {arguments[0][:40]!r}\n{HELP.rstrip()}", exit_codes.USAGE)
    if session and not session.isdigit():
        return _complain(f"there is no talk {session}; `voicechat ctl sessions` lists them", UNREACHABLE)
    if arguments == ["sessions"]:
        try:
            numbers = sessions(runtime_dir())
        except OSError as error:
            return _complain(f"{error.filename}: {error.strerror}", UNREACHABLE)
        sys.stdout.write("".join(f"{number}\n" for number in numbers))
        if not numbers:
            sys.stderr.write("voicechat: no talk is running; start one with: voicechat\n")
        return exit_codes.DONE
    line = " ".join(_escaped(word) for word in arguments)
    with chosen(int(session or 0), f"voicechat ctl --session {{}} {arguments[0]} ...")[1] as door:
        with contextlib.suppress(OSError):  # it was closed before we spoke; what it said meanwhile tells why
            door.sendall(line.encode() + b"\n")
        return _told(door, follows=line == "events")


def _told(door: socket.socket, *, follows: bool) -> int:
    with door.makefile("r", encoding="utf-8", errors="replace") as answers:
        try:
            answer = answers.readline().rstrip("\n")
        except OSError:
            return _complain("the talk does not answer\n  list the talks: voicechat ctl sessions", UNREACHABLE)
        said, _, rest = answer.partition(" ")
        if said != "ok":
            code = exit_codes.USAGE if rest.startswith(USAGE_MARK) else REFUSED if rest else UNREACHABLE
            return _complain(rest or "the talk closed the connection", code)
        if rest:
            sys.stdout.write(rest + "\n")
        if follows:
            door.settimeout(None)
            for event in answers:
                sys.stdout.write(event)
                sys.stdout.flush()
    return exit_codes.DONE


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("\n", "\\n") if "\n" in word or "\\" in word else word


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"voicechat: {text}\n")
    return code
