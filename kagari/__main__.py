"""Runs a program written for PyTorch on Kagari.

usage: python -m kagari SCRIPT [ARGUMENT ...]
       python -m kagari -m MODULE [ARGUMENT ...]
       python -m kagari -c CODE [ARGUMENT ...]

In the program, and in all processes that it starts, `import torch` means Kagari.
"""

from __future__ import annotations

import io
import os
import runpy
import sys
from types import ModuleType

from .alias import install_as_torch

USAGE = __doc__.partition("\n\n")[2]


def main(arguments: list[str]) -> None:
    """Runs what the arguments say as `python` itself would."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="")
        return
    what, *rest = arguments
    if what.startswith("-") and (what not in ("-c", "-m") or not rest):
        sys.exit(f"python -m kagari: can't make sense of {what}\n\n{USAGE}")
    install_as_torch()
    if what == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif what == "-c":
        sys.argv = ["-c", *rest[1:]]
        _set_first_path("")
        _run(rest[0], "<string>", None)
    else:
        sys.argv = arguments
        _set_first_path(os.path.dirname(os.path.realpath(what)))
        try:
            with io.open_code(os.path.abspath(what)) as file:
                source = file.read()
        except OSError as error:
            sys.exit(f"python -m kagari: can't open file {what!r}: {error.strerror}")
        _run(source, what, what)


def _set_first_path(folder: str) -> None:
    """Puts the program's folder first in `sys.path`, where that of `python -m` stands now."""
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _run(source: str | bytes, name: str, file: str | None) -> None:
    """Runs the program as the module `__main__`, which it stays: functions of it can be called and pickled later."""
    module = ModuleType("__main__")
    if file is not None:
        module.__file__ = file
    sys.modules["__main__"] = module
    exec(compile(source, name, "exec", dont_inherit=True), vars(module))


if __name__ == "__main__":
    main(sys.argv[1:])
