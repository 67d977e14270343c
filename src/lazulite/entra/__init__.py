"""Entra ID, as clients find it at login.microsoftonline.com, on Azure's machines and in the cloud's metadata."""

from lazulite.entra import grants, managed_identity, metadata, openid

ROUTES = (*openid.ROUTES, *grants.ROUTES, *managed_identity.ROUTES, *metadata.ROUTES)
