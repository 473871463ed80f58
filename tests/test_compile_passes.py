"""The passes of the compiler: each gives a program that computes the same, and reads well."""

import re

import numpy as np
import pytest
from compiling import OR_START, evaluated, or_step, same, two_layer_start, two_layer_step

import tinygrad_edu as tg
from tinygrad_edu.engine.pytree import leaves

PASSES = ["capture", "simplify", "lower", "allocate", "fuse", "emit"]
OPS = re.compile(r"^ *\w+: \w+\[.*?\] = (\w+)\(", re.MULTILINE)


def attention(q, k, v):
    return (tg.softmax(q @ k.T / np.sqrt(3.0)) @ v).std(axis=0)


X, Y = np.random.default_rng(0).normal(size=(2, 40, 4))
PROGRAMS = {
    "perceptron": (or_step, OR_START),
    "two layers": (two_layer_step, (two_layer_start(), X[:8], (Y[:8, :1] > 0) * 1.0)),
    "attention": (tg.grad(lambda q: attention(q, X, Y).sum()), (X,)),
    "indexing": (
        lambda x: (x[1:, None] * 2.0).sum(axis=0) + x.at[0].add(x[-1])[np.array([0, 0])],
        (X,),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_pass_gives_a_program_of_the_same_value(name):
    f, args = PROGRAMS[name]
    compiled = tg.compile(f)
    expected = [value for _, value in leaves(f(*_tensors(args)))]
    texts = compiled.passes(*args)
    (version,) = compiled._versions.values()
    arrays = [value for _, value in leaves(args)]
    assert [*version.stages] == PASSES[:-1]
    for stage, program in version.stages.items():
        same(evaluated(program, arrays), expected)
        named = [op.name for op in (node.op for node in program.nodes)]
        assert sorted(OPS.findall(texts[stage])) == sorted(named), stage


def _tensors(args):
    return [tg.Tensor(a) if isinstance(a, np.ndarray) else _tensors(a) for a in args]


def test_passes_are_of_the_latest_call_or_of_the_arguments_given():
    compiled = tg.compile(lambda x: x * 2.0)
    with pytest.raises(RuntimeError, match="has not been called"):
        compiled.passes()
    compiled(np.ones(3))
    assert [*compiled.passes()] == PASSES
    assert compiled.passes()["capture"].startswith("x: float64[3] = input\n")
    assert "float64[5]" in compiled.passes(np.ones(5))["fuse"]
    assert len(compiled.signatures) == 2
    assert compiled.passes()["emit"] in compiled.planned_source


def test_passes_are_printed_one_below_the_other():
    passes = tg.compile(lambda x: x + x).passes(np.ones(2))
    assert repr(passes) == str(passes)
    assert re.findall(r"^== (\w+) =+$", str(passes), re.MULTILINE) == PASSES
    assert all(text in str(passes) for text in passes.values())


def test_the_plan_says_where_results_lie_and_the_loop_what_is_made_together():
    passes = tg.compile(lambda x: ((x * 2.0).exp() + 1.0).reshape(-1)[1:]).passes(
        np.ones((100_000, 8))
    )
    for place in ("# in buffer 1", "# in place of t1", "# shows t3"):
        assert place in passes["allocate"]
    assert re.search(r"^for each \d+ of 100000 rows:\n(    .+\n)+", passes["fuse"], re.MULTILINE)
    assert "for each" not in passes["allocate"]
    assert not re.search("#.*buffer|#.*place", passes["lower"])


def test_what_the_user_calls_things_is_in_the_text_of_each_pass():
    passes = tg.compile(or_step).passes(*OR_START)
    for stage in PASSES:
        assert {"W", "b", "d_W", "new_W", "new_b"} <= set(re.findall(r"\w+", passes[stage])), stage
