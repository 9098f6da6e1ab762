"""Resident code that puts samples into a batch: their arrays, tensors and numbers into rows, all else into lists.

The words of a batch: 0 its columns, 1 the type of a sample (0: the sample is the value of the one column), 2 samples
in it, 3 samples that it has room for, 4 whether no sample is left, 5 where in a tuple its items begin, 6 `tuple`,
7 `list`, 8 `None`, 9 `True`; offsets of the slots of a tensor: 10 layout, 11 storage, 12 offset, 13 whether it wants a
gradient. Columns of 8 words each follow at 16: 0 the form of its values, 1 the rows, or the list of objects, 2 bytes of
a row, 3 the type of a value, 4 the description of an array's elements, or a tensor's layout, 5 dimensions, 6 -> sizes,
7 the key in a dictionary.
"""

OBJECTS = 0
ARRAYS = 1
TENSORS = 2
INTEGERS = 3
FLOATS = 4


def value_of(batch, sample, number):
    kind = batch[1]
    if kind == 0:
        return sample
    if kind == batch[6]:
        return (sample + batch[5])[number]
    if kind == batch[7]:
        return sample[3][number]
    return PyDict_GetItem(sample, (batch + 128 + (number << 6))[7])


def array_fits(column, value):
    dims = load32(value + 24)
    if value[7] != column[4] or dims != column[5] or (load32(value + 64) & 1) == 0:
        return 0
    sizes = column[6]
    d = 0
    while d < dims:
        if value[4][d] != sizes[d]:
            return 0
        d += 1
    return 1


def put_tensor(batch, column, value, row):
    storage = (value + batch[11])[0]
    if (value + batch[10])[0] != column[4] or (value + batch[13])[0] == batch[9]:
        return 0
    if storage[2] == 0 or storage[8] != 0:
        return 0
    memcpy(row, storage[2] + PyLong_AsLongLong((value + batch[12])[0]), column[2])
    return 1


def put_value(batch, column, value):
    form = column[0]
    if value == 0:
        return 0
    if form == OBJECTS:
        return 1
    if value[1] != column[3]:
        return 0
    row = column[1] + batch[2] * column[2]
    if form == ARRAYS:
        if array_fits(column, value) == 0:
            return 0
        memcpy(row, value[2], column[2])
        return 1
    if form == TENSORS:
        return put_tensor(batch, column, value, row)
    if form == FLOATS:
        row[0] = value[2]
        return 1
    overflow = stack(1)
    overflow[0] = 0
    row[0] = PyLong_AsLongLongAndOverflow(value, overflow)
    return load32(overflow) == 0


def put_sample(batch, sample):
    """1 where it fits, 0 where it does not: nothing is changed then; -1 after an error."""
    kind = batch[1]
    count = batch[0]
    if batch[2] == batch[3] or (kind != 0 and sample[1] != kind):
        return 0
    if (kind == batch[6] or kind == batch[7]) and sample[2] != count:
        return 0
    k = 0
    while k < count:
        if put_value(batch, batch + 128 + (k << 6), value_of(batch, sample, k)) == 0:
            return 0
        k += 1
    k = 0
    while k < count:
        column = batch + 128 + (k << 6)
        if column[0] == OBJECTS:
            if PyList_Append(column[1], value_of(batch, sample, k)) != 0:
                return -1
        k += 1
    batch[2] = batch[2] + 1
    return 1


def put_rows(module, args, nargs):
    """Python: put_rows(address of the batch, iterator): puts samples until there are no more, or one does not fit.

    Returns that one, and None at the end.
    """
    batch = PyLong_AsLongLong(args[0])
    while 1:
        sample = PyIter_Next(args[1])
        if sample == 0:
            if PyErr_Occurred() != 0:
                return 0
            batch[4] = 1
            Py_IncRef(batch[8])
            return batch[8]
        fits = put_sample(batch, sample)
        if fits == 0:
            return sample
        Py_DecRef(sample)
        if fits < 0:
            return 0
