"""What this plugin offers: whole jobs that find all primes up to a number."""

from __future__ import annotations

from pye2core import PresetDescriptor, Stage, hookimpl


@hookimpl
def pye2_register_presets() -> list[PresetDescriptor]:
    """Offer the prime-finding jobs."""
    return [
        PresetDescriptor(
            name="primes",
            stage=Stage.JOB,
            implementation="pye2_primes.jobs:Primes",
            summary="All primes up to a number, by the method of your choice.",
        ),
        PresetDescriptor(
            name="primes-brute-force",
            stage=Stage.JOB,
            implementation="pye2_primes.jobs:BruteForce",
            summary="Draw random numbers and keep the primes until all are found.",
        ),
        PresetDescriptor(
            name="primes-trial-division",
            stage=Stage.JOB,
            implementation="pye2_primes.jobs:TrialDivision",
            summary="Divide every number of a range that is split among the workers.",
        ),
        PresetDescriptor(
            name="primes-sieve",
            stage=Stage.JOB,
            implementation="pye2_primes.jobs:Sieve",
            summary="Sieve a range that is split among the workers, with numpy.",
        ),
    ]
