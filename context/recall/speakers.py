"""Read who speaks in a message of a conversation of several people: the name in front of it, as in "Nora: I moved to Lisbon".

Chats that were imported or are passed on by a bridge come as such messages, whatever their role. What a person did, likes or plans is
mostly said by that person, in messages that seldom repeat the words of a question.
"""

import re
from collections.abc import Mapping

from context.recall.stems import word_stems

# Letters first, so that no time of day is a name; a space behind the colon, or a script without spaces, so that no address is one.
_LABEL = re.compile(
    r"[\s*_<\[]{0,8}(?P<name>[^\W\d_][^\n:：]{0,39}?)[*_>\]]{0,4}[:：][*_]{0,4}(?=\s|[^\x00-\x7f])"
)
FEWEST = 5  # messages of a person who takes part in a conversation
MOST = 16  # words of a question that are looked up as names


def speaker_label(text: str) -> tuple[frozenset[str], str]:
    """The stems of the name in front of a text, none where there is no name, and the text behind it."""
    match = _LABEL.match(text)
    if match is None:
        return frozenset(), text
    return _stems(match["name"]), text[match.end() :]


def possible_names(text: str, counts: Mapping[str, int]) -> list[str]:
    """The stems of a question that may name somebody who speaks in its thread, without the name of whoever asks it.

    `counts`: how many messages hold each stem. Whoever speaks often has a name that stands often, at the beginning of messages.
    """
    label, body = speaker_label(text)
    stems = {stem for stem in counts if counts[stem] >= FEWEST}
    if label:
        stems -= label - _stems(body)
    return sorted(stems, key=lambda stem: (-counts[stem], stem))[:MOST]


def _stems(text: str) -> frozenset[str]:
    return frozenset(stem for stems in word_stems(text).values() for stem in stems)
