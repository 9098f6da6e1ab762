"""Resident code of the dispatcher: from the arguments of an operator's call to its result.

A call is keyed by one word for each argument: the address of a tensor's layout, with the lowest bit set where its
gradient is wanted; the type of a Python number that is an operand; the value of a static integer, shifted to be odd;
the bits of a static float, as `float_word` has them; the address of any other static object. The operator's table maps
the key to a plan. No plan: the operator's Python function `miss` is called, which makes one.

STATE of an operator: 0 table, 1 mask, 2 miss, 3 words to an entry, 4... a 1 for each parameter that is static, 18 and
19 the state of its form under autocast to bfloat16 and to float16: 0 where it has none, 1 where it is not made yet.
An entry: 0 hash, 1 plan, 2... the key.

PLAN: 0 flags, 1 inputs, 2 -> argument numbers, 3 outputs, 4 -> records, 5 temporaries, 6 -> sizes, 7 launches, 8 ->
records, 9 visible outputs, 10 tape, 11 saved, 12 -> codes, 13 edges, 14 -> argument numbers, 15 what is saved where
that is nothing, 16 bits of the outputs that get a place on the tape, 17 the sizes the backward operator takes after
what was saved, 18 outputs beyond those of 16, 19 -> their numbers. Output record: kind, layout, nbytes or argument,
byte offset. Launch record: function, operands, buffers, -> numbers, total, grain. A saved code is an argument's number,
or the complement of an output's number.
"""

from compiler.native import WORDS

METHOD_STATES = WORDS(64)
REFLECTED_STATES = WORDS(32)

LONG = 1
GRADIENT = 2
PRIVATE = 4
REWRITES = 8
UNCHECKED = 16
AWAITED = 32
IMMATERIAL = 64
FRESH = 0
SAME = 1
VIEW = 2
IN_PLACE = 3
MAX_ARGS = 14
STATIC_LIMIT = 2305843009213693952
FLOAT_LEAST = 2305843009213693952
FLOAT_INFINITY = 9218868437227405312
STACK_BUFFERS = 64
STACK_OUTPUTS = 32
STACK_WORDS = 32
# Modes of a thread: two bits for the dtype of autocast; those of anomaly mode, of the profiler and of modes that answer
# calls lead through Python.
RECORDING = 1
THROUGH_PYTHON = 50
INFERENCE = 64
CAST_STATES = 17
UNMADE = 1


def thread_mode():
    """The modes of this thread as bits."""
    thread = PyThreadState_Get()
    if thread == ROOTS[THREAD]:
        if PyThreadState_GetID(thread) == ROOTS[THREAD_ID]:
            return ROOTS[MODE]
    mode = PyObject_Vectorcall(ROOTS[MODE_OF_THREAD], 0, 0, 0)
    if mode == 0:
        return 1
    value = PyLong_AsLongLong(mode)
    Py_DecRef(mode)
    be_in(thread, value)
    return value


def be_in(thread, mode):
    """Notes the modes of the thread that is running."""
    ROOTS[THREAD] = thread
    ROOTS[THREAD_ID] = PyThreadState_GetID(thread)
    ROOTS[MODE] = mode
    if (mode & INFERENCE) != 0:
        ROOTS[INFERRING] = 1


def set_mode(module, arg):
    """Python: set_mode(bits): the modes of the calling thread."""
    be_in(PyThreadState_Get(), PyLong_AsLongLong(arg))
    return reference(ROOTS[NONE])


def birth():
    """The version of new memory: far below 0 in inference mode, where nothing is counted.

    INFERRING says that the mode was ever on: what never uses it pays for one look.
    """
    if ROOTS[INFERRING] == 0:
        return 0
    return 0 - ((thread_mode() & INFERENCE) << 56)


def inferred(plan, args):
    """128 where memory of inference mode is to be overwritten outside of it, 64 where it is to be saved; else 0."""
    if ROOTS[INFERRING] == 0:
        return 0
    if plan[3] > 0 and (plan[4])[0] == IN_PLACE and (thread_mode() & INFERENCE) == 0:
        if is_inferred(args[(plan[4])[2]]):
            return 128
    if (plan[0] & GRADIENT) != 0:
        codes = plan[12]
        i = 0
        while i < plan[11]:
            if codes[i] >= 0 and is_tensor(args[codes[i]]) and is_inferred(args[codes[i]]):
                return 64
            i += 1
    return 0


def is_inferred(t):
    return ((t + ROOTS[AT_STORAGE])[0])[4] < 0


def miss(state, args, nargs):
    return PyObject_Vectorcall(state[2], args, nargs, 0)


def float_word(bits):
    """The word of a static float that is no other object's: even, and either below 8 or above all addresses.

    Numbers from 2**-510 to 2**513 have one, by their bits without one of the exponent's, as have 0 and the infinities.
    All others have none, which is 0.
    """
    exponent = (bits >> 52) & 2047
    if exponent > 512 and exponent < 1536:
        return ((bits - FLOAT_LEAST) << 1) | ((bits >> 63) << 63)
    if bits == 0:
        return 2
    if bits == FLOAT_INFINITY:
        return 4
    if (bits ^ FLOAT_INFINITY) << 1 == 0:
        return 6
    return 0


def dispatch(state, args, nargs):
    if nargs > MAX_ARGS or nargs > state[3] - 2:
        return miss(state, args, nargs)
    mode = thread_mode()
    if mode > RECORDING:
        if (mode & THROUGH_PYTHON) != 0:
            return miss(state, args, nargs)
        instead = state[CAST_STATES + ((mode >> 2) & 3)]
        if instead != 0:
            if instead == UNMADE:
                return miss(state, args, nargs)
            state = instead
        mode = mode & RECORDING
    words = stack(16)
    scalars = stack(16)
    overflow = stack(1)
    tensor = ROOTS[TENSOR]
    parameter = ROOTS[PARAMETER]
    none = ROOTS[NONE]
    h = nargs
    i = 0
    while i < nargs:
        a = args[i]
        kind = a[1]
        if kind == tensor or kind == parameter:
            w = (a + ROOTS[AT_LAYOUT])[0]
            if mode != 0:
                if (a + ROOTS[AT_BASE])[0] != none and stale(a):
                    return miss(state, args, nargs)
                w = w | ((a + ROOTS[AT_NEEDS])[0] == ROOTS[TRUE])
        else:
            if state[4 + i] != 0:
                w = a
                if kind == ROOTS[LIST]:
                    return miss(state, args, nargs)
                if kind == ROOTS[FLOAT]:
                    w = float_word(a[2])
                    if w == 0:
                        return miss(state, args, nargs)
                if kind == ROOTS[INT]:
                    overflow[0] = 0
                    w = PyLong_AsLongLongAndOverflow(a, overflow)
                    if overflow[0] != 0 or ((w + STATIC_LIMIT) >> 62) != 0:
                        return miss(state, args, nargs)
                    w = (w << 1) | 1
            else:
                w = kind
                if kind == ROOTS[FLOAT]:
                    scalars[i] = a[2]
                else:
                    if kind == ROOTS[INT]:
                        overflow[0] = 0
                        scalars[i] = PyLong_AsLongLongAndOverflow(a, overflow)
                        if overflow[0] != 0:
                            return miss(state, args, nargs)
                    else:
                        if kind == ROOTS[BOOL]:
                            scalars[i] = a == ROOTS[TRUE]
                        else:
                            if a == ROOTS[NONE]:
                                w = a
                            else:
                                return miss(state, args, nargs)
        words[i] = w
        h = (h ^ w) * -7046029254386353131
        h = h ^ (h >> 32)
        i += 1
    if h == 0:
        h = 1
    entry = find(state, words, nargs, h)
    if entry == 0:
        return miss(state, args, nargs)
    plan = entry[1]
    if (plan[0] & REWRITES) != 0 and guarded(args, nargs):
        return miss(state, args, nargs)
    return execute(plan, args, scalars, state, nargs)


def find(state, words, nargs, h):
    table = state[0]
    mask = state[1]
    stride = state[3]
    index = h & mask
    while 1:
        entry = table + index * stride * 8
        found = entry[0]
        if found == 0:
            return 0
        if found == h:
            i = 0
            while i < nargs and entry[2 + i] == words[i]:
                i += 1
            if i == nargs:
                return entry
        index = (index + 1) & mask


def insert(module, args, nargs):
    """Python: insert(state, plan, word, word, ...): adds an entry; the table has room."""
    state = PyLong_AsLongLong(args[0])
    words = stack(16)
    h = nargs - 2
    i = 2
    while i < nargs:
        w = PyLong_AsLongLong(args[i])
        words[i - 2] = w
        h = (h ^ w) * -7046029254386353131
        h = h ^ (h >> 32)
        i += 1
    if h == 0:
        h = 1
    mask = state[1]
    index = h & mask
    entry = state[0] + index * state[3] * 8
    while entry[0] != 0:
        index = (index + 1) & mask
        entry = state[0] + index * state[3] * 8
    entry[0] = h
    entry[1] = PyLong_AsLongLong(args[1])
    i = 0
    while i < nargs - 2:
        entry[2 + i] = words[i]
        i += 1
    return reference(ROOTS[NONE])


def new_tensor(layout, storage, offset):
    """A tensor without history; takes over the references to storage and offset."""
    t = PyType_GenericAlloc(ROOTS[TENSOR], 0)
    if t == 0:
        return 0
    none = ROOTS[NONE]
    (t + ROOTS[AT_LAYOUT])[0] = reference(layout)
    (t + ROOTS[AT_STORAGE])[0] = storage
    (t + ROOTS[AT_OFFSET])[0] = offset
    (t + ROOTS[AT_NEEDS])[0] = reference(ROOTS[FALSE])
    (t + ROOTS[AT_GRAD_FN])[0] = reference(none)
    (t + ROOTS[AT_GRAD])[0] = reference(none)
    (t + ROOTS[AT_BASE])[0] = reference(none)
    (t + ROOTS[AT_EXTRA])[0] = reference(none)
    return t


def byte_offset(t):
    offset = (t + ROOTS[AT_OFFSET])[0]
    if offset == ROOTS[ZERO]:
        return 0
    return PyLong_AsLongLong(offset)


def view_of(source, t):
    """A new tensor as a view:

    its base is the source's, or the source itself. Notes where it is made while nothing is recorded.
    """
    if t == 0:
        return 0
    base = (source + ROOTS[AT_BASE])[0]
    if base == ROOTS[NONE]:
        base = source
    replace(t + ROOTS[AT_BASE], reference(base))
    if (thread_mode() & RECORDING) == 0:
        replace(t + ROOTS[AT_EXTRA], reference(ROOTS[UNTRACKED]))
    return t


def make_output(plan, record, args, data):
    """One output of a plan as a tensor; its address goes to data[0]. 0 where memory is out."""
    kind = record[0]
    if kind == FRESH:
        storage = new_storage(record[2])
        if storage == 0:
            return 0
        data[0] = storage[2]
        return new_tensor(record[1], storage, reference(ROOTS[ZERO]))
    source = args[record[2]]
    storage = (source + ROOTS[AT_STORAGE])[0]
    data[0] = storage[2] + byte_offset(source)
    if kind == VIEW:
        offset = PyLong_FromLongLong(byte_offset(source) + record[3])
        view = new_tensor(record[1], reference(storage), offset)
        if (plan[0] & PRIVATE) != 0:
            return view
        return view_of(source, view)
    if kind == IN_PLACE:
        storage[4] = storage[4] + 1
    return reference(source)


def drop(outs, count):
    i = 0
    while i < count:
        Py_DecRef(outs[i])
        i += 1


def give_temps(blocks, sizes, count):
    i = 0
    while i < count:
        give_block(blocks[i], size_class(sizes[i]))
        i += 1


def no_memory(nbytes):
    args = stack(2)
    args[0] = PyLong_FromLongLong(nbytes)
    result = PyObject_Vectorcall(ROOTS[ON_NO_MEMORY], args, 1, 0)
    Py_DecRef(args[0])
    return result


def fault(status, state, plan, args):
    """Raises the exception for the error bits of a kernel. `args` are 0 where the call was noted and runs later."""
    call = stack(4)
    n = 0
    if args != 0:
        n = plan[1]
    tensors = PyTuple_New(n)
    i = 0
    while i < n:
        tensors[3 + i] = reference(args[(plan[2])[i]])
        i += 1
    call[0] = PyLong_FromLongLong(status)
    call[1] = state[2]
    call[2] = PyLong_FromLongLong(plan)
    call[3] = tensors
    result = PyObject_Vectorcall(ROOTS[ON_STATUS], call, 4, 0)
    Py_DecRef(call[0])
    Py_DecRef(call[2])
    Py_DecRef(tensors)
    return result


def run_launches(plan, bufs, local, scalars, status, trace):
    count = plan[7]
    record = plan[8]
    while count > 0:
        numbers = record[3]
        n = record[2]
        j = 0
        while j < n:
            local[j] = bufs[numbers[j]]
            j += 1
        if trace == 0:
            launch(record[0], local, record[1], scalars, record[4], record[5], status)
        else:
            begin = ticks(trace[2])
            launch(record[0], local, record[1], scalars, record[4], record[5], status)
            trace_kernel(trace, record[0], begin)
        record = record + 48
        count -= 1


def run_plan(plan, bufs, local, scalars, status):
    """The launches of a plan; other threads may run meanwhile where they take long."""
    trace = tracing()
    if (plan[0] & LONG) != 0:
        thread = PyEval_SaveThread()
        run_launches(plan, bufs, local, scalars, status, trace)
        PyEval_RestoreThread(thread)
    else:
        run_launches(plan, bufs, local, scalars, status, trace)


def tracing():
    """Where this thread's kernels are noted with their times, or 0.

    The words there: 0 room for so many, 1 how many there are, 2 the clock, 3 the thread; then a kernel's address, begin
    and end, in nanoseconds.
    """
    trace = ROOTS[TRACE]
    if trace != 0 and trace[3] == PyThreadState_Get():
        return trace
    return 0


def ticks(clock):
    now = stack(2)
    clock_gettime(clock, now)
    return now[0] * 1000000000 + now[1]


def trace_kernel(trace, function, begin):
    count = trace[1]
    if count < trace[0]:
        entry = trace + 32 + count * 24
        entry[0] = function
        entry[1] = begin
        entry[2] = ticks(trace[2])
        trace[1] = count + 1


def overlaps(plan, args):
    """Whether an input shares memory with the overwritten argument otherwise than element by element.

    As in PyTorch, tensors with gaps are not looked at: whether their elements meet is too hard to say.
    """
    target = args[(plan[4])[2]]
    layout = (target + ROOTS[AT_LAYOUT])[0]
    if (layout + ROOTS[LAYOUT_DENSE])[0] != ROOTS[TRUE]:
        return 0
    begin = byte_offset(target)
    end = begin + PyLong_AsLongLong((layout + ROOTS[LAYOUT_NBYTES])[0])
    positions = plan[2]
    i = 0
    while i < plan[1]:
        t = args[positions[i]]
        if (t + ROOTS[AT_STORAGE])[0] == (target + ROOTS[AT_STORAGE])[0] and t != target:
            other = (t + ROOTS[AT_LAYOUT])[0]
            first = byte_offset(t)
            if (first != begin or other != layout) and (other + ROOTS[LAYOUT_DENSE])[0] == ROOTS[TRUE]:
                if first < end and begin < first + PyLong_AsLongLong((other + ROOTS[LAYOUT_NBYTES])[0]):
                    return 1
        i += 1
    return 0


def complete():
    """Has Python complete the plans whose kernels are being compiled. 0 where it raised."""
    result = PyObject_Vectorcall(ROOTS[ON_AWAITED], 0, 0, 0)
    if result == 0:
        return 0
    Py_DecRef(result)
    return 1


def execute(plan, args, scalars, state, nargs):
    """Runs a plan, or notes it. Where it has more buffers than the stack has room for, they are listed in memory of
    their own.
    """
    if capturing() and (plan[0] & IMMATERIAL) == 0:
        return defer(plan, args, scalars, state, nargs)
    if (plan[0] & AWAITED) != 0 and complete() == 0:
        return 0
    bufs = stack(64)
    local = stack(64)
    outs = stack(32)
    n_out = plan[3]
    count = plan[1] + n_out + plan[5]
    if count <= STACK_BUFFERS and n_out <= STACK_OUTPUTS:
        return execute_in(plan, args, scalars, state, bufs, local, outs)
    block = PyMem_RawMalloc((2 * count + n_out) * 8)
    if block == 0:
        return no_memory((2 * count + n_out) * 8)
    result = execute_in(plan, args, scalars, state, block, block + count * 8, block + count * 16)
    PyMem_RawFree(block)
    return result


def execute_in(plan, args, scalars, state, bufs, local, outs):
    status = stack(1)
    status[0] = 0
    n_in = plan[1]
    n_out = plan[3]
    n_temp = plan[5]
    positions = plan[2]
    wrong = inferred(plan, args)
    if wrong != 0:
        return fault(wrong, state, plan, args)
    if n_out > 0 and (plan[4])[0] == IN_PLACE:
        if overlaps(plan, args):
            return fault(4, state, plan, args)
        if unclear(args[(plan[4])[2]]):
            return fault(8, state, plan, args)
    i = 0
    while i < n_in:
        t = args[positions[i]]
        storage = (t + ROOTS[AT_STORAGE])[0]
        if storage[2] == 0 and settle(storage) == 0:
            return 0
        bufs[i] = storage[2] + byte_offset(t)
        i += 1
    record = plan[4]
    i = 0
    while i < n_out:
        outs[i] = make_output(plan, record, args, bufs + (n_in + i) * 8)
        if outs[i] == 0:
            drop(outs, i)
            return no_memory(record[2])
        record = record + 32
        i += 1
    temps = plan[6]
    first = n_in + n_out
    i = 0
    while i < n_temp:
        bufs[first + i] = take_block(size_class(temps[i]))
        if bufs[first + i] == 0:
            drop(outs, n_out)
            give_temps(bufs + first * 8, temps, i)
            return no_memory(temps[i])
        i += 1
    run_plan(plan, bufs, local, scalars, status)
    give_temps(bufs + first * 8, temps, n_temp)
    if status[0] != 0:
        drop(outs, n_out)
        return fault(status[0], state, plan, args)
    if (plan[0] & GRADIENT) != 0:
        record_node(plan, args, outs)
    return deliver(outs, plan[9], n_out)


def deliver(outs, visible, count):
    """The visible outputs: one as it is, several as a tuple. The others lose their reference."""
    i = visible
    while i < count:
        Py_DecRef(outs[i])
        i += 1
    if visible == 1:
        return outs[0]
    result = PyTuple_New(visible)
    i = 0
    while i < visible:
        result[3 + i] = outs[i]
        i += 1
    return result


def call_operator(holder, args, nargs, names):
    """Python: an operator's function; its state is the data of the storage it is bound to."""
    state = holder[2]
    if names != 0:
        return PyObject_Vectorcall(state[2], args, nargs, names)
    return dispatch(state, args, nargs)


def call_method(number, self, args, nargs, names):
    """An operator called as a method: `self` becomes the first argument."""
    state = METHOD_STATES[number]
    few = stack(32)
    call = few
    total = nargs
    if names != 0:
        total = nargs + names[2]
    if total >= STACK_WORDS:
        call = PyMem_RawMalloc((total + 1) * 8)
        if call == 0:
            return no_memory((total + 1) * 8)
    call[0] = self
    i = 0
    while i < total:
        call[i + 1] = args[i]
        i += 1
    if names == 0 and total < STACK_WORDS:
        return dispatch(state, call, nargs + 1)
    result = PyObject_Vectorcall(state[2], call, nargs + 1, names)
    if call != few:
        PyMem_RawFree(call)
    return result


def call_reflected(number, self, args, nargs):
    """A reflected binary operator: `2 - x` calls `x.__rsub__(2)`."""
    state = REFLECTED_STATES[number]
    call = stack(2)
    if nargs != 1:
        return miss(state, args, 0)
    call[0] = args[0]
    call[1] = self
    return dispatch(state, call, 2)


def call_plan(module, args, nargs):
    """Python: call_plan(plan, state, arg, arg, ...): runs a plan outside of the table."""
    few = stack(32)
    scalars = few
    if nargs > STACK_WORDS:
        scalars = PyMem_RawMalloc(nargs * 8)
        if scalars == 0:
            return no_memory(nargs * 8)
    overflow = stack(1)
    i = 2
    while i < nargs:
        a = args[i]
        kind = a[1]
        if kind == ROOTS[FLOAT]:
            scalars[i - 2] = a[2]
        else:
            if kind == ROOTS[INT]:
                scalars[i - 2] = PyLong_AsLongLongAndOverflow(a, overflow)
            else:
                scalars[i - 2] = a == ROOTS[TRUE]
        i += 1
    result = execute(PyLong_AsLongLong(args[0]), args + 16, scalars, PyLong_AsLongLong(args[1]), nargs - 2)
    if scalars != few:
        PyMem_RawFree(scalars)
    return result


def make_tensor(module, args, nargs):
    """Python: make_tensor(layout, storage, offset): a tensor without history."""
    return new_tensor(args[0], reference(args[1]), reference(args[2]))


def shared_words(module):
    """Where the words are that Python shares: module[0...] are set to their addresses."""
    module[0] = ROOTS
    module[1] = STATS
    module[2] = JOB
    module[3] = LOCKS
    module[4] = METHOD_STATES
    module[5] = REFLECTED_STATES
    module[6] = QUEUE
    module[7] = LATER


def foreach(module, args, nargs):
    """Python: foreach(launch, scalars, dtype, list, list, ...): one element-wise kernel over each set of tensors with
    one number.

    `launch` is the address of the words: 0 kernel, 1 lists, 2 -> for each list 1 where it is written, 3 operands, 4 ->
    operands, 5 grain. Operand 0 is the number of elements. Returns the number of the first set whose tensors do not
    share one dense layout of the dtype, or the number of sets. -1: calls are noted, and nothing was done.
    """
    if capturing():
        return PyLong_FromLongLong(-1)
    words = PyLong_AsLongLong(args[0])
    values = args[1]
    n_lists = words[1]
    writes = words[2]
    n_ops = words[3]
    template = words[4]
    ops = stack(64)
    scalars = stack(32)
    bufs = stack(16)
    status = stack(1)
    begin = 0
    trace = tracing()
    if trace != 0:
        begin = ticks(trace[2])
    i = 0
    while i < n_ops:
        ops[i] = template[i]
        i += 1
    i = 0
    while i < values[2]:
        scalars[i] = (values[3 + i])[2]
        i += 1
    first = args[3]
    count = first[2]
    k = 0
    while k < count:
        layout = ((first[3])[k] + ROOTS[AT_LAYOUT])[0]
        if (layout + ROOTS[LAYOUT_DTYPE])[0] != args[2] or (layout + ROOTS[LAYOUT_DENSE])[0] != ROOTS[TRUE]:
            return PyLong_FromLongLong(k)
        j = 0
        while j < n_lists:
            t = ((args[3 + j])[3])[k]
            if (t + ROOTS[AT_LAYOUT])[0] != layout:
                return PyLong_FromLongLong(k)
            storage = (t + ROOTS[AT_STORAGE])[0]
            bufs[j] = storage[2] + byte_offset(t)
            if writes[j] != 0:
                storage[4] = storage[4] + 1
            j += 1
        n = PyLong_AsLongLong((layout + ROOTS[LAYOUT_NUMEL])[0])
        ops[0] = n
        grain = n
        if n > 2 * words[5]:
            grain = ((n + 3) // 4 + 63) & -64
            thread = PyEval_SaveThread()
            launch(words[0], bufs, ops, scalars, n, grain, status)
            PyEval_RestoreThread(thread)
        else:
            launch(words[0], bufs, ops, scalars, n, grain, status)
        k += 1
    if trace != 0:
        trace_kernel(trace, words[0], begin)
    return PyLong_FromLongLong(count)
