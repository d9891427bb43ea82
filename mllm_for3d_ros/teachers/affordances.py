"""What things and places are for: "something to drink" names no object, a noun-prompted detector needs one.

A small table made by hand, read from top to bottom: the first row whose pattern occurs in the instruction
gives the nouns, two or three common objects that serve the purpose. Patterns are verbs and states ("sit",
"thirsty"), not nouns: an instruction that names its object does not come here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Affordance:
    """pattern: regular expression over whole words. things: what one does it with. places: where one does it."""

    pattern: str
    things: tuple[str, ...]
    places: tuple[str, ...] = ()


AFFORDANCES = (
    Affordance(r"wash(ing)? (my |your |the |our )?(hands?|dishes|plates|face)|rinse|brush(ing)? my teeth", ("sink",)),
    Affordance(
        r"wash(ing)? (my |the |our |your )?(clothes|laundry|shirts?)|do(ing)? the laundry", ("washing machine",)
    ),
    Affordance(r"take a (bath|shower)|bathe|soak(ing)?|have a (bath|shower)", ("bathtub", "shower")),
    Affordance(r"relieve myself|pee|flush", ("toilet",)),
    Affordance(r"throw(ing)? .*(away|out)|throw away|dispose|get rid of|trash|rubbish|garbage|litter", ("trash can",)),
    Affordance(r"cook(ing)?|fry(ing)?|boil(ing)?|roast(ing)?|bak(e|ing)", ("stove", "oven")),
    Affordance(r"(keep|keeps|stay|stays|kept) .*(cold|cool|fresh)|chill|refrigerate", ("refrigerator",)),
    Affordance(
        r"heat(ing)? (up )?(my |the )?(food|lunch|leftovers|meal)|warm up (my |the )?(food|lunch)", ("microwave",)
    ),
    Affordance(r"thirsty|drink(ing)?|sip", ("cup", "bottle", "glass"), ("table", "water dispenser")),
    Affordance(
        r"hungry|eat(ing)?|snack|dine|dining|have (lunch|dinner|breakfast)", ("food", "fruit"), ("dining table",)
    ),
    Affordance(r"sleep(ing)?|sleepy|nap|lie down|lying down|go to bed|tired|exhausted", ("bed", "sofa")),
    Affordance(r"sit(s|ting)?|seat(ed)?|take a seat|rest my legs|rest|relax(ing)?", ("chair", "sofa")),
    Affordance(r"watch(ing)?|news|movie|film", ("television",)),
    Affordance(r"read(ing)?", ("book", "newspaper"), ("armchair", "sofa")),
    Affordance(r"writ(e|ing)|take notes|sign", ("pen", "pencil"), ("desk",)),
    Affordance(r"typ(e|ing)|work(ing)?|stud(y|ying)", ("computer", "keyboard"), ("desk",)),
    Affordance(r"cut(ting)?|slic(e|ing)", ("scissors", "knife")),
    Affordance(r"sweep(ing)?|mop(ping)?|vacuum(ing)?|clean(ing)? the floor", ("broom", "vacuum cleaner")),
    Affordance(r"wip(e|ing)|dry(ing)? (my |the )?hands", ("towel", "paper towel")),
    Affordance(r"dark|brighter|light up|more light|gives? light|illuminat\w*", ("lamp",)),
    Affordance(
        r"hang(ing)? .*(clothes|coat|jacket|shirts?)|stor(e|ing) .*clothes|put away .*clothes",
        ("wardrobe", "coat rack"),
    ),
    Affordance(r"stor(e|ing) .*books?|books? .*(kept|stored)|put .*books?", ("bookshelf",)),
    Affordance(r"leave|exit|go out(side)?|get out|enter|come in|walk through", ("door",)),
    Affordance(r"look(ing)? (out|outside)|fresh air|daylight|see outside", ("window",)),
    Affordance(r"what time|tell(s)? (me )?the time", ("clock",)),
    Affordance(r"see myself|look at myself|shav(e|ing)|comb(ing)?", ("mirror",)),
    Affordance(r"call(ing)? (someone|my|a)|ring(ing)? (up|someone)|phone (someone|my)", ("phone",)),
    Affordance(r"cold|freezing|keep (me )?warm|warm up", ("blanket", "radiator")),
    Affordance(r"carry(ing)?|transport(ing)?", ("bag", "box", "cart")),
    Affordance(r"(put|set|place|lay) .*(down|on)|put (this|it|them|my|the)", ("table", "shelf")),
    Affordance(r"play(ing)? music|listen(ing)?", ("speaker", "radio")),
    Affordance(r"play(ing)?", ("toy", "ball")),
)
_COMPILED = tuple((re.compile(rf"\b(?:{row.pattern})\b"), row) for row in AFFORDANCES)


def objects_for(text: str, place: bool) -> tuple[str, ...]:
    """Nouns of things that serve what the lower-case ``text`` asks for, none if the table does not know.

    place: whether a place is wanted ("somewhere to eat") rather than a thing ("something to eat").
    """
    for pattern, row in _COMPILED:
        if pattern.search(text):
            return (row.places or row.things) if place else row.things
    return ()
