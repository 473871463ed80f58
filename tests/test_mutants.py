"""The tests of the tests: mutants are killed, and one that survives is reported."""

import os

import mutants
import numpy as np
import pytest

from tinygrad_edu.engine.registry import registry

QUICK = ["tanh", "divide", "matmul", "max", "concatenate"]  # of every way to write a rule, one


@pytest.fixture(scope="module")
def quick():
    """A quarter of the mutants of some ops, which SEED draws; MUTANTS=all takes every one."""
    share = 1.0 if os.environ.get("MUTANTS") == "all" else 0.25
    return mutants.report(QUICK, share=share, seed=int(os.environ.get("SEED", "1")))


def test_every_mutant_of_some_ops_is_killed(quick):
    rows, survivors = quick
    assert survivors == []
    assert {row[0] for row in rows[1:]} == set(QUICK)
    assert len(rows) > 8


def test_the_mutations_are_of_every_sort():
    done = {
        what.split(" in ")[0].split(": ")[-1]
        for name in QUICK
        for _, what, _ in mutants.mutants(registry[name])
    }
    sorts = [
        "sign flipped",
        "off by 1e-6",
        "right factor dropped",
        "left factor dropped",
        "sides swapped",
        "transposition dropped",
    ]
    assert {*sorts, "sign changed"} <= done


def test_the_rules_are_afterwards_as_they_were():
    before = [(op.rules, op.variadic) for op in registry.values()]
    mutants.report(["tanh", "concatenate"], max_examples=2)
    assert before == [(op.rules, op.variadic) for op in registry.values()]


def test_a_survivor_is_reported(monkeypatch, capsys):
    """A mutation that changes nothing: nobody can notice, and the command says so and fails."""
    monkeypatch.setattr(mutants, "mutants", lambda op: iter([(0, "nothing changed", op.rules[0])]))
    assert mutants.report(["tanh"], max_examples=3)[1] == ["tanh 0: nothing changed"]
    monkeypatch.setattr(mutants, "killed_by", lambda *_: "")  # as with many more examples
    assert mutants.main(["tanh"]) == 1
    printed = capsys.readouterr().out
    assert "SURVIVES" in printed
    assert "1 mutants: 0 killed, 0 equivalent, 1 survive" in printed


def test_the_command_prints_a_table_and_succeeds(capsys):
    assert mutants.main(["sinh"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["op", "argument", "mutation", "killed", "by"]
    assert lines[1].split()[:4] == ["sinh", "0", "sign", "flipped"]
    assert (
        lines[-1] == f"{len(lines) - 3} mutants: {len(lines) - 3} killed, 0 equivalent, 0 survive"
    )


def test_an_unknown_op_is_refused():
    with pytest.raises(SystemExit, match="no op of the table is called sinus"):
        mutants.main(["sinus"])


def test_every_equivalent_mutant_exists():
    """The list of exceptions cannot outlive the rules that it excuses."""
    made = {
        (name, what)
        for name in {op for op, _ in mutants.EQUIVALENT}
        for _, what, _ in mutants.mutants(registry[name])
    }
    assert set(mutants.EQUIVALENT) <= made
    assert all(reason for reason in mutants.EQUIVALENT.values())


@pytest.mark.parametrize(
    ("name", "what"), [("maximum", "left factor dropped in 0.5 * (a == b)"), ("max", "reached.sum")]
)
def test_equivalent_mutants_differ_at_ties_alone(name, what):
    op = registry[name]
    spoilt = [
        (i, rule)
        for i, said, rule in mutants.mutants(op)
        if what in said and (name, said) in mutants.EQUIVALENT
    ]
    apart, tied = np.array([1.0, 2.0]), np.array([2.0, 2.0])
    static = {} if name == "maximum" else {"axis": None, "keepdims": False}
    for i, rule in spoilt:
        for x, same in ((apart, True), (tied, False)):
            operands = (x, x[::-1]) if name == "maximum" else (x,)
            y = op.run(*operands, **static)
            right, wrong = (r(y, y, *operands, **static) for r in (op.rules[i], rule))
            assert np.array_equal(right, wrong) is same
    assert spoilt


def test_rules_are_mutated_by_their_own_source():
    """A rule whose source were not found would be spared."""
    for name in ("tanh", "divide", "matmul", "log", "power", "logsumexp"):
        assert sum(" in " in what for _, what, _ in mutants.mutants(registry[name])) >= 1
