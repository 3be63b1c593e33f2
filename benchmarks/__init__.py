"""Measurements and the demo: `python -m benchmarks NAME` prints a table and writes JSON; never part of the tests."""
