"""Measures of speech quality; needs the extra `eval`."""
