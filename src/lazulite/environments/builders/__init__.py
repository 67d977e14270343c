"""Builders: how a specification becomes a folder with an interpreter in it."""
