"""How well it answers: metrics, the Rooms benchmark, and pictures of maps and masks."""
