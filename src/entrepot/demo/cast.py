"""Who plays in the demo: admitted through the API by two operators, every fact of them invented."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from entrepot.core.crypto import secp256k1_address, sha256
from entrepot.core.mandate import ACTS, BY_TWO
from entrepot.core.party import caip10
from entrepot.documents import samples
from entrepot.documents.stated import StatedParty
from entrepot.signers.keystore import Purpose

from .client import Client
from .stories import Cast

SIMULATED = "invented for the demo"
DAILY_ACTS = tuple(act for act in ACTS if act not in BY_TWO)


class Credentials:
    """`credentials.json`: who has which secret, and the demo parties' wallet keys. Readable by the owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.people: dict[str, dict[str, str]] = json.loads(path.read_text()) if path.exists() else {}

    def save(self) -> None:
        """Writes the file whole."""
        temporary = self.path.with_suffix(".new")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(self.people, file, indent=1, sort_keys=True)
        os.replace(temporary, self.path)

    def client(self, name: str, base_url: str) -> Client:
        """The client of one person."""
        person = self.people[name]
        return Client(
            base_url,
            person["secret"],
            bytes.fromhex(person.get("wallet_key", "")),
            person["name"],
            person["participant"],
        )


# Short name → (name, country, registration, LEI stem, address). The names on lists are in screening/invented.
COMPANIES: dict[str, dict[str, Any]] = {
    "seller": {"party": samples.coffee_trade(number="0", issue_date=date(2026, 1, 1)).seller},
    "buyer": {"party": samples.coffee_trade(number="0", issue_date=date(2026, 1, 1)).buyer},
    "namesake": {
        "party": StatedParty(
            name="Meridian Trading Ltd",
            country="SG",
            registration="202699999K",
            lei=samples.lei_of("00EXAMPLENAMESAKE0"),
            address=("1 Example Quay", "Singapore"),
        )
    },
    "listed": {
        "party": StatedParty(
            name="Shiping Zvezda Severnaja",
            country="CY",
            registration="HE 999001",
            lei=samples.lei_of("00EXAMPLELISTED000"),
            address=("1 Example Street", "Limassol"),
        )
    },
}


# Country → director and owner of a made-up company of that country; no name of theirs is on any list.
PERSONS = {
    "VN": ("Thuy Linh Dao", "Quang Vinh Dao"),
    "DE": ("Greta Lindenschmidt", "Lindenschmidt Beteiligungs GmbH"),
    "SG": ("Prakash Vellodi", "Joanne Quek"),
    "ID": ("Wirasti Pramudya", "Bagas Pramudya"),
    "PE": ("Rosaura Quispe", "Inti Huamani"),
    "NO": ("Halvor Fjordheim", "Sigrun Fjordheim"),
}


def kyb_of(party: StatedParty) -> dict[str, Any]:
    """What a KYB file needs besides what invoices state, every fact invented."""
    director, owner = PERSONS.get(party.country, ("Robin Vandermolen", "Ashby Vandermolen"))
    is_company = owner.endswith("GmbH")
    extract = f"Register extract of {party.name}, {party.registration or party.country}. {SIMULATED.capitalize()}."
    return {
        "address": ", ".join(party.address)[:140],
        "directors": [{"name": director, "country": party.country}],
        "owners": [
            {
                "name": owner,
                "country": party.country,
                "kind": "organization" if is_company else "person",
                "share_percent": 60,
            }
        ],
        "risk": {"rating": "low", "notes": "Long in its trade; regular goods between known partners. Invented."},
        "documents": [
            {
                "name": "register-extract.txt",
                "kind": "Register extract",
                "base64": base64.b64encode(extract.encode()).decode(),
            }
        ],
    }


TREASURERS = {
    "seller": "Linh Tran",
    "buyer": "Katrin Behrens",
    "namesake": "Goh Wei Ling",
    "listed": "Andreas Petrou",
}


class Casting:
    """Admits whoever is missing; a second run finds everybody there."""

    def __init__(
        self,
        credentials: Credentials,
        base_url: str,
        chain_id: int,
        person_key: Callable[..., bytes],
        fill_wallet: Callable[[str], None],
    ) -> None:
        self.credentials, self.base_url, self.chain_id = credentials, base_url, chain_id
        self.person_key, self.fill_wallet = person_key, fill_wallet
        self.first = credentials.client("operator-1", base_url)
        self.second = credentials.client("operator-2", base_url)

    def cast(self) -> Cast:
        """The whole cast, admitted."""
        own = self.first.participant
        for number, name in ((1, "Ines Costa"), (2, "Jonas Weber")):
            self._join(f"officer-{number}", name, own, "officer")
        self._join("supervisor-1", "Sena Okafor", own, "supervisor")
        self._join("supervisor-2", "Tomas Lind", own, "supervisor")
        self.arbiters()
        for short, company in COMPANIES.items():
            self.company(short, company["party"])
        self.second_treasurer("buyer", "Hana Vogel")
        self._join(
            "engineer-seller", "Lan Pham", self.credentials.people["treasurer-seller"]["participant"], "engineer"
        )
        return self.assemble({short: company["party"] for short, company in COMPANIES.items()})

    def assemble(self, stated: dict[str, StatedParty]) -> Cast:
        """The cast as clients."""
        people = {name: self.credentials.client(name, self.base_url) for name in self.credentials.people}
        return Cast(
            operators=[people["operator-1"], people["operator-2"]],
            officers=[people["officer-1"], people["officer-2"]],
            examiner=people["examiner"],
            parties={short: people[f"treasurer-{short}"] for short in stated},
            stated=stated,
        )

    def examiner(self, participant: str) -> None:
        """The examiner of record's person."""
        self._join("examiner", "Paula Brandt", participant, "examiner", self.person_key(Purpose.EXAMINER))

    def arbiters(self) -> None:
        """The arbiters' persons: two of the three whose keys the terms name."""
        for number, name in ((1, "Ada Brito"), (2, "Kofi Mensah")):
            key = self.person_key(Purpose.ARBITER, number)
            self._join(f"arbiter-{number}", name, self.first.participant, "arbiter", key)

    def company(self, short: str, party: StatedParty) -> None:
        """Admits a company with a treasurer and a wallet."""
        who = f"treasurer-{short}"
        if who in self.credentials.people:
            return
        body = {
            "kind": "company",
            "name": party.name,
            "country": party.country,
            "lei": party.lei,
            "registration": party.registration or ("" if party.lei or party.tax_id else "none stated"),
            "tax_id": party.tax_id,
            "simulated": SIMULATED,
        }
        applied = self.first.post("/participants", body | kyb_of(party))
        self.second.post(f"/changes/{applied['change']}/confirmations")
        participant = applied["participant"]
        key = secrets.token_bytes(32)
        self._join(who, TREASURERS.get(short, f"Treasurer of {party.name}"), participant, "treasurer", key)
        self.credentials.people[who]["name"] = party.name
        self.credentials.save()
        address = secp256k1_address(key)
        treasurer = self.credentials.client(who, self.base_url)
        digest = treasurer.get(f"/wallets/ownership/{participant}/{address}")["digest"]
        account = caip10(self.chain_id, address)
        treasurer.post(
            "/wallets", {"participant": participant, "account": account, "signature": treasurer.sign(digest)}
        )
        self.fill_wallet(address)

    def second_treasurer(self, short: str, name: str) -> None:
        """A colleague for a company's treasurer, who asks and does not act alone; the treasurer goes on as before."""
        first, second = f"treasurer-{short}", f"treasurer-{short}-2"
        if second in self.credentials.people:
            return
        known = self.credentials.people[first]
        treasurer = self.credentials.client(first, self.base_url)
        self._join(second, name, treasurer.participant, "treasurer", bytes.fromhex(known["wallet_key"]))
        maker, checker = (self.credentials.client(who, self.base_url).get("/me")["person"] for who in (second, first))
        rules = [
            {"name": "Treasurer", "acts": list(DAILY_ACTS), "persons": [checker]},
            {"name": "Assistant", "acts": list(DAILY_ACTS), "persons": [maker], "mode": "maker_checker",
             "checkers": [checker]},
            {"name": "Changes", "acts": list(BY_TWO), "persons": [checker, maker], "mode": "joint", "required": 2},
        ]  # fmt: skip
        asked = treasurer.post("/mandates", {"mandates": rules})["approval"]
        self.first.post(f"/approvals/{asked}/confirmations")

    def _join(self, who: str, name: str, participant: str, role: str, key: bytes = b"") -> None:
        """One person gets a role: proposed by the first operator, confirmed by the second."""
        if who in self.credentials.people:
            return
        secret = secrets.token_urlsafe(24)
        body = {
            "participant": participant,
            "person_name": name,
            "role": role,
            "secret_sha256": sha256(secret.encode()).hex(),
        }
        change = self.first.post("/changes", {"subject": "membership", "body": body, "reason": "demo cast"})["change"]
        self.second.post(f"/changes/{change}/confirmations")
        self.credentials.people[who] = {
            "name": name,
            "role": role,
            "participant": participant,
            "secret": secret,
            "wallet_key": key.hex(),
        }
        self.credentials.save()
