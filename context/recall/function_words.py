"""Words that tell nothing of what a message is about: they are not looked for, or count little.

Function words of the languages people write most, normalized as in `words`. Only the list of the language a text is written in
counts: "son" is a function word in French and somebody's child in English. Languages without a list lose little, because a word
that stands in most messages of a thread weighs next to nothing anyway.
"""

from collections.abc import Set
from typing import Final

_ENGLISH = """
a an the and or but if then than so as of at by for with about against between into through during before after to from in out on
off over under again once here there all any both each few more most other some such no nor not only own same too very can will
just should now i me my mine we our ours us you your yours he him his she her hers it its they them their theirs what which who
whom whose this that these those am is are was were be been being have has had having do does did doing done would could may might
must shall when where why how many much also let lets im ive id ill youre youve hes shes its theyre weve dont doesnt didnt cant
couldnt wont wouldnt isnt arent wasnt werent havent hasnt hadnt tell know think want like say said mention mentioned one thing
things way ways really well yes no okay ok please thanks thank hey hi hello up down there's whats thats myself yourself
"""
_GERMAN = """
der die das den dem des ein eine einen einem einer eines und oder aber wenn dann als wie so von bei fur mit uber gegen zwischen in
durch vor nach zu zum zur aus auf an am im ist sind war waren bin bist sein haben habe hat hatte hatten wird werden wurde wurden
kann konnen konnte soll sollte muss mussen darf ich mich mir mein meine meinen meinem meiner du dich dir dein deine er ihn ihm sie
ihr es wir uns unser unsere was welche welcher welches wer wen wem wann wo warum wieso nicht kein keine auch nur noch schon mal
bitte danke hallo ja nein dass ob da hier doch denn man
"""
_FRENCH = """
le la les un une des du de d l et ou mais si alors que qui quoi dont ou quand comment pourquoi quel quelle quels quelles ce cet
cette ces c est sont etait etaient etre ete suis es sommes avoir ai as a avons ont avait je me moi mon ma mes tu te toi ton ta tes
il elle on nous notre nos vous votre vos ils elles leur leurs se sa son ses dans en par pour avec sans sur sous entre vers chez ne
pas plus moins tres aussi y au aux bonjour merci oui non svp j m t s n qu
"""
_SPANISH = """
el la los las un una unos unas lo de del al y e o u pero si entonces que quien quienes cual cuales cuando donde como por porque
para con sin sobre entre hasta desde en es son era eran ser sido soy eres somos esta estan estaba estar he has ha hemos han habia
yo me mi mis mio tu te ti tus el ella nosotros nos nuestro nuestra usted ustedes ellos ellas su sus se le les no ni muy mas menos
tambien ya hola gracias
"""
_PORTUGUESE = """
o os a as um uma uns umas do da dos das no na nos nas ao aos pelo pela e ou mas se que quem qual quais quando onde como porque por
para com sem sobre entre ate em foi eram ser sou esta estao eu me mim meu minha meus minhas voce ele ela nos nosso eles elas seu
sua seus suas nao muito mais menos tambem ja ola obrigado obrigada sim
"""
_ITALIAN = """
il lo gli i un uno una di del della dei delle degli al alla ai alle da dal dalla nel nella e ed o ma se che chi cui quale quali
quando dove come perche per con senza su sul sulla tra fra in sono era erano essere sei siamo ho hai ha abbiamo hanno aveva io mi
me mio mia miei tu ti te tuo tua lui lei noi ci nostro voi vi vostro loro si suo sua non piu meno molto anche gia ciao grazie
"""
_DUTCH = """
de het een en of maar als dan die dat wie wat welke wanneer waar waarom hoe van bij voor met over tegen tussen door na naar uit op
aan is zijn was waren ben bent heb hebt heeft had hadden wordt worden werd kan kunnen kon zal zou moet ik mij me mijn jij je jouw
u uw hij hem haar zij ze wij we ons onze er niet geen ook nog al hallo bedankt ja nee
"""
_RUSSIAN = """
и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее мне было вот от меня еще нет о из ему
когда даже ну ли если или ни быть был него до вас опять уж вам ведь там потом себя ничего ей может они тут где есть надо ней для
мы тебя их чем была сам чтоб без будто чего тоже себе под будет тогда кто этот того потому этого какой им этом мой моя мои мою
моего моей при об это эта эти как какая какие почему зачем сколько нам нас наш привет спасибо пожалуйста
"""
_CHINESE = "什么 怎么 哪里 哪个 哪些 多少 为什 么时 时候 我们 你们 他们 我的 你的 他的 是不 不是 可以 有没 没有 请问 你好 谢谢 一下 一个 这个 那个"
_PALE = """
order list walk brought bring conversation conversations chat chats discuss discussed discussion discussions talk talked talking
across throughout different various item items aspect aspects told ask asked question questions answer describe explain previous
previously earlier ago ever two three four five six seven eight nine ten kind kinds type types sort during since still currently
current recent recently new first last happen happened happening follow following specific certain consider considering considered
given give gave based report reported use using used make making made go going gone went take took taken come came get got getting
gotten need needs needed able help remember recall remind message messages
"""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# English first: it wins a tie, as in a text of one name.
_LANGUAGES: Final = tuple(
    _set(words)
    for words in (_ENGLISH, _GERMAN, _FRENCH, _SPANISH, _PORTUGUESE, _ITALIAN, _DUTCH, _RUSSIAN, _CHINESE)
)
PALE_WORDS: Final = _set(_PALE)
FIRST_PERSON: Final = _set(
    "i me my mine im ive id myself ich mich mir mein meine meinen meinem meiner je moi mon ma mes yo mi mis eu meu minha io mio mia "
    "ik mijn я мне меня мой моя мои моего моей 我的"
)


# Which lists a word is on: a text is looked through once, not once for each language.
_SPOKEN: Final = {
    word: tuple(number for number, words in enumerate(_LANGUAGES) if word in words)
    for word in set[str]().union(*_LANGUAGES)
}


def function_words(text: Set[str]) -> frozenset[str]:
    """The function words of the language that `text`, a set of compacted words, seems to be written in."""
    votes = [0] * len(_LANGUAGES)
    for word in text:
        for number in _SPOKEN.get(word, ()):
            votes[number] += 1
    return _LANGUAGES[votes.index(max(votes))]


def is_english(text: Set[str]) -> bool:
    """Whether `text`, a set of compacted words, seems to be written in English."""
    return function_words(text) is _LANGUAGES[0]
