"""Operators as callable functions: the table of plans, and the path in Python for calls it does not know yet."""

from __future__ import annotations

import ctypes
import math
import struct
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..base.dtypes import bfloat16, bool_, default_dtype, dtype, float16, int64
from ..base.layout import Layout
from ..base.symbols import Guards, evaluate
from ..ir.graph import Value
from ..runtime import cpu
from . import traced as tracing
from .code import SOON_NEEDED, native
from .plan import Origin, Plan, Tape

if TYPE_CHECKING:
    from .traced import GradientRule, Traced, Variant

MAX_WORDS = 14
# Plans of one operator: beyond this the table starts anew, or a program with ever new shapes would grow without end.
MAX_PLANS = 2048
# Ways to call one plan: static arguments are known by identity, and a tuple made anew for each call would fill the
# table.
MAX_WAYS = 16
REQUIRED = object()
UNANSWERED = object()
# The modes of a thread, as bits: gradients are recorded, every call goes through Python to be watched, autocast to one
# of two dtypes, every call goes to the profiler, every call is handed to the floors above, which have modes that answer
# them, and memory is made that no backward pass will meet. See thread_mode in resident/dispatch.py.
GRADIENTS, WATCHED, PROFILED, OVERRIDDEN, INFERENCE = 1, 2, 16, 32, 64
CASTS = {bfloat16: 4, float16: 8}
CASTING = 4 | 8
_CAST_STATES = 17
_PLAIN = frozenset([int, float, bool, str, tuple, list, dtype, type(None)])
NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}
"""What NumPy calls parameters: PyTorch accepts these, too."""

SOON_NEEDED.append(lambda: tracing.Traced)


class Parameter(NamedTuple):
    """One parameter of an operator.

    `kind` is `tensor`, `number` (a Python number that is an operand), `operand` (either), `static`: part of the
    structure, or `either`: a tensor or static. `many` marks a trailing `*tensors`, `accepts` names the types of a
    static one, where not all.
    """

    name: str
    kind: str
    default: Any = REQUIRED
    optional: bool = False
    keyword_only: bool = False
    many: bool = False
    accepts: tuple[str, ...] = ()


class Hooks:
    """What the floors above tell the engine about tensors; set once by them."""

    tensor_types: tuple[Any, ...] = ()
    convert: Callable[[Function, tuple[Any, ...]], tuple[Any, ...]]
    asked: Callable[[type], bool]
    override: Callable[[Function, tuple[Any, ...], dict[str, Any]], Any]
    out: Callable[[Function, tuple[Any, ...], dict[str, Any]], Any]
    in_place_gradient: Callable[[Function, tuple[Any, ...]], Any]
    mode: Callable[[], int]
    refresh: Callable[[Any], None]
    after: Callable[[Function, Any], None]
    profile: Callable[[Function, tuple[Any, ...], dict[str, Any]], Any] | None = None  # while there is a profiler
    # Where there are gradients that are more than their elements: answers a call by the tape.
    passed_back: Callable[[BackwardFunction, tuple[Any, ...]], Any] | None = None
    # While functions are being transformed: the class of what stands for tensors in them, and what answers their calls.
    standing: type | None = None
    transformed: Callable[[Function, tuple[Any, ...]], Any]
    drawing: Callable[[], Any]
    # The modules of the floor above that transform operations of the user's own, and that make tensors of many examples
    # and tensors with tangents.
    applications: Any
    batches: Any
    duals: Any
    sparse: Any  # the package of the floor above that has sparse tensors
    before_forgetting: Callable[[], None] = staticmethod(lambda: None)


def _foreign(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an argument is of a type that answers calls itself."""
    for a in (*args, *kwargs.values()):
        kind = type(a)
        if kind not in _PLAIN and kind not in Hooks.tensor_types and Hooks.asked(kind):
            return True
    return False


class Function:
    """An operator that can be called.

    A call that the resident table knows never comes here. One that it does not is checked, traced or taken from a trace
    of the same structure, bound to its layouts, entered into the table, and run.
    """

    def __init__(
        self,
        name: str,
        parameters: tuple[Parameter, ...],
        define: Callable[..., Any] | None,
        *,
        display: str = "",
        gradient: GradientRule | None = None,
        order: str = "",
        into: int | None = None,
        traces: dict[Any, list[Traced]] | None = None,
        differentiable: bool = True,
        spread: str = "",
        strict_view: bool = False,
        aliases: str = "view",
        recomputes: bool = False,
    ) -> None:
        if into is not None:  # what is overwritten has memory
            parameters = (*parameters[:into], parameters[into]._replace(kind="tensor"), *parameters[into + 1 :])
        self.name, self.parameters, self.define = name, parameters, define
        self.display = display or name
        self.gradient, self.order, self.into, self.differentiable = gradient, order, into, differentiable
        self.name_node: Callable[[tuple[Any, ...]], str] = lambda args: f"{name}Backward0"
        self.name_gradient: Callable[[str], str] = lambda node: node.rstrip("0123456789") + "Backward0"
        self.traces: dict[Any, list[Traced]] = {} if traces is None else traces
        self.plans: dict[Any, Plan] = {}
        self.spread = [p.name for p in parameters].index(spread) if spread else None
        self.strict_view, self.aliases, self.recomputes = strict_view, aliases, recomputes
        self.record: Any = None
        self.dunder = ""
        kinds = [p.kind in ("static", "either") for p in parameters]
        self.kinds = (*kinds, *[bool(spread)] * (MAX_WORDS - len(kinds)))
        self.many = bool(parameters) and parameters[-1].many
        self.positional = sum(not p.keyword_only for p in parameters)
        self.required = max(
            [i + 1 for i, p in enumerate(parameters) if p.default is REQUIRED and not p.many], default=0
        )
        self._backwards: dict[int, BackwardFunction] = {}
        # What answers certain calls of the operator otherwise, such as those that ask for a sparse gradient.
        self.diverted: Callable[[tuple[Any, ...]], Any] | None = None
        self.casting: Callable[[dtype], Function] | None = None  # makes the form under autocast, where it differs
        self._cast: dict[int, Function] = {}
        self.derived: dict[Any, Any] = {}  # see derived.py
        self._composed: set[Any] = set()  # calls of an in-place operator that no single plan can record
        _functions.add(self)
        self._miss = self.miss  # one bound method, kept alive for native code
        self._reset_words()

    # The state native code reads

    def _reset_words(self) -> None:
        self._entries = 0
        self._capacity = 0
        self._kept: list[Any] = []  # what entries of the table point at
        self._ways: dict[int, int] = {}
        self._retired: Any = None
        self._table: Any = None
        self.state: Any = None

    def activate(self) -> Any:
        """The Storage with the words of this operator, for native functions and methods to be bound to."""
        if self.state is None:
            self.state = native().allocate_storage(64 * 8)
            self._words = (ctypes.c_longlong * 64).from_address(self.state.data_ptr)
            for i in range(64):
                self._words[i] = 0
            self._words[2] = id(self._miss)
            self._words[3] = MAX_WORDS + 2
            for i, static in enumerate(self.kinds[:MAX_WORDS]):
                self._words[4 + i] = static
            if self.casting is not None:
                for bits in CASTS.values():
                    self._words[_CAST_STATES + (bits >> 2)] = 1  # not made yet
            self._grow(8)
        return self.state

    def _grow(self, capacity: int) -> None:
        table = (ctypes.c_longlong * (capacity * (MAX_WORDS + 2)))()
        old = self._table
        self._table, self._capacity = table, capacity
        self._words[0], self._words[1] = ctypes.addressof(table), capacity - 1
        if old is not None:
            insert, state = native().insert, self.state.data_ptr
            for entry in self._inserted:
                insert(state, *entry)
        else:
            self._inserted: list[tuple[int, ...]] = []

    def enter(self, args: tuple[Any, ...], plan: Plan) -> None:
        """Enters a call of these very arguments into the resident table."""
        if len(args) > MAX_WORDS or self._ways.get(plan.address, 0) >= MAX_WAYS:
            return
        entry = [plan.address]
        gradients, types = Hooks.mode() & 1, Hooks.tensor_types
        for a, static in zip(args, self.kinds):
            if type(a) in types:
                entry.append(id(a._layout) | (gradients if a._needs else 0))
                continue
            word = self._word(a, static)
            if word is None:
                return
            entry.append(word)
        if self._entries >= MAX_PLANS:
            self.forget()
        if 2 * (self._entries + 1) > self._capacity:
            self._grow(self._capacity * 4)
        self._entries += 1
        self._ways[plan.address] = self._ways.get(plan.address, 0) + 1
        self._kept.append(plan)
        self._kept += [a for a, static in zip(args, self.kinds) if static and type(a) not in (int, bool)]
        self._inserted.append(tuple(entry))
        native().insert(self.state.data_ptr, *entry)

    def forget(self) -> None:
        """Drops all plans. They stay alive until the next time: another thread may be running one of them."""
        Hooks.before_forgetting()
        self._retired = (self._kept, self.plans)
        self._table, self._entries, self._kept, self.plans, self._ways = None, 0, [], {}, {}
        self._grow(8)

    @staticmethod
    def _word(a: Any, static: bool) -> int | None:
        """The word of an argument that is no tensor, as resident/dispatch.py makes it; None where it makes none."""
        kind = type(a)
        if static:
            if kind is int:
                return (a << 1) | 1 if -(1 << 61) < a < 1 << 61 else None
            return _float_word(a) if kind is float else None if kind is list else id(a)
        if kind in (int, float, bool):
            return id(kind)
        return id(a) if a is None else None

    # Calls that the table does not know

    def miss(self, *args: Any, **kwargs: Any) -> Any:
        """Any call, by position or by name."""
        if Hooks.mode() & OVERRIDDEN or _foreign(args, kwargs):
            answer = Hooks.override(self, args, kwargs)
            if answer is not UNANSWERED:
                return answer
        if Hooks.profile is not None and Hooks.mode() & PROFILED:
            return Hooks.profile(self, args, kwargs)
        if "out" in kwargs:
            return Hooks.out(self, args, kwargs)
        if self.casting is not None and Hooks.mode() & CASTING:
            return self.cast(Hooks.mode() & CASTING).apply(args, kwargs)
        return self.apply(args, kwargs)

    def cast(self, bits: int) -> Function:
        """The form of the operator in one of the modes of autocast, made once and told to native code."""
        assert self.casting is not None
        found = self._cast.get(bits)
        if found is None:
            found = self._cast[bits] = self.casting(next(dt for dt, bit in CASTS.items() if bit == bits))
        self.activate()
        self._words[_CAST_STATES + (bits >> 2)] = found.activate().data_ptr
        return found

    def apply(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of plain tensors, of this form of the operator."""
        canonical = Hooks.convert(self, self.arrange(args, kwargs))
        if canonical is NotImplemented:
            return NotImplemented
        if self.diverted is not None:
            answer = self.diverted(canonical)
            if answer is not UNANSWERED:
                return answer
        return self.run(canonical, args if not kwargs else ())

    def arrange(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Positional arguments, trailing defaults left out."""
        at = self.spread
        if at is not None and len(args) > at and hasattr(args[at], "__index__"):
            if type(args[at]) is bool:
                name = self.parameters[at].name
                raise TypeError(f"{self.display}(): argument '{name}' (position {at}) must be tuple of ints, not bool")
            args = (*args[:at], tuple(args[at:]))
        if len(args) > self.positional and not self.many:
            raise TypeError(self._too_many(len(args)))
        if not kwargs and len(args) >= self.required:
            return args
        values = list(args)
        known = {p.name: i for i, p in enumerate(self.parameters)}
        kwargs = {self._name_of(name, known): value for name, value in kwargs.items()}
        for name in kwargs:
            if name not in known:
                raise TypeError(f"{self.display}() got an unexpected keyword argument '{name}'")
            if known[name] < len(args):
                raise TypeError(f"{self.display}() got multiple values for argument '{name}'")
        last = max([len(args) - 1, *(known[n] for n in kwargs)])
        for i in range(len(args), len(self.parameters)):
            p = self.parameters[i]
            if p.many:
                break
            if p.name in kwargs:
                values.append(kwargs[p.name])
            elif p.default is REQUIRED:
                raise TypeError(f'{self.display}() missing 1 required positional arguments: "{p.name}"')
            elif i < last:
                values.append(p.default)
        return tuple(values)

    def _too_many(self, given: int) -> str:
        needed = sum(p.default is REQUIRED for p in self.parameters[: self.positional])
        takes = str(needed) if needed == self.positional else f"from {needed} to {self.positional}"
        return (
            f"{self.display}() takes {takes} positional argument{'s' * (self.positional != 1)} but {given} were given"
        )

    def _name_of(self, name: str, known: dict[str, int]) -> str:
        """A parameter's name, where NumPy's name for it or another one is given."""
        if name in known:
            return name
        if self.record is not None and name in self.record.synonyms:
            return self.record.synonyms[name]
        found = NUMPY_NAMES.get(name, name)
        return found if found in known else name

    def run(self, args: tuple[Any, ...], raw: tuple[Any, ...] = ()) -> Any:
        """Runs checked, positional arguments; `raw` is the call as it was made."""
        if Hooks.standing is not None and any(isinstance(a, Hooks.standing) for a in args):
            return Hooks.transformed(self, args)
        mode = Hooks.mode()
        gradients = mode & 1
        key: list[Any] = []
        needs = []
        for i, a in enumerate(args):
            if isinstance(a, Hooks.tensor_types):
                if gradients and a._base is not None:
                    Hooks.refresh(a)
                wants = gradients and a._needs and self.differentiable
                key += (a._layout, bool(wants))
                if wants:
                    needs.append(i)
            elif type(a) in (int, float, bool) and not (i < len(self.kinds) and self.kinds[i]):
                if type(a) is int and not -(1 << 63) <= a < 1 << 63:
                    raise RuntimeError("Overflow when unpacking long long")
                key.append(type(a))
            else:
                key.append(_static_key(a))
        if needs and self.into is not None and not self.recordable_in_place(args, tuple(needs), tuple(key)):
            return Hooks.in_place_gradient(self, args)
        entry = tuple(key)
        plan = self.plans.get(entry)
        self.activate()
        if plan is None:
            plan = self.make_plan(args, tuple(needs))
            if len(self.plans) >= MAX_PLANS:
                self.forget()
            plan = self.plans.setdefault(entry, plan)  # another thread may have made one meanwhile
        if not mode & WATCHED and raw and self.enterable(raw, args):
            self.enter(raw, plan)
        result = native().call_plan(plan.address, self.state.data_ptr, *args)
        if mode & WATCHED:
            Hooks.after(self, result)
        return result

    def recordable_in_place(self, args: tuple[Any, ...], needs: tuple[int, ...], key: tuple[Any, ...]) -> bool:
        """Whether a plan can overwrite the tensor and record that;

        else the floors above compose it. See `guarded` in resident/tape.py.
        """
        target = args[0]
        if target._base is not None or target._extra is not None or (target._needs and target._grad_fn is None):
            return False
        if any(isinstance(a, Hooks.tensor_types) and a._storage is target._storage for a in args[1:]):
            return False
        if key in self.plans:
            return True
        if key not in self._composed and not self.traced(args)[0].recordable_in_place(needs):
            self._composed.add(key)
        return key not in self._composed

    def enterable(self, raw: tuple[Any, ...], args: tuple[Any, ...]) -> bool:
        """Whether the call as it was made says all:

        a static argument that came as a tensor has another value next time.
        """
        for i, r in enumerate(raw):
            if i < len(args) and r is args[i]:
                continue
            static = i < len(self.kinds) and self.kinds[i]
            if not static or any(isinstance(x, Hooks.tensor_types) for x in (r if type(r) is tuple else (r,))):
                return False
        return True

    # Plans

    def make_plan(self, args: tuple[Any, ...], needs: tuple[int, ...]) -> Plan:
        for a in args:
            if isinstance(a, Hooks.tensor_types) and a._layout.compound:
                raise NotImplementedError(f"{self.display}: a {type(a).__name__} has no memory of its own")
        while True:  # making a variant decides on sizes, too, on those that were traced
            traced, sizes = self.traced(args)
            variant = traced.variant(needs)
            if traced.holds(sizes):
                break
        layouts = {i: a._layout for i, a in enumerate(args) if isinstance(a, Hooks.tensor_types)}
        if any(lay.meta for lay in layouts.values()):
            self._check_devices(layouts)
            packed = variant.bindings.immaterial(layouts, sizes, cpu.host_target())
        else:
            packed = variant.bindings.packed(layouts, sizes, cpu.host_target())
        tape = None
        if variant.backward is not None:
            name = self.name_node(args)
            backward = self.backward(variant.backward, variant, name)
            tape = Tape(backward, variant.saved, variant.edges, name, sizes, packed.layouts)
        origin = Origin(self.name, variant.program, layouts, sizes)
        return Plan(packed, tape, self.private_views, origin)

    def _check_devices(self, layouts: dict[int, Layout]) -> None:
        """Raises where tensors on the device `meta` meet others: those may be numbers, positions, and what is copied
        to `meta`.
        """
        overwrites = self.into is not None and layouts[self.into].meta
        for i, lay in layouts.items():
            if lay.meta or overwrites:
                continue
            if i == self.into:
                if self.name == "copy_":
                    raise NotImplementedError("Cannot copy out of meta tensor; no data!")
                found, expected = "meta", "cpu"
            elif lay.ndim and (self.order == "operands" or lay.dtype.category != 1):
                found, expected = "cpu", "meta"
            else:
                continue
            name = self.parameters[min(i, len(self.parameters) - 1)].name
            raise RuntimeError(
                f"Tensor on device {found} is not on the expected device {expected}! {self.display}() got tensors on "
                f"meta, and '{name}' of shape {list(lay.shape)} on cpu"
            )

    private_views = (
        False  # whether views are results of their own, which no in-place change ties to what they are views of
    )

    def backward(self, traced: Traced, variant: Any, name: str) -> Any:
        """The native function of a trace's backward operator, made once."""
        found = self._backwards.get(id(variant))
        if found is None:
            found = self._backwards[id(variant)] = BackwardFunction(self, traced, variant, name)
        return found.function

    def traced(self, args: tuple[Any, ...]) -> tuple[Traced, tuple[int, ...]]:
        """The trace of these arguments' structure, and the values of its symbols."""
        names: dict[int, int] = {}  # sizes by the order of their first appearance, as numbers below zero
        key: list[Any] = [default_dtype()]
        for i, a in enumerate(args):
            if isinstance(a, Hooks.tensor_types):
                lay = a._layout
                key.append(
                    (lay.dtype, tuple([n if n < 2 else names.setdefault(n, -len(names) - 1) for n in lay.shape]))
                )
            elif type(a) in (int, float, bool) and not (i < len(self.kinds) and self.kinds[i]):
                key.append(type(a))
            else:
                key.append(_static_key(a))
        sizes = tuple(names)
        candidates = self.traces.setdefault(tuple(key), [])
        for traced in candidates:
            if traced.holds(sizes):
                return traced, sizes
        traced = self.trace(args)
        candidates.append(traced)
        return traced, sizes

    def trace(self, args: tuple[Any, ...]) -> Traced:
        """Runs the definition on values that stand for the arguments."""
        guards = Guards()
        names: dict[int, str] = {}
        values: list[Any] = []
        inputs: dict[int, Value] = {}
        for i, a in enumerate(args):
            if isinstance(a, Hooks.tensor_types):
                lay: Layout = a._layout
                v = inputs[i] = Value("input", (), (i,), tracing.symbolic_shape(lay.shape, names, guards), lay.dtype)
            elif type(a) in (int, float, bool) and not (i < len(self.kinds) and self.kinds[i]):
                v = inputs[i] = Value("scalar", (), (i,), (), _number_dtype(type(a)), True)
            else:
                v = a
            values.append(v)
        for p in self.parameters[len(values) :]:
            if not p.many:
                values.append(p.default)
        assert self.define is not None
        by_name = {p.name: v for p, v in zip(self.parameters, values) if p.keyword_only}
        result = self.define(*values[: len(values) - len(by_name)], **by_name)
        outputs = tuple(result) if isinstance(result, tuple | list) else (result,)
        return tracing.Traced(
            inputs,
            outputs,
            tuple(names.values()),
            guards,
            values=tuple(values),
            gradient=self.gradient,
            order=self.order,
            into=self.into,
            strict_view=self.strict_view,
            aliases=self.aliases,
            recomputes=self.recomputes,
            sizes=tuple(names),
        )


_functions: weakref.WeakSet[Function] = weakref.WeakSet()


def forget_plans() -> None:
    """Drops the plans of all operators: what they were made under, such as the default dtype, has changed."""
    for f in list(_functions):
        if f.state is not None and (f.plans or f._entries):
            f.forget()


class BackwardFunction(Function):
    """The backward operator of a trace:

    takes what was saved, the forward sizes, and a gradient (or None) for each output.
    """

    private_views = True

    def __init__(self, forward: Function, traced: Traced, variant: Variant, name: str) -> None:
        saved, visible = len(variant.saved), variant.visible
        parameters = [Parameter(f"saved{i}", "operand") for i in range(saved)]
        parameters.append(Parameter("sizes", "static"))
        parameters += [Parameter(f"grad{k}", "tensor", None, optional=True) for k in range(visible)]
        super().__init__(f"{forward.name}_backward", tuple(parameters), None)
        self.node_of = name
        self.name_gradient = forward.name_gradient
        self.name_node = lambda args: forward.name_gradient(name)
        self.argument_names = ["self" if p.name == "input" else p.name for p in forward.parameters]
        self.saved_names = [self._saved_name(code, visible) for code in variant.saved]
        self.base, self.at_sizes, self.variant = traced, saved, variant
        self.by_missing: dict[tuple[int, ...], list[Traced]] = {}
        self.function = native().operator_function(self.name, self.activate(), "")
        self._exact: BackwardFunction | None = None
        BACKWARDS[self.function] = self

    def _saved_name(self, code: int, outputs: int) -> str:
        """What PyTorch's graphs call a saved argument, or the saved output whose complement `code` is."""
        if code < 0:
            return "result" if outputs == 1 else f"result{~code}"
        return self.argument_names[min(code, len(self.argument_names) - 1)]

    @property
    def operands(self) -> list[int]:
        """The numbers of the forward operator's arguments that may have a history: tensors that have gradients."""
        return [v.attrs[0] for v in self.variant.program.inputs if v.dtype.is_differentiable]

    @property
    def exact(self) -> BackwardFunction:
        """The same gradients as an operator that can be differentiated again."""
        if self._exact is None:
            exact = self.variant.exact
            assert exact is not None
            self._exact = self if exact is self.base else BackwardFunction(self, exact, self.variant, self.node_of)
        return self._exact

    def miss(self, *args: Any) -> Any:
        """A call by the tape: its arguments need no checks."""
        if Hooks.profile is not None and Hooks.mode() & PROFILED:
            return Hooks.profile(self, args, {})
        if Hooks.passed_back is not None:
            return Hooks.passed_back(self, args)
        return self.run(args, args)

    def traced(self, args: tuple[Any, ...]) -> tuple[Traced, tuple[int, ...]]:
        missing = tuple(i for i in self.base.inputs if i > self.at_sizes and (i >= len(args) or args[i] is None))
        sizes = args[self.at_sizes]
        candidates = self.by_missing.setdefault(missing, [])
        found = next((known for known in candidates if known.holds(sizes)), None)
        if found is None:
            found = tracing.without(tracing.restated(self.base, sizes), missing)
            candidates.append(found)
        self._check(found, args, sizes)
        return found, sizes

    def _check(self, traced: Traced, args: tuple[Any, ...], sizes: tuple[int, ...]) -> None:
        """Raises RuntimeError for a gradient of another shape than the output, and for what was saved and is of another
        shape or dtype now: both changed after the call.
        """
        known = dict(zip(traced.symbols, sizes))
        for i, v in traced.inputs.items():
            if v.op == "scalar":
                continue
            lay, expected = args[i]._layout, tuple([evaluate(n, known) for n in v.shape])
            if i < self.at_sizes and (lay.shape != expected or lay.dtype is not v.dtype):
                raise RuntimeError(
                    f"Function {self.node_of} saved a tensor of shape {list(expected)} and dtype {v.dtype}, which was "
                    f"given other data since: it is of shape {list(lay.shape)} and dtype {lay.dtype}"
                )
            if lay.shape != expected:
                raise RuntimeError(
                    f"Function {self.node_of} got an invalid gradient at index {i - self.at_sizes - 1} - got "
                    f"{list(lay.shape)} but expected shape compatible with {list(expected)}"
                )


# The backward operator behind each native function that a node of the tape calls.
BACKWARDS: dict[Any, BackwardFunction] = {}


def _static_key(a: Any) -> tuple[type, Any]:
    """A static argument as part of a key: numbers with their types, floats by their bits.

    1, 1.0 and True are equal, as 0 and -0 are, and NaN is not itself.
    """
    kind = type(a)
    if kind is tuple:
        return kind, tuple([_static_key(item) for item in a])
    return kind, a.hex() if kind is float else a


def _float_word(a: float) -> int | None:
    """The word of a static float, see `float_word` in resident/dispatch.py."""
    (bits,) = struct.unpack("q", struct.pack("d", a))
    if math.isinf(a):
        return 4 if a > 0 else 6
    if bits == 0:
        return 2
    if not 512 < (bits >> 52) & 2047 < 1536:
        return None
    return ((bits - (1 << 61)) << 1 & ((1 << 63) - 1)) - (int(a < 0) << 63)


def _number_dtype(kind: type) -> dtype:
    return default_dtype() if kind is float else bool_ if kind is bool else int64
