"""Signed tokens: who may sign what, and whether a signature is to be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Final, Literal, TypeAlias

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

Signer: TypeAlias = Literal["issuer", "authority", "stranger"]
"""Who signs: the outside identity provider, Entra, or somebody nobody trusts."""

Claims: TypeAlias = "Mapping[str, object]"

ALGORITHM: Final = "RS256"


@cache
def _key(signer: Signer) -> rsa.RSAPrivateKey:
    """One key for each signer and process: making one takes longer than a whole test."""
    del signer  # the cache tells them apart
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed(signer: Signer, claims: Claims) -> str:
    """The claims as a token."""
    return jwt.encode(dict(claims), _key(signer), algorithm=ALGORITHM, headers={"kid": signer})


def unsigned(token: str) -> Claims | None:
    """What a token claims, believed or not; None if it is no token."""
    try:
        claims: Claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return None
    return claims


def genuine(token: str, signer: Signer) -> bool:
    """Whether `signer` signed it, by RS256 and nothing weaker; its times are not looked at."""
    return _verified(token, _key(signer).public_key(), [ALGORITHM])


def _verified(token: str, key: rsa.RSAPublicKey, algorithms: Sequence[str]) -> bool:
    try:
        jwt.decode(
            token,
            key,
            algorithms=list(algorithms),
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
        )
    except jwt.PyJWTError:
        return False
    return True


def certified(token: str, certificate: bytes) -> bool:
    """Whether the holder of a certificate (PEM) signed it; its times are not looked at."""
    key = x509.load_pem_x509_certificate(certificate).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    return _verified(token, key, ["RS256", "PS256"])


def lifetime(starts: datetime, length: timedelta) -> dict[str, int]:
    """The three claims of time."""
    first, last = int(starts.timestamp()), int((starts + length).timestamp())
    return {"iat": first, "nbf": first, "exp": last}
