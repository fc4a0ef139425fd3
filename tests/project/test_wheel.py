"""The package as users get it: built, installed away from this folder, used and typed."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from packaging.version import Version
from paths import HELPERS

import fastnn

pytestmark = pytest.mark.thorough

ROOT = Path(fastnn.__file__).parent.parent
MODULES = {path.relative_to(ROOT).as_posix() for path in (ROOT / "fastnn").rglob("*.py")}
OF_NO_BUILD = shutil.ignore_patterns(
    ".*", "__pycache__", "build", "dist", "*.egg-info", "benchmarks"
)


def run(*command, cwd):
    """The output of a command that finds no Python modules but the installed ones."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=kept, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The source distribution, made from a copy: a build leaves files beside the sources."""
    folder = tmp_path_factory.mktemp("sdist")
    shutil.copytree(ROOT, folder / "copy", ignore=OF_NO_BUILD)
    code = "from setuptools.build_meta import build_sdist; build_sdist('..')"
    run(sys.executable, "-c", code, cwd=folder / "copy")
    (path,) = folder.glob("*.tar.gz")
    return path


@pytest.fixture(scope="module")
def wheel(sdist):
    """The wheel, built from the source distribution, without the network."""
    run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index",
        "--wheel-dir", ".", sdist, cwd=sdist.parent,
    )  # fmt: skip
    (path,) = sdist.parent.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel):
    """The Python of a new environment that has the wheel, and this one's other packages."""
    folder = wheel.parent / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=wheel.parent)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    interpreter = folder / "bin" / "python"
    run(
        sys.executable, "-m", "pip", "--python", interpreter, "install", "--no-deps", "--no-index",
        "--ignore-installed", wheel, cwd=wheel.parent,
    )  # fmt: skip
    return interpreter


def names_in(path):
    """The files in a wheel, or in a source distribution less its own folder."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    about = f"fastnn_cpu-{fastnn.__version__}.dist-info/"
    inside = names_in(wheel)
    assert wheel.name == f"fastnn_cpu-{fastnn.__version__}-py3-none-any.whl"
    assert {name for name in inside if not name.startswith(about)} == MODULES | {"fastnn/py.typed"}
    assert about + "licenses/LICENSE" in inside


def test_the_source_distribution_holds_what_a_wheel_is_built_from(sdist):
    inside = names_in(sdist)
    assert inside > MODULES | {"fastnn/py.typed", "pyproject.toml", "README.md", "LICENSE"}
    assert not {"tests", "benchmarks", "examples", "docs"} & {name.split("/")[0] for name in inside}


def test_the_metadata_are_valid_and_those_of_the_project(wheel):
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"fastnn_cpu-{fastnn.__version__}.dist-info/METADATA")
    metadata = Metadata.from_email(text, validate=True)
    assert metadata.name == "fastnn-cpu"
    assert metadata.version == Version(fastnn.__version__)
    assert metadata.license_expression == "MIT"
    assert metadata.license_files == ["LICENSE"]
    assert metadata.requires_python.contains("3.11")
    assert not metadata.requires_python.contains("3.10")
    assert metadata.description_content_type == "text/markdown"
    assert message_from_bytes(text).get_payload().startswith("# fastnn\n")
    needed = {wanted.name for wanted in metadata.requires_dist if not wanted.marker}
    assert needed == {"numpy", "numba", "matplotlib", "tqdm", "narwhals"}


def test_the_installed_package_trains(installed, tmp_path):
    code = (
        "import fastnn\n"
        "X, y = fastnn.datasets.xor()\n"
        "net = fastnn.Network([2, 2, 1], bias=False)\n"
        "run = fastnn.train(net, X, y, optimizer=fastnn.GradientDescent(0.5), epochs=10_000,\n"
        "                   init=fastnn.Uniform(0, 1))\n"
        "print(fastnn.__file__, run.sse.hex())\n"
    )
    path, sse = run(installed, "-c", code, cwd=tmp_path).split()
    assert Path(path).is_relative_to(installed.parent.parent)
    X, y = fastnn.datasets.xor()
    own = fastnn.train(
        fastnn.Network([2, 2, 1], bias=False), X, y, optimizer=fastnn.GradientDescent(0.5),
        epochs=10_000, init=fastnn.Uniform(0, 1),
    )  # fmt: skip
    assert sse == own.sse.hex()


def test_the_installed_command_runs(installed, tmp_path):
    command = installed.parent / "fastnn"
    assert fastnn.__version__ in run(command, "info", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_type_checker_sees_the_types(installed, tmp_path):
    program = HELPERS / "typed_user.py"
    told = run(
        sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-executable",
        installed, program, cwd=tmp_path,
    )  # fmt: skip
    assert told == "Success: no issues found in 1 source file\n"
