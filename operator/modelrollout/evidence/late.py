"""Bad answers that may be of more requests than were counted with them, because they are counted late.

After its weight was lowered a challenger has the time-outs of the traffic that it had. They count at once, but against
as many requests as they may be of: a rollback need not wait, and late answers cannot fake one. docs/evidence.md has the
proof.
"""

import math

from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.sequential import Settled


def at_worst(window: Block, settled: Settled) -> Block:
    """The window with good answers added to the challenger's, and left out of the champion's, as far as that may be.

    The challenger is given the largest part of both arms' requests that it had while the answers may have been asked
    for, and the champion the smallest that it had. The champion may be left without any.
    """
    if settled.rollback:
        return window
    requests = window.champion.total + window.challenger.total
    most = math.ceil(settled.challenger_most * requests)
    least = math.floor(settled.champion_least * requests)
    champion, challenger = window.champion, window.challenger
    return Block(
        ArmCounts(max(champion.bad, min(champion.total, least)), champion.bad),
        ArmCounts(max(challenger.total, most), challenger.bad),
    )


def hedged(log_e: float) -> float:
    """Half of the stake on a window and half kept: log((1 + S) / 2), so that it takes no more than log(2) nats.

    A window that counts at its worst may show few bad answers only because the challenger has little traffic by now.
    """
    return max(log_e, 0.0) + math.log1p(math.exp(-abs(log_e))) - math.log(2)
