"""Single flight: at most one running query for all callers, with a timeout; for health probes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs a query in a thread, and waits for its result with a timeout.

    Concurrent callers wait for the same result. So a hanging server occupies one thread and one
    connection, however many probes there are.
    """

    def __init__(self, ask: Callable[[], T], *, seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._lock = threading.Lock()
        self._asked: Future[T] | None = None

    def answer(self) -> T:
        """Return the result of the query, or raise its error.

        Raises:
            TimeoutError: The query did not finish in time.
        """
        return self._flight().result(timeout=self._seconds)

    async def answer_awaited(self) -> T:
        """Like `answer`, but without blocking a thread, for requests that anybody can make.

        Raises:
            TimeoutError: The query did not finish in time.
        """
        told = asyncio.wrap_future(self._flight())
        # Retrieve the error of an abandoned query, which asyncio would log otherwise.
        told.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return await asyncio.wait_for(asyncio.shield(told), self._seconds)

    def _flight(self) -> Future[T]:
        with self._lock:
            asked = self._asked
            if asked is None:
                asked = self._asked = Future()
                threading.Thread(target=self._go, args=(asked,), daemon=True).start()
        return asked

    def _go(self, asked: Future[T]) -> None:
        try:
            answer = self._ask()
        except BaseException as error:  # noqa: BLE001 - raised by the callers
            self._end()
            asked.set_exception(error)
        else:
            self._end()
            asked.set_result(answer)

    def _end(self) -> None:
        with self._lock:
            self._asked = None
