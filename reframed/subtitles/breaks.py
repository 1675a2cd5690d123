"""Where a text may be broken: words that must not end a line, by language, and the marks that invite a break."""

from __future__ import annotations

from enum import IntEnum

SENTENCE_END = (".", "!", "?", "…", "。", "！", "？", "؟", "।")
CLAUSE_END = (",", ";", ":", "—", "–", "，", "、", "；", "：", "،", "؛")
CLOSERS = "\"'”’)]»」』】）》"
OPENERS = "\"'“‘([{«¿¡「『【（《"
# Kinsoku (JIS X 4051, GB/T 15834): what may not begin a line, and what may not end one.
NOT_FIRST = set(
    "。、，．：；！？…‥ー～」』】）》〉〕］｝々ゝゞァィゥェォッャュョヮヵヶぁぃぅぇぉっゃゅょゎ%％,.!?:;)]}»”’ๆฯ"
)
NOT_LAST = set("「『【（《〈〔［｛([{«“‘￥＄")


class Break(IntEnum):
    """How good a break between two words is."""

    SENTENCE = 0
    CLAUSE = 1
    BEFORE_JOINT = 2  # before a conjunction or preposition
    PLAIN = 3
    AFTER_JOINT = 4  # after one: the eye waits
    FORBIDDEN = 5  # between words that belong together


# Closed word classes. `bound` (articles, determiners, possessives, subject pronouns, auxiliaries, negations) belongs to the
# word after it; `joints` (conjunctions, prepositions, relative words) begin a phrase.
_BOUND = {
    "en": "a an the this that these those my your his her its our their every each no some any i you he she we they "
    "it is are was were am be been being has have had do does did will would shall should can could may might "
    "must not don't doesn't didn't isn't aren't wasn't weren't won't can't couldn't wouldn't shouldn't i'm "
    "you're he's she's it's we're they're i've you've we've they've i'll you'll he'll she'll we'll they'll mr "
    "mrs ms dr st very too so such to",
    "es": "el la los las un una unos unas este esta estos estas ese esa esos esas mi tu su mis tus sus nuestro "
    "nuestra cada yo tú él ella nosotros ellos ellas es son era eran fue ser está están ha han he hemos había "
    "no se me te le les nos lo muy tan al del sr sra dr",
    "pt": "o a os as um uma uns umas este esta estes estas esse essa meu minha seu sua nosso nossa cada eu tu ele "
    "ela nós eles elas é são era eram foi ser está estão há tem têm não se me te lhe nos muito tão ao à do da "
    "dos das no na nos nas sr sra dr",
    "fr": "le la les l' un une des ce cet cette ces mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs "
    "chaque je tu il elle on nous vous ils elles est sont était étaient a ont ai avons avez été être ne n' "
    "pas se s' me m' te lui très si du au aux m mme dr",
    "de": "der die das den dem des ein eine einen einem einer eines dieser diese dieses diesen mein meine dein sein "
    "seine ihr ihre unser unsere jeder jede jedes kein keine ich du er sie es wir ist sind war waren bin bist "
    "hat haben habe hatte hatten wird werden wurde kann können muss müssen soll will nicht sehr zu zum zur im "
    "am vom beim ins herr frau dr",
    "it": "il lo la i gli le l' un uno una questo questa questi queste quel quella mio mia tuo tua suo sua nostro "
    "nostra ogni io tu lui lei noi voi loro è sono era erano fu essere ha hanno ho abbiamo non si mi ti gli "
    "ci vi molto così al allo alla ai alle del dello della dei delle nel nella sul sulla sig dott",
    "nl": "de het een deze dit die dat mijn jouw zijn haar ons onze hun elke geen ik jij je hij zij ze wij we is ben "
    "bent was waren heeft hebben heb had hadden wordt worden werd kan kunnen moet moeten zal zullen wil niet zeer te "
    "dhr mevr dr",
}
_JOINTS = {
    "en": "and but or nor yet because although though while when where if unless until since whether than that "
    "which who whom whose of in on at by for with from into onto over under about after before between "
    "through during against without within toward towards upon as",
    "es": "y e o u pero sino porque aunque mientras cuando donde si que quien cual cuyo de en con por para sin "
    "sobre entre hasta desde hacia contra según durante como a",
    "pt": "e ou mas porque embora enquanto quando onde se que quem qual cujo de em com por para sem sobre entre até "
    "desde contra segundo durante como",
    "fr": "et ou mais car donc or parce que quoique quand où si qui dont lequel de d' en dans avec par pour sans "
    "sur sous entre jusqu'à depuis vers contre selon pendant comme à chez qu'",
    "de": "und oder aber denn weil obwohl während wenn als wo ob dass daß welcher in an auf bei mit von aus nach "
    "vor für ohne über unter zwischen bis seit gegen durch um wie",
    "it": "e ed o ma perché anche se mentre quando dove che chi cui quale di in con per senza su tra fra fino da "
    "verso contro secondo durante come a",
    "nl": "en of maar want omdat hoewel terwijl wanneer waar als dat die in op aan bij met van uit naar voor zonder "
    "over onder tussen tot sinds tegen door om zoals",
}
_BOUND_SETS = {language: frozenset(words.split()) for language, words in _BOUND.items()}
_JOINT_SETS = {language: frozenset(words.split()) for language, words in _JOINTS.items()}
_NONE: frozenset[str] = frozenset()


def ends(text: str, marks: tuple[str, ...]) -> bool:
    """Whether `text` ends with one of `marks`, closing quotes aside."""
    return text.rstrip(CLOSERS).endswith(marks)


def ends_sentence(text: str) -> bool:
    """Whether a sentence ends here; "Mr." and a single initial do not end one."""
    bare = text.strip(OPENERS + CLOSERS)
    abbreviated = bare.endswith(".") and (bare[:-1].lower() in _TITLES or (len(bare) == 2 and bare[0].isupper()))
    return ends(text, SENTENCE_END) and not abbreviated


_TITLES = frozenset(
    "mr mrs ms dr st prof sr jr sra dña herr hr fr nr no vs etc z.b m mme mlle sig dott dhr mevr".split()
)


def between(left: str, right: str, language: str) -> Break:
    """How good a break is between two neighbouring words of a text in `language`."""
    if ends_sentence(left):
        return Break.SENTENCE
    if ends(left, CLAUSE_END):
        return Break.CLAUSE
    tongue = language.split("-")[0]
    before, after = _bare(left), _bare(right)
    if before in _BOUND_SETS.get(tongue, _NONE) or _is_name(left, right, tongue):
        return Break.FORBIDDEN
    joints = _JOINT_SETS.get(tongue, _NONE)
    if before in joints:
        return Break.AFTER_JOINT
    return Break.BEFORE_JOINT if after in joints else Break.PLAIN


def _bare(text: str) -> str:
    return text.strip(OPENERS + CLOSERS + ".,;:!?…").lower().replace("’", "'")


def _is_name(left: str, right: str, tongue: str) -> bool:
    """Two capitalised words that may be first and last name; German capitalises every noun."""
    one, two = left.strip(OPENERS), right.strip(OPENERS)
    return (
        tongue != "de" and len(one) > 1 and one.istitle() and two[:1].isupper() and two[1:2].islower() and one.isalpha()
    )
