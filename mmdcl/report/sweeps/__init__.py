"""What runs of a sweep say together: tables and figures, from lines alone."""
