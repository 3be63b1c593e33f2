"""What a student learns from teachers: the terms, who speaks, and how much each term weighs when."""
