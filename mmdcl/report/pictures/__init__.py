"""Each picture: what is drawn, from what."""
