"""The truth of a search: what was asked, judged and told, in one SQLite file that one process at a time writes.

A trial is in the ledger before it trains, and its outcome is there, with what the driver wants to remember, before
anyone acts on it. So whatever ends a search, the same command goes on from the last line written. What a trial
reported while it trained is written with its outcome only: a trial without one is trained again from its first epoch,
and gives the same reports. A verdict of the judge is written at once, because it stands even then.
"""

from tuner.ledger.owner import Owned, holder, own
from tuner.ledger.reading import Ledger, Search

__all__ = ["Ledger", "Owned", "Search", "holder", "own"]
