"""Recognize messages that hold beyond their moment: instructions that stay in force, and preferences.

Questions rarely mention them, so no search finds them; they are recognized by their form when a message is stored. Only short
messages of the user count as instructions: a rule is stated briefly, and text that was pasted is not the user's own voice.
"""

import re

from context.recall.normalization import normalized

LONGEST = 8_000  # characters: a longer message is pasted text, in which nobody states an instruction

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+|(?<=[。！？；])")
_OPENING = r"^\W*(?:(?:please|also|and|but|oh|btw|so|ok|okay|by the way|one more thing|note)\b\W*)*"
# Sentence by sentence, in normalized text. "I never ..." tells of the past and "I always ..." of a habit: neither is a rule for us.
_INSTRUCTION = re.compile(
    "|".join(
        (
            _OPENING
            + r"(?:always|never)\s+(?!mind\b|been\b|heard\b|seen\b|had\b|knew\b|thought\b|a\s|the\s|again\b|in\s)\w",
            r"\b(?:from now on|going forward|from here on|henceforth|until i (?:say|tell) (?:you )?otherwise|unless i (?:say|ask|tell))\b",
            r"\bplease (?:always|never)\b|\byou (?:should|must) (?:always|never)\b",
            r"\bmake sure (?:to |you |that you )(?:always|never)\b",
            r"\b(?:whenever|every time|each time|any ?time|when) i (?:ask|say|mention|write|request|send|want you)\b",
            _OPENING
            + r"(?:do not|dont|don't|stop) (?:ever|using|use|call|calling|add|adding|include|including|write|writing|give|giving)\b",
            r"\b(?:call me|address me as|refer to me as)\s+(?!back|later|when|if|at|on|in)\w",
            _OPENING + r"(?:remember|keep in mind|note)(?: that|:)",
            # German
            r"\b(?:ab jetzt|von nun an|ab sofort|in zukunft|kunftig)\b|\b(?:bitte|du sollst|antworte) (?:immer|nie|niemals|stets)\b",
            r"\bnenn(?:e)? mich\b|\bimmer wenn ich\b|\bjedes mal,? wenn ich\b|\bmerk(?:e)? dir\b",
            # French
            r"\b(?:desormais|dorenavant|a partir de maintenant|a l'avenir)\b|\bappelle[sz]?[- ]moi\b",
            r"\b(?:chaque fois que|quand) je (?:te |vous )?(?:demande|pose)\b|\b(?:reponds|repondez|utilise|utilisez|ecris) (?:toujours|jamais)\b",
            # Spanish, Portuguese, Italian
            r"\b(?:de ahora en adelante|a partir de ahora|a partir de agora|de agora em diante|d'ora in poi|da ora in poi)\b",
            r"\b(?:siempre que|cada vez que|sempre que|toda vez que|ogni volta che) (?:yo |eu |io |te |ti )*\w+",
            r"\b(?:llamame|me chame de|chamame|chiamami)\b|\b(?:responde|usa|escribe|escreva|rispondi|scrivi) (?:siempre|nunca|sempre|mai)\b",
            _OPENING + r"(?:siempre|nunca|sempre|non \w+ mai)\b",
            # Dutch, Russian
            r"\b(?:vanaf nu|voortaan)\b|\bnoem me\b|\b(?:antwoord|gebruik|schrijf) (?:altijd|nooit)\b",
            r"(?:отныне|впредь|с этого момента|всегда отвечай|никогда не (?:пиши|используй|отвечай|говори)|называи меня|зови меня)",
            # Chinese, Japanese, Korean
            r"(?:从现在开始|从今以后|以后请|以后都|今后|请始终|请总是|请务必|请不要再|请永远不要|每次我|叫我|称呼我)",
            r"(?:これからは|今後は|常に.{0,20}(?:て|で)ください|必ず.{0,20}(?:て|で)ください|と呼んで)",
            r"(?:앞으로는?|이제부터|항상 .{0,20}(?:주세요|줘)|절대 .{0,20}마(?:세요)?|라고 불러)",
        )
    )
)
_PREFERENCE = re.compile(
    "|".join(
        (
            r"\bi(?:'d| would)?(?: (?:really|much|strongly|generally|usually|always|also|still|personally|definitely|just))* (?:prefer|favou?r|rather)\b",
            r"\bmy (?:\w+ )?preference\b|\bi(?:'m| am) (?:\w+ )?(?:allergic|intolerant|vegan|vegetarian)\b",
            r"\bi (?:(?:really|absolutely|just|also|don't|dont|do not) )*(?:like|love|hate|dislike|enjoy|avoid|(?:can't|cant|cannot) stand)\b",
            r"\bich (?:bevorzuge|mag|liebe|hasse|vermeide)\b|\bmir ist .{0,20}lieber\b",
            r"\bje (?:prefere|deteste|n'aime pas)\b|\bj'(?:aime|evite)\b|\b(?:yo )?(?:prefiero|odio|me gusta|no me gusta)\b",
            r"\b(?:eu )?(?:prefiro|nao gosto|gosto de)\b|\b(?:io )?(?:preferisco|non mi piace|mi piace)\b|\bik (?:verkies|hou van|haat)\b",
            r"я (?:предпочитаю|люблю|не люблю|ненавижу)|我(?:更?喜欢|不喜欢|偏好|讨厌|爱吃|不吃|对.{1,8}过敏)|(?:のほう|ほう)が好き|선호(?:해|합니다)",
        )
    )
)


def is_instruction(text: str) -> bool:
    """Whether a user's message states a rule for the answers to come."""
    if len(text) > LONGEST:
        return False
    return any(_INSTRUCTION.search(sentence.strip()) for sentence in _SENTENCE.split(normalized(text)))


def is_preference(text: str) -> bool:
    """Whether a user's message states what that person likes better."""
    return len(text) <= LONGEST and _PREFERENCE.search(normalized(text)) is not None
