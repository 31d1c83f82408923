"""`replay`: the operator's decisions made again, from its own record or from what Prometheus remembers."""

import argparse

from modelrollout.cli import arguments, replay_range, replay_recording
from modelrollout.cli.arguments import Commands, add_command, add_output, add_scrape_interval, existing_file


def add_parser(commands: Commands) -> None:
    parser = add_command(
        commands, "replay", replay, "Make recorded decisions again, or judge a range of Prometheus' history."
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--recording", type=existing_file, metavar="FILE", help="a file of the operator's --record-dir")
    source.add_argument("--prometheus", metavar="URL", help="where the history is, e.g. http://localhost:9090")
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--manifest", type=existing_file, metavar="FILE", help="decide by the gates, strategy and risk of this one"
    )
    other.add_argument(
        "--gates", type=existing_file, metavar="FILE", help="decide by these gates (YAML list) and else as recorded"
    )
    history = parser.add_argument_group("with --prometheus, which needs a --manifest")
    history.add_argument("-n", "--namespace", help="of the pods (default: that of the manifest)")
    history.add_argument(
        "--champion-pods",
        metavar="REGEX",
        help="names, matched as a whole, of the champion's pods, or of those of the manifest's baseline.service",
    )
    history.add_argument("--challenger-pods", metavar="REGEX", help="names of the challenger's pods")
    history.add_argument(
        "--champion-version", metavar="VERSION", help="of the champion's Bento, for gates with a cohortLabel, e.g. v1"
    )
    history.add_argument(
        "--from",
        dest="since",
        type=arguments.moment,
        metavar="TIME",
        help="when the challenger got its first weight: 2026-11-24T15:00:00Z, or 2h for two hours ago",
    )
    history.add_argument("--to", dest="until", type=arguments.moment, default="now", metavar="TIME", help="(now)")
    history.add_argument("--bearer-token-file", type=existing_file, metavar="FILE", help="to log in to Prometheus")
    history.add_argument("--ca-file", type=existing_file, metavar="FILE", help="certificate authority of Prometheus")
    add_scrape_interval(parser)
    add_output(parser)


def replay(options: argparse.Namespace) -> int:
    return replay_range.run(options) if options.prometheus else replay_recording.run(options)
