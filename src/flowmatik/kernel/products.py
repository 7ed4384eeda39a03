"""How products of vectors are reckoned in a process of Flowmatik."""

import os


def one_thread_a_product() -> None:
    """To be called before NumPy is loaded, for OpenBLAS reads it then. A second thread makes the product of a
    search a third faster, and then spins while the search goes on. Who has set another number keeps it."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
