"""Finds symbols on engineering drawings: tiles, a network, and one set of boxes for the whole drawing."""
