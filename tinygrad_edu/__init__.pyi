"""Written by `python -m tinygrad_edu.stubs` from `__init__.py` and the registry of ops: do not edit."""

from collections.abc import Sequence
from typing import overload

from numpy.typing import ArrayLike, DTypeLike

from ._methods import Axis, Operand
from .anomaly import AnomalyError as AnomalyError
from .anomaly import detect_anomaly as detect_anomaly
from .compile import compile as compile
from .core import Tensor as Tensor
from .define import op as op
from .derive import derive as derive
from .draw import draw as draw
from .explain import explain as explain
from .functions import binary_cross_entropy as binary_cross_entropy
from .functions import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from .functions import cross_entropy as cross_entropy
from .functions import dot as dot
from .functions import log_sigmoid as log_sigmoid
from .functions import mse as mse
from .functions import outer as outer
from .leaving import GradientLostWarning as GradientLostWarning
from .modes import enable_grad as enable_grad
from .modes import no_grad as no_grad
from .operation import Op as Op
from .player import player as player
from .transforms import grad as grad
from .transforms import hessian as hessian
from .transforms import hvp as hvp
from .transforms import jacobian as jacobian
from .transforms import jvp as jvp
from .transforms import value_and_grad as value_and_grad
from .transforms import vjp as vjp

class _abs(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

abs: _abs

class _add(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

add: _add

class _arccos(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

arccos: _arccos

class _arcsin(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

arcsin: _arcsin

class _arcsinh(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

arcsinh: _arcsinh

class _arctan(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

arctan: _arctan

class _arctan2(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

arctan2: _arctan2

class _arctanh(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

arctanh: _arctanh

class _bitwise_and(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

bitwise_and: _bitwise_and

class _bitwise_or(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

bitwise_or: _bitwise_or

class _cbrt(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

cbrt: _cbrt

class _ceil(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

ceil: _ceil

class _clip(Op):
    def __call__(self, x: Operand, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor: ...

clip: _clip

class _cos(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

cos: _cos

class _cosh(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

cosh: _cosh

class _divide(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

divide: _divide

class _equal(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

equal: _equal

class _exp(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

exp: _exp

class _exp2(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

exp2: _exp2

class _expm1(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

expm1: _expm1

class _floor(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

floor: _floor

class _floor_divide(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

floor_divide: _floor_divide

class _greater(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

greater: _greater

class _greater_equal(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

greater_equal: _greater_equal

class _hypot(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

hypot: _hypot

class _invert(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

invert: _invert

class _isfinite(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

isfinite: _isfinite

class _isinf(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

isinf: _isinf

class _isnan(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

isnan: _isnan

class _less(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

less: _less

class _less_equal(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

less_equal: _less_equal

class _log(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

log: _log

class _log1p(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

log1p: _log1p

class _log2(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

log2: _log2

class _log10(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

log10: _log10

class _logaddexp(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

logaddexp: _logaddexp

class _logical_and(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

logical_and: _logical_and

class _logical_not(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

logical_not: _logical_not

class _logical_or(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

logical_or: _logical_or

class _maximum(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

maximum: _maximum

class _minimum(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

minimum: _minimum

class _multiply(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

multiply: _multiply

class _negative(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

negative: _negative

class _not_equal(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

not_equal: _not_equal

class _positive(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

positive: _positive

class _power(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

power: _power

class _reciprocal(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

reciprocal: _reciprocal

class _relu(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

relu: _relu

class _remainder(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

remainder: _remainder

class _rint(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

rint: _rint

class _safe_log(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

safe_log: _safe_log

class _sigmoid(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

sigmoid: _sigmoid

class _sign(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

sign: _sign

class _sin(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

sin: _sin

class _sinh(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

sinh: _sinh

class _softplus(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

softplus: _softplus

class _sqrt(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

sqrt: _sqrt

class _square(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

square: _square

class _subtract(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

subtract: _subtract

class _tan(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

tan: _tan

class _tanh(Op):
    def __call__(self, x: Operand, /) -> Tensor: ...

tanh: _tanh

class _where(Op):
    def __call__(self, a: Operand, b: Operand, c: Operand, /) -> Tensor: ...

where: _where

class _matmul(Op):
    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

matmul: _matmul

class _all(Op):
    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

all: _all

class _any(Op):
    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

any: _any

class _argmax(Op):
    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

argmax: _argmax

class _argmin(Op):
    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

argmin: _argmin

class _argsort(Op):
    def __call__(self, x: Operand, /, axis: Axis = -1, stable: bool = False) -> Tensor: ...

argsort: _argsort

class _cumsum(Op):
    def __call__(self, x: Operand, /, axis: Axis = None) -> Tensor: ...

cumsum: _cumsum

class _log_softmax(Op):
    def __call__(self, x: Operand, /, axis: Axis = -1) -> Tensor: ...

log_softmax: _log_softmax

class _logsumexp(Op):
    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

logsumexp: _logsumexp

class _max(Op):
    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

max: _max

class _mean(Op):
    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

mean: _mean

class _min(Op):
    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

min: _min

class _prod(Op):
    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

prod: _prod

class _softmax(Op):
    def __call__(self, x: Operand, /, axis: Axis = -1) -> Tensor: ...

softmax: _softmax

class _std(Op):
    def __call__(self, x: Operand, /, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor: ...

std: _std

class _sum(Op):
    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

sum: _sum

class _var(Op):
    def __call__(self, x: Operand, /, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor: ...

var: _var

class _astype(Op):
    def __call__(self, x: Operand, /, dtype: DTypeLike) -> Tensor: ...

astype: _astype

class _broadcast_to(Op):
    @overload
    def __call__(self, x: Operand, /, shape: int | Sequence[int]) -> Tensor: ...
    @overload
    def __call__(self, x: Operand, /, *shape: int) -> Tensor: ...

broadcast_to: _broadcast_to

class _concatenate(Op):
    def __call__(self, arrays: Sequence[Operand], /, axis: Axis = 0) -> Tensor: ...

concatenate: _concatenate

class _expand_dims(Op):
    def __call__(self, x: Operand, /, axis: Axis) -> Tensor: ...

expand_dims: _expand_dims

class _flip(Op):
    def __call__(self, x: Operand, /, axis: Axis = None) -> Tensor: ...

flip: _flip

class _moveaxis(Op):
    def __call__(self, x: Operand, /, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor: ...

moveaxis: _moveaxis

class _reshape(Op):
    @overload
    def __call__(self, x: Operand, /, shape: int | Sequence[int]) -> Tensor: ...
    @overload
    def __call__(self, x: Operand, /, *shape: int) -> Tensor: ...

reshape: _reshape

class _squeeze(Op):
    def __call__(self, x: Operand, /, axis: Axis = None) -> Tensor: ...

squeeze: _squeeze

class _stack(Op):
    def __call__(self, arrays: Sequence[Operand], /, axis: Axis = 0) -> Tensor: ...

stack: _stack

class _swapaxes(Op):
    def __call__(self, x: Operand, /, axis1: int, axis2: int) -> Tensor: ...

swapaxes: _swapaxes

class _transpose(Op):
    @overload
    def __call__(self, x: Operand, /, axes: Sequence[int] | None = None) -> Tensor: ...
    @overload
    def __call__(self, x: Operand, /, *axes: int) -> Tensor: ...

transpose: _transpose

__all__ = [
    "AnomalyError",
    "GradientLostWarning",
    "Op",
    "Tensor",
    "abs",
    "add",
    "all",
    "any",
    "arccos",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argsort",
    "astype",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "bitwise_and",
    "bitwise_or",
    "broadcast_to",
    "cbrt",
    "ceil",
    "clip",
    "compile",
    "concatenate",
    "cos",
    "cosh",
    "cross_entropy",
    "cumsum",
    "derive",
    "detect_anomaly",
    "divide",
    "dot",
    "draw",
    "enable_grad",
    "equal",
    "exp",
    "exp2",
    "expand_dims",
    "explain",
    "expm1",
    "flip",
    "floor",
    "floor_divide",
    "grad",
    "greater",
    "greater_equal",
    "hessian",
    "hvp",
    "hypot",
    "invert",
    "isfinite",
    "isinf",
    "isnan",
    "jacobian",
    "jvp",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_sigmoid",
    "log_softmax",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "moveaxis",
    "mse",
    "multiply",
    "negative",
    "no_grad",
    "not_equal",
    "op",
    "outer",
    "player",
    "positive",
    "power",
    "prod",
    "reciprocal",
    "relu",
    "remainder",
    "reshape",
    "rint",
    "safe_log",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "subtract",
    "sum",
    "swapaxes",
    "tan",
    "tanh",
    "transpose",
    "value_and_grad",
    "var",
    "vjp",
    "where",
]
