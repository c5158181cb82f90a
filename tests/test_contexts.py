"""no_grad, recording, detect_anomaly, compile's watcher: each holds for the task that is inside it, and for nobody else."""

import asyncio
import contextlib
import functools
import gc
import inspect
import os
import signal
import threading
import warnings

import pytest

from autograd_lite import AnomalyError, Value, compile, define_op, detect_anomaly, no_grad, sqrt
from autograd_lite.compiler.front.trace import watching
from autograd_lite.contexts import is_recording, open_blocks, recording


@pytest.fixture(autouse=True)
def nothing_is_left_open():
    gc.collect()
    before = open_counts()
    yield
    gc.collect()
    assert is_recording()
    assert open_counts() == before


def open_counts():
    """How many contexts are open in the process."""
    return open_blocks.count, len(open_blocks.watching)


def gradient_of_square():
    x = Value(3.0)
    (x * x).backward()
    return x.grad


def futures(n):
    """What one task waits for and another sets."""
    return [asyncio.get_running_loop().create_future() for _ in range(n)]


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_another_task_records_while_one_awaits_inside_no_grad():
    async def quiet(entered, finished):
        with no_grad():
            entered.set_result(None)
            await asyncio.wait_for(finished, 60)
            return gradient_of_square()

    async def loud(entered, finished):
        await asyncio.wait_for(entered, 60)
        gradient = gradient_of_square()
        finished.set_result(None)
        return gradient

    async def main():
        entered, finished = futures(2)
        return await asyncio.gather(quiet(entered, finished), loud(entered, finished))

    assert asyncio.run(main()) == [0.0, 6.0]


def test_what_is_awaited_inside_no_grad_is_inside():
    async def child():
        return is_recording()

    async def main():
        with no_grad():
            direct = await child()
            as_task = await asyncio.wait_for(child(), 60)
            in_thread = await asyncio.to_thread(is_recording)
        return direct, as_task, in_thread, is_recording()

    assert asyncio.run(main()) == (False, False, False, True)


def test_a_task_that_outlives_the_block_it_was_started_in_records_again():
    async def child(left):
        before = is_recording()
        await asyncio.wait_for(left, 60)
        with no_grad():  # as elsewhere something is open
            pass
        return before, is_recording()

    async def main():
        (left,) = futures(1)
        with no_grad():
            task = asyncio.create_task(child(left))
            await asyncio.sleep(0)
        left.set_result(None)
        with no_grad():
            return await task

    assert asyncio.run(main()) == (False, True)


def test_another_task_is_not_inspected():
    async def detecting(entered, finished):
        with detect_anomaly():
            entered.set_result(None)
            await asyncio.wait_for(finished, 60)
            with pytest.raises(AnomalyError):
                Value(1e200) * 1e200

    async def other(entered, finished):
        await asyncio.wait_for(entered, 60)
        product = Value(1e200) * 1e200
        finished.set_result(None)
        return product.data

    async def main():
        entered, finished = futures(2)
        return await asyncio.gather(detecting(entered, finished), other(entered, finished))

    assert asyncio.run(main()) == [None, float("inf")]


def test_another_thread_is_neither_silenced_nor_inspected_nor_watched():
    results = []

    def work():
        results.append((gradient_of_square(), (Value(1e200) * 1e200).data, float(Value(2.0))))

    with no_grad(), detect_anomaly(), watching():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(60)
    assert results == [(6.0, float("inf"), 2.0)]


def test_threads_that_ended_inside_no_grad_silence_no_later_thread():
    for _ in range(5):
        thread = threading.Thread(target=lambda: no_grad().__enter__())
        thread.start()
        thread.join(60)
    results = []
    for _ in range(5):  # numbers of threads are given again
        thread = threading.Thread(target=lambda: results.append(gradient_of_square()))
        thread.start()
        thread.join(60)
    assert results == [6.0] * 5


# --- generators -------------------------------------------------------------------------------------------------------


def test_a_generator_that_is_paused_inside_no_grad_silences_nobody():
    def quiet():
        with no_grad():
            while True:
                yield is_recording()

    generator = quiet()
    assert not next(generator)
    assert gradient_of_square() == 6.0
    with no_grad():
        assert not next(generator)
    assert not next(generator)
    assert gradient_of_square() == 6.0
    generator.close()


def test_a_paused_generator_that_delegates_silences_nobody():
    def inner():
        yield is_recording()

    def outer():
        with no_grad():
            yield from inner()

    generator = outer()
    assert not next(generator)
    assert is_recording()
    generator.close()


def test_a_paused_generator_does_not_record_for_its_caller():
    def loud():
        with recording():
            yield is_recording()

    with no_grad():
        generator = loud()
        assert next(generator)
        assert not is_recording()
        generator.close()
        assert not is_recording()


def test_a_paused_generator_does_not_inspect():
    def detecting():
        with detect_anomaly():
            yield

    generator = detecting()
    next(generator)
    assert (Value(1e200) * 1e200).data == float("inf")
    generator.close()


def test_generators_may_leave_in_any_order():
    context = no_grad()

    def quiet():
        with context:
            yield
            yield is_recording()

    first, second = quiet(), quiet()
    next(first)
    next(second)
    assert not next(first)
    first.close()
    assert is_recording()
    assert not next(second)
    second.close()


def test_a_dropped_generator_leaves():
    def quiet():
        with no_grad():
            yield

    next(quiet())
    gc.collect()
    assert is_recording()


def test_a_generator_closed_by_another_thread_leaves():
    def quiet():
        with no_grad():
            yield

    generator = quiet()
    next(generator)
    thread = threading.Thread(target=generator.close)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert gradient_of_square() == 6.0


def test_an_asynchronous_generator_that_is_paused_silences_nobody():
    async def quiet():
        with no_grad():
            while True:
                yield is_recording()

    async def main():
        generator = quiet()
        inside = await anext(generator)
        outside = gradient_of_square()
        await generator.aclose()
        return inside, outside

    assert asyncio.run(main()) == (False, 6.0)


def test_a_generator_that_is_a_context_manager_holds_for_the_block():
    @contextlib.contextmanager
    def quiet():
        with no_grad():
            yield

    with quiet():
        assert not is_recording()
    with contextlib.ExitStack() as stack:
        stack.enter_context(quiet())
        stack.enter_context(no_grad())
        assert not is_recording()
    quiet_function = quiet()(is_recording)
    assert not quiet_function()

    def generator():
        with quiet():
            yield is_recording()

    paused = generator()
    assert not next(paused)
    assert is_recording()
    paused.close()


def test_an_asynchronous_context_manager_holds_for_the_block():
    @contextlib.asynccontextmanager
    async def quiet():
        with no_grad():
            yield

    async def main():
        async with quiet():
            inside = is_recording()
        return inside, is_recording()

    assert asyncio.run(main()) == (False, True)


@pytest.fixture
def quiet_fixture():
    with no_grad():
        yield


def test_a_fixture_holds_for_the_test(quiet_fixture):
    assert not is_recording()
    with recording():
        assert is_recording()


# --- entering and leaving ---------------------------------------------------------------------------------------------


def test_an_instance_may_be_entered_again():
    context = no_grad()
    with context:
        with context:
            assert not is_recording()
        assert not is_recording()
    assert is_recording()
    with context:
        assert not is_recording()


def test_the_innermost_of_no_grad_and_recording_counts():
    with no_grad():
        with recording():
            assert is_recording()
            with no_grad():
                assert not is_recording()
            assert is_recording()
        assert not is_recording()


def test_leaving_without_entering_is_an_error():
    with pytest.raises(RuntimeError, match="not entered"):
        no_grad().__exit__(None, None, None)


# --- as a decorator ---------------------------------------------------------------------------------------------------


def test_a_decorated_function_records_nothing_and_keeps_its_name():
    w = Value(2.0)

    @no_grad()
    def predict(x, *, scale=1.0):
        """Predict."""
        return w * x * scale

    assert predict(3.0, scale=2.0).is_leaf
    assert predict(3.0, scale=2.0).data == 12.0
    assert (predict.__name__, predict.__doc__) == ("predict", "Predict.")
    assert list(inspect.signature(predict).parameters) == ["x", "scale"]
    assert is_recording()


def test_a_decorated_function_may_call_itself_and_raise():
    @no_grad()
    def countdown(n):
        if n == 0:
            raise KeyError(is_recording())
        return countdown(n - 1)

    with pytest.raises(KeyError, match="False"):
        countdown(3)
    assert is_recording()


def test_methods_of_each_kind():
    class Model:
        @no_grad()
        def method(self):
            return self, is_recording()

        @no_grad()
        @classmethod
        def of_class(cls):
            return cls, is_recording()

        @no_grad()
        @staticmethod
        def static(x):
            return x, is_recording()

    model = Model()
    assert model.method() == (model, False)
    assert model.of_class() == (Model, False)
    assert Model.static(1) == (1, False)


def test_a_decorated_generator_is_inside_at_each_step_and_paused_silences_nobody():
    @no_grad()
    def generator():
        try:
            received = yield is_recording()
            received = yield received, is_recording()
        except KeyError:
            yield "caught", is_recording()
        return "returned"

    steps = generator()
    assert inspect.isgeneratorfunction(generator)
    assert next(steps) is False
    assert is_recording()
    assert steps.send("sent") == ("sent", False)
    assert steps.throw(KeyError) == ("caught", False)
    assert is_recording()
    with pytest.raises(StopIteration, match="returned"):
        next(steps)


def test_a_decorated_coroutine_is_inside_until_it_has_returned():
    @no_grad()
    async def quiet():
        before = is_recording()
        await asyncio.sleep(0)
        return before, is_recording()

    async def loud():
        return gradient_of_square()

    async def main():
        return await asyncio.gather(quiet(), loud())

    assert inspect.iscoroutinefunction(quiet)
    assert asyncio.run(main()) == [(False, False), 6.0]


def test_a_decorated_asynchronous_generator_is_inside_at_each_step():
    @no_grad()
    async def generator():
        try:
            received = yield is_recording()
            await asyncio.sleep(0)
            yield received, is_recording()
        except KeyError:
            yield "caught", is_recording()

    async def main():
        steps = generator()
        seen = [await anext(steps), is_recording(), await steps.asend("sent"), is_recording()]
        seen += [await steps.athrow(KeyError)]
        seen += [x async for x in steps]
        return seen

    assert inspect.isasyncgenfunction(generator)
    assert asyncio.run(main()) == [False, True, ("sent", False), True, ("caught", False)]


def test_a_decorated_asynchronous_generator_is_closed_with_its_wrapper():
    closed = []

    @no_grad()
    async def generator():
        try:
            yield 1
        finally:
            closed.append(is_recording())

    async def main():
        steps = generator()
        await anext(steps)
        await steps.aclose()

    asyncio.run(main())
    assert closed == [False]


@pytest.mark.parametrize("wrong", [int, 3, None])
def test_what_is_not_a_function_is_not_decorated(wrong):
    with pytest.raises(TypeError, match="decorates a function or a method"):
        no_grad()(wrong)


def test_without_parentheses_the_error_says_what_to_write():
    with pytest.raises(TypeError, match=r"@no_grad\(\)"):

        @no_grad
        def predict():
            pass


# --- anomalies --------------------------------------------------------------------------------------------------------


def test_detection_goes_on_after_an_inner_block():
    with detect_anomaly():
        with detect_anomaly():
            pass
        with pytest.raises(AnomalyError):
            sqrt(Value(0.0)).backward()
    sqrt(Value(0.0)).backward()


# --- after a fork -----------------------------------------------------------------------------------------------------

FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
inside, go_on = threading.Event(), threading.Event()


@functools.cache
def slow():
    """An operation that waits in every thread but the main one."""
    return define_op("slow_in_another_thread", lambda x: pause() or x, lambda x, y: (1.0,))


def pause():
    if threading.current_thread() is not threading.main_thread() and not go_on.is_set():
        inside.set()
        go_on.wait(60)


def in_child_while(work, check):
    """Fork while a thread is in the middle of `work`, and return what `check()` gives in the child, within a deadline."""
    inside.clear()
    go_on.clear()
    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(60)
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            os.write(writing, repr(check()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = pipe.read().decode()
    os.waitpid(child, 0)
    go_on.set()
    thread.join(60)
    return answer


@FORK
def test_the_first_pass_of_a_child_works_while_a_thread_of_its_parent_ran_one():
    x = Value(2.0)
    go_on.set()
    y = slow()(x) * 3.0

    def check():
        y.forward()
        y.backward()
        return x.grad

    assert in_child_while(y.forward, check) == "3.0"
    assert gradient_of_square() == 6.0


@FORK
def test_a_child_compiles_and_has_its_collector_while_a_thread_of_its_parent_compiled():
    operation = slow()
    f = compile(lambda x: operation(x) * 3.0)

    def check():
        go_on.set()
        return gc.isenabled(), float(f([2.0])[0]), float(compile(lambda x: x * x)([3.0])[0]), gc.isenabled()

    assert gc.isenabled()
    assert in_child_while(lambda: f([1.0]), check) == "(True, 6.0, 9.0, True)"
    assert gc.isenabled()


@FORK
def test_a_child_of_the_thread_that_runs_the_pass_goes_on_with_it():
    x = Value(2.0)
    answers = []

    def forward(x):
        if answers and answers[-1] is None:
            reading, writing = os.pipe()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            answers[-1] = (child, reading, writing)
        return 2.0 * x

    fork = define_op("forks_in_a_pass", forward, lambda x, y: (2.0,))
    y = fork(x) * 3.0
    answers.append(None)
    y.forward()
    child, reading, writing = answers[-1]
    if child == 0:
        signal.alarm(60)
        try:
            y.backward()
            os.write(writing, repr((y.data, x.grad)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        assert pipe.read().decode() == "(12.0, 6.0)"
    os.waitpid(child, 0)
