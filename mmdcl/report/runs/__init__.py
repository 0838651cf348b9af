"""What a run left in its folder, and what is known of it."""
