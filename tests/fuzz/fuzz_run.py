"""Has atheris look for inputs that a target does not survive, and keeps those that reach new code.

``python tests/fuzz/fuzz_run.py TARGET [--seconds N]`` fuzzes until nothing new has been reached for
N seconds (60), adds to the corpus what is needed to reach all that was reached, and says how far it
came. Without a target, all of them, one after the other. What is found is written to ``crash-…``
in the working folder, and is to become a test of its own.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz_corpus import LONGEST_INPUT, keep, kept_inputs, seeds

_TARGETS = (
    *("wire_bytes", "wire_signed", "wire_edited", "wire_encrypted", "wire_ciphertext"),
    *("wire_compressed", "wire_decode", "code_transfer", "channel_names", "mqtt_socket"),
    *("mqtt_messages", "native_bytes", "native_body", "native_encrypted", "native_introduction"),
    *("values_bytes", "values_parts", "calls_message", "calls_record", "calls_answer"),
    *("calls_served", "calls_heard", "worker_frame", "worker_channel"),
    *("pairing_request", "pairing_heard", "delegation", "grants"),
)
_INSTRUMENTED = (
    *("pye2core", "pye2_wire", "pye2_node", "pye2_cli", "pye2_mqtt", "pye2_amqp", "pye2_nats"),
    *("pye2_native_wire", "pye2_calls"),
    *("fuzz_targets", "fuzz_calls", "fuzz_heard", "fuzz_mqtt", "fuzz_native", "fuzz_trust"),
    *("fuzz_values", "fuzz_worker"),
)
_WORDS = (
    *("EE_ID", "EE_EVENT_TYPE", "EE_SENDER", "EE_SIGN", "EE_HASH", "EE_IS_ENCRYPTED", "ACTION"),
    *("EE_ENCRYPTED_DATA", "EE_PAYLOAD_PATH", "EE_FORMATTER", "EE_TIMESTAMP", "EE_TIMEZONE"),
    *("HEARTBEAT", "NOTIFICATION", "PAYLOAD", "HEARTBEAT_VERSION", "ENCODED_DATA", "SESSION_ID"),
    *("UPDATE_CONFIG", "ARCHIVE_CONFIG", "DELETE_CONFIG", "PIPELINE_COMMAND", "INSTANCE_CONFIG"),
    *("NAME", "TYPE", "PLUGINS", "SIGNATURE", "INSTANCES", "INSTANCE_ID", "CONFIG_STREAMS"),
    *("aixp1", "cavi2", "DATA", "PLUGIN_META", "did", "fields", "seconds", "failure", "problems"),
    *("PYE2_PAIRING", "PYE2_PAIR", "STATE", "TAG", "NONCE", "PROOF", "open", "OFFER", "ANSWER"),
    *("job", "main_node", "client", "signatures", "code", "grants", "not_before", "not_after"),
    *("network", "folders", "folders_rw", "devices", "modules", "/dev/", "sha256:", "..", "/work"),
    *("null", "true", "NaN", "-Infinity", "1e999", "\\\\ud800", "naeural/", "/config", "%2E"),
)


def fuzz(target: str, quiet_seconds: int) -> str:
    """Fuzz one target until it is quiet; what came of it, in words."""
    # Not where libFuzzer runs: there it would be imported before atheris has seen it.
    from fuzz_reach import fewest

    with tempfile.TemporaryDirectory() as folder:
        corpus, words = Path(folder) / "corpus", Path(folder) / "words"
        words.write_text("".join(f'"{word}"\n' for word in _WORDS))
        corpus.mkdir()
        for number, data in enumerate(kept_inputs(target) + seeds(target)):
            (corpus / f"seed{number}").write_bytes(data)
        came_to = _until_quiet(target, corpus, words, quiet_seconds)
        found = fewest(target, [each.read_bytes() for each in corpus.iterdir()])
    keep(target, found)
    return f"{target}: {came_to}; {len(found)} inputs kept, {sum(map(len, found)):,} bytes"


def _until_quiet(target: str, corpus: Path, words: Path, quiet_seconds: int) -> str:
    """Fuzz in spells of that length until one reaches nothing new."""
    edges, executions, seconds = 0, 0, 0
    while True:
        spell = [f"-max_total_time={quiet_seconds}", f"-dict={words}", f"-max_len={LONGEST_INPUT}"]
        told = _run(target, *spell, str(corpus))
        now = max(map(int, re.findall(r" cov: (\d+) ", told)), default=0)
        executions += int(re.findall(r"stat::number_of_executed_units: +(\d+)", told)[-1])
        memory = [int(each) for each in re.findall(r" rss: (\d+)Mb", told)]
        seconds += quiet_seconds
        sofar = f"{seconds} s, {executions:,} executions, {now} edges"
        print(f"  {target}: {sofar}, {memory[0]} to {memory[-1]} MB", flush=True)
        if now <= edges:
            return sofar
        edges = now


def _run(target: str, *options: str) -> str:
    """Run libFuzzer in a process of its own; what it told.

    Raises:
        SystemExit: it found something; says what.
    """
    fixed = ["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=1"]
    command = [sys.executable, __file__, "--inside", target, *fixed, *options]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if done.returncode != 0:
        sys.exit(f"{target} found something:\n{done.stderr[-5000:]}")
    return done.stderr


def _inside(target: str, options: list[str]) -> None:
    """This process becomes libFuzzer."""
    import atheris

    with atheris.instrument_imports(
        include=[*_INSTRUMENTED],
    ):
        from fuzz_targets import TARGETS
    atheris.Setup([sys.argv[0], *options], TARGETS[target])
    atheris.Fuzz()


def main() -> None:
    """Fuzz what is named on the command line."""
    if sys.argv[1:2] == ["--inside"]:
        _inside(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60)
    chosen = parser.parse_args()
    for each in chosen.targets or _TARGETS:
        print(fuzz(each, chosen.seconds), flush=True)


if __name__ == "__main__":
    main()
