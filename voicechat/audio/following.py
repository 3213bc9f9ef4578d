"""Which devices should be open now: the wished ones, else the system's default, as both come and go.

A list made by another process tells what is there, with one exception: a raw ALSA card that we use ourselves looks
absent to everybody else. So absence counts only where a sound server said it; elsewhere the stream's own end tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from voicechat.audio.device_watch import DeviceWatcher
from voicechat.audio.devices import Device, DeviceList, Direction, find_device
from voicechat.errors import AudioDeviceError

Wishes = tuple[str | None, str | None]
"""Microphone and loudspeaker: "default", a name, or None for a side without a device."""


_AGAIN_AFTER = (5.0, 30.0)
"""Seconds before a device that is listed but would not open is tried again: the second time, and from then on."""
PATIENCE_WITH_WISH = 1
"""Attempts for the wished devices alone, before the default is taken: a headset that changes its profile returns."""
PATIENCE_WITH_BOTH = 4
"""Attempts for both sides, before one alone is taken: a cable that slipped out is put back within seconds."""


@dataclass(frozen=True, slots=True)
class OpenEnds:
    """The two ends that are open; None for a side without one."""

    mic: Device | None = None
    speaker: Device | None = None


class Follower:
    """Asks a watcher, and remembers what was tried, so that a device that would not open is not tried all the time."""

    def __init__(self, watcher: DeviceWatcher | None) -> None:
        self._watcher = watcher
        self._seen: DeviceList | None = None
        self._attempts = 0
        self._not_before = 0.0

    def has_news(self) -> bool:
        """Whether other devices are there than at the last question, and any at all."""
        return self._look() and self._seen is not None and bool(self._seen.inputs or self._seen.outputs)

    def moved(self, open_now: OpenEnds) -> OpenEnds:
        """The same ends, with what a sound server has put behind them by now."""
        self._look()
        return as_moved(self._seen, open_now) if self._seen is not None else open_now

    def reason_to_switch(self, wishes: Wishes, open_now: OpenEnds, now: float) -> str:
        """As the function of this name; empty for a while after it was answered, until something changes."""
        self._look()
        if self._seen is None or now < self._not_before:
            return ""
        reason = reason_to_switch(self._seen, wishes, open_now)
        if reason:
            self._not_before = now + _AGAIN_AFTER[min(self._attempts, 1)]
            self._attempts += 1
        return reason

    def close(self) -> None:
        """Look no longer."""
        if self._watcher is not None:
            self._watcher.close()

    def _look(self) -> bool:
        """Whether the newest list is another one."""
        if self._watcher is None:
            return False
        self._watcher.start()
        latest = self._watcher.latest
        if latest is self._seen:
            return False
        self._seen, self._attempts, self._not_before = latest, 0, 0.0
        return True


def reason_to_switch(devices: DeviceList, wishes: Wishes, open_now: OpenEnds) -> str:
    """Why the stream should be opened anew with the same wishes, for people; empty while all is as it should be."""
    reasons = (
        _reason(devices, wishes[0], open_now.mic, "input"),
        _reason(devices, wishes[1], open_now.speaker, "output"),
    )
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))


def as_moved(devices: DeviceList, open_now: OpenEnds) -> OpenEnds:
    """The same ends after a sound server moved what is behind them, which it does without a word to us."""
    return OpenEnds(_renewed(devices.inputs, open_now.mic), _renewed(devices.outputs, open_now.speaker))


def worth_trying(wishes: Wishes, attempts: int, *, only_wish: bool) -> list[Wishes]:
    """What to open after so many attempts: the wish first, then other devices, then one side alone."""
    choices = [wishes]
    if attempts > PATIENCE_WITH_WISH and not only_wish:
        choices.extend(fallbacks(wishes))
    if attempts > PATIENCE_WITH_BOTH and not only_wish:
        choices.extend(halves(wishes))
    return choices


def fallbacks(wishes: Wishes) -> list[Wishes]:
    """What to try, best first, when the wishes cannot be had: the default for one side, then for both."""
    mic, speaker = wishes
    default_mic = None if mic is None else "default"
    default_speaker = None if speaker is None else "default"
    tried = [(default_mic, speaker), (mic, default_speaker), (default_mic, default_speaker)]
    return [choice for choice in dict.fromkeys(tried) if choice != wishes]


def halves(wishes: Wishes) -> list[Wishes]:
    """Each side alone, where both were wished: an assistant that is heard is better than none."""
    mic, speaker = wishes
    if mic is None or speaker is None:
        return []
    return list(dict.fromkeys([(None, speaker), (None, "default"), (mic, None), ("default", None)]))


def _reason(devices: DeviceList, wish: str | None, now: Device | None, direction: Direction) -> str:
    if wish is None:
        return ""
    choices = devices.inputs if direction == "input" else devices.outputs
    wished = _find(devices, wish, direction)
    target = wished or _find(devices, "default", direction)
    if target is None or (now is not None and _is_same(target, now)):
        return ""
    if now is None:
        return f"{target.title} is there now"
    is_there = any(_is_same(device, now) for device in choices)
    if not is_there and now.route:
        return f"{now.title} is gone"
    if wished is not None and not _means_default(wish):
        return f"{target.title} is there again"
    return f"the system's default is now {target.title}" if is_there else ""


def _find(devices: DeviceList, wish: str, direction: Direction) -> Device | None:
    try:
        return find_device(devices, wish, direction)
    except AudioDeviceError:
        return None


def _means_default(wish: str) -> bool:
    return wish.strip().lower() in ("", "default")


def _is_same(one: Device, other: Device) -> bool:
    return (one.name, one.route) == (other.name, other.route)


def _renewed(choices: tuple[Device, ...], now: Device | None) -> Device | None:
    found = next((device for device in choices if now is not None and _is_same(device, now)), None)
    if found is None or now is None or not found.stands_for:
        return now
    return replace(now, stands_for=found.stands_for, note=found.note)


def wished(asked: str | None, now: str | None) -> str | None:
    """One side's wish after a change: "none" closes it, nothing leaves it as it is."""
    if not asked:
        return now
    return None if asked == "none" else asked
