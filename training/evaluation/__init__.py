"""`training evaluate`: many systems on the fixed sets or on pairs of files, and what the scores say together."""
