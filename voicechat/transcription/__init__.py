"""Writing down what was said: recordings and the microphone through a session that only listens."""
