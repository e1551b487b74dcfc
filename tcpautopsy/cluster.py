"""The work of a batch on a Dask cluster whose workers see the same folders under the same names."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from distributed import Client, KilledWorker, as_completed

from tcpautopsy.batch import Work, analyse_one, give_up
from tcpautopsy.errors import UsageError
from tcpautopsy.places import remote
from tcpautopsy.text import clean

_PATIENCE_S = 15


class Cluster:
    """A scheduler and its workers. What a lost worker had begun is done by another: every output is written whole."""

    def __init__(self, address: str) -> None:
        """Raises UsageError when nobody answers at the address."""
        try:
            self._client: Any = Client(address, timeout=_PATIENCE_S, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, ValueError, TimeoutError) as error:
            raise UsageError(f"no scheduler at {clean(address)}: {clean(str(error), 200)}") from None

    def work(self, waiting: Sequence[Work], ended: Callable[[Work], None]) -> None:
        """Analyse all of these; one that ends worker after worker is given up."""
        with self._client:
            futures = {self._client.submit(analyse_one, _absolute(each), pure=False): each for each in waiting}
            for future in as_completed(list(futures), loop=self._client.loop):  # type: ignore[no-untyped-call]
                each = futures.pop(future)
                try:
                    future.result()
                except KilledWorker:
                    give_up(each)
                ended(each)


def _absolute(work: Work) -> Work:
    """The same work for a process that stands in another folder."""
    options = work.options._replace(rule_folders=tuple(each.absolute() for each in work.options.rule_folders))
    return work._replace(paths=[_whole(path) for path in work.paths], out=_whole(work.out), options=options)


def _whole(path: str) -> str:
    return path if remote(path) else os.path.abspath(path)
