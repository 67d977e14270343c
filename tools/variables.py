"""docs/environment-variables.md: every environment variable that user code meets, from the catalog."""

from lazulite.catalog.variables import VARIABLES, Variable

HEAD = """# Environment variables

What a scoring script finds in its environment, and what it may set itself in a deployment's `environment_variables`.
Made by `make docs` from `src/lazulite/catalog/variables.py`. What leads Azure's clients here is printed by
`lazulite env`.
"""
CHAPTERS = (
    ("platform", "Set for every deployment", "A deployment may say otherwise."),
    ("user", "Unset until a deployment sets them", "Azure's server reads them, and so does Lazulite."),
    ("ignored", "Ignored", "Azure's server reads them; Lazulite does not, for the reason given."),
)


def text() -> str:
    """Returns the page: a chapter for each way in which variables are set."""
    return "\n".join([HEAD, *(_chapter(*chapter) for chapter in CHAPTERS)])


def _chapter(set_by: str, title: str, about: str) -> str:
    rows = "\n".join(_row(variable) for variable in VARIABLES if variable.set_by == set_by)
    return f"## {title}\n\n{about}\n\n| variable | meaning | source |\n|---|---|---|\n{rows}\n"


def _row(variable: Variable) -> str:
    return f"| `{variable.name}` | {variable.meaning} | {variable.source} |"


if __name__ == "__main__":
    print(text(), end="")
