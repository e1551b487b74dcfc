"""Who does the work of a batch on this machine: this process, or several."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from tcpautopsy.batch import TRIES, Work, analyse_one, give_up


class Alone:
    """One after the other, in this process."""

    def work(self, waiting: Sequence[Work], ended: Callable[[Work], None]) -> None:
        """Analyse all of these."""
        for each in waiting:
            analyse_one(each)
            ended(each)


class Processes:
    """Processes of this machine; one that dies is replaced, and what it worked on is tried once more."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._tries: dict[int, int] = {}

    def work(self, waiting: Sequence[Work], ended: Callable[[Work], None]) -> None:
        """Analyse all of these."""
        left = {each.number: each for each in waiting}

        def over(each: Work) -> None:
            del left[each.number]
            ended(each)

        while left:
            self._pool(list(left.values()), over)

    def _pool(self, waiting: list[Work], ended: Callable[[Work], None]) -> None:
        """Analyse in one pool, until all are done or a process of it died."""
        queue = iter(waiting)
        running: dict[Future[None], Work] = {}
        pool = ProcessPoolExecutor(self._jobs, mp_context=multiprocessing.get_context("spawn"))
        try:
            while True:
                while len(running) < self._jobs and (each := next(queue, None)) is not None:
                    running[pool.submit(analyse_one, each)] = each
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED)[0]:
                    future.result()
                    ended(running.pop(future))
        except BrokenProcessPool:
            # Which of those at work killed its process is not known: each is tried again once.
            for each in running.values():
                self._tries[each.number] = self._tries.get(each.number, 0) + 1
                if self._tries[each.number] >= TRIES:
                    give_up(each)
                    ended(each)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
