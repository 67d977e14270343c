"""Entra ID, as clients find it at login.microsoftonline.com, on Azure's machines and in the cloud's metadata."""
