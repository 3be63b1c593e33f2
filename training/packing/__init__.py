"""Shards: a run's data in files small enough to travel to another machine, each of them a usable part on its own."""
