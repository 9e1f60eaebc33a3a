"""What a process needs once before it trains: one BLAS thread, and memory that is mapped and stays so."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

BLAS_THREADS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def limit_blas_threads() -> None:
    """Set the environment so that a BLAS loaded later runs on one thread; call before NumPy loads."""
    for name in BLAS_THREADS:
        os.environ[name] = "1"


@contextmanager
def children_on_one_blas_thread() -> Iterator[None]:
    """Give the processes that are started meanwhile an environment in which BLAS runs on one thread.

    A child reads it when it loads NumPy, which is before any of our code runs there.
    """
    before = {name: os.environ.get(name) for name in BLAS_THREADS}
    limit_blas_threads()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run on one BLAS thread, also where a host process loaded NumPy with more.

    OpenBLAS gives other bits on two threads than on one, and a trial's numbers must not depend on the
    machine's cores.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> Any:
    import threadpoolctl

    return threadpoolctl.ThreadpoolController()


@cache
def keep_memory_mapped() -> bool:
    """Tell glibc's malloc to keep freed memory instead of handing it back; once per process.

    By default every temporary array over 128 KiB is mapped and unmapped anew, and the page faults cost
    more than the arithmetic. Returns False where the C library has no mallopt; nothing is lost there
    but time.
    """
    m_trim_threshold, m_mmap_threshold = -1, -3  # malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    most = 32 << 20  # glibc refuses a larger threshold
    return bool(mallopt(m_mmap_threshold, most)) and bool(mallopt(m_trim_threshold, (1 << 31) - 1))


@cache
def prepare_process() -> None:
    """Make this process fit for training; the first call does it, later ones cost nothing.

    OpenBLAS packs matrices into a buffer of its own, of which small products only ever touch a corner, and
    prefetches beyond it. Where those pages were never touched, each prefetch walks the page tables in vain:
    on a virtual machine (AMD EPYC, OpenBLAS 0.3.31) 32 x 32 products took 7.9 us, and 2.7 us after one
    product of 512 x 512, which takes 20 ms. No result depends on it.
    """
    import numpy as np

    keep_memory_mapped()
    # What is loaded by now stays. The collector would go through it again and again: 130 ms each time, in
    # which a stack of small networks trains.
    gc.freeze()
    with one_blas_thread():
        np.matmul(np.ones((512, 512)), np.ones((512, 512)))
