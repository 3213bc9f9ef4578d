"""Side translation: finished lines of the transcript in another language, beside the talk and never in it (R24)."""
