"""From an instruction to noun phrases for a detector that is prompted with nouns (SAM 3), by rules alone.

"Could you bring me the red cup next to the sink?" becomes "red cup": the request around the object goes, and so
do relative clauses and relations, which are resolved in 3D. Adjectives stay, and so does "of" ("cup of tea").
An instruction that says what for and not what ("something to sit on") goes through ``affordances``.
Deterministic, English, without models; what it cannot read gives no phrase rather than a guess of the sentence.
"""

from __future__ import annotations

import itertools
import re
import unicodedata

from mllm_for3d_ros.teachers.affordances import objects_for

MAX_PHRASES = 3
MAX_WORDS = 5
"""Of a phrase; SAM 3 reads 32 tokens, and simple noun phrases were what it was trained on."""
MAX_CHARACTERS = 60
NOUN_PHRASE_VERSION = "1"
"""To be changed with the rules: cached answers hang on it."""

_CONTRACTIONS = (
    (re.compile(r"\b(where|what|there|it|that|who|he|she)'s\b"), r"\1 is"),
    (re.compile(r"\b(i)'m\b"), r"\1 am"),
    (re.compile(r"\b(we|they|you)'re\b"), r"\1 are"),
    (re.compile(r"\b(i|we|they|you)'ve\b"), r"\1 have"),
    (re.compile(r"\b(i|we|they|you|he|she)'d\b"), r"\1 would"),
    (re.compile(r"\b(i|we|they|you|he|she|it)'ll\b"), r"\1 will"),
)
_REQUESTS = tuple(
    re.compile(rf"^(?:{pattern})\b\s*")
    for pattern in (
        r"(?:hey|hi|hello|ok|okay|please|kindly|now|then|so|just|robot|well|thanks|thank you)",
        r"(?:could|can|would|will) you(?: please| kindly)?",
        r"(?:would|do) you mind",
        r"(?:do you (?:see|know|have)|did you see|have you seen|can you see)",
        r"(?:did|have|has) (?:you|i|we|he|she|they) (?:put|leave|left|lose|lost|forget|forgotten)",
        r"(?:tell me|show me|let me (?:see|know)|know|see|wonder)(?: (?:where|whether|if|which|what))?",
        r"i (?:am|was) (?:looking|searching) for|i am after|i (?:wonder|cannot find)(?: (?:where|whether|if))?",
        r"i (?:would like|want|need|wish)(?: to (?:see|find|have|get|use|reach|go to|know where))?(?: is| are)?",
        r"(?:find|locate|detect|identify|spot|get|fetch|grab|pick up|pick|take|give|bring|hand|pass)(?: out)?"
        r"(?: me| us)?",
        r"(?:finding|locating|getting|fetching|bringing|passing|showing|pointing (?:to|at|out))(?: me| us)?",
        r"(?:highlight|segment|mark|outline|select|label|mask|circle|show|open|close|check)(?: me| us)?",
        r"(?:point|look|search|watch out)(?: (?:to|at|out|for|towards?))",
        r"(?:me|us) to",
        r"(?:go|drive|move|navigate|come|walk|head|roll|turn|travel|get|bring|take)(?: (?:me|over|up|back|there))*"
        r" (?:to|towards?|into)",
        r"(?:where|what|which)(?: \w+| of these)? (?:is|are|was)(?= (?:the|a|an|my|your)\b)",
        r"(?:where|what|which) (?:is|are)",
        r"(?:is|are) there|there (?:is|are|must be|should be)|this is|that is|here is|it is",
        r"(?:where|which|what)",
        r"(?:put|set|place|lay|leave|drop|throw|hang|store)\b.*? (?:on|onto|in|into|at)"
        r"(?= (?:the|a|an|my|your|this)\b)",
        r"(?:sit|lie|stand|stay|step|climb|lean|knock|wait)(?: (?:down|up|away))? (?:on|onto|in|at|by|from)"
        r"(?= (?:the|a|an|my|your|this)\b)",
        r"(?:turn|switch|plug|pull)(?: (?:on|off|in|up|out))",
        # Any other word straight before a determiner is a verb: "water the plants".
        r"(?!(?:of|and|or)\b)[a-z]+(?= (?:the|a|an|my|your|this)\b)",
    )
)
_DETERMINERS = frozenset(
    "the a an my your our his her their its this that these those some any every each all another other both "
    "one two three four five six several many nearest closest next farthest furthest leftmost rightmost left right "
    "first second third last same single only".split()
)
_GENERIC = frozenset(
    "something somewhere anything anywhere everything thing things stuff object objects item items place places spot "
    "spots area way device furniture piece one ones what where".split()
)
_PLACES = frozenset("somewhere anywhere place places spot spots area where".split())
_PRONOUNS = frozenset("i you he she it we they me us him them who someone somebody everyone nobody".split())
_CLAUSE = _PRONOUNS | frozenset(
    "is are was were be been has have had can could should would will shall may might must do does did not "
    "because so but if when while than as too".split()
)
"""Words that say that a sentence goes on, not an enumeration of objects."""
_STOPS = _CLAUSE | frozenset(
    "that which whom whose where near nearby next beside besides behind under underneath below above over across "
    "against along around at by on onto in inside into outside within between among from to for with without "
    "through opposite away here there out off up down after before about anywhere somewhere everywhere hanging "
    "standing lying sitting leaning resting facing placed located used using called named please my your our his "
    "her their".split()
)
_VERBS = frozenset(
    "go wait stay lay keep run add let make use work welcome sort hang order put bring get take help watch come".split()
)
"""Verbs that no request above took away: what they start is no noun phrase."""
_COLORS = frozenset(
    "black white red green blue yellow brown grey gray orange purple pink beige silver golden dark light".split()
)
_SIDES = re.compile(r"\b(?:to|on|at) the (?:far )?(?:left|right|top|bottom|back|front)\b.*")
_FRONT = re.compile(r"\bin (?:the )?(?:front|middle|centre|center|corner|back) .*")
_CAN = re.compile(r"\b(trash|garbage|rubbish|waste|watering|soda|beer|spray|paint|tin) (cans?)\b")
"""Where "can" is a noun."""
_JOIN = re.compile(r"\s*(?:,|\band\b|\bor\b)\s*")


def noun_phrases(instruction: str) -> tuple[str, ...]:
    """One to ``MAX_PHRASES`` lower-case noun phrases for ``instruction``, none if it names nothing that is known.

    Every phrase has at most ``MAX_WORDS`` words and ``MAX_CHARACTERS`` characters.
    """
    text = _plain(instruction)
    request = _without_request(_CAN.sub(r"\1_\2", text.strip(" ,")))
    phrases: list[str] = []
    for chunk in _chunks(request):
        phrase = _object_of(chunk)
        if not phrase:
            break
        phrases += [] if phrase in phrases else [phrase]
        if not _CLAUSE.isdisjoint(chunk.split()):
            break
    if not phrases:
        phrases = list(objects_for(text.replace(",", " "), _wants_place(text)))
    return tuple(phrases[:MAX_PHRASES])


def clean_phrase(text: str) -> str:
    """One noun phrase from elsewhere (a language model), bounded and without determiners; "" if nothing is left."""
    words = _plain(text).replace(",", " ").split()
    while words and words[0] in _DETERMINERS:
        words.pop(0)
    return _bounded(words)


def _plain(text: str) -> str:
    """Lower-case words, commas, hyphens and apostrophes inside words; everything else is white space."""
    lowered = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    for short, long in _CONTRACTIONS:
        lowered = short.sub(long, lowered)
    kept = "".join(c if c.isalnum() or c in "-'," else " " for c in lowered)
    words = (word.strip("-'") for word in kept.replace(",", " , ").split())
    return " ".join(word for word in words if word)


def _without_request(text: str) -> str:
    """``text`` from the object on: politeness, commands and question words at its start removed."""
    shorter = text
    while True:
        for pattern in _REQUESTS:
            shorter = pattern.sub("", shorter).lstrip(" ,")
        if shorter == text:
            return text
        text = shorter


def _chunks(text: str) -> list[str]:
    """Parts of an enumeration; "black and white rug" is one."""
    parts = _JOIN.split(text)
    joined: list[str] = []
    for part in parts:
        if joined and joined[-1].split() and set(joined[-1].split()) - _DETERMINERS <= _COLORS:
            joined[-1] += f" {part}"
        else:
            joined.append(part)
    return [part for part in joined if part]


def _object_of(chunk: str) -> str:
    """The noun phrase at the start of ``chunk``, "" where there is none or it says nothing ("something soft")."""
    words = _FRONT.sub("", _SIDES.sub("", chunk)).split()
    while words and words[0] in _DETERMINERS and not (len(words) == 1 and words[0] in _GENERIC):
        words.pop(0)
    if words[:1] == ["of"] or (words[1:2] == ["of"] and words[0].endswith("est")):
        words = words[words.index("of") + 1 :]
        while words and words[0] in _DETERMINERS:
            words.pop(0)
    if not words or words[0] in _PRONOUNS or words[0] in _STOPS:
        return ""
    kept = [word for word in itertools.takewhile(lambda word: word not in _STOPS, words) if word not in _DETERMINERS]
    while kept and kept[-1] == "of":
        kept.pop()
    unsaid = not kept or kept[0] in _GENERIC | _VERBS or kept[-1] in _GENERIC
    too_long = len(kept) > MAX_WORDS and "of" not in kept
    return "" if unsaid or too_long else _bounded(" ".join(kept).replace("_", " ").split())


def _wants_place(text: str) -> bool:
    """Whether a place rather than a thing is asked for."""
    return not _PLACES.isdisjoint(text.split())


def _bounded(words: list[str]) -> str:
    """``words`` as a phrase within the limits: the last ones count, as English nouns stand at the end."""
    if "of" not in words:
        words = words[-MAX_WORDS:]
    phrase = " ".join(words[:MAX_WORDS])
    return phrase if len(phrase) <= MAX_CHARACTERS else phrase[:MAX_CHARACTERS].rsplit(" ", 1)[0]
