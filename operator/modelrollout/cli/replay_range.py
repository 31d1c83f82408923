"""`replay --prometheus`: what the gates of a manifest say about a range of the past."""

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import closing

from modelrollout.cli.console import CommandFailed, ExitCode, print_json, table, timestamp
from modelrollout.metrics.prometheus.client import PrometheusClient
from modelrollout.metrics.prometheus.credentials import BearerTokenFile
from modelrollout.offline.ending import Ending
from modelrollout.offline.manifests import read_rollout
from modelrollout.offline.ranges import Judged, arms_of, end_of, ending_of_gates, judge_until_decided
from modelrollout.rollout.settings import Settings

_NEEDED = {"manifest": "--manifest", "champion_pods": "--champion-pods", "challenger_pods": "--challenger-pods"}


def run(options: argparse.Namespace) -> int:
    if missing := [flag for name, flag in {**_NEEDED, "since": "--from"}.items() if not getattr(options, name)]:
        raise CommandFailed(f"--prometheus needs {', '.join(missing)} too")
    judged = asyncio.run(_judge(options))
    interval = options.scrape_interval
    ending = ending_of_gates(judged[-1]) if judged else Ending.UNDECIDED
    if options.output == "json":
        print_json({"ending": ending, "windows": [_for_json(look, interval) for look in judged]})
    elif judged:
        print(verdict_table(judged, interval))
        print(f"\n{_decision(ending, judged[-1])} at {timestamp(end_of(judged[-1], interval))}")
    else:
        print("the range holds no complete scrape window")
    return ExitCode.of(ending)


async def _judge(options: argparse.Namespace) -> list[Judged]:
    rollout = read_rollout(options.manifest)
    namespace = options.namespace or rollout.metadata.namespace
    arms = arms_of(
        rollout.spec, namespace, options.champion_pods, options.challenger_pods, options.champion_version or ""
    )
    try:
        client = PrometheusClient(
            options.prometheus,
            timeout=30,
            verify=str(options.ca_file) if options.ca_file else True,
            auth=BearerTokenFile(options.bearer_token_file) if options.bearer_token_file else None,
        )
    except ValueError as error:
        raise CommandFailed(str(error)) from error
    with closing(client):
        return await judge_until_decided(
            client, rollout.spec, arms, options.since, options.until, Settings(scrape_interval=options.scrape_interval)
        )


def verdict_table(judged: Sequence[Judged], interval: float) -> str:
    """The verdicts at the end of each window, with the shares of bad requests since the start."""
    return table(
        ["WINDOW UNTIL", "GATE", "VERDICT", "CHALLENGER", "REFERENCE", "REQUESTS", "MESSAGE"],
        (
            (
                timestamp(end_of(look, interval)) if first else " ",
                gate.name,
                gate.verdict,
                gate.challenger,
                gate.champion,
                gate.requests,
                gate.message,
            )
            for look in judged
            for first, gate in ((gate is look.assessment.gates[0], gate) for gate in look.assessment.gates)
        ),
    )


def _decision(ending: Ending, last: Judged) -> str:
    match ending:
        case Ending.ROLLED_BACK:
            return f"rolled back, because {last.assessment.failure},"
        case Ending.PROMOTED:
            return f"promoted, because {last.assessment.summary},"
        case Ending.UNDECIDED:
            return f"undecided ({last.assessment.summary})"


def _for_json(look: Judged, interval: float) -> dict[str, object]:
    return {
        "until": timestamp(end_of(look, interval)),
        "gates": [gate.model_dump(mode="json", exclude={"state"}, exclude_none=True) for gate in look.assessment.gates],
    }
