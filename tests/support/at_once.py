"""Several hands at the same moment: threads that begin together, each with connections of its own."""

import threading
from collections.abc import Callable
from typing import Any


def at_once(count: int, action: Callable[[int], Any]) -> list[Any]:
    """Do ``action(number)`` in ``count`` threads at the same moment; return the answers, or raise."""
    barrier = threading.Barrier(count)
    answers: list[Any] = [None] * count
    failures: list[BaseException] = []

    def one(number: int) -> None:
        barrier.wait()
        try:
            answers[number] = action(number)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]
    return answers
