"""Resident code of deferred execution: operator calls that are noted instead of run, and run together later.

While a thread captures, `execute` makes a call's results, versions and place on the tape as ever, but no memory and no
launch: the call becomes an entry of the queue, and its new storages are *pending*, their data 0. Whoever wants the
memory of a pending storage has the queue run first (`settle`).

A *slot* is a storage that entries of the queue read or write. Its record: 0 the storage, or 0 where a pending one is
gone, 1 data while the queue runs, 2 nbytes, 3 whether it had memory before, and is held, 4 the offset of its first use,
which the offsets in entries count from. A storage knows its slot (word 8, 0 for none, else one more).

An entry: plan, state, number of arguments, then slot and byte offset of each input and each output. All of it is
structure: equal words are the same computation. The numbers among the arguments lie apart, in NUMBERS.

A SEGMENT says how to run a queue: 0 steps, 1 -> records, 2 the most buffers of a step, 3 -> where the nanoseconds of
each step go, or 0, 4 the clock for that, 5 the words of the entries that it is for, 6 their number, 7 the number of its
slots, 8 -> for each slot what `look_at_slots` wrote, 9 the segment that ran next the last time, 10 its runs that Python
did not see. Step record: 0 plan, 1 state,
2 -> slot and offset of each input, 3 -> the same of each output, 4 where the step's numbers begin in NUMBERS, or -1,
5 -> then the places of its numbers there, after their count, 6 slots to free afterwards, 7 -> their numbers.

A RECORDING is a segment to be run on other tensors: 0 the segment, 1 slots, 2 -> their records, 3 results, 4 -> their
records, 5 numbers, 6 -> the numbers. Slot record: the argument that it is memory of, or -1, the byte that the offsets
count from, from the argument's first one, nbytes. Result record: slot, layout, byte offset, nbytes of the slot, the
result before that is memory of the same slot, or -1.

A module of its own, for those that capture: pending.py has what the dispatcher needs to know of it.
"""

MAX_ENTRY_WORDS = 131072
MAX_SLOTS = 32768
MAX_NUMBERS = 65536
STEP_BYTES = 64


def capture(module, arg):
    """Python: capture(trusted): has this thread's calls noted. Returns whether it was done.

    `trusted` says that native code may run a queue that it knows without asking Python.
    """
    if QUEUE[OWNER] != 0 or QUEUE[RUNNING] != 0:
        return reference(ROOTS[FALSE])
    if QUEUE[ENTRIES] == 0:
        block = PyMem_RawMalloc((MAX_ENTRY_WORDS + MAX_SLOTS + MAX_NUMBERS) * 8 + MAX_SLOTS * SLOT_BYTES)
        if block == 0:
            return reference(ROOTS[FALSE])
        QUEUE[ENTRIES] = block
        QUEUE[NUMBERS] = block + MAX_ENTRY_WORDS * 8
        QUEUE[ALIVE] = QUEUE[NUMBERS] + MAX_NUMBERS * 8
        QUEUE[SLOTS] = QUEUE[ALIVE] + MAX_SLOTS * 8
    QUEUE[EPOCH] = QUEUE[EPOCH] + 1
    QUEUE[OWNER] = PyThreadState_Get()
    QUEUE[TRUSTED] = arg == ROOTS[TRUE]
    return reference(ROOTS[TRUE])


def release(module, arg):
    """Python: release(reason): runs what was noted, and has calls run at once again."""
    fine = flush(PyLong_AsLongLong(arg))
    if QUEUE[OWNER] == PyThreadState_Get():
        QUEUE[OWNER] = 0
    if fine == 0:
        return 0
    return reference(ROOTS[NONE])


def discard(module, arg):
    """Python: discard(None): forgets what was noted, and has calls run at once again."""
    clear()
    QUEUE[OWNER] = 0
    return reference(ROOTS[NONE])


def flush(reason):
    """Runs the queue. 0 where Python raised."""
    wait()
    if QUEUE[CALLS] == 0 or QUEUE[RUNNING] != 0:
        return 1
    QUEUE[RUNNING] = PyThreadState_Get()
    if QUEUE[TRUSTED] != 0 and QUEUE[LAST] != 0:
        expected = (QUEUE[LAST])[9]
        if expected != 0 and fits(expected):
            expected[10] = expected[10] + 1
            QUEUE[LAST] = expected
            return done(run_steps(expected))
    number = PyLong_FromLongLong(reason)
    args = stack(1)
    args[0] = number
    result = PyObject_Vectorcall(ROOTS[ON_FLUSH], args, 1, 0)
    Py_DecRef(number)
    return done(result)


def done(result):
    """Ends a run. 0 where it raised."""
    if QUEUE[CALLS] != 0:
        clear()
    QUEUE[RUNNING] = 0
    if result == 0:
        return 0
    Py_DecRef(result)
    return 1


def fits(segment):
    """Whether a segment is for the very queue."""
    words = QUEUE[WORDS_USED]
    count = QUEUE[SLOT_COUNT]
    if segment[6] != words or segment[7] != count:
        return 0
    have = QUEUE[ENTRIES]
    want = segment[5]
    i = 0
    while i < words:
        if have[i] != want[i]:
            return 0
        i += 1
    slot = QUEUE[SLOTS]
    want = segment[8]
    i = 0
    while i < count:
        if (slot[0] != 0) + (slot[3] != 0) != want[i]:
            return 0
        slot = slot + SLOT_BYTES
        i += 1
    return 1


def flush_queue(module, arg):
    """Python: flush_queue(reason): runs what was noted."""
    if flush(PyLong_AsLongLong(arg)) == 0:
        return 0
    return reference(ROOTS[NONE])


# Noting a call


def slot_of(s, offset):
    """The number of a storage's slot."""
    if s[8] != 0:
        return s[8] - 1
    slot = new_slot(s, s[3])
    slot[0] = reference(s)
    slot[3] = 1
    slot[4] = offset
    return s[8] - 1


def new_slot(s, nbytes):
    """The record of another slot, for a pending storage."""
    slot = QUEUE[SLOTS] + QUEUE[SLOT_COUNT] * SLOT_BYTES
    QUEUE[SLOT_COUNT] = QUEUE[SLOT_COUNT] + 1
    s[8] = QUEUE[SLOT_COUNT]
    slot[0] = s
    slot[1] = 0
    slot[2] = nbytes
    slot[3] = 0
    slot[4] = 0
    return slot


def pending_storage(nbytes):
    """A storage whose memory is yet to come. 0 where there is none for the object itself."""
    s = PyType_GenericAlloc(ROOTS[STORAGE], 0)
    if s != 0:
        s[3] = nbytes
        s[4] = birth()
        s[6] = size_class(nbytes)
    return s


def pending_tensor(layout, nbytes):
    """A tensor whose memory is yet to come."""
    s = pending_storage(nbytes)
    if s == 0:
        return 0
    new_slot(s, nbytes)
    return new_tensor(layout, s, reference(ROOTS[ZERO]))


def note(at, t):
    """Writes slot and offset of a tensor."""
    offset = byte_offset(t)
    number = slot_of((t + ROOTS[AT_STORAGE])[0], offset)
    at[0] = number
    at[1] = offset - (QUEUE[SLOTS] + number * SLOT_BYTES)[4]


def defer(plan, args, scalars, state, nargs):
    """Notes a call, and gives its results."""
    n_in = plan[1]
    n_out = plan[3]
    total = n_in + n_out
    few = stack(32)
    dummy = stack(1)
    outs = few
    wait()
    if QUEUE[WORDS_USED] + 3 + 2 * total > MAX_ENTRY_WORDS or QUEUE[SLOT_COUNT] + total > MAX_SLOTS:
        if flush(FULL) == 0:
            return 0
    if QUEUE[NUMBER_COUNT] + nargs > MAX_NUMBERS:
        if flush(FULL) == 0:
            return 0
    positions = plan[2]
    shared = 0
    i = 0
    while i < n_in:
        t = args[positions[i]]
        s = (t + ROOTS[AT_STORAGE])[0]
        if s[2] == 0 and s[8] == 0 and settle(s) == 0:
            return 0
        if (s[9] != 0 and s[9] == QUEUE[EPOCH]) or (s[5] != 0 and t[1] != ROOTS[PARAMETER]):
            shared = 1
        i += 1
    wrong = inferred(plan, args)
    if wrong != 0:
        return fault(wrong, state, plan, args)
    if n_out > 0 and (plan[4])[0] == IN_PLACE and (plan[0] & UNCHECKED) == 0:
        if overlaps(plan, args):
            return fault(4, state, plan, args)
        if unclear(args[(plan[4])[2]]):
            return fault(8, state, plan, args)
    if n_out > STACK_OUTPUTS:
        outs = PyMem_RawMalloc(n_out * 8)
        if outs == 0:
            return no_memory(n_out * 8)
    entry = QUEUE[ENTRIES] + QUEUE[WORDS_USED] * 8
    entry[0] = plan
    entry[1] = state
    entry[2] = nargs
    at = entry + 24
    i = 0
    while i < n_in:
        note(at, args[positions[i]])
        at = at + 16
        i += 1
    record = plan[4]
    i = 0
    while i < n_out:
        if record[0] == FRESH:
            outs[i] = pending_tensor(record[1], record[2])
        else:
            outs[i] = make_output(plan, record, args, dummy)
        note(at, outs[i])
        at = at + 16
        record = record + 32
        i += 1
    values = QUEUE[NUMBERS] + QUEUE[NUMBER_COUNT] * 8
    i = 0
    while i < nargs:
        values[i] = scalars[i]
        i += 1
    QUEUE[NUMBER_COUNT] = QUEUE[NUMBER_COUNT] + nargs
    QUEUE[WORDS_USED] = QUEUE[WORDS_USED] + 3 + 2 * total
    QUEUE[CALLS] = QUEUE[CALLS] + 1
    if (plan[0] & GRADIENT) != 0:
        record_node(plan, args, outs)
    result = deliver(outs, plan[9], n_out)
    if outs != few:
        PyMem_RawFree(outs)
    if shared != 0 and flush(SHARED) == 0:
        Py_DecRef(result)
        return 0
    return result


# Running


def look_at_slots(module, arg):
    """Python: writes for each slot whether it had memory (2), is wanted (1), or is gone (0)."""
    slot = QUEUE[SLOTS]
    alive = QUEUE[ALIVE]
    i = 0
    while i < QUEUE[SLOT_COUNT]:
        alive[i] = (slot[0] != 0) + (slot[3] != 0)
        slot = slot + SLOT_BYTES
        i += 1
    return reference(ROOTS[NONE])


def hold():
    """Holds what is pending and gives all else its address, before the steps run."""
    QUEUE[HELD] = 1
    slot = QUEUE[SLOTS]
    i = 0
    while i < QUEUE[SLOT_COUNT]:
        if slot[3] != 0:
            slot[1] = (slot[0])[2] + slot[4]
        else:
            if slot[0] != 0:
                reference(slot[0])
        slot = slot + SLOT_BYTES
        i += 1


def clear():
    """Empties the queue: pending storages get their memory, where they have some by now."""
    slot = QUEUE[SLOTS]
    count = QUEUE[SLOT_COUNT]
    held = QUEUE[HELD]
    QUEUE[HELD] = 0
    QUEUE[SLOT_COUNT] = 0
    QUEUE[WORDS_USED] = 0
    QUEUE[NUMBER_COUNT] = 0
    QUEUE[CALLS] = 0
    i = 0
    while i < count:
        s = slot[0]
        if s != 0:
            s[8] = 0
            if slot[3] == 0:
                s[2] = slot[1]
        else:
            if slot[1] != 0:
                give_slot(slot)
        slot = slot + SLOT_BYTES
        i += 1
    slot = QUEUE[SLOTS]
    i = 0
    while i < count:
        if slot[0] != 0 and (held or slot[3] != 0):
            Py_DecRef(slot[0])
        slot = slot + SLOT_BYTES
        i += 1


def take_slot(slot):
    """Memory for a slot that is written for the first time. 0 where memory is out."""
    c = size_class(slot[2])
    slot[1] = 64
    if c != 0:
        slot[1] = take_block(c)
    return slot[1]


def give_slot(slot):
    c = size_class(slot[2])
    if c != 0:
        give_block(slot[1], c)
    slot[1] = 0


def addresses(at, bufs, count):
    """The addresses of a step's inputs or outputs. 0 where memory is out."""
    i = 0
    while i < count:
        slot = QUEUE[SLOTS] + at[0] * SLOT_BYTES
        if slot[1] == 0 and take_slot(slot) == 0:
            return 0
        bufs[i] = slot[1] + at[1]
        at = at + 16
        i += 1
    return 1


def run_step(step, bufs, local, gathered, status):
    """Runs one step. 0 where memory is out."""
    plan = step[0]
    n_in = plan[1]
    first = n_in + plan[3]
    if addresses(step[2], bufs, n_in) == 0 or addresses(step[3], bufs + n_in * 8, plan[3]) == 0:
        return 0
    scalars = QUEUE[NUMBERS]
    if step[4] >= 0:
        scalars = scalars + step[4] * 8
    else:
        places = step[5]
        i = 0
        while i < places[0]:
            gathered[i] = scalars[places[i + 1]]
            i += 1
        scalars = gathered
    temps = plan[6]
    i = 0
    while i < plan[5]:
        bufs[first + i] = take_block(size_class(temps[i]))
        if bufs[first + i] == 0:
            give_temps(bufs + first * 8, temps, i)
            return 0
        i += 1
    run_plan(plan, bufs, local, scalars, status)
    give_temps(bufs + first * 8, temps, plan[5])
    i = 0
    while i < step[6]:
        give_slot(QUEUE[SLOTS] + (step[7])[i] * SLOT_BYTES)
        i += 1
    return 1


def spoil(step):
    """Takes the memory of a failed step's results away: nobody may see them."""
    plan = step[0]
    record = plan[4]
    at = step[3]
    i = 0
    while i < plan[3]:
        slot = QUEUE[SLOTS] + at[0] * SLOT_BYTES
        if record[0] == FRESH and slot[1] != 0 and slot[3] == 0:
            give_slot(slot)
        at = at + 16
        record = record + 32
        i += 1


def nanoseconds(segment):
    """The time, where it is asked for."""
    if segment[3] == 0:
        return 0
    return ticks(segment[4])


def run_segment(module, arg):
    """Python: run_segment(address): runs the queue as a segment says, and empties it."""
    QUEUE[LAST] = PyLong_AsLongLong(arg)
    return run_steps(QUEUE[LAST])


def run_steps(segment):
    """Runs the queue as a segment says."""
    count = segment[2]
    status = stack(1)
    status[0] = 0
    block = PyMem_RawMalloc(count * 24)
    if block == 0:
        return no_memory(count * 24)
    hold()
    step = segment[1]
    times = segment[3]
    left = segment[0]
    enough = 1
    while left > 0 and enough != 0 and status[0] == 0:
        begin = nanoseconds(segment)
        enough = run_step(step, block, block + count * 8, block + count * 16, status)
        if times != 0:
            times[0] = nanoseconds(segment) - begin
            times = times + 8
        if status[0] == 0:
            step = step + STEP_BYTES
        else:
            spoil(step)
        left -= 1
    PyMem_RawFree(block)
    clear()
    if enough == 0:
        return no_memory((step[0])[5])
    if status[0] != 0:
        return fault(status[0], step[1], step[0], 0)
    return reference(ROOTS[NONE])


# Recordings


def replay(module, args, nargs):
    """Python: replay(recording, tensor, ...): the results of a recording for these tensors, in a tuple.

    None where others use the queue.
    """
    recording = PyLong_AsLongLong(args[0])
    wait()
    if is_used() or QUEUE[OWNER] == PyThreadState_Get():
        return reference(ROOTS[NONE])
    results = pending_results(recording)
    if results == 0:
        return 0
    if is_used() or have_memory(recording, args + 8) == 0:
        Py_DecRef(results)
        return reference(ROOTS[NONE])
    fill_slots(recording, results, args + 8)
    QUEUE[RUNNING] = PyThreadState_Get()
    fine = run_steps(recording[0])
    QUEUE[RUNNING] = 0
    if fine == 0:
        Py_DecRef(results)
        return 0
    Py_DecRef(fine)
    return results


def pending_results(recording):
    """A tuple of the results, whose memory is yet to come. 0 where there is no memory for the tensors themselves."""
    count = recording[3]
    results = PyTuple_New(count)
    if results == 0:
        return 0
    record = recording[4]
    i = 0
    while i < count:
        s = result_storage(record, results)
        if s == 0:
            Py_DecRef(results)
            return 0
        t = new_tensor(record[1], s, PyLong_FromLongLong(record[2]))
        if t == 0:
            Py_DecRef(results)
            return 0
        results[3 + i] = t
        record = record + 40
        i += 1
    return results


def result_storage(record, results):
    """The storage of a result: that of one before, or a new one. 0 where there is no memory for it."""
    if record[4] >= 0:
        return reference(((results[3 + record[4]]) + ROOTS[AT_STORAGE])[0])
    return pending_storage(record[3])


def is_used():
    """Whether the queue is run, or has calls, or one that is just being noted."""
    return QUEUE[RUNNING] != 0 or QUEUE[CALLS] != 0 or QUEUE[SLOT_COUNT] != 0


def have_memory(recording, args):
    """Whether all arguments have memory."""
    slot = recording[2]
    i = 0
    while i < recording[1]:
        if slot[0] >= 0 and ((args[slot[0]] + ROOTS[AT_STORAGE])[0])[2] == 0:
            return 0
        slot = slot + 24
        i += 1
    return 1


def fill_slots(recording, results, args):
    """Writes the slots of a recording's queue, and its numbers."""
    slot = QUEUE[SLOTS]
    record = recording[2]
    count = recording[1]
    i = 0
    while i < count:
        slot[0] = 0
        slot[1] = 0
        slot[2] = record[2]
        slot[3] = 0
        slot[4] = 0
        if record[0] >= 0:
            t = args[record[0]]
            slot[0] = reference((t + ROOTS[AT_STORAGE])[0])
            slot[3] = 1
            slot[4] = byte_offset(t) + record[1]
        slot = slot + SLOT_BYTES
        record = record + 24
        i += 1
    QUEUE[SLOT_COUNT] = count
    record = recording[4]
    i = 0
    while i < recording[3]:
        slot = QUEUE[SLOTS] + record[0] * SLOT_BYTES
        slot[0] = (results[3 + i] + ROOTS[AT_STORAGE])[0]
        record = record + 40
        i += 1
    numbers = recording[6]
    i = 0
    while i < recording[5]:
        (QUEUE[NUMBERS])[i] = numbers[i]
        i += 1
