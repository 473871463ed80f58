"""Tests of the tests: rules of the table are spoilt in many ways; `check_op` must notice each time.

    python tests/mutants.py            # the table of mutants; exits with 1 if one survives
    python tests/mutants.py log tanh   # of these ops alone

The mutations: sign flipped, off by 1e-6, and on the source of the rule itself each factor dropped,
each pair of arguments swapped, each transposition dropped, each sum turned into a difference.
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
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase

from tinygrad_edu.engine.op import Op, Rule
from tinygrad_edu.engine.registry import in_table, registry
from tinygrad_edu.testing import check_op
from tinygrad_edu.testing.report import table

# mutants that `check_op` need not notice, (op, mutation) -> the reason: they compute the same
# gradients wherever there are any, or differ only where calls are not drawn, and then the reason
# names the test
_SHARED = "_kept(g, x, axis, keepdims) / reached.sum(axis=axis, keepdims=True)"
_MASK = "differs at infinities alone: test_at_poles_nan_and_masks"
_HALF = "differs in float16 alone: test_the_mean_of_more_entries_than_float16_counts"
_LAST = "differs in the last places alone: test_scores_have_right_probabilities_to_the_last_places"
_SIGMOID = (
    "sigmoid.apply(np.where(same, 0.0, a) - np.where(same, 0.0, b)) * ~(same & (a == -np.inf))"
)
_SOFTMAX = "softmax.apply(np.where(live, x, 0.0), axis=axis) * live"
_WIDER = "astype.apply(g, dtype=np.float32) / n"
_ZERO = "the rule is 0"
_TIES = (
    "differs at ties alone, where there is no derivative; "
    "that ties share evenly is tested as a decision"
)
EQUIVALENT = {
    **{
        (op, mutation): _ZERO
        for op in ("sign", "floor", "ceil", "rint", "floor_divide")
        for mutation in ("sign flipped", "off by 1e-6")
    },
    **{
        (op, "_to_larger: sign changed in 1.0 - 0.5 * (a == b)"): _TIES
        for op in ("maximum", "minimum")
    },
    **{
        (op, "_to_larger: left factor dropped in 0.5 * (a == b)"): _TIES
        for op in ("maximum", "minimum")
    },
    **{(op, f"_only_shared: right factor dropped in {_SHARED}"): _TIES for op in ("max", "min")},
    ("logaddexp", f"_share: right factor dropped in {_SIGMOID}"): _MASK,
    ("logsumexp", f"_shares: right factor dropped in {_SOFTMAX}"): _MASK,
    ("logaddexp", "_share: sign changed in -np.inf"): _MASK,
    ("logsumexp", "_shares: sign changed in -np.inf"): _MASK,
    **{
        (op, f"_divided: {verb} in {_WIDER}"): _HALF
        for op in ("mean", "var", "std")
        for verb in ("right factor dropped", "sides swapped")
    },
    (
        "softmax",
        "_against_others: sign changed in g - (g * (y > 0.5)).sum(axis=axis, keepdims=True)",
    ): _LAST,
    **{
        ("softmax", f"_against_others: {side} factor dropped in g * (y > 0.5)"): _LAST
        for side in ("left", "right")
    },
}

# nobody reads how a mutant fails: no shrinking, and the same calls in every run
QUICK: dict[str, Any] = {
    "phases": [Phase.generate],
    "derandomize": True,
    "suppress_health_check": list(HealthCheck),
}


def mutants(op: Op) -> Iterator[tuple[int, str, Rule]]:
    """Yield (argument, what was done to its rule, the spoilt rule)."""
    for i, rule in enumerate(op.rules or [op.rule(0)]):
        if rule is not None:
            yield i, "sign flipped", _after(rule, lambda gx: -gx)
            yield i, "off by 1e-6", _after(rule, lambda gx: gx * (1 + 1e-6))
            if op.rules:  # those of a variadic op are closures
                for what, spoilt in _rewritten(rule):
                    yield i, what, spoilt


def _after(rule: Rule, change: Callable[[Any], Any]) -> Rule:
    return lambda *args, **static: change(rule(*args, **static))


def _rewritten(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """The mutations of the rule's own expression, and of the helpers that it calls."""
    scope, file = vars(import_module(rule.__module__)), rule.__code__.co_filename
    tree = _lambda_of(rule)
    for what, changed in _mutations(tree):  # the table's own source, changed
        yield what, eval(compile(ast.Expression(changed), file, "eval"), scope)
    for name in sorted({n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}):
        helper = scope.get(name)
        if name.startswith("_") and inspect.isfunction(helper):
            definition = ast.parse(inspect.getsource(helper)).body[0]
            for what, changed in _mutations(definition):
                local, module = dict(scope), ast.Module([changed], [])
                exec(compile(module, helper.__code__.co_filename, "exec"), local)
                spoilt = eval(compile(ast.Expression(tree), file, "eval"), local)
                yield f"{name}: {what}", spoilt


@cache
def _lambdas(file: str) -> list[ast.Lambda]:
    """All lambdas of a source file."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]


def _place(node: ast.AST) -> tuple[Any, ...]:
    """Where a part of an expression stands in its file."""
    names = ("lineno", "end_lineno", "col_offset", "end_col_offset")
    return tuple(getattr(node, name, None) for name in names)


def _lambda_of(rule: Rule) -> ast.Lambda:
    """The syntax tree of a rule, found in its module's source by the places of its parts."""
    places = set(rule.__code__.co_positions())
    shared = [
        (sum(_place(part) in places for part in ast.walk(node.body)), node)
        for node in _lambdas(rule.__code__.co_filename)
    ]
    most, found = max(shared, key=lambda pair: pair[0])
    if most:
        return found
    raise LookupError(f"no source was found for the rule at line {rule.__code__.co_firstlineno}")


def _mutations(tree: Any) -> Iterator[tuple[str, Any]]:
    """The tree with one place changed, for every place and change."""
    for place, original in enumerate(ast.walk(tree)):
        for verb, change in CHANGES.items():
            if change(original) is None:
                continue
            changed = copy.deepcopy(tree)  # what replaces a node changes its parent
            node = next(islice(ast.walk(changed), place, None))
            what = f"{verb} in {ast.unparse(node)}"
            changed = _Replace(node, change(node)).visit(changed)
            yield what, ast.fix_missing_locations(changed)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)


def _is_binary(node: Any, *ops: type) -> bool:
    """Whether a node is one of these operators between two operands."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ops)


def _drop_right(node: Any) -> Any:
    return node.left if _is_binary(node, ast.Mult, ast.Div) else None


def _drop_left(node: Any) -> Any:
    return node.right if _is_binary(node, ast.Mult) else None


def _swap_sides(node: Any) -> Any:
    swappable = _is_binary(node, ast.Sub, ast.Div, ast.MatMult)
    return ast.BinOp(node.right, node.op, node.left) if swappable else None


def _flip_sign(node: Any) -> Any:
    if _is_binary(node, ast.Add, ast.Sub):
        other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        return ast.BinOp(node.left, other, node.right)
    negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    return node.operand if negated and not isinstance(node.operand, ast.Constant) else None


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
    """(One row per mutant, the names of the survivors that are not known to be equivalent).

    Of each op a share is tried, which the seed draws.
    """
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, ...]] = [("op", "argument", "mutation", "killed by")]
    survivors = []
    for name, op in registry.items():
        if in_table(op) and not op.is_optional and (not names or name in names):
            made = list(mutants(op))
            chosen = sorted(rng.permutation(len(made))[: max(1, round(share * len(made)))])
            for argument, what, rule in [made[i] for i in chosen]:
                reason = EQUIVALENT.get((name, what))
                killer = "" if reason else killed_by(op, argument, rule, max_examples)
                verdict = killer or (f"equivalent: {reason}" if reason else "SURVIVES")
                rows.append((name, str(argument), what, verdict))
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
    counts = f"{killed} killed, {equivalent} equivalent, {len(survivors)} survive"
    print(f"\n{len(rows) - 1} mutants: {counts}")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
