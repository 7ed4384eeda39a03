"""The first thing that runs inside of a sandbox: it takes the limits on, then becomes the program.

Not imported by Flowmatik: its text goes into the sandbox. The limit on processes has to be taken on here,
for it counts those of the sandbox alone only from inside of its user namespace (user_namespaces(7)).
"""

import os
import resource
import sys


def main() -> None:
    cpu, memory, processes, file_bytes = (int(given) for given in sys.argv[1:5])
    limits = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, 128),
        (resource.RLIMIT_NPROC, processes),
    )
    for kind, most in limits:
        resource.setrlimit(kind, (most, most))
    os.execv(sys.argv[5], sys.argv[5:])


main()
