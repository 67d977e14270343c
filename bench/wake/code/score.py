"""A script that has nothing to load: what a wake takes is the platform's and the worker's own."""


def init():
    """Has nothing to load."""


def run(data):
    """Answers what came."""
    return data
