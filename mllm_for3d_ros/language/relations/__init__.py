"""Sentences taken apart: which kind of thing, and which relation, colour, size or rank chooses among them."""
