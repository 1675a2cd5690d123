"""Reframe: a local-first watch-folder daemon for captions and everything made from them."""

__version__ = "0.1.0"
