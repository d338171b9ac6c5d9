"""What the buttons, menus and modals of a message are called: who draws them and who hears of them agree here."""

from __future__ import annotations

from typing import Final

ACKNOWLEDGE: Final = "acknowledge"
"""A button."""
SNOOZE: Final = "snooze"
"""A menu; the value of an option is for how long, such as `4h`."""
MORE: Final = "more"
"""A menu; the value of an option is one of those below, or of `ACKNOWLEDGE`."""
SILENCE: Final = "silence"
FALSE_POSITIVE: Final = "false_positive"
EXPECTED: Final = "expected"
RESOLVE: Final = "resolve"
UNACKNOWLEDGE: Final = "unacknowledge"

SNOOZES: Final = (("1h", "1 hour"), ("4h", "4 hours"), ("24h", "24 hours"))
"""Value and label of what `SNOOZE` offers."""
MENU: Final = (
    (SILENCE, "Silence…"),
    (FALSE_POSITIVE, "False positive…"),
    (EXPECTED, "Expected until…"),
    (RESOLVE, "Resolve"),
)
"""Value and label of what `MORE` offers; of what is acknowledged or snoozed, `UNACKNOWLEDGE` too."""
BACK: Final = (UNACKNOWLEDGE, "Back to open")
COMMAND: Final = "/mintwatch"
