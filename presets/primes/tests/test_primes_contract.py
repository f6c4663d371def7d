"""The prime-finding jobs keep the contract of a preset."""

from __future__ import annotations

from pye2_primes import plugin
from pye2_testing.contracts import PresetContract

BELOW_50 = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47]


class TestPrimes(PresetContract):
    plugin = plugin
    preset = "primes"
    parameters = {"upto": 50, "workers": 1}
    result = BELOW_50
    wrong = ({"upto": 1}, {"workers": 0}, {"method": "by looking at them"})


class TestBruteForce(PresetContract):
    plugin = plugin
    preset = "primes-brute-force"
    parameters = {"upto": 50, "workers": 2}
    result = BELOW_50
    wrong = ({"upto": 1}, {"batch": "some"})


class TestTrialDivision(PresetContract):
    plugin = plugin
    preset = "primes-trial-division"
    parameters = {"upto": 50, "workers": 2}
    result = BELOW_50
    wrong = ({"upto": "many"}, {"workers": 0})


class TestSieve(PresetContract):
    plugin = plugin
    preset = "primes-sieve"
    parameters = {"upto": 50, "workers": 2}
    result = BELOW_50
    wrong = ({"upto": 2.5}, {"workers": -1})
