"""When the oldest messages of the window become part of the summary (economics, section 6).

A fold is only ever *planned* here. It is carried out behind a turn or while the thread rests, becomes a new ladder, and
takes effect at the next plan; a fold that fails changes nothing.
"""

from collections.abc import Sequence

from context.cache.cache_state import Lane
from context.cache.cost_model import Economy
from context.cache.plan_inputs import Neighbour, Terms, economy
from context.compaction.scope import Fold, Kind, fold_range, rewrite
from context.messages import Message
from context.request.summary_blocks import Ladder
from context.request.window import floor_index, from_user


def after_turn(
    terms: Terms,
    *,
    path: Sequence[Message],
    ladder: Ladder | None,
    lane: Lane,
    now: int,
    others: Sequence[Neighbour] = (),
    found: Fold | None = None,
) -> Fold | None:
    """The fold due once a turn is finished, so that it is ready when the next one comes.

    `path` is the branch from just after the ladder to the answer; `lane` is the lane after the turn's request, `others` are
    the other lanes of the thread. `found`: the fold the turn found undone. It goes on to where the floor is now, one exchange
    later; and unless the window was living, that turn has cached nothing of it.
    """
    unkept = found is not None and found.kind != "warm"
    warm = lane.life != "none" and now < lane.alive_until and not unkept
    due = _due(terms, path=path, ladder=ladder, lane=lane, warm=warm, coming=True, now=now, others=others)
    return due or found


def at_death(
    terms: Terms,
    *,
    path: Sequence[Message],
    ladder: Ladder | None,
    lane: Lane,
    now: int,
    others: Sequence[Neighbour] = (),
) -> Fold | None:
    """The fold due when the lane's cache dies with nobody there (timer at `lane.alive_until`)."""
    return _due(terms, path=path, ladder=ladder, lane=lane, warm=False, coming=True, now=now, others=others)


def on_arrival(
    terms: Terms,
    *,
    path: Sequence[Message],
    ladder: Ladder | None,
    lane: Lane,
    warm: bool,
    kept: bool,
    cut: bool,
    now: int,
    others: Sequence[Neighbour] = (),
) -> Fold | None:
    """The fold a new turn finds undone: after a restart, or on a lane unused for long. `path` ends with the new user message.

    `kept`: whether this turn is going to cache the window. A small surplus is then written with it and folded later, for a fold
    behind this turn would leave it uncached, and the next one find a small surplus again.
    """
    return _due(
        terms,
        path=path,
        ladder=ladder,
        lane=lane,
        warm=warm,
        kept=kept,
        coming=False,
        cut=cut,
        now=now,
        others=others,
    )


def is_whole(path: Sequence[Message], ladder: Ladder | None) -> bool:
    """Whether `path` holds all that no summary stands for. If not, it must be imported: `fold_range` page by page."""
    return path[0].parent_id == (None if ladder is None else ladder.upto_id)


def watermark(terms: Terms, standing: Economy, lane: Lane) -> int:
    """min(L + X*, cap): the window, in tokens of the model, beyond which a living prefix is folded."""
    life = "5m" if lane.life == "none" else lane.life
    return int(min(standing.floor + standing.surplus(life), terms.in_model(terms.policy.window_cap)))


def _due(
    terms: Terms,
    *,
    path: Sequence[Message],
    ladder: Ladder | None,
    lane: Lane,
    warm: bool,
    coming: bool,
    now: int,
    others: Sequence[Neighbour],
    kept: bool = False,
    cut: bool = False,
) -> Fold | None:
    if not is_whole(path, ladder):
        return None
    policy, messages = terms.policy, from_user(path)
    # With an answer as the newest message the next request brings one message more, which belongs to its floor.
    floor = floor_index(messages, policy.floor_messages - (1 if coming else 0), policy)
    if floor == 0:
        return None
    oldest = messages[:floor]
    surplus = sum(message.tokens for message in oldest)
    standing = economy(
        terms, lane=lane, messages=messages, floor=floor, ladder=ladder, others=others, now=now
    )
    window = terms.in_model(surplus) + standing.floor
    over = window > terms.in_model(policy.window_cap) or cut
    if not over and surplus < policy.fold_least:
        return None

    def fold(kind: Kind, reason: str) -> Fold:
        leaf = next((one.id for one in reversed(messages) if one.role == "user"), None)
        return fold_range(
            terms, messages=oldest, ladder=ladder, kind=kind, reason=reason, lane=lane, leaf_id=leaf
        )

    if over:
        return fold("overdue", f"the window of {window} tokens has outgrown {policy.window_cap}")
    if terms.model.local:
        return None  # nothing is billed, and a small model's summary costs more understanding than it saves
    if warm or kept:
        mark = watermark(terms, standing, lane)
        if window <= mark:
            return None
    if warm:
        return fold("warm", f"a window of {window} tokens costs more to keep than to fold above {mark}")
    merged = rewrite(ladder, surplus, terms).merged_tokens
    saved = standing.cold_fold_saves(terms.in_model(surplus), lane.life, merged)
    if saved <= 0:
        return None
    return fold("cold", f"nothing is cached: folding {surplus} tokens saves ${saved / 1e12:.6f} next turn")
