"""No request reaches a private address, however it is written, unless its endpoint may have one."""

from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chat.webhooks import outbox
from chat.webhooks.dispatcher import Dispatcher
from chat.webhooks.endpoint import Endpoint
from chat.webhooks.public_addresses import is_public
from store import webhook_deliveries as store
from store.database import Database
from tests.chat.webhooks.receiver import SECRET, receiver
from tests.clocks import QuickClock
from tests.migrated import copy_migrated


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::5db8:d822", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("192.0.2.1", False),
        ("::1", False),
        ("::", False),
        ("::127.0.0.1", False),
        ("::93.184.216.34", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False),
        ("2002:a9fe:a9fe::1", False),
        ("2001:0:5db8:d822::f5ff:fffe", False),
        ("2001:db8::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0.0.0.0", "[::ffff:127.0.0.1]", "[::1]", "169.254.169.254", "[fe80::1]"],
)  # fmt: skip
@pytest.mark.parametrize("allowed", [False, True])
async def test_a_private_address_is_asked_only_where_it_is_allowed(
    tmp_path: Path, host: str, allowed: bool
) -> None:
    await copy_migrated(tmp_path / "palaver.db")
    database, clock = Database(f"sqlite:///{tmp_path / 'palaver.db'}"), QuickClock()
    async with receiver() as hook:
        url = f"http://{host}:{urlsplit(hook.url).port}/"
        to = Endpoint(
            name="crm", url=url, secret=SECRET, events=frozenset(["feedback"]), allow_private=allowed
        )
        added = outbox.deliveries([to], clock, "feedback", {})
        await database.write(partial(store.add, deliveries=added))
        await Dispatcher(database=database, clock=clock, endpoints=[to], timeout=5.0).deliver(to)
        [row] = await database.read(partial(store.newest, limit=9))
        await database.close()
        if not allowed:
            assert (row.status, hook.got) == ("waiting", [])
            assert row.result == ("InvalidUrlClientError" if host == "2130706433" else "private address")
        elif host in ("127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]"):
            assert (row.result, len(hook.got)) == ("204", 1)
        else:
            assert row.result != "private address"
