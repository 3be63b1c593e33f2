"""The engine at login: by systemd, launchd or Windows' Task Scheduler, in each case for this user alone."""
