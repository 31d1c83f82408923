"""`python -m modelrollout_demo`: the demo from start to end.

CLUSTER says where: `local` (default) is a cluster of our own on this machine, `current` the one of KUBECONFIG, `kind`
one in Docker.
"""

import argparse
import os
import signal
import sys
from types import FrameType

from modelrollout_demo import show
from modelrollout_demo.console import Console, Style
from modelrollout_localcluster import LocalClusterError, Progress
from modelrollout_testkit.checkout import Checkout
from modelrollout_testkit.environment import Environment
from modelrollout_testkit.errors import TestkitError
from modelrollout_testkit.installation import DEMO_NAMESPACE, helm_command, install
from modelrollout_testkit.providers import PROVIDERS, Provider

INTERRUPTED = 130


def main() -> int:
    """Run the demo or remove what it left. Returns the exit code: 0 only if every story came out right."""
    parser = argparse.ArgumentParser(prog="modelrollout_demo", description=__doc__)
    parser.add_argument("--cluster", default=os.environ.get("CLUSTER") or "local", choices=PROVIDERS)
    parser.add_argument("--down", action="store_true", help="remove what an earlier run left")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    try:
        chosen = PROVIDERS[options.cluster](Checkout.here())
        if options.down:
            chosen.remove()
            console.say(f"The demo is gone from the {chosen.title}.")
            return 0
        return _run(chosen, console)
    except (TestkitError, LocalClusterError) as error:
        console.say(f"The demo cannot go on: {error}", Style.BAD)
        return 1


def _run(chosen: Provider, console: Console) -> int:
    progress = Progress()
    try:
        console.heading(f"A real cluster: {chosen.title}")
        with chosen.up(progress) as environment:
            _export(console, environment)
            console.heading("The operator, from its Helm chart")
            console.command(" ".join(helm_command(environment)))
            with progress.stage("install the operator"):
                install(environment)
            problems = show.run(environment, console, progress)
    except KeyboardInterrupt:
        console.say("Interrupted; cleaning up ...")
        chosen.abandon()
        return INTERRUPTED
    console.heading("How long it took")
    for line in progress.table().splitlines():
        console.say(line.strip())
    console.heading("Came out wrong" if problems else "All came out as it should")
    for problem in problems:
        console.say(problem, Style.BAD)
    console.say("Everything is still there. Look around:")
    _export(console, environment)
    console.command(f"kubectl get modelrollouts,deployments,httproutes --namespace={DEMO_NAMESPACE}")
    console.command(f"kubectl describe modelrollout digits --namespace={DEMO_NAMESPACE}")
    console.say("Take it down with: make demo-down, with the same CLUSTER")
    return 1 if problems else 0


def _export(console: Console, environment: Environment) -> None:
    if kubeconfig := environment.kubectl.kubeconfig:
        console.command(f"export KUBECONFIG={kubeconfig}")


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
