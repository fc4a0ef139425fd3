"""Trust in the compiled cache: a process loads only code of its own sources, safely written."""

import compileall
import os
import pickle
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import python

import fastnn
from fastnn.jit import cache, compiling

pytestmark = pytest.mark.thorough

PACKAGE = Path(fastnn.__file__).parent
DIGEST = """
import sys
sys.path.insert(0, {place!r})
import fastnn
from fastnn.jit.cache import source_digest
assert fastnn.__file__.startswith({place!r}), fastnn.__file__
{change}
print(source_digest())
"""


@pytest.fixture
def copy(tmp_path):
    """The package's sources, to be changed."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "package" / "fastnn", ignore=ignore)
    return tmp_path / "package"


def pack(copy, archive):
    """The package as a zip archive."""
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(copy.rglob("*.py")):
            file.write(path, path.relative_to(copy))
    return archive


def digest(place, change=""):
    """What a new process that imports the package from `place` says of its sources."""
    code = DIGEST.format(place=str(place), change=change)
    return python(code, PYTHONPATH="", PYTHONDONTWRITEBYTECODE="1").stdout.strip()


def edit(copy):
    layout = copy / "fastnn" / "kernels" / "layout.py"
    layout.write_text(layout.read_text() + "\n# another layout\n")


def test_sources_in_a_folder_or_an_archive_tell_edits_apart(copy, tmp_path):
    archive = tmp_path / "package.zip"
    before = digest(copy), digest(pack(copy, archive))
    assert before[0] == before[1] != "None"
    edit(copy)
    after = digest(copy), digest(pack(copy, archive))
    assert after[0] == after[1] not in (before[0], "None")


def test_modules_without_sources_tell_edits_apart(copy):
    def strip():
        compileall.compile_dir(copy, quiet=2, legacy=True, force=True)
        stripped = copy.parent / "stripped"
        shutil.rmtree(stripped, ignore_errors=True)
        shutil.copytree(copy, stripped, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        return stripped

    before = digest(strip())
    edit(copy)
    assert digest(strip()) not in (before, "None")


@pytest.mark.parametrize("archived", [False, True], ids=["folder", "archive"])
def test_sources_that_change_while_a_process_runs_are_not_taken_for_its_own(
    copy, tmp_path, archived
):
    place = pack(copy, tmp_path / "package.zip") if archived else copy
    changed = place if archived else copy / "fastnn" / "kernels" / "layout.py"
    # Not its modification time, which tools may set back.
    change = f"import os, time; time.sleep(0.05); os.chmod({str(changed)!r}, 0o600)"
    assert digest(place, change) == "None"


@pytest.fixture
def double(tmp_path, monkeypatch):
    """Compiles a small function as a new process does, whose files are in `tmp_path`."""
    monkeypatch.setattr(compiling.numba.config, "CACHE_DIR", str(tmp_path))

    def double(x):
        return 2 * x

    return lambda: compiling.entry(double)


def answer(compiled):
    """What it computes, and whether it was loaded."""
    return compiled(21), sum(compiled.stats.cache_hits.values())


def test_where_sources_cannot_be_read_nothing_is_kept(double, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "source_digest", lambda: None)
    assert answer(double()) == answer(double()) == (42, 0)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


PLANTED = """
import os
from pathlib import Path
from fastnn.jit import compiling

def double(x):
    return 2 * x

def answer():
    compiled = compiling.entry(double)
    return compiled(21), sum(compiled.stats.cache_hits.values())

def double_file():
    (file,) = Path(os.environ["NUMBA_CACHE_DIR"]).rglob("*double*.nbc")
    return file

Path("code.py").write_text("# the function's file\\n")
double.__code__ = double.__code__.replace(co_filename=str(Path("code.py").absolute()))
assert answer() == (42, 0)
assert answer() == (42, 1)
file = double_file()
content = file.read_bytes()
aside = Path("aside")
aside.write_bytes(content)
os.chmod(aside, 0o666)

def linked(target):
    return lambda: file.symlink_to(target)

def writable(mode):
    def plant():
        file.write_bytes(content)
        os.chmod(file, mode)
    return plant

for plant in (lambda: os.mkfifo(file), linked("/dev/zero"), linked(file.name), linked("nowhere"),
              linked(aside.absolute()), writable(0o666), writable(0o620)):
    file.unlink()
    plant()
    assert answer() == (42, 0)
    assert answer() == (42, 1)
    assert not file.is_symlink() and file.is_file()
    assert file.stat().st_mode & 0o022 == 0

# A link to what is our own is as good as it.
os.chmod(aside, 0o644)
file.unlink()
file.symlink_to(aside.absolute())
assert answer() == (42, 1)
print("done")
"""


def test_planted_files_neither_block_nor_are_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    where = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(PACKAGE.parent)}
    assert python(PLANTED, PYTHONWARNINGS="error", **where).stdout == "done\n"


class Trap:
    """What runs when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def trap(double, tmp_path):
    """A file of the cache that is whole by its digest, and a folder that is there once it ran."""
    own = double()._cache._cache_file
    contents = pickle.dumps(Trap(tmp_path / "sprung"))
    path = own.path("key")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(own._digest("key", contents) + contents)
    return own, path, tmp_path / "sprung"


def test_what_others_may_write_is_not_run(trap):
    own, path, sprung = trap
    for mode in (0o664, 0o646, 0o666, 0o777):
        os.chmod(path, mode)
        assert own.load("key") is None
        assert not cache.is_kept(path)
    assert not sprung.exists()
    os.chmod(path, 0o644)  # which shows that it would have
    assert cache.is_kept(path)
    own.load("key")
    assert sprung.exists()


def test_what_others_own_is_not_run(trap, monkeypatch):
    own, path, sprung = trap
    os.chmod(path, 0o644)
    monkeypatch.setattr(cache, "_trusted", lambda: {path.stat().st_uid + 1})
    assert own.load("key") is None
    assert not sprung.exists()


def test_a_package_that_is_nowhere_is_nobodys(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_FOLDER", tmp_path / "loaded from elsewhere" / "fastnn")
    with pytest.raises(OSError, match="loaded from elsewhere"):
        cache._home()


def test_those_are_trusted_who_can_change_the_code_anyway():
    assert cache._trusted() == {0, os.geteuid(), PACKAGE.stat().st_uid}


def test_nobody_else_may_write_what_is_kept(double, tmp_path):
    before = os.umask(0)
    try:
        assert answer(double()) == (42, 0)
    finally:
        os.umask(before)
    (file,) = tmp_path.rglob("*double*.nbc")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


LOCKS = """
import os
from pathlib import Path
from fastnn.engine.specialize import sole_compiler
kernel, lock = Path("kernel.nbc"), Path("kernel.lock")
os.mkfifo(lock)
try:
    with sole_compiler(kernel):
        raise AssertionError("a pipe is no lock")
except OSError:
    lock.unlink()
Path("precious").write_text("kept")
lock.symlink_to("precious")
try:
    with sole_compiler(kernel):
        raise AssertionError("followed")
except OSError:
    pass
assert Path("precious").read_text() == "kept"
lock.unlink()
with sole_compiler(kernel):
    try:
        with sole_compiler(kernel):
            raise AssertionError("two at once")
    except OSError:
        pass
print("done")
"""


def test_a_planted_lock_neither_blocks_nor_leads_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert python(LOCKS, PYTHONPATH=str(PACKAGE.parent)).stdout == "done\n"


TRAIN = """
import sys
sys.path.insert(0, {place!r})
import fastnn
X, y = fastnn.datasets.xor()
runs = fastnn.train_many(fastnn.Network([2, 3, 1]), X, y, restarts=100, epochs=20, progress=False)
print(runs.parameters.tobytes().hex())
"""


def test_an_archive_is_found_from_any_folder(copy, tmp_path):
    """Though it was named from the folder where the process began."""
    pack(copy, tmp_path / "package.zip")
    code = (
        "import os, sys; sys.path.insert(0, 'package.zip'); import fastnn; os.chdir('/')\n"
        "from fastnn.jit import cache\n"
        "print(fastnn.__file__, cache._home(), cache.source_digest())"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    file, home, told = done.stdout.split()
    assert file.startswith(("package.zip", str(tmp_path)))
    assert home == str(tmp_path / "package.zip")
    assert told in ("None", digest(tmp_path / "package.zip"))  # which Python cannot read any more


@pytest.mark.slow
def test_an_archive_of_another_layout_runs_no_old_code(copy, tmp_path):
    """What the fields of a run are called decides where kernels find them."""
    archive = tmp_path / "package.zip"
    where = {"HOME": str(tmp_path), "XDG_CACHE_HOME": "", "NUMBA_CACHE_DIR": "", "PYTHONPATH": ""}

    def train():
        return python(TRAIN.format(place=str(archive)), **where).stdout

    pack(copy, archive)
    before = train()
    assert before == train()
    layout = copy / "fastnn" / "kernels" / "layout.py"
    source = layout.read_text()
    swapped = source.replace("count first epochs judged", "judged epochs count first")
    assert swapped != source
    layout.write_text(swapped)
    pack(copy, archive)
    assert train() == before
