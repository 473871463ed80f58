"""Tests of the tests: every rule of the table is spoilt in every way we could think of, and `check_op` must notice each time.

    python -m tinygrad_edu.testing.mutants            # the table of mutants; exits with 1 if one survives
    python -m tinygrad_edu.testing.mutants log tanh   # of these ops alone

The mutations: sign flipped, off by 1e-6, and on the source of the rule itself each factor dropped, each pair of arguments swapped,
each transposition dropped, each sum turned into a difference.
"""

from __future__ import annotations

import ast
import copy
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase

from ..define import in_table
from ..operation import Op, Rule
from ..registry import registry
from .ops import check_op
from .report import table

# mutants that `check_op` need not notice, (op, mutation) -> the reason: they compute the same gradients wherever there are any, or
# differ only where calls are not drawn, and then the reason names the test
_SHARED = "_kept(g, x, axis, keepdims) * reached / reached.sum(axis=axis, keepdims=True)"
_MASK = "differs at infinities alone: test_at_poles_nan_and_masks"
_HALF = "differs in float16 alone: test_the_mean_of_more_entries_than_float16_counts"
_LAST = "differs in the last places alone: test_scores_have_right_probabilities_to_the_last_places"
_SIGMOID = "sigmoid.apply(np.where(same, 0.0, a) - np.where(same, 0.0, b)) * ~(same & (a == -np.inf))"
_SOFTMAX = "softmax.apply(np.where(live, x, 0.0), axis=axis) * live"
_WIDER = "astype.apply(g, dtype=np.float32) / n"
_ZERO, _TIES = "the rule is 0", "differs at ties alone, where there is no derivative; that ties share evenly is tested as a decision"
EQUIVALENT = {
    ("power", "_slope: right factor dropped in 0.0 * a"): "0 broadcasts to the same zeros",
    **{(op, mutation): _ZERO for op in ("sign", "floor", "ceil", "rint", "floor_divide") for mutation in ("sign flipped", "off by 1e-6")},
    **{(op, "_ahead: sign changed in 1.0 - (a < b) - 0.5 * (a == b)"): _TIES for op in ("maximum", "minimum")},
    **{(op, "_ahead: left factor dropped in 0.5 * (a == b)"): _TIES for op in ("maximum", "minimum")},
    **{(op, f"_shared: right factor dropped in {_SHARED}"): _TIES for op in ("max", "min")},
    ("logaddexp", f"_share: right factor dropped in {_SIGMOID}"): _MASK,
    ("logsumexp", f"_shares: right factor dropped in {_SOFTMAX}"): _MASK,
    ("logaddexp", "_share: sign changed in -np.inf"): _MASK,
    ("logsumexp", "_shares: sign changed in -np.inf"): _MASK,
    **{(op, f"_divided: {verb} in {_WIDER}"): _HALF for op in ("mean", "var", "std") for verb in ("right factor dropped", "sides swapped")},
    ("softmax", "_against_others: sign changed in g - (g * (y > 0.5)).sum(axis=axis, keepdims=True)"): _LAST,
    **{("softmax", f"_against_others: {side} factor dropped in g * (y > 0.5)"): _LAST for side in ("left", "right")},
}

# nobody reads how a mutant fails: no shrinking, and the same calls in every run
QUICK: dict[str, Any] = {"phases": [Phase.generate], "derandomize": True, "suppress_health_check": list(HealthCheck)}


def mutants(op: Op) -> Iterator[tuple[int, str, Rule]]:
    """Yield (argument, what was done to its rule, the spoilt rule)."""
    for i, rule in enumerate(op.rules or [op.rule(0)]):
        if rule is not None:
            yield i, "sign flipped", _after(rule, lambda gx: -gx)
            yield i, "off by 1e-6", _after(rule, lambda gx: gx * (1 + 1e-6))
            for what, spoilt in _rewritten(rule) if op.rules else ():  # those of a variadic op are closures
                yield i, what, spoilt


def _after(rule: Rule, change: Callable[[Any], Any]) -> Rule:
    return lambda *args, **static: change(rule(*args, **static))


def _rewritten(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """The mutations of the rule's own expression, and of the helpers of its module that it calls."""
    scope = vars(import_module(rule.__module__))
    tree = _lambda_of(rule)
    for what, changed in _mutations(tree):
        yield what, eval(compile(ast.Expression(changed), rule.__code__.co_filename, "eval"), scope)  # the table's own source, changed
    for name in sorted({n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}):
        helper = scope.get(name)
        if name.startswith("_") and inspect.isfunction(helper):
            definition = ast.parse(inspect.getsource(helper)).body[0]
            for what, changed in _mutations(definition):
                local = dict(scope)
                exec(compile(ast.Module([changed], []), helper.__code__.co_filename, "exec"), local)
                yield f"{name}: {what}", eval(compile(ast.Expression(tree), rule.__code__.co_filename, "eval"), local)


@cache
def _lambdas(file: str) -> list[ast.Lambda]:
    """All lambdas of a source file."""
    return [node for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))) if isinstance(node, ast.Lambda)]


def _place(node: ast.AST) -> tuple[Any, ...]:
    """Where a part of an expression stands in its file."""
    return tuple(getattr(node, name, None) for name in ("lineno", "end_lineno", "col_offset", "end_col_offset"))


def _lambda_of(rule: Rule) -> ast.Lambda:
    """The syntax tree of a rule, found in its module's source by the places of its parts."""
    places = set(rule.__code__.co_positions())
    shared = [(sum(_place(part) in places for part in ast.walk(node.body)), node) for node in _lambdas(rule.__code__.co_filename)]
    most, found = max(shared, key=lambda pair: pair[0])
    if most:
        return found
    raise LookupError(f"no source was found for the rule at line {rule.__code__.co_firstlineno}")


def _mutations(tree: Any) -> Iterator[tuple[str, Any]]:
    """The tree with one place changed, for every place and change."""
    count = sum(1 for _ in ast.walk(tree))
    for place in range(count):
        for verb, change in CHANGES.items():
            changed = copy.deepcopy(tree)
            node = list(ast.walk(changed))[place]
            new = change(node)
            if new is not None:
                what = f"{verb} in {ast.unparse(node)}"
                changed = _Replace(node, new).visit(changed)
                yield what, ast.fix_missing_locations(changed)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)


def _drop_right(node: Any) -> Any:
    return node.left if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)) else None


def _drop_left(node: Any) -> Any:
    return node.right if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) else None


def _swap_sides(node: Any) -> Any:
    swappable = isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult))
    return ast.BinOp(node.right, node.op, node.left) if swappable else None


def _flip_sign(node: Any) -> Any:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        return ast.BinOp(node.left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.right)
    negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant)
    return node.operand if negated else None


def _drop_transposition(node: Any) -> Any:
    return node.value if isinstance(node, ast.Attribute) and node.attr in ("mT", "T") else None


CHANGES = {
    "right factor dropped": _drop_right,
    "left factor dropped": _drop_left,
    "sides swapped": _swap_sides,
    "sign changed": _flip_sign,
    "transposition dropped": _drop_transposition,
}


def killed_by(op: Op, argument: int, rule: Rule, max_examples: int) -> str:
    """The error by which `check_op` noticed a spoilt rule, or an empty string if it did not."""
    rules, variadic = op.rules, op.variadic
    try:
        if variadic is not None:
            op.variadic = lambda i: rule if i == argument else variadic(i)
        else:
            op.rules = (*rules[:argument], rule, *rules[argument + 1 :])
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check_op(op, max_examples, **QUICK)
    except Exception as error:
        return type(error).__name__
    finally:
        op.rules, op.variadic = rules, variadic
    return ""


def report(
    names: Sequence[str] = (), max_examples: int = 300, share: float = 1.0, seed: int = 0
) -> tuple[list[tuple[str, ...]], list[str]]:
    """(One row per mutant, the names of the survivors that are not known to be equivalent); of each op a share, drawn by the seed."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, ...]] = [("op", "argument", "mutation", "killed by")]
    survivors = []
    for name, op in registry.items():
        if in_table(op) and (not names or name in names):
            made = list(mutants(op))
            chosen = sorted(rng.permutation(len(made))[: max(1, round(share * len(made)))])
            for argument, what, rule in [made[i] for i in chosen]:
                reason = EQUIVALENT.get((name, what))
                killer = "" if reason else killed_by(op, argument, rule, max_examples)
                rows.append((name, str(argument), what, killer or (f"equivalent: {reason}" if reason else "SURVIVES")))
                if not killer and not reason:
                    survivors.append(f"{name} {argument}: {what}")
    return rows, survivors


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 if a mutant survives."""
    for name in arguments:
        if name not in registry or not in_table(registry[name]):
            raise SystemExit(f"no op of the table is called {name}")
    rows, survivors = report(arguments)
    print("\n".join(table(rows)))
    equivalent = sum(row[3].startswith("equivalent") for row in rows)
    killed = len(rows) - 1 - equivalent - len(survivors)
    print(f"\n{len(rows) - 1} mutants: {killed} killed, {equivalent} equivalent, {len(survivors)} survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
