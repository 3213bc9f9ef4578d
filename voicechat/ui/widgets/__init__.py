"""The parts of the screen. Attributes down, messages up; no widget knows its sibling."""
