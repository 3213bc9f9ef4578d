"""The talk in a process of its own, and the pipe through which screens and commands drive it."""
