"""Resident code of the dispatcher that deals with deferred execution: whether calls are noted, and storages whose
memory is yet to come. What notes calls and runs them is in queue.py, and loaded with the first capture.

LATER: the addresses of the functions there that are called from here.
"""

from compiler.native import WORDS

QUEUE = WORDS(16)
LATER = WORDS(8)

# QUEUE
OWNER = 0
ENTRIES = 1
WORDS_USED = 2
SLOTS = 3
SLOT_COUNT = 4
NUMBERS = 5
NUMBER_COUNT = 6
RUNNING = 7
CALLS = 8
ALIVE = 9
HELD = 10
LAST = 11
TRUSTED = 12
EPOCH = 13
SLOT_BYTES = 40

# Why the queue is run
READ = 0
FULL = 1
ENDED = 2
SHARED = 3


def capturing():
    """Whether the calling thread's calls are noted: not while it runs the queue."""
    if QUEUE[OWNER] == 0:
        return 0
    me = PyThreadState_Get()
    return QUEUE[OWNER] == me and QUEUE[RUNNING] != me


def wait():
    """Waits while another thread runs the queue."""
    me = PyThreadState_Get()
    while QUEUE[RUNNING] != 0 and QUEUE[RUNNING] != me:
        thread = PyEval_SaveThread()
        PyEval_RestoreThread(thread)


def settle(s):
    """Gives a storage that the queue works on the contents it would have by now. 0 where Python raised."""
    wait()
    if s[8] != 0 and flush(READ) == 0:
        return 0
    if s[2] == 0:
        return PyObject_Vectorcall(ROOTS[ON_LOST], 0, 0, 0)
    return 1


def storage_address(holder, closure):
    """Python: Storage.data_ptr."""
    if holder[2] == 0 or holder[8] != 0:
        if settle(holder) == 0:
            return 0
    return PyLong_FromLongLong(holder[2])


def leave_slot(s):
    """Notes that a pending storage is gone."""
    (QUEUE[SLOTS] + (s[8] - 1) * SLOT_BYTES)[0] = 0
