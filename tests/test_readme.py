"""The README's walkthrough."""

from tests.harness import readme
from tests.harness.processes import environment, service


def test_the_walkthrough_gives_the_answers_that_the_readme_prints(
    served: dict[str, str], databases: dict[str, str]
) -> None:
    """On fresh databases, only keys, times and request ids differ from the README."""
    settings = {"FOLIO_MAIN_DATABASE_URL": served["main"], "FOLIO_CATALOG_DATABASE_URL": served["catalog"]}
    text = readme.README.read_text()
    owner = settings | {"FOLIO_MAIN_DATABASE_URL": databases["main"]}  # a login that serves makes no operators
    with service(settings) as folio:
        printed = readme.run(readme.commands(text), f"http://127.0.0.1:{folio.port}", environment(owner))
    assert [readme.masked(answer) for answer in printed] == [readme.masked(answer) for answer in readme.answers(text)]
    assert sum("{" in answer for answer in printed) > 10
