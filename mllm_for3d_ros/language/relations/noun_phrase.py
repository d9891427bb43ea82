"""The noun phrase left of a relation, or the whole of what is asked for: "the second largest red chair"."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from mllm_for3d_ros.language.color_words import COLOR_OF_WORD, SHADES, is_color
from mllm_for3d_ros.language.relations.query import VIEWER, Relation, Size
from mllm_for3d_ros.language.relations.verbs import BASE_FORMS, is_plain_verb

ORDINALS = {word: rank for rank, word in enumerate("first second third fourth fifth sixth seventh eighth".split(), 1)}
ORDINALS |= {f"{rank}th": rank for rank in range(1, 9)} | {"last": -1}
_COUNTS = {"both": 2, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "pair": 2, "couple": 2}
_DEFINITE = frozenset("the my our your that this these those his her their which whichever what".split())
_ONE_OF_THEM = frozenset("a an one this that another".split())
_SEVERAL = frozenset("all any some these those both every each whatever several".split())
DETERMINERS = _DEFINITE | _ONE_OF_THEM | _SEVERAL
QUESTIONING = frozenset("which what whichever whatever".split())
_SIZE_WORDS: dict[Size, str] = {
    "largest": "largest biggest greatest hugest bulkiest larger bigger roomiest",
    "smallest": "smallest tiniest littlest smaller tinier",
    "tallest": "tallest taller",
    "shortest": "shortest shorter",
    "longest": "longest widest broadest longer wider broader",
    "highest": "highest higher topmost uppermost",
    "lowest": "lowest lower lowermost",
}
_SIZES: dict[str, Size] = {word: size for size, words in _SIZE_WORDS.items() for word in words.split()}
_SIZE_PAIRS: dict[str, Size] = {
    "most compact": "smallest", "least bulky": "smallest", "most massive": "largest", "most voluminous": "largest",
}  # fmt: skip
SIZE_PATTERN = "(?:" + "|".join([*_SIZES, *_SIZE_PAIRS]) + ")"
PLAIN_SIZES: dict[Size, str] = {
    "largest": "large big huge great bulky giant", "smallest": "small little tiny mini", "tallest": "tall high",
    "shortest": "low short squat",
}  # fmt: skip
_PLAIN_SIZES: dict[str, Size] = {word: size for size, words in PLAIN_SIZES.items() for word in words.split()}
_DISTANCE_WORDS: dict[Relation, str] = {
    "nearest": "nearest closest nearer closer",
    "farthest": "farthest furthest remotest farther further",
}
_DISTANCES: dict[str, Relation] = {word: one for one, words in _DISTANCE_WORDS.items() for word in words.split()}
_SIDES: dict[str, Relation] = {
    "leftmost": "leftmost", "left": "leftmost", "rightmost": "rightmost", "right": "rightmost",
}  # fmt: skip
NEVER_IN_NOUN = frozenset(
    """i me we us you he him she it its they them who whom whose what which where when how why itself himself herself
    myself yourself everyone somebody someone anyone nobody everybody mine yours ours there here this that these those
    if because while unless until although and or but not never always could would should will shall must may might
    to than so very too then also just like as is are was were be been being has have had do does did
    on in at by from into onto under over above below behind beside between near off out up down through across
    along against around about during before after since without within inside outside beneath underneath upon
    toward towards""".split()
)
_VAGUE = frozenset(
    """thing things something anything everything nothing stuff object objects item items place places spot somewhere
    anywhere part parts side end top bottom rest hand hands finger fingers foot feet leg legs head heads""".split()
)
_NOUNS_IN_ED = frozenset("bed seed weed shed sled feed speed steed bunkbed daybed".split())
_NOUNS_IN_ING = frozenset(
    """painting ceiling railing clothing building string ring king wing bedding lighting drawing heating carving awning
    swing spring sling earring""".split()
)
_POSTURES = frozenset("sit sleep rest stand lie relax nap lounge wait".split())
_STRANDED = frozenset("on in with at into from down upon under behind by inside through for up over".split())
_INTENT = re.compile(
    r"^(?:something|anything|somewhere|anywhere|(?:a|an|the|any|some) (?:\w+ )?(?:place|spot|thing|piece of furniture|"
    r"surface|object|item|seat|piece))(?: (?:that|which|where))?(?: (?:i|we|you|one|people) can| for \w+)?(?: to)? "
    r"(?P<verb>\w+)(?P<more>(?: [\w']+){0,5})$"
)
VIEWER_PATTERN = (
    r"(?:me|you|us|myself|yourself|the robot|the viewer|here|the camera|my (?:place|position)|your position"
    r"|where (?:i|you|we) (?:am|are|stand|sit)(?: now)?)"
)
_PARTED = re.compile(
    r"(?P<mods>(?:[\w']+ ){0,5}?[\w']+) (?:of|among|amongst|out of|from among) (?:all )?(?:of )?"
    r"(?:the|these|those|my|our|your|all) (?P<things>.+)"
)
_LONGEST_NOUN, _LONGEST_BARE = 6, 3


@dataclass(frozen=True)
class Head:
    """Kind of thing in words, and what is said before it.

    noun: "" if only "one" or nothing stands there. definite: "the", "my", "which"; bare: no article at all.
    asking: "which", "what". The others are as of ``Query``; distance: of whoever asks or of what follows.
    """

    noun: str
    definite: bool = False
    bare: bool = False
    asking: bool = False
    plural: bool = False
    ordinal: int | None = None
    size: Size | None = None
    color: str | None = None
    count: int | None = None
    distance: Relation | None = None
    side: Relation | None = None
    excluded: bool = False

    @property
    def chooses(self) -> bool:
        """Whether a rank, size, colour, distance or side is said."""
        return any(said is not None for said in (self.ordinal, self.size, self.color, self.distance, self.side))


def size_of(words: str) -> Size:
    """The size that words of ``SIZE_PATTERN`` stand for."""
    return _SIZES.get(words) or _SIZE_PAIRS[words]


def is_plural(noun: str) -> bool:
    """Whether a noun is in the plural, by its ending."""
    word = re.split(r" (?:of|with|for|in|that|to) ", noun)[0].split()[-1:]
    return bool(word) and word[0].endswith("s") and not word[0].endswith(("ss", "us", "is", "ens")) and len(word[0]) > 3


def singular(noun: str) -> str:
    """One of "chairs" is a "chair"."""
    head, link, rest = noun.partition(" of ")
    if head.endswith("lves"):
        head = head[:-3] + "f"
    elif head.endswith("ies") and len(head) > 5:
        head = head[:-3] + "y"
    elif head.endswith(("shes", "ches", "xes", "sses")):
        head = head[:-2]
    elif is_plural(head):
        head = head[:-1]
    return head + link + rest


def plural(noun: str) -> str:
    """Several of "shelf" are "shelves"; a plural stays as it is."""
    head, link, rest = noun.partition(" of ")
    if is_plural(head):
        return noun
    if head.endswith("lf"):
        head = head[:-1] + "ves"
    elif head.endswith(("s", "x", "ch", "sh")):
        head += "es"
    else:
        head += "s"
    return head + link + rest


def parse_head(text: str) -> Head | None:
    """The parts of a noun phrase that holds no relation, None if ``text`` is none."""
    if re.fullmatch(VIEWER_PATTERN, text):
        return Head(VIEWER, definite=True)
    if _is_intent(text):
        return Head(text)
    parted = _PARTED.fullmatch(text)
    if parted:
        own, things = _Reader(parted["mods"].split()).head(), _Reader(["the", *parted["things"].split()]).head()
        if own and things and not own.noun and things.noun and not things.chooses:
            return replace(own, noun=things.noun if own.plural else singular(things.noun))
    return _Reader(text.split()).head()


def _is_intent(text: str) -> bool:
    """Whether it is a whole need such as "something to sit on", and not "something to put" (on what follows)."""
    match = _INTENT.match(text)
    if match is None or match["verb"] not in BASE_FORMS:
        return False
    more = match["more"].split()
    return more[-1] in _STRANDED if more else match["verb"] in _POSTURES


@dataclass
class _Reader:
    """Reads what stands before a noun, word by word."""

    words: list[str]
    place: int = 0
    said: dict[str, object] = field(default_factory=dict)

    def head(self) -> Head | None:
        first = self.words[0] if self.words else ""
        bare, one_of_them, several = first not in DETERMINERS, False, False
        while self.place < len(self.words):
            word = self.words[self.place]
            one_of_them |= word in _ONE_OF_THEM
            several |= word in _SEVERAL or word in _COUNTS
            taken = self._take()
            if not taken:
                break
            self.place += taken
        noun = self.words[self.place :]
        if noun[:1] == ["of"] and "count" in self.said:
            noun = noun[1:]
        if len(noun) == 2 and noun[0] in _PLAIN_SIZES and noun[1] == "one":  # of several, the big one
            self.said.setdefault("size", _PLAIN_SIZES[noun[0]])
            noun = noun[1:]
        noun, inner = _without_inner_color(noun)
        if inner is not None:
            self.said["color"] = inner
        asking = first in QUESTIONING
        if not _is_noun(noun, bare, asking) or (self.said.keys() & {"size", "ordinal"} and any("'" in w for w in noun)):
            return None
        text = "" if noun in (["one"], ["ones"]) else " ".join(noun)
        plural = several or noun == ["ones"] or (not one_of_them and bool(text) and is_plural(text))
        if "ordinal" in self.said:
            plural = False
        definite = bool(_DEFINITE & set(self.words[: self.place]))
        return Head(text, definite, bare, asking, plural, **self.said)  # type: ignore[arg-type]

    def _take(self) -> int:
        """Words that belong to what stands before the noun, 0 where the noun begins."""
        word, rest = self.words[self.place], self.words[self.place + 1 :]
        following = rest[0] if rest else ""
        pair = f"{word} {following}"
        definite = bool(_DEFINITE & set(self.words[: self.place]))
        alone = bool(rest) or definite
        if word in _COUNTS and rest:
            self.said["count"] = _COUNTS[word]
        elif word in DETERMINERS and not (word == "one" and not rest):
            pass
        elif word in ORDINALS and alone:
            self.said["ordinal"] = ORDINALS[word]
        elif pair in _SIZE_PAIRS or pair == "most distant":
            self.said |= {"size": _SIZE_PAIRS[pair]} if pair in _SIZE_PAIRS else {"distance": "farthest"}
            return 2
        elif word in _SIZES and alone:
            self.said["size"] = _SIZES[word]
        elif word in _DISTANCES and alone:
            self.said["distance"] = _DISTANCES[word]
        elif word in _SIDES and definite and rest:
            self.said["side"] = _SIDES[word]
        elif word == "hand" and "side" in self.said:
            pass
        elif word == "non" and following in COLOR_OF_WORD:
            self.said["excluded"] = True
        elif is_color(word, following) and alone and following not in DETERMINERS and following not in _COUNTS:
            self.said["color"] = COLOR_OF_WORD[word]
        elif word in ("colored", "coloured") and "color" in self.said:
            pass
        elif not (word in SHADES and following in COLOR_OF_WORD and len(rest) > 1):
            return 0
        return 1


def _without_inner_color(noun: list[str]) -> tuple[list[str], str | None]:
    """A colour among the adjectives of a short phrase: "wooden red chair"."""
    for place, word in enumerate(noun[:-1]):
        following = noun[place + 1]
        if word in ("of", "with", "for", "and") or len(noun) > 4:
            break
        if is_color(word, following) and following not in ("of", "and", "or", "with") and following not in _COUNTS:
            return noun[:place] + noun[place + 1 :], COLOR_OF_WORD[word]
    return noun, None


def _is_noun(words: list[str], bare: bool, asking: bool) -> bool:
    """Whether words may be a thing's name; empty is allowed, as "the red one" is."""
    if not words:
        return True
    first, last = words[0], words[-1]
    if len(words) > (_LONGEST_BARE if bare else _LONGEST_NOUN) or any(w in NEVER_IN_NOUN or w == "," for w in words):
        return False
    if any(word in DETERMINERS - {"one"} for word in words) or last in ("of", "with", "for"):
        return False
    if first in _VAGUE or last in _VAGUE or (asking and is_plain_verb(first)):
        return False
    if bare and (is_plain_verb(first) or (first.endswith("ing") and len(words) == 1)):
        return False
    if bare and first in BASE_FORMS and len(words) > 1 and (is_plural(last) or len(words) > 2):
        return False
    if len(words) > 1 and last in BASE_FORMS and is_plural(words[-2]):  # the kids play
        return False
    return len(words) == 1 or not (
        _ends_as_verb(last) or (last in COLOR_OF_WORD and last != "orange") or last in _SIZES
    )


def _ends_as_verb(word: str) -> bool:
    if is_plain_verb(word):
        return True
    participle = len(word) > 3 and word.endswith("ed") and word not in _NOUNS_IN_ED
    return participle or (len(word) > 4 and word.endswith("ing") and word not in _NOUNS_IN_ING)
