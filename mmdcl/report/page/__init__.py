"""One page of HTML, to send around."""
