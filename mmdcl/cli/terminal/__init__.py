"""What a user reads while a command runs: a card, lines, a bar."""
