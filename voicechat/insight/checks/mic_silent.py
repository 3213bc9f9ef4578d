"""Does the open microphone give nothing but zeros?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.insight.findings import Ended, Finding, found
from voicechat.insight.records import Record, number, text
from voicechat.insight.session_model import SessionModel

CODE = "mic-silent"
ON = ("mic.flat", "notice", "mic.live", "device.opened", "voice.began")


def look(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    if record.type not in ("mic.flat", "notice"):
        yield Ended(CODE, record.mark())
        return
    if record.type == "notice" and text(record.event, "code") != "mic_flat":
        return
    if model.mic.is_open is False and not model.witness.is_ours:
        return  # the client closed it itself
    seconds = number(record.event, "seconds")
    yield found(
        CODE,
        "error",
        f"The microphone is open and gives only zeros{f' for {seconds:.0f} s' if seconds else ''}.",
        cause="It is switched off or muted in hardware, the wrong device is in use, or the system keeps this terminal "
        "from hearing it.",
        cure="Choose another device, allow the microphone for this program in the system's privacy settings, and look "
        "for a mute switch.",
        ours='d shows the devices (or mic = "NAME"; `voicechat devices` lists them).',
        evidence=(record.mark(), model.mic.changed),
        rests_on="five seconds of bit-exact zeros are no quiet room",
        confidence=0.97,
    )
