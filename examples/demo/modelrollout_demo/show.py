"""The demo itself: traffic, five versions of a model one after the other, and what became of each."""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import yaml

from modelrollout_demo.console import Console, Style
from modelrollout_demo.narration import Narrator, TrafficReport
from modelrollout_demo.report import print_report
from modelrollout_demo.rollouts import MANIFEST, Digits, DigitsRollout, remove
from modelrollout_demo.stories import (
    STORIES,
    Ending,
    Outcome,
    Story,
    await_promotion,
    await_rollback,
    check_traffic,
    deploy_first,
)
from modelrollout_localcluster import Progress
from modelrollout_testkit.environment import Environment
from modelrollout_testkit.errors import TestkitError
from modelrollout_testkit.installation import DEMO_NAMESPACE, restricted_namespace
from modelrollout_testkit.load import Load

REQUESTS_PER_SECOND = 30

_AWAIT: dict[Ending, Callable[[DigitsRollout, Story], Outcome]] = {
    Ending.DEPLOYED: deploy_first,
    Ending.PROMOTED: await_promotion,
    Ending.ROLLED_BACK: await_rollback,
}


def run(environment: Environment, console: Console, progress: Progress) -> list[str]:
    """Tell the stories and print the tables. Returns what came out wrong, in sentences.

    progress: gets the duration of each story.
    """
    digits = Digits(environment)
    environment.kubectl.apply(restricted_namespace(DEMO_NAMESPACE))
    remove(environment.kubectl, DEMO_NAMESPACE)
    narrator = Narrator(console)
    outcomes = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="modelrollout-demo-")))
        manifest = _manifest_file(digits, folder)
        rollout = stack.enter_context(
            DigitsRollout(
                digits,
                DEMO_NAMESPACE,
                on_change=narrator.changed,
                on_weights=narrator.weighed,
                on_event=narrator.event,
            )
        )
        load = Load(environment.checkout, environment.gateway_url, folder, REQUESTS_PER_SECOND)
        for story in STORIES:
            started = time.monotonic()
            outcome = _tell(story, rollout, manifest, console, narrator)
            progress.stages.append((f"{story.version}: {story.about}", time.monotonic() - started))
            outcomes.append(outcome)
            if outcome.problems:
                break
            if story.ending is Ending.DEPLOYED:
                console.say(
                    f"From here on vegeta sends {load.rate} requests per second through the gateway: images that no "
                    "version has seen in training."
                )
                stack.enter_context(load)
                stack.enter_context(TrafficReport(console, load, digits.slow_after))
        load.require_running()
        answers = load.answers
        check_traffic(outcomes, rollout, answers)
        return print_report(console, outcomes, rollout, answers)


def _tell(story: Story, rollout: DigitsRollout, manifest: Path, console: Console, narrator: Narrator) -> Outcome:
    console.heading(f"{story.version}: {story.about}")
    replaced = "" if story.ending is Ending.DEPLOYED else f"sed s/digits:v1/digits:{story.version}/ {manifest} | "
    source = "-" if replaced else str(manifest)
    command = f"{replaced}kubectl apply --namespace={DEMO_NAMESPACE} --filename={source}"
    console.command(command)
    narrator.begin()
    rollout.digits.environment.kubectl.run("sh", "-c", command, folder=rollout.digits.environment.checkout.root)
    try:
        outcome = _AWAIT[story.ending](rollout, story)
    except TestkitError as error:
        outcome = Outcome(story, problems=[str(error)])
    for problem in outcome.problems:
        console.say(f"WRONG: {problem}", Style.BAD)
    if not outcome.problems:
        console.say(f"As it should be: {story.version} was {outcome.ended}.", Style.GOOD)
    return outcome


def _manifest_file(digits: Digits, folder: Path) -> Path:
    """The example's own manifest, or where this environment needs another gateway or registry, a copy made for it."""
    wanted = digits.manifest("v1")
    if wanted == yaml.safe_load((digits.environment.checkout.root / MANIFEST).read_text()):
        return MANIFEST
    copy = folder / "rollout.yaml"
    copy.write_text(yaml.safe_dump(wanted, sort_keys=False))
    return copy
