"""What other libraries call it, and what to write here.

`t` is the tensor; `x` another one, `v` a value, `i` an index, `n` a number, and what else is
NumPy's name for an argument. A comment after `#` says when it is equal, or why nothing is to be
done.
"""

from __future__ import annotations

import sys
from typing import Any, NoReturn

IN_NUMPY = {
    "base": "t.numpy().base",
    "byteswap": "t.numpy().byteswap()",
    "ctypes": "t.numpy().ctypes",
    "device": "t  # its numbers are a NumPy array's, on the CPU",
    "dump": "pickle.dump(t, file)",
    "dumps": "pickle.dumps(t)",
    "fill": "t.at[...].set(v)",
    "flags": "t.numpy().flags",
    "flat": "t.reshape(-1)",
    "getfield": "t.numpy().getfield(dtype)",
    "imag": "t * 0.0  # its numbers are real",
    "itemsize": "t.dtype.itemsize",
    "nbytes": "t.numpy().nbytes",
    "partition": "np.partition(t, n)",
    "put": "t.at[i].set(v)",
    "real": "t  # its numbers are real",
    "resize": "np.resize(t, shape)",
    "setfield": "t.at[...].set(v)",
    "setflags": "t.numpy().copy()",
    "sort": "np.sort(t)",
    "strides": "t.numpy().strides",
    "to_device": "t  # its numbers are a NumPy array's, on the CPU",
    "tobytes": "t.numpy().tobytes()",
    "tofile": "t.numpy().tofile(file)",
    "tostring": "t.numpy().tobytes()",  # of NumPy before 2.3
    "view": "t.reshape(shape)  # or t.numpy().view(dtype)",
}

_HERE = "t  # its numbers are a NumPy array's, on the CPU"
_MODEL = "t @ x  # a model is a function of its parameters, there are no layers"
_OPTIMIZER = "t -= lr * t.grad  # in `with tg.no_grad():`"
_EVERY_TENSOR = "t.grad  # every tensor on the way has one after backward()"
_POWER = "t ** n  # of booleans t != x"
_CHANGED = "t.data = {}  # of a leaf, between two steps"

IN_TORCH = {
    "absolute": "t.abs()",
    "acos": "t.arccos()",
    "acosh": "t.arccosh()",
    "addmm": "t + a @ b",
    "allclose": "np.allclose(t, x)",
    "amax": "t.max(axis)",
    "amin": "t.min(axis)",
    "argwhere": "np.argwhere(t)",
    "asin": "t.arcsin()",
    "asinh": "t.arcsinh()",
    "atan": "t.arctan()",
    "atan2": "t.arctan2(x)",
    "atanh": "t.arctanh()",
    "bitwise_not": "~t  # of booleans",
    "bmm": "t @ x",
    "bool": "t.astype(bool)",
    "chunk": "np.split(t, n)",
    "clamp": "t.clip(min, max)",
    "clamp_max": "t.clip(max=max)",
    "clamp_min": "t.clip(min=min)",
    "clone": "t.copy()",
    "contiguous": "t  # its numbers are a NumPy array's",
    "count_nonzero": "np.count_nonzero(t)",
    "cpu": _HERE,
    "cuda": _HERE + ": tg.compile(f, target='jax') runs elsewhere",
    "data_ptr": "t.numpy().ctypes.data",
    "diag": "np.diag(t)",
    "diff": "np.diff(t)",
    "dim": "t.ndim",
    "dist": "np.linalg.norm(t - x)",
    "div": "t / x",
    "double": "t.astype(np.float64)",
    "element_size": "t.dtype.itemsize",
    "eq": "t == x",
    "erf": "tg.op(scipy.special.erf, lambda g, y, x: g * 2 / np.sqrt(np.pi) * np.exp(-x * x))",
    "expand": "t.broadcast_to(shape)",
    "expand_as": "t.broadcast_to(x.shape)",
    "float": "t.astype(np.float32)",
    "floor_divide": "t // x",
    "fmod": "np.fmod(t, x)",
    "frac": "t % 1",
    "gather": "t[np.arange(len(t)), i]  # one of each row",
    "ge": "t >= x",
    "grad_fn": "t.op",
    "gt": "t > x",
    "half": "t.astype(np.float16)",
    "index_select": "t[i]",
    "inner": "np.inner(t, x)",
    "int": "t.astype(np.int32)",
    "inverse": "np.linalg.inv(t)",
    "is_floating_point": "t.dtype.kind == 'f'",
    "isclose": "np.isclose(t, x)",
    "le": "t <= x",
    "lerp": "t + v * (x - t)",
    "log_softmax": "tg.log_softmax(t)",
    "logit": "(t / (1 - t)).log()",
    "long": "t.astype(np.int64)",
    "lt": "t < x",
    "masked_fill": "tg.where(mask, v, t)",
    "masked_select": "t[mask]",
    "mm": "t @ x",
    "movedim": "t.moveaxis(source, destination)",
    "mul": "t * x",
    "mv": "t @ x",
    "narrow": "t[n:]",
    "ndimension": "t.ndim",
    "ne": "t != x",
    "neg": "-t",
    "nelement": "t.size",
    "new_ones": "tg.Tensor(np.ones(shape, t.dtype))",
    "new_zeros": "tg.Tensor(np.zeros(shape, t.dtype))",
    "norm": "np.linalg.norm(t)",
    "numel": "t.size",
    "outer": "tg.outer(t, x)",
    "permute": "t.transpose(axes)",
    "pow": "t ** n",
    "ptp": "np.ptp(t)",
    "register_hook": _EVERY_TENSOR,
    "remainder": "t % x",
    "repeat_interleave": "np.repeat(t, n)",
    "requires_grad_": "t.requires_grad = True",
    "reshape_as": "t.reshape(x.shape)",
    "retain_grad": _EVERY_TENSOR,
    "roll": "np.roll(t, n)",
    "rsqrt": "1 / t.sqrt()",
    "select": "t[i]",
    "softmax": "tg.softmax(t)",
    "split": "np.split(t, n)",
    "stride": "t.numpy().strides",
    "sub": "t - x",
    "swapdims": "t.swapaxes(axis1, axis2)",
    "t": "t.T",
    "tile": "np.tile(t, n)",
    "to": "t.astype(dtype)  # its numbers are a NumPy array's, on the CPU",
    "topk": "t[t.argsort()[-n:]]",
    "tril": "np.tril(t)",
    "triu": "np.triu(t)",
    "true_divide": "t / x",
    "trunc": "np.trunc(t)",
    "type": "t.astype(dtype)",
    "type_as": "t.astype(x.dtype)",
    "unbind": "list(t)",
    "unflatten": "t.reshape(shape)",
    "unsqueeze": "t.expand_dims(axis)",
    "view_as": "t.reshape(x.shape)",
    # what changes a tensor in place
    "add_": "t += x  # in `with tg.no_grad():`",
    "clamp_": _CHANGED.format("np.clip(t.numpy(), min, max)"),
    "copy_": _CHANGED.format("v"),
    "detach_": "t.detach()",
    "div_": "t /= x  # in `with tg.no_grad():`",
    "fill_": _CHANGED.format("np.full(t.shape, n)"),
    "masked_fill_": "tg.where(mask, v, t)",
    "mul_": "t *= x  # in `with tg.no_grad():`",
    "normal_": _CHANGED.format("rng.normal(size=t.shape)"),
    "pow_": "t **= x  # in `with tg.no_grad():`",
    "squeeze_": "t.squeeze()",
    "sub_": "t -= x  # in `with tg.no_grad():`",
    "t_": "t.T",
    "uniform_": _CHANGED.format("rng.uniform(size=t.shape)"),
    "unsqueeze_": "t.expand_dims(axis)",
    "zero_": _CHANGED.format("np.zeros(t.shape)") + "; a gradient: t.zero_grad()",
}

IN_OTHERS = {
    "append": "np.append(t, x)  # or keep a list, and tg.stack it",
    "assign": "t.data = v  # of a leaf, between two steps",
    "assign_add": "t += x  # in `with tg.no_grad():`",
    "assign_sub": "t -= x  # in `with tg.no_grad():`",
    "block_until_ready": "t  # it is ready",
    "eval": "t.numpy()",
    "iloc": "t[i]",
    "loc": "t[i]",
    "values": "t.numpy()",
    "zero_gradient": "t.zero_grad()",
}

OPERATORS = {  # Python's own that a Tensor has not, by their methods
    "__delitem__": ("del t[i]", "tg.concatenate([t[:i], t[i + 1:]])"),
    "__lshift__": ("<<", "t * 2**n"),
    "__rshift__": (">>", "t // 2**n"),
    "__rxor__": ("^", _POWER),
    "__xor__": ("^", _POWER),
}

AT = {  # JAX's other names of what t.at[i] has
    "div": "t.at[i].divide(v)",
    "maximum": "t.at[i].max(v)",
    "minimum": "t.at[i].min(v)",
    "mul": "t.at[i].multiply(v)",
    "pow": "t.at[i].power(v)",
    "sub": "t.at[i].subtract(v)",
}

MAKERS = {
    "arange": "tg.Tensor(np.arange(n))",
    "eye": "tg.Tensor(np.eye(n))",
    "from_numpy": "tg.Tensor(data)",
    "full": "tg.Tensor(np.full(shape, n))",
    "linspace": "tg.Tensor(np.linspace(start, stop, n))",
    "normal": "tg.Tensor(rng.normal(size=shape))",
    "ones": "tg.Tensor(np.ones(shape))",
    "rand": "tg.Tensor(rng.random(shape))",
    "randint": "tg.Tensor(rng.integers(n, size=shape))",
    "randn": "tg.Tensor(rng.normal(size=shape))",
    "uniform": "tg.Tensor(rng.uniform(size=shape))",
    "zeros": "tg.Tensor(np.zeros(shape))",
}

ATTRIBUTES = {**MAKERS, **IN_OTHERS, **IN_TORCH, **IN_NUMPY}  # where two name it, NumPy's meaning

FUNCTIONS = {
    **MAKERS,
    "Adam": _OPTIMIZER,
    "BCELoss": "tg.binary_cross_entropy(probability, target)",
    "BCEWithLogitsLoss": "tg.binary_cross_entropy_with_logits(logits, target)",
    "CrossEntropyLoss": "tg.cross_entropy(logits, target)",
    "Linear": _MODEL,
    "MSELoss": "tg.mse(prediction, target)",
    "Module": _MODEL,
    "Parameter": "tg.Tensor(data, requires_grad=True)",
    "SGD": _OPTIMIZER,
    "Sequential": _MODEL,
    "Value": "tg.Tensor(data, requires_grad=True)",
    "Variable": "tg.Tensor(data, requires_grad=True)",
    "array": "tg.Tensor(data)",
    "as_tensor": "tg.Tensor(data)",
    "asarray": "tg.Tensor(data)",
    "autograd": "tg.grad(f)",
    "backward": "loss.backward()",
    "bce": "tg.binary_cross_entropy(probability, target)",
    "cat": "tg.concatenate([t, x])",
    "checkpoint": "tg.value_and_grad(f)  # keeps no more than the rules read",
    "clamp": "tg.clip(t, min, max)",
    "constant": "tg.Tensor(data)",
    "elementwise_grad": "tg.grad(lambda x: f(x).sum())",
    "gradcheck": "tinygrad_edu.testing.gradcheck(f, x)  # after `import tinygrad_edu.testing`",
    "GradientTape": "tg.grad(f)",
    "jacfwd": "tg.jacobian(f)",
    "jacrev": "tg.jacobian(f)",
    "gradient": "tg.grad(f)",
    "jit": "tg.compile(f)",
    "manual_seed": "rng = np.random.default_rng(n)",
    "mm": "a @ b",
    "mse_loss": "tg.mse(prediction, target)",
    "nn": _MODEL,
    "numpy": "np.exp(t)  # NumPy's own functions take Tensors",
    "optim": _OPTIMIZER,
    "pow": "t ** n",
    "save": "pickle.dump(t, file)  # or np.savez('file', t=t)",
    "tensor": "tg.Tensor(data)",
    "sgd": _OPTIMIZER,
    "vmap": "t @ x  # ops take stacks: write the function for arrays with one axis more",
}


def advice(code: str) -> str:
    """What an entry of the tables says in a message."""
    code, _, why = code.partition("  # ")
    return f"write `{code}`" + (f" ({why})" if why else "")


class Elsewhere:
    """An attribute that other libraries' arrays have: hasattr says no, and the error what to write.

    One such descriptor for each name, and no `__getattr__`, beside which every attribute that
    exists takes twice as long.
    """

    def __init__(self, name: str, code: str, owner: str = "a Tensor") -> None:
        self.name, self.code, self.owner = name, code, owner

    def __repr__(self) -> str:
        return advice(self.code)

    def __get__(self, t: Any, owner: type) -> NoReturn:
        raise AttributeError(f"{self.owner} has no `{self.name}`: {advice(self.code)}")


def module_attribute(name: str) -> NoReturn:
    """What asking the package for a name that it has not got comes to."""
    code = FUNCTIONS.get(name)
    raise AttributeError(
        f"tinygrad_edu has no `{name}`" + (f": {advice(code)}" if code else ""),
        name=name,
        obj=sys.modules[__package__.partition(".")[0]],
    )
