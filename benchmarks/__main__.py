"""Measure everything, and write results.json, RESULTS.md, the plots and the table in README.md.

    python -m benchmarks                  # all: a quarter of an hour on a machine that is idle
    python -m benchmarks --only 2-layer   # one workload or part, of which nothing is written
    python -m benchmarks --quick          # this project alone; 1 if it exceeds a budget
    python -m benchmarks --report         # RESULTS.md and the plots again, from results.json

The parts are loops, compiling, memory and growth. What is not about speed has commands of its own:
python -m benchmarks.checkers, of gradient checkers, and benchmarks.accuracy, of digits. The other
engines are left out where they are not installed: pip install -r benchmarks/requirements.txt
"""

from __future__ import annotations

import argparse
import os

# one thread for each library, unless the caller has set them: with more, what is compared are
# pools that wait for one another
THREADS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUM_CPU_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}


def main() -> None:
    """The command."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, formatter_class=form
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--quick", action="store_true", help="compare with the budgets")
    chosen.add_argument("--only", metavar="NAME", help="one workload or part")
    chosen.add_argument("--report", action="store_true", help="write the tables and plots again")
    options = parser.parse_args()
    # before NumPy and its peers are imported, for then they look
    for name, value in THREADS.items():
        os.environ.setdefault(name, value)
    # XLA divides its work among all cores in spite of its flag
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    from . import report, suite

    if options.quick:
        over = suite.exceeded(suite.budgets())
        raise SystemExit("over budget:\n" + "\n".join(over) if over else 0)
    if options.only:
        if options.only in suite.STEPS:
            suite.steps(options.only)
        elif options.only in suite.PARTS:
            print(suite.PARTS[options.only]())
        else:
            parser.error(f"--only takes one of {', '.join([*suite.STEPS, *suite.PARTS])}")
        return
    if not options.report:
        if absent := suite.missing():
            names, how = ", ".join(absent), "pip install -r benchmarks/requirements.txt"
            print(f"left out, since not installed: {names} ({how})")
        report.save(suite.measure_all(THREADS))
    report.write()


if __name__ == "__main__":
    main()
