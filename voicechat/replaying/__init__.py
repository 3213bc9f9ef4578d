"""Tapes shown again: the screen fed from a tape in place of an engine, with its sound, and the server's side played."""
