"""The README and the walkthrough, in the shells of their readers."""

import shutil

import pytest

from tests.harness import readme
from tests.harness.processes import environment, service


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_pages_print_the_answers_that_a_reader_gets(
    served: dict[str, str], databases: dict[str, str], shell: str
) -> None:
    """On fresh databases, only keys, times and request ids differ."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    settings = {"FOLIO_MAIN_DATABASE_URL": served["main"], "FOLIO_CATALOG_DATABASE_URL": served["catalog"]}
    pages = [page.read_text() for page in readme.PAGES]
    pasted = [block for page in pages for block in readme.commands(page)]
    expected = [answer for page in pages for answer in readme.answers(page)]
    owner = settings | {"FOLIO_MAIN_DATABASE_URL": databases["main"]}  # a login that serves makes no operators
    with service(settings) as folio:
        printed = readme.run(pasted, f"http://127.0.0.1:{folio.port}", environment(owner), shell)
    assert [readme.masked(answer) for answer in printed] == [readme.masked(answer) for answer in expected]
    assert sum("{" in answer for answer in printed) == 11
    assert max(len(line) for answer in printed for line in answer.splitlines()) <= 120
