"""The README's walkthrough, run as a reader would paste it, line by line into one shell.

As a program it writes what came out into the README: `python -m tests.serving.readme http://127.0.0.1:8000`.
"""

import re
import subprocess
import sys
from collections.abc import Mapping

from tests.harness import REPOSITORY

README = REPOSITORY / "README.md"
_BLOCK = re.compile(r"(?<=```console\n).*?(?=```\n)", re.DOTALL)
_VARYING = re.compile(r'\d{4}-\d\d-\d\dT[\d:.]+Z|"request_id":"\w+"')
_END = "@@ end of answer @@"


def commands(text: str) -> list[str]:
    """Return the lines that a reader pastes."""
    return [line[2:] for block in _BLOCK.findall(text) for line in block.splitlines() if line.startswith("$ ")]


def answers(text: str) -> list[str]:
    """Return what the README says comes out, command by command."""
    found: list[str] = []
    for line in (line for block in _BLOCK.findall(text) for line in block.splitlines()):
        if line.startswith("$ "):
            found.append("")
        else:
            found[-1] += line + "\n"
    return found


def run(lines: list[str], url: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """Paste lines into one shell, against a service at `url`, and return what each printed."""
    script = "".join(f"{line}\necho '{_END}'\n" for line in lines)
    script = script.replace("api=http://127.0.0.1:8000", f"api={url}")
    shell = subprocess.run(
        ["bash"],
        input=script,
        env=environment,
        cwd=README.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return shell.stdout.split(f"{_END}\n")[:-1]


def masked(answer: str) -> str:
    """Return an answer without what differs from run to run."""
    return _VARYING.sub("…", answer)


def main() -> None:
    text = README.read_text()
    fresh = iter(run(commands(text), sys.argv[1]))

    def fill(block: re.Match[str]) -> str:
        lines = [line for line in block.group().splitlines() if line.startswith("$ ")]
        return "".join(f"{line}\n{next(fresh)}" for line in lines)

    README.write_text(_BLOCK.sub(fill, text))


if __name__ == "__main__":
    main()
