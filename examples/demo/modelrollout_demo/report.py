"""The tables at the end."""

from collections.abc import Sequence

from modelrollout_demo.console import Console, Style
from modelrollout_demo.rollouts import DigitsRollout
from modelrollout_demo.stories import FAULTY, Outcome, measure_reaction, of_version
from modelrollout_testkit.answers import Answer, not_of_a_model
from modelrollout_testkit.errors import TestkitError
from modelrollout_testkit.tally import Tally

# What the project promises beyond the one scrape interval that a bad answer may wait to be seen.
REACTION_SLACK_SECONDS = 2
_HEADER = ("VERSION", "REQUESTS", "BAD", "ERRORS", "SLOW", "RIGHT", "FIRST WEIGHT TO DECISION", "DECISION")


def print_report(
    console: Console, outcomes: Sequence[Outcome], rollout: DigitsRollout, answers: Sequence[Answer]
) -> list[str]:
    """Print what became of each version and what the clients got. Returns what came out wrong, in sentences."""
    problems = [f"{outcome.story.version}: {problem}" for outcome in outcomes for problem in outcome.problems]
    console.heading("What the clients got")
    slow_after = rollout.digits.slow_after
    console.table(_HEADER, [_row(outcome, answers, slow_after) for outcome in outcomes])
    console.say(f"BAD = ERRORS (no answer, or not 200) + SLOW (200, but later than {1000 * slow_after:.0f} ms).")
    lost = not_of_a_model(answers, FAULTY)
    console.say(
        f"Failed requests that no model is to blame for: {len(lost)} of {len(answers)}",
        Style.BAD if lost else Style.GOOD,
    )
    for answer in lost[:5]:
        console.say(f"  {answer.version or 'nobody'} {answer.code} {answer.error}", Style.BAD)
    if lost:
        problems.append(f"{len(lost)} requests failed that no model is to blame for")
    problems += _report_reaction(console, outcomes, rollout, answers)
    return problems


def _report_reaction(
    console: Console, outcomes: Sequence[Outcome], rollout: DigitsRollout, answers: Sequence[Answer]
) -> list[str]:
    failing = [
        outcome.story.version for outcome in outcomes if outcome.story.blame == "errors" and not outcome.problems
    ]
    bound = rollout.digits.environment.scrape_interval + REACTION_SLACK_SECONDS
    for version in failing:
        try:
            reaction = measure_reaction(rollout, version, answers)
        except TestkitError as error:
            return [f"the reaction to {version} could not be measured: {error}"]
        within = reaction.seconds <= bound
        console.say(
            f"Reaction to {version}: {reaction.seconds:.1f} s from the scrape that proved the failure to weight 0 at "
            f"Envoy (route written after {reaction.route_written - reaction.proved:.1f} s, last request to {version} "
            f"after {reaction.last_request - reaction.proved:.1f} s). Promised: one scrape interval + "
            f"{REACTION_SLACK_SECONDS} s = {bound} s{'' if within else ', which was missed'}.",
            Style.GOOD if within else Style.BAD,
        )
    return []


def _row(outcome: Outcome, answers: Sequence[Answer], slow_after: float) -> tuple[str, ...]:
    tally = Tally.of(of_version(answers, outcome.story.version), slow_after)
    return (
        outcome.story.version,
        str(tally.requests),
        str(tally.bad),
        str(tally.errors),
        str(tally.slow),
        "-" if tally.right is None else f"{tally.right:.1%}",
        "-" if outcome.seconds is None else f"{outcome.seconds:.0f} s",
        outcome.ended,
    )
