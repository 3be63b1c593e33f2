"""The one place that holds the version: hatch, `enhancer --version` and the model export read it from here."""

__version__ = "0.1.0"
