"""Verbs by which an intent ("watch films") is told from a thing asked for ("wall clock")."""

from __future__ import annotations

_BASES = """
accept access act add adjust admire agree aim air allow announce answer appear apply argue arrange arrive ask
assemble attach attend avoid bake bathe be beat become beg begin believe bend bite blow boil borrow bother
bounce bow break breathe brew browse build burn buy calculate call calm can carry cast catch celebrate change
charge chat check cheer chew chill chop clean clear climb code collapse comb come communicate compare complain
compose compute confess connect continue convert cool cope correct cost cover crack crash crawl create cross cry
cuddle cure curl cut dance decide decorate defrost demonstrate depart describe deserve destroy dig dim dine dip
disappear discard discuss dispose disturb dive divide do donate doze drag draw dream drill drip drive drop drown
dry dump earn eat edit email encourage enjoy enter escape examine exchange exercise exist expect explain explore
express fall fasten feed feel fetch fight fill finish fit fix fly fold follow forget freeze fry gather get give
glow go greet grill grind grow guess hang happen hate have hear heat help hide hit hold hop hope hug hurry
imagine improve inflate inspect install invite iron itch jam join joke jump keep kick kill kiss kneel knit knock
know laugh launch lay lead lean leap learn leave lend let lie lift listen live load lock lose love lower lure
make manage marry meditate meet melt memorise memorize mend microwave mix mow multiply nap need nod obey observe
offer open operate order organise organize overlook own paint park participate pay pedal perform phone plan play
pluck plug pluck polish pour practise practice pray preheat prepare press pretend prevent print produce protect
prove pull pump push put puff quit race rain raise reach read receive recharge record recover recline recycle
reduce reflect refuse regret reheat relax release remain remember remind remove rent repair repeat replace reply
rescue return reveal ride rinse rise roast rock roll row rub run sail save say scare scrape scratch scrub see
sell send serve set sew shake share shave shine shoot shop shout shut sing sit skate skip slam slay sleep slice
slide slip smell smile smoke snap sneeze snore snow soak solve sort speak spend spill spin spit split sprawl
spread sprinkle squeeze stack stand start stay steal steam steer step stick stir stop store strap stream stretch
strike strum study submit succeed suck suffer suggest support surf surprise swallow sweat sweep swim swing
switch take talk tap taste teach tear tell thank thaw think throw tickle tidy tie toast toss trade train travel
treat trim trip trust try tune turn twist type unlock unpack unwind use vacuum visit wait wake walk want warm
wash waste wear welcome wet whip whisper whistle win wipe wish withdraw work worry wrap wring write yawn yell
zip study ventilate illuminate brighten lounge snooze snuggle splash shift grab hunt hibernate cook barbecue
simmer crisp toast stash tuck pop throw chuck dispose ditch scroll google skype zoom check revise
""".split()
_IRREGULAR = """
ate been began blew broke brought built bought came caught chose did done drank drove fell felt flew forgot
found froze gave given goes gone got grew had has heard held kept knew laid led lay lost made meant met paid ran
rode rose said sang sat saw sent shone slept sold spent spoke stole stood swam taken taught thought threw told
took understood was were went woke won wore wrote is are am does
""".split()
# Words that are names of things at least as often as verbs, also in the third person.
_THINGS = frozenset(
    """
bow can charge check clock comb cover cross cut draw drill drip drive drop dump dust exercise fan fold glass
grill grind hang help iron jam lead lock microwave order paint park phone plan play plug print pump puff record
rock roll row run sail scale scratch shake share shop shot slice slide snap snow split spread stack stand start
steam step stick stool store strap stream stretch strike study support surf sweat swing switch tap tear tie
toast train treat trip type vacuum walk wash waste watch wrap zip press heat work saw ride race air train water
lounge chat rest lay
""".split()
)
_SPELLED = {"sit": "sitting", "lie": "lying", "put": "putting", "get": "getting", "run": "running", "cut": "cutting"}


def _third_person(verb: str) -> str:
    if verb.endswith(("s", "sh", "ch", "x", "o", "z")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


BASE_FORMS = frozenset(_BASES)
_FINITE = (BASE_FORMS | frozenset(_IRREGULAR)) - _THINGS
_THIRD = frozenset(_third_person(verb) for verb in BASE_FORMS - _THINGS) - frozenset(
    "leaves means lives glasses".split()
)


def is_plain_verb(word: str) -> bool:
    """Whether a word on its own is rather something to do ("sleep", "ate", "sits") than a thing ("lamp")."""
    return word in _FINITE or word in _THIRD
