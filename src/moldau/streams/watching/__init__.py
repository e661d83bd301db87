"""What a running program tells of itself, and answers."""
