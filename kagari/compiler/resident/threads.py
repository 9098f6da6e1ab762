"""Resident code of the thread pool.

One job at a time, in words of `JOB`. Whoever submits works too, and waits only for the workers that joined. A second
submitter (another Python thread, or a kernel inside a kernel) finds the pool busy and runs its range alone. Workers
wait in native code without the GIL: they spin for a while, then sleep on a lock of their own.

STATE packs the job's number, an open bit and the count of workers that joined; one compare-and-swap joins, one closes.
"""

from compiler.native import WORDS

JOB = WORDS(128)
LOCKS = WORDS(64)
ASLEEP = WORDS(512)

BUSY = 0
STATE = 16
NEXT = 32
DONE = 48
FUNCTION = 64
BUFS = 65
OPS = 66
SCALARS = 67
TOTAL = 68
GRAIN = 69
STATUS = 70
WORKERS = 80
SPINS = 81
OPEN = 128


def share(worker):
    f = JOB[FUNCTION]
    total = JOB[TOTAL]
    grain = JOB[GRAIN]
    begin = atomic_add(JOB + NEXT * 8, grain)
    while begin < total:
        end = begin + grain
        if end > total:
            end = total
        invoke(f, JOB[BUFS], JOB[OPS], JOB[SCALARS], begin, end, worker, JOB[STATUS])
        begin = atomic_add(JOB + NEXT * 8, grain)


def wake(workers):
    w = 1
    while w <= workers:
        if ASLEEP[w * 8] != 0:
            if swap_if(ASLEEP + w * 64, 1, 0):
                PyThread_release_lock(LOCKS[w])
        w += 1


def launch(f, bufs, ops, scalars, total, grain, status):
    if total <= 0:
        return 0
    if total <= grain or JOB[WORKERS] == 0 or swap_if(JOB + BUSY * 8, 0, 1) == 0:
        invoke(f, bufs, ops, scalars, 0, total, 0, status)
        return 0
    JOB[FUNCTION] = f
    JOB[BUFS] = bufs
    JOB[OPS] = ops
    JOB[SCALARS] = scalars
    JOB[TOTAL] = total
    JOB[GRAIN] = grain
    JOB[STATUS] = status
    atomic_store(JOB + NEXT * 8, 0)
    atomic_store(JOB + DONE * 8, 0)
    state = atomic_load(JOB + STATE * 8)
    atomic_store(JOB + STATE * 8, (((state >> 8) + 1) << 8) | OPEN)
    wake(JOB[WORKERS])
    share(0)
    state = atomic_load(JOB + STATE * 8)
    while swap_if(JOB + STATE * 8, state, state & -129) == 0:
        state = atomic_load(JOB + STATE * 8)
    joined = state & 127
    while atomic_load(JOB + DONE * 8) < joined:
        relax()
    atomic_store(JOB + BUSY * 8, 0)
    return 0


def worker_loop(worker):
    last = 0
    spins = 0
    while 1:
        state = atomic_load(JOB + STATE * 8)
        if (state & OPEN) != 0 and (state >> 8) != last and worker <= JOB[WORKERS]:
            if swap_if(JOB + STATE * 8, state, state + 1):
                last = state >> 8
                share(worker)
                atomic_add(JOB + DONE * 8, 1)
                spins = 0
            continue
        relax()
        spins += 1
        if spins > JOB[SPINS]:
            spins = 0
            atomic_store(ASLEEP + worker * 64, 1)
            state = atomic_load(JOB + STATE * 8)
            if (state & OPEN) != 0 and (state >> 8) != last:
                if swap_if(ASLEEP + worker * 64, 1, 0):
                    continue
            PyThread_acquire_lock(LOCKS[worker], 1)


def run_worker(module, arg):
    """Python: the body of a worker thread; never returns."""
    worker = PyLong_AsLongLong(arg)
    PyEval_SaveThread()
    worker_loop(worker)
