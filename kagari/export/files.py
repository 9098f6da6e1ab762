"""`.pt2` files: zip archives with the description of a program, its tensors and its example.

NAME/models/model.json                          the program
NAME/data/weights/weight_0 ...                  the elements of parameters and buffers
NAME/data/weights/model_weights_config.json     which is which
NAME/data/constants/tensor_0 ...                the elements of constants, with a description of the same kind
NAME/data/sample_inputs/model.pt                the example, as save() writes it
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from .. import serialization
from ..eager import Tensor
from ..eager import operators as ops
from ..nn import Parameter
from .deserialize import Loader, dtype_of
from .exported_program import ExportedProgram
from .serialize import model, tensor_meta

File = str | os.PathLike[str] | IO[bytes]
_COMPATIBLE = "2.13.0"


def save(
    ep: ExportedProgram, f: File, *, extra_files: Mapping[str, Any] | None = None, opset_version: Any = None
) -> None:
    """Writes a program to a file, which :func:`load` and PyTorch's read.

    Args:
        ep (ExportedProgram): what is written.
        f: a path, or a file that is open for writing.
        extra_files (dict): texts or bytes that are kept with it, by their names.
        opset_version: must be None.

    Raises NotImplementedError for what the format has no form for.

    Example::

        >>> import io
        >>> import kagari as torch
        >>> file = io.BytesIO()
        >>> torch.export.save(torch.export.export(torch.nn.ReLU(), (torch.ones(2),)), file)
        >>> torch.export.load(file).module()(torch.tensor([-1.0, 1.0]))
        tensor([0., 1.])
    """
    if not isinstance(ep, ExportedProgram):
        raise TypeError(
            f"The 'ep' parameter must be an instance of 'ExportedProgram', got '{type(ep).__name__}' instead."
        )
    if opset_version is not None:
        raise NotImplementedError("export.save: opset_version is not there yet")
    top = Path(f).stem if isinstance(f, str | os.PathLike) else "archive"
    records: dict[str, bytes | str] = {"archive_format": "pt2", "archive_version": "0", "byteorder": "little"}
    records[".data/version"] = "6\n"
    records |= _tensors("weights", "weight", ep.state_dict) | _tensors("constants", "tensor", ep.constants)
    records["models/model.json"] = json.dumps(model(ep, _COMPATIBLE))
    example = io.BytesIO()
    serialization.save(ep.example_inputs, example)
    records["data/sample_inputs/model.pt"] = example.getvalue()
    for name, content in (extra_files or {}).items():
        records[f"extra/{name}"] = content
    with zipfile.ZipFile(f, "w") as archive:
        for name, record in records.items():
            archive.writestr(f"{top}/{name}", record)


def _tensors(place: str, kind: str, tensors: Mapping[str, Any]) -> dict[str, bytes | str]:
    records: dict[str, bytes | str] = {}
    described = {}
    for number, (name, tensor) in enumerate(tensors.items()):
        plain = tensor.detach().contiguous()
        path = f"{kind}_{number}"
        records[f"data/{place}/{path}"] = plain.view(-1).view(_bytes()).numpy().tobytes() if plain.numel() else b""
        meta = {**tensor_meta(plain), "requires_grad": tensor.requires_grad}
        is_parameter = isinstance(tensor, Parameter)
        described[name] = {"path_name": path, "is_param": is_parameter, "use_pickle": False, "tensor_meta": meta}
    records[f"data/{place}/model_{place}_config.json"] = json.dumps({"config": described})
    return records


def _bytes() -> Any:
    return dtype_of(1)


def load(f: File, *, extra_files: dict[str, Any] | None = None, expected_opset_version: Any = None) -> ExportedProgram:
    """The program in a file that :func:`save`, or PyTorch's, has written.

    Args:
        f: a path, or a file that is open for reading.
        extra_files (dict): gets the contents of files that are kept with it, by the names that it has.
        expected_opset_version: must be None.

    Raises RuntimeError for another version of the format, NotImplementedError for a program with what Kagari does not
    have.
    """
    if expected_opset_version is not None:
        raise NotImplementedError("export.load: expected_opset_version is not there yet")
    with zipfile.ZipFile(f) as archive:
        top = archive.namelist()[0].partition("/")[0]
        names = {name.removeprefix(f"{top}/") for name in archive.namelist()}

        def read(name: str) -> bytes:
            return archive.read(f"{top}/{name}")

        for name in extra_files or ():
            assert extra_files is not None
            extra_files[name] = read(f"extra/{name}").decode()
        state, constants = (_read_tensors(read, names, place) for place in ("weights", "constants"))
        example = None
        if "data/sample_inputs/model.pt" in names:
            example = serialization.load(io.BytesIO(read("data/sample_inputs/model.pt")))
        return Loader(json.loads(read("models/model.json"))).run(state, constants, example)


def _read_tensors(read: Any, names: set[str], place: str) -> dict[str, Tensor]:
    config = f"data/{place}/model_{place}_config.json"
    found: dict[str, Tensor] = {}
    for name, described in (json.loads(read(config))["config"] if config in names else {}).items():
        if described["use_pickle"]:
            raise NotImplementedError(f"export.load: the tensor {name}, which is pickled")
        tensor = _tensor(read(f"data/{place}/{described['path_name']}"), described["tensor_meta"])
        needed = described["tensor_meta"]["requires_grad"]
        found[name] = Parameter(tensor, requires_grad=needed) if described["is_param"] else tensor
    return found


def _tensor(data: bytes, meta: dict[str, Any]) -> Tensor:
    dt = dtype_of(meta["dtype"])
    elements = ops.from_numpy(np.frombuffer(data, np.uint8).copy()).view(dt) if data else ops.empty(0, dtype=dt)
    sizes, strides = ([n["as_int"] for n in meta[key]] for key in ("sizes", "strides"))
    start = meta["storage_offset"]["as_int"]
    made: Tensor = elements.as_strided(sizes, strides, start) if elements.numel() else elements.reshape(sizes)
    return made


__all__ = ["load", "save"]
