"""What the user chose: files, flags, environment, secrets, providers and presets. Wrong values name their place."""
