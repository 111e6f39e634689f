"""Replicas that admit calls in the same moment, before either has heard of the other's: by how much they pass the share they keep to."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from chat.upstream.admission import Admission
from chat.upstream.failures import UpstreamFailure
from chat.upstream.replica_events import ReplicaEvent
from chat.upstream.slot_request import SlotRequest
from context.limits.headroom import SHARE, Need
from tests.clocks import ScriptedClock
from tests.upstream import SimClock

LIMIT = 20
REQUEST = SlotRequest(model="m", owner="ada", need=Need(input=1, output=1), priority="optional")


class Bus:
    """Redis between some replicas; nothing arrives before it is delivered."""

    def __init__(self, replicas: int) -> None:
        clock = ScriptedClock(SimClock(start=1_790_000_000.0))
        self.admissions = [
            Admission(clock=clock, max_concurrent=99, queue_length=9, queue_seconds=60)
            for _ in range(replicas)
        ]
        self._sent: list[tuple[int, ReplicaEvent]] = []
        for number, admission in enumerate(self.admissions):
            admission.apply(
                ReplicaEvent(model="m", type="limits_reported", buckets={"requests": (LIMIT, LIMIT, 60.0)})
            )
            admission.publish = lambda event, number=number: self._sent.append((number, event))

    def deliver(self) -> None:
        for sender, event in self._sent:
            for number, admission in enumerate(self.admissions):
                if number != sender:
                    admission.apply(
                        ReplicaEvent(
                            model=event.model,
                            type=event.type,
                            call_id=event.call_id,
                            need=event.need,
                            sender=str(sender),
                        )
                    )
        self._sent.clear()


@pytest.mark.parametrize("replicas", [2, 4])
def test_the_same_moment_costs_at_most_one_call_of_each_other_replica(replicas: int) -> None:
    async def admitted() -> int:
        bus, sent = Bus(replicas), 0
        async with AsyncExitStack() as slots:
            while True:
                before = sent
                for admission in bus.admissions:  # each decides before it hears of the others
                    try:
                        await slots.enter_async_context(admission.slot(REQUEST))
                        sent += 1
                    except UpstreamFailure:
                        pass
                bus.deliver()
                if sent == before:
                    return sent

    share = round(SHARE * LIMIT)
    assert share <= asyncio.run(admitted()) <= min(LIMIT, share + replicas - 1)
