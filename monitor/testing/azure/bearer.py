"""Who asks: the bearer of a request, believed or refused in the service's words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from monitor.testing.azure.authority import Authority
from monitor.testing.azure.http import Reply, Request, refused


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a token names."""

    client_id: str
    object_id: str


def caller(authority: Authority, request: Request, audiences: Collection[str]) -> Caller | Reply:
    """Who asks, or the refusal: 401 without a token, 403 with one that is forged, has expired or is for elsewhere."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return refused(401, "AuthenticationFailed", "Authentication failed")
    claims = authority.claims(token)
    if claims is None:
        return refused(403, "InvalidAuthenticationToken", "The access token is invalid or has expired")
    if claims.get("aud") not in audiences:
        message = "The access token has been obtained for wrong audience or resource"
        return refused(403, "InvalidAuthenticationTokenAudience", message)
    return Caller(str(claims["appid"]), str(claims["oid"]))
