"""Reverse-mode automatic differentiation on NumPy, to learn, explain and check backpropagation.

>>> import tinygrad_edu as tg
>>> w = tg.Tensor([0.5, -1.0], requires_grad=True)
>>> loss = ((w * [1.0, 2.0]).sum() - 1.0) ** 2
>>> loss.backward()
>>> w.grad
array([ -5., -10.])
"""

from types import ModuleType as _ModuleType

from . import numpy_functions as _numpy_functions  # what NumPy calls on Tensors
from .anomaly import AnomalyError, detect_anomaly
from .compiler import compile
from .derivation import derive
from .drawing import draw
from .engine.define import op
from .engine.elsewhere import (
    module_attribute as __getattr__,
)  # Python asks it for names that are not here
from .engine.leaving import GradientLostWarning
from .engine.op import Op
from .engine.recording import enable_grad, no_grad
from .engine.registry import registry as _registry
from .engine.tensor import Tensor
from .explanation import explain
from .functions import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    dot,
    log_sigmoid,
    mse,
    outer,
)
from .networks.activations import (
    celu,
    elu,
    gelu,
    glu,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    mish,
    prelu,
    relu6,
    selu,
    silu,
    softsign,
)
from .networks.convolutions import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    conv,
    conv_transpose,
    max_pool,
)
from .networks.layers import (
    attention,
    batch_norm,
    cosine_similarity,
    distance,
    dropout,
    embedding,
    group_norm,
    layer_norm,
    one_hot,
    pairwise_distance,
    rms_norm,
)
from .networks.losses import focal, hinge, huber, kl_div, mae, nll, triplet
from .networks.parameters import flatten
from .notation.table import table
from .numpy_functions.matrices import block_diag, cho_solve, solve_triangular, toeplitz
from .player import play
from .transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__version__ = "0.1.0"  # the one place: setup.cfg reads it here


def _page(made: Op) -> str:
    from .notation.manual import page

    return page(made)


Op.page = _page  # what `help(tg.tanh)` says: the engine knows of no reader, hence it is told here

globals().update(
    {name: made for name, made in _registry.items() if made.is_public}
)  # the table of ops
__all__ = sorted(
    name
    for name, value in globals().items()
    if name[0] != "_" and not isinstance(value, _ModuleType)
)
