"""An instruction as plain lower-case words, and without the words that only ask: "could you please show me"."""

from __future__ import annotations

import re

_CONTRACTIONS = (
    (r"\b(what|where|which|that|there|who|it|here|he|she)'s\b", r"\1 is"),
    (r"\b(what|where|which|that|there|who)'re\b", r"\1 are"),
    (r"\b(i|we|you|they)'d\b", r"\1 would"),
    (r"\b(i|we|you|they)'ll\b", r"\1 will"),
    (r"\b(i|we|you|they)'ve\b", r"\1 have"),
    (r"\bi'm\b", "i am"),
    (r"\b(we|you|they)'re\b", r"\1 are"),
    (r"\blet's\b", "let us"),
    (r"\b(is|are|was|were|do|does|did|ca|wo)n't\b", r"\1 not"),
    (r"\b(\d)(?:st|nd|rd|th)\b", r"\1th"),
    (r"\bin between\b", "between"),
    (r"\bwanna\b", "want to"),
    (r"\b(the same as|as well)\b", ""),
)
_SOMEBODY = r"(?:i|we|you|one|somebody|someone)"
_FIND = (
    r"(?:find|locate|show|mark|segment|highlight|select|choose|pick|pick out|pick up|point at|point to|point out|point"
    r"|get|fetch|bring|give|hand|pass|take|grab|lift|remove|clear|collect|look at|look for|search for|seek"
    r"|identify|detect"
    r"|outline|label|name|tell|approach|reach|go|go over|drive|drive over|move|navigate|walk|walk over|head|roll|come"
    r"|travel|carry|see|spot|recognise|recognize|circle|single out|focus on|inspect|check|mean|want|need|prefer|use"
    r"|get hold of|track down|touch|stop at|wait at|wait by|retrieve|deliver|have)"
)
_TO = rf"(?: to(?= {_FIND}\b))?"
_RECIPIENT = r"(?: (?:me|us|him|her|them|over|back|here|along|straight|directly|down|to|towards?|for|at|out|up))*"
_PREFIXES = (
    r",",
    r"(?:is|are)(?= (?:any|some|the|a|an|my)\b)",
    r"(?:only|not any|simply|exactly|precisely|specifically)",
    r"(?:hey|hello|hi|ok|okay|well|so|and|then|now|just|please|kindly|robot|alright|sorry|hm|er|actually)\b",
    r"(?:dear|hey) robot\b",
    r"(?:could|can|would|will|might) (?:you|i|we|somebody|someone)(?: please| kindly| just"
    r"| quickly)?\b(?: be so kind as to)?",
    r"(?:do|did) (?:you|we|i)(?: please)?\b",
    rf"{_SOMEBODY} (?:would )?(?:want|need|like|wish|mean|meant|prefer|am after|am looking for|are looking for|look for"
    r"|am searching for|have to|must|should|can see|see|will take|will have|asked for|am interested in)"
    rf"(?: you| for you| the robot)?{_TO}",
    rf"(?:i|we) (?:would|might) (?:rather|prefer|love){_TO}",
    rf"(?:let me|let us|help me|help us|try|be so kind as to|would you mind|i would be glad if you could){_TO}",
    r"(?:where|what|who) (?:is|are)(?= (?:the|a|an|my|our|your|all|that|this)\b)",
    r"(?:tell|show|say) (?:me|us) (?:where|what|which)(?: one)?(?: is| are)?\b",
    r"where (?:can|could|do|did|would|will|have) (?:i|we|you) (?:find|see|spot|locate|get|left)\b",
    r"where (?:did|have) (?:i|we|you) (?:put|leave)\b",
    r"which is(?= (?:the|my|our|your)\b)",
    r"(?:what|how) (?:about|of)\b",
    r"(?:is|are|was|were) there(?: any(?:where)?)?\b",
    r"there (?:is|are|must be|should be)\b",
    r"(?:it|that|this) (?:is|was|should be|must be|has to be)(?= (?:the|my|our|your)\b)",
    r"(?:i|we) (?:have|had|own)\b(?= (?:a|an|the|two|three|several)\b)",
    rf"{_FIND}{_RECIPIENT}(?= |$)",
)
_ACTIONS = (
    r"(?:turn|switch|put) (?:on|off)", r"(?:open|close|shut|clean|wipe|dust|water|unplug|adjust|empty|straighten)",
    r"(?:sit|lie|lay|stand|wait)(?: down)? (?:on|in|at|by)", r"put (?:it|this|that|them) (?:down )?(?:on|in|into|onto)",
)  # fmt: skip
_SUFFIXES = (
    r",", r"please", r"thanks", r"thank you(?: very much)?", r"for (?:me|us)", r"robot", r"right now", r"now", r"is it",
    r"quickly", r"if (?:you can|possible|you please|you would|there is one|you see one|you do not mind|you could)",
    r"would you", r"will you", r"can you", r"could you", r"if any", r"(?:right )?(?:here|there|over there|around)",
    r"than (?:(?:all|any|any of|every|each|the|of) )*(?:others?|rest)(?: ones?| [\w']+){0,3}",
    r"in (?:the|this|my|our) (?:room|house|flat|apartment|scene|map|picture|place|home|view|office)",
    r"not (?:the|any|any of the) (?:others?|rest|other ones?|other \w+)", r"and (?:no|none) (?:other|others"
    r"|of the others)",
    r"and (?:nothing|not anything) else", r"only", r"instead", r"first",
)  # fmt: skip
_PREFIX = re.compile(rf"^(?:{'|'.join(_PREFIXES)})(?=\s|$)\s*")
_ACTION = re.compile(rf"^(?:{'|'.join(_ACTIONS)}) (?=(?:the|my|our|your|that|this)\b)(?!.* behind (?:you|me|us)$)")
_SUFFIX = re.compile(rf"(?:^|\s)(?:{'|'.join(_SUFFIXES)})$")


_WANTED = re.compile(
    r" (?:that |which )?(?:i|we) (?:want|need|mean|meant|am looking for|are looking for|am after|would like|seek)\b"
    r"(?: to (?:find|see))?(?! to\b)(?= (?:is|are|stands|lies|sits|hangs|on|next|near|to|which|that|,)\b|$)"
)


def plain_words(text: str) -> str:
    """Lower case, contractions written out, punctuation as separate commas, white space collapsed."""
    words = text.casefold().replace("’", "'").replace("`", "'")
    for pattern, written_out in _CONTRACTIONS:
        words = re.sub(pattern, written_out, words)
    words = re.sub(r"(?<=\w)-(?=clos)", "", words)  # "soft-close" says nothing of nearness
    words = re.sub(r"(?<=\w)-(?=\w)", " ", words)
    words = _WANTED.sub("", words)
    words = re.sub(r"\s*[,.;:!?()\[\]{}\"“”„«»…/]+\s*|\s+[-–—]+\s+|[–—]", " , ", words)
    words = " ".join(words.split())
    return re.sub(r"^(?:, )+|(?: ,)+$|(?<=,)(?: ,)+", "", words).strip()


def without_request(words: str) -> str:
    """``plain_words`` without what only asks, before and after what is asked for."""
    before = None
    while before != words:
        before = words
        words = _SUFFIX.sub("", words).strip()
        shorter = _PREFIX.sub("", words, count=1).strip()
        words = shorter or words
    return words


def without_action(words: str) -> str:
    """A request's object without what is to be done with it: "turn on the lamp" is about the lamp."""
    return _ACTION.sub("", words)
