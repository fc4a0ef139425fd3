"""Damaged run directories: the original bits, or an error that names the file."""

import json
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import bits

import fastnn
from fastnn.job.best_rows import best_rows
from fastnn.job.keep import COLUMNS
from fastnn.storage.shards import FOLDER, read_shards, shard_paths
from fastnn.storage.stored_runs import StoredRuns
from fastnn.support.atomic_files import write_new, write_record

pytestmark = pytest.mark.thorough

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
JOB = {"optimizer": fastnn.LevenbergMarquardt(), "epochs": 25, "target_sse": 0.04, "seed": 3}
RESTARTS, CHUNK = 20, 10
KEEPS = {"all": "all", "outcomes": "outcomes", "best": fastnn.Best(3), "statistics": "statistics"}
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
NPY = b"\x93NUMPY\x01\0v\0"
ARABIC = "\N{ARABIC-INDIC DIGIT ZERO}" * 15 + "-" + "\N{ARABIC-INDIC DIGIT EIGHT}" * 15
TEXTS = (
    b"{}", b"[]", b"null", b"", b"0", b'"', b"PK\x03\x04", PNG, NPY + b"{'descr': '|O', }", NPY,
    b"hello\n", b"[" * 100_000, b'{"a":' * 50_000, b'{"format": "fastnn run", "version": 1}',
    b'{"format": "fastnn shard", "version": 1, "digest": NaN}', b"9" * 5000, b"NaN", b"\xff\xfe",
    b'{"format": "fastnn run", "version": 1, "restarts": NaN}', b"1e999", b'{"format": [[]]}',
    b'{"format": "fastnn run", "version": 1, "x": ' + b"[" * 900 + b"]" * 900 + b"}",
)  # fmt: skip


def many(folder, keep, **options):
    options = {"restarts": RESTARTS, "chunk": CHUNK, "threads": 1, **JOB, **options}
    return fastnn.train_many(NET, X, Y, out=folder, keep=keep, **options)


@pytest.fixture(scope="module", autouse=True)
def no_flushing():
    """What is on the disk does not matter here, and flushing takes long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(scope="module")
def whole():
    """What all restarts give, in memory."""
    runs = fastnn.train_many(NET, X, Y, restarts=RESTARTS, **JOB)
    return {"restart": runs.indices, **runs.columns}


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    """For every `keep` a run, the statistics of its shards, and runs like it that are others."""
    made = {}
    for name, keep in KEEPS.items():
        place = tmp_path_factory.mktemp(name)
        stored = many(place / "run", keep)
        many(place / "job", keep, seed=4)
        many(place / "first", keep, first=CHUNK)
        many(place / "chunks", keep, chunk=CHUNK // 2)
        many(place / "more", keep, restarts=RESTARTS + CHUNK)
        many(place / "keep", {"best": fastnn.Best(2), "all": "parameters"}.get(name, ["loss"]))
        parts = [
            (shard.start, shard.stop, shard.statistics(stored._manifest))
            for shard in read_shards(shard_paths(place / "run"), stored._manifest)
        ]
        made[name] = SimpleNamespace(place=place, folder=place / "run", keep=keep, parts=parts)
    return made


def check_content(folder, template, whole, *, complete=False):
    """All that a folder gives is that of the template, as far as it has shards."""
    stored = fastnn.open_run(folder)
    indices = np.asarray(stored.indices)
    rows = np.isin(whole["restart"], indices)
    np.testing.assert_array_equal(indices, whole["restart"][rows])
    assert len(stored) == len(indices)
    if complete:
        assert stored.complete
        assert stored.restarts == RESTARTS
    expected = fastnn.Statistics.empty(stored.job)
    for statistics in (part for start, _, part in template.parts if start in indices):
        expected += statistics
    expected.accounted = stored.complete
    assert stored.statistics == expected
    part = {name: values[rows] for name, values in whole.items()}
    if stored.keep.best:
        part = best_rows(part, stored.keep.best, stored.job)
        loaded = stored.load()
        columns = {"restart": loaded.indices, **loaded.columns}
        names = {*COLUMNS[:4], "restart"}
    elif stored.keep.rows:
        columns = stored.load().columns
        names = set(stored.keep.columns)
        for name in names - {"state"}:
            np.testing.assert_array_equal(np.asarray(getattr(stored, name)), columns[name])
    else:
        columns, names = {}, set()
    assert set(columns) == names
    for name, values in columns.items():
        assert values.dtype == part[name].dtype
        np.testing.assert_array_equal(bits(values), bits(part[name]))
    np.testing.assert_array_equal(stored.job.X, X)


def check(folder, template, whole):
    """What reading and resuming do with a folder, whatever became of it."""
    refused = raised(check_content, folder, template, whole)
    if isinstance(refused, FileNotFoundError):
        assert str(folder) in str(refused)
        assert not (folder / "manifest.json").is_file()
    elif refused:
        assert isinstance(refused, fastnn.DamagedFile)
        assert refused.path.is_relative_to(folder)
        assert str(refused).startswith(f"{refused.path}: ")
    error = raised(many, folder, template.keep, resume=True)
    if isinstance(error, fastnn.DamagedFile):
        assert refused
        assert error.path.relative_to(folder).parts[0] in ("manifest.json", "data", FOLDER)
        # Shards are trained again; what is none is no one's to remove.
        assert error.path.parent.name != FOLDER or "expected only shards" in str(error)
        assert str(error).startswith(f"{error.path}: ")
    elif error and not (folder / "manifest.json").exists():  # shards without one are kept
        assert str(error).startswith(f"out: expected a new or an empty folder, got {folder}")
    elif error:  # the manifest is that of another run, and whole
        assert str(error).split(":")[0] in ("keep", "restarts", "resume")
        assert str(folder) in str(error)
        manifest = (folder / "manifest.json").read_bytes()
        assert manifest in [path.read_bytes() for path in template.place.glob("*/manifest.json")]
    else:
        check_content(folder, template, whole, complete=True)


def raised(call, *args, **options):
    try:
        call(*args, **options)
    except (ValueError, FileNotFoundError) as error:
        return error
    return None


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")


def shards_of(folder):
    return sorted((folder / FOLDER).iterdir())


def any_of(rng, things):
    return things[int(rng.integers(len(things)))]


def truncated(rng, folder, template):
    path = any_of(rng, files_of(folder))
    os.truncate(path, int(rng.integers(path.stat().st_size)))


def flipped(rng, folder, template):
    path = any_of(rng, files_of(folder))
    content = bytearray(path.read_bytes())
    content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)


def emptied(rng, folder, template):
    any_of(rng, files_of(folder)).write_bytes(b"")


def deleted(rng, folder, template):
    path = any_of(rng, [path for path in sorted(folder.rglob("*")) if path.name != "lock"])
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def foreign(rng, folder, template):
    path = any_of(rng, files_of(folder))
    content = any_of(rng, [*TEXTS, rng.bytes(50), rng.bytes(path.stat().st_size)])
    path.write_bytes(content)


def longer(rng, folder, template):
    path = any_of(rng, files_of(folder))
    content = path.read_bytes()
    place = int(rng.integers(len(content) + 1))
    path.write_bytes(content[:place] + rng.bytes(int(rng.integers(1, 9))) + content[place:])


def zeroed(rng, folder, template):
    path = any_of(rng, files_of(folder))
    content = bytearray(path.read_bytes())
    place = int(rng.integers(len(content)))
    size = min(int(rng.integers(1, 600)), len(content) - place)
    content[place : place + size] = bytes(size)
    path.write_bytes(content)


def of_others(rng, folder, template):
    """A file of another shard, of another name, or of another run."""
    path = any_of(rng, files_of(folder))
    others = files_of(template.place)
    if rng.random() < 0.7:
        others = [other for other in others if other.name == path.name]
    path.write_bytes(any_of(rng, others).read_bytes())


def swapped(rng, folder, template):
    one, other = (any_of(rng, files_of(folder)) for _ in range(2))
    one_content, other_content = one.read_bytes(), other.read_bytes()
    one.write_bytes(other_content)
    other.write_bytes(one_content)


def other_shard(rng, folder, template):
    """A whole shard of another run in the place of one, under its own name or the one's."""
    other = any_of(rng, sorted(template.place.glob(f"*/{FOLDER}/*")))
    target = any_of(rng, shards_of(folder))
    if rng.random() < 0.5:
        target = target.with_name(other.name)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(other, target)


def renamed_shard(rng, folder, template):
    path = any_of(rng, shards_of(folder))
    start, stop = sorted(rng.choice(30, 2, replace=False).tolist())
    name = any_of(
        rng, [f"{start:015}-{stop:015}", f"{start}-{stop}", "a", "٠" * 15 + "-" + "٨" * 15]
    )
    if not path.with_name(name).exists():
        if rng.random() < 0.5:
            path.rename(path.with_name(name))
        else:
            shutil.copytree(path, path.with_name(name))


def extra(rng, folder, template):
    """Files and folders that nobody asked for."""
    parents = [folder, folder / "data", folder / FOLDER, any_of(rng, shards_of(folder))]
    name = any_of(rng, ["notes.txt", ".hidden", "loss.npy.bak", ".new-abc", "shard.json~", "Z.npy"])
    path = any_of(rng, parents) / name
    if rng.random() < 0.5:
        path.write_bytes(any_of(rng, TEXTS))
    else:
        (path / "more").mkdir(parents=True)
        (path / "more" / "file").write_bytes(b"1")


def other_kinds(rng, folder, template):
    """A folder, a link or a pipe in the place of a file; a file in that of a folder."""
    path = any_of(rng, [path for path in sorted(folder.rglob("*")) if path.name != "lock"])
    if path.is_dir():
        shutil.rmtree(path)
        kinds = [lambda: path.write_bytes(b"")]
    else:
        path.unlink()
        kinds = [path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero")]
    kinds += [
        lambda: path.symlink_to(path.name), lambda: path.symlink_to("nowhere"),
        lambda: path.symlink_to("/dev/null"),
    ]  # fmt: skip
    any_of(rng, kinds)()


def damaged_text(rng, folder, template):
    """JSON with other words, once more the same key, or without a part."""
    paths = [folder / "manifest.json", *(shard / "shard.json" for shard in shards_of(folder))]
    path = any_of(rng, paths)
    words = path.read_text().split(" ")
    place = int(rng.integers(len(words)))
    new = [
        "NaN", "1e999", "-1", "null", "{", "]", '"digest":', "[" * 2000, "9" * 5000, "\ud7ff", "",
    ]  # fmt: skip
    match int(rng.integers(4)):
        case 0:
            words[place] = any_of(rng, new)
        case 1:
            words.insert(place, any_of(rng, new))
        case 2:
            del words[place : place + int(rng.integers(1, 20))]
        case 3:
            words[place:place] = words[place : place + int(rng.integers(1, 20))]
    path.write_text(" ".join(words))


def forged(rng, folder, template):
    """A record with one other value and a digest that fits it."""
    paths = [folder / "manifest.json", *(shard / "shard.json" for shard in shards_of(folder))]
    path = any_of(rng, paths)
    record = json.loads(path.read_text())
    del record["digest"]
    places = [(part, key) for part, key in places_in(record) if key not in FREE]
    part, key = any_of(rng, places)
    values = [
        None,
        -1,
        0,
        2**70,
        10**300,
        1e308,
        "",
        "/".join(["..", "..", "x"]),
        [],
        {},
        "a\0b",
        True,
        [[[]]],
        "\ud800",
    ]
    if rng.random() < 0.2:
        del part[key]
    elif isinstance(part, dict) and rng.random() < 0.2:
        part[any_of(rng, ["/".join(["..", "X"]), "", "a\0", "/etc/passwd", "type", "array"])] = (
            part[key]
        )
    else:
        part[key] = any_of(rng, values)
    write_record(record, lambda content: write_new(path, content))


# What is told of a run and no result depends on.
FREE = {"about", "created", "made_with", "file"}


def places_in(part):
    pairs = part.items() if isinstance(part, dict) else enumerate(part)
    for key, value in pairs:
        if key not in FREE:
            yield part, key
            if isinstance(value, dict | list):
                yield from places_in(value)


CORRUPTIONS = [
    truncated, flipped, emptied, deleted, foreign, longer, zeroed, of_others, swapped, other_shard,
    renamed_shard, extra, other_kinds, damaged_text, forged,
]  # fmt: skip
TIMES = -(-1000 // (len(CORRUPTIONS) * len(KEEPS)))


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", KEEPS)
def test_damaged_folders(templates, whole, tmp_path, name, corruption):
    template = templates[name]
    for number in range(TIMES):
        folder = tmp_path / str(number)
        shutil.copytree(template.folder, folder)
        seed = [number, CORRUPTIONS.index(corruption), list(KEEPS).index(name)]
        corruption(np.random.default_rng(seed), folder, template)
        try:
            check(folder, template, whole)
        except Exception as error:
            error.add_note(f"corruption {number} in {folder}")
            raise
        shutil.rmtree(folder)


def test_what_is_not_damaged_is_read(templates, whole):
    for template in templates.values():
        check_content(template.folder, template, whole, complete=True)
        assert isinstance(StoredRuns(template.folder).summary(), fastnn.Summary)


def test_shards_of_another_keep_are_refused(templates, tmp_path):
    """Fewer of the best would be taken for all of them."""
    template = templates["best"]
    folder = tmp_path / "run"
    shutil.copytree(template.folder, folder)
    path = shards_of(folder)[0]
    shutil.rmtree(path)
    shutil.copytree(template.place / "keep" / FOLDER / path.name, path)
    with pytest.raises(fastnn.DamagedFile, match=r"expected the columns of keep=Best\(3\)"):
        fastnn.open_run(folder)


def test_what_is_no_folder_is_named(templates, tmp_path):
    for name in ("data", FOLDER):
        folder = tmp_path / name
        shutil.copytree(templates["all"].folder, folder)
        shutil.rmtree(folder / name)
        (folder / name).write_text("")
        for call in (fastnn.open_run, lambda place: many(place, "all", resume=True)):
            with pytest.raises(fastnn.DamagedFile, match=name):
                call(folder)
