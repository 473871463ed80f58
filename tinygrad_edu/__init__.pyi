"""Written by `python -m tinygrad_edu.stubs` from `__init__.py` and the ops: do not edit."""

from collections.abc import Sequence
from typing import overload

from numpy.typing import ArrayLike, DTypeLike

from .anomaly import AnomalyError as AnomalyError
from .anomaly import detect_anomaly as detect_anomaly
from .compiler import compile as compile
from .derivation import derive as derive
from .drawing import draw as draw
from .engine.define import op as op
from .engine.leaving import GradientLostWarning as GradientLostWarning
from .engine.methods import Axis, Operand
from .engine.op import Op as Op
from .engine.recording import enable_grad as enable_grad
from .engine.recording import no_grad as no_grad
from .engine.tensor import Tensor as Tensor
from .explanation import explain as explain
from .functions import binary_cross_entropy as binary_cross_entropy
from .functions import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from .functions import cross_entropy as cross_entropy
from .functions import dot as dot
from .functions import log_sigmoid as log_sigmoid
from .functions import mse as mse
from .functions import outer as outer
from .networks.activations import celu as celu
from .networks.activations import elu as elu
from .networks.activations import gelu as gelu
from .networks.activations import glu as glu
from .networks.activations import hardsigmoid as hardsigmoid
from .networks.activations import hardswish as hardswish
from .networks.activations import hardtanh as hardtanh
from .networks.activations import leaky_relu as leaky_relu
from .networks.activations import mish as mish
from .networks.activations import prelu as prelu
from .networks.activations import relu6 as relu6
from .networks.activations import selu as selu
from .networks.activations import silu as silu
from .networks.activations import softsign as softsign
from .networks.convolutions import adaptive_avg_pool as adaptive_avg_pool
from .networks.convolutions import adaptive_max_pool as adaptive_max_pool
from .networks.convolutions import avg_pool as avg_pool
from .networks.convolutions import conv as conv
from .networks.convolutions import conv_transpose as conv_transpose
from .networks.convolutions import max_pool as max_pool
from .networks.layers import attention as attention
from .networks.layers import batch_norm as batch_norm
from .networks.layers import cosine_similarity as cosine_similarity
from .networks.layers import distance as distance
from .networks.layers import dropout as dropout
from .networks.layers import embedding as embedding
from .networks.layers import group_norm as group_norm
from .networks.layers import layer_norm as layer_norm
from .networks.layers import one_hot as one_hot
from .networks.layers import pairwise_distance as pairwise_distance
from .networks.layers import rms_norm as rms_norm
from .networks.losses import focal as focal
from .networks.losses import hinge as hinge
from .networks.losses import huber as huber
from .networks.losses import kl_div as kl_div
from .networks.losses import mae as mae
from .networks.losses import nll as nll
from .networks.losses import triplet as triplet
from .networks.parameters import flatten as flatten
from .notation.table import table as table
from .numpy_functions.matrices import block_diag as block_diag
from .numpy_functions.matrices import cho_solve as cho_solve
from .numpy_functions.matrices import solve_triangular as solve_triangular
from .numpy_functions.matrices import toeplitz as toeplitz
from .player import play as play
from .transforms import grad as grad
from .transforms import hessian as hessian
from .transforms import hvp as hvp
from .transforms import jacobian as jacobian
from .transforms import jvp as jvp
from .transforms import value_and_grad as value_and_grad
from .transforms import vjp as vjp

__version__: str

class _abs(Op):
    """abs, entry by entry; see np.abs.

    y = |x|
    ∂y/∂x = sign(x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

abs: _abs

class _add(Op):
    """add, entry by entry; see np.add.

    y = a + b
    ∂y/∂a = 1
    ∂y/∂b = 1
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

add: _add

class _all(Op):
    """Whether all entries are true.

    y = all(x)
    """

    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

all: _all

class _any(Op):
    """Whether an entry is true.

    y = any(x)
    """

    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

any: _any

class _arccos(Op):
    """arccos, entry by entry; see np.arccos.

    y = arccos(x)
    ∂y/∂x = −1 / √(1 − x²)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

arccos: _arccos

class _arccosh(Op):
    """arccosh, entry by entry; see np.arccosh.

    y = arccosh(x)
    ∂y/∂x = 1 / √(x² − 1)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

arccosh: _arccosh

class _arcsin(Op):
    """arcsin, entry by entry; see np.arcsin.

    y = arcsin(x)
    ∂y/∂x = 1 / √(1 − x²)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

arcsin: _arcsin

class _arcsinh(Op):
    """arcsinh, entry by entry; see np.arcsinh.

    y = arcsinh(x)
    ∂y/∂x = 1 / √(x² + 1)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

arcsinh: _arcsinh

class _arctan(Op):
    """arctan, entry by entry; see np.arctan.

    y = arctan(x)
    ∂y/∂x = 1 / (1 + x²)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

arctan: _arctan

class _arctan2(Op):
    """arctan2, entry by entry; see np.arctan2.

    y = arctan2(a, b)
    ∂y/∂a = b / (a² + b²)
    ∂y/∂b = −a / (a² + b²)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

arctan2: _arctan2

class _arctanh(Op):
    """arctanh, entry by entry; see np.arctanh.

    y = arctanh(x)
    ∂y/∂x = 1 / (1 − x²)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

arctanh: _arctanh

class _argmax(Op):
    """Where the largest entry is.

    y = argmax(x, axis=1)
    """

    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

argmax: _argmax

class _argmin(Op):
    """Where the smallest entry is.

    y = argmin(x, axis=1)
    """

    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

argmin: _argmin

class _argsort(Op):
    """The indices that sort along the axis.

    y = argsort(x)
    """

    def __call__(self, x: Operand, /, axis: Axis = -1, stable: bool = False) -> Tensor: ...

argsort: _argsort

class _astype(Op):
    """The same numbers in another dtype; only floats keep a gradient.

    y = x
    ∂L/∂x = g
    (g = ∂L/∂y, here for x of shape (3,))
    """

    def __call__(self, x: Operand, /, dtype: DTypeLike | None) -> Tensor: ...

astype: _astype

class _bitwise_and(Op):
    """bitwise_and, entry by entry; see np.bitwise_and."""

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

bitwise_and: _bitwise_and

class _bitwise_or(Op):
    """bitwise_or, entry by entry; see np.bitwise_or."""

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

bitwise_or: _bitwise_or

class _broadcast_to(Op):
    """Repeated up to a shape.

    y = x
    ∂L/∂x = g
    (g = ∂L/∂y, here for x of shape (3,))
    """

    @overload
    def __call__(self, x: Operand, /, shape: int | Sequence[int]) -> Tensor: ...
    @overload
    def __call__(self, x: Operand, /, *shape: int) -> Tensor: ...

broadcast_to: _broadcast_to

class _cbrt(Op):
    """cbrt, entry by entry; see np.cbrt.

    y = ∛x
    ∂y/∂x = 1 / (3·y · y)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

cbrt: _cbrt

class _ceil(Op):
    """ceil, entry by entry; see np.ceil.

    y = ⌈ x ⌉
    ∂y/∂x = 0
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

ceil: _ceil

class _cholesky(Op):
    """The lower triangular y with y @ y.mT = a, of which the lower half is read.

    y = cholesky(a)
    t₁ = solve(yᵀ, solve(yᵀ, yᵀ g ⊙ c₁)ᵀ)ᵀ
    ∂L/∂a = (t₁ + t₁ᵀ) ⊙ c₂
    (g = ∂L/∂y, here for a of shape (4, 4))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

cholesky: _cholesky

class _clip(Op):
    """x, no less than min and no more than max; the bounds let gradients through.

    y = clip(x, min=-0.5, max=1.0)
    ∂L/∂x = g ⊙ ((x ≥ −0.5) ∧ (x ≤ 1))
    (g = ∂L/∂y, here for x of shape (3,))
    """

    def __call__(self, x: Operand, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor: ...

clip: _clip

class _cofactors(Op):
    """The derivative of the determinant.

    y = cofactors(a)
    ∂L/∂a = (Σ g ⊙ y) ⊙ (a^−1)ᵀ − y gᵀ (a^−1)ᵀ
    (g = ∂L/∂y, here for a of shape (4, 4))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

cofactors: _cofactors

class _concatenate(Op):
    """Joined along an axis that they have.

    y = concatenate(x₁, x₂)
    ∂L/∂x₁ = g[0:2]
    ∂L/∂x₂ = g[2:5]
    (g = ∂L/∂y, here for x₁ of shape (2,) and x₂ of shape (3,))
    """

    def __call__(self, arrays: Sequence[Operand], /, axis: Axis = 0) -> Tensor: ...

concatenate: _concatenate

class _cos(Op):
    """cos, entry by entry; see np.cos.

    y = cos(x)
    ∂y/∂x = −sin(x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

cos: _cos

class _cosh(Op):
    """cosh, entry by entry; see np.cosh.

    y = cosh(x)
    ∂y/∂x = sinh(x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

cosh: _cosh

class _cumsum(Op):
    """The running sum along the axis, or over all entries in order.

    y = cumsum(x, axis=0)
    ∂L/∂x = flip(cumsum(flip(g, axis=0), axis=0), axis=0)
    (g = ∂L/∂y, here for x of shape (4,))
    """

    def __call__(self, x: Operand, /, axis: Axis = None) -> Tensor: ...

cumsum: _cumsum

class _det(Op):
    """The determinant.

    y = det(a)
    ∂L/∂a = g ⊙ cofactors(a)
    (g = ∂L/∂y, here for a of shape (4, 4))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

det: _det

class _divide(Op):
    """divide, entry by entry; see np.divide.

    y = a / b
    ∂y/∂a = 1 / b
    ∂y/∂b = −y / b
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

divide: _divide

class _eig_vectors(Op):
    """The eigenvectors of a matrix whose eigenvalues are real, in columns.

    y = eig_vectors(a)
    ∂L/∂a = solve(yᵀ, (c₃ / (eigvals(a) − eigvals(a)[:, None] + c₂) ⊙ (yᵀ g − yᵀ y ⊙ Σ_rows yᵀ g ⊙ c₁)) yᵀ)
    (g = ∂L/∂y, here for a of shape (4, 4))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

eig_vectors: _eig_vectors

class _eigh_vectors(Op):
    """The eigenvectors of a symmetric matrix, in columns.

    y = eigh_vectors(a)
    t₁ = y (c₂ / (eigvalsh(a) − eigvalsh(a)[:, None] + c₁) ⊙ yᵀ g) yᵀ
    ∂L/∂a = (t₁ + t₁ᵀ) ⊙ c₃
    (g = ∂L/∂y, here for a of shape (4, 4))
    """

    def __call__(self, x: Operand, /, UPLO: str = 'L') -> Tensor: ...

eigh_vectors: _eigh_vectors

class _eigvals(Op):
    """The eigenvalues of a matrix, which must be real.

    y = eigvals(a)
    ∂L/∂a = solve(eig_vectors(a)ᵀ, g[:, None] ⊙ eig_vectors(a)ᵀ)
    (g = ∂L/∂y, here for a of shape (4, 4))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

eigvals: _eigvals

class _eigvalsh(Op):
    """The eigenvalues of a symmetric matrix, of which one half is read.

    y = eigvalsh(a)
    t₁ = (eigh_vectors(a) ⊙ g) eigh_vectors(a)ᵀ
    ∂L/∂a = (t₁ + t₁ᵀ) ⊙ c₁
    (g = ∂L/∂y, here for a of shape (4, 4))
    """

    def __call__(self, x: Operand, /, UPLO: str = 'L') -> Tensor: ...

eigvalsh: _eigvalsh

class _equal(Op):
    """equal, entry by entry; see np.equal.

    y = (a = b)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

equal: _equal

class _erf(Op):
    """The error function: twice the normal distribution's share from 0 to x√2.

    y = erf(x)
    ∂y/∂x = √(4/π)·e^(−x · x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

erf: _erf

class _erfc(Op):
    """1 - erf(x): exact where that rounds to 0.

    y = erfc(x)
    ∂y/∂x = −√(4/π) · e^(−x · x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

erfc: _erfc

class _exp(Op):
    """exp, entry by entry; see np.exp.

    y = e^x
    ∂y/∂x = y
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

exp: _exp

class _exp2(Op):
    """exp2, entry by entry; see np.exp2.

    y = 2^x
    ∂y/∂x = y · ln 2
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

exp2: _exp2

class _expand_dims(Op):
    """With new axes of length 1.

    y = x
    ∂L/∂x = g
    (g = ∂L/∂y, here for x of shape (3,))
    """

    def __call__(self, x: Operand, /, axis: Axis) -> Tensor: ...

expand_dims: _expand_dims

class _expm(Op):
    """The exponential of a matrix, 1 + a + a @ a / 2 + ...

    y = expm(a)
    ∂L/∂a = expm(concatenate(concatenate(aᵀ, g, axis=-1), concatenate(0, aᵀ, axis=-1), axis=-2))[..., :4, 4:]
    (g = ∂L/∂y, here for a of shape (4, 4))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

expm: _expm

class _expm1(Op):
    """expm1, entry by entry; see np.expm1.

    y = expm1(x)
    ∂y/∂x = e^x
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

expm1: _expm1

class _flip(Op):
    """In reverse order along the axis.

    y = flip(x)
    ∂L/∂x = flip(g)
    (g = ∂L/∂y, here for x of shape (2, 3))
    """

    def __call__(self, x: Operand, /, axis: Axis = None) -> Tensor: ...

flip: _flip

class _floor(Op):
    """floor, entry by entry; see np.floor.

    y = ⌊ x ⌋
    ∂y/∂x = 0
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

floor: _floor

class _floor_divide(Op):
    """floor_divide, entry by entry; see np.floor_divide.

    y = ⌊ a / b ⌋
    ∂y/∂a = 0
    ∂y/∂b = 0
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

floor_divide: _floor_divide

class _greater(Op):
    """greater, entry by entry; see np.greater.

    y = (a > b)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

greater: _greater

class _greater_equal(Op):
    """greater_equal, entry by entry; see np.greater_equal.

    y = (a ≥ b)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

greater_equal: _greater_equal

class _hypot(Op):
    """hypot, entry by entry; see np.hypot.

    y = hypot(a, b)
    ∂y/∂a = a / y
    ∂y/∂b = b / y
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

hypot: _hypot

class _inv(Op):
    """The inverse of a matrix.

    y = a^−1
    ∂L/∂a = −yᵀ g yᵀ
    (g = ∂L/∂y, here for a of shape (4, 4))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

inv: _inv

class _invert(Op):
    """invert, entry by entry; see np.invert."""

    def __call__(self, x: Operand, /) -> Tensor: ...

invert: _invert

class _isfinite(Op):
    """isfinite, entry by entry; see np.isfinite.

    y = isfinite(x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

isfinite: _isfinite

class _isinf(Op):
    """isinf, entry by entry; see np.isinf.

    y = isinf(x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

isinf: _isinf

class _isnan(Op):
    """isnan, entry by entry; see np.isnan.

    y = isnan(x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

isnan: _isnan

class _less(Op):
    """less, entry by entry; see np.less.

    y = (a < b)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

less: _less

class _less_equal(Op):
    """less_equal, entry by entry; see np.less_equal.

    y = (a ≤ b)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

less_equal: _less_equal

class _log(Op):
    """log, entry by entry; see np.log.

    y = ln(x)
    ∂y/∂x = 1 / x
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

log: _log

class _log10(Op):
    """log10, entry by entry; see np.log10.

    y = log10(x)
    ∂y/∂x = 1 / (x · ln 10)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

log10: _log10

class _log1p(Op):
    """log1p, entry by entry; see np.log1p.

    y = log1p(x)
    ∂y/∂x = 1 / (1 + x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

log1p: _log1p

class _log2(Op):
    """log2, entry by entry; see np.log2.

    y = log2(x)
    ∂y/∂x = 1 / (x · ln 2)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

log2: _log2

class _log_softmax(Op):
    """log(softmax(x)) along the axis: right even where softmax itself would be 0.

    y = log_softmax(x)
    ∂L/∂x = g − softmax(x) ⊙ Σ g
    (g = ∂L/∂y, here for x of shape (3,))
    """

    def __call__(self, x: Operand, /, axis: Axis = -1) -> Tensor: ...

log_softmax: _log_softmax

class _logabsdet(Op):
    """The logarithm of the absolute value of the determinant.

    y = logabsdet(a)
    ∂L/∂a = g ⊙ (a^−1)ᵀ
    (g = ∂L/∂y, here for a of shape (4, 4))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

logabsdet: _logabsdet

class _logaddexp(Op):
    """logaddexp, entry by entry; see np.logaddexp.

    y = logaddexp(a, b)
    ∂y/∂a = σ(a − b)
    ∂y/∂b = σ(b − a)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

logaddexp: _logaddexp

class _logaddexp2(Op):
    """logaddexp2, entry by entry; see np.logaddexp2.

    y = logaddexp2(a, b)
    ∂y/∂a = σ((a − b) · ln 2)
    ∂y/∂b = σ((b − a) · ln 2)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

logaddexp2: _logaddexp2

class _logical_and(Op):
    """logical_and, entry by entry; see np.logical_and.

    y = logical_and(a, b)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

logical_and: _logical_and

class _logical_not(Op):
    """logical_not, entry by entry; see np.logical_not.

    y = logical_not(x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

logical_not: _logical_not

class _logical_or(Op):
    """logical_or, entry by entry; see np.logical_or.

    y = logical_or(a, b)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

logical_or: _logical_or

class _logical_xor(Op):
    """logical_xor, entry by entry; see np.logical_xor.

    y = logical_xor(a, b)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

logical_xor: _logical_xor

class _logsumexp(Op):
    """log of the sum of exp(x) over the axis, without overflow; its gradient is softmax.

    y = logsumexp(x)
    ∂L/∂x = g · softmax(x, axis=None)
    (g = ∂L/∂y, here for x of shape (2, 3))
    """

    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

logsumexp: _logsumexp

class _matmul(Op):
    """The matrix product, of vectors, matrices or stacks of matrices, as NumPy's @.

    y = a b
    ∂L/∂a = g bᵀ
    ∂L/∂b = aᵀ g
    (g = ∂L/∂y, here for a of shape (4, 3) and b of shape (3, 2))
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

matmul: _matmul

class _max(Op):
    """The largest entry; equal ones share the gradient.

    y = max(x)
    ∂L/∂x = g · (x = y)
    (where no two entries of x tie at a maximum)
    (g = ∂L/∂y, here for x of shape (2, 3))
    """

    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

max: _max

class _maximum(Op):
    """maximum, entry by entry; see np.maximum.

    y = max(a, b)
    ∂y/∂a = (a > b)
    ∂y/∂b = (b > a)
    (where a and b never tie)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

maximum: _maximum

class _mean(Op):
    """The mean over the axis.

    y = mean(x)
    ∂L/∂x = g / 6
    (g = ∂L/∂y, here for x of shape (2, 3))
    """

    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

mean: _mean

class _min(Op):
    """The smallest entry; equal ones share the gradient.

    y = min(x)
    ∂L/∂x = g · (x = y)
    (where no two entries of x tie at a minimum)
    (g = ∂L/∂y, here for x of shape (2, 3))
    """

    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

min: _min

class _minimum(Op):
    """minimum, entry by entry; see np.minimum.

    y = min(a, b)
    ∂y/∂a = (a < b)
    ∂y/∂b = (b < a)
    (where a and b never tie)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

minimum: _minimum

class _moveaxis(Op):
    """Axes moved to other places.

    y = moveaxis(x, 0, -1)
    ∂L/∂x = moveaxis(g, -1, 0)
    (g = ∂L/∂y, here for x of shape (2, 3))
    """

    def __call__(self, x: Operand, /, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor: ...

moveaxis: _moveaxis

class _multiply(Op):
    """multiply, entry by entry; see np.multiply.

    y = a · b
    ∂y/∂a = b
    ∂y/∂b = a
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

multiply: _multiply

class _negative(Op):
    """negative, entry by entry; see np.negative.

    y = −x
    ∂y/∂x = −1
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

negative: _negative

class _not_equal(Op):
    """not_equal, entry by entry; see np.not_equal.

    y = (a ≠ b)
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

not_equal: _not_equal

class _pinv(Op):
    """The pseudo-inverse of Moore and Penrose.

    y = pinv(a)
    ∂L/∂a = (c₁ − a y) gᵀ y yᵀ + yᵀ y gᵀ (c₂ − y a) − yᵀ g yᵀ
    (g = ∂L/∂y, here for a of shape (3, 2))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

pinv: _pinv

class _positive(Op):
    """positive, entry by entry; see np.positive.

    y = +x
    ∂y/∂x = 1
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

positive: _positive

class _power(Op):
    """power, entry by entry; see np.power.

    y = a^b
    ∂y/∂a = b · where((a = 0) ∧ (b = 0), 1, a)^(b − 1)
    ∂y/∂b = y · ln(where((a = 0) ∧ (b ≥ 0), 1, a))
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

power: _power

class _prod(Op):
    """The product over the axis; zeros are no exception.

    y = Π x
    ∂L/∂x = g · y / x
    (where no factor of x is 0)
    (g = ∂L/∂y, here for x of shape (2, 3))
    """

    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

prod: _prod

class _qr_q(Op):
    """Orthonormal columns that span those of a matrix.

    y = qr_q(a)
    ∂L/∂a = solve(qr_r(a), (g + y (−gᵀ y ⊙ c₁ + (−gᵀ y ⊙ c₁)ᵀ))ᵀ)ᵀ
    (g = ∂L/∂y, here for a of shape (3, 2))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

qr_q: _qr_q

class _qr_r(Op):
    """The triangular y with qr_q(a) @ y = a.

    y = qr_r(a)
    ∂L/∂a = solve(y, (qr_q(a) (y gᵀ ⊙ c₁ + (y gᵀ ⊙ c₁)ᵀ))ᵀ)ᵀ
    (g = ∂L/∂y, here for a of shape (3, 2))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

qr_r: _qr_r

class _reciprocal(Op):
    """reciprocal, entry by entry; see np.reciprocal.

    y = 1 / x
    ∂y/∂x = −y · y
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

reciprocal: _reciprocal

class _relu(Op):
    """max(x, 0); its derivative at 0 is 0.

    y = relu(x)
    ∂y/∂x = (x > 0)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

relu: _relu

class _remainder(Op):
    """remainder, entry by entry; see np.remainder.

    y = a mod b
    ∂y/∂a = 1
    ∂y/∂b = −⌊ a / b ⌋
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

remainder: _remainder

class _reshape(Op):
    """The entries in order, in another shape; -1 stands for what is left.

    y = reshape(x, (3, 2))
    ∂L/∂x = reshape(g, x.shape)
    (g = ∂L/∂y, here for x of shape (2, 3))
    """

    @overload
    def __call__(self, x: Operand, /, shape: int | Sequence[int]) -> Tensor: ...
    @overload
    def __call__(self, x: Operand, /, *shape: int) -> Tensor: ...

reshape: _reshape

class _rint(Op):
    """rint, entry by entry; see np.rint.

    y = rint(x)
    ∂y/∂x = 0
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

rint: _rint

class _safe_log(Op):
    """log x, finite at 0: there x counts as the smallest normal number of its dtype.

    y = ln(x)
    ∂y/∂x = 1 / x
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

safe_log: _safe_log

class _sigmoid(Op):
    """1 / (1 + exp(-x)), without overflow.

    y = σ(x)
    ∂y/∂x = y · (1 − y)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

sigmoid: _sigmoid

class _sign(Op):
    """sign, entry by entry; see np.sign.

    y = sign(x)
    ∂y/∂x = 0
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

sign: _sign

class _sign_of_det(Op):
    """The sign of the determinant.

    y = sign_of_det(a)
    ∂L/∂a = 0 ⊙ g
    (g = ∂L/∂y, here for a of shape (4, 4))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

sign_of_det: _sign_of_det

class _signbit(Op):
    """signbit, entry by entry; see np.signbit.

    y = signbit(x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

signbit: _signbit

class _sin(Op):
    """sin, entry by entry; see np.sin.

    y = sin(x)
    ∂y/∂x = cos(x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

sin: _sin

class _sinc(Op):
    """sin(πx) / (πx), and 1 at 0.

    y = sinc(x)
    ∂y/∂x = (cos(π·x) − y) / where(x = 0, 1, x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

sinc: _sinc

class _sinh(Op):
    """sinh, entry by entry; see np.sinh.

    y = sinh(x)
    ∂y/∂x = cosh(x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

sinh: _sinh

class _softmax(Op):
    """exp(x) divided by its sum along the axis: positive numbers that add up to 1.

    y = softmax(x)
    ∂L/∂x = y ⊙ (g − Σ g ⊙ y)
    (g = ∂L/∂y, here for x of shape (3,))
    """

    def __call__(self, x: Operand, /, axis: Axis = -1) -> Tensor: ...

softmax: _softmax

class _softplus(Op):
    """log(1 + exp(x)), without overflow.

    y = softplus(x)
    ∂y/∂x = σ(x)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

softplus: _softplus

class _solve(Op):
    """The solution x of a @ x = b.

    y = solve(a, b)
    ∂L/∂a = −solve(aᵀ, g)[..., 0] yᵀ
    ∂L/∂b = solve(aᵀ, g)[..., 0]
    (g = ∂L/∂y, here for a of shape (2, 2) and b of shape (2,))
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

solve: _solve

class _solve_sylvester(Op):
    """The solution x of a @ x + x @ b = q.

    y = solve_sylvester(a, b, q)
    ∂L/∂a = −solve_sylvester(aᵀ, bᵀ, g) yᵀ
    ∂L/∂b = −yᵀ solve_sylvester(aᵀ, bᵀ, g)
    ∂L/∂q = solve_sylvester(aᵀ, bᵀ, g)
    (g = ∂L/∂y, here for a of shape (2, 2) and b of shape (3, 3) and q of shape (2, 3))
    """

    def __call__(self, a: Operand, b: Operand, c: Operand, /) -> Tensor: ...

solve_sylvester: _solve_sylvester

class _sqrt(Op):
    """sqrt, entry by entry; see np.sqrt.

    y = √x
    ∂y/∂x = 1 / (2·y)
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

sqrt: _sqrt

class _sqrtm(Op):
    """The square root y of a matrix, y @ y = a, with positive eigenvalues.

    y = sqrtm(a)
    ∂L/∂a = solve_sylvester(yᵀ, yᵀ, g)
    (g = ∂L/∂y, here for a of shape (2, 2))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

sqrtm: _sqrtm

class _square(Op):
    """square, entry by entry; see np.square.

    y = x^2
    ∂y/∂x = 2·x
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

square: _square

class _squeeze(Op):
    """Without the axes of length 1.

    y = x
    ∂L/∂x = g
    (g = ∂L/∂y, here for x of shape (1, 3, 1))
    """

    def __call__(self, x: Operand, /, axis: Axis = None) -> Tensor: ...

squeeze: _squeeze

class _stack(Op):
    """Joined along a new axis.

    y = stack(x₁, x₂)
    ∂L/∂x₁ = g[0]
    ∂L/∂x₂ = g[1]
    (g = ∂L/∂y, here for x₁ of shape (2,) and x₂ of shape (2,))
    """

    def __call__(self, arrays: Sequence[Operand], /, axis: Axis = 0) -> Tensor: ...

stack: _stack

class _std(Op):
    """The standard deviation over the axis, the root of var; where all entries are equal its derivative is 0.

    y = std(x)
    ∂L/∂x = g / where(y = 0, 1, y) · (x − mean(x)) / 6
    (g = ∂L/∂y, here for x of shape (2, 3))
    """

    def __call__(self, x: Operand, /, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor: ...

std: _std

class _subtract(Op):
    """subtract, entry by entry; see np.subtract.

    y = a − b
    ∂y/∂a = 1
    ∂y/∂b = −1
    """

    def __call__(self, a: Operand, b: Operand, /) -> Tensor: ...

subtract: _subtract

class _sum(Op):
    """The sum over the axis.

    y = Σ x
    ∂L/∂x = g
    (g = ∂L/∂y, here for x of shape (2, 3))
    """

    def __call__(self, x: Operand, /, axis: Axis = None, keepdims: bool = False) -> Tensor: ...

sum: _sum

class _svd_left(Op):
    """The left singular vectors, in columns.

    y = svd_left(a)
    ∂L/∂a = (y (c₂ / (svdvals(a)² − (svdvals(a)²)[:, None] + c₁) ⊙ (yᵀ g − (yᵀ g)ᵀ)) ⊙ svdvals(a) + (c₃ − y yᵀ) g / svdvals(a)) svd_right(a)
    (g = ∂L/∂y, here for a of shape (3, 2))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

svd_left: _svd_left

class _svd_right(Op):
    """The right singular vectors, in rows.

    y = svd_right(a)
    ∂L/∂a = ((yᵀ (c₂ / (svdvals(a)² − (svdvals(a)²)[:, None] + c₁) ⊙ (y gᵀ − (y gᵀ)ᵀ)) ⊙ svdvals(a)) svd_left(a)ᵀ)ᵀ
    (g = ∂L/∂y, here for a of shape (3, 2))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

svd_right: _svd_right

class _svdvals(Op):
    """The singular values, largest first.

    y = svdvals(a)
    ∂L/∂a = (svd_left(a) ⊙ (g ⊙ sign(y))) svd_right(a)
    (g = ∂L/∂y, here for a of shape (3, 2))
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

svdvals: _svdvals

class _swapaxes(Op):
    """Two axes exchanged.

    y = swapaxes(x, 0, 1)
    ∂L/∂x = swapaxes(g, 0, 1)
    (g = ∂L/∂y, here for x of shape (2, 3))
    """

    def __call__(self, x: Operand, /, axis1: int, axis2: int) -> Tensor: ...

swapaxes: _swapaxes

class _tan(Op):
    """tan, entry by entry; see np.tan.

    y = tan(x)
    ∂y/∂x = 1 + y²
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

tan: _tan

class _tanh(Op):
    """tanh, entry by entry; see np.tanh.

    y = tanh(x)
    ∂y/∂x = 1 − y²
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

tanh: _tanh

class _transpose(Op):
    """The axes reversed, or in the order given.

    y = xᵀ
    ∂L/∂x = gᵀ
    (g = ∂L/∂y, here for x of shape (2, 3))
    """

    @overload
    def __call__(self, x: Operand, /, axes: Sequence[int] | None = None) -> Tensor: ...
    @overload
    def __call__(self, x: Operand, /, *axes: int) -> Tensor: ...

transpose: _transpose

class _trunc(Op):
    """trunc, entry by entry; see np.trunc.

    y = trunc(x)
    ∂y/∂x = 0
    """

    def __call__(self, x: Operand, /) -> Tensor: ...

trunc: _trunc

class _var(Op):
    """The variance over the axis: the sum of squared deviations over n - ddof.

    y = var(x)
    ∂L/∂x = g · 2 · (x − mean(x)) / 6
    (g = ∂L/∂y, here for x of shape (2, 3))
    """

    def __call__(self, x: Operand, /, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor: ...

var: _var

class _where(Op):
    """a where the condition holds, else b; the one not taken gets a gradient of exactly 0.

    y = where(c, a, b)
    ∂L/∂a = where(c, g, 0)
    ∂L/∂b = where(c, 0, g)
    (g = ∂L/∂y)
    """

    def __call__(self, a: Operand, b: Operand, c: Operand, /) -> Tensor: ...

where: _where

__all__ = [
    "AnomalyError",
    "GradientLostWarning",
    "Op",
    "Tensor",
    "abs",
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "add",
    "all",
    "any",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argsort",
    "astype",
    "attention",
    "avg_pool",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "bitwise_and",
    "bitwise_or",
    "block_diag",
    "broadcast_to",
    "cbrt",
    "ceil",
    "celu",
    "cho_solve",
    "cholesky",
    "clip",
    "cofactors",
    "compile",
    "concatenate",
    "conv",
    "conv_transpose",
    "cos",
    "cosh",
    "cosine_similarity",
    "cross_entropy",
    "cumsum",
    "derive",
    "det",
    "detect_anomaly",
    "distance",
    "divide",
    "dot",
    "draw",
    "dropout",
    "eig_vectors",
    "eigh_vectors",
    "eigvals",
    "eigvalsh",
    "elu",
    "embedding",
    "enable_grad",
    "equal",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expand_dims",
    "explain",
    "expm",
    "expm1",
    "flatten",
    "flip",
    "floor",
    "floor_divide",
    "focal",
    "gelu",
    "glu",
    "grad",
    "greater",
    "greater_equal",
    "group_norm",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hessian",
    "hinge",
    "huber",
    "hvp",
    "hypot",
    "inv",
    "invert",
    "isfinite",
    "isinf",
    "isnan",
    "jacobian",
    "jvp",
    "kl_div",
    "layer_norm",
    "leaky_relu",
    "less",
    "less_equal",
    "log",
    "log10",
    "log1p",
    "log2",
    "log_sigmoid",
    "log_softmax",
    "logabsdet",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "mae",
    "matmul",
    "max",
    "max_pool",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mish",
    "moveaxis",
    "mse",
    "multiply",
    "negative",
    "nll",
    "no_grad",
    "not_equal",
    "one_hot",
    "op",
    "outer",
    "pairwise_distance",
    "pinv",
    "play",
    "positive",
    "power",
    "prelu",
    "prod",
    "qr_q",
    "qr_r",
    "reciprocal",
    "relu",
    "relu6",
    "remainder",
    "reshape",
    "rint",
    "rms_norm",
    "safe_log",
    "selu",
    "sigmoid",
    "sign",
    "sign_of_det",
    "signbit",
    "silu",
    "sin",
    "sinc",
    "sinh",
    "softmax",
    "softplus",
    "softsign",
    "solve",
    "solve_sylvester",
    "solve_triangular",
    "sqrt",
    "sqrtm",
    "square",
    "squeeze",
    "stack",
    "std",
    "subtract",
    "sum",
    "svd_left",
    "svd_right",
    "svdvals",
    "swapaxes",
    "table",
    "tan",
    "tanh",
    "toeplitz",
    "transpose",
    "triplet",
    "trunc",
    "value_and_grad",
    "var",
    "vjp",
    "where",
]
