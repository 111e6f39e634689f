"""Fit a call to what is left of the budgets before it is made: as planned, shorter, or by the model of a cheaper tier."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from chat.budgets.reservations import CallDoesNotFit
from chat.stream.notes import BudgetNote, RouteNote
from chat.turns.turn_work import TurnWork
from context.limits.budgets import BudgetAccount, Counter
from context.limits.fallback import fallback_candidates
from context.limits.fit import BudgetStatus, Fits, FitsNot, Offer, fit
from context.models.catalog import TIERS
from context.models.pricing import price_table
from context.planning.planned import Plan
from context.request.request import Round
from context.request.window import MessageTooLarge
from store.ledger import budgets as store


async def fit_budget(work: TurnWork, plan: Plan, rounds: Sequence[Round]) -> Plan:
    """The plan, or the largest one that still fits, which becomes the turn's and is announced with its reason. Raises CallDoesNotFit when none does.

    Amid tool calls the model stays: its reasoning is bound to it.
    """
    budgets = work.runtime.caller.budgets
    barred = set(work.tried)  # a model that has failed the turn gives no cheaper answer either
    while budgets:
        offers = await _offers(work, plan, rounds, barred)
        result = fit(offers, eager=not work.calls)
        if isinstance(result, FitsNot):
            await budgets.remember(work.runtime.database, result.counter, work.runtime.clock.now())
            raise CallDoesNotFit(result.counter, result.resets_at, result.reason, final=True)
        if result.reason is None:
            return plan
        chosen = offers[result.index]
        if result.index:
            tier = next((tier for tier in TIERS if tier == chosen.tier), None)
            route = replace(plan.route, model_id=chosen.model, tier=tier, reason=result.reason, by="budget")
            try:
                plan = await work.planning.plan(route)
            except MessageTooLarge:
                barred.add(chosen.model)
                continue
        _announce(work, chosen, result, result.reason)
        plan = replace(
            plan,
            recipe=replace(plan.recipe, max_tokens=result.output),
            reasons={**plan.reasons, "budget": result.reason},
        )
        await work.use_plan(plan, rounds)
        return plan
    return plan


def _announce(work: TurnWork, chosen: Offer, result: Fits, reason: str) -> None:
    """Tell the reader what changed, and why."""
    work.journal.note(
        BudgetNote(reason=reason, model=chosen.model, tier=chosen.tier, max_tokens=result.output)
    )
    if result.index:
        label = work.runtime.deployment.models[chosen.model].label
        work.journal.note(RouteNote(model=chosen.model, label=label, tier=chosen.tier, reason=reason))


async def _offers(
    work: TurnWork, plan: Plan, rounds: Sequence[Round], barred: Collection[str]
) -> list[Offer]:
    """The call as planned and, unless its model must stay, the same call of each cheaper tier, with the budgets each draws on."""
    deployment, now = work.runtime.deployment, work.runtime.clock.now()
    calls: list[tuple[str | None, str]] = [(plan.route.tier, plan.recipe.model)]
    if not rounds:
        calls += _cheaper(work, plan, barred)
    drawn = [_counters(work, tier, model, now) for tier, model in calls]
    statuses = await _statuses(work, drawn)
    bound = plan.bound + work.planning.grown(plan, rounds)[1]
    return [
        Offer(
            tier=tier,
            model=model,
            bound=bound,
            output=min(plan.recipe.max_tokens, deployment.models[model].max_output),
            prices=price_table(model, now=now),
            statuses=tuple(statuses[counter.key] for counter in counters),
            free=deployment.local,
        )
        for (tier, model), counters in zip(calls, drawn, strict=True)
    ]


def _cheaper(work: TurnWork, plan: Plan, barred: Collection[str]) -> list[tuple[str | None, str]]:
    """Tiers below the planned one and their models, dearest first, within what the token may use."""
    candidates = fallback_candidates(plan.route, work.runtime.deployment.tiers)
    models = [candidate.model for candidate in candidates]
    if plan.recipe.model not in models:
        return []
    below = reversed(candidates[: models.index(plan.recipe.model)])
    return [(candidate.tier, candidate.model) for candidate in below if candidate.model not in barred]


def _counters(work: TurnWork, tier: str | None, model: str, now: int) -> list[Counter]:
    """The budget counters a call of a tier's model would draw on."""
    call_context = work.call_context
    account = BudgetAccount(
        owner_id=call_context.owner_id,
        thread_id=call_context.thread_id,
        token=call_context.token,
        tier=tier,
        model=model,
    )
    return work.runtime.caller.budgets.of_call(account, now, again=tier in work.counted_tiers)


async def _statuses(work: TurnWork, drawn: Sequence[Sequence[Counter]]) -> dict[str, BudgetStatus]:
    """How all these counters stand, by key, as of one moment."""
    distinct = {counter.key: counter for counters in drawn for counter in counters}
    statuses = await work.runtime.database.read(partial(store.statuses, counters=tuple(distinct.values())))
    return {status.counter.key: status for status in statuses}
