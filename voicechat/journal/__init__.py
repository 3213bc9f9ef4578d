"""What happened in a talk, kept: tapes written, read, replayed, exported, compared and handed on."""
