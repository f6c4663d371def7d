"""What was set on classes and functions once they were made goes along, as far as can be told."""

import functools
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from shipping_support import there

from pye2_calls.shipping import ship


class Prices:
    rate = 0.19
    _rounding = 2
    __hidden = "h"
    label: str = "net"
    both = other = 1

    def of(self, price):
        return round(price * (1 + self.rate), self._rounding), self.label, self.__hidden, self.other


def priced(price):
    return Prices().of(price)


def test_constants_of_a_class_go_as_they_are_now(monkeypatch):
    assert "Prices.rate" not in ship(priced).source
    monkeypatch.setattr(Prices, "rate", 0.21)
    monkeypatch.setattr(Prices, "_rounding", None)
    monkeypatch.setattr(Prices, "_Prices__hidden", b"h")
    monkeypatch.setattr(Prices, "label", ("gross", 1))
    monkeypatch.setattr(Prices, "other", -0.0)

    assert repr(there(priced)(100)) == repr(priced(100))


def test_a_constant_that_a_class_got_later_goes_along(monkeypatch):
    def limited(price):
        return min(price, Prices.limit)

    monkeypatch.setattr(Prices, "limit", 50, raising=False)

    assert there(limited)(100) == 50


def test_a_change_of_a_class_is_noticed_between_calls(monkeypatch):
    first = ship(priced)
    monkeypatch.setattr(Prices, "rate", 0.5)
    second = ship(priced)

    assert ship(priced) is second
    assert first.digest != second.digest


def test_methods_that_were_replaced_or_added_go_along(monkeypatch):
    def halved(self, price):
        return price / 2, self.word()

    monkeypatch.setattr(Prices, "of", halved)
    monkeypatch.setattr(Prices, "word", lambda self: self.label, raising=False)

    assert there(priced)(100) == (50.0, "net")


class Base:
    size = 1


class Derived(Base):
    def double(self):
        return self.size * 2


def test_a_base_that_was_changed_is_as_it_is_now(monkeypatch):
    monkeypatch.setattr(Base, "size", 21)

    assert there(lambda: Derived().double())() == 42


def named(cls):
    cls.name = cls.name * 2
    return cls


@named
class Decorated:
    name = "a"


@dataclass
class Fields:
    x: int = 1


def logged(method):
    return lambda self: ["logged", method(self)]


class Bound:
    n = 1
    n += 1
    for m in range(3):
        n += m

    @logged
    def shown(self):
        return self.n

    again = shown


def test_what_the_text_makes_again_is_not_set_besides():
    def uses():
        return Decorated.name, Fields().x, Bound.n, Bound.m

    shipped = ship(uses)

    for name in ("Decorated.", "Fields.", "Bound."):
        assert not [line for line in shipped.source.split("\n") if line.startswith(name)]
    assert there(uses)() == ("aa", 1, 5, 2)


def configured(x):
    return x * configured.factor, configured.names


configured.factor = 3
configured.names = ["a"]
configured.unused = open  # goes nowhere, and is not asked for


@functools.cache
def with_attribute():
    return with_attribute.limit


with_attribute.limit = 7


def test_attributes_of_a_function_go_along_where_they_are_used():
    assert there(configured)(2) == (6, ["a"])
    assert "unused" not in ship(configured).source
    assert there(with_attribute)() == 7


def test_an_attribute_of_a_function_that_was_changed_is_noticed(monkeypatch):
    ship(configured)
    monkeypatch.setattr(configured, "factor", 4)

    assert there(configured)(2)[0] == 8


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())


class Any:
    value = None


@given(VALUES)
def test_any_constant_of_a_class_arrives_as_it_is(value):
    Any.value = value
    try:
        found = there(lambda: Any.value)()
    finally:
        Any.value = None

    assert repr(found) == repr(value)
