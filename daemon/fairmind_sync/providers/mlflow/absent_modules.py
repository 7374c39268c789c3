"""Makes MLflow's package quicker: Python remembers that Databricks' modules aren't installed, for which it
looks before each request.

MLflow's client asks whether it runs inside Databricks by importing Databricks' modules. Where they aren't
installed, Python searches all of its path each time: two fifths of a request's processor time, measured.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

_OF_DATABRICKS = ("dbruntime", "IPython", "pyspark")


def remember() -> None:
    """Has further imports of those that aren't installed fail at once, as they would in the end."""
    for name in _OF_DATABRICKS:
        if name not in sys.modules and find_spec(name) is None:
            sys.modules[name] = None  # type: ignore[assignment]  # the import system's own way
