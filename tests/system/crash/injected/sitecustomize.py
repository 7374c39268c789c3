"""Python imports this at its start, in each process that has this folder on its PYTHONPATH."""

import injection  # type: ignore[import-not-found]  # it is beside this file

injection.set_up()
