"""What `enhancer doctor` looks at: one module for each kind of question, and what becomes of the answers."""
