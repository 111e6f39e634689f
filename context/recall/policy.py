"""Settings of recall: every default with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallPolicy:
    """What may come back, and how it is ranked. Sizes in tokens. "Measured" is the table in tests/bench/recall/README.md.

    Size:

    budget: what everything recalled may hold. It is paid for at the full input price and never read from the cache, so it is
        kept near one long answer; measured, 4,000 hold four fifths to nine tenths of what old questions are answered from.
    window_share: where one budget must hold window and recall together, the share that goes to the newest messages. A
        twentieth: the last minutes rarely answer a question about the past and need only keep the talk going.
    reach: how many messages before the window are looked at: a year of thirty a day. What is older speaks through the summary.
    places: how many places of words are read from the index for a question, shared equally among its words, the newest places
        of each; again as many for the kinds they ask for, and for learned words. With the reach it bounds what a turn reads in a thread of any length. Half of
        it costs a point where threads have a thousand messages or more; twice of it gains nothing.
    query_words: how many words of the new message are looked up in the index, half of them from its beginning and half from its
        end: more are a pasted text.
    query_terms: how many of them count: those that are rarest here.
    least: a message is brought back only when it scores this share of the best one. It ends the list where nothing relates.

    Worth of a message:

    saturation, length: BM25's k1 and b; length is measured against the thread's mean user message, not its mean message, so
        that one long reply is not taken for the norm by which short facts are judged.
    neighbours: what a message gets of the evidence of the messages 1, 2, 3 and 4 away from it. An answer seldom repeats the
        words of its question, and a fact is often told over two exchanges. Evidence handed on is counted at full length
        normalisation: a long reply touches every word and says little about what stands beside it.
    common: a word that a larger share of the messages hold is what the whole thread is about: it tells nothing to neighbours,
        which mostly hold it themselves, and is not learned.
    common_least: in this many messages a word may always stand: a fifth of a short thread is nothing.
    pale: the weight of words that fit almost any message ("use", "different", "conversation").
    named: the weight of names, numbers and quoted words beside ordinary ones.
    kind: the weight of a message that names a thing of the kind a word asks for (English nouns), beside the word itself. What
        kind a word is of depends on its sense, which is guessed.
    own_words: how much more a user's message is worth when the question asks about "I" and "my": what people said of
        themselves they said in their own messages.
    speaking: how much more a message is worth that begins with a name in the question, in conversations of several people: there,
        what people said of themselves stands in messages with their names. Measured, 1.5 to 3 do the same.
    labeled: the share of a thread's messages that must begin with names to make it such a conversation.
    alone: a name in front of more than this share of these is the only one, or no name ("Question: …"): it tells nothing.
    preference: how much more a message is worth in which the user states a preference: those hold beyond their moment.
    telling: the weight of telling when something was, as if the question had asked for it too, for messages that have other
        evidence. It brings what happened before what was merely said about it, and decides only among weak evidence.
    cover: the power to which evidence is raised: a message that covers twice as much of the question is worth a little more
        than two that cover half of it each.
    dated: the weight of standing on the date the question names, as if the date were a word.
    likeness: the evidence of a message for each standard deviation by which an embedding model, where one is used, finds it more like
        the question than the mean of its thread, the first one left out. A word that one message in a thousand holds is worth seven.
    attention: added to the price of every message, in tokens. With the bare length, "Great, thanks!" would win over a fact
        of three lines; with none, long replies would crowd out the short messages that hold the facts.

    Words learned from the best messages (pseudo relevance feedback):

    feedback_messages, feedback_terms, feedback_weight: how many messages are read, how many of their words are looked for, and
        what the first of those weighs. Small: it breaks ties towards the same subject and must never outvote the question.

    Instructions that stay in force:

    instruction_share: the share of the budget they may take, whether or not the question speaks of them.
    instruction_longest: the longest message that counts as one. People state rules briefly; a page with "always" in it is pasted.

    Long messages:

    excerpt_over: messages longer than this are first offered as an excerpt.
    excerpt_size: how long an excerpt gets.
    excerpt_value: what the excerpt is worth beside the whole. Less than half: what was cut off may be what was asked for.
    excerpts: how many long messages are read for one.
    """

    budget: int = 4_000
    window_share: float = 0.05
    reach: int = 10_000
    places: int = 16_000
    query_words: int = 200
    query_terms: int = 32
    least: float = 0.02

    saturation: float = 1.2
    length: float = 0.4
    neighbours: tuple[float, ...] = (0.4, 0.4, 0.15, 0.15)
    common: float = 0.2
    common_least: int = 4
    pale: float = 0.35
    named: float = 1.2
    kind: float = 0.3
    own_words: float = 1.5
    speaking: float = 2.0
    labeled: float = 0.2
    alone: float = 0.9
    preference: float = 1.2
    telling: float = 0.3
    cover: float = 1.2
    dated: float = 1.0
    likeness: float = 1.25
    attention: int = 100

    feedback_messages: int = 30
    feedback_terms: int = 40
    feedback_weight: float = 0.2

    instruction_share: float = 0.12
    instruction_longest: int = 60

    excerpt_over: int = 300
    excerpt_size: int = 120
    excerpt_value: float = 0.4
    excerpts: int = 8


DEFAULT = RecallPolicy()
