import threading

from mllm_for3d_ros.nodes.worker import Worker


class Bench:
    """A worker whose work waits until it is let go."""

    def __init__(self, capacity: int) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.seen: list[int] = []
        self.errors: list[Exception] = []
        self.worker: Worker[int] = Worker("test", self.work, self.errors.append, capacity)

    def work(self, item: int) -> None:
        self.begun.release()
        assert self.go.acquire(timeout=20)
        self.seen.append(item)
        if item < 0:
            raise ValueError(str(item))

    def finish(self, count: int) -> None:
        for _ in range(count):
            self.go.release()
        for _ in range(count):
            assert self.begun.acquire(timeout=20)


def test_the_newest_wins_when_only_one_may_wait() -> None:
    bench = Bench(1)
    assert bench.worker.offer(0)
    assert bench.begun.acquire(timeout=20)
    assert [bench.worker.offer(i) for i in (1, 2, 3)] == [True, False, False]
    bench.go.release()
    assert bench.begun.acquire(timeout=20)
    bench.go.release()
    bench.worker.close()
    assert bench.seen == [0, 3] and bench.worker.dropped == 2


def test_a_long_queue_keeps_order_and_counts() -> None:
    bench = Bench(30)
    for i in range(20):
        assert bench.worker.offer(i)
    assert bench.worker.backlog == 20
    bench.finish(20)
    bench.worker.close(20)
    assert bench.seen == list(range(20)) and bench.worker.dropped == 0


def test_an_exception_is_told_and_the_thread_goes_on() -> None:
    bench = Bench(5)
    bench.worker.offer(-1)
    bench.worker.offer(1)
    bench.finish(2)
    bench.worker.close(20)
    assert bench.seen == [-1, 1] and [str(e) for e in bench.errors] == ["-1"]


def test_cleared_items_are_not_worked_on() -> None:
    bench = Bench(5)
    bench.worker.offer(0)
    assert bench.begun.acquire(timeout=20)
    bench.worker.offer(1)
    bench.worker.clear()
    bench.go.release()
    bench.worker.close(20)
    assert bench.seen == [0] and bench.worker.dropped == 0 and bench.worker.closed


def test_whoever_ends_it_gets_back_what_waited() -> None:
    bench = Bench(5)
    bench.worker.offer(0)
    assert bench.begun.acquire(timeout=20)
    bench.worker.offer(1)
    bench.worker.offer(2)
    assert bench.worker.close(0.0) == [1, 2]
    bench.go.release()
    assert bench.worker.close(20) == [] and bench.seen == [0]
