"""One step of the OR gate, worked by hand and by the engine. Follows article 001, parts 7 to 9.

The article's text keeps the target 1, the output 0.68997 and the formulas; its figures, and with
them the weights, are lost. The output is sigmoid(0.8), so the record (1, 1) with w1 = 0.2,
w2 = 0.3, b = 0.3 was chosen here to give 0.8, and the learning rate of part 10. The three
derivatives do not depend on that choice: any record with x2 = 1 gives the same.

    python examples/or_step.py --out out
"""

from __future__ import annotations

from _common import arguments

import tinygrad_edu as tg

x1, x2, target, lr = 1.0, 1.0, 1.0, 0.05


def step() -> dict[str, tg.Tensor]:
    """Forward and backward once: the tensors of the step by name, each with its gradient."""
    w1 = tg.Tensor(0.2, requires_grad=True, name="w1")
    w2 = tg.Tensor(0.3, requires_grad=True, name="w2")
    b = tg.Tensor(0.3, requires_grad=True, name="b")
    z = (x1 * w1 + x2 * w2 + b).named("in")
    o = z.sigmoid().named("out")
    E = (0.5 * (target - o) ** 2).named("E")
    E.backward()
    return {"w1": w1, "w2": w2, "b": b, "in": z, "out": o, "E": E}


def main() -> None:
    """Print the article's numbers beside the engine's."""
    args = arguments(__doc__)
    t = step()
    o = t["out"].item()

    print(f"in  = x1 w1 + x2 w2 + b     = {t['in']:.5f}")
    print(f"out = sigmoid(in)           = {o:.5f}")
    print(f"E   = (target - out)**2 / 2 = {t['E']:.5f}")
    print()
    print("The chain rule           by hand   recorded by the engine")
    print(f"dE/dout  = out - target {o - target:8.5f}   {t['out'].grad:8.5f}")
    print(f"dout/din = out(1 - out) {o * (1 - o):8.5f}   {t['in'].grad / t['out'].grad:8.5f}")
    print(f"din/dw2  = x2           {x2:8.5f}   {t['w2'].grad / t['in'].grad:8.5f}")
    print(f"dE/dw2   = the product  {(o - target) * o * (1 - o) * x2:8.5f}   {t['w2'].grad:8.5f}")
    print()
    # before the update: the values and gradients of this step
    tg.play(t["E"], args.out / "or_step_player.html")
    tg.draw(t["E"]).save(args.out / "or_step.svg")

    w2, before = t["w2"], t["w2"].item()
    with tg.no_grad():
        w2 -= lr * w2.grad
    print(f"w2 rises: {before:.5f} - {lr} * {w2.grad:.5f} = {w2:.5f}")


if __name__ == "__main__":
    main()
