"""Mutation runs: what the unit tests of a package would not notice."""
