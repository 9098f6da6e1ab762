"""What runs beside the kernels: loaded code, storages, threads, the kernel store, random generators."""

from ..base.later import postpone

postpone(__name__, "linker", "store")
