"""Posting, following, leaving, cancelling, editing, regenerating, moving about, crashing and restarting, in any order.

Under a minute; `PALAVER_LONG=1` runs twenty times as many stories, each longer.
"""

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as tell_stories

from tests.stateful.invariants import check_thread, check_turn
from tests.stateful.model import (
    CHUNK,
    ModelThread,
    ModelTurn,
    Plan,
    Reader,
    Said,
    SideCalls,
    Trouble,
)
from tests.stateful.readers import cancel, leave, read, until_end, until_heard, until_written
from tests.stateful.server import RestartableServer
from tests.stateful.troubles import FOREIGN, post_while_locked, send_foreign

LONG = "PALAVER_LONG" in os.environ
STORIES = settings(
    max_examples=200 if LONG else 10,
    stateful_step_count=60 if LONG else 40,
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
)

PICK = st.integers(min_value=0, max_value=11)  # taken modulo what there is to pick from
TROUBLE: st.SearchStrategy[Trouble] = st.sampled_from(
    ("none", "none", "none", "reset", "error", "overloaded first", "odd numbers", "no message_delta")
)
SIDE_CALLS: st.SearchStrategy[SideCalls] = st.sampled_from(("none", "answered", "dripping", "hanging"))
# A lock that lasts until a post is refused takes five seconds of waiting.
LASTING = st.sampled_from((False,) * 7 + (True,)) if LONG else st.just(False)
COUNTS: dict[str, int] = {}
# Of `POST …/compact`: done, a deleted thread, an answer being written, no usable summary.
COMPACTED = (200, 404, 409, 503)


STEPS = {
    "post", "edit", "regenerate", "repeat", "move", "cancel", "cancel after words", "delete", "drop", "resume", "crash", "restart",
    "finish completed", "finish failed", "foreign", "lock", "compact",
}  # fmt: skip


def test_whatever_happens_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    COUNTS.clear()
    server = RestartableServer(tmp_path)
    try:
        tell_stories(partial(Story, server), settings=STORIES)  # type: ignore[arg-type]  # any factory will do
    finally:
        server.close()
    print(f"\nexercised: {COUNTS}")
    assert not LONG or COUNTS.keys() >= STEPS


def test_each_step_once_in_one_story(tmp_path: Path) -> None:
    """The stories above are drawn: a short run may never draw some step. This one takes every step."""
    COUNTS.clear()
    server = RestartableServer(tmp_path)
    try:
        story = Story(server)
        story.install(aliases=True, side_calls="dripping")
        try:
            tell_one_story(story)
        finally:
            story.teardown()
    finally:
        server.close()
    assert COUNTS.keys() >= STEPS


def tell_one_story(story: "Story") -> None:
    story.post(thread=0, size=4, trouble="none", thinks=True, fresh=True)
    story.follow(turn=0)
    story.say_more(turn=0, deltas=2)
    story.foreign(thread=0, headers=FOREIGN[0])
    story.compact(thread=0)
    story.follow_a_question(thread=0)
    story.drop(reader=0)
    story.resume(reader=0)
    story.repeat(turn=0, other=False)
    story.repeat(turn=0, other=True)
    story.finish(turn=0)
    story.edit(thread=0, message=0, size=2, trouble="error")
    story.say_more(turn=0, deltas=1)
    story.finish(turn=0)
    story.move(thread=0, message=0)
    story.regenerate(thread=0, message=0, size=3, trouble="overloaded first")
    story.cancel(turn=0, heard=True)
    story.post(thread=0, size=3, trouble="none", thinks=False, fresh=True)
    story.cancel(turn=0, heard=False)
    for end in (story.crash, story.restart):
        story.post(thread=0, size=5, trouble="none", thinks=False, fresh=False)
        story.say_more(turn=0, deltas=2)
        story.follow(turn=len(story.turns) - 1)
        end()
        story.resume(reader=len(story.readers) - 1)
    story.check_thread(thread=0)
    story.compact(thread=0)
    for lasting, trouble in ((True, "odd numbers"), (False, "no message_delta")):
        story.post(thread=0, size=3, trouble="none", thinks=False, fresh=True)
        story.lock(size=2, trouble=trouble, lasting=lasting)
        story.finish(turn=0)
        story.finish(turn=0)
    story.delete(thread=1)


class Story(RuleBasedStateMachine):
    """One installation of Palaver and what its users do to it."""

    def __init__(self, server: RestartableServer) -> None:
        super().__init__()
        self.server = server
        self.threads: list[ModelThread] = []
        self.turns: list[ModelTurn] = []
        self.readers: list[Reader] = []
        self.compactions: list[asyncio.Task[httpx.Response]] = []
        self.questions = 0
        self.since_start = 0
        """Steps since the server was started last: a start takes longer than all other steps together."""

    @initialize(aliases=st.booleans(), side_calls=SIDE_CALLS)
    def install(self, aliases: bool, side_calls: SideCalls) -> None:
        self.server.run(self.server.begin(aliases=aliases, side_calls=side_calls))

    # What users do

    @rule(thread=PICK, size=st.integers(1, 6), trouble=TROUBLE, thinks=st.booleans(), fresh=st.booleans())
    def post(self, thread: int, size: int, trouble: Trouble, thinks: bool, fresh: bool) -> None:
        """Go on with a thread, or begin one."""
        chosen = self._thread(None if fresh else thread)
        self._say(chosen, chosen.leaf, self._plan(size, trouble, thinks), explicit=False)

    @precondition(lambda self: self._talked())
    @rule(thread=PICK, message=PICK, size=st.integers(1, 6), trouble=TROUBLE)
    def edit(self, thread: int, message: int, size: int, trouble: Trouble) -> None:
        """Say something else in place of an earlier message: a new branch beside it."""
        chosen = self._talked()[thread % len(self._talked())]
        self._count("edit")
        asked = [said for said in chosen.messages.values() if said.role == "user"]
        self._say(chosen, asked[message % len(asked)].parent, self._plan(size, trouble, False), explicit=True)

    @precondition(lambda self: self._talked())
    @rule(thread=PICK, message=PICK, size=st.integers(1, 6), trouble=TROUBLE)
    def regenerate(self, thread: int, message: int, size: int, trouble: Trouble) -> None:
        chosen = self._talked()[thread % len(self._talked())]
        answers = [said for said in chosen.messages.values() if said.role == "assistant"]
        answer = answers[message % len(answers)]
        question = chosen.messages[answer.parent or ""]
        if chosen.running is not None:
            self._refused(chosen, {"regenerate": answer.id}, 409, "thread_busy")
            return
        plan = self._plan(size, trouble, False, name=(question.text or "").split()[0])
        self._accept(chosen, {"regenerate": answer.id}, plan, question.parent, None)

    @precondition(lambda self: self._talked())
    @rule(thread=PICK)
    def follow_a_question(self, thread: int) -> None:
        """A new message cannot follow a question."""
        chosen = self._talked()[thread % len(self._talked())]
        asked = next(said for said in chosen.messages.values() if said.role == "user")
        busy = chosen.running is not None
        body = {"input": {"text": "q0 no"}, "parent_id": asked.id}
        self._refused(chosen, body, *((409, "thread_busy") if busy else (400, "bad_request")))

    @precondition(lambda self: self.turns)
    @rule(turn=PICK, other=st.booleans())
    def repeat(self, turn: int, other: bool) -> None:
        """The same key again: the same turn for the same words, a refusal for others."""
        known = self.turns[turn % len(self.turns)]
        body = {**known.body, "metadata": {"other": True}} if other else known.body
        answer = self._post(known.thread, body, known.key)
        self._count("repeat")
        if other:
            assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")
            return
        assert answer.status_code == 200
        assert answer.headers["idempotency-replayed"] == "true"
        assert {**answer.json(), "status": ""} == {**known.accepted, "status": ""}

    @precondition(lambda self: self._talked())
    @rule(thread=PICK, message=PICK)
    def move(self, thread: int, message: int) -> None:
        """Look at another branch."""
        chosen = self._talked()[thread % len(self._talked())]
        target = list(chosen.messages)[message % len(chosen.messages)]
        answer = self.server.run(
            self.server.app.http.patch(f"/api/threads/{chosen.id}", json={"leaf_id": target})
        )
        if chosen.running is not None:
            assert answer.status_code == 409, answer.text
            return
        assert answer.status_code == 200, answer.text
        self._count("move")
        chosen.leaf = chosen.newest_leaf(target)
        assert answer.json()["leaf_id"] == chosen.leaf

    @precondition(lambda self: self._running())
    @rule(turn=PICK, heard=st.booleans())
    def cancel(self, turn: int, heard: bool) -> None:
        """Stop an answer, before its first word or after it."""
        chosen = self._running()[turn % len(self._running())]
        if heard and chosen.plan.left:
            chosen.plan.left -= 1
            chosen.plan.gate.release()
            self.server.run(until_heard(self.server.app, chosen))
            self._count("cancel after words")
        self.server.run(cancel(self.server.app, chosen))
        chosen.end("cancelled")
        self._count("cancel")

    @precondition(lambda self: len(self.threads) > 1)
    @rule(thread=PICK)
    def delete(self, thread: int) -> None:
        """Everything of a thread goes, a running answer with it."""
        chosen = self.threads.pop(thread % len(self.threads))
        for reader in [reader for reader in self.readers if reader.turn.thread is chosen]:
            self.server.run(leave(reader))
            self.readers.remove(reader)
        self.turns = [turn for turn in self.turns if turn.thread is not chosen]
        answer = self.server.run(self.server.app.http.delete(f"/api/threads/{chosen.id}"))
        assert answer.status_code == 204, answer.text
        gone = self.server.run(self.server.app.http.get(f"/api/threads/{chosen.id}/messages"))
        assert gone.status_code == 404
        self._count("delete")

    @precondition(lambda self: self._talked())
    @rule(thread=PICK)
    def compact(self, thread: int) -> None:
        """Ask for a summary, and do not wait for it: it may never come."""
        chosen = self._talked()[thread % len(self._talked())]
        http = self.server.app.http

        async def begin() -> None:
            post = asyncio.create_task(http.post(f"/api/threads/{chosen.id}/summary/compact", timeout=600))
            await asyncio.sleep(0.002)  # the request has left
            self.compactions.append(post)

        self.server.run(begin())
        self._count("compact")

    @precondition(lambda self: self.threads and self.turns)
    @rule(thread=PICK, headers=st.sampled_from(FOREIGN))
    def foreign(self, thread: int, headers: dict[str, str]) -> None:
        """A page of another origin changes nothing."""
        chosen = self._talked()[thread % len(self._talked())]
        self.server.run(send_foreign(self.server.app, chosen, chosen.running, headers))
        self.server.run(check_thread(self.server.app, chosen))
        self._count("foreign")

    # What the model does

    @precondition(lambda self: self._running())
    @rule(turn=PICK, deltas=st.integers(1, 3))
    def say_more(self, turn: int, deltas: int) -> None:
        """The answer grows, but does not end."""
        plan = self._running()[turn % len(self._running())].plan
        allowed = min(deltas, plan.left)
        plan.left -= allowed
        plan.gate.release(allowed)
        self.server.run(until_written(plan.gate))

    @precondition(lambda self: self._running())
    @rule(turn=PICK)
    def finish(self, turn: int) -> None:
        chosen = self._running()[turn % len(self._running())]
        chosen.plan.gate.open()
        self.server.run(until_end(self.server.app, chosen))
        chosen.end(chosen.plan.status)
        self._count(f"finish {chosen.plan.status}")

    # What networks and machines do

    @precondition(lambda self: self.turns)
    @rule(turn=PICK)
    def follow(self, turn: int) -> None:
        reader = Reader(turn=self.turns[turn % len(self.turns)])
        self.readers.append(reader)
        self._connect(reader)

    @precondition(lambda self: self.readers)
    @rule(reader=PICK)
    def drop(self, reader: int) -> None:
        self.server.run(leave(self.readers[reader % len(self.readers)]))
        self._count("drop")

    @precondition(lambda self: self.readers)
    @rule(reader=PICK)
    def resume(self, reader: int) -> None:
        """Read on after the last event seen; who still reads leaves first, so that no step depends on how far anybody came."""
        chosen = self.readers[reader % len(self.readers)]
        self.server.run(leave(chosen))
        self._connect(chosen)
        self._count("resume")

    @rule(size=st.integers(1, 6), trouble=TROUBLE, lasting=LASTING)
    def lock(self, size: int, trouble: Trouble, lasting: bool) -> None:
        """Another program locks the database: a post waits or is refused as a whole, and running answers go on."""
        thread = self._thread(None)
        plan = self._plan(size, trouble, False)
        key = f"key-{self.questions}"
        text = f"{plan.text.split()[0]} what then?"
        answer = self.server.run(
            post_while_locked(
                self.server.app, self.server.database, f"/api/threads/{thread.id}/turns", key, text, self._running(), long=lasting
            )
        )  # fmt: skip
        self._accepted(answer, thread, {"input": {"text": text}}, plan, None, text)
        self._count("lock")

    @precondition(lambda self: self._may_die())
    @rule()
    def crash(self) -> None:
        self._hang_up()
        self.since_start = 0
        self.server.run(self.server.crash())
        for turn in self._running():
            turn.end("failed", interrupted=True, crashed=True)
        self._count("crash")

    @precondition(lambda self: self._may_die())
    @rule()
    def restart(self) -> None:
        self._hang_up()
        self.since_start = 0
        self.server.run(self.server.restart())
        for turn in self._running():
            turn.end("failed", interrupted=True)
        self._count("restart")

    # What must be true

    @invariant()
    def no_reader_found_anything_wrong(self) -> None:
        self.since_start += 1
        for reader in self.readers:
            if reader.task is not None and reader.task.done() and not reader.task.cancelled():
                reader.task.result()

    @rule(thread=PICK)
    @precondition(lambda self: self.threads)
    def check_thread(self, thread: int) -> None:
        """The page of a thread is the model's path."""
        self.server.run(check_thread(self.server.app, self.threads[thread % len(self.threads)]))

    def teardown(self) -> None:
        try:
            for turn in self._running():
                turn.plan.gate.open()
                self.server.run(until_end(self.server.app, turn))
                turn.end(turn.plan.status)
            for reader in self.readers:
                if reader.task is None or reader.task.done():
                    self._connect(reader)
                assert reader.task is not None
                self.server.run(asyncio.wait_for(asyncio.shield(reader.task), 30))
            for turn in self.turns:
                self.server.run(check_turn(self.server.app, turn))
            for thread in self.threads:
                self.server.run(check_thread(self.server.app, thread))
                self.server.run(self._still_usable(thread))
        finally:
            self._hang_up()
            self.server.run(self.server.end())

    # How steps are taken

    def _running(self) -> list[ModelTurn]:
        return [turn for turn in self.turns if turn.status == "running"]

    def _may_die(self) -> bool:
        return bool(self._running()) and self.since_start > 7

    def _talked(self) -> list[ModelThread]:
        return [thread for thread in self.threads if thread.messages]

    def _thread(self, pick: int | None) -> ModelThread:
        if pick is None or not self.threads:
            self.threads.append(ModelThread(id=f"t{self.questions}"))
            return self.threads[-1]
        return self.threads[pick % len(self.threads)]

    def _plan(self, size: int, trouble: Trouble, thinks: bool, name: str | None = None) -> Plan:
        self.questions += 1
        name = name or f"q{self.questions}"
        text = f"{name} {self.questions} " + "abcdefgh" * size
        left = -(-len(text) // CHUNK) - 1
        plan = Plan(text=text, trouble=trouble, gate=self.server.sim.gate(), thinks=thinks, left=left)
        self.server.plans[name] = plan
        return plan

    def _say(self, thread: ModelThread, parent: str | None, plan: Plan, *, explicit: bool) -> None:
        text = f"{plan.text.split()[0]} what then?"
        body: dict[str, Any] = {"input": {"text": text}}
        if explicit:
            body["parent_id"] = parent
        if thread.running is not None:
            self._refused(thread, body, 409, "thread_busy")
            return
        self._accept(thread, body, plan, parent, text)

    def _accept(
        self, thread: ModelThread, body: dict[str, Any], plan: Plan, parent: str | None, text: str | None
    ) -> None:
        self._accepted(self._post(thread, body, f"key-{self.questions}"), thread, body, plan, parent, text)

    def _accepted(
        self,
        answer: httpx.Response,
        thread: ModelThread,
        body: dict[str, Any],
        plan: Plan,
        parent: str | None,
        text: str | None,
    ) -> None:
        key = f"key-{self.questions}"
        assert answer.status_code == 202, answer.text
        told = answer.json()
        turn = ModelTurn(id=told["id"], thread=thread, plan=plan, body=body, key=key, accepted=told)
        self.turns.append(turn)
        thread.running = turn
        question, reply = told["user_message_id"], told["message_id"]
        if text is None:
            assert question in thread.messages
        else:
            thread.messages[question] = Said(id=question, parent=parent, role="user", text=text, turn=turn)
        thread.messages[reply] = Said(id=reply, parent=question, role="assistant", text=None, turn=turn)
        thread.leaf = reply
        self._count("regenerate" if text is None else "post")

    def _refused(self, thread: ModelThread, body: dict[str, Any], status: int, code: str) -> None:
        answer = self._post(thread, body, None)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)

    def _post(self, thread: ModelThread, body: dict[str, Any], key: str | None) -> Any:
        headers = {} if key is None else {"idempotency-key": key}
        http = self.server.app.http
        return self.server.run(http.post(f"/api/threads/{thread.id}/turns", json=body, headers=headers))

    def _connect(self, reader: Reader) -> None:
        async def begin() -> None:
            reader.task = asyncio.create_task(read(self.server.app, reader))
            await asyncio.sleep(0.002)  # the request has left; how far it came is left to chance

        self.server.run(begin())

    def _hang_up(self) -> None:
        for reader in self.readers:
            self.server.run(leave(reader))
        self.server.run(self._give_up_compactions())

    async def _give_up_compactions(self) -> None:
        for post in self.compactions:
            post.cancel()
        for outcome in await asyncio.gather(*self.compactions, return_exceptions=True):
            assert isinstance(outcome, asyncio.CancelledError) or outcome.status_code in COMPACTED, outcome  # type: ignore[union-attr]  # a failure is shown
        self.compactions.clear()

    def _count(self, step: str) -> None:
        COUNTS[step] = COUNTS.get(step, 0) + 1

    async def _still_usable(self, thread: ModelThread) -> None:
        plan = self._plan(1, "none", False)
        plan.gate.open()
        turn = await self.server.app.chat(thread.id, f"{plan.text.split()[0]} still there?")
        assert turn["status"] == "completed"
        assert turn["message"]["parts"][-1]["text"] == plan.text
