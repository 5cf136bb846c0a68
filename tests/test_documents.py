"""Links between documents, and from documents to code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGES = sorted([*Path().glob("*.md"), *Path("docs").rglob("*.md"), *Path("sql").rglob("*.md")])
ARCHITECTURE = Path("docs/architecture.md")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r'\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)|(?:src|srcset)="(?P<source>[^"]+)"')
_NAME = re.compile(r"`([A-Za-z_]\w*(?:\.\w+)*)`")


def links(page: Path) -> list[tuple[str, str]]:
    """Return text and target of every relative link and picture outside code blocks."""
    matches = _LINK.finditer(_FENCED.sub("", page.read_text()))
    found = [(match["text"] or "", match["target"] or match["source"]) for match in matches]
    return [(text, target) for text, target in found if not re.match(r"[a-z]+:", target)]


def unresolved(page: Path) -> list[str]:
    """Return the links of a page that lead to no file, or to no heading of a file."""
    return [target for _, target in links(page) if not _resolves(page, target)]


def undefined(page: Path) -> list[str]:
    """Return each linked name, such as [`Pool.take`](pools.py), that the linked module does not define."""
    missing = []
    for text, target in links(page):
        name = _NAME.fullmatch(text)
        if name and target.endswith(".py") and name[1] not in _definitions(page.parent / target):
            missing.append(f"{name[1]} in {target}")
    return missing


def _resolves(page: Path, target: str) -> bool:
    path, _, heading = target.partition("#")
    file = page.parent / path if path else page
    return file.exists() and (not heading or heading in _headings(file))


def _headings(page: Path) -> set[str]:
    lines = re.findall(r"^#+ (.*)$", _FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line).lower().replace(" ", "-") for line in lines}


def _definitions(module: Path) -> set[str]:
    return set(_names(ast.parse(module.read_text()), ""))


def _names(node: ast.AST, prefix: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name
        if isinstance(child, ast.ClassDef):
            yield from _names(child, f"{prefix}{child.name}.")
        if isinstance(child, ast.Assign):
            yield from (prefix + target.id for target in child.targets if isinstance(target, ast.Name))


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_relative_link_resolves(page: Path) -> None:
    """Each link and picture leads to a file, and its fragment to a heading."""
    assert unresolved(page) == []


def test_every_function_that_the_architecture_links_exists() -> None:
    """A function that moved or was renamed is found by its name."""
    assert undefined(ARCHITECTURE) == []
    assert sum(target.endswith(".py") for _, target in links(ARCHITECTURE)) > 30


@pytest.mark.parametrize(
    ("link", "is_unresolved", "is_undefined"),
    [
        ("[page](page.md#a-heading)", False, False),
        ("[`Pool.take`](pools.py) and [`LIMIT`](pools.py)", False, False),
        ("[page](pages.md)", True, False),
        ("[page](page.md#another-heading)", True, False),
        ('<img src="missing.png">', True, False),
        ("[`Pool.give`](pools.py)", False, True),
        ("[`take`](pools.py)", False, True),
    ],
)
def test_a_broken_link_is_found(link: str, is_unresolved: bool, is_undefined: bool, tmp_path: Path) -> None:
    """A missing file, heading or function is found; a link in a code block is not read (negative control)."""
    (tmp_path / "pools.py").write_text("LIMIT = 1\n\n\nclass Pool:\n    async def take(self): ...\n")
    page = tmp_path / "page.md"
    page.write_text(f"# A `heading`\n\n{link}\n\n```md\n[page](nowhere.md)\n```\n")
    assert (bool(unresolved(page)), bool(undefined(page))) == (is_unresolved, is_undefined)
