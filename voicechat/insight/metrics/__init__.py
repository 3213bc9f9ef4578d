"""What a conversation costs in time and money: pure, fed with the events that flowed, live or from a log."""
