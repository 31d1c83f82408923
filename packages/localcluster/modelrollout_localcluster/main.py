"""The command line: `modelrollout-localcluster`."""

import argparse
import json
import sys
from pathlib import Path

from . import images, tools
from .addons import SCRAPE_INTERVAL_SECONDS
from .builds import CONTROL_PLANE, EVERYTHING, build, tool_path
from .cluster import Cluster
from .errors import LocalClusterError
from .progress import Progress
from .state import cluster_names


def main() -> None:
    """Run one command; a LocalClusterError becomes one line on stderr and exit code 1."""
    arguments = _parser().parse_args()
    try:
        arguments.run(arguments)
    except LocalClusterError as error:
        print(f"modelrollout-localcluster: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _up(arguments: argparse.Namespace) -> None:
    progress = Progress()
    cluster = Cluster(arguments.name, progress)
    cluster.up(arguments.control_plane_only, arguments.scrape_interval)
    print(f"Cluster {cluster.name} is running; KUBECONFIG={cluster.kubeconfig}")
    if not arguments.control_plane_only:
        print(f"Gateway {cluster.gateway_url}, Prometheus {cluster.prometheus_url}")
    _print_times(progress)


def _down(arguments: argparse.Namespace) -> None:
    names = cluster_names() if arguments.all else [arguments.name]
    for name in names:
        Cluster(name).down()
        print(f"Cluster {name} is gone.")


def _status(arguments: argparse.Namespace) -> None:
    status = Cluster(arguments.name).status()
    if arguments.json:
        print(json.dumps(status.as_dict(), indent=2))
    else:
        for key, value in status.as_dict().items():
            print(f"{key}: {value}")
    if status.state != "running":
        sys.exit(1)


def _list(_: argparse.Namespace) -> None:
    for name in cluster_names():
        print(f"{name} {Cluster(name).status().state}")


def _load_image(arguments: argparse.Namespace) -> None:
    cluster = Cluster(arguments.name)
    for archive in arguments.archives:
        cluster.load_image(archive)
        print(f"Loaded {archive} into cluster {arguments.name}.")


def _kubeconfig(arguments: argparse.Namespace) -> None:
    cluster = Cluster(arguments.name)
    if not cluster.kubeconfig.exists():
        raise LocalClusterError(f"Cluster {arguments.name} is not up; make it with: modelrollout-localcluster up")
    print(cluster.kubeconfig)


def _build(arguments: argparse.Namespace) -> None:
    progress = Progress()
    build(CONTROL_PLANE if arguments.control_plane_only else EVERYTHING, progress)
    if not arguments.control_plane_only:
        images.build_all(progress)
    _print_times(progress)


def _print_times(progress: Progress) -> None:
    if progress.stages:
        print(progress.table(), file=sys.stderr)


def _tool(arguments: argparse.Namespace) -> None:
    print(tool_path(arguments.program))


def _dependencies(arguments: argparse.Namespace) -> None:
    if arguments.install:
        tools.install_packages()
    missing = tools.missing_packages()
    print(f"Missing; install with: apt-get install {' '.join(missing)}" if missing else "Nothing is missing.")
    sys.exit(1 if missing else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="modelrollout-localcluster", description="A real local Kubernetes.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--name", default="default", help="name of the cluster")
    scoped = argparse.ArgumentParser(add_help=False)
    scoped.add_argument(
        "--control-plane-only",
        action="store_true",
        help="etcd, API server, controllers and scheduler alone; needs no root",
    )

    up = commands.add_parser("up", parents=[named, scoped], help="bring a cluster up")
    up.add_argument(
        "--scrape-interval",
        type=int,
        default=SCRAPE_INTERVAL_SECONDS,
        metavar="SECONDS",
        help="of Prometheus (default: %(default)s)",
    )
    up.set_defaults(run=_up)
    down = commands.add_parser("down", parents=[named], help="remove a cluster and all it made")
    down.add_argument("--all", action="store_true", help="remove every cluster")
    down.set_defaults(run=_down)
    status = commands.add_parser("status", parents=[named], help="what runs and where to reach it")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=_status)
    listing = commands.add_parser("list", help="names and states of all clusters")
    listing.set_defaults(run=_list)
    load = commands.add_parser("load-image", parents=[named], help="load OCI archives into a cluster")
    load.add_argument("archives", nargs="+", type=Path, metavar="FILE.oci.tar")
    load.set_defaults(run=_load_image)
    kubeconfig = commands.add_parser("kubeconfig", parents=[named], help="print the path of the kubeconfig")
    kubeconfig.set_defaults(run=_kubeconfig)
    building = commands.add_parser("build", parents=[scoped], help="build the programs and images, start nothing")
    building.set_defaults(run=_build)
    tool = commands.add_parser("tool", help="print the path of kubectl, helm, vegeta, ...")
    tool.add_argument("program")
    tool.set_defaults(run=_tool)
    dependencies = commands.add_parser("deps", help="the Debian packages that are missing")
    dependencies.add_argument("--install", action="store_true", help="install them")
    dependencies.set_defaults(run=_dependencies)
    return parser


if __name__ == "__main__":
    main()
