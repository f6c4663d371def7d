import pytest

from pye2_node.sandbox.output import Printer, TextStream

NOTE = "output cut at 100 characters"


def nothing():
    pass


@pytest.fixture
def sent():
    return []


def test_the_first_pieces_are_sent_at_once(sent):
    stream = TextStream(sent.append, 1000, nothing)

    stream.write("a\n")
    stream.write("b\n")

    assert sent == ["a\n", "b\n"]


def test_many_pieces_are_gathered_and_none_is_lost(sent):
    stream = TextStream(sent.append, 1_000_000, nothing)

    for number in range(5000):
        stream.write(f"{number}\n")
    stream.finish_call()

    assert "".join(sent) == "".join(f"{number}\n" for number in range(5000))
    assert len(sent) < 100


def test_what_is_above_the_limit_is_left_out_with_one_note(sent):
    stream = TextStream(sent.append, 100, nothing)

    for _ in range(50):
        stream.write("x" * 30)
    stream.finish_call()

    text = "".join(sent)
    assert text.startswith("x" * 100 + "\n")
    assert text.count("x") == 100
    assert text.count(NOTE) == 1


def test_output_of_exactly_the_limit_is_whole(sent):
    stream = TextStream(sent.append, 100, nothing)

    stream.write("x" * 100)
    assert "".join(sent) == "x" * 100

    stream.write("y")
    assert NOTE in "".join(sent)


def test_the_next_call_has_the_whole_limit_again(sent):
    stream = TextStream(sent.append, 100, nothing)
    stream.write("x" * 200)
    stream.finish_call()
    sent.clear()

    stream.write("y" * 100)

    assert sent == ["y" * 100]


def test_half_a_character_is_sent_as_a_question_mark(sent):
    TextStream(sent.append, 100, nothing).write("a\ud800b")

    assert sent == ["a?b"]


def test_print_joins_and_ends_as_python_does(sent):
    printer = Printer(TextStream(sent.append, 100, nothing))

    printer("a", 1, None)
    printer("a", "b", sep="-", end="!")
    printer(sep=None, end=None)

    assert sent == ["a 1 None\n", "a-b!", "\n"]


def test_print_to_a_file_is_refused(sent):
    with pytest.raises(TypeError, match="leave file out"):
        Printer(TextStream(sent.append, 100, nothing))("a", file=object())


def test_each_call_whose_output_is_cut_says_so_once(sent):
    stream = TextStream(lambda text: None, 10, lambda: sent.append("cut"))

    for _ in range(2):
        stream.write("x" * 10)
        stream.write("y")
        stream.write("z" * 100)
        stream.finish_call()

    assert sent == ["cut", "cut"]
