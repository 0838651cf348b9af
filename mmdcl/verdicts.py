"""What the numbers of a run mean, in words, with what to do about it."""
