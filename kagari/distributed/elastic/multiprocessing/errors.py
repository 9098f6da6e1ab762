"""Errors that processes leave for who started them."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from ...agent import JobFailedError as ChildFailedError

_P = ParamSpec("_P")
_R = TypeVar("_R")


def record(fn: Callable[_P, _R]) -> Callable[_P, _R]:
    """Has the error that a program's main function ends with shown by `torchrun`, with its traceback.

    >>> from kagari.distributed.elastic.multiprocessing.errors import record
    >>> @record
    ... def main():
    ...     return 1
    >>> main()
    1
    """

    @wraps(fn)
    def recorded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return fn(*args, **kwargs)
        except Exception as error:
            path = os.environ.get("TORCHELASTIC_ERROR_FILE")
            if path:
                told = {"py_callstack": traceback.format_exc(), "timestamp": str(int(time.time()))}
                with open(path, "w") as file:
                    json.dump({"message": {"message": repr(error), "extraInfo": told}}, file)
            raise

    return recorded


__all__ = ["ChildFailedError", "record"]
