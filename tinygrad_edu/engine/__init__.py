"""The engine: what an op is, what a Tensor is, and the walk back. Read it in this order.

- `op.py`: an op as plain data, and what a call of it leaves behind;
- `tensor.py`: a Tensor, its data, its history, its gradient;
- `array_interface.py`: what makes it feel like an array;
- `backward.py`: the walk, as a textbook has it, and how the rules are called;
- `calling.py`: how an op is called; `define.py`: how one is made;
- `recorder.py`: who listens to all this, a stack; `recording.py`: whether calls are recorded.

The rest can wait. `fast_backward.py` and `fast_calling.py` are the walk and the calls that run,
equal to the bit. `memory.py` is what a graph need not keep, `lending.py` data that changes behind
its back, `leaving.py` where a gradient would be lost. `registry.py`, `overrides.py`, `operators.py`
and `primitive.py` are what defining an op comes to; `arguments.py`, `errors.py`, `missing.py` and
`elsewhere.py` say what was meant and what to write instead.
"""
