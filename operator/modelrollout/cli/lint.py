"""`lint`: what the API server would say to a manifest, without one."""

import argparse
from dataclasses import asdict

from modelrollout.cli.arguments import Commands, add_command, add_output, existing_file
from modelrollout.cli.console import ExitCode, print_json
from modelrollout.offline.manifests import check


def add_parser(commands: Commands) -> None:
    parser = add_command(commands, "lint", lint, "Check manifests as the API server and the operator would.")
    parser.add_argument("files", nargs="+", type=existing_file, metavar="FILE", help="YAML file; - for standard input")
    add_output(parser)


def lint(options: argparse.Namespace) -> int:
    findings = [finding for path in options.files for finding in check(str(path), path.read_bytes()).findings]
    if options.output == "json":
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print(finding)
    return ExitCode.FAILED if findings else ExitCode.OK
