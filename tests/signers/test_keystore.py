"""One key per purpose: made once, readable by its owner only, and never used for anything else."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from entrepot.core.crypto import ed25519_verify, secp256k1_recover
from entrepot.core.errors import Invalid, Refused
from entrepot.signers.keystore import CURVES, KEYS_MAX, Keystore, Purpose

DIGEST = bytes(range(32))


@pytest.fixture
def keys(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keys")


def test_a_key_is_made_once_and_signs(keys: Keystore) -> None:
    first, again = keys.passport(1), Keystore(keys.folder).passport(1)
    assert first.address == again.address
    assert secp256k1_recover(again.sign_digest(DIGEST), DIGEST) == first.address
    checkpoint = keys.checkpoint()
    assert ed25519_verify(checkpoint.public, checkpoint.sign(b"note"), b"note")


def test_every_purpose_and_number_has_a_key_of_its_own(keys: Keystore) -> None:
    accounts = [keys.account(purpose, number) for purpose in Purpose if CURVES[purpose] == "secp256k1"
                for number in (1, 2)]  # fmt: skip
    messages = [keys.messages(purpose) for purpose in Purpose if CURVES[purpose] == "ed25519"]
    assert len({account.address for account in accounts}) == len(accounts)
    assert len({key.public for key in messages}) == len(messages) == 4
    assert len({json.loads(path.read_text())["private"] for path in keys.folder.iterdir()}) == len(accounts) + len(
        messages
    )


def test_files_are_for_their_owner_only_and_nothing_is_left_beside_them(keys: Keystore) -> None:
    keys.rail()
    (path,) = keys.folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(keys: Keystore, mode: int) -> None:
    keys.rail()
    (path,) = keys.folder.iterdir()
    path.chmod(mode)
    with pytest.raises(Refused) as refused:
        keys.rail()
    assert refused.value.code == "key_exposed"
    path.chmod(0o400)
    keys.rail()


def test_a_renamed_key_file_is_not_a_key_of_the_other_purpose(keys: Keystore) -> None:
    keys.passport(1)
    (keys.folder / "passport-1.json").rename(keys.folder / "rail-1.json")
    with pytest.raises(Invalid) as unreadable:
        keys.rail()
    assert unreadable.value.code == "key_unreadable"


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"private": "0x12"}', '{"private": 7}'])
def test_a_damaged_key_file_is_named_and_never_written_over(keys: Keystore, text: str) -> None:
    keys.rail()
    (path,) = keys.folder.iterdir()
    path.write_text(text)
    with pytest.raises(Invalid):
        keys.rail()
    assert path.read_text() == text


def test_asking_for_a_key_of_the_wrong_kind_is_our_defect(keys: Keystore) -> None:
    with pytest.raises(AssertionError, match="passport key is of secp256k1"):
        keys.messages(Purpose.PASSPORT)
    with pytest.raises(AssertionError, match="checkpoint key is of ed25519"):
        keys.account(Purpose.CHECKPOINT)
    with pytest.raises(AssertionError):
        keys.account(Purpose.RAIL, KEYS_MAX + 1)
    with pytest.raises(AssertionError, match="32 bytes"):
        keys.rail().sign_digest(b"short")
    assert not keys.folder.exists() or [path.name for path in keys.folder.iterdir()] == ["rail-1.json"]


def test_a_key_never_shows_itself(keys: Keystore) -> None:
    account, message = keys.rail(), keys.checkpoint()
    secrets = [json.loads(path.read_text())["private"][2:] for path in keys.folder.iterdir()]
    shown = repr(account) + repr(message) + str(account) + str(message)
    assert not any(secret in shown for secret in secrets)


def test_many_processes_that_start_at_once_use_one_key(keys: Keystore) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: Keystore(keys.folder).passport(2).address, range(64)))
    assert len(set(made)) == 1
    assert [path.name for path in keys.folder.iterdir()] == ["passport-2.json"]
