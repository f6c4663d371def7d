"""What to install for names that no installed plugin offers."""

from __future__ import annotations

_SCHEMES = {
    "mqtt": "pye2-mqtt",
    "mqtts": "pye2-mqtt",
    "amqp": "pye2-amqp",
    "amqps": "pye2-amqp",
    "nats": "pye2-nats",
    "tls": "pye2-nats",
    "nats+tls": "pye2-nats",
    "memory": "pye2-testing",
}
_SIGNATURES = {
    "CUSTOM_EXEC_01": "pye2-custom-code",
    "REST_CUSTOM_EXEC_01": "pye2-custom-code",
    "PROCESS_REAL_TIME_COLLECTED_DATA_CUSTOM_EXEC_CHAIN_DIST": "pye2-chain-job",
}
_ROLES = {
    "custom code": "pye2-custom-code",
    "single run": "pye2-custom-code",
    "chain job": "pye2-chain-job",
}
_SERIALIZERS = {"pye2": "pye2-wire", "native": "pye2-native-wire"}
_COMMANDS = {"node": "pye2-node", "broker": "pye2-broker"}

_BY_KIND = {
    "transport": _SCHEMES,
    "signature": _SIGNATURES,
    "role": _ROLES,
    "serializer": _SERIALIZERS,
    "command": _COMMANDS,
}


def distribution_for(kind: str, name: str) -> str | None:
    """The distribution that is known to offer ``name``; None if none is known."""
    if kind == "preset":
        return _preset_distribution(name)
    return _BY_KIND.get(kind, {}).get(name)


def _preset_distribution(name: str) -> str | None:
    if name.lower().startswith("primes"):
        return "pye2-primes"
    prefixes = ("PROCESS_REAL_TIME_COLLECTED_DATA_", "FINISH_CONDITION_", "AGGREGATE_COLLECTED_")
    return "pye2-collect" if name.upper().startswith(prefixes) else None
