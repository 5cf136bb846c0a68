"""The README's walkthrough, run as a reader would paste it, line by line into one shell.

`python -m tests.harness.readme` runs it on a service with fresh, embedded databases and writes the answers into the
README.
"""

import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.harness import REPOSITORY
from tests.harness.processes import environment, service

README = REPOSITORY / "README.md"
_BLOCK = re.compile(r"(?<=```console\n).*?(?=```\n)", re.DOTALL)
_VARYING = re.compile(r'\d{4}-\d\d-\d\dT[\d:.]+Z|"request_id":"\w+"')
_END = "@@ end of answer @@"


def commands(text: str) -> list[str]:
    """Return the lines to paste."""
    return [line[2:] for block in _BLOCK.findall(text) for line in block.splitlines() if line.startswith("$ ")]


def answers(text: str) -> list[str]:
    """Return the printed answer to each command."""
    found: list[str] = []
    for line in (line for block in _BLOCK.findall(text) for line in block.splitlines()):
        if line.startswith("$ "):
            found.append("")
        else:
            found[-1] += line + "\n"
    return found


def run(lines: list[str], url: str, variables: Mapping[str, str]) -> list[str]:
    """Paste lines into one shell, with these environment variables and a service at `url`; return each output."""
    script = "".join(f"{line}\necho '{_END}'\n" for line in lines)
    script = script.replace("api=http://127.0.0.1:8000", f"api={url}")
    shell = subprocess.run(
        ["bash"],
        input=script,
        env=variables,
        cwd=README.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return shell.stdout.split(f"{_END}\n")[:-1]


def masked(answer: str) -> str:
    """Return an answer without its times and request ids, which differ from run to run."""
    return _VARYING.sub("…", answer)


def main() -> None:
    """Write the answers of a fresh service into the README."""
    text = README.read_text()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # as root, PostgreSQL runs as another user
        settings = {"FOLIO_DATA_DIR": folder}
        with service(settings) as folio:
            new_answers = iter(run(commands(text), f"http://127.0.0.1:{folio.port}", environment(settings)))

    def fill(block: re.Match[str]) -> str:
        lines = [line for line in block.group().splitlines() if line.startswith("$ ")]
        return "".join(f"{line}\n{next(new_answers)}" for line in lines)

    README.write_text(_BLOCK.sub(fill, text))


if __name__ == "__main__":
    main()
