"""Draw what the programs and commands of pages save: ``python docs/figures/pages.py``.

It runs the Python and the commands with ``--figure`` of each page that saves figures, and keeps the
figures beside this file.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

FIGURES = Path(__file__).parent
ROOT = FIGURES.parent.parent
PAGES = ("first_network", "many_restarts", "csv", "command_line")
PROGRAM = re.compile(r"^```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\.venv/bin/fastnn (.* --figure .*)$", flags=re.MULTILINE)


def draw(page, folder):
    """Run what a page shows, in `folder`."""
    text = (ROOT / "docs" / "pages" / f"{page}.md").read_text()
    joined = text.replace("\\\n", "")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("*.p*"))
    paths = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": paths}
    commands = [["-c", "\n".join(PROGRAM.findall(text))]]
    commands += [["-m", "fastnn", *shlex.split(command)] for command in COMMAND.findall(joined)]
    for command in commands:
        subprocess.run([sys.executable, *command], cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    for page in PAGES:
        with TemporaryDirectory() as name:
            draw(page, Path(name))
            for figure in Path(name).glob("*.png"):
                shutil.copyfile(figure, FIGURES / figure.name)
                print(f"drawn {figure.name}")
