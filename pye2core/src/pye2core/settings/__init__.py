"""Where settings come from: arguments, environment, ``.env`` files, and plugins' own classes.

``broker`` knows broker URLs, ``environment`` the variables and files, ``plugin`` the attrs classes
by which plugins declare settings of their own.
"""

from pye2core.settings.broker import BrokerAddress, TlsSettings, parse_broker_url

__all__ = ["BrokerAddress", "TlsSettings", "parse_broker_url"]
