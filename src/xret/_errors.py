"""The one exception that means: the person at the keyboard can mend this."""


class UserError(ValueError):
    """A mistake in a command line, a config or a data file.

    The message is one line that says what must hold, what came and what to do. The command line prints it without a
    traceback and exits with code 2.
    """
