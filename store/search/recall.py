"""Recall older messages of a branch that a new message needs: found in the index, chosen by `context.recall`.

What is read is bounded by `policy.reach`, `policy.places` and the cap, however long the thread; a message that asks nothing reads
nothing. There are two rounds: the words of the question, then the words the best messages share. Then it is decided how likely anything
is needed, the messages that may be worth their price are read, and the best are bought.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from sqlalchemy import Connection

from context.messages import Message
from context.recall.choose import choose, worth_reading
from context.recall.decision import Need, Recollection
from context.recall.feedback import candidates, learned, shortlist
from context.recall.known import in_summary
from context.recall.likeness import Likeness, liken
from context.recall.need import WINDOW_READ, features, may_need
from context.recall.policy import DEFAULT, RecallPolicy
from context.recall.purchase import Terms
from context.recall.query import Query, analyse
from context.recall.rank import counted, kindred, learn, lengths, ranked, rarest, scores, too_common, voiced
from context.recall.speakers import possible_names
from context.recall.thread import Outline, Source
from store.search import term_index, vectors
from store.search.branch_index import Branch, Outlines, branch_above, only_short
from store.search.off_loop import off_loop
from store.search.parts import parts_of, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallRequest:
    """What older messages are needed for. `before`: the first message of the window; what precedes it on its branch comes back, and the rest of the
    replies that the window holds the beginning of (`short`, oldest first; `behind`: the message behind the newest of them).

    `now` in milliseconds; cap: tokens at most; value: what an answer without them costs, in tokens of this turn's price (infinite: whatever
    fits is bought, and nobody asks whether it is needed); window: the texts sent anyway, oldest first; summary_lines: by message, what the summary
    says with it as a source; `likeness` compares by embeddings, where a model for them is used.
    """

    question: str
    before: Message
    now: int
    cap: int
    value: float = inf
    window: Sequence[str] = ()
    summary_lines: Mapping[str, Sequence[str]] = field(default_factory=dict)
    likeness: Likeness | None = None
    short: Sequence[Message] = ()
    behind: Message | None = None

    @property
    def unlimited(self) -> bool:
        return self.value == inf

    def terms(self, need: Need) -> Terms:
        """On what terms messages are bought where they are needed so likely."""
        return Terms(cap=self.cap, worth=self.value if self.unlimited else need.probability * self.value)


def recall(
    connection: Connection,
    owner_id: str,
    thread_id: str,
    request: RecallRequest,
    *,
    count: Callable[[str], int],
    policy: RecallPolicy = DEFAULT,
    outlines: Outlines | None = None,
) -> Recollection:
    """The blocks to put after the newest user text, within the cap as `count` counts tokens, and the decision that led to them.

    The same arguments on the same messages (and vectors) give the same blocks on every database.
    """
    if not request.unlimited and not may_need(request.question):
        return Recollection.nothing("asks_nothing", request.value)
    index = _index(connection, owner_id, thread_id, request, policy, outlines or Outlines())
    if not index.branch.pks:
        return Recollection.nothing("nothing_older", request.value)
    asked = _score_question(index, request)
    outline, query, total = asked.outline, asked.query, asked.scores
    sources = _score_feedback(index, outline, query, total)
    if request.likeness is not None:
        liken(total, index.similarities(request.likeness), policy)

    values = voiced(total, outline, query, policy)
    need = _need(request, asked, values, count, policy)
    terms = request.terms(need)
    instructions, others = worth_reading(values, outline, terms, policy)
    if not instructions and not others:
        return Recollection.nothing("unlikely" if values else "nothing_found", request.value, need)
    read = dict.fromkeys((*instructions, *others))
    sources |= index.sources([position for position in read if position not in sources])
    wanted = {position: sources[position] for position in read if position in sources}

    def work() -> Recollection:
        lines = request.summary_lines
        new = {position: source for position, source in wanted.items() if not in_summary(source, lines)}
        blocks = choose(
            instructions=instructions,
            others=others,
            values=values,
            sources=new,
            weights=query.every_stem(),
            terms=terms,
            count=count,
            policy=policy,
        )
        return Recollection.of(blocks, request.value, need, known=len(wanted) - len(new))

    return off_loop(sum(len(source.text) for source in wanted.values()), work)


def _need(
    request: RecallRequest,
    asked: _Asked,
    values: Mapping[int, float],
    count: Callable[[str], int],
    policy: RecallPolicy,
) -> Need:
    """How likely older messages are needed, and why."""
    if request.unlimited:
        return Need(probability=1.0)
    read = sum(map(len, request.window)) + len(request.question)

    def work() -> Need:
        return Need.of(
            features(
                request.question,
                asked.full_query,
                asked.counts,
                asked.outline,
                size=count(request.question),
                window=request.window,
                best=max(values.values(), default=0.0),
                policy=policy,
            )
        )

    return off_loop(min(read, WINDOW_READ), work)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A question looked up: the outline with the properties that count, the query as it was typed and with its rarest words, and the scores.

    counts: how many messages hold each stem.
    """

    outline: Outline
    full_query: Query
    query: Query
    counts: Mapping[str, int]
    scores: dict[int, float]


def _score_question(index: _BranchIndex, request: RecallRequest) -> _Asked:
    """First round: score the messages by the words of the question."""
    policy, size = index.policy, len(index.branch.pks)
    full = analyse(request.question, now=request.now, policy=policy)
    terms = [
        term_index.INSTRUCTION,
        term_index.PREFERRING,
        term_index.TELLING,
        term_index.LABELED,
        *full.looked_up(policy.query_words),
    ]
    most = policy.places // len(terms)
    positions: dict[str, Sequence[int]] = full.joined(index.positions(terms, most), most)
    counts = counted(positions, size, most)
    outline = replace(
        index.branch.outline,
        instructions=positions.pop(term_index.INSTRUCTION, []),
        preferring=positions.pop(term_index.PREFERRING, []),
        telling=positions.pop(term_index.TELLING, []),
        speaking=index.spoken_by_named(request.question, counts),
    )
    query = replace(full, weights=rarest(full.weights, counts, size, policy.query_terms))
    kind_names = list({kind: None for stem in query.weights for kind in query.kinds.get(stem, ())})
    kinds = index.uncommon_positions(kind_names)
    query = replace(query, weights={**query.weights, **kindred(query, positions, kinds, policy)})
    total = scores(outline, query, positions | kinds, counts | lengths(kinds), policy)
    return _Asked(outline=outline, full_query=full, query=query, counts=counts, scores=total)


def _score_feedback(
    index: _BranchIndex, outline: Outline, query: Query, total: dict[int, float]
) -> dict[int, Source]:
    """Second round: add to `total` what the words say that the best messages share. Returns those messages."""
    policy = index.policy
    best = ranked(total, outline, policy)[: policy.feedback_messages]
    sources = index.sources(best)
    shared_terms = candidates([(total[position], sources[position].text) for position in best], query)
    positions = index.uncommon_positions(shortlist(shared_terms, policy.feedback_terms * 3 // 2))
    weights = learned(shared_terms, lengths(positions), len(index.branch.pks), policy)
    learn(total, outline, weights, positions, policy)
    return sources


def _index(
    connection: Connection,
    owner_id: str,
    thread_id: str,
    request: RecallRequest,
    policy: RecallPolicy,
    outlines: Outlines,
) -> _BranchIndex:
    """What can be recalled: what stands before the window, and the replies of which it holds the beginning."""
    below = request.behind or request.before
    branch = branch_above(connection, owner_id, thread_id, below, reach=policy.reach, outlines=outlines)
    return _BranchIndex(
        connection=connection,
        owner_id=owner_id,
        thread_id=thread_id,
        branch=only_short(branch, request.before, request.short) if request.short else branch,
        policy=policy,
        sent={message.id: message.short.end for message in request.short if message.short is not None},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _BranchIndex:
    """The indexes of one thread, with messages named by their position on one branch. `sent`: characters that are in the window, by message."""

    connection: Connection
    owner_id: str
    thread_id: str
    branch: Branch
    policy: RecallPolicy
    sent: Mapping[str, int]

    def positions(self, stems: Sequence[str], most: int) -> dict[str, list[int]]:
        """The positions of the newest `most` messages that hold each stem."""
        pks_by_stem = term_index.holding(
            self.connection,
            self.owner_id,
            self.thread_id,
            stems,
            pks=(self.branch.pks[0], self.branch.pks[-1]),
            depths=(self.branch.depths[0], self.branch.depths[-1]),
            most=most,
        )
        return {stem: self.branch.positions(pks) for stem, pks in pks_by_stem.items()}

    def uncommon_positions(self, stems: Sequence[str]) -> dict[str, list[int]]:
        """The same, without stems that are too common to tell messages apart or to be read."""
        common = too_common(len(self.branch.pks), self.policy)
        most = min(common, self.policy.places // max(1, len(stems)))
        positions = self.positions(stems, most + 1)
        return {stem: places for stem, places in positions.items() if len(places) <= most}

    def spoken_by_named(self, question: str, counts: Mapping[str, int]) -> list[int]:
        """The positions of the messages that begin with a name in the question, where messages mostly do. `counts`: messages by stem."""
        labeled = counts.get(term_index.LABELED, 0)
        if labeled < self.policy.labeled * len(self.branch.pks):
            return []
        words = {stem: held for stem, held in counts.items() if not stem.startswith(" ")}
        names = [term_index.speaker(stem) for stem in possible_names(question, words)]
        positions = self.positions(names, self.policy.places // max(1, len(names)))
        several = (places for places in positions.values() if len(places) <= self.policy.alone * labeled)
        return sorted({position for places in several for position in places})

    def similarities(self, likeness: Likeness) -> dict[int, float]:
        """How similar the question is to the messages that have a vector, by position."""
        pks = self.branch.pks
        stored = vectors.between(
            self.connection, self.owner_id, self.thread_id, likeness.model, pks[0], pks[-1]
        )
        positions = [position for position, pk in enumerate(pks) if pk in stored]
        similarities = likeness.compare([stored[pks[position]] for position in positions])
        return dict(zip(positions, similarities, strict=True))

    def sources(self, positions: Sequence[int]) -> dict[int, Source]:
        """The text of the messages at these positions."""
        outline, sources = self.branch.outline, {}
        pks = [self.branch.pks[position] for position in positions]
        for pk, id, parts in parts_of(self.connection, self.owner_id, pks):
            position = self.branch.place[pk]
            sources[position] = Source(
                id=id,
                role=outline.roles[position],
                at=outline.at[position],
                text=text_of(parts),
                sent=self.sent.get(id, 0),
            )
        return sources
