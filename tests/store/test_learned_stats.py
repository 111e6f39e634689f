"""What belongs to nobody: learned statistics and system prompts."""

from functools import partial

from context.request.prompts import Prompt
from store import learned_stats, prompts
from store.database import Database


async def test_a_learned_value_is_replaced_by_name(database: Database) -> None:
    for name, seen in (("a", 1), ("b", 2), ("a", 3)):
        await database.write(partial(learned_stats.put, name=name, value={"seen": seen}))
    for to_change in (False, True):
        get = partial(learned_stats.get, to_change=to_change)
        assert await database.write(partial(get, name="a")) == {"seen": 3}
        assert await database.write(partial(get, name="none")) is None
    some = partial(learned_stats.some, names={"first": "a", "second": "b", "third": "none"})
    assert await database.read(some) == {"first": {"seen": 3}, "second": {"seen": 2}}


async def test_locking_a_value_stores_the_initial_one_where_there_is_none(database: Database) -> None:
    for initial in (1, 2):
        lock = partial(learned_stats.lock, name="a", initial={"seen": initial})
        assert await database.write(lock) == {"seen": 1}
    assert await database.read(partial(learned_stats.get, name="a")) == {"seen": 1}


def test_names_tell_kinds_of_values_apart() -> None:
    names = [learned_stats.global_gaps_key("m"), learned_stats.prefix_key("m")]
    assert names == ["gaps m", "prefix m"], "stored under these names by every version"


async def test_a_prompt_is_kept_once_by_its_digest(database: Database) -> None:
    prompt = Prompt(name="system", version=3, text="Be brief.")
    other = Prompt(name="system", version=4, text="Be clear.")
    for kept in (prompt, prompt, other):
        await database.write(partial(prompts.keep, prompt=kept))
    assert await database.read(partial(prompts.get, digest=prompt.digest)) == prompt
    assert await database.read(partial(prompts.get, digest=other.digest)) == other
    assert await database.read(partial(prompts.get, digest="none")) is None
