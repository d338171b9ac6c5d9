"""Notifiers: each takes a message to people in its own way. Text in a message is hostile; every renderer escapes it."""
