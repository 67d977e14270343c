"""The distributions of a search space, and the names of their numbers.

Source: azure-ai-ml 1.35.2 entities/_job/sweep/search_space.py.
"""

# The numbers of each, in the order of the wire, and by the name that YAML and the dict form of pipelines have.
NUMBERS = {
    "uniform": ("min_value", "max_value"),
    "loguniform": ("min_value", "max_value"),
    "quniform": ("min_value", "max_value", "q"),
    "qloguniform": ("min_value", "max_value", "q"),
    "normal": ("mu", "sigma"),
    "lognormal": ("mu", "sigma"),
    "qnormal": ("mu", "sigma", "q"),
    "qlognormal": ("mu", "sigma", "q"),
    "randint": ("upper",),
}
