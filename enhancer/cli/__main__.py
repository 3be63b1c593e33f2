"""`python -m enhancer.cli` is the command `enhancer`."""

from enhancer.cli.app import main

if __name__ == "__main__":
    main()
