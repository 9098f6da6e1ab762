"""Kagari under the name `torch`: programs written for PyTorch run as they are.

    python -m kagari train.py --epochs 3

or, before the first `import torch` of a program, `kagari.install_as_torch()`.

`import torch` then gives a module that shows Kagari's public interface and calls itself PyTorch 2.13; below it the
modules are Kagari's own, the same objects: `torch.nn is kagari.nn`, and `torchvision is kagari.vision`. What Kagari
does not have is an AttributeError or an ImportError that says so and names what is near.

Child processes, of `subprocess` as of `multiprocessing`, do the same: a folder with packages `torch` and `torchvision`
in it, of a few lines, stands in `PYTHONPATH` before what was there, and in `sys.path`. It also answers
`importlib.metadata`. Nothing else of the environment is touched, and a PyTorch that is installed stays where it is,
unused.
"""

from __future__ import annotations

import atexit
import difflib
import importlib
import importlib.machinery
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.abc import InspectLoader, Loader
from opcode import opmap
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

from .base.config import cache_directory
from .base.places import in_torch

COMPATIBLE = "2.13.0"
COMPATIBLE_VISION = "0.28.0"
NOT_YET = ("torchaudio", "torchtext")
# PyTorch's modules that lie elsewhere here.
_PLACES = {
    "utils.data.dataset": "data.dataset", "utils.data.sampler": "data.sampler", "utils.data.dataloader": "data.loader",
    "utils.data.distributed": "data.distributed", "utils.data._utils": "data",
    "autograd.grad_mode": "autograd.modes", "autograd.anomaly_mode": "autograd.modes",
    "storage": "eager.typed_storage", "__future__": "nn.conversion",
    "_C": "eager.usage", "compiler": "capture.compiler", "_dynamo": "capture.dynamo", "ops": "library.namespaces",
    "distributed.distributed_c10d": "distributed", "distributed.optim": "optim.distributed",
    "quantization": "ao.quantization", "nn.quantized": "ao.nn.quantized", "nn.intrinsic": "ao.nn.intrinsic",
    "nn.qat": "ao.nn.qat",
}  # fmt: skip
# Modules of libraries that are written for PyTorch's own memory, and what Kagari has in their place.
_OF_LIBRARIES = {"safetensors.torch": "serialization.safetensors"}
_PACKAGE = __name__.partition(".")[0]


def install_as_torch() -> None:
    """Makes `import torch` mean Kagari, in this process from now on and in the processes that it starts.

    Raises RuntimeError where PyTorch itself has been imported already.

    Example::

        import kagari

        kagari.install_as_torch()

        import torch  # Kagari
        import torch.nn.functional as F
    """
    folder = _shim()
    there = sys.modules.get("torch")
    if there is not None and there is not _torch() and not _lies_in(there, folder):
        raise RuntimeError(
            "PyTorch is imported already: call kagari.install_as_torch() before the first import of torch, or start "
            "the program with python -m kagari"
        )
    sys.modules["torch"] = _torch()
    for name in ("Tensor", "Size", "device", "dtype"):
        getattr(_torch(), name)  # which tensors have, whether a program asks for the class or not
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
    if str(folder) not in sys.path:
        sys.path.insert(1, str(folder))  # behind the folder of the script
    before = os.environ.get("PYTHONPATH")
    if not before:
        os.environ["PYTHONPATH"] = str(folder)
    elif str(folder) not in before.split(os.pathsep):
        os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{before}"


def show(package: str) -> None:
    """Lets the import of a package of the folder for child processes, which is under way, give Kagari's module."""
    del sys.modules[package]
    importlib.import_module(package)


# The module torch


def version() -> str:
    """What `torch.__version__` says: the PyTorch whose interface this is, and Kagari's own version."""
    return f"{COMPATIBLE}+{_PACKAGE}.{sys.modules[_PACKAGE].__version__}"


@cache
def _torch() -> ModuleType:
    """The module under the name torch. It looks names up in Kagari when they are first asked for."""
    kagari = sys.modules[_PACKAGE]
    made = ModuleType("torch", kagari.__doc__)
    made.__version__ = version()  # type: ignore[attr-defined]
    made.__all__ = [name for name in kagari.__all__ if not name.startswith("_")]  # type: ignore[attr-defined]
    made.__file__ = kagari.__file__
    made.__path__ = []
    made.__spec__ = importlib.machinery.ModuleSpec("torch", None, is_package=True)
    made.version = sys.modules["torch.version"] = _version_module()  # type: ignore[attr-defined]

    def look_up(name: str) -> Any:
        if name in _PLACES:
            return importlib.import_module(f"torch.{name}")
        if name not in kagari.__all__:
            raise _missing("torch", name, kagari.__all__, sys._getframe(1))
        found = getattr(kagari, name)
        if isinstance(found, ModuleType):
            found = importlib.import_module(f"torch.{name}")
        elif isinstance(found, type):
            _show(found)
        setattr(made, name, found)
        return found

    made.__getattr__ = look_up  # type: ignore[method-assign]
    made.__dir__ = lambda: sorted({*vars(made), *kagari.__all__})  # type: ignore[method-assign]
    return made


def _version_module() -> ModuleType:
    """The module torch.version."""
    made = ModuleType("torch.version", "Which PyTorch this is compatible with; it is built for the CPU.")
    vars(made).update(__version__=version(), cuda=None, hip=None, xpu=None, debug=False, git_version="")
    return made


def _missing(module: str, name: str, there: Iterable[str], frame: FrameType) -> Exception:
    """The error for a name that is not there: ImportError where `from module import name` asks for it."""
    if name.startswith("__"):
        return AttributeError(f"module '{module}' has no attribute '{name}'")
    reason = f"{module.partition('.')[0]} is Kagari here, which does not have it{_nearest(name, there)}"
    if frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]:
        return ImportError(f"cannot import name '{name}' from '{module}': {reason}", name=module)
    return AttributeError(f"module '{module}' has no attribute '{name}': {reason}")


def _nearest(name: str, there: Iterable[str]) -> str:
    """The end of a message: the public names that look like this one."""
    near = difflib.get_close_matches(name, [n for n in there if not n.startswith("_")])
    return f". The nearest names: {', '.join(near)}" if near else ""


def _explain(module: ModuleType, shown: str) -> None:
    """Lets a module of Kagari's say what is missing and what is near, under the name that PyTorch gives it."""
    before = vars(module).get("__getattr__")
    if hasattr(before, "explains"):
        return

    def look_up(name: str) -> Any:
        if before is not None:
            try:
                found = before(name)
            except AttributeError:
                pass
            else:
                if isinstance(found, type):
                    _show(found)
                return found
        inner = None if name.startswith("_") else _module(f"{shown}.{name}".partition(".")[2])
        if inner is not None:  # a module that lies elsewhere here
            return importlib.import_module(f"{shown}.{name}")
        raise _missing(shown, name, dir(module), sys._getframe(1))

    look_up.explains = shown  # type: ignore[attr-defined]
    module.__getattr__ = look_up  # type: ignore[method-assign]
    for name, inner in list(vars(module).items()):
        if isinstance(inner, ModuleType) and inner.__name__ == f"{module.__name__}.{name}":
            _explain(inner, f"{shown}.{name}")
        elif isinstance(inner, type):
            _show(inner)


def _show(kind: type) -> None:
    """Gives a class of Kagari's the module that PyTorch has it in, where it can be found there: as programs print it,
    and tell layers by `torch.nn`.
    """
    package, _, module = kind.__module__.partition(".")
    if package != _PACKAGE:
        return
    before = kind.__module__, kind.__qualname__, kind.__name__
    place, name = in_torch(module, kind.__qualname__)
    there = _module(place) if place else sys.modules[_PACKAGE]
    # First of all: to look it up there may come back to here.
    kind.__module__, kind.__qualname__, kind.__name__ = f"torch.{place}".rstrip("."), name, name
    if getattr(there, name, None) is not kind:
        kind.__module__, kind.__qualname__, kind.__name__ = before


# Importing


class _Finder:
    """Finds the modules of torch and torchvision: those of Kagari."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module that Kagari has for a name. Raises ModuleNotFoundError where it has none."""
        if fullname in NOT_YET:
            installed = importlib.machinery.PathFinder.find_spec(fullname) is not None
            return importlib.machinery.ModuleSpec(fullname, _Refusing()) if installed else None
        if fullname in _OF_LIBRARIES:
            ours = importlib.import_module(f"{_PACKAGE}.{_OF_LIBRARIES[fullname]}")
            return importlib.machinery.ModuleSpec(fullname, _Same(ours, fullname))
        root, _, rest = fullname.partition(".")
        if root == "torchvision":
            rest = f"vision.{rest}".rstrip(".")
        elif root != "torch" or not rest:
            return None
        found = _module(rest)
        if found is None:
            public = [name for name in sys.modules if name.startswith(f"{root}.")]
            raise ModuleNotFoundError(
                f"No module named '{fullname}': {root} is Kagari here, which does not have it"
                f"{_nearest(fullname, public)}",
                name=fullname,
            )
        return importlib.machinery.ModuleSpec(fullname, _Same(found, fullname), is_package=hasattr(found, "__path__"))


class _Same(Loader):
    """Gives an import of a module of torch the module of Kagari that is there already."""

    def __init__(self, module: ModuleType, shown: str) -> None:
        self.module, self.spec, self.shown = module, module.__spec__, shown

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The module as it is."""
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing but to undo what the import has changed: the module keeps its own specification."""
        module.__spec__ = self.spec
        _explain(module, self.shown)

    def get_code(self, fullname: str) -> CodeType | None:
        """What `python -m` runs."""
        loader = self.spec.loader if self.spec is not None else None
        return loader.get_code(self.spec.name) if isinstance(loader, InspectLoader) and self.spec is not None else None


class _Refusing(Loader):
    """Says that a package that is installed is not there yet; to ask whether it can be found is no error."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """A plain module will do."""

    def exec_module(self, module: ModuleType) -> None:
        """Raises ModuleNotFoundError."""
        name = module.__name__
        raise ModuleNotFoundError(
            f"{name} is not there yet: torch is Kagari here, and Kagari has no {name} (the one that is installed works "
            "with PyTorch alone)",
            name=name,
        )


def _module(name: str) -> ModuleType | None:
    """The module of Kagari for its name below torch; None where there is none, or where it is not public."""
    first = name.partition(".")[0]
    if first not in sys.modules[_PACKAGE].__all__ and first not in _PLACES:
        return None
    for theirs, ours in _PLACES.items():
        if name == theirs or name.startswith(f"{theirs}."):
            name = ours + name.removeprefix(theirs)
    path = f"{_PACKAGE}.{name}"
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise
        return None


# The folder for child processes


def _lies_in(module: ModuleType, folder: Path) -> bool:
    """Whether it is the package in the folder that is being imported."""
    return Path(getattr(module, "__file__", None) or "/").parent.parent == folder


@cache
def _shim() -> Path:
    """The folder to put in PYTHONPATH: beside the kernel store, or in a temporary place where there is none."""
    base = cache_directory()
    if base is not None:
        try:
            return _filled(base)
        except OSError:
            pass  # a home that can't be written to
    temporary = tempfile.mkdtemp(prefix="kagari-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return _filled(Path(temporary))


def _filled(base: Path) -> Path:
    """The folder below `base` with what belongs in it."""
    folder = base / f"as-torch-{version()}"
    install = "from kagari.alias import install_as_torch, show\n\ninstall_as_torch()\n"
    metadata = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n"
    files = {
        "torch/__init__.py": f'"""`import torch` means Kagari here: see kagari/alias.py."""\n\n{install}',
        "torchvision/__init__.py": f'"""Kagari, too: see kagari/alias.py."""\n\n{install}show("torchvision")\n',
        f"torch-{version()}.dist-info/METADATA": metadata.format("torch", version()),
        f"torchvision-{COMPATIBLE_VISION}.dist-info/METADATA": metadata.format("torchvision", COMPATIBLE_VISION),
    }
    for name, text in files.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.{os.getpid()}")
            part.write_text(text, encoding="utf-8")
            os.replace(part, path)
    return folder


__all__ = ["install_as_torch"]
