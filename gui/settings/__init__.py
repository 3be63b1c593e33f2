"""The Settings page: profiles, devices, how the window starts and looks; each change holds at once."""
