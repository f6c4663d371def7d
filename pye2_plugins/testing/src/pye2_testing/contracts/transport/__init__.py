"""What every transport promises the kernel, on any broker.

You are at the entrance; the tests are in the modules beside this one. A transport's
``TransportFeatures`` decide which of them apply to it.
"""

from pye2_testing.contracts.transport.acknowledging import Acknowledging
from pye2_testing.contracts.transport.carrying import Carrying
from pye2_testing.contracts.transport.closing import Closing
from pye2_testing.contracts.transport.last_wills import LastWills
from pye2_testing.contracts.transport.losses import Losses
from pye2_testing.contracts.transport.offering import Offering
from pye2_testing.contracts.transport.refusals import Refusals
from pye2_testing.contracts.transport.roll_calls import RollCalls
from pye2_testing.contracts.transport.sessions import Sessions
from pye2_testing.contracts.transport.wildcards import Wildcards


class TransportContract(
    Offering,
    Carrying,
    Acknowledging,
    Sessions,
    Losses,
    Closing,
    Refusals,
    LastWills,
    RollCalls,
    Wildcards,
):
    """The tests of a transport; a subclass names the class and gives the brokers.

    It has the attributes ``transport`` and ``plugin`` (the module that the entry point names), a
    fixture ``bench`` that yields a :class:`Bench`, and a fixture ``guarded_bench`` whose broker
    wants a user and a password. A test that it replaces has
    a reason: ``@departs("…")``, or ``test_… = not_promised("…")``.
    """
