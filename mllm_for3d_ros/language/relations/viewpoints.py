"""From where sides are judged: "seen from the door", "standing at the window, …"."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WHO = r"(?:it is |they are |one is |you are |i am |we are |you |i |we |one |someone |somebody |being )"
_SEE = (
    r"(?:seen|viewed|observed|looked at|regarded|looking|watched|watching|judged|facing|gazing|standing"
    r"|described|perceived)"
)
_DO = (
    r"(?:look|looks|looking|stand|stands|standing|sit|sits|sitting|are|is|am|view|watch|see|sees|face|faces"
    r"|facing|were|gaze|go|walk|enter|come in|come)"
)
_THAT_WAY = (
    r"(?: (?:at|towards?|into) (?:it|them|that|this|the room)| it| them| over| there| that way"
    r"| straight| back| out| in| through)*"
)
_AT = r"(?:from|at|by|in|near|in front of|next to|beside|on|to|close to)"
_SIDE = r"(?:point of view|viewpoint|perspective|vantage point|position|standpoint|direction|view|side|angle)"
_TAILS = (
    rf",? ?\(?(?:as|when|if|while)? ?{_WHO}?{_SEE}{_THAT_WAY} from (?P<view>.+)",
    rf",? ?(?:as|when|if|while|for (?:someone|somebody|a person|anyone|one|a viewer)(?: who)?|to (?:someone"
    rf"|somebody)(?: who)?|with you) {_WHO}?{_DO}{_THAT_WAY}(?: standing)? {_AT} (?P<view>.+)",
    rf",? ?(?:as )?(?:seen |viewed )?from (?:the )?(?:{_SIDE}) of (?P<view>.+)",
    rf",? ?(?:as )?(?:seen |viewed )?from (?P<view>(?:the|my|your) [\w ]+?)(?:'s|s'|') (?:own )?{_SIDE}",
    rf",? ?(?:as )?(?:seen |viewed )?from (?P<view>my|your|this) {_SIDE}",
    r",? ?(?:as )?from (?P<view>where (?:i|you|we) (?:am|are|stand|sit)(?: now)?|here)",
    r",? ?with (?:the )?viewer (?:at|by) (?P<view>.+)",
)  # fmt: skip
_HEADS = (
    rf"(?:as )?(?:seen|viewed|observed|looking|standing|sitting|positioned|judged|stood"
    rf"|placed){_THAT_WAY} {_AT} (?P<view>[^,]+?)(?: (?:and )?(?:looking at|facing|towards?|looking towards?"
    rf"|at) (?P<anchor>[^,]+?))? ,",
    rf"(?:if|when|imagine|suppose|assume|picture|say|with"
    rf"|while)? ?{_WHO}?(?:imagine )?{_DO}{_THAT_WAY}(?: standing"
    rf"| sitting)? {_AT} (?P<view>[^,]+?)(?: (?:and )?(?:look(?:ing)? at|fac(?:e|ing)|look(?:ing)? towards?"
    rf"|towards?) (?P<anchor>[^,]+?))? ,",
    rf"(?:as )?(?:seen )?from (?:the )?(?:{_SIDE}) of (?P<view>[^,]+?) ,",
    rf"(?:as )?(?:seen )?from (?P<view>(?:the|my|your) [^,]+?)(?:'s|') (?:own )?{_SIDE} ,",
    rf"(?:as )?(?:seen )?from (?P<view>my|your|this) {_SIDE} ,",
    r"from (?P<view>(?:the|my|our|your|a|where|here)\b[^,]*?)(?: (?:looking at|facing"
    r"|looking towards?) (?P<anchor>[^,]+?))? ,",
    r"(?:if |when |while )?(?:you are |i am |you |i )?(?:facing|face|looking at|look at"
    r"|looking towards?) (?P<anchor>[^,]+?) (?:from|while standing at|standing at"
    r"|when standing at) (?P<view>[^,]+?) ,",
)  # fmt: skip
_TAIL = [re.compile(rf"^(?P<rest>.+?)(?:\b|\s){pattern}$") for pattern in _TAILS]
_HEAD = [re.compile(rf"^{pattern}\s*(?P<rest>.+)$") for pattern in _HEADS]
_PLAIN_TAIL = re.compile(
    r"^(?P<rest>.+\b(?:left|right|behind|in front of|leftmost"
    r"|rightmost)\b.*?) ,? ?from (?P<view>(?:the|my|our|your|a|where|here)\b.*)$"
)


@dataclass(frozen=True)
class Viewed:
    """A sentence without its viewpoint; view: the viewpoint's words. anchor: what is looked at, if that is said."""

    rest: str
    view: str | None = None
    anchor: str | None = None


def take_viewpoint(text: str) -> Viewed:
    """Split off what says from where something is seen."""
    for pattern in _HEAD:
        match = pattern.match(text)
        if match:
            parts = match.groupdict()
            return Viewed(parts["rest"], _place(parts["view"]), parts.get("anchor"))
    for pattern in [*_TAIL, _PLAIN_TAIL]:
        match = pattern.match(text)
        if match:
            return Viewed(match["rest"].rstrip(" ,"), _place(match["view"]))
    return Viewed(text)


def _place(view: str) -> str:
    view = view.strip(" ,")
    return "here" if view in ("my", "your", "this") else view
