"""Before and after, heard and seen: a child process plays, the window shows and commands it."""
