"""Passkeys: what a browser is asked, and whether its answer proves it. Pure: challenge, origin and counter are given.

Source: W3C Web Authentication Level 3; checked by the `webauthn` package. Attestation is not asked for: whose make an
authenticator is of does not matter here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import structs
from webauthn.helpers.cose import COSEAlgorithmIdentifier

from entrepot.core.canonical import Json

from .proof import NotProved

TIMEOUT_MS = 120_000
ALGORITHMS = [
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """What a registration gave: `id` base64url, `public_key` COSE."""

    id: str
    public_key: bytes
    sign_count: int
    is_synced: bool


def rp_id_of(origin: str) -> str:
    """The relying party's id of an origin: its host. A passkey works there only."""
    return urlsplit(origin).hostname or ""


def creation_options(
    *, origin: str, challenge: bytes, person: str, name: str, known: Iterable[tuple[str, tuple[str, ...]]]
) -> Json:
    """What navigator.credentials.create() is given: a discoverable passkey, its owner verified; `known` are theirs."""
    options = webauthn.generate_registration_options(
        rp_id=rp_id_of(origin),
        rp_name="Entrepot",
        user_id=bytes.fromhex(person),
        user_name=name,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            structs.PublicKeyCredentialDescriptor(
                id=webauthn.base64url_to_bytes(id_),
                transports=[structs.AuthenticatorTransport(way) for way in transports] or None,
            )
            for id_, transports in known
        ],
        supported_pub_key_algs=ALGORITHMS,
    )
    return _plain(options)


def request_options(*, origin: str, challenge: bytes) -> Json:
    """What navigator.credentials.get() is given: any discoverable passkey of ours, no name asked."""
    options = webauthn.generate_authentication_options(
        rp_id=rp_id_of(origin),
        challenge=challenge,
        timeout=TIMEOUT_MS,
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return _plain(options)


def known_transports(named: Iterable[object]) -> tuple[str, ...]:
    """Those of the transports that a browser names which the specification knows."""
    known = {way.value for way in structs.AuthenticatorTransport}
    return tuple(sorted({str(way) for way in named} & known))


def registered(answer: Json, *, challenge: bytes, origin: str) -> NewPasskey:
    """The passkey that a browser made for this challenge at this origin. Raises: NotProved."""
    try:
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=rp_id_of(origin),
            expected_origin=origin,
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
        )
    except Exception as error:  # it reads hostile CBOR, and raises what its parsers raise
        raise NotProved(f"{type(error).__name__}: {error}") from None
    return NewPasskey(_base64url(made.credential_id), made.credential_public_key, made.sign_count, _is_synced(made))


def proved(answer: Json, *, challenge: bytes, origin: str, person: str, public_key: bytes, sign_count: int) -> int:
    """The new counter if the answer proves the passkey. Raises: NotProved, also for a counter that went back.

    A counter that does not grow means that a copy of the authenticator exists; one that is always 0 counts nothing.
    """
    handle = answer.get("response", {}).get("userHandle")
    if handle is not None and handle != _base64url(bytes.fromhex(person)):
        raise NotProved("the user handle is another person's")
    try:
        found = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=rp_id_of(origin),
            expected_origin=origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except Exception as error:  # as above
        raise NotProved(f"{type(error).__name__}: {error}") from None
    return found.new_sign_count


def _is_synced(made: object) -> bool:
    return getattr(made, "credential_device_type", None) is structs.CredentialDeviceType.MULTI_DEVICE


def _base64url(raw: bytes) -> str:
    return str(webauthn.helpers.bytes_to_base64url(raw))


def _plain(options: structs.PublicKeyCredentialCreationOptions | structs.PublicKeyCredentialRequestOptions) -> Json:
    plain: Json = json.loads(webauthn.options_to_json(options))
    return plain
