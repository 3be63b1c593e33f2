"""Where the student is weak, looked for on the validation set: speech it loses, noise it leaves, inputs it dislikes."""
