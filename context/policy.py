"""Every knob of the context engine, its default and the reason for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How much of a conversation goes into a request, and when it is paid for. Sizes in tokens, times in milliseconds.

    What must be there:

    window_cap: the most the verbatim window may hold. 60,000 keeps a whole prompt well below the 100,000-token price step
        of the cheapest current model and below the length at which answers start to suffer from sheer context.
    window_low: the share of the cap that stays when the window must be cut before a summary stands in for what goes.
        One half: a prefix that was paid for once is re-read many times before it moves again.
    floor_messages: the newest messages that are sent verbatim whatever it costs. Twenty, ten exchanges, is how far back
        people refer without naming what they refer to.
    floor_share: the share of the cap that floor may take. A little below one: a floor that filled the cap would have to be cut at
        every turn.
    safety: estimates are multiplied by this before they are compared with a hard limit, so that an error in the estimate
        never becomes a rejected request.
    overhead: room kept for the request's own framing, which no message accounts for.

    The summary (context economics, section 6):

    summary_budget: what all lines of the summary together should hold. 1,500 tokens are about a hundred lines.
    summary_share: new summary tokens per compacted token. A fifth keeps names, numbers and decisions of ordinary talk.
    summary_over, summary_down: the summary is merged when it would pass the first times its budget, down to the second.
        The distance between them is how many compactions leave the oldest bytes alone.
    summarizer_prompt: tokens of the summarizer's own instructions.
    summarizer_chunk: the most one summarizer call reads; the cheap model's price steps up at 100,000.
    fork_answer: tokens of the instruction when the live prefix itself is asked for a summary.
    fold_least: a compaction of fewer tokens is not worth a call, whatever the arithmetic says.

    Expecting the next turn (sections 4 and 5):

    gaps_kept: the cache state's own gaps that are remembered.
    gap_half_life: after how many younger gaps one counts half.
    other_kind: what a gap counts when the pause before it was of the other kind (shorter or longer than 5 minutes) than now.
    service_weight_young, service_trusted: the histogram of all threads counts that many gaps together in the beginning, and as many as have
        proved right (`context/cache/global_gaps.py`) once so many gaps were seen.
    ends_after: turns after which a thread is expected to end that nothing is known of; each turn it has had makes it a turn more.
    life_5m, life_1h: how long an entry is relied on: a little under 5 minutes and an hour, for the time a request travels.
    share_memory: turns over which a cache state's share of the thread is averaged.
    alive_turns: turns within which another living cache state of the thread must be used to count as warm when a compaction would move it.

    Keep-alives (section 7):

    keepalives: whether there are any.
    keepalives_5m, keepalives_1h: at most this many in a row, an hour and three days. Whether the next one pays is decided each time by what
        is to come, whatever was spent; these stop what a wrong outlook would go on with.
    """

    window_cap: int = 60_000
    window_low: float = 0.5
    floor_messages: int = 20
    floor_share: float = 0.75
    safety: float = 1.15
    overhead: int = 64

    summary_budget: int = 1_500
    summary_share: float = 0.2
    summary_over: float = 1.2
    summary_down: float = 0.8
    summarizer_prompt: int = 400
    summarizer_chunk: int = 90_000
    fork_answer: int = 200
    compaction_min: int = 200

    gaps_kept: int = 200
    gap_half_life: float = 60.0
    other_kind: float = 0.25
    global_gaps_weight_young: float = 4.0
    global_gaps_trusted: int = 200
    ends_after: float = 30.0
    ttl_5m_ms: int = 280_000
    ttl_1h_ms: int = 3_540_000
    share_memory: float = 20.0
    alive_turns: float = 10.0

    keepalives: bool = True
    keepalives_5m: int = 12
    keepalives_1h: int = 72


DEFAULT = Policy()
