"""A process that forks workers which have everything imported.

Importing scikit-learn and loading compiled code takes seconds, a fork milliseconds. So
a clip that crashes its worker or has it ended costs no more than itself.

Forking is safe here, because this process never has a second thread.
"""

import os
import signal
import socket
import sys
from contextlib import suppress

import numpy as np

from skhrmel import _worker
from skhrmel._front_end import AudioFrontEnd

# Nobody wants a worker for so long: the run is over, or all its workers do well.
_IDLE_SECONDS = 300.0


def main() -> None:
    """Fork a worker for each message, until nobody can send any."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    requests.settimeout(_IDLE_SECONDS)
    # Loads compiled code, or compiles it.
    AudioFrontEnd().fit([]).transform([np.zeros(8192, dtype=np.float32)])
    # Nobody asks how a keeper ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with suppress(TimeoutError):
        while True:
            message, descriptors, _, _ = socket.recv_fds(requests, 16, 4)
            if not message:
                return
            if os.fork() == 0:
                requests.close()
                _keep(*descriptors)
            for descriptor in descriptors:
                os.close(descriptor)


def _keep(requests: int, answers: int, words: int, status: int) -> None:
    """Fork one worker, tell who it is and, when it ends, how."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    worker = os.fork()
    if worker == 0:
        os.close(status)
        for number, descriptor in enumerate((requests, answers, words)):
            os.dup2(descriptor, number)
            os.close(descriptor)
        _worker.main()
        os._exit(0)
    for descriptor in (requests, answers, words):
        os.close(descriptor)
    # Whoever started it may be gone.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with suppress(BrokenPipeError):
        os.write(status, b"%d\n" % worker)
        code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
        os.write(status, b"%d\n" % code)
    os._exit(0)


if __name__ == "__main__":
    main()
