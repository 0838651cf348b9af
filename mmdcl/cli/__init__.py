"""What people type; the only room that knows the terminal."""
