"""A noun has the same name in every layer, so that a file is found by its name."""

from pathlib import Path

import pytest

WITHOUT_REPOSITORY = {"migrations", "invariants", "database", "maintenance"}
"""Folders of sql/<database>/ that are not nouns."""
WITHOUT_NOUN = {"__init__", "app"}
"""Modules of api/ that are not nouns; everything else that is none has a room."""


def missing(project: Path) -> list[str]:
    """Return the files that the nouns of a project lack."""
    folders = {folder.name for database in ("main", "catalog") for folder in (project / "sql" / database).iterdir()}
    nouns = {module.stem for module in (project / "api").glob("*.py")} - WITHOUT_NOUN
    tables = {folder for folder in folders if "." not in folder} - WITHOUT_REPOSITORY
    wanted = {f"repositories/{noun}.py" for noun in nouns | tables} | {f"tests/api/test_{noun}.py" for noun in nouns}
    return sorted(path for path in wanted if not (project / path).is_file())


def test_every_noun_has_the_same_name_in_every_layer() -> None:
    """sql/<database>/<noun>/ has repositories/<noun>.py; api/<noun>.py has that and tests/api/test_<noun>.py."""
    assert missing(Path()) == []


@pytest.mark.parametrize(
    ("added", "lacks"),
    [
        ("sql/catalog/tags/list.sql", ["repositories/tags.py"]),
        ("api/tags.py", ["repositories/tags.py", "tests/api/test_tags.py"]),
        ("sql/main/migrations/0001_tags.sql", []),
        ("api/http/tags.py", []),
    ],
)
def test_a_noun_that_lacks_a_file_is_found(added: str, lacks: list[str], tmp_path: Path) -> None:
    """A folder or module without its counterpart is named; rooms are free (negative control)."""
    for folder in ("sql/main", "sql/catalog", "api"):
        (tmp_path / folder).mkdir(parents=True)
    file = tmp_path / added
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    assert missing(tmp_path) == lacks
