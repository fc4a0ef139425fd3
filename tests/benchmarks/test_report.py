"""The benchmark suite's report: tables, targets, plots and sections of documents, from a record."""

import json
import sys

import figures
import pytest
import report
import sections
import speed_sections
import tables
from figures_of import MANY, Figures, NoFigureError
from matplotlib.figure import Figure
from paths import BENCHMARKS
from targets import TARGETS, outcomes


def row(work, contender, kind, *turns, threads=1):
    return {
        "work": work, "contender": contender, "title": f"title of {contender}", "kind": kind,
        "threads": threads, "restarts": 100, "epochs": 1000, "rounds": len(turns),
        "ns": {"min": min(turns), "median": sorted(turns)[len(turns) // 2], "max": max(turns),
               "turns": list(turns)},
    }  # fmt: skip


@pytest.fixture
def record():
    """W2 with peers behind, W3 with a peer ahead, W1 without NumPy, nothing of the rest."""
    return {
        "machine": {
            "processor": "Made-up 3000", "architecture": "znver5", "threads": 2,
            "vector_units": ["avx512f", "avx2", "fma"], "system": "Linux x86_64",
            "versions": {"fastnn": "0.1", "numpy": "2.4", "numba": "0.68"},
            "peers": {"jax": "0.10"}, "compiler": "c++ 12", "cleared": ["OPENBLAS_CORETYPE"],
            "imported_before": [], "date": "2026-01-01",
        },
        "works": {"W1": "XOR, one network", "W2": "XOR", "W3": "10-5-10 encoder"},
        "rows": [
            row("W2", MANY, "fastnn", 10.0, 10.0, 20.0),
            row("W2", "numpy textbook", "peer", 25_000.0, 25_000.0, 50_000.0),
            row("W2", "jax scan", "peer", 40.0, 42.0, 80.0),
            row("W2", "limit", "limit", 9.0, 9.0, 18.0),
            row("W3", MANY, "fastnn", 200.0, 200.0, 200.0),
            row("W3", "jax scan", "peer", 160.0, 160.0, 170.0),
        ],
        "measurements": {
            "restarts": [
                {"restarts": 10**n, "epochs": 9, "ns": 10.0 + n / 10, "memory": n} for n in range(8)
            ],
            "restarts of peers": {"JAX": [{"restarts": 1, "ns": 150.0}]},
            "threads": {"W2": [{"threads": t, "speed_up": float(t)} for t in (1, 2)]},
            "size": {"float64": [{"hidden": h, "weights": 3 * h, "ns": 5.0 * h} for h in (2, 4)]},
            "lanes": {"W2s": 0.97},
            "peak": {"float64": 6e10},
        },
        "skipped": {"torch vmap": {"title": "PyTorch, vmap", "reason": "torch not installed"}},
    }  # fmt: skip


def outcome(record, work, what):
    return next(
        o for o in outcomes(Figures(record)) if (o.target.work, o.target.what) == (work, what)
    )


def test_ratios_are_taken_turn_by_turn(record):
    ratio = Figures(record).ratio(("W2", "jax scan"), ("W2", MANY))
    assert (ratio.low, ratio.median, ratio.high) == (4.0, 4.0, 4.2)


def test_targets_are_met_missed_or_without_a_figure(record):
    numpy = outcome(record, "W2", "NumPy's textbook loop")
    assert (numpy.met, numpy.figure, numpy.bound) == (True, 2500, 2000)
    assert outcome(record, "W2", "JAX vmap").met is False
    limit = outcome(record, "W2", "time of the C++ limit")
    assert (limit.met, limit.bound) == (False, 1)  # 10 ns beside 9
    assert outcome(record, "W2s", "lanes busy").figure == 97
    assert outcome(record, "scale", "10^3 … 10^7 restarts, spread of ns").met is True
    assert outcome(record, "W3", "time of W2").figure == 20
    missing = outcome(record, "W1", "JAX scan")
    assert missing.met is None
    assert missing.reason == "no jax scan on W1"
    assert len(outcomes(Figures(record))) == len(TARGETS)


def with_groups(record):
    record["measurements"] |= {
        "groups to convergence": {
            "fastnn, one restart": 900.0, "fastnn, ten restarts": 800.0,
            "fastnn, one by one": 3600.0, "score": 0.98, "scikit-learn": 96000.0,
            "score of scikit-learn": 0.975,
        },
        "cost of groups": {"RPROP": {"1": 1.2, "10": 1.1}, "L-BFGS": {"1": 1.4, "10": 1.0}},
        "groups in JAX": {"fastnn": 10.0, "JAX": 45.0},
    }  # fmt: skip
    return record


def test_groups_have_a_section_and_targets(record):
    assert "## Groups" not in speed_sections.full(record)
    page = speed_sections.full(with_groups(record))
    assert "takes 800 µs with ten restarts for each group, 900 µs with one, and 3,600" in page
    assert "one fit for each group, 96,000 µs, R² 0.975" in page
    assert "RPROP 1.20 and 1.10, L-BFGS 1.40 and 1.00" in page
    met = {o.target.what: o.met for o in outcomes(Figures(record)) if o.target.work == "groups"}
    assert met == {
        "scikit-learn, one fit a group": True, "JAX vmap over padded data": True,
        "one call a group": False, "time per row of common data": False,
    }  # fmt: skip


def with_before(record):
    record["machine"]["before"] = {"version": "0.0", "commit": "abc1234", "numerics_version": 2}
    record["rows"].append(row("W2", "before many", "before", 16.0, 18.0, 32.0))
    record["measurements"] |= {
        "levenberg_marquardt": {"fastnn": 12.0, "before": 20.0},
        "start": {"train, cold": 2.0, "train_many, cold": 3.0},
        "start before": {"train, cold": 4.0, "train_many, cold": 4.0},
    }
    return record


def test_targets_against_an_earlier_fastnn_need_one(record):
    against = [o for o in outcomes(Figures(record)) if "an earlier fastnn" in o.target.what]
    assert len(against) > 15
    assert {(o.met, o.reason) for o in against} == {(None, "no earlier fastnn given (--before)")}
    with_before(record)
    assert outcome(record, "W2", "an earlier fastnn").figure == 1.6
    assert outcome(record, "W2", "an earlier fastnn").met is True
    assert outcome(record, "Levenberg–Marquardt", "a trial on XOR, of an earlier fastnn").met
    cold = outcome(record, "start", "first result, cold, of an earlier fastnn")
    assert (cold.figure, cold.met) == (0.75, False)  # of the two entries the worse
    assert outcome(record, "W3", "an earlier fastnn").reason == "no before many on W3"


def test_the_earlier_fastnn_is_named(record):
    text = "\n".join(tables.report(with_before(record)))
    assert "W2: 1.60 times as fast as fastnn 0.0 (abc1234)" in text
    page = speed_sections.full(record)
    assert "| work | fastnn, ns | fastnn 0.0 (abc1234) |" in page
    assert "| W2: XOR | 10.0 | 1.60 |" in page


def test_a_limit_slower_than_fastnn_is_broken(record):
    said = "limit slower than fastnn"
    assert said not in "\n".join(tables.report(record))
    limit = next(row for row in record["rows"] if row["contender"] == "limit")
    limit["ns"]["turns"] = [11.0, 11.0, 22.0]
    assert f"BROKEN: {said}, so it is none: W2 (1.10 ×)" in "\n".join(tables.report(record))
    page = speed_sections.full(record)
    assert "The C++ limit is slower than fastnn, so it is none, on W2." in page
    record["rows"] = [limit]  # as in a run of a part
    assert Figures(record).broken_limits() == {}
    assert said not in "\n".join(tables.report(record))


def test_general_kernels_have_a_column(record):
    record["rows"].append(row("W2", f"{MANY}, general", "fastnn", 15.0, 15.0, 30.0))
    assert Figures(record).own("W2") == MANY
    page = speed_sections.full(record)
    assert "| work | fastnn, ns | general kernels |" in page
    assert "| W2: XOR | 10.0 | 1.50 |" in page


def test_sigmoids_stand_beside_w2(record):
    record["measurements"]["sigmoids"] = {"float64": {"sigmoid": 0.25, "division": 0.2}}
    expected = (  # 4 samples, 3 units
        "W2: sigmoids alone take 3.00 ns of the 10.0 ns, and their divisions alone 2.40 ns."
    )
    assert expected in speed_sections.full(record)
    assert expected in list(tables.report(record))


def test_the_machine_chooses_the_bound(record):
    record["machine"]["vector_units"] = ["avx2", "fma"]
    assert outcome(record, "W2", "NumPy's textbook loop").bound == 1200


def test_a_missing_peer_is_named_with_its_reason(record):
    with pytest.raises(NoFigureError, match=r"no torch on W2 \(torch not installed\)"):
        Figures(record).best("W2", "torch")
    text = "\n".join(tables.report(record))
    assert "left out: PyTorch, vmap: torch not installed" in text


def test_terminal_tables(record):
    text = "\n".join(tables.report(record))
    for part in ("Made-up 3000", "OPENBLAS_CORETYPE", "W2: XOR", "NOT MET", "no figure: "):
        assert part in text
    lines = text.splitlines()
    fast = next(line for line in lines if line.startswith(f"  title of {MANY}"))
    assert fast.split()[-4:] == ["10.0", "10.0", "20.0", "1.00"]
    for target in TARGETS:
        assert f"{target.work}: {target.what}" in text


def test_sections_of_documents(record):
    page, readme = speed_sections.full(record), speed_sections.brief(record)
    for text in (page, readme):
        assert "2026-01-01" in text
        assert "Made-up 3000" in text
        assert "| work | fastnn, ns | NumPy loop | NumPy | JAX | C++ limit |" in text
    assert "| W2: XOR | 10.0 | 2,500 | 2,500 | 4.00 | **0.90** |" in page
    assert "| W3: 10-5-10 encoder | 200 |  |  | **0.80** |  |" in page
    assert "- W2, JAX vmap: 4.00 ×, target ≥ 4.5 ×" in page
    assert "PyTorch, vmap: torch not installed" in page
    assert "| XOR, 100 networks | 10.0 | 2,500 | 2,500 | 4.00 | **0.90** |" in readme
    assert readme.count("\n| ") == 3  # W1 has no figure
    met = sum(outcome.met is True for outcome in outcomes(Figures(record)))
    for text in (page, readme):
        assert f"Of the suite's {len(TARGETS)} targets {met} are met" in text


def test_markers(record):
    begin, end = sections.markers("speed")
    before = f"# Title\n\n{begin}\nold\n{end}\n\nrest\n"
    section = speed_sections.full(record)
    once = sections.with_section(before, "speed", section)
    assert once == f"# Title\n\n{begin}\n{section}\n{end}\n\nrest\n"
    assert sections.with_section(once, "speed", section) == once
    assert sections.section_of(once, "speed") == section.strip("\n")
    with pytest.raises(ValueError, match="speed: begin"):
        sections.with_section("no markers", "speed", section)


def test_a_run_of_a_part_is_not_taken_over(record, tmp_path, monkeypatch, capsys):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "record.json").write_text(json.dumps(record))
    for name, value in (("FOLDER", tmp_path), ("RECORD", tmp_path / "record.json")):
        monkeypatch.setattr(report, name, value)
    monkeypatch.setattr(sys, "argv", ["report.py", "--take"])
    with pytest.raises(SystemExit):
        report.main()
    assert "a part of the suite: nothing on W1" in capsys.readouterr().err
    assert not report.RECORD.exists()
    assert report.left_unmeasured(json.loads((BENCHMARKS / "record.json").read_text())) == ""


def test_plots(record, tmp_path):
    drawn = figures.draw_all(record, tmp_path)
    assert [path.name for path in drawn] == list(figures.DRAWINGS)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)
    before = [path.read_bytes() for path in drawn]
    assert [path.read_bytes() for path in figures.draw_all(record, tmp_path)] == before


def test_no_peer_is_left_out_of_the_plot_for_want_of_colours(record):
    names = [f"peer {i}" for i in range(20)]
    points = [{"restarts": 1, "ns": 150.0}]
    record["measurements"]["restarts of peers"] = dict.fromkeys(names, points)
    figure = Figure()
    figures.restarts(Figures(record), figure)
    lines = figure.axes[0].lines
    assert {line.get_label() for line in lines} >= set(names)
    assert len({(n.get_color(), n.get_linestyle()) for n in lines}) == 21


def test_plots_without_numbers_are_left_out(record, tmp_path):
    record["measurements"] = {}
    drawn = figures.draw_all(record, tmp_path)
    assert [path.name for path in drawn] == ["ratios.png"]
    assert "restarts.png" not in speed_sections.full(record)


def test_the_readme_begins_with_the_recorded_million():
    record = json.loads(report.RECORD.read_text())
    about = record["measurements"]["million"]
    head = report.README.read_text().partition(sections.markers(report.SECTION)[0])[0]
    hours = about["epochs"] * Figures(record).ns("W2", "numpy textbook") / 1e9 / 3600
    assert (
        f"{about['epochs'] / 1e6:,.0f} epochs each on average in {about['seconds']:.0f} seco"
        in head
    )
    assert f"NumPy loop would take {hours:.0f} hours" in head


@pytest.mark.parametrize("document", report.WRITTEN, ids=lambda path: path.name)
def test_documents_are_what_the_record_makes(document):
    record = json.loads(report.RECORD.read_text())
    written = sections.section_of(document.read_text(), report.SECTION)
    assert written == report.WRITTEN[document](record).strip("\n")


def test_the_page_shows_every_figure():
    page = report.PAGE.read_text()
    for file in set(figures.DRAWINGS) & {path.name for path in (BENCHMARKS / "figures").iterdir()}:
        assert page.count(f"](../../benchmarks/figures/{file})") == 1


def test_the_billion_of_the_page_on_runs_is_that_of_its_record():
    record = json.loads((BENCHMARKS.parent / "examples" / "a_billion.json").read_text())
    text = " ".join((report.PAGE.parent / "runs_and_clusters.md").read_text().split())
    assert record["restarts"] == 10**9
    assert record["kills"] >= 5
    assert record["of_other_bits"] == 0
    for figure in (
        f"took {record['seconds']:.0f} seconds on two cores",
        f"{record['converged']:,} of the restarts ({record['success_rate']:.2%}".replace("%", " %"),
        f"{record['minima'][0][1]:,} ({record['minima'][0][2]:.1%}".replace("%", " %"),
        f"{record['minima'][1][1]:,} ({record['minima'][1][2]:.1%}".replace("%", " %"),
        f"{record['memory_mib']} MiB of memory, the folder {record['disk_gib']} GiB",
        f"{record['retrained_alone']:,} restarts drawn at random",
    ):
        assert figure in text


def test_a_session_that_measured_nothing_has_a_record():
    from session import Session

    record = Session({}, []).record()
    assert record["rows"] == []
    assert record["machine"]["processor"]
    assert json.loads(json.dumps(record)) == record
