"""Random arguments, results and files, in a process that may crash."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from paths import HELPERS

import fastnn

pytestmark = pytest.mark.thorough

HERE = Path(fastnn.__file__).parents[1]
"""Where the package lies that is tested, whatever else is installed."""


@pytest.mark.parametrize(
    ("script", "examples", "seed"),
    [
        ("fuzzing.py", 100, 0),
        pytest.param("fuzzing.py", 10_000, 1, marks=pytest.mark.slow),
        ("fuzzing_results.py", 200, 0),
        pytest.param("fuzzing_results.py", 10_000, 1, marks=pytest.mark.slow),
    ],
)
def test_right_or_refused(script, examples, seed):
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", script, str(examples), str(seed)],
        cwd=HELPERS, env={**os.environ, "PYTHONPATH": str(HERE)},
        capture_output=True, text=True, check=False, timeout=7200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-8000:]
    calls, refused = map(int, re.findall(r"\d+", done.stdout))
    print(done.stdout)
    assert calls >= examples
    assert 0.05 * calls < refused < 0.9 * calls
