"""The subcommands of `training`, one module a group: options and help here, the work elsewhere."""
