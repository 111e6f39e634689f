"""The offline summarizer obeys the summarizer's prompt."""

from tests.bench import extractive
from tests.upstream.models import find_model
from tests.upstream.tokens import count

MODEL = "claude-haiku-5-5"


def _request(*parts: str, budget: int = 60) -> dict[str, object]:
    text = "\n".join(
        (
            *parts,
            f"Write the lines now, at most about {budget} tokens in all, each ending with its references.",
        )
    )
    return {"model": MODEL, "system": "You condense.", "messages": [{"role": "user", "content": text}]}


def _message(number: int, text: str, who: str = "person") -> str:
    return f"<m{number} {who}>\n{text}\n</m{number}>"


def test_every_part_gets_its_share_within_the_budget() -> None:
    messages = [
        _message(number, f"Invoice {number}00 of Anna Berg was paid. Thanks.") for number in range(1, 41)
    ]
    answer = extractive.summarize(_request("CONVERSATION:", *messages, budget=200))
    lines = answer.splitlines()
    numbers = [int(line.rsplit("[m", 1)[1].rstrip("]")) for line in lines]
    assert 100 < count(answer, find_model(MODEL)) <= 220
    assert [sum(low < number <= low + 10 for number in numbers) >= 2 for low in (0, 10, 20, 30)] == [True] * 4
    assert all("Invoice" in line for line in lines)


def test_earlier_lines_stay_word_for_word_and_pinned_ones_are_left_to_others() -> None:
    earlier = (
        "EARLIER:",
        "- Anna's number is 4417 [m1,m2]",
        "- PINNED Call her Anna [m3]",
        "",
        "CONVERSATION:",
    )
    request = _request(*earlier, _message(4, "All right."), budget=100)
    assert extractive.earlier_lines(request) == ["Anna's number is 4417", "PINNED Call her Anna"]
    answer = extractive.summarize(request).splitlines()
    assert answer[0] == "- Anna's number is 4417 [m1,m2]"
    assert not any("PINNED" in line or "Call her" in line for line in answer)


def test_key_facts_are_written_where_the_prompt_has_a_table() -> None:
    said = _message(5, "My name is Anna Berg, and my order is AB-1234-X. I prefer trains to planes.")
    without = extractive.summarize(_request("CONVERSATION:", said))
    assert "= " not in without
    table = ("KEY FACTS:", "= name; user: Anna Berg [m1]", "", "CONVERSATION:")
    facts = [
        line for line in extractive.summarize(_request(*table, said)).splitlines() if line.startswith("= ")
    ]
    assert facts == [
        "= identifier; ab 1234 x: AB-1234-X [m5]",
        "= preference; trains to planes: I prefer trains to planes [m5]",
    ]
