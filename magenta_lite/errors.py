"""The one base class of errors that a user of the package can mend."""


class UserError(Exception):
    """A problem in the user's input, not in the program.

    The message is one line that says what is wrong, where, and what to do.
    Commands print it and exit with status 1; it never shows a traceback.
    """
