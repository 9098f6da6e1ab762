"""What runs beside the kernels: loaded code, storages, threads, the kernel store, random generators."""
