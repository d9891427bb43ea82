"""From many 2D answers to one 3D label: visibility, token attention, votes, the unified query token."""
