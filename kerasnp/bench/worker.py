"""What runs in a process of its own: `python -m kerasnp.bench.worker measure PEER WORKLOAD EPOCHS`, and the like."""

import json
import sys

from kerasnp.bench import peers


def main(what, peer, *arguments):
    """Do one thing for one implementation."""
    if what == "measure":
        workload, epochs = arguments
        print(json.dumps(peers.measure(peer, workload, int(epochs))))
    elif what == "save":
        peers.save_sample(peer, *arguments)
    elif what == "start":
        peers.first_prediction(peer, *arguments)
    else:
        peers.open_peer(peer)


if __name__ == "__main__":
    main(*sys.argv[1:])
