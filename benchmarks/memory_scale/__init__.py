"""Memory at ten thousand passages and more: taking in, search, space, sync of a few changes, removal."""

from flowmatik.kernel.products import one_thread_a_product

one_thread_a_product()  # as the program itself, before NumPy is loaded
