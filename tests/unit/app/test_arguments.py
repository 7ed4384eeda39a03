"""Global options may stand anywhere."""

from flowmatik.app.cli.arguments import globals_first, value_of


def test_global_options_move_to_the_front_and_the_rest_keeps_its_order() -> None:
    line = ["run", "a goal", "--json", "--agent", "writer", "--home", "/h", "--lang=es"]
    assert globals_first(line) == [
        "--json",
        "--home",
        "/h",
        "--lang=es",
        "run",
        "a goal",
        "--agent",
        "writer",
    ]


def test_nothing_after_a_double_dash_is_taken_for_an_option() -> None:
    assert globals_first(["run", "--", "--json"]) == ["run", "--", "--json"]
    assert value_of("--lang", ["run", "--", "--lang", "es"]) is None


def test_the_last_value_of_an_option_counts() -> None:
    assert value_of("--lang", ["--lang", "es", "run", "--lang=en"]) == "en"
    assert value_of("--lang", ["run", "--lang"]) is None
