"""From where sides are judged: "seen from the door", "standing at the window, …"."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WHO = (
    r"(?:it is|they are|one is|you are|you're|i am|we are|you were|i were|you|i|we|one|someone|somebody|a person|being"
    r"|your robot|the robot is|the robot)"
)
_SEEN = (
    r"(?:seen|viewed|observed|looked at|regarded|looking|watched|watching|judged|facing|gazing|standing|described"
    r"|perceived|taken)"
)
_LOOK = (
    r"(?:look|looks|looking|looked|stand|stands|standing|stood|sit|sits|sitting|sat|are|is|am|were|view|watch|see|sees"
    r"|face|faces|facing|gaze|go|walk|enter|come in|come|placed|positioned|located|wait|waiting)"
)
_THAT_WAY = (
    r"(?: (?:at|towards?|into) (?:it|them|that|this|the (?:room|scene))| it| them| over| there| that way| straight|"
    r" back| out| in| through| ahead)*"
)
_AT = r"(?:from|at|by|through|in front of|next to|beside|on|near|close to|in|to)"
_SIDE = r"(?:point of view|viewpoint|perspective|vantage point|position|standpoint|direction|view|side|angle|place)"
_VIEW = r"(?P<view>(?:(?! from )[^,])+?)"
_FACING = (
    r"(?:looking at|look at|facing|face|looking towards?|look towards?|turned to|turned towards?|turn to|towards?)"
)
_ANCHOR = r"(?P<anchor>(?!it\b)[^,]+?)"
_TO_ANCHOR = rf"(?: ?,? (?:and )?(?:you )?{_FACING} {_ANCHOR})?"
_LEAD = r"(?:if|when|imagine|suppose|assume|picture|say|while|as|whenever|once|with)"
_NAMED = r"(?P<view>(?:the|my|our|your|a|where|here)\b(?:(?! from )[^,])*?)"
_BACK = (
    rf"with (?:your|my|the) back to(?:wards)? {_VIEW}",
    rf"with {_VIEW} (?:behind|at the back of|in the back of) (?:you|me|us|one)",
    rf"with {_VIEW} (?:at|to|in) (?:your|my) back",
)
_SOMEBODY = r"(?:someone|somebody|a person|anyone|anybody|one|a viewer|an observer|people)"
_HEADS = (
    *(rf"{back}{_TO_ANCHOR} ," for back in _BACK),
    rf"(?:(?:to|for|if|when|as) )?{_SOMEBODY}(?: who)?(?: (?:is|are))?(?: {_LOOK})? {_AT} {_VIEW}"
    rf"(?: ?,? (?:and )?(?:who )?(?:looks?|faces?|is facing|is looking)(?: at| towards?)? {_ANCHOR})? ,",
    rf"(?:imagine|picture|put|place|suppose) yourself {_AT} {_VIEW}{_TO_ANCHOR} ,",
    rf"(?:{_LEAD} )?(?:{_WHO} )?{_FACING} {_ANCHOR} (?:from|(?:(?:when|while) )?standing at) {_VIEW} ,",
    rf"(?:as |when )?{_SEEN}{_THAT_WAY} {_AT} {_VIEW}{_TO_ANCHOR} ,",
    rf"(?:{_LEAD} )?(?:{_WHO} )?(?:imagine )?{_LOOK}{_THAT_WAY}(?: standing| sitting)? {_AT} {_VIEW}{_TO_ANCHOR} ,",
    rf"(?:as )?(?:seen )?from (?:the )?{_SIDE} of {_VIEW} ,",
    rf"(?:as )?(?:seen )?from (?P<view>(?:the|my|your) [^,]+?)(?:'s|') (?:own )?{_SIDE} ,",
    rf"(?:as )?(?:seen )?from (?P<view>my|your|this) {_SIDE} ,",
    rf"(?:taking|with|using) {_VIEW} (?:as|for) (?:the |a |my |your )?{_SIDE} ,",
    rf"from where {_VIEW} (?:is|stands|hangs) ,",
    rf"from {_NAMED}{_TO_ANCHOR} ,",
    r"from (?P<view>the [\w']+(?: \w+)?)(?= (?:the|which|what|a|find|show)\b)",
)  # fmt: skip
_TAILS = (
    rf"(?:{_LEAD} )?(?:{_WHO} )?{_FACING} {_ANCHOR} (?:from|(?:(?:while|when) )?standing at) {_VIEW}",
    *_BACK,
    rf"from where {_VIEW} (?:is|stands|hangs)",
    rf"(?:as |when |if |while )?(?:{_WHO} )?{_SEEN}{_THAT_WAY} from {_VIEW}",
    rf"(?:as|when|if|while|to (?:someone|somebody|anyone)(?: who)?|with you) (?:{_WHO} )?{_LOOK}{_THAT_WAY}"
    rf"(?: standing| sitting)? {_AT} {_VIEW}",
    r"(?:for|to|as seen by|seen by|as viewed by) (?:someone|somebody|a person|anyone|one|a viewer|an observer)(?: who)?"
    rf"(?: {_LOOK}{_THAT_WAY})? {_AT} {_VIEW}",
    rf"(?:as )?(?:seen |viewed )?from (?:the )?{_SIDE} of {_VIEW}",
    rf"(?:as )?(?:seen |viewed )?from (?P<view>(?:the|my|your) [\w ]+?)(?:'s|s'|') (?:own )?{_SIDE}",
    rf"(?:as )?(?:seen |viewed )?from (?P<view>my|your|this) {_SIDE}",
    r"(?:as )?from (?P<view>where (?:i|you|we) (?:am|are|stand|sit)(?: now)?|here)",
    rf"(?:taking|with|using) {_VIEW} (?:as|for) (?:the |a |my |your )?{_SIDE}",
)  # fmt: skip
_HEAD = [re.compile(rf"^{pattern}\s*(?P<rest>.+)$") for pattern in _HEADS]
_TAIL = [re.compile(rf"^(?P<rest>.+?) (?:, )?{pattern}$") for pattern in _TAILS]
_PLAIN_TAIL = re.compile(
    rf"^(?P<rest>.+\b(?:left|right|behind|in front of|leftmost|rightmost)\b.*?) (?:, )?from {_NAMED}$"
)


@dataclass(frozen=True)
class Viewed:
    """A sentence without its viewpoint; view: the viewpoint's words. anchor: what is looked at, if that is said."""

    rest: str
    view: str | None = None
    anchor: str | None = None


def take_leading_viewpoint(text: str) -> Viewed | None:
    """Split off what says, before all else, from where something is seen; None if nothing does."""
    if "," not in text and not text.startswith("from "):
        return None
    for pattern in _HEAD:
        match = pattern.match(text)
        if match:
            parts = match.groupdict()
            return Viewed(parts["rest"], _place(parts["view"]), parts.get("anchor"))
    return None


def take_viewpoint(text: str) -> Viewed:
    """Split off what says from where something is seen."""
    leading = take_leading_viewpoint(text)
    if leading is not None:
        return leading
    for pattern in [*_TAIL, _PLAIN_TAIL]:
        match = pattern.match(text)
        if match:
            return Viewed(match["rest"].rstrip(" ,"), _place(match["view"]), match.groupdict().get("anchor"))
    return Viewed(text)


def _place(view: str) -> str:
    view = view.strip(" ,")
    return "here" if view in ("my", "your", "this") else view
