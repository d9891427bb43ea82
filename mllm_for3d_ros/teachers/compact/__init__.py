"""The compact teacher: a small text-conditioned segmenter, trained on 2D masks of Rooms images only."""
