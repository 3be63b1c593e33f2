"""The shipped student fitted to one room and voice."""
