"""`plan`: what a manifest's gates can decide at a given traffic, before anything is deployed."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from math import isinf
from typing import Any

from modelrollout.api.baseline import Baseline
from modelrollout.api.gates.gate import member_of
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.units import Percent
from modelrollout.cli import arguments
from modelrollout.cli.arguments import Commands, add_command, add_output, add_scrape_interval, existing_file
from modelrollout.cli.console import ExitCode, print_json, table
from modelrollout.evidence.proportion import UNMEASURED_DISPERSION
from modelrollout.evidence.verdict import percent_text
from modelrollout.offline.ending import Ending
from modelrollout.offline.estimates import Estimate, Regression
from modelrollout.offline.expected import Traffic
from modelrollout.offline.manifests import read_rollout
from modelrollout.offline.plan import BAD_REQUESTS, Outlook, expected_traffic, look_ahead
from modelrollout.rollout.durations import readable
from modelrollout.rollout.settings import Settings

_REGRESSIONS = ("x2", "+1%", "+10%")


def add_parser(commands: Commands) -> None:
    parser = add_command(
        commands, "plan", plan, "Estimate what the gates of a manifest can decide at a traffic; nothing is deployed."
    )
    parser.add_argument("-f", "--file", type=existing_file, required=True, help="manifest; - for standard input")
    parser.add_argument(
        "-r",
        "--requests-per-second",
        type=arguments.rate,
        required=True,
        metavar="NUMBER",
        help="of all versions together",
    )
    for kind, bad in BAD_REQUESTS.items():
        parser.add_argument(
            f"--champion-{bad}-rate",
            type=arguments.share,
            default=0.01,
            metavar="SHARE",
            help=f"for {member_of(kind)} gates (1%%)",
        )
    for version, else_ in (("champion", "as above"), ("baseline", "that of the champion")):
        parser.add_argument(
            f"--{version}-rate",
            type=arguments.typed(_gate_and_share),
            action="append",
            default=[],
            metavar="GATE=SHARE",
            help=f"of the {version} for one gate by its name ({else_}); may be repeated",
        )
    parser.add_argument(
        "--regression",
        type=arguments.typed(Regression.parse),
        action="append",
        metavar="+SHARE|xFACTOR",
        help="of the challenger; may be repeated (x2, +1%%, +10%%)",
    )
    parser.add_argument(
        "--dispersion",
        type=arguments.rate,
        default=UNMEASURED_DISPERSION,
        help="variance of bad counts over that of independent requests; %(default)g is assumed while it is unmeasured",
    )
    add_scrape_interval(parser)
    add_output(parser)


def _gate_and_share(text: str) -> tuple[str, float]:
    gate, _, share = text.partition("=")
    return gate, Percent(share).fraction


def plan(options: argparse.Namespace) -> int:
    rollout = read_rollout(options.file)
    traffic = expected_traffic(
        rollout.spec,
        options.requests_per_second,
        by_kind={kind: getattr(options, f"champion_{bad}_rate") for kind, bad in BAD_REQUESTS.items()},
        champion=dict(options.champion_rate),
        baseline=dict(options.baseline_rate),
        dispersion=options.dispersion,
    )
    regressions = options.regression or [Regression.parse(text) for text in _REGRESSIONS]
    outlook = look_ahead(rollout, traffic, Settings(options.scrape_interval), regressions)
    if options.output == "json":
        print_json(_for_json(asdict(outlook)))
    else:
        print(report(rollout, traffic, outlook))
    return ExitCode.OK if outlook.good.ending is Ending.PROMOTED else ExitCode.UNDECIDED


def report(rollout: ModelRollout, traffic: Traffic, outlook: Outlook) -> str:
    """The answer for a person."""
    deadline = rollout.spec.strategy.deadline
    parts = [
        f"{rollout.metadata.name} at {traffic.requests_per_second:g} requests/s",
        f"bad requests of the champion: {_rates(traffic.champion)}; of a good challenger: {_rates(traffic.challenger)}",
        *_references(rollout.spec.baseline, traffic),
        _title("The whole rollout, as its strategy goes"),
        _courses(outlook),
        _verdict(rollout, outlook),
        _title("Finding out that a good challenger is good"),
        table(
            ["GATE", "WEIGHT", "REQUESTS", "TIME", f"CHANCE WITHIN {deadline.after}"],
            (
                (e.gate, f"{e.weight} %", _count(e.requests), _time(e.seconds), _chance(e.chance))
                for e in outlook.passes
            ),
        ),
        _title("Finding out that a worse challenger is worse, if it stays at one weight"),
        table(
            ["GATE", "REGRESSION", "WEIGHT", "REQUESTS", "TIME", "EXTRA BAD", f"CHANCE WITHIN {deadline.after}"],
            _rollback_rows(outlook.rollbacks),
        ),
    ]
    if others := [gate for gate in rollout.spec.gates if not (gate.decides and gate.proportion)]:
        parts.append(_title("Not estimated"))
        parts += [f"{gate.name}: {gate.kind.why_not_planned or 'only observed, it decides nothing'}" for gate in others]
    return "\n".join(parts)


def _references(baseline: Baseline, traffic: Traffic) -> list[str]:
    """What is not compared with the champion."""
    if service := baseline.service:
        with_service = f"compared with {service.bento} at weight {service.weight}"
        return [f"{with_service}, which has: {_rates(traffic.reference)}"]
    figures = {gate: rate for gate, rate in traffic.reference.items() if gate in baseline.figures}
    return [f"compared with fixed figures: {_rates(figures)}"] if figures else []


def _courses(outlook: Outlook) -> str:
    rows = [("good", "yes", outlook.good, 0.0)]
    rows += [
        (f"{r.gate} {r.regression}", "yes" if r.allowed else "no", r.course, r.extra_bad) for r in outlook.regressed
    ]
    return table(
        ["CHALLENGER", "IN MARGIN", "EXPECTED", "AFTER", "ITS REQUESTS", "EXTRA BAD", "WEIGHTS"],
        (
            (
                name,
                allowed,
                course.ending,
                _time(course.seconds),
                _count(course.requests),
                _count(extra_bad),
                " ".join(f"{stage.share * 100:g}" for stage in course.stages),
            )
            for name, allowed, course, extra_bad in rows
        ),
    )


def _verdict(rollout: ModelRollout, outlook: Outlook) -> str:
    deadline = rollout.spec.strategy.deadline
    if outlook.good.ending is Ending.PROMOTED:
        return f"The deadline of {deadline.after} can be met: the chance is {_chance(outlook.chance)}."
    quickest = min(
        max(estimate.seconds for estimate in outlook.passes if estimate.weight == weight)
        for weight in {estimate.weight for estimate in outlook.passes}
    )
    if isinf(quickest):
        return "No traffic is enough: even a good challenger never passes these gates."
    return (
        f"The deadline of {deadline.after} cannot be met at this traffic: even the best weight takes "
        f"{_time(quickest)}. Then: {deadline.action}."
    )


def _rollback_rows(rollbacks: Iterable[tuple[str, Estimate]]) -> Iterable[Sequence[object]]:
    for regression, e in rollbacks:
        if isinf(e.requests):
            yield e.gate, regression, f"{e.weight} %", "never", None, None, None
        else:
            figures = _count(e.requests), _time(e.seconds), _count(e.extra_bad), _chance(e.chance)
            yield e.gate, regression, f"{e.weight} %", *figures


def _rates(rates: Mapping[str, float]) -> str:
    return ", ".join(f"{gate} {percent_text(rate)}" for gate, rate in rates.items())


def _title(text: str) -> str:
    return f"\n{text}:"


def _count(number: float) -> str:
    return "never" if isinf(number) else f"{number:,.0f}".replace(",", " ")


def _time(seconds: float) -> str:
    return "never" if isinf(seconds) else readable(seconds)


def _chance(probability: float) -> str:
    return "over 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def _for_json(value: Any) -> Any:
    """JSON knows no infinity: what never happens is null."""
    if isinstance(value, dict):
        return {key: _for_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_for_json(inner) for inner in value]
    return None if isinstance(value, float) and isinf(value) else value
