"""The log's key is lost or changed: nothing starts with one that verifiers do not pin, until it is published."""

from __future__ import annotations

import json
from typing import Any

import pytest
from trading_house import House
from trading_sale import Trade, sale

from entrepot.api import bundle
from entrepot.api.caller import Caller
from entrepot.commands.running import set_up
from entrepot.core.errors import Invalid, Refused
from entrepot.verify import verify
from entrepot.wire import context_of, facts_of


def exported(house: House, trade: Trade) -> bytes:
    """The buyer's bundle, as the doors make it."""
    found = trade.one
    caller = Caller(participant=found.buyer, person="", role="treasurer")
    with house.store.read(caller.reader) as tx:
        return bundle.build(tx, found, caller, facts_of(house.settings).sign_manifest)


def pinned(house: House) -> dict[str, Any]:
    """What a verifier has."""
    return dict(json.loads(house.settings.verification_key_path.read_text()))


def failed(raw: bytes, key: dict[str, Any]) -> set[str]:
    return {check.part for check in verify(raw, key) if check.status == "failed"}


def test_a_figure_of_the_operator_that_does_nothing_is_refused_by_its_name(house: House) -> None:
    body = json.loads(house.settings.house_path.read_text())
    body["policy"] |= {"sign_within_s": 60}
    house.settings.house_path.write_text(json.dumps(body))
    with pytest.raises(Invalid, match="sign_within_s") as refused:
        begin(house)
    assert refused.value.code == "policy_unknown"


def begin(house: House) -> None:
    """As a worker and a door begin."""
    house.ctx = context_of(house.settings, house.store, house.rail)
    facts_of(house.settings)


def test_a_lost_key_of_the_log_is_not_made_anew_unseen_and_a_new_one_is_published_first(house: House) -> None:
    first = sale(house).propose().agree().fund()
    before, old_key = exported(house, first), pinned(house)
    assert failed(before, old_key) == set()
    files = sorted(house.settings.keys_dir.glob("checkpoint*"))
    old_files = {path: path.read_bytes() for path in files}
    for path in files:
        path.unlink()
    for start in (lambda: begin(house), lambda: facts_of(house.settings)):
        with pytest.raises(Refused, match="checkpoint_key") as refused:
            start()
        assert refused.value.code == "log_key_differs"
    for path, body in old_files.items():  # the backup of the key: all is as it was
        path.write_bytes(body)
    begin(house)
    assert failed(exported(house, first), old_key) == set()

    for path in files:
        path.unlink()
    set_up(house.settings, house.store)
    begin(house)
    assert failed(exported(house, first), pinned(house)) == {"events"}, "until the log grows"
    second = sale(house).propose().agree()
    new_key = pinned(house)
    assert new_key["checkpoint_key"] != old_key["checkpoint_key"]
    assert failed(exported(house, first), new_key) == failed(exported(house, second), new_key) == set()
    assert failed(before, old_key) == set(), "what was given out before is proved by the key of before"
    assert failed(before, new_key) == {"manifest"}
    (kept,) = house.settings.home.glob("verification-key-before-*.json")
    assert json.loads(kept.read_text()) == old_key
