"""What cannot go along with a function is refused before anything is sent, in the user's lines."""

import functools
import io
import logging
import re
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pye2_calls.shipping import ship
from pye2core import Session, remote
from pye2core.code import Grants
from pye2core.errors import CodeError, CodeRefused

LOCK = threading.Lock()
LOG = logging.getLogger("tests")
OPENED = io.StringIO("text")
SOCKET = socket.socket()
SOCKET.close()
ROWS = (n for n in range(3))
NESTED = {"rows": [1, {"lock": LOCK}]}
POOL = ThreadPoolExecutor
counter = 0


def refused(function):
    """The whole message that tells why a function is not sent."""
    with pytest.raises(CodeRefused) as raised:
        ship(function)
    return str(raised.value)


def line_of(function, text):
    """The line of this file on which a text stands in a function."""
    lines = Path(__file__).read_text("utf-8").split("\n")
    first = function.__code__.co_firstlineno
    return next(number for number, line in enumerate(lines[first - 1 :], first) if text in line)


def uses_lock():
    with LOCK:
        return 1


def test_a_refusal_names_the_thing_the_place_and_the_way_out():
    assert refused(uses_lock) == (
        "uses_lock cannot be sent to a node, it has a problem:\n"
        f"  {__file__}:{line_of(uses_lock, 'with LOCK')}: `LOCK` is a lock, which guards nothing on"
        " another machine: calls share no memory, do without\n"
        "      with LOCK:"
    )


def reads_a_file(path):
    with open(path) as file:  # noqa: PTH123 - pathlib's is not offered on nodes
        return file.read()


@pytest.mark.parametrize("kind", ["folders", "folders_rw", "devices"])
def test_open_goes_along_where_files_are_asked_for(kind):
    shipped = ship(reads_a_file, asked=Grants()._replace(**{kind: ("/dev/video0",)}))

    assert "open(path)" in shipped.source


def test_open_is_refused_without_files_also_after_it_has_gone_with_them():
    ship(reads_a_file, asked=Grants(folders=("/srv",)))

    assert "`open` cannot be used on a node" in refused(reads_a_file)
    with pytest.raises(CodeRefused, match="`open` cannot be used on a node"):
        ship(reads_a_file, asked=Grants(network=True, modules=("os",)))


def calls_from_there():
    with Session() as session:
        return session.submit(len, "abc").result()


def test_a_function_that_makes_a_session_of_its_own_is_told_so_once():
    told = refused(calls_from_there)

    assert "has a problem:" in told
    assert "`Session` is this program's own connection" in told
    assert "call it from here" in told


@remote(timeout=60)
def marked():
    return 1


def test_what_marks_a_function_stays_here():
    assert "remote" not in ship(marked).source


def test_a_refusal_can_be_used_by_a_program():
    with pytest.raises(CodeRefused) as raised:
        ship(uses_lock)

    [problem] = raised.value.problems
    assert problem.name == "LOCK"
    assert problem.line == line_of(uses_lock, "with LOCK")


def uses_many():
    LOG.info("x")
    uses_lock()
    return OPENED.read(), SOCKET, list(ROWS), open


def test_all_of_it_is_told_at_once_also_in_what_goes_along():
    message = refused(uses_many)

    assert "it has 6 problems:" in message
    for problem in (
        "`LOG` is a logger of this process: use print, which comes back",
        "`LOCK` is a lock",
        "`OPENED` is an open file of this machine: read it here, and pass its contents",
        "`SOCKET` is a connection of this process: open it in the function instead",
        "`ROWS` is running already: pass a list of what it gives",
        "code on a node cannot open files: send what it needs as arguments, or ask for a folder",
    ):
        assert problem in message


def holds_a_lock():
    return NESTED


def test_a_value_that_is_not_carried_is_refused_with_the_path_to_it():
    assert re.search(r"`NESTED`\['rows'\]\[1\]\['lock'\] is a lock", refused(holds_a_lock))


class Machine:
    def __init__(self):
        self.n = 1

    def run(self):
        return self.n

    def __call__(self):
        return self.n


def test_methods_of_objects_are_refused():
    machine = Machine()

    def runs():
        return machine.run()

    assert "`run` is a method of an object (Machine), which stays here: send a function" in refused(
        machine.run
    )
    assert "`append` is a method of an object (list)" in refused([].append)
    assert "`machine` is an object of `Machine` that can be called" in refused(runs)
    assert "Machine` that can be called: send a function that takes the object" in refused(machine)


def uses_undefined():
    return not_defined_anywhere  # noqa: F821


def test_names_that_nothing_defines_are_refused():
    message = refused(uses_undefined)

    assert f"`not_defined_anywhere` is not defined in the module {__name__}: define it" in message


def test_a_variable_around_it_that_has_no_value_yet_is_refused():
    def early():
        return late

    message = refused(early)
    late = 1

    assert "`late` is not defined" in message
    assert ship(early).source.startswith(
        f"global early, late\ndef early():\n    return late\nlate = {late}"
    )


def counts():
    global counter  # noqa: PLW0603 - this test's subject
    counter += 1
    return counter


def test_functions_that_change_globals_are_refused():
    message = refused(counts)

    assert "it changes the global `counter`" in message
    assert "return the value instead" in message
    assert f":{line_of(counts, 'global counter')}:" in message


def test_functions_that_change_variables_around_them_are_refused():
    total = 0

    def add(n):
        nonlocal total
        total += n
        return total

    def adds_inside(ns):
        found = 0

        def add(n):
            nonlocal found
            found += n

        for n in ns:
            add(n)
        return found

    assert "it changes the variable around it `total`" in refused(add)
    assert ship(adds_inside).values == {}


def finds_its_file():
    return Path(__file__).parent


def test_the_file_s_own_path_is_refused():
    message = refused(finds_its_file)

    assert "`__file__` is a file of this machine: read here what is needed of it" in message


async def later(x):
    return x


async def items():
    yield 1


@pytest.mark.parametrize("function", [later, items])
def test_async_functions_are_refused(function):
    assert "is `async`, and nodes call plain functions: make it a `def`" in refused(function)


@pytest.mark.parametrize("thing", [3, "plain", None, uses_lock.__code__])
def test_what_is_no_function_is_refused(thing):
    with pytest.raises(CodeError, match="what is sent is a function, not"):
        ship(thing)


@pytest.mark.parametrize("function", [eval, open, getattr, __import__])
def test_built_in_functions_that_nodes_do_not_have_are_refused(function):
    assert f"`{function.__name__}` cannot be used on a node" in refused(function)


def looks_inside(x):
    y = 1
    return x.__class__, getattr(x, "y"), y  # noqa: B009


def test_what_the_check_of_code_refuses_is_told_in_the_user_s_lines():
    message = refused(looks_inside)

    place = f"{__file__}:{line_of(looks_inside, 'return x')}"
    assert f"  {place}: `.__class__` cannot be used on a node: Python's inner parts" in message
    assert (
        f"  {place}: `getattr` cannot be used on a node: write the attribute with a dot" in message
    )


def imports_inside():
    from shipping_support import there

    return there


def test_modules_of_the_user_s_are_not_imported_inside_a_function():
    message = refused(imports_inside)

    assert "your module `shipping_support` is not on the node: import it at the top" in message
    assert "it has a problem:" in message  # and no grant would help
    assert "grants" not in message


def test_relative_imports_inside_a_function_are_told_once(library, tmp_path):
    library("relative/__init__", "")
    library("relative/near", "def near(): return 1")
    library("relative/far", "def f():\n    from .near import near\n    return near()\n")
    import relative.far

    def g():
        from . import near

        return near

    message = refused(relative.far.f)

    assert "your module `.near` is not on the node" in message
    assert "it has a problem:" in message
    assert "your module `.` is not on the node" in refused(g)
    assert "it has a problem:" in refused(g)


def test_a_module_of_the_user_s_that_is_used_as_a_whole_is_refused(library):
    library("whole", "x = 1")
    import whole

    def passes():
        return vars, whole

    def changes():
        whole.x = 2

    def reads_what_is_missing():
        return whole.y

    for function in (passes, changes):
        assert "`whole` is your module whole, of which only what is used" in refused(function)
    assert "`y` is not defined in the module whole" in refused(reads_what_is_missing)


def test_a_module_of_the_user_s_that_is_compiled_is_refused(library, monkeypatch):
    library("fast", "def run(): return 1")
    import fast

    monkeypatch.setattr(fast, "__file__", fast.__file__.replace(".py", ".so"))

    def runs():
        return fast.run()

    assert "`fast` is of the module fast, which is not plain Python source" in refused(runs)


def test_what_an_installed_decorator_made_is_refused():
    @functools.singledispatch
    def shows(x):
        return x

    assert "`shows` was made by a decorator of the module functools, whose code is not sent" in (
        refused(shows)
    )


def test_lambdas_that_cannot_be_told_apart_are_refused():
    # fmt: off
    both = [lambda: 1 + LOCAL, lambda: 1 + LOCAL]
    made = [eval("lambda: 3"), both[0]]
    # fmt: on

    assert ship(both[1]).source
    assert "the source of function `<lambda>` cannot be found (<string>)" in refused(made[0])


LOCAL = 5


def test_functions_made_of_text_at_run_time_are_refused():
    names = {}
    exec("def made(): return 1", names)

    assert "the source of function `made` cannot be found (<string>)" in refused(names["made"])


def test_a_function_whose_file_has_changed_is_refused(library, tmp_path):
    module = library("changing", "def f(x):\n    return x\n")
    (tmp_path / "changing.py").write_text("\n\ndef g(x):\n    return 2 * x\n")

    assert "`f` is not to be found in" in refused(module.f)
    assert "if the file has changed since, start the program again" in refused(module.f)


def test_classes_made_at_run_time_are_refused():
    Made = type("Made", (), {"x": 1})  # noqa: N806 - a class

    assert "what programs make at run time is not sent" in refused(Made)


def test_a_class_that_uses_lost_variables_of_a_function_is_refused():
    def make_class(size):
        class Sized:
            length = size

        return Sized

    assert "`size` is a variable of the function that made the class `Sized`" in refused(
        make_class(3)
    )


def test_a_container_of_functions_that_holds_itself_is_refused():
    handlers = {"f": len}
    handlers["again"] = handlers

    def handle():
        return handlers["f"]

    assert "`handlers_1` contains itself" in refused(handle)


def test_things_that_need_each_other_under_one_name_are_refused():
    def make(other):
        def call(n):
            return n and other[0](n - 1)

        return call

    boxes = [len], [None], [None]
    first, second, third = (make(box) for box in boxes)
    boxes[1][0], boxes[2][0] = third, second

    def both():
        return first(""), second(3), third(3)

    assert re.search("`other` and `call` need each other, or another of the same", refused(both))


def test_programs_typed_into_a_console_that_keeps_no_text_are_refused(tmp_path):
    code = compile("def typed(x): return x", "<stdin>", "exec")
    names = {"__name__": "__main__"}
    exec(code, names)

    message = refused(names["typed"])
    assert "(<stdin>), so there is nothing to send: put it in a file" in message
    assert "or in a notebook's cell that begins with no `%%`" in message  # as under %%time


def test_too_much_code_is_refused(library):
    module = library("huge", f"def huge():\n    return len('{'a' * 1_100_000}')\n")

    assert "more than the 1048576 that are sent" in refused(module.huge)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with Python 3.12")
def test_type_parameters_go_as_they_are(library):
    module = library("generic", "def first[T](xs: list[T]) -> T:\n    return xs[0]\n")

    assert "def first[T](xs: 'list[T]')" in ship(module.first).source
