"""Last file of Locust's ``-f`` list: starts the operator's side of a run.

It only finds its neighbours and hands over, because Locust may execute a
locustfile more than once while the modules it imports run exactly once.
"""

from __future__ import annotations

import os
import sys

# A worker started with `-f -` gets this file from the master, away from its neighbours.
_MOUNT = "/lotest/operator"


def _start() -> None:
    own = [os.path.dirname(os.path.abspath(__file__)), _MOUNT]
    sys.path.extend(own)
    try:
        import locust_operator_runtime

        locust_operator_runtime.start()
    except Exception as error:
        sys.stderr.write(f"locust-operator: the plugin could not be loaded, the test goes on without it: {error!r}\n")
    finally:
        for directory in own:
            # the last one: Locust put its own copy in front and takes it away by position
            del sys.path[len(sys.path) - 1 - sys.path[::-1].index(directory)]


_start()
