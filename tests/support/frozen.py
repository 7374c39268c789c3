"""The last import of the process that tests' processes are forked from.

The garbage collector then leaves alone all that was imported, so forked processes go on sharing that memory.
"""

import gc

gc.collect()
gc.freeze()
