"""2D teachers: (frames, instruction) to a mask, a token and a score a view, or an abstention."""
