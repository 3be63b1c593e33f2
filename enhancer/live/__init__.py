"""The live engine: a microphone in, a clean virtual microphone out, in a process of its own (extra `live`)."""
