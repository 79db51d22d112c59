"""The ``skhrmel`` command: parsing, dispatch and exit status."""

import argparse
import atexit
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

import skhrmel
from skhrmel._terminal import printable

#: Exit status after Ctrl-C, as shells give it.
EXIT_INTERRUPTED = 130

_EPILOG = """\
examples:
  skhrmel report my-track.mp3             hear and see HR-Mel beside log-mel
  skhrmel ablate ~/music                  the HR-Mel paper's tables for your music
  skhrmel optimize ~/music                the bands and bins that fit it best
  skhrmel extract ~/music --out features  features of every file in a folder

`skhrmel COMMAND --help` has more examples, and every option with its default.

exit status:
  0    all done
  1    something was skipped or failed; the output says what
  2    wrong usage
  130  interrupted
"""


class _Parser(argparse.ArgumentParser):
    """Parser whose errors are a line, for the usage of some commands fills a screen."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where to read on.

        Parameters
        ----------
        message : str
            What is wrong.
        """
        self.exit(2, f"{self.prog}: {printable(message)} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of the command and its subcommands.

    Returns
    -------
    parser : argparse.ArgumentParser
        Parsed arguments have a function `run` that takes them and gives the exit
        status.
    """
    # Here and not above: this takes seconds, and `main` answers Ctrl-C meanwhile.
    from skhrmel import (
        _ablate_command,
        _extract_command,
        _optimize_command,
        _report_command,
    )

    parser = _Parser(
        prog="skhrmel",
        description=skhrmel.__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=skhrmel.__version__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _ablate_command.add_parser(subparsers)
    _extract_command.add_parser(subparsers)
    _optimize_command.add_parser(subparsers)
    _report_command.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        Arguments; None takes those of the process.

    Returns
    -------
    status : int
        0 all done, 1 something was skipped or failed, 130 interrupted.

    Raises
    ------
    SystemExit
        With status 2 for wrong usage, as argparse does.
    """
    # A terminal that cannot show "±" gets a question mark and not a traceback.
    # What replaces standard output in a notebook need not be able to.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    atexit.unregister(_await_feeders)
    atexit.register(_await_feeders)
    try:
        # Extension modules that are interrupted while they are imported report that
        # they are broken, so KeyboardInterrupt must wait. Nothing needs tidying yet.
        handler = signal.signal(signal.SIGINT, _leave_at_once)
        parser = build_parser()
        signal.signal(signal.SIGINT, handler)
        args = parser.parse_args(argv)
        status = int(args.run(args))
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except OSError as error:
        # The reader, `head` for instance, has seen enough; or the disk is full.
        if not isinstance(error, BrokenPipeError):
            print(f"skhrmel: {error}", file=sys.stderr)
        # Python would fail again when it closes the stream, so it is pointed elsewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _leave_at_once(*_: object) -> NoReturn:
    os.write(sys.stderr.fileno(), b"interrupted\n")
    os._exit(EXIT_INTERRUPTED)


def _await_feeders() -> None:
    """Let threads that fed joblib's workers give back their semaphores.

    Python ends them wherever they are, and where that is between removing a semaphore
    and saying so, a warning of a leak follows.
    """
    for thread in threading.enumerate():
        if thread.name == "QueueFeederThread":
            thread.join(timeout=5)
