"""What the inputs and outputs of an exported graph are. The module has PyTorch's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import Any


@dataclass
class TensorArgument:
    """A tensor, by the name of its node."""

    name: str


@dataclass
class SymIntArgument:
    """A size, by the name of its node."""

    name: str


@dataclass
class ConstantArgument:
    """A number, a text or None, which is the same in every call."""

    name: str
    value: int | float | bool | str | None


Argument = TensorArgument | SymIntArgument | ConstantArgument


class InputKind(Enum):
    """What an input is."""

    USER_INPUT = auto()
    PARAMETER = auto()
    BUFFER = auto()
    CONSTANT_TENSOR = auto()
    CUSTOM_OBJ = auto()
    TOKEN = auto()


class OutputKind(Enum):
    """What an output is."""

    USER_OUTPUT = auto()
    LOSS_OUTPUT = auto()
    BUFFER_MUTATION = auto()
    PARAMETER_MUTATION = auto()
    GRADIENT_TO_PARAMETER = auto()
    GRADIENT_TO_USER_INPUT = auto()
    USER_INPUT_MUTATION = auto()
    TOKEN = auto()


@dataclass
class InputSpec:
    """One input: what it is, its node, and where the module has it."""

    kind: InputKind
    arg: Argument
    target: str | None
    persistent: bool | None = None

    def __str__(self) -> str:
        target = "" if self.target is None else f" target='{self.target}'"
        kept = "" if self.persistent is None else f" persistent={self.persistent}"
        return f"{self.arg.name}: {self.kind.name}{target}{kept}"


@dataclass
class OutputSpec:
    """One output: what it is, its node, and what of the module it is the new value of."""

    kind: OutputKind
    arg: Argument
    target: str | None

    def __str__(self) -> str:
        target = "" if self.target is None else f" target='{self.target}'"
        return f"{self.arg.name}: {self.kind.name}{target}"


def _plain(argument: Argument) -> Any:
    return argument.value if isinstance(argument, ConstantArgument) else argument.name


@dataclass
class ExportGraphSignature:
    """What the inputs and outputs of an exported graph are, in order.

    Example::

        >>> import kagari as torch
        >>> exported = torch.export.export(torch.nn.Linear(2, 1), (torch.ones(1, 2),))
        >>> exported.graph_signature.parameters, exported.graph_signature.user_inputs
        (('weight', 'bias'), ('input',))
    """

    input_specs: list[InputSpec]
    output_specs: list[OutputSpec] = field(default_factory=list)

    def __str__(self) -> str:
        inputs, outputs = ("\n".join(map(str, specs)) for specs in (self.input_specs, self.output_specs))
        return f"\n# inputs\n{inputs}\n\n# outputs\n{outputs}\n"

    def _inputs(self, *kinds: InputKind) -> list[InputSpec]:
        return [spec for spec in self.input_specs if spec.kind in kinds]

    def _targets(self, kind: InputKind) -> tuple[str, ...]:
        return tuple(spec.target for spec in self._inputs(kind) if spec.target is not None)

    def _by_node(self, kind: InputKind) -> Mapping[str, str]:
        return MappingProxyType({s.arg.name: s.target for s in self._inputs(kind) if s.target is not None})

    def _changed(self, kind: OutputKind) -> Mapping[str, str]:
        return MappingProxyType({s.arg.name: s.target for s in self.output_specs if s.kind is kind and s.target})

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters' names in the module."""
        return self._targets(InputKind.PARAMETER)

    @property
    def buffers(self) -> tuple[str, ...]:
        """The buffers' names in the module."""
        return self._targets(InputKind.BUFFER)

    @property
    def non_persistent_buffers(self) -> tuple[str, ...]:
        """The names of the buffers that the state has not."""
        return tuple(s.target for s in self._inputs(InputKind.BUFFER) if s.persistent is False and s.target is not None)

    @property
    def lifted_tensor_constants(self) -> tuple[str, ...]:
        """The names of constants."""
        return self._targets(InputKind.CONSTANT_TENSOR)

    @property
    def user_inputs(self) -> tuple[Any, ...]:
        """The names of what the user gives, and its constants."""
        return tuple(_plain(spec.arg) for spec in self._inputs(InputKind.USER_INPUT))

    @property
    def user_outputs(self) -> tuple[Any, ...]:
        """The names of what the user gets, and its constants."""
        return tuple(_plain(s.arg) for s in self.output_specs if s.kind is OutputKind.USER_OUTPUT)

    @property
    def inputs_to_parameters(self) -> Mapping[str, str]:
        """The parameters by the names of their nodes."""
        return self._by_node(InputKind.PARAMETER)

    @property
    def inputs_to_buffers(self) -> Mapping[str, str]:
        """The buffers by the names of their nodes."""
        return self._by_node(InputKind.BUFFER)

    @property
    def inputs_to_lifted_tensor_constants(self) -> Mapping[str, str]:
        """The constants by the names of their nodes."""
        return self._by_node(InputKind.CONSTANT_TENSOR)

    @property
    def buffers_to_mutate(self) -> Mapping[str, str]:
        """The buffers that get new values, by the names of the nodes that give these."""
        return self._changed(OutputKind.BUFFER_MUTATION)

    @property
    def user_inputs_to_mutate(self) -> Mapping[str, str]:
        """The inputs that get new values, by the names of the nodes that give these."""
        return self._changed(OutputKind.USER_INPUT_MUTATION)


__all__ = [
    "ConstantArgument", "ExportGraphSignature", "InputKind", "InputSpec", "OutputKind", "OutputSpec", "SymIntArgument",
    "TensorArgument",
]  # fmt: skip
