"""The Qt monitor: a window onto the live engine, which runs in a process of its own."""
