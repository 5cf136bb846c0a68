"""The README and the walkthrough, run as a reader would paste them, block by block into one shell.

Blocks of `shell` are pasted; the block of `text` after one has its answer. `python -m tests.harness.readme` runs them
on a service with fresh, embedded databases and writes the answers into the pages.
"""

import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.harness import REPOSITORY
from tests.harness.processes import environment, service

PAGES = (REPOSITORY / "README.md", REPOSITORY / "docs/walkthrough.md")
"""In the order in which a reader pastes them."""
_BLOCK = re.compile(r"```shell\n(?P<commands>.*?)```\n(?:\n```text\n(?P<answer>.*?)```\n)?", re.DOTALL)
_VARYING = re.compile(r'\d{4}-\d\d-\d\dT[\d:.]+Z|"request_id":"\w+"')
_END = "@@ end of answer @@"


def commands(page: str) -> list[str]:
    """Return the blocks to paste."""
    return [block["commands"] for block in _BLOCK.finditer(page)]


def answers(page: str) -> list[str]:
    """Return the printed answer to each block."""
    return [block["answer"] or "" for block in _BLOCK.finditer(page)]


def run(blocks: list[str], url: str, variables: Mapping[str, str], shell: str = "bash") -> list[str]:
    """Paste blocks into one shell, with these environment variables and a service at `url`; return each output."""
    script = "".join(f"{block}\necho '{_END}'\n" for block in blocks)
    script = script.replace("api=http://127.0.0.1:8000", f"api={url}")
    pasted = subprocess.run(
        [shell], input=script, env=variables, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=True
    )
    assert not pasted.stderr, pasted.stderr
    return pasted.stdout.split(f"{_END}\n")[:-1]


def masked(answer: str) -> str:
    """Return an answer without its times and request ids, which differ from run to run."""
    return _VARYING.sub("…", answer)


def main() -> None:
    """Write the answers of a fresh service into the pages."""
    texts = {page: page.read_text() for page in PAGES}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # as root, PostgreSQL runs as another user
        settings = {"FOLIO_DATA_DIR": folder}
        with service(settings) as folio:
            blocks = [block for text in texts.values() for block in commands(text)]
            printed = iter(run(blocks, f"http://127.0.0.1:{folio.port}", environment(settings)))
    for page, text in texts.items():
        page.write_text(_BLOCK.sub(lambda block: _with_answer(block["commands"], next(printed)), text))


def _with_answer(block: str, answer: str) -> str:
    return f"```shell\n{block}```\n" + (f"\n```text\n{answer}```\n" if answer else "")


if __name__ == "__main__":
    main()
