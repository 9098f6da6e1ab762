"""Resident code of the tape: recording a node for a call, and the backward pass over nodes.

Nodes are numbered in the order of their making, and a node's edges lead to older ones. So the pass needs no search for
an order: it keeps the nodes that have got a gradient sorted by number and always takes the youngest, which nothing can
add to any more.

WORK of a pass: 0 -> entries, 1 their count, 2 their capacity, 3 flags, 4 state, 5 guide, 6 leaves, 7 the flags as a
Python object. An entry: the node's number, the node, its gradient: a tensor, or a dictionary by output number.
"""

# Flags of a pass
KEEP = 1
CREATE = 2
WATCHED = 4
INLINE_ENTRIES = 32
MANY_SAVED = 40
LONG_ACCUMULATION = 131072


def edge_of(t):
    """Where a tensor's gradient goes: its node, itself where it is a leaf that wants one, None otherwise."""
    if (t + ROOTS[AT_NEEDS])[0] != ROOTS[TRUE]:
        return ROOTS[NONE]
    node = (t + ROOTS[AT_GRAD_FN])[0]
    if node != ROOTS[NONE]:
        return node
    return t


def is_tensor(o):
    """Whether an object is a tensor or a parameter; other subclasses don't count."""
    kind = o[1]
    return kind == ROOTS[TENSOR] or kind == ROOTS[PARAMETER]


def stale(t):
    """Whether a view's place on the tape is older than a change of its base's history."""
    changed = ((t + ROOTS[AT_STORAGE])[0])[7]
    if changed == 0:
        return 0
    node = (t + ROOTS[AT_GRAD_FN])[0]
    if node[1] != ROOTS[NODE]:
        return 1
    return PyLong_AsLongLong((node + ROOTS[NODE_SEQUENCE])[0]) < changed


def unclear(t):
    """Whether a tensor that is to be changed is a view of one with a gradient, made where nothing is recorded."""
    if (t + ROOTS[AT_EXTRA])[0] != ROOTS[UNTRACKED] or (thread_mode() & RECORDING) == 0:
        return 0
    return ((t + ROOTS[AT_BASE])[0] + ROOTS[AT_NEEDS])[0] == ROOTS[TRUE]


def guarded(args, nargs):
    """Whether a recorded change in place takes more than a plan: of a leaf, a view, with itself, with notes on it."""
    target = args[0]
    none = ROOTS[NONE]
    if (target + ROOTS[AT_BASE])[0] != none or (target + ROOTS[AT_EXTRA])[0] != none:
        return 1
    if (target + ROOTS[AT_NEEDS])[0] == ROOTS[TRUE] and (target + ROOTS[AT_GRAD_FN])[0] == none:
        return 1
    storage = (target + ROOTS[AT_STORAGE])[0]
    i = 1
    while i < nargs:
        if is_tensor(args[i]) and ((args[i]) + ROOTS[AT_STORAGE])[0] == storage:
            return 1
        i += 1
    return 0


def save(plan, args, outs):
    """What a call saves: the values, the sizes for the backward operator, and the version of each value.

    An output is saved as an alias without history, so that the node does not hold itself alive.
    """
    n = plan[11]
    if n == 0:
        return reference(plan[15])
    codes = plan[12]
    saved = PyTuple_New(n + n + 1)
    saved[3 + n] = reference(plan[17])
    i = 0
    while i < n:
        code = codes[i]
        version = 0
        if code >= 0:
            item = args[code]
            if is_tensor(item):
                version = ((item + ROOTS[AT_STORAGE])[0])[4]
            saved[3 + i] = reference(item)
        else:
            item = outs[~code]
            storage = (item + ROOTS[AT_STORAGE])[0]
            version = storage[4]
            offset = reference((item + ROOTS[AT_OFFSET])[0])
            saved[3 + i] = new_tensor((item + ROOTS[AT_LAYOUT])[0], reference(storage), offset)
        saved[4 + n + i] = PyLong_FromLongLong(version)
        i += 1
    return saved


def record_node(plan, args, outs):
    """Makes the tape's node of this call and ties the floating-point outputs to it."""
    node = PyType_GenericAlloc(ROOTS[NODE], 0)
    n = plan[13]
    positions = plan[14]
    edges = PyTuple_New(n)
    i = 0
    while i < n:
        edges[3 + i] = reference(edge_of(args[positions[i]]))
        i += 1
    ROOTS[SEQUENCE] = ROOTS[SEQUENCE] + 1
    (node + ROOTS[NODE_TAPE])[0] = reference(plan[10])
    (node + ROOTS[NODE_SAVED])[0] = save(plan, args, outs)
    (node + ROOTS[NODE_EDGES])[0] = edges
    (node + ROOTS[NODE_SEQUENCE])[0] = PyLong_FromLongLong(ROOTS[SEQUENCE])
    (node + ROOTS[NODE_EXTRA])[0] = reference(ROOTS[NONE])
    if (plan[0] & REWRITES) != 0:
        ((outs[0] + ROOTS[AT_STORAGE])[0])[7] = ROOTS[SEQUENCE]
    tied = plan[16]
    if tied == 1 and plan[18] == 0:
        tie(outs[0], node)
        return 0
    k = 0
    while tied != 0:
        if (tied & 1) != 0:
            tie_output(outs, k, node)
        tied = tied >> 1
        k += 1
    further = plan[19]
    i = 0
    while i < plan[18]:
        tie_output(outs, further[i], node)
        i += 1
    Py_DecRef(node)


def tie_output(outs, k, node):
    edge = reference(node)
    if k > 0:
        edge = PyType_GenericAlloc(ROOTS[OUTPUT_OF], 0)
        (edge + ROOTS[OUTPUT_NODE])[0] = node
        (edge + ROOTS[OUTPUT_INDEX])[0] = PyLong_FromLongLong(k)
    tie(outs[k], edge)


def tie(t, edge):
    """Gives a tensor its place on the tape; takes over the reference to the edge."""
    replace(t + ROOTS[AT_GRAD_FN], edge)
    replace(t + ROOTS[AT_NEEDS], reference(ROOTS[TRUE]))


def replace(slot, o):
    """Puts an object into a slot; takes over the reference."""
    old = slot[0]
    slot[0] = o
    Py_DecRef(old)


def node_call(node, grad):
    """Calls a node's backward operator with what was saved and the gradient of its first output.

    None where a saved tensor was changed or is no longer there.
    """
    none = ROOTS[NONE]
    saved = (node + ROOTS[NODE_SAVED])[0]
    if saved == none:
        return reference(none)
    n = saved[2] >> 1
    call = stack(64)
    i = 0
    while i < n:
        item = saved[3 + i]
        if is_tensor(item) and ((item + ROOTS[AT_STORAGE])[0])[4] != PyLong_AsLongLong(saved[4 + n + i]):
            return reference(none)
        call[i] = item
        i += 1
    call[n] = saved[3 + n]
    call[n + 1] = grad
    tape = (node + ROOTS[NODE_TAPE])[0]
    outputs = ((tape + ROOTS[TAPE_SHAPES])[0])[2]
    i = 1
    while i < outputs:
        call[n + 1 + i] = none
        i += 1
    backward = (tape + ROOTS[TAPE_BACKWARD])[0]
    return dispatch((backward[3])[2], call, n + 1 + outputs)


def ask(function, a, b, c, d):
    """Calls a Python function with up to four arguments; 0 stands for one that is not there."""
    args = stack(4)
    args[0] = a
    args[1] = b
    args[2] = c
    args[3] = d
    count = 0
    while count < 4 and args[count] != 0:
        count += 1
    return PyObject_Vectorcall(function, args, count, 0)


def run_pass(module, args, nargs):
    """Python: run_pass(flags, state, guide, leaves, edge, gradient, edge, gradient, ...).

    `guide` is None, or maps the nodes that are to run to whether they do so as they are; all others lead through
    Python.
    """
    work = stack(8)
    work[0] = stack(96)
    work[1] = 0
    work[2] = INLINE_ENTRIES
    work[3] = PyLong_AsLongLong(args[0])
    work[4] = args[1]
    work[5] = args[2]
    work[6] = args[3]
    work[7] = args[0]
    inline = work[0]
    fine = 1
    i = 4
    while i < nargs and fine != 0:
        fine = deliver_gradient(work, args[i], reference(args[i + 1]))
        i += 2
    turn = 0
    while fine != 0 and work[1] != 0:
        fine = step(work)
        turn += 1
        if (turn & 255) == 0 and fine != 0:
            fine = PyErr_CheckSignals() == 0
    while work[1] != 0:
        work[1] = work[1] - 1
        entry = work[0] + work[1] * 24
        Py_DecRef(entry[1])
        Py_DecRef(entry[2])
    if work[0] != inline:
        PyMem_RawFree(work[0])
    if fine == 0:
        return 0
    return reference(ROOTS[NONE])


def step(work):
    """Runs the youngest node and hands on what it gives. 0 where Python raised."""
    work[1] = work[1] - 1
    entry = work[0] + work[1] * 24
    node = entry[1]
    grad = entry[2]
    if plain(work, node, grad):
        result = node_call(node, grad)
        if result == ROOTS[NONE]:
            Py_DecRef(result)
            result = ask(ROOTS[ON_EXPLAIN], node, 0, 0, 0)
    else:
        result = ask(ROOTS[ON_NODE], work[4], work[7], node, grad)
    Py_DecRef(grad)
    if result == 0:
        Py_DecRef(node)
        return 0
    if (work[3] & KEEP) == 0:
        saved = (node + ROOTS[NODE_SAVED])[0]
        if saved != ROOTS[NONE] and saved[2] > 1:
            replace(node + ROOTS[NODE_SAVED], reference(ROOTS[NONE]))
    fine = deliver_all(work, (node + ROOTS[NODE_EDGES])[0], result)
    Py_DecRef(node)
    return fine


def plain(work, node, grad):
    """Whether a node runs without Python: an operator's, with a gradient of one output, and nobody who looks on."""
    if node[1] != ROOTS[NODE] or (node + ROOTS[NODE_EXTRA])[0] != ROOTS[NONE]:
        return 0
    if (work[3] & (CREATE | WATCHED)) != 0 or is_tensor(grad) == 0:
        return 0
    saved = (node + ROOTS[NODE_SAVED])[0]
    if saved != ROOTS[NONE] and saved[2] + (((node + ROOTS[NODE_TAPE])[0] + ROOTS[TAPE_SHAPES])[0])[2] > MANY_SAVED:
        return 0
    guide = work[5]
    return guide == ROOTS[NONE] or PyDict_GetItem(guide, node) == ROOTS[TRUE]


def deliver_all(work, edges, result):
    """Hands the gradients in `result`, whose reference it takes over, to the targets of a node's edges."""
    if result[1] != ROOTS[TUPLE]:
        return deliver_gradient(work, edges[3], result)
    count = edges[2]
    if result[2] < count:
        count = result[2]
    alone = load32(result) == 1
    fine = 1
    i = 0
    while i < count and fine != 0:
        grad = result[3 + i]
        if alone:
            result[3 + i] = reference(ROOTS[NONE])
        else:
            reference(grad)
        fine = deliver_gradient(work, edges[3 + i], grad)
        i += 1
    Py_DecRef(result)
    return fine


def deliver_gradient(work, edge, grad):
    """Hands a gradient, whose reference it takes over, to an edge's target. 0 where Python raised."""
    none = ROOTS[NONE]
    if edge == none or grad == none:
        Py_DecRef(grad)
        return 1
    kind = edge[1]
    if kind == ROOTS[NODE]:
        return give_node(work, edge, 0, grad)
    if kind == ROOTS[TENSOR] or kind == ROOTS[PARAMETER]:
        return give_leaf(work, edge, grad)
    if kind == ROOTS[OUTPUT_OF]:
        return give_node(work, (edge + ROOTS[OUTPUT_NODE])[0], (edge + ROOTS[OUTPUT_INDEX])[0], grad)
    if PyType_IsSubtype(kind, ROOTS[NODE]):
        return give_node(work, edge, 0, grad)
    return give_leaf(work, edge, grad)


def place_of(work, number):
    """Index of the first entry that is not older than a node's number."""
    entries = work[0]
    low = 0
    high = work[1]
    while low < high:
        middle = (low + high) >> 1
        if (entries + middle * 24)[0] < number:
            low = middle + 1
        else:
            high = middle
    return low


def give_node(work, node, index, grad):
    """Adds a gradient to what a node has got for an output; `index` is 0 for the first, else a Python number."""
    if work[5] != ROOTS[NONE] and PyDict_GetItem(work[5], node) == 0:
        Py_DecRef(grad)
        return 1
    number = PyLong_AsLongLong((node + ROOTS[NODE_SEQUENCE])[0])
    at = place_of(work, number)
    entry = work[0] + at * 24
    if at < work[1] and entry[0] == number:
        have = entry[2]
        if index == 0 and is_tensor(have) and is_tensor(grad):
            joined = ask(ROOTS[ADD], have, grad, 0, 0)
        else:
            joined = ask(ROOTS[ON_JOIN], have, index_object(index), grad, 0)
        Py_DecRef(grad)
        if joined == 0:
            return 0
        entry = work[0] + at * 24
        entry[2] = joined
        Py_DecRef(have)
        return 1
    if index != 0:
        joined = ask(ROOTS[ON_JOIN], ROOTS[NONE], index, grad, 0)
        Py_DecRef(grad)
        if joined == 0:
            return 0
        grad = joined
    if work[1] == work[2] and widen(work) == 0:
        Py_DecRef(grad)
        return 0
    i = work[1]
    entry = work[0] + i * 24
    while i > at:
        entry[0] = entry[-3]
        entry[1] = entry[-2]
        entry[2] = entry[-1]
        entry = entry - 24
        i -= 1
    entry[0] = number
    entry[1] = reference(node)
    entry[2] = grad
    work[1] = work[1] + 1
    return 1


def index_object(index):
    """An output's number as Python has it."""
    if index == 0:
        return ROOTS[ZERO]
    return index


def widen(work):
    """Room for twice as many entries."""
    old = work[0]
    count = work[2]
    new = PyMem_RawMalloc(count * 48)
    if new == 0:
        no_memory(count * 48)
        return 0
    memcpy(new, old, count * 24)
    work[0] = new
    work[2] = count * 2
    if count > INLINE_ENTRIES:
        PyMem_RawFree(old)
    return 1


def give_leaf(work, leaf, grad):
    """Adds a gradient to that of a leaf, if that wants one still. A first one becomes the leaf's: the tensor itself or
    a copy.
    """
    if (leaf + ROOTS[AT_NEEDS])[0] != ROOTS[TRUE]:
        Py_DecRef(grad)
        return 1
    if simple_leaf(work, leaf, grad):
        have = (leaf + ROOTS[AT_GRAD])[0]
        if have != ROOTS[NONE]:
            result = ask(ROOTS[ADD_IN_PLACE], have, grad, 0, 0)
            Py_DecRef(grad)
            if result == 0:
                return 0
            Py_DecRef(result)
            return 1
        if (grad + ROOTS[AT_LAYOUT])[0] == (leaf + ROOTS[AT_LAYOUT])[0] and nobody_else(grad):
            replace(leaf + ROOTS[AT_GRAD], grad)
            return 1
        copy = ask(ROOTS[CLONE], grad, 0, 0, 0)
        if copy == 0:
            Py_DecRef(grad)
            return 0
        # Another thread may have been here while a long copy let go of the GIL.
        fits = (copy + ROOTS[AT_LAYOUT])[0] == (leaf + ROOTS[AT_LAYOUT])[0] and nobody_else(copy)
        if fits and (leaf + ROOTS[AT_GRAD])[0] == ROOTS[NONE]:
            replace(leaf + ROOTS[AT_GRAD], copy)
            Py_DecRef(grad)
            return 1
        Py_DecRef(copy)
    result = ask(ROOTS[ON_LEAF], work[4], work[6], leaf, grad)
    Py_DecRef(grad)
    if result == 0:
        return 0
    Py_DecRef(result)
    return 1


def simple_leaf(work, leaf, grad):
    """Whether a leaf without hooks gets its first gradient, or one more that is too small for the GIL to be let go."""
    if (
        (work[3] & CREATE) != 0
        or work[4] != ROOTS[NONE]
        or (leaf + ROOTS[AT_EXTRA])[0] != ROOTS[NONE]
        or is_tensor(grad) == 0
    ):
        return 0
    layout = (leaf + ROOTS[AT_LAYOUT])[0]
    have = (leaf + ROOTS[AT_GRAD])[0]
    if have == ROOTS[NONE]:
        return (layout + ROOTS[LAYOUT_DENSE])[0] == ROOTS[TRUE]
    return is_tensor(have) and PyLong_AsLongLong((layout + ROOTS[LAYOUT_NUMEL])[0]) < LONG_ACCUMULATION


def nobody_else(grad):
    """Whether a gradient and all of its memory belong to the caller alone."""
    storage = (grad + ROOTS[AT_STORAGE])[0]
    if load32(grad) != 1 or load32(storage) != 1 or (grad + ROOTS[AT_NEEDS])[0] == ROOTS[TRUE]:
        return 0
    layout = (grad + ROOTS[AT_LAYOUT])[0]
    return storage[5] == 0 and storage[3] == PyLong_AsLongLong((layout + ROOTS[LAYOUT_NBYTES])[0])


def next_sequence(module, arg):
    """Python: next_sequence(None): the number of the next node that Python makes."""
    ROOTS[SEQUENCE] = ROOTS[SEQUENCE] + 1
    return PyLong_FromLongLong(ROOTS[SEQUENCE])
