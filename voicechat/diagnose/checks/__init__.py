"""One question a file. A check looks at one event and at the model (which has taken the event in already)."""
