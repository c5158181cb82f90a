"""fit through an executor: the same numbers whoever computes them, and a clean end when a worker dies."""

import gc
import math
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
from helpers import DEADLINE
from hypothesis import given
from hypothesis import strategies as st

from autograd_lite import Value, Workers, data, define_op, exp, fit, losses, nn, optim
from autograd_lite.training import parallel, shards
from autograd_lite.training.compiled import CompiledTrainer
from autograd_lite.training.history import DivergedError, History, WorkerError
from autograd_lite.training.parallel import one_blas_thread, run_shard
from autograd_lite.training.shards import shard_sizes

X, Y = data.moons(60, 0.1, 0)


def make_net():
    return nn.MLP(2, [5, 4, 1], "tanh", seed=1)


def with_dropout():
    return nn.Sequential(nn.Layer(2, 9, "tanh", seed=0), nn.Dropout(0.3, seed=1), nn.Layer(9, 1, None, seed=2))


def trained(executor=None, net=None, **options):
    """The net's parameters after a short training, and the history."""
    net = net or make_net()
    settings = {"loss": losses.binary_cross_entropy, "epochs": 3, "batch_size": 25, "seed": 0, "progress": False}
    shards = options.pop("shards", 4)
    if options.get("engine") != "eager":
        settings |= {"workers": Workers(executor, shards)}
    settings |= options
    if "optimizer" not in settings:
        settings["optimizer"] = optim.Adam(net.parameters(), lr=0.05)
    history = fit(net, settings.pop("X", X), settings.pop("y", Y), **settings)
    return [p.data for p in settings["optimizer"].params], history


class Inline(Executor):
    """Runs each task when it is submitted, in this thread."""

    def submit(self, function, /, *arguments):
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


class SeveralWorkers(Executor):
    """Acts as several worker processes that take tasks in turn: what goes in and out is pickled, and each has its cache."""

    def __init__(self, monkeypatch, count):
        self.monkeypatch = monkeypatch
        self.caches = [{} for _ in range(count)]
        self.tasks = 0
        self.programs = []  # who was sent one

    def submit(self, function, /, *arguments):
        worker = self.tasks % len(self.caches)
        self.tasks += 1
        program = arguments[1]
        if program is not None:
            self.programs.append(worker)
        with self.monkeypatch.context() as patch:
            patch.setattr(parallel, "_at_home", {})
            patch.setattr(parallel, "_received", self.caches[worker])
            patch.setattr(parallel, "_own_name", lambda: f"worker {worker}")
            function, arguments = pickle.loads(pickle.dumps((function, arguments)))
            future = Future()
            future.set_result(pickle.loads(pickle.dumps(function(*arguments))))
        return future


@pytest.fixture(autouse=True)
def every_result_has_a_deadline(monkeypatch):
    """What `fit` and the tests wait for without limit ends with an error here, should a worker never answer."""
    result = Future.result

    def in_time(self, timeout=None):
        try:
            return result(self, DEADLINE if timeout is None else timeout)
        except TimeoutError:
            if self.done():
                raise
            raise TimeoutError(f"after {timeout or DEADLINE} s this result is not there: {self}") from None

    monkeypatch.setattr(Future, "result", in_time)


@pytest.fixture(scope="module")
def context():
    """Worker processes that start quickly, and not as copies of this one with its threads."""
    try:
        server = multiprocessing.get_context("forkserver")
    except ValueError:  # Windows
        return multiprocessing.get_context("spawn")
    server.set_forkserver_preload(["autograd_lite.training.parallel"])
    return server


@pytest.fixture
def pool(context):
    with ProcessPoolExecutor(2, context) as executor:
        yield executor


# --- the same numbers -------------------------------------------------------------------------------------------------


def test_a_large_batch_is_cut_alike_with_and_without_an_executor(context):
    X, y = data.moons(9000, 0.1, 0)

    def run(executor):
        net = nn.Sequential(nn.Layer(2, 32, "tanh", seed=0), nn.Dropout(0.2, seed=1), nn.Layer(32, 1, None, seed=2))
        return trained(executor, net, X=X, y=y, epochs=2, batch_size=None, shards=None)

    with ProcessPoolExecutor(2, context) as executor, one_blas_thread():
        assert run(executor) == run(None)


@pytest.mark.parametrize("make", [make_net, with_dropout], ids=["MLP", "dropout"])
def test_a_large_shard_is_computed_in_parts(monkeypatch, make):
    whole = trained(None, make(), batch_size=None, shards=1)
    monkeypatch.setattr(shards, "_PART", 200)
    weights, history = trained(Inline(), make(), batch_size=None, shards=2)
    assert (weights, history) == trained(None, make(), batch_size=None, shards=2)
    np.testing.assert_allclose(weights, whole[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(history.loss, whole[1].loss, rtol=1e-12)


def test_a_batch_of_one_shard_is_computed_here():
    class Closed(Executor):
        def submit(self, function, /, *arguments):
            raise AssertionError("nothing is to be sent")

    assert trained(Closed(), shards=None) == trained(None, shards=None)


@given(st.integers(1, 10_000), st.integers(1, 1000), st.none() | st.integers(1, 100))
def test_shards_are_of_equal_size_and_none_is_empty(samples, rows, shards):
    sizes = shard_sizes(samples, rows, shards)
    assert sum(sizes) == samples
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1
    assert len(sizes) == min(samples, shards) if shards else len(sizes) <= 8


@pytest.mark.parametrize("count", [1, 2, 4])
def test_threads_give_the_same_bits(count):
    with ThreadPoolExecutor(count) as executor:
        assert trained(executor) == trained(Inline())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_processes_give_the_same_bits(count, context):
    with ProcessPoolExecutor(count, context) as executor:
        assert trained(executor) == trained(Inline())


def test_spawned_processes_give_the_same_bits():
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        assert trained(executor) == trained(Inline())


@pytest.mark.parametrize("batch_size", [None, 7, 1])
@pytest.mark.parametrize("make", [make_net, with_dropout], ids=["MLP", "dropout"])
def test_the_workers_compute_what_fit_computes_alone(monkeypatch, make, batch_size):
    weights, history = trained(SeveralWorkers(monkeypatch, 3), make(), batch_size=batch_size)
    expected, alone = trained(None, make(), batch_size=batch_size, shards=None)
    np.testing.assert_allclose(weights, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(history.loss, alone.loss, rtol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": losses.mse, "validation": (X[:9], Y[:9]), "metrics": ["accuracy"]},
        {"loss": lambda p, y: (p - y) ** 2 + 0.01 * sum([w * w for w in KEPT[0].parameters()])},
        {"loss": losses.cross_entropy, "net": "classes", "y": np.arange(60) % 3},
        {"optimizer": lambda p: optim.SGD(p[3:], lr=optim.warm_up(0.1, 4), momentum=0.9)},
        {"optimizer": lambda p: optim.RMSprop([*p[::-1], Value(1.0)], lr=0.01, clip_norm=0.5)},
    ],
    ids=["validation", "weights in the loss", "classes", "a part of the net, schedule", "one parameter more, reversed"],
)
def test_every_kind_of_training_is_the_same_through_workers(monkeypatch, options):
    def run(executor):
        settings = dict(options)
        net = nn.MLP(2, [6, 3], seed=1) if settings.pop("net", None) else make_net()
        KEPT[:] = [net]
        if "optimizer" in settings:
            settings["optimizer"] = settings["optimizer"](net.parameters())
        return trained(executor, net, **settings)

    weights, history = run(SeveralWorkers(monkeypatch, 2))
    expected, alone = run(None)
    assert (weights, history) == (expected, alone)
    options = options | {"shards": None}
    expected, alone = run(None)
    np.testing.assert_allclose(weights, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(history.validation_loss, alone.validation_loss, rtol=1e-12)
    assert history.metrics == alone.metrics


KEPT = []


def test_a_training_goes_on_with_another_executor_where_it_was_left():
    net, other = make_net(), make_net()
    optimizer, alone = optim.Adam(net.parameters(), lr=0.05), optim.Adam(other.parameters(), lr=0.05)
    for executor in (Inline(), None):
        trained(executor, net, optimizer=optimizer)
        trained(None, other, optimizer=alone)
    np.testing.assert_allclose([p.data for p in net.parameters()], [p.data for p in other.parameters()], rtol=1e-12)
    assert net.parameters()[0].grad == pytest.approx(other.parameters()[0].grad, rel=1e-9)


# --- the program travels once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_the_program_goes_to_the_workers_that_lack_it_and_then_no_more(monkeypatch, count):
    workers = SeveralWorkers(monkeypatch, count)
    sent = []
    trained(workers, epochs=5, shards=6, callbacks=[lambda history: sent.append(len(workers.programs))])
    assert set(workers.programs) == set(range(count))
    assert sent == [len(workers.programs)] * 5
    assert len(workers.programs) <= 2 * count - 1  # nobody can say which worker takes the task that brings it


def test_a_worker_process_is_sent_the_program_once(context):
    class Counting(ProcessPoolExecutor):
        programs = 0

        def submit(self, function, /, key, program, *arguments):
            self.programs += program is not None
            return super().submit(function, key, program, *arguments)

    with Counting(1, context) as executor:
        trained(executor)
        assert executor.programs == 1


def test_threads_find_the_program_at_home_and_nothing_is_kept_after_the_training():
    with ThreadPoolExecutor(2) as executor:
        trained(executor)
    gc.collect()
    assert len(parallel._at_home) == 0
    assert parallel._received == {}


def test_a_worker_that_starts_anew_or_joins_later_is_sent_it_then(monkeypatch):
    workers = SeveralWorkers(monkeypatch, 2)

    def disturb(history):
        if len(history) == 1:
            workers.caches[1].clear()
        if len(history) == 2:
            workers.caches.append({})

    disturbed = trained(workers, callbacks=[disturb], epochs=4, shards=6)
    assert disturbed == trained(Inline(), epochs=4, shards=6)
    assert workers.programs.count(1) >= 2
    assert workers.programs.count(2) >= 1


def test_a_worker_keeps_a_few_programs_only(monkeypatch):
    workers = SeveralWorkers(monkeypatch, 1)
    for _ in range(12):
        trained(workers, epochs=1)
    assert len(workers.caches[0]) == parallel._MOST_RECEIVED
    assert len(workers.programs) == 12


def test_an_executor_that_answers_equal_tasks_from_memory_is_harmless(monkeypatch):
    class Remembering(SeveralWorkers):
        def submit(self, function, /, *arguments):
            key = pickle.dumps(arguments)
            if key not in memory:
                memory[key] = super().submit(function, *arguments)
            return memory[key]

    memory = {}
    assert trained(Remembering(monkeypatch, 2)) == trained(Inline())


def test_the_program_holds_nothing_of_the_net():
    net = nn.MLP(2, [40, 40, 1], seed=0)
    workers = Inline()
    trainer = CompiledTrainer(net, losses.mse, optim.SGD(net.parameters()), X, Y, 4, parallel.InWorkers(workers))
    assert len(pickle.dumps(trainer._shard_program)) < 5000


def test_lambdas_of_net_loss_and_schedule_stay_at_home(pool):
    def run(executor):
        w, b = Value(0.5), Value(0.0)
        optimizer = optim.SGD([w, b], lr=lambda step: 0.1 / (1 + step))
        return trained(executor, lambda x: w * x[0] + b, loss=lambda p, y: (p - y) ** 2, optimizer=optimizer)

    assert run(pool) == run(Inline())


# --- operations of your own ------------------------------------------------------------------------------------------


def cube(x):
    return x * x * x


def slope_of_cube(x, y):
    return 3.0 * x * x


def with_own_operation(forward, slope):
    own = define_op("own", forward, slope)
    w = Value(0.5, "w")
    return lambda x: own(w * x[0]), [w]


def test_an_operation_of_a_module_runs_in_a_worker(pool):
    def run(executor):
        net, params = with_own_operation(cube, slope_of_cube)
        return trained(executor, net, optimizer=optim.SGD(params, lr=0.1))

    assert run(pool) == run(Inline())


def test_an_operation_of_lambdas_runs_in_threads_and_is_refused_by_processes(pool):
    def run(executor):
        net, params = with_own_operation(lambda x: x**3, lambda x, y: 3.0 * x * x)
        return trained(executor, net, optimizer=optim.SGD(params, lr=0.1))

    with ThreadPoolExecutor(2) as threads:
        assert run(threads) == run(Inline())
    with pytest.raises(TypeError, match=r"cannot be sent to a worker.*lambda.*functions of a module"):
        run(pool)


def fails_above_1(x):
    if x > 1.0:
        raise OverflowError("above 1")
    return x


def refuses_above_1(x):
    if x > 1.0:
        raise LookupError("above 1")
    return x


def one(x, y):
    return 1.0


def climbing(forward, executor):
    """One weight that climbs by 0.4 a step, from 0."""
    net, params = with_own_operation(forward, one)
    params[0].data = 0.0
    options = {"X": [[1.0]] * 8, "y": [0.0] * 8, "batch_size": None, "epochs": 10}
    return params[0], lambda: trained(
        executor, net, loss=lambda p, y: -p, optimizer=optim.SGD(params, lr=0.4), **options
    )


def test_arithmetic_that_raises_in_a_worker_is_divergence(pool):
    w, run = climbing(fails_above_1, pool)
    with pytest.raises(DivergedError, match=r"epoch 4: the loss cannot be computed: above 1") as caught:
        run()
    assert w.data == pytest.approx(0.8)
    assert len(caught.value.history) == 3


def test_any_other_error_of_the_net_arrives_as_it_was_raised(monkeypatch):
    _, run = climbing(refuses_above_1, SeveralWorkers(monkeypatch, 2))
    with pytest.raises(LookupError, match="above 1") as caught:
        run()
    assert any("refuses_above_1" in note for note in caught.value.__notes__)


class OddError(Exception):
    def __init__(self, what, why):
        super().__init__(f"{what}: {why}")


def is_odd_above_1(x):
    if x > 1.0:
        raise OddError("odd", "above 1")
    return x


@pytest.mark.parametrize("kind", ["processes", "pretended workers"])
def test_an_error_that_cannot_be_pickled_arrives_in_words(monkeypatch, pool, kind):
    _, run = climbing(is_odd_above_1, pool if kind == "processes" else SeveralWorkers(monkeypatch, 2))
    with pytest.raises(RuntimeError, match="OddError: odd: above 1") as caught:
        run()
    assert not isinstance(caught.value, WorkerError)


def test_divergence_is_told_as_without_an_executor(monkeypatch):
    def message(executor):
        net = nn.Neuron(1, None, seed=0)
        net.load_state_dict({"w[0]": 1e200, "b": 0.0})
        with pytest.raises(DivergedError) as caught:
            trained(executor, net, X=[[1.0]] * 9, y=[0.0] * 9, loss=losses.mse)
        return str(caught.value)

    assert message(SeveralWorkers(monkeypatch, 2)) == message(None)
    assert "mul(1e+200, 1e+200) = inf" in message(None)


# --- when workers die -------------------------------------------------------------------------------------------------


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)


def die_once(path, function, *arguments):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return function(*arguments)
    os._exit(1)


class Deadly(ProcessPoolExecutor):
    """Kills the worker that takes a certain shard."""

    shards = 0

    def submit(self, function, /, *arguments):
        self.shards += 1
        return super().submit(die if self.shards == 30 else function, *arguments)


def test_a_worker_killed_amid_a_step_ends_the_training_with_the_weights_of_the_step_before(context):
    net, other = make_net(), make_net()
    optimizer = optim.Adam(net.parameters(), lr=0.05)
    with (
        Deadly(1, context) as executor,
        pytest.raises(WorkerError, match=r"BrokenProcessPool.* in epoch 3, step 2; the net has the weights") as caught,
    ):
        trained(executor, net, optimizer=optimizer)
    # 12 shards an epoch: 3 batches of 4. The 30th is in the second step of the third epoch.
    other_optimizer = optim.Adam(other.parameters(), lr=0.05)

    class Seven(Inline):
        shards = 0

        def submit(self, function, /, *arguments):
            self.shards += 1
            if self.shards > 28:
                raise RuntimeError("enough")
            return super().submit(function, *arguments)

    with pytest.raises(WorkerError):
        trained(Seven(), other, optimizer=other_optimizer)
    assert net.state_dict() == other.state_dict()
    assert optimizer.steps == 7
    assert len(caught.value.history) == 2
    assert isinstance(caught.value.__cause__.__cause__, BrokenProcessPool)
    history = trained(Inline(), net, optimizer=optimizer, epochs=1)[1]
    assert history.loss[0] < caught.value.history.loss[-1]


def test_an_executor_shut_down_by_the_user_is_told():
    net = make_net()
    saved = []
    with ThreadPoolExecutor(1) as executor:

        def shut_down(history):
            saved.append(net.state_dict())
            if len(history) == 2:
                executor.shutdown()

        with pytest.raises(WorkerError, match=r"after shutdown.* in epoch 3, step 1") as caught:
            trained(executor, net, callbacks=[shut_down])
    assert net.state_dict() == saved[-1]
    assert len(caught.value.history) == 2


class Stuck(Executor):
    """Begins no task after some shards; the first one that is waited for is an interrupt."""

    def __init__(self, shards):
        self.shards = shards
        self.stuck = []

    def submit(self, function, /, *arguments):
        self.shards -= 1
        if self.shards >= 0:
            return Inline.submit(self, function, *arguments)
        future = Future()
        if not self.stuck:
            future.set_exception(KeyboardInterrupt())
        self.stuck.append(future)
        return future


def test_an_interrupt_cancels_what_has_not_begun_and_leaves_the_best_weights(monkeypatch):
    monkeypatch.setattr(parallel, "_GRACE", 0.0)
    net, other = make_net(), make_net()
    executor = Stuck(2 * 12 + 5)
    history = trained(executor, net)[1]
    assert (history.stopped, len(history)) == ("interrupted", 2)
    assert [future.cancelled() for future in executor.stuck] == [False, True, True]
    trained(Inline(), other, epochs=2)
    assert history.best_epoch == 2
    assert net.state_dict() == other.state_dict()


def test_without_threadpoolctl_the_blas_is_left_as_it_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    monkeypatch.setattr(parallel, "_controller", parallel._controller.__wrapped__)
    assert trained(Inline()) == trained(None)


def test_matrix_products_have_one_thread_for_the_time_of_the_training_only():
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def blas_threads():
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]

    class Looking(Inline):
        def submit(self, function, /, *arguments):
            seen.append(blas_threads())
            return super().submit(function, *arguments)

    seen = []
    with threadpoolctl.threadpool_limits(2, "blas"):
        before = blas_threads()
        trained(Looking(), epochs=1, batch_size=None)
        assert blas_threads() == before
    assert seen == [[1] * len(before)] * 4


def test_the_executor_stays_open():
    with ThreadPoolExecutor(1) as executor:
        trained(executor)
        assert executor.submit(math.sqrt, 4.0).result(DEADLINE) == 2.0


@pytest.mark.parametrize("kind", [DivergedError, WorkerError])
def test_the_errors_of_a_training_can_be_pickled(kind):
    error = pickle.loads(pickle.dumps(kind("why", History([0.5]))))
    assert (type(error), str(error), error.history) == (kind, "why", History([0.5]))


@pytest.mark.parametrize("shards", [0, -1, 2.5, "4"])
def test_a_wrong_number_of_shards_is_refused(shards):
    with pytest.raises((ValueError, TypeError), match="shards must be a positive integer, got"):
        Workers(2, shards)


@pytest.mark.parametrize("workers", [1, 3, np.int64(2), Workers(2), Workers(Inline())])
def test_a_number_of_workers_gives_the_bits_of_any_other(workers, monkeypatch):
    monkeypatch.setattr(shards, "_PART", 200)  # so that there are several shards
    alone = trained(None, shards=None, workers=Workers())
    assert shard_sizes(25, 40) != (25,)
    assert trained(None, workers=workers) == alone


def test_the_threads_that_fit_started_end_with_it():
    before = threading.active_count()
    trained(2)
    assert threading.active_count() == before


# --- wrong arguments --------------------------------------------------------------------------------------------------


class Client:
    def get_executor(self): ...


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"workers": "processes"}, TypeError, "workers must be a number of threads, .* got str"),
        ({"workers": True}, TypeError, "workers must be a number of threads, .* got bool"),
        ({"workers": 2.0}, TypeError, "workers must be a number of threads, .* got float"),
        ({"workers": 0}, ValueError, "workers must be a positive integer, got 0"),
        ({"workers": Client()}, TypeError, r"client.get_executor\(pure=False\)"),
        ({"workers": Inline(), "engine": "eager"}, ValueError, "workers go with engine='auto'"),
        ({"workers": 2, "engine": "eager"}, ValueError, "workers go with engine='auto'"),
        ({"workers": Inline(), "net": lambda x: exp(NUMBER) if x[0] > 0 else NUMBER}, TypeError, "cannot be compiled"),
        ({"workers": Inline(), "X": np.ones((60, 3))}, ValueError, "takes 2 inputs, got 3"),
    ],
)
def test_wrong_arguments_are_refused(options, error, message):
    net = options.get("net") or make_net()
    params = [NUMBER] if "net" in options else net.parameters()
    with pytest.raises(error, match=message):
        trained(**{"net": net, "optimizer": optim.SGD(params), **options})


NUMBER = Value(1.0)


# --- Dask -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    with (
        # Tasks that no worker is left for, because none could be started in time, are to fail and not to wait.
        dask.config.set({"distributed.scheduler.no-workers-timeout": f"{DEADLINE // 2} s"}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


class Replacing(Executor):
    """Hands tasks on to an executor, one of them altered."""

    def __init__(self, executor, number, alter):
        self.executor, self.number, self.alter = executor, number, alter

    def submit(self, function, /, *arguments):
        self.number -= 1
        if self.number == 0:
            function, *arguments = self.alter(function, *arguments)
        return self.executor.submit(function, *arguments)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
class TestDask:
    @pytest.mark.parametrize("options", [{}, {"pure": False}])
    def test_the_same_bits(self, client, options):
        assert trained(client.get_executor(**options)) == trained(Inline())

    def test_a_shard_whose_worker_died_is_computed_again_and_counted_once(self, client, tmp_path):
        path = str(tmp_path / "died")
        executor = Replacing(client.get_executor(pure=False), 18, lambda *task: (die_once, path, *task))
        assert trained(executor) == trained(Inline())
        assert os.path.exists(path)

    def test_a_shard_that_kills_every_worker_ends_the_training(self, client):
        client.cluster.scheduler.allowed_failures = 0
        executor = Replacing(client.get_executor(pure=False), 18, lambda _, *arguments: (die, *arguments))
        with pytest.raises(WorkerError, match=r"KilledWorker.* in epoch \d, step \d; the net has the weights"):
            trained(executor)


def test_the_task_is_found_by_its_name():
    assert pickle.loads(pickle.dumps(run_shard)) is run_shard
