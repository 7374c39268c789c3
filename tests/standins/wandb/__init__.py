"""A stand-in for the W&B service on loopback, for the real SDK with its real wandb-core to talk to.

It holds what the protocol delivered: GraphQL for runs, `file_stream` for their lines, PUT for files.
"""

from tests.standins.wandb.kinds import Fault
from tests.standins.wandb.server import StandInWandb, serve_wandb
from tests.standins.wandb.state import StandInRun

__all__ = ["Fault", "StandInRun", "StandInWandb", "serve_wandb"]
