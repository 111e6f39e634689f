"""Before each call of a turn: what is left of the budgets decides whether it is asked as planned, shorter, or of a cheaper tier."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from chat.budgets.reservations import CallDoesNotFit
from chat.calls.record import CallContext
from chat.planning.planner import Planning
from chat.stream import events
from chat.stream.journal import Journal
from context.limits.budgets import Spender
from context.limits.fallback import fallback_candidates
from context.limits.fit import FitsNot, Offer, fit
from context.models.catalog import TIERS
from context.models.pricing import price_table
from context.planning.planned import Plan
from context.request.request import Round
from context.request.window import MessageTooLarge
from store.ledger import budgets as store


async def fitted(
    planning: Planning,
    call_context: CallContext,
    journal: Journal,
    planned: Plan,
    rounds: Sequence[Round],
    *,
    eager: bool,
    counted: Collection[str],
) -> Plan:
    """The plan, or the largest one that still fits. Raises CallDoesNotFit when none does.

    What changes is stored before it is sent, and told with its reason. Amid tool calls the model stays: its thoughts
    are bound to it. `eager` as in context.limits.fit; `counted`: tiers that have counted the turn as theirs.
    """
    barred = set(planning.tried)  # a model that has failed the turn is not what a cheaper answer comes from
    while planning.runtime.caller.budgets:
        offers = await _offers(planning, call_context, planned, rounds, barred, counted)
        found = fit(offers, eager=eager)
        if isinstance(found, FitsNot):
            now = planning.runtime.clock.now()
            await planning.runtime.caller.budgets.remember(planning.runtime.database, found.counter, now)
            raise CallDoesNotFit(found.counter, found.resets_at, found.reason, final=True)
        if found.reason is None:
            break
        chosen = offers[found.index]
        if found.index:
            tier = next((one for one in TIERS if one == chosen.tier), None)
            route = replace(planned.route, model_id=chosen.model, tier=tier, reason=found.reason, by="budget")
            try:
                planned = await planning.plan(route)
            except MessageTooLarge:
                barred.add(chosen.model)
                continue
        data = {
            "reason": found.reason,
            "model": chosen.model,
            "tier": chosen.tier,
            "max_tokens": found.output,
        }
        journal.event(events.Note(name="budget", data=data))
        if found.index:
            label = planning.runtime.deployment.models[chosen.model].label
            shown = {"model": chosen.model, "label": label, "tier": chosen.tier, "reason": found.reason}
            journal.event(events.Note(name="route", data=shown))
        planned = replace(
            planned,
            recipe=replace(planned.recipe, max_tokens=found.output),
            reasons={**planned.reasons, "budget": found.reason},
        )
        await planning.keep(planned, rounds)
        break
    return planned


async def _offers(
    planning: Planning,
    call_context: CallContext,
    planned: Plan,
    rounds: Sequence[Round],
    barred: Collection[str],
    counted: Collection[str],
) -> list[Offer]:
    """The call as planned and, unless its model must stay, the same of each cheaper tier, with how their counters stand."""
    deployment, now = planning.runtime.deployment, planning.runtime.clock.now()
    wanted = planned.recipe.model
    tiers: list[tuple[str | None, str]] = [(planned.route.tier, wanted)]
    candidates = (
        [] if rounds else fallback_candidates(planned.route, deployment.tiers)
    )  # within what the token may use
    models = [candidate.model for candidate in candidates]
    if wanted in models:
        below = reversed(candidates[: models.index(wanted)])
        tiers += [(candidate.tier, candidate.model) for candidate in below if candidate.model not in barred]
    spenders = [
        Spender(
            owner_id=call_context.owner_id,
            thread_id=call_context.thread_id,
            token=call_context.token,
            tier=tier,
            model=model,
        )
        for tier, model in tiers
    ]
    of_call = planning.runtime.caller.budgets.of_call
    drawn = [of_call(spender, now, again=spender.tier in counted) for spender in spenders]
    together = {counter.key: counter for counters in drawn for counter in counters}
    async with planning.runtime.database.reading() as connection:
        statuses = {
            one.counter.key: one for one in await store.statuses(connection, tuple(together.values()))
        }
    bound = planned.bound + planning.grown(planned, rounds)[1]
    return [
        Offer(
            tier=tier,
            model=model,
            bound=bound,
            output=min(planned.recipe.max_tokens, deployment.models[model].max_output),
            prices=price_table(model, now=now),
            statuses=tuple(statuses[counter.key] for counter in counters),
            free=deployment.local,
        )
        for (tier, model), counters in zip(tiers, drawn, strict=True)
    ]
