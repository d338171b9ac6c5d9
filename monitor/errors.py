"""The tree of errors mintwatch raises on purpose.

Adapters translate what libraries raise into these; nothing above an adapter sees an azure, slack, duckdb or OS error.
"""

from datetime import timedelta


class MintwatchError(Exception):
    """Something mintwatch can name. The message says where, what, and what was expected."""


class InputError(MintwatchError):
    """What a person gave us is wrong: a folder, a file, a rule, a setting. Exit code 2."""


class RuleError(InputError):
    """A rule file that cannot be used; holds every mistake found, one per line, each with file and line."""


class QueryError(InputError):
    """KQL that does not parse, bind, or run on the tables it was given."""


class FrameError(MintwatchError):
    """A frame that does not have the columns or types its schema promises: a defect of ours or of a plugin."""


class TransientError(MintwatchError):
    """It may work next time: the watermark stays where it was."""


class LaterError(TransientError):
    """It was not done, and may be tried again `after` that long, not before."""

    def __init__(self, message: str, after: timedelta) -> None:
        super().__init__(message)
        self.after = after


class StoppedError(TransientError):
    """It was not done, or not to its end, because we were told to stop: nobody's failure."""


class UnsureError(TransientError):
    """Nobody can say whether it was done: find out before it is tried again."""


class PermanentError(MintwatchError):
    """It will not work until a person changes something."""


class TooLargeError(TransientError):
    """An answer that did not fit, came in part or took too long: a smaller question may be answered whole."""


class AbsentError(PermanentError):
    """A table that is not there for us: no row ever arrived in it, or we may not read it. Absent is not zero."""


class StateError(PermanentError):
    """The state directory cannot be used: another daemon has it, or it was written by a newer mintwatch."""
