"""The turn rules, one file per question. Each rule sees the whole state and changes only its own slice."""
