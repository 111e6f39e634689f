"""Recognize what a message does: whether it asks, looks back, reacts to what was just said, points at it, or orders something.

Recognized by question marks of all scripts and by short lists of frequent words, so it is evidence and no proof: `need` weighs it. A
language that is not listed is recognized by its question marks alone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from context.recall.function_words import is_english, language_of
from context.recall.normalization import normalized
from context.recall.words import tokens

READ: Final = 2_000  # characters looked at from each end: a pasted text asks at its beginning or its end
LEADING: Final = 3  # words in which a question word begins a question

# Latin, fullwidth, Arabic, Armenian, Ethiopic, Greek (which looks like a semicolon), and the doubled ones.
QUESTION_MARK: Final = re.compile(r"[?？؟՞፧\u037e⁇⁈⁉]")


def _words(text: str) -> frozenset[str]:
    return frozenset(normalized(text).split())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """Words that show a manner, in English and in the other languages: "was" is a question word in German and none in English."""

    english: frozenset[str]
    others: frozenset[str]

    def among(self, words: Iterable[str], *, english: bool) -> bool:
        return not (self.english if english else self.others).isdisjoint(words)


_ASKING = _Words(
    english=_words("who whom whose what whats when where which why how"),
    others=_words(
        "wer wen wem wessen wann wohin woher welche welcher welches welchen warum wieso wieviel cuando donde quien quienes cual cuales "
        "cuanto cuantos cuanta cuantas quoi quel quelle quels quelles comment pourquoi combien quanto quantos quando onde quem qual "
        "quais cosa dove perche quali quanti wat wanneer waar hoe waarom hoeveel welke кто что когда где куда какой какая какое какие "
        "сколько почему чей kiedy gdzie jaki jaka jakie dlaczego nerede hangi neden nasil vem vilken varfor"
    ),
)
# Words that begin a question but stand elsewhere in statements, or are other words in another language.
_ASKING_FIRST = _Words(
    english=_words("do does did is are was were have has had can could would should will am may shall"),
    others=_words(
        "wo wie que como quand ou qui chi quale come ist sind hast hat haben kann kannst est es hay puedes peux pouvez kun kunt как "
        "kto co ile jak czy kim kac vad var hur"
    ),
)
# What asks for memory asks a question, with or without its form.
_RECALLING = _words(
    "remind remember recall erinnerst erinnere recuerdas recuerdame recuerda rappelle rappelles rappelez lembra lembras lembre ricordi ricordami ricorda "
    "herinner herinneren напомни напомните помнишь помните przypomnij pamietasz hatirla hatirliyor"
)
# What asks for something of one's own to be told asks a question without its form: "give me my booking reference".
_TELLING = _words(
    "tell give show list find repeat summarize summarise recap sag sage nenn nenne gib zeig zeige dime dame muestra muestrame enumera "
    "dis donne montre rappelle diga diz mostra dimmi dammi mostrami elenca vertel geef toon скажи назови покажи дай перечисли powiedz podaj pokaz "
    "soyle goster listele"
)
_OWN = _words(
    "my mine our ours i we mein meine meinen meiner meines unser unsere ich wir mi mis nuestro nuestra yo mon ma mes notre nos je nous meu minha meus "
    "minhas nosso nossa eu mio mia miei mie nostro nostra mijn onze ik wij мой моя мое мои мою моего наш наша я мы moj moja moje nasz benim bizim"
)
_TELLING_OWN_ANYWHERE = re.compile(
    r"^(?:(?=.*(?:告诉我|列出|总结|说一下))(?=.*(?:我的|我们|咱))|(?=.*(?:教えて|見せて|まとめて))(?=.*(?:私|僕|わたし))"
    r"|(?=.*(?:알려|보여|말해))(?=.*(?:내 |제 |우리))|(?=.*(?:บอก|แสดง))(?=.*(?:ของฉัน|ของผม)))"
)
_LOOKING_BACK = _Words(
    english=_words(
        "ago again earlier previously originally remember remind recall mentioned remembered before last once"
    ),
    others=_words(
        "damals fruher erinnerst erinnere nochmal wieder vorhin letzte letzten letztes letztens erwahnt erwahnte gesagt antes "
        "recuerdas recuerdame recuerda dije dijiste ultima ultimo mencione mencionaste otra avant rappelle rappelles derniere dernier "
        "avais avait deja lembra lembras lembre disse anterior passado ricordi ricordami ricorda scorso scorsa prima detto eerder "
        "vorige herinner zei genoemd раньше прошлый прошлой прошлом напомни помнишь говорил говорила упоминал упоминала снова "
        "wczesniej przypomnij pamietasz ostatnio ostatni"
    ),
)
_PAST = _Words(
    english=_words(
        "did was were had been told said planned decided agreed chose bought went started finished used"
    ),
    others=_words(
        "hatte hatten war waren wurde habe haben hast hat era fue fueron habia dije tenia etait ai avons avez avait foi tinha disse "
        "stato stata avevo ho heb heeft был была было были сказал сказала był była było"
    ),
)
_REACTING = _Words(
    english=_words(
        "ok okay k thanks thank thx great nice cool yes yeah yep yup no nope hmm hm alright right sure fine good perfect awesome "
        "wow oh well hi hello hey sounds got ah aha haha lol"
    ),
    others=_words(
        "danke super gut ja nein genau klar hallo merci oui non parfait bonjour salut gracias si vale bien perfecto hola obrigado "
        "obrigada sim nao otimo ola grazie bene perfetto ciao bedankt dank goed prima nee hoi спасибо да нет хорошо ок понятно привет "
        "ладно dzieki tak nie dobrze czesc tack nej hej tesekkurler evet hayir tamam"
    ),
)
_POINTING = _Words(
    english=_words(
        "it its this that there these those else another other others also too instead here one ones"
    ),
    others=_words(
        "das dies diese dieser dieses dort dazu davon dafur daran ander andere auch noch eso esto ese este esta alli tambien mas otro "
        "otra ca cela ceci ce cet cette aussi encore autre isso isto esse ali tambem outro outra questo quello quella anche altro "
        "altra dit deze daar ook nog anders это этот эта там еще также другой другая то tez inny to tam jeszcze"
    ),
)
_ORDERING = _Words(
    english=_words(
        "please book find reserve show help get give search look want need like make write create add buy order play send call "
        "let lets"
    ),
    others=_words(
        "bitte suche suchen finde zeig brauche mochte hilf schreib mach por favor busca buscar necesito quiero quisiera ayudame "
        "escribe reserva svp plait cherche trouve voudrais besoin aide ecris procure preciso quero ajude escreva cerca cerco vorrei "
        "bisogno aiutami scrivi graag zoek nodig wil schrijf пожалуйста найди нужно хочу помоги напиши закажи prosze znajdz potrzebuje "
        "chce pomoz napisz"
    ),
)
# Languages whose question words are above; in others a question mark stands for them.
_LISTED: Final = frozenset(
    ["en", "de", "es", "fr", "pt", "it", "nl", "ru", "pl", "tr", "sv", "zh", "ja", "ko", "th"]
)
# Scripts without spaces, looked for anywhere: Chinese, Japanese, Korean, Thai.
_ASKING_ANYWHERE = re.compile(
    r"什么|谁|哪|几[点个号]|多少|为什么|怎么|怎样|吗|何|誰|いつ|どこ|どれ|どの|なぜ|どう|ですか|ますか|か$|무엇|뭐|누구|언제|어디|어느|왜|얼마|몇|나요|까요|อะไร|ใคร|เมื่อไ|ที่ไหน|ทำไม|อย่างไร|ไหม"
)
_LOOKING_BACK_ANYWHERE = re.compile(
    r"之前|以前|上次|上回|记得|提到|说过|告诉过|当时|前に|以前|先日|覚えて|言った|言って|前回|이전|전에|지난번|기억|말했|ก่อนหน้า|จำได้|เคยบอก"
)
_REACTING_ANYWHERE = re.compile(
    r"^(?:谢|好的|好吧|好[,.!，。！]|嗯|行[,.，。]|可以|没有|不用|是的|对|你好|您好|哦|知道了|太好|ありがと|はい|いいえ|了解|わかり|こんにち|감사|고마|네[ ,.]|아니|안녕|ขอบคุณ|ค่ะ|ครับ)"
)
_POINTING_ANYWHERE = re.compile(
    r"这|那[个里家些]|它|其他|其它|别的|还有|周边|附近|これ|それ|あれ|この|その|他に|そこ|이것|그것|거기|다른|นี้|นั้น"
)
_ORDERING_ANYWHERE = re.compile(
    r"请|帮我|帮忙|推荐|想找|想去|查一下|ください|お願い|欲しい|たい[。.]?$|주세요|해줘|싶|ช่วย|ขอ"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What a message does, by its words.

    marked: it has a question mark; opens: it begins as a question does; looks_back: it speaks of earlier;
    past: it has a verb of the past; reacts: it begins with thanks, assent or a greeting; points: at something just said; orders: it
    wants something done.
    """

    marked: bool = False
    opens: bool = False
    looks_back: bool = False
    past: bool = False
    reacts: bool = False
    points: bool = False
    orders: bool = False

    @property
    def may_need(self) -> bool:
        """Whether older messages can matter at all: something is asked, or spoken of as earlier."""
        return self.marked or self.opens or self.looks_back


def manner(text: str) -> Manner:
    """What a message does. Looks at its first and last characters only."""
    if len(text) > 2 * READ:
        text = f"{text[:READ]}\n{text[-READ:]}"
    text = _LINK.sub(" ", text)
    plain = text.strip().lower()
    words = list(tokens(text))
    spoken = set(words)
    language = language_of(spoken)
    english = language in (None, "en") and is_english(spoken)

    def any_of(listed: _Words, some: Iterable[str], anywhere: re.Pattern[str] | None = None) -> bool:
        # A short text shows no language: what it says in any of them counts.
        shown = listed.among(some, english=True) if english else False
        shown = shown or (language != "en" and listed.among(some, english=False))
        return shown or (anywhere is not None and anywhere.search(plain) is not None)

    def of_unlisted_language() -> bool:
        return (language or "en") not in _LISTED or (language is None and not text.isascii() and not english)

    marked = QUESTION_MARK.search(text) is not None
    opens = (
        any_of(_ASKING, words[:LEADING], _ASKING_ANYWHERE)
        or any_of(_ASKING_FIRST, words[:1])
        or not _RECALLING.isdisjoint(spoken)
        or not (_TELLING.isdisjoint(words[:LEADING]) or _OWN.isdisjoint(words))
        or _TELLING_OWN_ANYWHERE.search(plain) is not None
        or (marked and of_unlisted_language())
    )
    return Manner(
        marked=marked,
        opens=opens,
        looks_back=any_of(_LOOKING_BACK, spoken, _LOOKING_BACK_ANYWHERE),
        past=any_of(_PAST, spoken),
        reacts=any_of(_REACTING, words[:2], _REACTING_ANYWHERE),
        points=any_of(_POINTING, spoken, _POINTING_ANYWHERE),
        orders=any_of(_ORDERING, spoken, _ORDERING_ANYWHERE),
    )


def ends_asking(text: str) -> bool:
    """Whether a message ends with a question, so that the next one is likely its answer."""
    return QUESTION_MARK.search(text.rstrip()[-60:]) is not None


_LINK = re.compile(r"https?://\S+")  # a question mark in a link asks nothing
