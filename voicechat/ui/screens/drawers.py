"""The two drawers on the right of the main area, devices and settings: one at a time, and never over the deck."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from voicechat.core.user_events import DevicesAsked
from voicechat.ui.messages import UserDid
from voicechat.ui.screens.developer import DeveloperScreen

if TYPE_CHECKING:
    from voicechat.ui.widgets.devices_pane import DevicesPane
    from voicechat.ui.widgets.settings_pane import SettingsPane


class DrawersScreen(DeveloperScreen):
    """Opens and closes them, and gives the keyboard back to what had it."""

    def __init__(self) -> None:
        super().__init__()
        self._has_state = False
        """The engine has shown a state, so it takes wishes."""

    @cached_property
    def devices_pane(self) -> DevicesPane:
        """The drawer of microphones and loudspeakers."""
        from voicechat.ui.widgets.devices_pane import DevicesPane

        return DevicesPane()

    @cached_property
    def settings_pane(self) -> SettingsPane:
        """The drawer of the session's settings."""
        from voicechat.ui.widgets.settings_pane import SettingsPane

        return SettingsPane()

    def refresh_place(self) -> None:
        """Something else has the keyboard now."""
        raise NotImplementedError

    @property
    def drawer_place(self) -> str:
        """What of the drawers has the keyboard; empty: none of them is open."""
        if not self.is_built:
            return ""
        if self.devices_pane.display:
            return "devices"
        if self.settings_pane.display:
            return "setting" if self.settings_pane.is_editing else "settings"
        return ""

    def close_drawer(self) -> bool:
        """One thing at a time: the text that is being typed, then the drawer. False: none was open."""
        return self.is_built and (self.settings_pane.close_field() or self.close_drawers())

    def close_drawers(self) -> bool:
        """False: none was open."""
        if not self.is_built:
            return False
        devices, settings = self.devices_pane, self.settings_pane
        if not devices.display and not settings.display:
            return False
        if devices.display:
            self.post_message(UserDid(DevicesAsked(False)))
        settings.close_field()
        devices.display = settings.display = False
        self.remove_class("-settings")
        self.inspector.events.focus() if self.shows_events else self.focus_transcript()
        self.refresh_place()
        return True

    def toggle_devices(self) -> bool:
        """The drawer of devices, or away with it. False: this screen is too small for it."""
        if self.size_class == "tiny":
            return False
        if not self.is_built:
            self.when_built(self.toggle_devices)
            return True
        pane = self.devices_pane
        was_open = bool(pane.display)
        self.close_drawers()
        if not was_open:
            pane.cursor, pane.display = "", True
            pane.focus()
            self.ask_for_devices()
            self.refresh_place()
        return True

    def toggle_settings(self) -> bool:
        """The drawer of settings, or away with it. False: this screen is too small for it."""
        if self.size_class == "tiny":
            return False
        if not self.is_built:
            self.when_built(self.toggle_settings)
            return True
        pane = self.settings_pane
        was_open = bool(pane.display)
        self.close_drawers()
        if not was_open:
            self.add_class("-settings")  # the talk makes room for it
            pane.open()
            self.refresh_place()
        return True

    def ask_for_devices(self) -> None:
        """An engine that has not shown a state yet takes no wishes; the first state asks again."""
        if self._has_state and self.is_built and self.devices_pane.display:
            self.post_message(UserDid(DevicesAsked(True)))

    def on_settings_pane_editing(self) -> None:
        """The footer tells which keys a text field leaves."""
        self.refresh_place()
