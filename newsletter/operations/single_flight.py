"""One flight of a question at a time, with a timeout: probes of a database that hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Asks a question in a thread of its own, and waits for the answer for so many seconds.

    Whoever asks while it is not answered waits for the same answer: a server that hangs costs one
    thread and one connection, however many probe.
    """

    def __init__(self, ask: Callable[[], T], *, seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._lock = threading.Lock()
        self._asked: Future[T] | None = None

    def answer(self) -> T:
        """Return the answer, or raise what the question raised.

        Raises:
            TimeoutError: There is none in time.
        """
        return self._flight().result(timeout=self._seconds)

    async def answer_awaited(self) -> T:
        """Do as `answer`, and hold no thread meanwhile: strangers may ask as often as they like.

        Raises:
            TimeoutError: There is none in time.
        """
        told = asyncio.wrap_future(self._flight())
        # Whoever waits no longer ends it for nobody else; what it raises then is asked by nobody.
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
        except BaseException as error:  # noqa: BLE001 - whoever asked raises it
            self._end()
            asked.set_exception(error)
        else:
            self._end()
            asked.set_result(answer)

    def _end(self) -> None:
        with self._lock:
            self._asked = None
