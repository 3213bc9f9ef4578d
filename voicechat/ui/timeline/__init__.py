"""The conversation over time: what happened in each lane (`history`) and how it is drawn (`lanes`)."""
