"""What the server has imported from which workers are forked. Nobody else imports this.

Nothing here may raise, because a server that ends takes its reason with it: a worker imports what could not be
imported again, and its own error is told.

A server that imports does not look whether its owner is still there, and importing takes seconds. So a thread looks;
it ends before the first fork.
"""

from __future__ import annotations

import gc
import os
import threading
from contextlib import suppress

_SECONDS = 0.5


def _watch(owner: int, done: threading.Event) -> None:
    while not done.wait(_SECONDS):
        if os.getppid() != owner:
            os._exit(1)


def _load() -> None:
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(os.getppid(), done), name="owner-watch")
    watch.start()
    try:
        with suppress(Exception):
            from tuner.trainers import plain  # noqa: F401
            from tuner.trainers.stacked import engine  # noqa: F401
    finally:
        done.set()
        watch.join()
    # What is imported stays. Looking through it for garbage takes a quarter of a second each time, most often while a
    # program is traced, and would make copies of pages that all workers share.
    gc.freeze()


_load()
