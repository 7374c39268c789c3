"""The status page: what an operator needs, and the results that people came for."""
