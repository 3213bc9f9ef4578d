"""What a journal means: diagnosis, explanations of words, metrics. Fed live by the engine, or from any log."""
