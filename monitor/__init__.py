"""Watches who mints tokens: sign-in and key vault logs in, true incidents out."""

__version__ = "0.1.0"
