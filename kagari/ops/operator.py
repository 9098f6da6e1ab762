"""The operator record: all that is known of an operator, beside its definition.

    @operator(inplace=True, dunder="__add__", reflected="__radd__", pointwise=True)
    def add(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1) -> Value:
        \"\"\"Adds `other`, scaled by `alpha`.\"\"\"
        return input + other * alpha

The annotations say what a parameter is: `Tensor`, `Number` (a Python number that is an operand: another value needs
no other kernel), both, either with `| None`; `Tensor | Static` is a tensor or something static; anything else is
static, part of the structure. Definitions get IR values for tensors and operand numbers, and return one value or a
tuple of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..base.dtypes import dtype
from ..ir.graph import Value

Tensor = Value
Number = Value | int | float | bool
Static = Any

Sample = tuple[tuple[Any, ...], dict[str, Any]]
# Given a maker of tensors `make(*shape, **how)`, yields arguments.
Samples = Callable[[Callable[..., Any]], Iterable[Sample]]
REQUIRED = object()


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter: its name, its kind (`tensor`, `operand`, `number`, `either`, `static`) and its default.

    `accepts` names the types of a static one (`ints` is a tuple of integers), where its annotation says them all.
    """

    name: str
    kind: str
    default: Any = REQUIRED
    optional: bool = False
    keyword_only: bool = False
    many: bool = False
    accepts: tuple[str, ...] = ()


_ACCEPTS = {
    "int": ("int",), "bool": ("bool",), "float": ("float", "int"), "None": ("None",), "dtype": ("dtype",),
    "tuple[int, ...]": ("ints",), "Dims": ("int", "ints", "None"), "Ints": ("int", "ints", "None"), "str": ("str",),
}  # fmt: skip
"""The types that a part of an annotation allows."""


@dataclass(slots=True)
class Operator:
    """The record of one operator.

    `method`, `function`, `inplace`, `out` say which faces it has; `dunder` and `reflected` name the Python operators
    it stands behind. `pointwise` makes an element from the elements at its place. `order` says how results lie in
    memory: row by row, as the `operands` do (those of `pointwise` operators), with the channels last where those of an
    argument are (`channels`) or those of all (`all channels`), or always (`last`), or as the `first` argument does,
    where it is of the same shape with four dimensions. `gradient(g, *arguments)` returns a gradient for each tensor
    argument where the derived one is not the best. `spread` names a static parameter that may come as several
    integers, `refusal` says what a failed `require` means, or tells it from the values of the tensors, which are none
    where the call ran later than it was made, `index_error` is the type of the exception for an index
    that is out of bounds, `strict_view` forbids a copy, `fresh` a view (as `pointwise` does unless it says
    `fresh=False`). `recomputes` keeps the result out of what the gradient saves: programs overwrite it, and PyTorch
    lets them. `autocast(arguments, low)` makes the arguments that the definition gets where autocast is on
    (see autocast.py). `returns` names the parts of a result that is a pair, `synonyms` gives further names of
    parameters; `namespace` is `torch`, `nn.functional`, `special`, or `linalg`, whose operators have names that
    begin with it. `node` is what PyTorch calls the node of its gradient, where the name alone does not tell (see
    nodes.py).

    For the tests: `samples` makes arguments, `dtypes` has a letter for each kind they may be of (float, integer,
    boolean, complex), of which an operator may refuse some as PyTorch does, `errors` holds arguments that must fail,
    with the type of the exception and a pattern of its text.
    """

    name: str
    define: Callable[..., Any]
    params: tuple[Param, ...]
    doc: str
    method: bool = True
    function: bool = True
    inplace: bool = False
    out: bool = True
    dunder: str = ""
    reflected: str = ""
    pointwise: bool = False
    order: str = ""
    differentiable: bool = True
    namespace: str = "torch"
    aliases: tuple[str, ...] = ()
    gradient: Callable[..., Sequence[Value | None]] | None = None
    samples: Samples | None = None
    dtypes: str = "fibc"
    spread: str = ""
    strict_view: bool = False
    refusal: str | Callable[..., str] = ""
    index_error: type[Exception] = IndexError
    fresh: bool = False
    recomputes: bool = False
    autocast: Callable[[tuple[Any, ...], dtype], tuple[Any, ...]] | None = None
    returns: tuple[str, ...] = ()
    synonyms: dict[str, str] = field(default_factory=dict)
    node: str | Callable[[tuple[Any, ...]], str] = ""
    errors: list[tuple[Sample, type, str]] = field(default_factory=list)

    @property
    def signature(self) -> str:
        """The signature as PyTorch prints it: `add(input, other, *, alpha=1)`."""
        parts, starred = [], False
        for p in self.params:
            if p.keyword_only and not starred:
                parts.append("*")
                starred = True
            parts.append(("*" if p.many else "") + p.name + ("" if p.default is REQUIRED else f"={p.default!r}"))
        return f"{self.name}({', '.join(parts)})"


def operator(**options: Any) -> Callable[[Callable[..., Any]], Operator]:
    """Makes the record of an operator from its definition."""

    def record(define: Callable[..., Any]) -> Operator:
        name = options.pop("name", define.__name__.rstrip("_") or define.__name__)
        if options.get("pointwise"):
            options.setdefault("fresh", True)
            options.setdefault("order", "operands")
        return Operator(name, define, _params(define), define.__doc__ or "", **options)

    return record


def _params(define: Callable[..., Any]) -> tuple[Param, ...]:
    """The parameters of a definition. Annotations are read as text: no module has to be imported for them."""
    code = define.__code__
    positional = code.co_varnames[: code.co_argcount]
    keyword = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    defaults = dict(zip(reversed(positional), reversed(define.__defaults__ or ())))
    defaults |= define.__kwdefaults__ or {}
    result = [_param(n, define, defaults, False) for n in positional]
    if code.co_flags & 4:
        rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        result.append(Param(rest, "tensor", many=True))
    return (*result, *(_param(n, define, defaults, True) for n in keyword))


def _param(name: str, define: Callable[..., Any], defaults: dict[str, Any], keyword_only: bool) -> Param:
    annotation = str(define.__annotations__.get(name, ""))
    tensor, number = "Tensor" in annotation, "Number" in annotation
    if tensor:
        kind = "either" if "Static" in annotation else "operand" if number else "tensor"
    else:
        kind = "number" if number else "static"
    accepts: tuple[str, ...] = ()
    parts = annotation.split(" | ")
    if kind == "static" and all(part in _ACCEPTS for part in parts):
        accepts = tuple(dict.fromkeys(t for part in parts for t in _ACCEPTS[part]))
        accepts = () if {*accepts} <= {"str", "None"} else accepts  # words are checked where they are compared
    return Param(name, kind, defaults.get(name, REQUIRED), "None" in annotation, keyword_only, accepts=accepts)
