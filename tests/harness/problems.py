"""docs/problems.md, made from the table of codes: `python -m tests.harness.problems` writes it."""

from api.http.codes import CODES
from tests.harness import REPOSITORY

PAGE = REPOSITORY / "docs" / "problems.md"
HEAD = """\
# Problems

Every error is `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). Its `code` is for
programs and its `type` is `/problems/{code}`, which a running service explains. A later release may add codes: treat an
unknown code by its status. The codes stand here by what the request wrote, and by whether to repeat it.
"""


def rendered() -> str:
    """Return the page: the codes by their effect, each with its status and cause."""
    page = HEAD
    for effect in dict.fromkeys(code.effect for code in CODES.values()):
        page += (
            f"\n**Written:** {effect.written} **Repeat:** {effect.repeat}\n\n| status | code | when |\n|---|---|---|\n"
        )
        for name, code in CODES.items():
            if code.effect == effect:
                page += f"| {code.status} | `{name}` | {code.when} |\n"
    return page


if __name__ == "__main__":
    PAGE.write_text(rendered(), encoding="utf-8")
