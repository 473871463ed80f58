"""The benchmark suite measures what it says, and its check fails when it must."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from benchmarks import accuracy, checkers, engines, growth, measure, report, suite, workloads

ROOT = Path(__file__).parents[1]
INSTANT = measure.Effort(1, 1e-4)
SMALL: dict[str, Any] = {
    **workloads.STEPS,
    "MLP 128": lambda: workloads.mlp(7, 5, inputs=11),
    "MLP 1024": lambda: workloads.mlp(12, 9, inputs=11),
    "convolution": lambda: workloads.convolution(batch=2),
    "chain": lambda: workloads.chain(20),
    "elementwise": lambda: workloads.elementwise(5),
    "deep": lambda: workloads.deep(3, 4, 5),
}
NAMES = engines.BY_HAND, engines.OURS, engines.COMPILED
OF_THIS_PROJECT = {name: engines.ENGINES[name] for name in NAMES}
BY_HAND = {engines.BY_HAND: engines.ENGINES[engines.BY_HAND]}


@pytest.mark.parametrize("name", SMALL)
def test_engines_agree_with_the_step_by_hand(name: str) -> None:
    measured = OF_THIS_PROJECT | engines.VARIANTS
    if name in engines.SMALL:
        measured |= engines.YARDSTICK
    assert len(measure.agreeing(SMALL[name](), measured)) == len(measured)


@pytest.mark.parametrize("name", SMALL)
def test_gradients_by_hand_are_those_of_the_engine(name: str) -> None:
    w = SMALL[name]()
    exact = [array.astype(np.float64) for array in w.start]
    data = [array.astype(np.float64) if array.dtype == np.float32 else array for array in w.data]
    after = [array.copy() for array in exact]
    w.by_hand(after, 1.0, *data)
    gradients = tg.grad(lambda p: w.cost(engines.OUR_WORDS, p, *data))(exact)
    for start, end, gradient in zip(exact, after, gradients, strict=True):
        np.testing.assert_allclose(start - end, gradient.numpy(), rtol=1e-7, atol=1e-9)


def test_an_engine_that_computes_something_else_is_an_error() -> None:
    doubled = engines.Engine(lambda w: lambda: 2 * engines.by_hand(w)())
    with pytest.raises(AssertionError, match="wrong computes another perceptron"):
        measure.agreeing(workloads.perceptron(), BY_HAND | {"wrong": doubled})


def test_an_engine_that_updates_wrongly_is_an_error() -> None:
    def never_updated(w: workloads.Workload) -> engines.Step:
        return lambda: engines.by_hand(w)()

    with pytest.raises(AssertionError, match="wrong computes another XOR"):
        measure.agreeing(workloads.xor(), BY_HAND | {"wrong": engines.Engine(never_updated)})


def test_peers_that_are_not_installed_are_left_out() -> None:
    absent = engines.Engine(engines.eager, package="no_such_package")
    steps = measure.agreeing(workloads.perceptron(), BY_HAND | {"absent": absent})
    assert list(steps) == [engines.BY_HAND]


def test_peers_that_are_installed_and_do_not_run_are_left_out(capsys: Any) -> None:
    def broken(w: workloads.Workload) -> engines.Step:
        def step() -> float:
            raise FileNotFoundError("clang")

        return step

    peers = BY_HAND | {"broken": engines.Engine(broken, package="pytest")}
    assert list(measure.agreeing(workloads.perceptron(), peers)) == [engines.BY_HAND]
    message = "broken is left out of perceptron, it does not run here: FileNotFoundError: clang"
    assert message in capsys.readouterr().err
    with pytest.raises(FileNotFoundError):
        measure.agreeing(workloads.perceptron(), BY_HAND | {"broken": engines.Engine(broken)})


def test_a_machine_that_is_slow_for_a_while_changes_no_ratio() -> None:
    speed = [1, 1, 5, 5, 5]
    times = {"by hand": [2.0 * k for k in speed], "other": [3.0, 3.0, 15.0, 15.1, 14.9]}
    assert measure.typical(times) == {"by hand": 10.0, "other": 15.0}
    times_of_another_speed = {**times, "other": [3.0 * k for k in (1, 1, 5, 1, 1)]}
    assert measure.typical(times_of_another_speed)["by hand"] == 10.0
    assert measure.fastest(times) == {"by hand": 2.0, "other": 3.0}


def test_the_time_is_of_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]  # seconds that pass in the steps alone

    def step(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    steps = {"short": lambda: step(0.001), "long": lambda: step(0.25)}
    found = measure.timed(steps, measure.Effort(3, 2.0))
    assert found == pytest.approx({"short": 0.001, "long": 0.25})


# -- budgets ---------------------------------------------------------------------------------------


def test_budgets_name_every_workload_of_the_quick_mode() -> None:
    budgets = {engine: set(names) for engine, names in suite.budgets().items()}
    assert budgets == {engine: set(workloads.STEPS) for engine in (engines.OURS, engines.COMPILED)}


def test_a_ratio_over_its_budget_is_named() -> None:
    budgets = suite.budgets()
    planted = {engine: 0.99 * names["chain"] for engine, names in budgets.items()}
    planted[engines.OURS] = 1.01 * budgets[engines.OURS]["chain"]
    seen: list[str] = []

    def measured(name: str) -> dict[str, float]:
        seen.append(name)
        return planted if name == "chain" else dict.fromkeys(planted, 0.1)

    (line,) = suite.exceeded(budgets, measured)
    ratio, budget = planted[engines.OURS], budgets[engines.OURS]["chain"]
    assert line == f"tinygrad_edu, chain: {ratio:.2f} × bare tape, the budget is {budget}"
    assert seen.count("chain") == 3 and seen.count("XOR") == 1


def test_noise_that_passes_is_no_excess() -> None:
    quiet = {engines.OURS: 0.1, engines.COMPILED: 0.1}
    ratios = iter([quiet | {engines.OURS: 100.0}, quiet | {engines.COMPILED: 100.0}])

    def measured(name: str) -> dict[str, float]:
        return next(ratios) if name == "perceptron" else quiet

    assert not suite.exceeded(suite.budgets(), measured)


def test_the_quick_mode_measures_what_the_budgets_name() -> None:
    assert set(suite.quick_ratios("perceptron", INSTANT)) == set(suite.budgets())


def test_the_command_fails_over_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.__main__ import main

    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick"])
    monkeypatch.setattr("os.environ", {})
    monkeypatch.setattr(suite, "exceeded", lambda budgets: [])
    with pytest.raises(SystemExit, match="^0$"):
        main()
    monkeypatch.setattr(suite, "exceeded", lambda budgets: ["chain"])
    with pytest.raises(SystemExit, match="over budget:\nchain"):
        main()


def test_the_command_knows_its_parts() -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "nothing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "2-layer" in done.stderr and "growth" in done.stderr


# -- memory and growth -----------------------------------------------------------------------------


ON_LINUX = "the peak of a single step is known on Linux alone"


@pytest.mark.skipif(sys.platform != "linux", reason=ON_LINUX)
def test_the_probe_sees_what_a_graph_keeps() -> None:
    from benchmarks.probe import probe

    found = probe(engines.OURS, "deep", layers=8, width=16, batch=1024)
    assert found["seconds"] > 0
    assert 8 * 16 * 1024 * 4 < found["bytes"] < 100 * 16 * 1024 * 4


def test_the_exponent_of_a_power_is_found() -> None:
    points = [{"size": n, "seconds": 3e-6 * n**1.5} for n in (1, 10, 100, 1000)]
    assert math.isclose(growth.exponent(points, "seconds"), 1.5)


# -- the page --------------------------------------------------------------------------------------


def test_the_page_says_what_the_results_are() -> None:
    text = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    assert text == report.markdown(report.load()), "run python -m benchmarks --report"


def test_the_readme_shows_figures_of_the_results() -> None:
    text = report.README.read_text(encoding="utf-8")
    assert report.short_table(report.load()) in text
    assert report.with_table(text, report.load()) == text, "run python -m benchmarks --report"


def test_results_are_of_all_workloads_and_parts() -> None:
    results = report.load()
    assert list(results) == ["conditions", *suite.PARTS]
    assert set(results["steps"]) == set(workloads.STEPS)
    assert set(results["steps"]["perceptron"]) == set(engines.ENGINES)
    assert results["growth"]["length"][engines.OURS][-1]["size"] == 10**6


def test_pinned_versions_are_those_of_the_results() -> None:
    lines = (suite.HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    versions = report.load()["conditions"]["versions"]
    assert all(versions[name].startswith(pinned[name]) for name in versions if name in pinned)
    assert set(suite.PEERS) <= set(pinned)


def test_a_target_is_held_or_not() -> None:
    most = report.Target("a", lambda r: r["a"], 1.5)
    assert "| 1.4 | held |" in most.row({"a": 1.4})
    assert "| 1.6 | **not held** |" in most.row({"a": 1.6})
    least = report.Target("a", lambda r: r["a"], 1.5, at_least=True)
    assert "not held" in least.row({"a": 1.4}) and "not measured" in least.row({})


def test_plots_are_the_same_for_the_same_results(tmp_path: Path) -> None:
    from benchmarks import plots

    files = [tmp_path / f"{i}.svg" for i in (1, 2)]
    for file in files:
        plots.ratios(report.load(), file)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_plot_of_growth_has_a_curve_for_each_engine_and_axis(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    from benchmarks import plots

    results = report.load()["growth"]
    for engines_of in results.values():
        axes = Figure().subplots()
        plots.curves(axes, engines_of, "seconds")
        assert len(axes.lines) == len(engines_of) + 1  # and the line of slope 1
    plots.growth({"growth": results}, tmp_path / "growth.svg")
    assert (tmp_path / "growth.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


# -- checkers and digits ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", checkers.CHECKERS)
def test_a_checker_is_given_the_gradient_that_it_is_asked_about(name: str) -> None:
    inputs = np.array([0.5, -2.0]), np.array([1, 2])
    program = checkers.bank.Program("", "lambda x, n: hole(x) * x[::-1] * n", inputs)
    right = checkers.Subject(program)
    wrong = checkers.Subject(program, lambda x: 2 * x - x.detach())
    assert checkers.CHECKERS[name](right) == checkers.RIGHT
    assert checkers.CHECKERS[name](wrong) == checkers.ALARM


def test_the_table_of_checkers_counts_alarms_and_faults_that_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {"trusting": checkers.RIGHT, "strict": checkers.ALARM, checkers.OURS: checkers.UNDECIDED}
    verdicts = {name: lambda s, verdict=verdict: verdict for name, verdict in said.items()}
    monkeypatch.setattr(checkers, "CHECKERS", verdicts)
    checkers.main(["--programs", "3"])
    rows = {line.rsplit("|", 2)[0] for line in capsys.readouterr().out.splitlines()}
    assert rows >= {"| trusting | 0 | 0 | 3 | 0 ", "| strict | 3 | 0 | 0 | 0 "}
    assert f"| {checkers.OURS} | 0 | 3 | 0 | 3 " in rows


def test_the_table_of_digits_shows_where_they_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def naive(name: str, x: Any) -> list[Any]:
        y = 1 / (1 + np.exp(-x))
        return [y, y * (1 - y), y * (1 - y) * (1 - 2 * y)]

    monkeypatch.setattr(accuracy, "ENGINES", {"tinygrad_edu": accuracy.ours, "naive": naive})
    found = accuracy.worst("sigmoid", np.float64, 5)
    assert all(float(units) <= 4 for units in found["tinygrad_edu"])
    assert all(" at " in units for units in found["naive"][1:])
