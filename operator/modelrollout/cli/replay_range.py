"""`replay --prometheus`: what the gates of a manifest say about a range of the past."""

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

from modelrollout.cli.console import CommandFailed, print_json, table, timestamp
from modelrollout.cli.ending import Ending
from modelrollout.cli.manifests import read_rollout
from modelrollout.cli.ranges import Judged, arms_of, judge_range, past_of_champion
from modelrollout.metrics.prometheus.client import PrometheusClient
from modelrollout.metrics.prometheus.credentials import BearerTokenFile
from modelrollout.metrics.prometheus.source import PrometheusSource
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
    return ending.exit_code


async def _judge(options: argparse.Namespace) -> list[Judged]:
    rollout = read_rollout(options.manifest)
    settings = Settings(scrape_interval=options.scrape_interval)
    namespace = options.namespace or rollout.metadata.namespace
    arms = arms_of(
        rollout.spec, namespace, options.champion_pods, options.challenger_pods, options.champion_version or ""
    )
    auth = BearerTokenFile(options.bearer_token_file) if options.bearer_token_file else None
    verify = str(options.ca_file) if options.ca_file else True
    try:
        client = PrometheusClient(options.prometheus, timeout=30, verify=verify, auth=auth)
        source = PrometheusSource(client, settings, seconds=90)
    except ValueError as error:
        raise CommandFailed(str(error)) from error
    judged = []
    with closing(client), closing(source):
        history = await past_of_champion(source, client, rollout.spec, arms, options.since, settings)
        looks = judge_range(
            source, rollout.spec, arms, since=options.since, until=options.until, settings=settings, history=history
        )
        async for look in looks:
            judged.append(look)
            if ending_of_gates(look) is not Ending.UNDECIDED:
                break
    return judged


def ending_of_gates(look: Judged) -> Ending:
    """What the gates alone decide: one that fails rolls back, all that pass promote."""
    if look.assessment.failure:
        return Ending.ROLLED_BACK
    return Ending.PROMOTED if look.assessment.all_pass else Ending.UNDECIDED


def end_of(look: Judged, interval: float) -> datetime:
    """When a window was over; it is judged a little later, once the scrapes can be read."""
    return datetime.fromtimestamp((look.index + 1) * interval, UTC)


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
