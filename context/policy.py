"""Settings of the context engine: every default with its reason. Recall has its own, in `recall/policy.py`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How much of a conversation goes into a request, and when it is paid for. Sizes in tokens, times in milliseconds.

    The window:

    window_cap: the most the verbatim window may hold. 60,000 keeps a whole prompt well below the 100,000-token price step
        of the cheapest current model and below the length at which answers start to suffer from sheer context.
    window_low: the share of the cap that stays when the window must be cut before a summary stands for what goes.
        One half: a prefix that was paid for once is re-read many times before it moves again.
    floor_messages: the most of the newest messages that are verbatim whatever they cost. Twenty, ten exchanges, is how far back
        people refer without naming what they refer to.
    floor_exchanges: the fewest exchanges among them. Two: people refer to the last answer, and to what it answered about the one before.
    floor_tokens: the floor may hold so much whatever it costs. That is twenty messages of ordinary short talk, 60 tokens each.
    floor_price_share: what the floor may cost per turn beyond that, as a share of what the turn costs besides (context/README.md, "The
        floor"). With answers of 1,600 tokens shares from 0.05 to 0.2 give the same bill within 1%, 0.25 4% more and 0.5 19% more.
    floor_share: the share of the cap that floor may take. A little below one: a floor that filled the cap would have to be cut at
        every turn.
    whole_replies: so many of the newest replies are always sent whole. One: people speak about the last reply. Two gain nothing, for the least floor
        holds no more.
    beginning_tokens: what is sent of a long reply behind it where whole it would not be worth its price (`context/request/shorten.py`): the first
        paragraphs, which say what it is about. 160 and 640 save less (context/README.md, Decisions). Replies below twice this stay whole.
    safety: estimates are multiplied by this before they are compared with a hard limit, so that an error in the estimate
        never becomes a rejected request.
    overhead: room kept for the request's own framing, which no message accounts for.

    The summary:

    summary_budget: what the segments of the summary may hold together; three quarters of it on average, for a level is full only just before
        a merge. A cached token is read for a tenth to a twentieth of the price of an uncached one: what stands here for a turn costs as
        much as 200 to 400 tokens of recall, which a turn about something old would need several times over. At 3,600 half of what the
        window lacks of an answer's words stands in the summary (at 1,500 a quarter), for 6 % of the bill.
    key_facts_budget: what the key facts may hold beside that, pinned ones not counted. 240 tokens are some twenty facts; at a
        cached read they cost as much as 12 to 24 tokens of recall per turn. In a short conversation they have half of
        what the lines have: with all of it a thread of terse messages paid 10 % more.
    summary_share: new summary tokens per compacted token. A fifth keeps names, numbers and decisions of ordinary talk.
    summary_per_level: segments of one level before the two oldest are merged (`context/compaction/levels.py`). Two: a fact is rewritten
        at most log2(n) + 1 times in n compactions.
    summary_growth: what a segment of the next level may hold, times one of this. Two would give each part of a long conversation the same
        share, one nearly all of it to the newest. At 1.4 the newest tenth holds seven times as much as the oldest after 570 compactions;
        at 1.6 never four times.
    merge_prompt: tokens of the summarizer's instructions for a merge.
    summarizer_prompt: tokens of the summarizer's own instructions.
    summarizer_chunk: the most one summarizer call reads; the cheapest model's price steps up at 100,000.
    fork_instruction: tokens of the instruction when the model itself is asked for a summary behind its cached prefix.
    compaction_min: a compaction of fewer tokens is not worth a call, whatever the arithmetic says.

    The gap forecast:

    gaps_kept: how many of a cache state's own gaps are remembered.
    gap_half_life: after how many younger gaps one counts half.
    other_kind_weight: what a gap counts when the gap before it was of the other kind (shorter or longer than 5 minutes) than now.
    global_gaps_weight_young, global_gaps_trusted: the histogram of all threads counts as the first, in gaps, at the beginning, and for as
        much as has proved right (`context/cache/global_gaps.py`) once the second was seen.
    expected_turns: turns after which a new thread is expected to end; each turn it has had makes it a turn more.
    ttl_5m_ms, ttl_1h_ms: how long an entry is relied on: a little under 5 minutes and an hour, for the time a request travels.
    share_turns: turns over which a model's share of the thread is averaged.
    warm_within_turns: another model's living cache counts as warm for a compaction as far as it is expected to be used within so many
        turns.

    Keep-alives:

    keepalives: whether there are any.
    max_keepalives_5m, max_keepalives_1h: at most this many in a row, an hour and three days. Whether the next one pays is decided each time
        by what is to come, whatever was spent; these stop what a wrong forecast would go on with.
    """

    window_cap: int = 60_000
    window_low: float = 0.5
    floor_messages: int = 20
    floor_exchanges: int = 2
    floor_tokens: int = 1_200
    floor_price_share: float = 0.15
    floor_share: float = 0.75
    whole_replies: int = 1
    beginning_tokens: int = 320
    safety: float = 1.15
    overhead: int = 64

    summary_budget: int = 3_600
    key_facts_budget: int = 240
    summary_share: float = 0.2
    summary_per_level: int = 2
    summary_growth: float = 1.6
    merge_prompt: int = 150
    summarizer_prompt: int = 400
    summarizer_chunk: int = 90_000
    fork_instruction: int = 200
    compaction_min: int = 200

    gaps_kept: int = 200
    gap_half_life: float = 60.0
    other_kind_weight: float = 0.25
    global_gaps_weight_young: float = 4.0
    global_gaps_trusted: int = 200
    expected_turns: float = 30.0
    ttl_5m_ms: int = 280_000
    ttl_1h_ms: int = 3_540_000
    share_turns: float = 20.0
    warm_within_turns: float = 10.0

    keepalives: bool = True
    max_keepalives_5m: int = 12
    max_keepalives_1h: int = 72


DEFAULT = Policy()
