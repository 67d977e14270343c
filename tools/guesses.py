"""docs/guesses.md: every claim about Azure whose source is a guess, read out of docstrings and comments."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from tools.shape import Module, modules

HEAD = """# Guesses

What Lazulite does in one way because Azure's way is written down nowhere that we know of. Whoever knows better, with a
recording or a document, is very welcome. Made by `make docs` from the comments and docstrings that say `Source: guess`.

| where | what |
|---|---|
"""


def text() -> str:
    """Returns the page: one row per guess, by file and by what the guess is about."""
    rows = [f"| `{where}` | {said} |" for module in modules("src") for where, said in guesses(module)]
    return HEAD + "\n".join(rows) + "\n"


def guesses(module: Module) -> Iterator[tuple[str, str]]:
    """Yields (`arm/models.py accept`, the paragraph that admits to guessing), in the file's order."""
    file = "/".join(module.path.parts[2:])
    found = [*_docstrings(module.tree), *_comments(module)]
    for _, name, words in sorted(found):
        for paragraph in words.split("\n\n"):
            said = " ".join(paragraph.split())
            if re.search(r"\bSource\b", said) and re.search(r"\bguess\b", said):
                yield f"{file} {name}".strip(), said.replace("|", "\\|")


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield getattr(node, "lineno", 0), getattr(node, "name", ""), ast.get_docstring(node) or ""


def _comments(module: Module) -> Iterator[tuple[int, str, str]]:
    """Yields each run of comment lines, under the name of the statement that it stands in or before."""
    runs: dict[int, list[str]] = {}
    start = last = -1
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT:
            line = token.start[0]
            start = start if line == last + 1 else line
            last = line
            runs.setdefault(start, []).append(token.string.lstrip("# "))
    for line, words in runs.items():
        yield line, _name_at(module.tree, line, line + len(words)), " ".join(words)


def _name_at(tree: ast.Module, first: int, after: int) -> str:
    for node in tree.body:
        if node.lineno <= after and first <= (node.end_lineno or node.lineno):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                return node.name
            if isinstance(node, ast.Assign | ast.AnnAssign):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                return target.id if isinstance(target, ast.Name) else ""
    return ""


if __name__ == "__main__":
    print(text(), end="")
