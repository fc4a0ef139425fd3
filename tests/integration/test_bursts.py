"""Ctrl-C in bursts: the program and all of its processes always end."""

import collections
import os
import sys
import time

import numpy as np
import pytest
from burst_examples import KINDS, burst

from fastnn.support import interrupts

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at Linux's /proc"),
]


def told(kind, found):
    """The line that says what became of the bursts of one kind."""
    seconds = [each for _, each, _ in found]
    counts = dict(collections.Counter(became for became, _, _ in found))
    return f"{kind}: {counts}, seconds: median {np.median(seconds):.2f}, longest {max(seconds):.2f}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_burst(kind, tmp_path):
    became, _, words = burst(kind, 0, tmp_path)
    assert became == "ended", words


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, "dask"])
def test_many_bursts(kind, tmp_path, capsys):
    if kind == "dask":
        pytest.importorskip("distributed", reason="distributed is not installed")
    found = []
    for number in range(1, 47):
        (folder := tmp_path / str(number)).mkdir()
        found.append(burst(kind, number, folder))
    with capsys.disabled():
        print("\n" + told(kind, found))
    assert {became for became, _, _ in found} == {"ended"}, [
        words for became, _, words in found if became != "ended"
    ]


def test_a_burst_is_one_ctrl_c():
    from conftest import python

    code = (
        "import os, signal, threading, time\n"
        "from fastnn.support.interrupts import CtrlC\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def press():\n"
        "    for _ in range(6):\n"
        "        os.kill(os.getpid(), signal.SIGINT); time.sleep(0.05)\n"
        "woken = []\n"
        "with CtrlC() as ctrl_c:\n"
        "    ctrl_c.wake = lambda: woken.append(1)\n"
        "    thread = threading.Thread(target=press); thread.start()\n"
        "    while not ctrl_c.flag[0]: time.sleep(0.01)\n"
        "thread.join(0)\n"
        "assert ctrl_c.pressed and woken == [1] and not thread.is_alive()\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
        "with CtrlC() as late:\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    late._first -= 60\n"
        "    try: signal.raise_signal(signal.SIGINT)\n"
        "    except KeyboardInterrupt: print('as usual')\n"
        "with CtrlC() as swallowed:\n"
        "    try:\n"
        "        with swallowed.raising():\n"
        "            try: signal.raise_signal(signal.SIGINT)\n"
        "            except KeyboardInterrupt: pass\n"
        "    except KeyboardInterrupt: print('seen')\n"
    )
    assert python(code).stdout == "as usual\nseen\n"


def test_a_worker_ends_with_the_process_that_began_it(tmp_path):
    from conftest import python
    from executor_examples import ended_within

    script = tmp_path / "program.py"
    script.write_text(
        "import os, signal, sys, multiprocessing\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "import fastnn\n"
        "X, y = fastnn.datasets.xor()\n"
        "if __name__ == '__main__':\n"
        "    executor = ProcessPoolExecutor(2, multiprocessing.get_context('fork'))\n"
        "    net = fastnn.Network([2, 2, 1])\n"
        "    fastnn.train_many(net, X, y, restarts=400, chunk=20, executor=executor)\n"
        "    print(*executor._processes, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, {str(script)!r}])"
    began = time.monotonic()
    path = os.pathsep.join(sys.path)
    workers = [int(worker) for worker in python(code, PYTHONPATH=path).stdout.split()]
    assert len(workers) == 2
    assert not ended_within(60, workers)
    print(f"{time.monotonic() - began:.1f} s, with {interrupts.WATCH_SECONDS} s between looks")


def test_a_compilation_ends_with_the_process_that_began_it():
    """A worker is not asked before it is ended, and so cannot end it."""
    from conftest import python
    from executor_examples import ended_within

    code = (
        "import os\n"
        "from fastnn.engine import specialize\n"
        "wait = 'import time\\ntime.sleep(600)\\n'\n"
        "specialize._CODE = specialize._CODE.replace('compile_here(text)', wait)\n"
        "specialize.to_text = lambda kind: '{\"path\": ' + repr(PATH).replace(\"'\", '\"') + '}'\n"
        "print(specialize.begin_compiling(None).pid, flush=True)\n"
        "import time; time.sleep(3)\n"
        "os._exit(0)\n"
    ).replace("PATH", repr(sys.path))
    assert not ended_within(60, [int(python(code).stdout)])


def test_a_pool_is_used_again_after_a_burst(tmp_path):
    """Of the parent and its workers, at work and between chunks."""
    from conftest import python

    script = tmp_path / "program.py"
    script.write_text(
        "import os, signal, multiprocessing, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "import numpy as np\n"
        "import fastnn\n"
        "from fastnn.scheduling import collectors as collecting\n"
        "X, y = fastnn.datasets.xor()\n"
        "net = fastnn.Network([2, 2, 1])\n"
        "def add(self, part, add=collecting.Columns.add):\n"
        "    add(self, part)\n"
        "    if bursts and self.ended > 2000:\n"
        "        for pause in bursts.pop():\n"
        "            os.killpg(0, signal.SIGINT); time.sleep(pause)\n"
        "bursts = [(0.0, 0.02, 0.01), (0.0,) * 5, (0.03,) * 5]\n"
        "if __name__ == '__main__':\n"
        "    def train(restarts, executor=None):\n"
        "        return fastnn.train_many(net, X, y, restarts=restarts, epochs=500,\n"
        "            executor=executor, chunk=200)\n"
        "    with ProcessPoolExecutor(2, multiprocessing.get_context('fork')) as executor:\n"
        "        train(4, executor); collecting.Columns.add = add\n"
        "        while bursts:\n"
        "            try: train(10**7, executor)\n"
        "            except fastnn.Interrupted as interrupted: ended = interrupted.runs\n"
        "            else: raise AssertionError\n"
        "            assert len(ended) > 2000\n"
        "        last = train(3000, executor)\n"
        "    expected = train(3000)\n"
        "    assert (last.loss == expected.loss).all()\n"
        "    print(executor._broken)\n"
    )
    code = (
        "import subprocess, sys\n"
        f"done = subprocess.run([sys.executable, {str(script)!r}], start_new_session=True,\n"
        "                      timeout=120)\n"
        "sys.exit(done.returncode)\n"
    )
    done = python(code, PYTHONPATH=os.pathsep.join(sys.path))
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.parametrize("limit", [None, 1.0], ids=["interrupted", "at the time limit"])
def test_a_worker_may_die_after_a_run_was_left(limit, tmp_path):
    """Python's pool would not bear it, had what waits in it been taken back."""
    from conftest import python

    script = tmp_path / "program.py"
    script.write_text(
        "import multiprocessing, os, signal, threading, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "import fastnn\n"
        "X, y = fastnn.datasets.xor()\n"
        "if __name__ == '__main__':\n"
        f"    limit = {limit}\n"
        "    with ProcessPoolExecutor(4, multiprocessing.get_context('fork')) as executor:\n"
        "        net = fastnn.Network([2, 2, 1])\n"
        "        fastnn.train_many(net, X, y, restarts=800, chunk=100, executor=executor)\n"
        "        if limit is None:\n"
        "            press = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
        "            threading.Timer(1.0, press).start()\n"
        "        try:\n"
        "            fastnn.train_many(net, X, y, restarts=10**9,\n"
        "                keep='statistics', executor=executor, time_limit=limit, epochs=10**4,\n"
        "                chunk=10**4)\n"
        "        except fastnn.Interrupted: print('interrupted')\n"
        "        os.kill(list(executor._processes)[0], signal.SIGKILL)\n"
        "        time.sleep(0.5)\n"  # the pool sees it before it is told to shut down
        "    print('ended', flush=True)\n"
    )
    code = (
        "import subprocess, sys\n"
        f"done = subprocess.run([sys.executable, {str(script)!r}], start_new_session=True,\n"
        "                      timeout=120)\n"
        "sys.exit(done.returncode)\n"
    )
    done = python(code, PYTHONPATH=os.pathsep.join(sys.path))
    assert (done.stdout, done.stderr) == ("interrupted\n" * (limit is None) + "ended\n", "")
