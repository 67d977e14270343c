"""Who asks for a token: names of clients and tenants, turned into the ids that tokens carry."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from lazulite.http.call import Call, JsonObject
from lazulite.http.parts import Parts
from lazulite.identity import tokens
from lazulite.identity.environment import TENANT

# Whose object ids these are: any fixed one would do, this is the UUID namespace of names on the internet.
_NAMESPACE = uuid.NAMESPACE_DNS


@dataclass(frozen=True)
class Principal:
    """A client or user: name as it gave it, oid its object id, tid its tenant's id."""

    name: str
    oid: str
    tid: str


def principal(name: str, tenant: str = TENANT) -> Principal:
    """Returns the principal of a name. tenant: an id, or a name such as `common` or `adfs`, which means the default."""
    return Principal(name, str(uuid.uuid5(_NAMESPACE, f"{name.lower()}.lazulite")), tenant_id(tenant))


def tenant_id(tenant: str) -> str:
    """Returns the id of a tenant that a URL names."""
    try:
        return str(uuid.UUID(tenant))
    except ValueError:
        return TENANT


def issue(
    call: Call,
    parts: Parts,
    who: Principal,
    audience: str,
    lifetime_s: int = tokens.LIFETIME_S,
    extra: Mapping[str, str] | None = None,
) -> str:
    """Makes a token for a principal, as identity.tokens.issue does."""
    return tokens.issue(
        parts.signing_key,
        audience,
        tenant=who.tid,
        oid=who.oid,
        name=who.name,
        now=call.now,
        lifetime_s=lifetime_s,
        extra=extra,
    )


def grant(call: Call, parts: Parts, who: Principal, resource: str) -> JsonObject:
    """Returns what every kind of token endpoint answers: `access_token`, `token_type`, times as strings."""
    issued = int(call.now.timestamp())
    return {
        "token_type": "Bearer",
        "access_token": issue(call, parts, who, resource),
        "resource": resource,
        "expires_in": str(tokens.LIFETIME_S),
        "ext_expires_in": str(tokens.LIFETIME_S),
        "expires_on": str(issued + tokens.LIFETIME_S),
        "not_before": str(issued),
    }
