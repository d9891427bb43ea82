"""Words for colours in instructions, the name each stands for, and pairs of words in which they name none."""

from __future__ import annotations

COLOR_NAMES = tuple("black grey white beige brown red pink orange yellow green blue purple".split())
_SYNONYMS = {
    "black": "black blackish ebony",
    "grey": "grey gray greyish grayish silver silvery charcoal anthracite",
    "white": "white whitish ivory",
    "beige": "beige cream tan sandy",
    "brown": "brown brownish chestnut tawny",
    "red": "red reddish crimson scarlet maroon burgundy",
    "pink": "pink pinkish rosy salmon",
    "orange": "orange orangey",
    "yellow": "yellow yellowish golden mustard",
    "green": "green greenish olive emerald lime",
    "blue": "blue bluish navy azure turquoise teal cyan",
    "purple": "purple violet lilac lavender mauve magenta",
}
COLOR_OF_WORD = {word: name for name, words in _SYNONYMS.items() for word in words.split()}
COLOR_PATTERN = "(?:" + "|".join(sorted(COLOR_OF_WORD, key=len, reverse=True)) + ")"
SHADES = frozenset("dark light bright pale deep pastel vivid navy sky plain pure shiny all".split())
_OTHER_MEANINGS = {
    "red": "wine meat cross tape", "white": "wine bread noise board goods rice sugar", "orange": "juice peel squash",
    "black": "coffee tea bread tie board market and", "green": "tea fingers thumb beans salad onions",
    "brown": "bread rice sugar sauce", "blue": "cheese moon jeans", "yellow": "pages", "lime": "juice tree",
    "cream": "cheese cake pie", "olive": "oil tree", "golden": "retriever", "mustard": "pot", "salmon": "fillet",
}  # fmt: skip


def is_color(word: str, following: str) -> bool:
    """Whether ``word`` names the colour of what is called by the words after it: not in "red wine"."""
    return word in COLOR_OF_WORD and following not in _OTHER_MEANINGS.get(word, "").split()
