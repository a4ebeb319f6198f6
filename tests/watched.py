"""The doors over a store in memory with one operator and one treasurer, and what they tell of it."""

from __future__ import annotations

import time
from typing import Any, cast

from fastapi.testclient import TestClient

from entrepot.api.app import create_app
from entrepot.api.health import Facts
from entrepot.core.asset import AssetRegistry
from entrepot.core.crypto import sha256
from entrepot.core.ids import new_id
from entrepot.store.records import Credential, Membership, Participant, Person
from entrepot.store.store import Store

SECRETS = {"operator": "operators-secret", "treasurer": "treasurers-secret", "officer": "officers-secret"}
LIST = "OFAC SDN"
LIST_AGE_S_MAX = 86_400


def opened(store: Store) -> TestClient:
    """Doors over it, with somebody of each role."""
    facts = Facts(
        chain_id=31337, factory="", assets=AssetRegistry([]), lists_required=(LIST,), lists_age_s_max=LIST_AGE_S_MAX,
        sign_manifest=lambda _: b"", authorization=cast(Any, None),
    )  # fmt: skip
    now = int(time.time())
    with store.work() as tx:
        for number, (role, secret) in enumerate(SECRETS.items()):
            person, participant = (new_id(now * 1000, bytes([number, place] * 5)) for place in range(2))
            tx.people.put_participant(Participant(participant, "company", "LU", "admitted", now, {"name": "Secretive"}))
            tx.people.put_person(Person(person, {"name": "Nobody"}))
            tx.people.put_membership(Membership(person, participant, role))
            tx.people.put_credential(Credential(sha256(secret.encode()).hex(), person, participant, role, now + 3600))
    return TestClient(create_app(store, facts=facts))


def as_role(role: str) -> dict[str, str]:
    """The header of somebody of this role."""
    return {"Authorization": f"Bearer {SECRETS[role]}"}
