"""Ctrl-C at any byte code: all is as before or as after; and blocks that overlap in every order.

INTERRUPTS=1 in the environment tries every byte code; the suite every so many, another in each run.
"""

import asyncio
import contextlib
import itertools
import os
import pathlib
import random
import sys
import threading

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine import recording as modes
from tinygrad_edu.engine.recorder import listening
from tinygrad_edu.engine.recording import is_recording

# an interrupt in a callback of the garbage collector, which closes files, is ignored with a warning
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)

STRIDE = int(os.environ.get("INTERRUPTS", "41"))


class Stop(KeyboardInterrupt):
    """Ctrl-C."""


def interrupted(function, at):
    """Run the function, interrupted before byte code number `at`; whether it came so far."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if "_is_over" in (
            frame.f_code.co_name,
            frame.f_back.f_code.co_name,
        ):  # at a collection, where Python ignores exceptions
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            count += 1
            if count > at:
                raise Stop
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    except Stop:
        return True
    finally:
        sys.settrace(before)
    return False


def at_each_opcode(make):
    """Yield what `make` made, (function, what to look at), interrupted every so many byte codes."""
    for at in itertools.count(random.randrange(STRIDE), STRIDE):
        function, state = make()
        stopped = interrupted(function, at)
        yield state, stopped
        if not stopped:
            return


def is_clean():
    assert (listening(), modes.in_textbook.get()) == ((), False)
    return True


def leaf(*values):
    return tg.Tensor(list(values), requires_grad=True)


# -- recording -----------------------------------------------------------------------------------


def in_blocks():
    with tg.no_grad(), tg.enable_grad():
        pass
    with tg.detect_anomaly():
        pass


@tg.no_grad()
def decorated():
    return 1


@tg.no_grad
def bare():
    return 1


def in_generator():
    @tg.no_grad()
    def numbers():
        yield 1
        yield 2

    list(numbers())


def in_a_loop_with_its_own_except():
    for _ in range(2):
        try:
            with tg.no_grad():
                decorated()
        except KeyboardInterrupt:
            assert is_recording() is True, "within the handler too"
            raise


def transformed():
    tg.grad(lambda x: (x * x).sum())(np.ones(2))
    tg.vjp(lambda x: x * x, np.ones(2))[1](np.ones(2))


def compiled():
    f = tg.compile(lambda x: x * x)
    f(np.ones(2))


@pytest.mark.parametrize(
    "run",
    [
        in_blocks,
        decorated,
        bare,
        in_generator,
        in_a_loop_with_its_own_except,
        transformed,
        compiled,
    ],
)
def test_recording_is_on_again_after_an_interrupt(run):
    run()
    shown = np.geterr()
    times = 0
    with np.errstate():
        for _, stopped in at_each_opcode(lambda: (run, None)):
            assert is_clean()
            assert (
                np.geterr() == shown or run is compiled
            )  # where NumPy's own errstate is not put back
            times += stopped
    assert times


# -- updates and backward ------------------------------------------------------------------------


def no_grad_update(w):
    with tg.no_grad():
        w -= 1.0


def data_update(w):
    w.data -= 1.0


def data_assignment(w):
    w.data = w.numpy() - 1.0


@pytest.mark.parametrize("update", [no_grad_update, data_update, data_assignment])
def test_an_update_that_was_interrupted_happened_and_is_noticed_or_did_not_happen(update):
    def make():
        w = leaf(1.0, 2.0)
        return lambda: update(w), (w, (w * w).sum())

    for (w, loss), stopped in at_each_opcode(make):
        assert w.tolist() in ([1.0, 2.0], [0.0, 1.0])
        if w.tolist() == [1.0, 2.0]:
            assert stopped
            with contextlib.suppress(RuntimeError):  # may be refused, may not be wrong
                loss.backward()
                assert w.grad.tolist() == [2.0, 4.0]
        else:
            with pytest.raises(RuntimeError, match="changed in place"):
                loss.backward()


def test_backward_writes_all_gradients_or_none():
    def make():
        a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
        h = a * b
        loss = (h.tanh() + a).sum()
        loss.backward()
        return loss.backward, (a, b, h, loss, [t.grad.copy() for t in (a, b, h, loss)])

    for (a, b, h, loss, once), stopped in at_each_opcode(make):
        now = [t.grad for t in (a, b, h, loss)]
        twice = [once[0] * 2, once[1] * 2, once[2], once[3]]
        before = all(map(np.array_equal, now, once))
        after = all(map(np.array_equal, now, twice))
        assert (before or after) if stopped else after
        assert is_clean()


def test_a_first_backward_writes_all_gradients_or_none():
    def make():
        a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
        loss = (a * b).tanh().sum()
        return loss.backward, (a, b, loss)

    for tensors, _ in at_each_opcode(make):
        assert len({t.grad is None for t in tensors}) == 1


def test_a_training_loop_goes_on_after_an_interrupt_as_if_nothing_had_been():
    x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 0.0])

    def make():
        w = leaf(0.1, 0.2)

        def step():
            loss = (((x @ w).sigmoid() - y) ** 2).mean()
            loss.backward()
            with tg.no_grad():
                w.__isub__(0.5 * w.grad)
            w.zero_grad()

        return step, (step, w)

    step, (_, w) = make()
    step()
    once = w.tolist()
    step()
    twice = w.tolist()
    for (step, w), _ in at_each_opcode(make):
        assert is_clean()
        done = w.tolist() == once
        assert done or w.tolist() == [0.1, 0.2]
        w.zero_grad()
        step()
        assert w.tolist() == (twice if done else once)


# -- saving --------------------------------------------------------------------------------------


def saves(tmp_path):
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    loss = (w * w).sum()
    loss.backward()
    picture, page = tg.draw(loss), tg.play(loss)
    return {"a.dot": picture.save, "a.html": page.save, "a.txt": picture.save}


@pytest.mark.parametrize("name", ["a.dot", "a.html", "a.txt"])
def test_a_save_that_was_interrupted_leaves_the_old_file_or_the_new_one(tmp_path, name):
    path = tmp_path / name
    save = saves(tmp_path)[name]
    save(path)
    new = path.read_bytes()

    def make():
        path.write_bytes(b"old")
        return lambda: save(path), None

    for _, stopped in itertools.islice(at_each_opcode(make), 400):
        assert path.read_bytes() in ((b"old", new) if stopped else (new,))
        assert [p.name for p in tmp_path.iterdir() if p.name[0] != "."] == [name]


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.dot"
    path.write_text("old")
    save = saves(tmp_path)["a.dot"]

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pathlib.Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_save_goes_through_a_link_and_keeps_the_permissions(tmp_path):
    target, link = tmp_path / "real.dot", tmp_path / "a.dot"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    saves(tmp_path)["a.dot"](link)
    assert link.is_symlink()
    assert target.read_text() != "old"
    assert target.stat().st_mode & 0o777 == 0o640


# -- blocks that overlap -------------------------------------------------------------------------


def test_generators_that_end_in_any_order_leave_recording_on():
    def paused(block):
        with block:
            yield is_recording()
            yield is_recording()

    for order in itertools.permutations([0, 0, 0, 1, 1, 1]):
        generators = [paused(tg.no_grad()), paused(tg.no_grad())]
        for number in order:
            for seen in itertools.islice(generators[number], 1):
                assert seen is False
            assert is_recording() is True, "a generator that waits decides nothing for others"
        assert is_recording() is True


def test_one_object_is_shared_by_generators_and_blocks():
    block = tg.no_grad()

    def paused():
        with block:
            yield is_recording()

    first, second = paused(), paused()
    with block:
        assert [next(first), next(second)] == [False, False]
        with block, tg.enable_grad():
            assert is_recording() is True
        assert is_recording() is False
        list(first)
        assert is_recording() is False
    assert is_recording() is True
    list(second)
    assert is_recording() is True


def test_a_generator_that_is_dropped_ends_its_block():
    def paused():
        with tg.no_grad(), tg.detect_anomaly():
            yield

    generator = paused()
    next(generator)
    del generator
    assert is_clean()


def test_one_object_is_shared_by_threads():
    block, barrier, seen = tg.no_grad(), threading.Barrier(2, timeout=20), []

    def work(delay):
        for _ in range(20):
            barrier.wait()
            with block:
                seen.append(is_recording())
                if delay:
                    barrier.wait()
            if not delay:
                barrier.wait()
            seen.append(not is_recording())

    threads = [threading.Thread(target=work, args=(d,)) for d in (True, False)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    assert len(seen) == 80
    assert not any(seen)


def test_decorated_functions_of_every_kind_are_given_what_they_are_called_with():
    """Arguments by position and by name, to functions, generators and coroutines of both kinds."""

    @tg.no_grad
    def plain(*args, **kwargs):
        return args, kwargs

    @tg.no_grad
    def generator(*args, **kwargs):
        yield args, kwargs

    @tg.no_grad
    async def coroutine(*args, **kwargs):
        return args, kwargs

    @tg.no_grad
    async def asynchronous(*args, **kwargs):
        yield args, kwargs

    async def gathered():
        return await coroutine(1, a=2), [item async for item in asynchronous(1, a=2)]

    assert [plain(1, a=2), *generator(1, a=2)] == [((1,), {"a": 2})] * 2
    assert asyncio.run(gathered()) == (((1,), {"a": 2}), [((1,), {"a": 2})])


def test_decorated_generators_and_coroutines_record_nothing_whenever_they_go_on():
    @tg.no_grad()
    def numbers(n):
        """Count."""
        got = []
        try:
            for i in range(n):
                try:
                    got.append((yield is_recording(), i))
                except ValueError as error:
                    got.append(str(error))
        finally:
            got.append(is_recording())
        return got

    generator = numbers(3)
    assert next(generator)[0] is False
    assert is_recording() is True
    assert generator.send("sent") == (False, 1)
    assert generator.throw(ValueError("thrown")) == (False, 2)
    with pytest.raises(StopIteration) as end:
        next(generator)
    assert end.value.value == ["sent", "thrown", None, False]
    assert numbers.__doc__ == "Count."
    closed = numbers(3)
    next(closed)
    closed.close()
    assert is_recording() is True

    @tg.no_grad
    async def waits():
        await asyncio.sleep(0)
        return is_recording()

    @tg.no_grad()
    async def streams():
        sent = yield is_recording()
        await asyncio.sleep(0)
        yield sent, is_recording()

    async def main():
        waiting = asyncio.create_task(waits())
        await asyncio.sleep(0)
        assert is_recording() is True
        assert await waiting is False
        stream = streams()
        assert await stream.asend(None) is False
        assert is_recording() is True
        assert await stream.asend("sent") == ("sent", False)
        await stream.aclose()
        assert [seen async for seen in streams()] == [False, (None, False)]
        with tg.no_grad():
            await asyncio.sleep(0)
            assert is_recording() is False
        return is_recording()

    assert asyncio.run(main()) is True


def test_a_block_that_is_left_in_another_context_raises_nothing():
    import contextvars

    def paused():
        with tg.detect_anomaly(), tg.no_grad():
            yield

    generator = paused()
    contextvars.copy_context().run(next, generator)
    assert list(generator) == []
    assert is_clean()


def test_a_block_in_a_context_manager_is_for_the_body():
    @contextlib.contextmanager
    def evaluating():
        with tg.no_grad():
            yield

    with evaluating():
        assert is_recording() is False
    assert is_recording() is True

    @contextlib.asynccontextmanager
    async def evaluating_too():
        with tg.no_grad():
            yield

    async def main():
        async with evaluating_too():
            assert is_recording() is False
        return is_recording()

    assert asyncio.run(main()) is True


def test_blocks_are_entered_by_hand_and_by_an_exit_stack():
    block = tg.no_grad()
    block.__enter__()
    assert is_recording() is False
    with block:
        assert is_recording() is False
    assert is_recording() is False
    block.__exit__(None, None, None)
    assert is_recording() is True
    with contextlib.ExitStack() as stack:
        stack.enter_context(tg.no_grad())
        assert is_recording() is False
        stack.enter_context(tg.detect_anomaly())
    assert is_clean()


@pytest.mark.parametrize("name", ["no_grad", "enable_grad", "detect_anomaly"])
def test_a_block_without_parentheses_says_what_it_lacks(name):
    block = getattr(tg, name)
    with pytest.raises(TypeError, match=rf"write `with tg\.{name}\(\):`"), block:
        pass
    assert block(lambda: 7)() == 7
    with pytest.raises(TypeError, match="decorates a function"):
        block(True)
