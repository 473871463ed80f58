"""Strategies draw what they say, print as Python, and shrink; the decorator catches faults."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import Phase, assume, find, given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.engine.domains import REAL
from tinygrad_edu.engine.registry import registry
from tinygrad_edu.testing import (
    GradientMismatch,
    arrays,
    away_from_kinks,
    broadcastable,
    check_gradients,
    expressions,
    gradcheck,
    matmul_operands,
    op_calls,
    tensors,
)
from tinygrad_edu.testing.kinks import kinks_of
from tinygrad_edu.testing.strategies import LARGEST, shapes

DOMAINS = sorted(
    {domain for op in registry.values() for domain in op.domain if domain[0] < domain[1]}
    | {REAL, (5.0, 6.0), (-9.0, -8.0), (0.0, 0.01), (-np.inf, -1.0), (-100.0, 100.0)}
)
some = settings(max_examples=12)
many = settings(max_examples=2000)  # to find what is seldom drawn
drawn_at_all = settings(many, phases=[Phase.generate])


# -- tensors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("domain", DOMAINS)
def test_tensors_have_their_shape_and_dtype_and_lie_in_their_domain(dtype, domain):
    @some
    @given(tensors(shape=(2, 3), dtype=dtype, domain=domain))
    def inside(t):
        assert (domain[0] < t.numpy()).all()
        assert (t.numpy() < domain[1]).all()

    inside()

    @some
    @given(tensors(shape=(2, 3), dtype=dtype, domain=domain, wide=False))
    def check(t):
        assert (t.shape, t.dtype, t.requires_grad, t.is_leaf) == ((2, 3), dtype, True, True)
        assert (domain[0] < t.numpy()).all()
        assert (t.numpy() < domain[1]).all()
        # exact in every dtype
        np.testing.assert_array_equal(t.numpy(), t.numpy().astype("float16"))

    check()


def test_shapes_may_be_drawn_and_include_0d_and_size_0():
    for condition in (
        lambda t: t.ndim == 0,
        lambda t: t.size == 0,
        lambda t: t.ndim == 3 and t.size > 1,
    ):
        find(tensors(), condition, settings=drawn_at_all)
    find(tensors(shape=st.sampled_from([(1,), (2, 2)])), lambda t: t.shape == (2, 2))


def test_shapes_of_every_number_of_axes_are_drawn_and_not_only_small_or_square_ones():
    drawn = []

    # a number beside it, for Hypothesis draws nothing twice
    @settings(max_examples=1000, phases=[Phase.generate])
    @given(shapes(), st.integers(0, 10**9))
    def check(shape, _):
        drawn.append(shape)

    check()

    def share(condition):
        return np.mean([condition(shape) for shape in drawn])

    assert all(share(lambda s, n=n: len(s) == n) > 0.05 for n in range(4))
    assert 0.05 < share(lambda s: 0 in s) < 0.35
    assert share(lambda s: np.prod(s) >= 4) > 0.2
    assert share(lambda s: len(set(s)) > 1) > 0.2


def test_negative_numbers_and_zero_are_drawn():
    find(arrays(shape=()), lambda x: x < -1)
    find(arrays(shape=()), lambda x: x == 0)
    find(arrays(shape=()), lambda x: x > LARGEST - 0.5)


@pytest.mark.parametrize(
    "condition",
    [
        lambda x: bool(((x == 0) & np.signbit(x)).any()),
        lambda x: bool(((x != 0) & (np.abs(x) < np.finfo(x.dtype).tiny)).any()),
        lambda x: bool((np.abs(x) > 1e4).any()),
        lambda x: bool(((x != 0) & (np.abs(x) < 1e-9)).any()),
        lambda x: x.size > 2 and bool((x == np.rint(x)).all()) and bool((x == 1).any()),
        lambda x: x.ndim == 4,
        lambda x: max(x.shape, default=0) > 4,
        lambda x: x.ndim == 2 and min(x.shape) > 1 and x.flags.f_contiguous,
        lambda x: x.ndim and x.size > 1 and x.strides[-1] < 0,
        lambda x: x.ndim == 1 and x.size > 1 and x.strides[0] > x.itemsize,
        lambda x: not x.flags.writeable,
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_and_layouts_of_every_sort_are_drawn(condition, dtype):
    find(arrays(dtype=dtype), condition, settings=settings(drawn_at_all, max_examples=5000))


@pytest.mark.parametrize("domain", [(5, 4), (1, 1), (np.nan, 1), (np.inf, np.inf)])
def test_a_domain_that_holds_no_number_is_refused(domain):
    with pytest.raises(ValueError, match="holds no number: an open interval is"):
        tensors(domain=domain)


@pytest.mark.parametrize("domain", [(1e17, np.inf), (-np.inf, -1e300), (1e30, 2e30), (1e-9, 2e-9)])
def test_domains_far_out(domain):
    @some
    @given(tensors(shape=(3,), domain=domain))
    def check(t):
        assert (domain[0] < t.numpy()).all()
        assert (t.numpy() < domain[1]).all()
        assert np.isfinite(t.numpy()).all()

    check()


def test_a_domain_is_a_pair():
    with pytest.raises(TypeError, match="a domain is an open interval"):
        tensors(domain=3.0)


def test_arrays_shrink_to_zeros():
    np.testing.assert_array_equal(find(arrays(shape=(2, 2)), lambda x: True), np.zeros((2, 2)))


# -- shapes and operands ---------------------------------------------------------------------------


@given(st.integers(1, 4).flatmap(broadcastable))
def test_broadcastable_shapes_do(shapes):
    np.broadcast_shapes(*shapes)


def test_broadcasting_happens_on_both_sides():
    for condition in (
        lambda s: len(s[0]) < len(s[1]),
        lambda s: len(s[1]) < len(s[0]),
        lambda s: np.broadcast_shapes(*s) not in s,
    ):
        find(broadcastable(2), condition, settings=drawn_at_all)


@given(matmul_operands(dtype="float32"))
def test_matmul_operands_multiply(operands):
    assert np.matmul(*operands).dtype == "float32"


@pytest.mark.parametrize("dims", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (2, 3)])
def test_matmul_operands_are_vectors_matrices_and_stacks(dims):
    find(
        matmul_operands(),
        lambda operands: tuple(x.ndim for x in operands) == dims,
        settings=drawn_at_all,
    )


@pytest.mark.parametrize(
    "name",
    sorted(name for name, op in registry.items() if op.kinks and not name.startswith("test_")),
)
def test_away_from_kinks(name):
    op = registry[name]

    @some
    @given(op_calls(op))
    def check(call):
        operands, static = call
        assert all((np.abs(kink) > 0.01).all() for kink in kinks_of(op, operands, static))

    check()


def test_what_is_drawn_does_not_depend_on_what_the_memory_holds(monkeypatch):
    monkeypatch.setattr(
        np,
        "empty",
        lambda shape, *args, **kwargs: np.full(shape, np.inf) * np.resize([1.0, -1.0], shape),
    )

    @some
    @given(op_calls(registry["std"]))
    def check(call):
        pass

    check()


@given(away_from_kinks(tg.maximum, dtype="float32"))
def test_operands_away_from_kinks_agree_everywhere(operands):
    a, b = operands
    assume(np.size(a) and np.size(b))
    assert {entry.verdict for entry in gradcheck(tg.maximum, a, b).entries} == {"agrees"}


# -- expressions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_expressions_print_as_python_that_gives_the_same_value(dtype):
    @some
    @given(expressions(dtype=dtype))
    def check(program):
        names = {"tg": tg}
        exec(str(program), names)
        last = str(program).splitlines()[-1].split(" = ")[0]
        value = program(*program.inputs)
        assert value.dtype == dtype
        np.testing.assert_array_equal(names[last].numpy(), value.numpy())
        assert np.isfinite(value.numpy()).all()

    check()


def test_expressions_shrink_to_a_minimal_program():
    program = find(
        expressions(),
        lambda program: any(line.op == "cosh" for line in program.lines),
        settings=many,
    )
    assert str(program) == "x0 = tg.Tensor(0.0, requires_grad=True)\nv1 = tg.cosh(x0)"


def test_a_wrong_rule_is_shrunk_to_the_op_alone():
    right, wrong = tg.exp.rules, (lambda g, y, x: g * y * 1.001,)

    def gradients(program, rules):
        tg.exp.rules = rules
        return tg.grad(lambda *x: program(*x).sum(), tuple(range(len(program.inputs))))(
            *program.inputs
        )

    def is_wrong(program):  # as gradcheck says of the smallest one: to ask it of each takes longer
        both = [gradients(program, rules) for rules in (right, wrong)]
        return any(not np.allclose(a.numpy(), b.numpy()) for a, b in zip(*both, strict=True))

    try:
        program = find(expressions(), is_wrong, settings=many)
        tg.exp.rules = wrong
        assert not gradcheck(program, *program.inputs, report=True)
    finally:
        tg.exp.rules = right
    assert [line.op for line in program.lines] == ["exp"]


def test_expressions_use_the_whole_table():
    used = set()

    @settings(max_examples=150, phases=[Phase.generate])
    @given(expressions())
    def check(program):
        used.update(line.op for line in program.lines)

    check()
    assert len(used) > 40
    assert {"matmul", "sum", "where", "concatenate", "stack", "getitem"} & used


def test_most_programs_have_more_than_one_line_and_some_have_many():
    lines = []

    # what is claimed is a share of all, and not of a few: of 200 it came out at 0.17 to 0.28
    @settings(max_examples=1000, phases=[Phase.generate], derandomize=True)
    @given(expressions())
    def check(program):
        lines.append(len(program.lines))

    check()
    assert np.mean(np.array(lines) == 1) < 0.25
    assert np.mean(np.array(lines) >= 5) > 0.25
    assert max(lines) >= 10


def test_a_program_runs_on_its_own_inputs_and_says_how_many_it_takes():
    program = find(expressions(), lambda program: len(program.inputs) == 2, settings=drawn_at_all)
    np.testing.assert_array_equal(program().numpy(), program(*program.inputs).numpy())
    with pytest.raises(TypeError, match="the program takes 2 inputs, or none for its own, not 1"):
        program(1.0)


def test_near_kinks_are_near():
    near = []

    @settings(max_examples=60, phases=[Phase.generate])
    @given(expressions(near_kinks=True))
    def check(program):
        values = [tg.Tensor(x, requires_grad=True) for x in program.inputs]
        out = program(*values)
        kinks = [
            kinks_of(t.op, t.args, t.static) for t in tg.graph.ancestors(out) if t.op is not None
        ]
        near.append(any((np.abs(k) < 1.1e-8).any() for found in kinks for k in found))

    check()
    assert np.mean(near) > 0.8


def test_drawing_is_fast_enough_for_the_health_checks():
    """Hypothesis warns of data that is slow to draw or often rejected: an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for strategy in (
            tensors(),
            broadcastable(3),
            matmul_operands(),
            expressions(),
            expressions(near_kinks=True),
        ):
            settings(max_examples=20)(given(strategy)(lambda drawn: None))()


# -- the decorator ---------------------------------------------------------------------------------


@check_gradients(x=tensors(shape=(2, 3)), w=tensors(shape=(3,)))
def test_a_model_of_the_user(x, w):
    """The decorator makes a test that pytest runs as it is."""
    return ((x @ w).sigmoid() ** 2).mean()


@check_gradients(order=2, max_examples=5, x=arrays(shape=(2,)))
def test_a_model_at_order_2(x):
    return (x**3).tanh()


def test_a_wrong_model_is_caught():
    lossy = tg.op(lambda x: x * x, lambda g, y, x: 2 * np.abs(x) * g, name="test_lossy_square")

    @check_gradients(x=tensors(shape=(2,)))
    def model(x):
        return lossy(x).sum()

    assert (model.__name__, model.__module__) == ("model", __name__)
    told = r"x\[\d\].*\n(.*\n)*.*the rule of `test_lossy_square` for its first argument \(x\)"
    with pytest.raises(GradientMismatch, match=told):
        model()


def test_a_wrong_model_is_run_few_times():
    """What Hypothesis would do to explain a failure is left to the report."""
    checks = []

    @check_gradients(
        max_examples=2, x=st.builds(lambda x: checks.append(1) or x, arrays(shape=(2,)))
    )
    def model(x):
        return tg.op(lambda x: x * x, lambda g, y, x: x * g, name="test_half_square")(x).sum()

    with pytest.raises(GradientMismatch):
        model()
    assert 0 < len(checks) < 50


def test_the_decorator_says_what_it_takes():
    told = r"write @check_gradients\(x=tensors\(\)\) above the function"
    with pytest.raises(TypeError, match=told):
        check_gradients(lambda x: x)
    with pytest.raises(TypeError, match="needs to know the function's inputs"):
        check_gradients()


def test_what_a_failure_shows_can_be_pasted():
    @settings(phases=[Phase.generate], report_multiple_bugs=False)
    @given(tensors(shape=(2,), wide=False))
    def check(t):
        raise AssertionError("always")

    with pytest.raises(AssertionError) as caught:
        check()
    (shown,) = re.findall(r"t=(.*),", "\n".join(caught.value.__notes__))
    assert eval(shown, {"Tensor": tg.Tensor, "array": np.array}).requires_grad
