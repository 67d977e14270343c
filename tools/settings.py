"""docs/settings.md: every setting, from the one table that the platform reads."""

import dataclasses

from lazulite.settings import Settings

HEAD = """# Settings

What the platform can be told, all of it. A flag of `lazulite up` wins over the variable, the variable over the default;
everything is read once, at the start. Made by `make docs` from `src/lazulite/settings.py`.
"""


def text() -> str:
    """Returns the page: one heading per variable."""
    return "\n".join([HEAD, *(_section(field) for field in dataclasses.fields(Settings))])


def _section(field: "dataclasses.Field[object]") -> str:
    about = field.metadata
    unit = f", in {about['unit']}" if about["unit"] else ""
    default = f"`{field.default}`" if field.default != "" else "empty"
    kind = {"bool": "yes or no", "int": "a whole number", "Path": "a path", "str": "text"}[type_name(field.default)]
    return f"## {about['variable']}\n\n{about['meaning']}\n\nTakes {kind}{unit}. Default: {default}.\n"


def type_name(default: object) -> str:
    """Returns the name of a setting's type; any kind of path is `Path`."""
    name = type(default).__name__
    return "Path" if name.endswith("Path") else name


if __name__ == "__main__":
    print(text(), end="")
