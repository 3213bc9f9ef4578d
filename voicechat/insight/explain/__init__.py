"""What a word of the protocol, or one of ours, means: a sentence for each, and what normally follows or helps."""
