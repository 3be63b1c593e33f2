"""`python -m training`."""

from training.cli import app

if __name__ == "__main__":  # decoding processes import this module again
    app(prog_name="training")
