"""SciPy's special functions on Tensors."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.registry import registry
from tinygrad_edu.testing import check_op, gradcheck

sp = pytest.importorskip("scipy.special")
x = np.array([0.3, 0.7, 0.9])
# ops that have a rule for each operand, and calls of the others
WHOLE = (
    "erfcx erfinv erfcinv ndtr log_ndtr ndtri digamma gammaln gamma beta betaln logit xlogy "
    "xlog1py entr rel_entr exp10 expi exp1 j0 j1 y0 y1 i0 i1"
).split()
PARTLY = {
    "betainc": lambda x: sp.betainc(2.0, 3.0, x),
    "gammainc": lambda x: sp.gammainc(2.5, x),
    "gammaincc": lambda x: sp.gammaincc(2.5, x),
    "jv": lambda x: sp.jv(1.5, x),
    "yv": lambda x: sp.yv(1.5, x),
    "iv": lambda x: sp.iv(1.5, x),
    "i0e": lambda x: sp.i0e(x),  # of which, and of i1e, large x leave few digits
    "i1e": lambda x: sp.i1e(x),
    "ive": lambda x: sp.ive(1.5, x),
    "kl_div": lambda x: sp.kl_div(x, 1 - x / 2),
    "expit": lambda x: sp.expit(x),
    "log_expit": lambda x: sp.log_expit(x),
    "erf": lambda x: sp.erf(x),
    "erfc": lambda x: sp.erfc(x),
    "expm1": lambda x: sp.expm1(x),
    "np.i0": lambda x: np.i0(x),
    "lambertw": lambda x: sp.lambertw(x) if isinstance(x, tg.Tensor) else sp.lambertw(x).real,
}


def op(name):
    """The op behind a function, which is defined when the function is first called."""
    getattr(sp, name)(*[tg.Tensor(0.5)] * getattr(sp, name).nin)
    names = [name, f"{name}_function", f"bessel_{name}"]
    return next(registry[n] for n in names if n in registry)


@pytest.mark.parametrize("name", WHOLE)
def test_an_op_has_right_rules(name):
    # the same calls each time: at large and tiny numbers SciPy's own functions lose digits
    check_op(op(name), max_examples=4, derandomize=True)


@pytest.mark.parametrize("name", PARTLY)
@pytest.mark.parametrize("order", [1, 2])
def test_a_call_has_the_right_gradient(name, order):
    assert gradcheck(PARTLY[name], x, order=order)
    np.testing.assert_allclose(PARTLY[name](tg.Tensor(x)).numpy(), PARTLY[name](x), rtol=1e-15)


@pytest.mark.parametrize("name", ["betainc", "gammainc", "jv"])
def test_an_operand_without_a_derivative_says_so(name):
    f = getattr(sp, name)
    y = f(tg.Tensor(1.5, requires_grad=True), *[0.5] * (f.nin - 1))
    with pytest.raises(TypeError, match="has no derivative by"):
        y.backward()


@pytest.mark.parametrize("f", [sp.gammaln, sp.ndtr, sp.j0, sp.erf, sp.logit])
def test_it_compiles_to_a_call_of_scipy_s(f):
    def loss(x):
        return f(x).sum()

    program = tg.compile(tg.value_and_grad(loss))
    found, expected = program(x), tg.value_and_grad(loss)(x)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-14)


@pytest.mark.parametrize("f", [sp.gammaln, sp.ndtr, sp.i0, sp.erf, sp.logit, sp.betaln])
def test_it_compiles_to_a_call_of_jax_s(f):
    pytest.importorskip("jax")
    arrays = [x] * f.nin
    program = tg.compile(lambda *a: f(*a) * 2.0, target="jax")
    np.testing.assert_allclose(np.asarray(program(*arrays)), f(*arrays) * 2.0, rtol=1e-12)


@pytest.mark.parametrize("f", [sp.gammaln, sp.ndtr, sp.j0, sp.logit])
def test_formulas_run_alone(f):
    w = tg.Tensor(x, requires_grad=True, name="w")
    loss = (f(w) ** 2).sum()
    loss.backward()
    derived = tg.derive(loss, w)
    scope = {}
    exec(derived.numpy_source, scope)
    np.testing.assert_allclose(derived.function(w=x), w.grad, rtol=1e-14)
    assert "np.gammaln" not in derived.numpy_source


def test_a_gaussian_process_has_a_likelihood_with_a_gradient():
    rng = np.random.default_rng(0)
    places, values = np.sort(rng.normal(size=8)), rng.normal(size=8)

    def cost(log_length, log_noise):
        apart = (places[:, None] - places) / np.exp(log_length)
        covariance = np.exp(-0.5 * apart**2) + np.exp(log_noise) * np.eye(8)
        factor = np.linalg.cholesky(covariance)
        solved = np.linalg.solve(covariance, values)
        return 0.5 * values @ solved + np.log(np.diagonal(factor)).sum()

    assert gradcheck(cost, np.array(0.1), np.array(-1.0), order=2)
    assert gradcheck(cost, np.array(0.1), np.array(-1.0))


def test_python_s_own_library_does_where_scipy_is_missing(monkeypatch):
    import sys

    from tinygrad_edu.ops.elementwise import _by_entry

    expected = [sp.erf(x), sp.erfc(x)]
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    monkeypatch.setitem(sys.modules, "scipy", None)
    for name, values in zip(("erf", "erfc"), expected, strict=True):
        np.testing.assert_allclose(_by_entry(name)(x), values, rtol=1e-15)
        assert _by_entry(name)(x.astype(np.float32)).dtype == np.float32
