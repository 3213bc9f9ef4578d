"""Small edits to session descriptions, and what may be wrong with one, as pure text work.

aiortc writes no Opus parameters, so the other side is never asked for error correction; it can agree on 8 kHz G.711
without a word, because it follows the order of `a=rtpmap` lines; and it trips over descriptions it does not expect in
a background task where nobody hears it. The cures are all in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from voicechat.errors import SignallingError, VoiceChatError

LARGEST_SDP = 200_000
"""Characters; a browser's with forty candidates has 6000."""
MOST_SECTIONS = 16
"""Media sections; a call has one for sound and one for events."""
_OPUS = re.compile(r"^a=rtpmap:(\d{1,3}) opus/48000(/2)?\s*$", re.IGNORECASE | re.MULTILINE)
_DEFAULT_LARGEST_MESSAGE = 65_536
_FMTP_WANTED = "minptime=10;useinbandfec=1"
_OPUS_SPECIFIC = re.compile(r"^a=(?:rtpmap|fmtp|rtcp-fb):(\d{1,3})\b")


@contextmanager
def refusing(sender: str) -> Iterator[None]:
    """Turn whatever a session description makes aiortc or us raise into a SignallingError."""
    try:
        yield
    except VoiceChatError:
        raise
    except Exception as error:
        raise _of_no_use(sender, f"it cannot be read ({type(error).__name__})") from error


def check(sdp: str, sender: str) -> None:
    """Raise SignallingError for a description that cannot be used."""
    if problem := problem_with(sdp):
        raise _of_no_use(sender, problem)


def _of_no_use(sender: str, problem: str) -> SignallingError:
    return SignallingError(
        f"the {sender}'s session description is of no use: {problem}",
        hint="is this address a Realtime server that speaks WebRTC?",
    )


def opus_payload_types(sdp: str) -> frozenset[int]:
    """The payload types that mean Opus in a description."""
    return frozenset(int(match.group(1)) for match in _OPUS.finditer(sdp))


def with_opus_fec(sdp: str) -> str:
    """The description with `useinbandfec=1` on every Opus payload that has no parameters yet.

    Made for the text that is posted, not for the local description: the encoder that obeys it is the other side's.
    """
    lines: list[str] = []
    described = {line.split(" ", 1)[0] for line in sdp.splitlines() if line.startswith("a=fmtp:")}
    for line in sdp.splitlines():
        lines.append(line)
        if (match := _OPUS.match(line)) and f"a=fmtp:{match.group(1)}" not in described:
            lines.append(f"a=fmtp:{match.group(1)} {_FMTP_WANTED}")
    return "\r\n".join(lines) + "\r\n"


def only_opus(sdp: str) -> str:
    """The description with every other codec taken out of its audio sections; unchanged where there is no Opus."""
    wanted = opus_payload_types(sdp)
    return "".join(_section_with(section, wanted) for section in _sections(sdp))


def problem_with(sdp: str) -> str:
    """Why this cannot be used as the other side's description, in words; empty when it can be tried."""
    if len(sdp) > LARGEST_SDP:
        return "it is far too long"
    if not sdp.lstrip().startswith("v=0"):
        return "it is not a session description"
    _, *media = _sections(sdp)
    if len(media) > MOST_SECTIONS:
        return f"it has more than {MOST_SECTIONS} media sections"
    audio = [section for section in media if section.startswith("m=audio ")]
    events = [section for section in media if section.startswith("m=application ")]
    if not audio or _is_refused(audio[0]):
        return "it has no audio"
    if any(len(section.splitlines()[0].split()) < 4 for section in media):
        return "a media line lacks its port, protocol or formats"
    if not opus_payload_types(audio[0]):
        return "it has no Opus audio"
    if not events or _is_refused(events[0]):
        return "it has no channel for events"
    for needed, name in (("a=fingerprint:", "a fingerprint"), ("a=ice-ufrag:", "ICE credentials")):
        if needed not in sdp:
            return f"it lacks {name}"
    return ""


def _sections(sdp: str) -> list[str]:
    """The session part, then each media section, line ends kept; joined again they are the description."""
    return re.split(r"^(?=m=)", sdp, flags=re.MULTILINE)


def _is_refused(section: str) -> bool:
    """Port 0 turns a section down (RFC 3264 6), unless it rides on another's transport (RFC 9143 6)."""
    return section.split(" ", 2)[1] == "0" and "a=bundle-only" not in section


def _section_with(section: str, wanted: frozenset[int]) -> str:
    if not section.startswith("m=audio ") or not opus_payload_types(section):
        return section
    lines: list[str] = []
    for line in section.splitlines():
        if line.startswith("m=audio "):
            lines.append(_only_these(line, wanted))
        elif (match := _OPUS_SPECIFIC.match(line)) is None or int(match.group(1)) in wanted:
            lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def _only_these(media_line: str, wanted: frozenset[int]) -> str:
    """`m=audio PORT PROFILE PT PT ...` with the wanted payload types only."""
    kind, port, profile, *formats = media_line.split()
    kept = [name for name in formats if name.isdigit() and int(name) in wanted]
    return " ".join([kind, port, profile, *kept])


def largest_message(sdp: str) -> int:
    """Bytes that the describer of a data channel takes in one message; 0 for any number (RFC 8841 6)."""
    match = re.search(r"^a=max-message-size:(\d{1,10})\s*$", sdp, re.MULTILINE)
    return int(match.group(1)) if match else _DEFAULT_LARGEST_MESSAGE
