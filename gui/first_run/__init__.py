"""The guide of the first start: microphone, level, call program, and a check that all of it works."""
