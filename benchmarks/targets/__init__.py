"""`python -m benchmarks targets`: the student against its aims, on the test set, in one run with its peers."""
