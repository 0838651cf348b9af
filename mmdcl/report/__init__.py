"""What a run looked like: its numbers and pictures, and one HTML page."""
