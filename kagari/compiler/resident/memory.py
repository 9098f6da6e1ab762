"""Resident code of the memory pool and of storages (the subset of Python that `compiler.native` translates).

A block belongs to a size class: multiples of 64 bytes up to 1 KiB, then four classes to each doubling. A freed block is
put on its class's list, linked through its own first word, and is given out again as it is: already faulted in. All of
it runs under the GIL.

The words before a block's data: [-1] the address the system gave.
"""

from compiler.native import WORDS

HEADS = WORDS(256)
STATS = WORDS(16)
ROOTS = WORDS(64)

# STATS
ALLOCATED = 0
ALLOCATED_PEAK = 1
RESERVED = 2
RESERVED_PEAK = 3
ALLOCATIONS = 4
SYSTEM_ALLOCATIONS = 5
SMALL_LIMIT = 1024
HUGE_PAGE = 2097152

# ROOTS: addresses of Python objects and offsets of slots, written once by the runtime
TENSOR = 0
PARAMETER = 1
NODE = 2
STORAGE = 3
NONE = 4
TRUE = 5
FALSE = 6
ZERO = 7
FLOAT = 8
INT = 9
BOOL = 10
AT_LAYOUT = 11
AT_STORAGE = 12
AT_OFFSET = 13
AT_NEEDS = 14
AT_GRAD_FN = 15
AT_GRAD = 16
AT_BASE = 17
AT_EXTRA = 18
NODE_TAPE = 19
NODE_SAVED = 20
TUPLE = 21
NODE_EDGES = 22
NODE_SEQUENCE = 23
TAPE_BACKWARD = 24
NODE_EXTRA = 25
THREAD = 26
THREAD_ID = 27
MODE = 28
MODE_OF_THREAD = 29
ON_STATUS = 30
ON_NO_MEMORY = 31
SEQUENCE = 32
MADVISE = 33
TAPE_SHAPES = 34
LIST = 35
LAYOUT_NUMEL = 36
LAYOUT_DENSE = 37
LAYOUT_DTYPE = 38
OUTPUT_OF = 40
OUTPUT_NODE = 41
OUTPUT_INDEX = 42
ON_NODE = 43
ON_LEAF = 44
ON_JOIN = 45
ON_EXPLAIN = 46
ADD = 47
ADD_IN_PLACE = 48
UNTRACKED = 49
CLONE = 50
ON_FLUSH = 51
ON_LOST = 52
TRACE = 53
ON_AWAITED = 54
INFERRING = 55
LAYOUT_NBYTES = 39


def size_class(nbytes):
    if nbytes <= SMALL_LIMIT:
        return (nbytes + 63) >> 6
    e = 63 - leading_zeros(nbytes - 1)
    return 16 + ((e - 10) << 2) + (((nbytes - 1) >> (e - 2)) & 3) + 1


def class_bytes(c):
    if c <= 16:
        return c << 6
    e = 10 + ((c - 17) >> 2)
    return (5 + ((c - 17) & 3)) << (e - 2)


def system_block(nbytes):
    align = 64
    if nbytes >= HUGE_PAGE:
        align = HUGE_PAGE
    raw = PyMem_RawMalloc(nbytes + align + 64)
    if raw == 0:
        return 0
    data = (raw + 64 + align - 1) & (0 - align)
    data[-1] = raw
    if nbytes >= HUGE_PAGE and ROOTS[MADVISE] != 0:
        invoke(ROOTS[MADVISE], data, nbytes & (0 - HUGE_PAGE), 14)
    STATS[RESERVED] = STATS[RESERVED] + nbytes
    STATS[SYSTEM_ALLOCATIONS] = STATS[SYSTEM_ALLOCATIONS] + 1
    if STATS[RESERVED] > STATS[RESERVED_PEAK]:
        STATS[RESERVED_PEAK] = STATS[RESERVED]
    return data


def take_block(c):
    size = class_bytes(c)
    block = HEADS[c]
    if block != 0:
        HEADS[c] = block[0]
    else:
        block = system_block(size)
        if block == 0:
            empty_pool()
            block = system_block(size)
            if block == 0:
                return 0
    STATS[ALLOCATED] = STATS[ALLOCATED] + size
    STATS[ALLOCATIONS] = STATS[ALLOCATIONS] + 1
    if STATS[ALLOCATED] > STATS[ALLOCATED_PEAK]:
        STATS[ALLOCATED_PEAK] = STATS[ALLOCATED]
    return block


def give_block(block, c):
    block[0] = HEADS[c]
    HEADS[c] = block
    STATS[ALLOCATED] = STATS[ALLOCATED] - class_bytes(c)


def empty_pool():
    c = 0
    while c < 256:
        block = HEADS[c]
        while block != 0:
            following = block[0]
            PyMem_RawFree(block[-1])
            STATS[RESERVED] = STATS[RESERVED] - class_bytes(c)
            block = following
        HEADS[c] = 0
        c += 1


# A storage is a Python object of these words: 0 count, 1 type, 2 data, 3 nbytes, 4 version, 5 owner, 6 size class,
# 7 the number of the last node that rewrote the history of its views, 8 its slot in the queue, 9 in which capture
# NumPy was shown it. Data is 0 where the contents are yet to be computed: see queue.py. The version of what was made in
# inference mode is below 0.


def new_storage(nbytes):
    c = size_class(nbytes)
    block = 64
    if c != 0:
        block = take_block(c)
        if block == 0:
            return 0
    s = PyType_GenericAlloc(ROOTS[STORAGE], 0)
    if s == 0:
        return 0
    s[2] = block
    s[3] = nbytes
    s[6] = c
    s[4] = birth()
    return s


def storage_dealloc(released):
    s = released
    if s[8] != 0:
        leave_slot(s)
    if s[5] != 0:
        Py_DecRef(s[5])
    else:
        if s[6] > 0 and s[2] != 0:
            give_block(s[2], s[6])
    kind = s[1]
    PyObject_Free(s)
    Py_DecRef(kind)


def allocate_storage(module, arg):
    """Python: allocate(nbytes) -> Storage."""
    nbytes = PyLong_AsLongLong(arg)
    s = 0
    if nbytes < 0:
        if PyErr_Occurred() != 0:
            return 0
    else:
        s = new_storage(nbytes)
    if s == 0:
        args = stack(2)
        args[0] = arg
        return PyObject_Vectorcall(ROOTS[ON_NO_MEMORY], args, 1, 0)
    return s


def empty_cache(module, arg):
    """Python: gives the pooled blocks that nothing uses back to the system."""
    empty_pool()
    return reference(ROOTS[NONE])


def reference(o):
    """Adds a reference; objects that live forever (Python 3.12) keep their count."""
    n = (load32(o) + 1) & 4294967295
    if n != 0:
        store32(o, n)
    return o
