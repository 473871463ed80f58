"""Special functions, where SciPy is installed: `scipy.special`'s ufuncs, called on Tensors.

Imported when one of them is first called on a Tensor, since SciPy takes its time.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from scipy import special as sp

from ..engine.define import op
from ..engine.domains import POSITIVE, REAL, WITHIN_ONE
from ..engine.op import Op
from ..engine.overrides import implements
from ..engine.primitive import Primitive
from ..engine.registry import numpy_functions
from . import elementwise
from .elementwise import expm1, log1p, sigmoid, softplus

_sp: Any = sp  # whose stubs know no Tensors
ROOT_PI, ROOT_2PI = float(np.sqrt(np.pi)), float(np.sqrt(2 * np.pi))
FROM_0_TO_1, FROM_0_TO_2 = (0.0, 1.0), (0.0, 2.0)


def _no_rule(name: str, operand: str) -> Any:
    """The rule of an operand whose derivative is no function that SciPy has."""

    def rule(g: Any, y: Any, *operands: Any) -> Any:
        raise TypeError(
            f"{name} has no derivative by {operand} here: pass {operand}.detach(), or define one, "
            f"tg.op(..., name='my_{name}')"
        )

    return rule


def _polygamma(x: Any, n: int = 0) -> Any:
    return np.asarray(_sp.polygamma(n, x), getattr(x, "dtype", float))


def _of_several(ufunc: Any) -> Any:
    """The ufunc, where a Python number does not widen float32, as in NumPy's own."""

    def run(*operands: Any) -> Any:
        dtypes = [x.dtype for x in operands if isinstance(x, (np.ndarray, np.generic))]
        dtype = np.result_type(*dtypes) if dtypes else np.dtype(float)
        return ufunc(*[np.asarray(x, dtype) if type(x) in (int, float) else x for x in operands])

    run.__name__ = ufunc.__name__
    return run


def _log_ratio(a: Any, b: Any) -> Any:
    return np.log(a) - np.log(b)


def _lambertw(x: Any) -> Any:
    """Its real branch, from -1/e on."""
    if (np.asarray(x) < -np.exp(-1.0)).any():
        raise ValueError(
            "lambertw below -1/e is complex, and Tensors are real: write np.maximum(x, -np.exp(-1))"
        )
    return np.asarray(_sp.lambertw(x).real, getattr(x, "dtype", float))


_BESSEL = (REAL, POSITIVE)
# fmt: off
erfcx    = op(sp.erfcx,    lambda g, y, x: g * (2 * x * y - 2 / ROOT_PI))
erfinv   = op(sp.erfinv,   lambda g, y, x: g * (ROOT_PI / 2) * np.exp(y * y),
              domain=(WITHIN_ONE,), jax="jax.scipy.special.erfinv")
erfcinv  = op(sp.erfcinv,  lambda g, y, x: -g * (ROOT_PI / 2) * np.exp(y * y),
              domain=(FROM_0_TO_2,))
ndtr     = op(sp.ndtr,     lambda g, y, x: g * np.exp(x * x * -0.5) / ROOT_2PI,
              jax="jax.scipy.special.ndtr")
log_ndtr = op(sp.log_ndtr, lambda g, y, x: g * np.exp(x * x * -0.5 - y) / ROOT_2PI,
              jax="jax.scipy.special.log_ndtr")
ndtri    = op(sp.ndtri,    lambda g, y, x: g * ROOT_2PI * np.exp(y * y * 0.5),
              domain=(FROM_0_TO_1,), jax="jax.scipy.special.ndtri")
polygamma: Primitive = op(_polygamma, lambda g, y, x, n: g * polygamma.apply(x, n=n + 1),
              name="polygamma", domain=(POSITIVE,), jax="",
              cases=({"shapes": ((3,),), "n": 1}, {"shapes": ((),), "n": 2}),
              doc="The n-th derivative of digamma.")
digamma  = op(sp.psi,      lambda g, y, x: g * polygamma.apply(x, n=1),
              name="digamma", domain=(POSITIVE,), jax="jax.scipy.special.digamma",
              doc="The derivative of gammaln.")
gammaln  = op(sp.gammaln,  lambda g, y, x: g * _sp.psi(x), domain=(POSITIVE,),
              jax="jax.scipy.special.gammaln", doc="The logarithm of |gamma(x)|.")
gamma_function = op(sp.gamma, lambda g, y, x: g * y * _sp.psi(x), domain=(POSITIVE,),
              name="gamma_function",
              jax="jax.scipy.special.gamma", doc="gamma(n + 1) is the factorial of n.")
beta_function = op(_of_several(sp.beta),
                           lambda g, y, a, b: g * y * (_sp.psi(a) - _sp.psi(a + b)),
                           lambda g, y, a, b: g * y * (_sp.psi(b) - _sp.psi(a + b)),
              name="beta_function", numpy=(sp.beta,), domain=(POSITIVE, POSITIVE),
              jax="jax.scipy.special.beta")
betaln   = op(_of_several(sp.betaln),   lambda g, y, a, b: g * (_sp.psi(a) - _sp.psi(a + b)),
                           lambda g, y, a, b: g * (_sp.psi(b) - _sp.psi(a + b)),
              name="betaln", numpy=(sp.betaln,), domain=(POSITIVE, POSITIVE),
              jax="jax.scipy.special.betaln")
betainc  = op(_of_several(sp.betainc),  _no_rule("betainc", "a"), _no_rule("betainc", "b"),
                           lambda g, y, a, b, x:
                               g * np.exp((a - 1) * np.log(x) + (b - 1) * np.log1p(-x)
                                          - _sp.betaln(a, b)),
              name="betainc", numpy=(sp.betainc,), domain=(POSITIVE, POSITIVE, FROM_0_TO_1),
              jax="jax.scipy.special.betainc")
gammainc = op(_of_several(sp.gammainc), _no_rule("gammainc", "a"),
                           lambda g, y, a, x: g * np.exp((a - 1) * np.log(x) - x - _sp.gammaln(a)),
              name="gammainc", numpy=(sp.gammainc,), domain=(POSITIVE, POSITIVE),
              jax="jax.scipy.special.gammainc")
gammaincc = op(_of_several(sp.gammaincc), _no_rule("gammaincc", "a"),
                           lambda g, y, a, x: -g * np.exp((a - 1) * np.log(x) - x - _sp.gammaln(a)),
              name="gammaincc", numpy=(sp.gammaincc,), domain=(POSITIVE, POSITIVE),
              jax="jax.scipy.special.gammaincc")
logit    = op(sp.logit,    lambda g, y, x: g / (x * (1 - x)), domain=(FROM_0_TO_1,),
              jax="jax.scipy.special.logit",
              doc="log(x / (1 - x)), of which sigmoid is the inverse.")
xlogy    = op(_of_several(sp.xlogy),    lambda g, y, a, b: g * np.log(b),
                           lambda g, y, a, b: g * a / b,
              name="xlogy", numpy=(sp.xlogy,), domain=(REAL, POSITIVE),
              jax="jax.scipy.special.xlogy",
              doc="a · log(b), and 0 where a is 0.")
xlog1py  = op(_of_several(sp.xlog1py),  lambda g, y, a, b: g * np.log1p(b),
                           lambda g, y, a, b: g * a / (1 + b),
              name="xlog1py", numpy=(sp.xlog1py,), domain=(REAL, POSITIVE),
              jax="jax.scipy.special.xlog1py",
              doc="a · log(1 + b), and 0 where a is 0.")
entr     = op(sp.entr,     lambda g, y, x: -g * (np.log(x) + 1), domain=(POSITIVE,),
              jax="jax.scipy.special.entr", doc="-x · log(x), and 0 at 0.")
rel_entr = op(_of_several(sp.rel_entr), lambda g, y, a, b: g * (_log_ratio(a, b) + 1),
                           lambda g, y, a, b: -g * a / b,
              name="rel_entr", numpy=(sp.rel_entr,), domain=(POSITIVE, POSITIVE),
              jax="jax.scipy.special.rel_entr",
              doc="a · log(a / b), and 0 where a is 0.")
kl_terms = op(_of_several(sp.kl_div),   lambda g, y, a, b: g * _log_ratio(a, b),
                           lambda g, y, a, b: g * (1 - a / b),
              name="kl_terms", numpy=(sp.kl_div,), domain=(POSITIVE, POSITIVE),
              jax="jax.scipy.special.kl_div",
              doc="a · log(a / b) - a + b; see scipy.special.kl_div.")
lambertw = op(_lambertw,   lambda g, y, x: g * np.exp(-y) / (1 + y), domain=(POSITIVE,),
              name="lambertw", doc="The y with y · exp(y) = x; see scipy.special.lambertw.")
exp10    = op(sp.exp10,    lambda g, y, x: g * y * float(np.log(10.0)))
expi     = op(sp.expi,     lambda g, y, x: g * np.exp(x) / x, domain=(POSITIVE,),
              jax="jax.scipy.special.expi")
exp1     = op(sp.exp1,     lambda g, y, x: -g * np.exp(-x) / x, domain=(POSITIVE,),
              jax="jax.scipy.special.exp1")
bessel_j0 = op(sp.j0,       lambda g, y, x: -g * _sp.j1(x), name="bessel_j0")
bessel_j1 = op(sp.j1,       lambda g, y, x: g * 0.5 * (_sp.j0(x) - _sp.jv(2.0, x)),
              name="bessel_j1")
bessel_y0 = op(sp.y0,       lambda g, y, x: -g * _sp.y1(x), name="bessel_y0",
              domain=(POSITIVE,))
bessel_y1 = op(sp.y1,       lambda g, y, x: g * 0.5 * (_sp.y0(x) - _sp.yv(2.0, x)),
              name="bessel_y1", domain=(POSITIVE,))
bessel_i0 = op(sp.i0,       lambda g, y, x: g * _sp.i1(x), numpy=(np.i0,),
              name="bessel_i0", jax="jax.scipy.special.i0")
bessel_i1 = op(sp.i1,       lambda g, y, x: g * 0.5 * (_sp.i0(x) + _sp.iv(2.0, x)),
              name="bessel_i1", jax="jax.scipy.special.i1")
bessel_i0e = op(sp.i0e,      lambda g, y, x: g * (_sp.i1e(x) - np.sign(x) * y), kinks=lambda x: x,
              name="bessel_i0e", jax="jax.scipy.special.i0e")
bessel_i1e = op(sp.i1e,      lambda g, y, x:
                               g * (0.5 * (_sp.i0e(x) + _sp.ive(2.0, x)) - np.sign(x) * y),
              name="bessel_i1e", kinks=lambda x: x, jax="jax.scipy.special.i1e")
bessel_jv = op(_of_several(sp.jv),       _no_rule("jv", "v"),
                           lambda g, y, v, x: g * 0.5 * (_sp.jv(v - 1, x) - _sp.jv(v + 1, x)),
              name="bessel_jv", numpy=(sp.jv,), domain=_BESSEL)
bessel_yv = op(_of_several(sp.yv),       _no_rule("yv", "v"),
                           lambda g, y, v, x: g * 0.5 * (_sp.yv(v - 1, x) - _sp.yv(v + 1, x)),
              name="bessel_yv", numpy=(sp.yv,), domain=_BESSEL)
bessel_iv = op(_of_several(sp.iv),       _no_rule("iv", "v"),
                           lambda g, y, v, x: g * 0.5 * (_sp.iv(v - 1, x) + _sp.iv(v + 1, x)),
              name="bessel_iv", numpy=(sp.iv,), domain=_BESSEL)
bessel_ive = op(_of_several(sp.ive),      _no_rule("ive", "v"),
                           lambda g, y, v, x:
                               g * (0.5 * (_sp.ive(v - 1, x) + _sp.ive(v + 1, x)) - np.sign(x) * y),
              name="bessel_ive", numpy=(sp.ive,), domain=_BESSEL)
# fmt: on

OPS = [value for value in vars().values() if isinstance(value, Op)]
OPS = [made for made in OPS if made not in vars(elementwise).values()]
for _op in OPS:
    _op.is_public, _op.is_optional = False, True
    _op.doc = _op.doc.replace("see np.", "see scipy.special.")
for _ufunc, _ours in (
    *((sp.erf, elementwise.erf), (sp.erfc, elementwise.erfc), (sp.expit, sigmoid)),
    *((sp.expm1, expm1), (sp.log1p, log1p), (sp.cbrt, elementwise.cbrt)),
    *((sp.exp2, elementwise.exp2), (sp.digamma, digamma)),
):
    numpy_functions[_ufunc] = _ours


@implements(vars(sys.modules[_sp.lambertw.__module__])["_lambertw"])
def _branch(x: Any, k: Any = 0, tol: Any = 1e-8) -> Any:
    if np.any(np.asarray(k) != 0):
        raise ValueError("lambertw of a Tensor takes k=0, the branch that is real above -1/e")
    return lambertw(x)


@implements(sp.log_expit)
def _log_expit(x: Any) -> Any:
    return -softplus(-x)
