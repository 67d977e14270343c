"""Deploys the detector: `python -m deployment --help`."""
