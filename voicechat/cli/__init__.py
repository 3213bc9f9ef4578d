"""One file per command. stdout is data, stderr is narration; heavy imports stay inside the command that needs them."""
