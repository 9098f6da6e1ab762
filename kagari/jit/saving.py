"""Writing programs: PyTorch's archive, with the classes and functions as text and the objects as a pickle.

NAME/data.pkl              the module, with attributes, parameters and buffers
NAME/data/0 ...            the bytes of their tensors
NAME/constants.pkl         the tensors that are constants of programs, and constants/0 ... their bytes
NAME/code/__torch__/a.py   the classes and functions whose names begin with __torch__.a
NAME/extra/x               further files
NAME/version               10
"""

from __future__ import annotations

import ctypes
import io
import os
import pickle
import struct
import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import IO, Any

from ..eager import Tensor
from ..eager.device import Device
from ..serialization import names
from ..serialization.archive import archive_name, replacing
from ..serialization.writer import Writer
from . import code_text, types
from .ir import Value
from .types import Class, Method, Type

_VERSION = b"10\n"
_LISTS = {types.Int: "build_intlist", types.Float: "build_doublelist", types.Bool: "build_boollist",
          types.Tensor: "build_tensorlist"}  # fmt: skip


def save(m: Any, f: str | os.PathLike[str] | IO[bytes], _extra_files: Mapping[str, str | bytes] | None = None) -> None:
    """Saves a script in PyTorch's format for programs, which :func:`load` and PyTorch read.

    Raises RuntimeError for a script that calls a function of Python which :func:`ignore` has left there.

    Args:
        m: a script's module or function
        f: a path, or a file opened for writing in binary mode
        _extra_files: names and contents of files that are put in, too

    >>> import io, kagari as torch
    >>> file = io.BytesIO()
    >>> torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), file)
    >>> _ = file.seek(0)
    >>> torch.jit.load(file)
    RecursiveScriptModule(original_name=Linear)
    """
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        with replacing(path) as file:
            _write(m, file, archive_name(path), _extra_files or {})
    else:
        _write(m, f, "archive", _extra_files or {})


def save_to_buffer(m: Any, _extra_files: Mapping[str, str | bytes] | None = None) -> bytes:
    """The bytes that :func:`save` writes."""
    file = io.BytesIO()
    save(m, file, _extra_files)
    return file.getvalue()


def export_opnames(m: Any) -> list[str]:
    """The names of all operators that a script, and what it calls, has.

    >>> import kagari as torch
    >>> torch.jit.export_opnames(torch.jit.script(torch.nn.Linear(2, 3)))
    ['aten::linear']
    """
    module = _of_function(m._script_method) if hasattr(m, "_script_method") else m
    found = {
        str(node.schema)
        for known in Program(module._script_type).known.values()
        for method in (known.methods.values() if isinstance(known, Class) else [known])
        if isinstance(method, Method)
        for node in method.graph.walk()
        if node.schema is not None and node.schema.name.startswith("aten::")
    }
    return sorted(found)


def _write(m: Any, file: IO[bytes], name: str, extra: Mapping[str, str | bytes]) -> None:
    module = _of_function(m._script_method) if hasattr(m, "_script_method") else m
    if not hasattr(module, "_script_type"):
        raise AttributeError(f"'{type(m).__name__}' object has no attribute 'save'")
    program = Program(module._script_type)
    archive = Writer(file, name)
    for key, content in extra.items():
        archive.write(f"extra/{key}", content.encode() if isinstance(content, str) else content)
    data = Encoder()
    data.object(module, module._script_type)
    data.write(archive, "data")
    for path, text in program.files().items():
        archive.write(path, text.encode())
    constants = Encoder()
    constants.tuple(program.constants.values)
    constants.write(archive, "constants")
    archive.write("version", _VERSION)
    archive.write("byteorder", sys.byteorder.encode())
    archive.close()


def _of_function(method: Method) -> Any:
    """A module whose `forward` is the function, as it is stored."""
    kind = Class("__torch__.PlaceholderModule", is_module=True)
    kind.attributes["training"] = types.Bool
    graph = method.graph.copy()
    graph.params.insert(0, Value(kind, None, "self"))
    kind.methods["forward"] = Method("forward", method.arguments, method.result, made=graph)
    return SimpleNamespace(_script_type=kind, training=True)


class Program:
    """The classes and functions of a program, found by writing one after the other."""

    def __init__(self, root: Class) -> None:
        self.constants = code_text.Constants()
        self.texts: dict[str, list[str]] = {}
        self.known: dict[str, Any] = {}
        self.waiting: list[Any] = []
        self._use(root)
        while self.waiting:
            self._add(self.waiting.pop(0))

    def _use(self, found: Any) -> None:
        name = found.name
        if self.known.setdefault(name, found) is found:
            if found not in self.waiting and name not in self.texts.get("", ()):
                self.waiting.append(found)
                self.texts.setdefault("", []).append(name)
        elif self.known[name] != found:
            raise RuntimeError(f"two different things of the program have the name {name}")

    def _add(self, found: Any) -> None:
        if isinstance(found, Method):
            text = code_text.written(found, None, self.constants, 0, self._use, True).text
        else:
            text = code_text.class_text(found, self.constants, self._use)
        self.texts.setdefault(found.name.rpartition(".")[0], []).append(text)

    def files(self) -> dict[str, str]:
        """The texts by their paths."""
        return {f"code/{space.replace('.', '/')}.py": "".join(texts) for space, texts in self.texts.items() if space}


class Encoder:
    """Writes values as a pickle, each as its type says."""

    def __init__(self) -> None:
        self.out = io.BytesIO()
        self.out.write(pickle.PROTO + b"\x02")
        self.storages: dict[int, tuple[int, Any]] = {}

    def write(self, archive: Writer, name: str) -> None:
        """Adds the pickle and the bytes of its tensors to an archive."""
        for key, memory in self.storages.values():
            archive.write(f"{name}/{key}", (ctypes.c_char * memory.nbytes).from_address(memory.data_ptr))
        archive.write(f"{name}.pkl", self.out.getbuffer().tobytes() + pickle.STOP)

    def put(self, code: bytes, data: bytes = b"") -> None:
        """An instruction."""
        self.out.write(code + data)

    def name(self, module: str, name: str) -> None:
        """A class or function."""
        self.put(pickle.GLOBAL, f"{module}\n{name}\n".encode())

    def text(self, text: str) -> None:
        """A text."""
        data = text.encode()
        self.put(pickle.BINUNICODE, struct.pack("<I", len(data)) + data)

    def number(self, number: int) -> None:
        """An integer."""
        if -(1 << 31) <= number < 1 << 31:
            self.put(pickle.BININT, struct.pack("<i", number))
        else:
            data = number.to_bytes(8, "little", signed=True)
            self.put(pickle.LONG1, bytes([len(data)]) + data)

    def tuple(self, values: Any) -> None:
        """A tuple of tensors."""
        self.put(pickle.MARK)
        for value in values:
            self.tensor(value)
        self.put(pickle.TUPLE)

    def value(self, value: Any, kind: Type) -> None:
        """A value of a type. Raises RuntimeError for one that no file has."""
        plain = kind.element if isinstance(kind, types.Optional) else kind
        if value is None:
            self.put(pickle.NONE)
        elif isinstance(value, bool):
            self.put(pickle.NEWTRUE if value else pickle.NEWFALSE)
        elif isinstance(value, int):
            self.number(value)
        elif isinstance(value, float):
            self.put(pickle.BINFLOAT, struct.pack(">d", value))
        elif isinstance(value, str):
            self.text(value)
        elif isinstance(value, Tensor):
            self.tensor(value)
        elif isinstance(value, Device):
            self._call("torch", "device", lambda: self.text(str(value)))
        elif isinstance(plain, types.List):
            self._list(value, plain)
        elif isinstance(plain, types.Dict):
            self._tagged(lambda: self._entries(value, plain), plain)
        elif isinstance(plain, types.Tuple):
            self.put(pickle.MARK)
            for one, part in zip(value, plain.elements):
                self.value(one, part)
            self.put(pickle.TUPLE)
        elif isinstance(plain, Class):
            self.object(value, plain)
        else:
            raise RuntimeError(f"a value of type {kind} can't be saved")

    def _call(self, module: str, name: str, argument: Any) -> None:
        """A call of a function with one argument."""
        self.name(module, name)
        self.put(pickle.MARK)
        argument()
        self.put(pickle.TUPLE)
        self.put(pickle.REDUCE)

    def _tagged(self, argument: Any, kind: Type) -> None:
        """A container with its type."""

        def both() -> None:
            argument()
            self.text(str(kind))

        self._call("torch.jit._pickle", "restore_type_tag", both)

    def _list(self, value: Any, kind: types.List) -> None:
        def elements() -> None:
            self.put(pickle.EMPTY_LIST)
            self.put(pickle.MARK)
            for one in value:
                self.value(one, kind.element)
            self.put(pickle.APPENDS)

        if kind.element in _LISTS:
            self._call("torch.jit._pickle", _LISTS[kind.element], elements)
        else:
            self._tagged(elements, kind)

    def _entries(self, value: Any, kind: types.Dict) -> None:
        self.put(pickle.EMPTY_DICT)
        self.put(pickle.MARK)
        for key, one in value.items():
            self.value(key, kind.key)
            self.value(one, kind.value)
        self.put(pickle.SETITEMS)

    def object(self, value: Any, kind: Class) -> None:
        """A module, or an object of a class of scripts: its attributes."""
        module, _, name = kind.name.rpartition(".")
        self.name(module, name)
        self.put(pickle.EMPTY_TUPLE)
        self.put(pickle.NEWOBJ)
        self.put(pickle.EMPTY_DICT)
        self.put(pickle.MARK)
        for attribute, found in kind.attributes.items():
            self.text(attribute)
            self.value(getattr(value, attribute, None), found)
        self.put(pickle.SETITEMS)
        self.put(pickle.BUILD)

    def tensor(self, t: Tensor) -> None:
        """A tensor: where its elements lie in a storage."""
        if t.dtype not in names.STORAGE_TYPES:
            raise RuntimeError(f"a tensor of dtype {t.dtype} can't be part of a stored program")
        key, _ = self.storages.setdefault(id(t._storage), (len(self.storages), t._storage))
        self.name("torch._utils", "_rebuild_tensor_v2")
        self.put(pickle.MARK)
        self.put(pickle.MARK)
        self.text("storage")
        self.name("torch", names.STORAGE_TYPES[t.dtype].name)
        self.text(str(key))
        self.text("cpu")
        self.number(t._storage.nbytes // t.dtype.itemsize)
        self.put(pickle.TUPLE)
        self.put(pickle.BINPERSID)
        self.number(t.storage_offset())
        for sizes in (t.shape, t.stride()):
            self.put(pickle.MARK)
            for size in sizes:
                self.number(int(size))
            self.put(pickle.TUPLE)
        self.put(pickle.NEWTRUE if t.requires_grad else pickle.NEWFALSE)
        self.name("collections", "OrderedDict")
        self.put(pickle.EMPTY_TUPLE)
        self.put(pickle.REDUCE)
        self.put(pickle.TUPLE)
        self.put(pickle.REDUCE)


__all__ = ["Encoder", "Program", "export_opnames", "save", "save_to_buffer"]
