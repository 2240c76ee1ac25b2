"""Ends a process whose loop does not come round any more; its group starts it again.

A loop that hangs, in a library or on a disk that does not answer, listens to nobody any longer, so
that nothing else would end it.
"""

import faulthandler


def expect_within(seconds: float) -> None:
    """End the process after so long unless this, or `expect_no_more`, is called before.

    What its threads were doing goes to standard error: places in the code, no values.
    """
    faulthandler.dump_traceback_later(seconds, exit=True)


def expect_no_more() -> None:
    """Let the process go on for as long as it likes; safe to repeat."""
    faulthandler.cancel_dump_traceback_later()
