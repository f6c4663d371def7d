"""Where a session finds its broker."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2core.errors import BrokerUrlError, SettingsError
from pye2core.settings import TlsSettings
from pye2core.settings import environment as env
from pye2core.settings.environment import client_settings

texts = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF), min_size=1, max_size=20)


def broker(**given):
    given.setdefault("environment", {})
    return client_settings(**given).broker


def test_the_first_thing_a_session_is_given_may_be_the_whole_url():
    found = broker(host="mqtt://me:secret@broker.lan:1884")

    assert (found.host, found.port, found.user, found.password) == (
        "broker.lan",
        1884,
        "me",
        "secret",
    )


def test_without_any_broker_the_error_says_how_to_give_one():
    with pytest.raises(SettingsError, match=r"PYE2_BROKER.*EE_HOSTNAME.*\.env") as caught:
        client_settings(environment={})

    assert caught.value.setting == "broker"


def test_without_user_and_password_the_connection_is_anonymous():
    found = broker(environment={"EE_HOSTNAME": "broker.lan"})

    assert (found.user, found.password) == (None, None)


ALL_NAMES = {
    "user": [
        ["PYE2_USER"],
        ["AIXP_USERNAME", "AIXP_USER"],
        ["EE_USERNAME", "EE_USER"],
    ],
    "password": [
        ["PYE2_PASSWORD"],
        ["AIXP_PASSWORD", "AIXP_PASS", "AIXP_PWD"],
        ["EE_PASSWORD", "EE_PASS", "EE_PWD"],
    ],
    "host": [
        ["PYE2_HOST"],
        ["AIXP_HOSTNAME", "AIXP_HOST"],
        ["EE_HOSTNAME", "EE_HOST"],
    ],
}
FLAT = [
    (setting, name)
    for setting, families in ALL_NAMES.items()
    for names in families
    for name in names
]
BASE = {"host": "argument", "user": "argument", "password": "argument"}


@pytest.mark.parametrize(("setting", "name"), FLAT)
def test_every_name_of_pye2s_is_read(setting, name):
    arguments = {key: value for key, value in BASE.items() if key != setting}

    found = broker(**arguments, environment={name: "found"})

    assert getattr(found, setting) == "found"


@pytest.mark.parametrize("setting", ALL_NAMES)
def test_earlier_names_win_over_later_ones(setting):
    arguments = {key: value for key, value in BASE.items() if key != setting}
    names = list(itertools.chain(*ALL_NAMES[setting]))

    for first in range(len(names)):
        variables = {name: name.lower() for name in names[first:]}
        found = broker(**arguments, environment=variables)
        assert getattr(found, setting) == names[first].lower()


def test_an_argument_wins_over_the_environment_and_config_over_the_argument():
    variables = {"PYE2_HOST": "from-environment"}

    assert broker(host="from-argument", environment=variables).host == "from-argument"
    found = broker(host="from-argument", config={"HOST": "from-config"}, environment=variables)
    assert found.host == "from-config"


def test_all_of_pye2s_config_is_understood(tmp_path):
    authority = tmp_path / "ca.crt"
    authority.write_text("-")
    config = {
        "HOST": "broker.lan",
        "PORT": 8884,
        "USER": "me",
        "PASS": "secret",
        "SECURED": True,
        "CERT_PATH": str(authority),
        "QOS": 0,
    }

    found = broker(config=config)

    assert found.url == "mqtts://me@broker.lan:8884"
    assert found.password == "secret"
    assert found.tls.ca_file == authority


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"cert_path": "ca.crt"}, "cert_path"),
        ({"cert_path": "ca.crt", "secured": False}, "cert_path"),
        ({"config": {"CERT_PATH": "ca.crt"}}, r"config\['CERT_PATH'\]"),
    ],
)
def test_an_authority_that_would_not_be_asked_is_refused(given, where):
    with pytest.raises(SettingsError, match=rf"{where} names an authority.*not secured.*mqtts://"):
        broker(host="broker.lan", **given)


def test_a_variable_that_names_an_authority_may_be_there_for_another_broker():
    variables = {"EE_CERT_PATH": "ca.crt", "PYE2_CERT_PATH": "ca.crt"}

    assert broker(host="broker.lan", environment=variables).tls is None


@pytest.mark.parametrize("value", [5, b"ca.crt", ["ca.crt"]])
def test_what_is_no_path_of_an_authority_is_refused(value):
    with pytest.raises(SettingsError, match=r"cert_path is .* should be the path of a file"):
        broker(host="broker.lan", secured=True, cert_path=value)


def test_a_password_that_is_no_text_is_refused_and_not_told():
    with pytest.raises(SettingsError, match="password is of type list") as refused:
        broker(host="broker.lan", user="me", password=["secret"])

    assert "secret" not in str(refused.value)


def test_an_unknown_key_of_config_is_refused_with_what_was_meant():
    with pytest.raises(SettingsError, match=r"'HSOT'.*did you mean 'HOST'"):
        broker(config={"HSOT": "broker.lan"})


def test_an_empty_value_counts_as_not_given():
    variables = {"EE_HOSTNAME": "broker.lan", "EE_USERNAME": "", "AIXP_HOSTNAME": ""}

    found = broker(environment=variables)

    assert (found.host, found.user) == ("broker.lan", None)


def test_a_url_is_given_whole_and_weaker_places_add_neither_port_nor_credentials():
    variables = {"EE_USERNAME": "other", "EE_PASSWORD": "other", "EE_PORT": "8883"}

    found = broker(broker="mqtt://broker.lan", environment=variables)

    assert (found.user, found.password, found.port) == (None, None, None)


def test_what_is_given_as_strongly_as_the_url_completes_it():
    variables = {"PYE2_BROKER": "mqtt://broker.lan", "PYE2_USER": "me", "PYE2_PASSWORD": "secret"}

    found = broker(environment=variables, port=1884)

    assert found.secret_url == "mqtt://me:secret@broker.lan:1884"


def test_the_same_user_keeps_the_password_of_the_url():
    found = broker(broker="mqtt://me:secret@broker.lan", user="me")

    assert (found.user, found.password) == ("me", "secret")


def test_another_user_does_not_inherit_the_password_of_the_url():
    found = broker(broker="mqtt://me:secret@broker.lan", user="you")

    assert (found.user, found.password) == ("you", None)


def test_a_host_of_an_argument_leaves_a_weaker_url_aside():
    found = broker(host="mine.lan", environment={"PYE2_BROKER": "mqtt://u:p@other.lan:1884"})

    assert found.secret_url == "mqtt://mine.lan"


@pytest.mark.parametrize("secured", [True, "true", "1", "TRUE", " yes "])
def test_secured_means_tls(secured):
    found = broker(host="broker.lan", secured=secured)

    assert (found.scheme, found.tls.ca_file) == ("mqtts", None)


@pytest.mark.parametrize("secured", [False, "false", "0", "no"])
def test_not_secured_means_no_tls(secured):
    assert broker(host="broker.lan", secured=secured).tls is None


def test_tls_is_never_taken_away_from_a_url():
    with pytest.raises(SettingsError, match=r"not secured, but mqtts://broker.lan is"):
        broker(broker="mqtts://broker.lan", secured=False)


def test_a_certificate_that_does_not_exist_is_an_error_and_not_the_systems():
    with pytest.raises(SettingsError, match=r"cert_path names '/nowhere/ca\.crt'"):
        broker(host="broker.lan", secured=True, cert_path="/nowhere/ca.crt")


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "1.5", "٣"])
def test_a_port_that_is_none_is_refused_by_its_variables_name(port):
    with pytest.raises(SettingsError, match=r"EE_PORT is .* a number from 1 to 65535") as caught:
        broker(environment={"EE_HOSTNAME": "broker.lan", "EE_PORT": port})

    assert caught.value.setting == "EE_PORT"


def test_secured_that_is_neither_true_nor_false_is_refused():
    with pytest.raises(SettingsError, match=r"EE_SECURED is 'maybe' and should be true or false"):
        broker(environment={"EE_HOSTNAME": "broker.lan", "EE_SECURED": "maybe"})


def test_a_password_without_a_user_is_refused_and_not_shown():
    with pytest.raises(SettingsError, match=r"a password .* but no user") as caught:
        broker(host="broker.lan", password="hush-hush")

    assert "hush-hush" not in str(caught.value)


def test_two_brokers_in_one_place_are_refused():
    with pytest.raises(SettingsError, match=r"broker and host both name a broker"):
        broker(broker="mqtt://a.lan", host="mqtt://b.lan")


def test_a_broken_url_is_refused_without_its_password():
    with pytest.raises(BrokerUrlError) as caught:
        broker(broker="mqtt://me:hush-hush@:99")

    assert "hush-hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("::1", "mqtt://[::1]"),
        ("[::1]", "mqtt://[::1]"),
        ("broker.lan:1884", "mqtt://broker.lan:1884"),
    ],
)
def test_a_host_may_be_an_ipv6_address_or_carry_its_port(host, expected):
    assert broker(host=host).url == expected


def test_the_root_topic_is_pye2s_unless_given():
    given_one = {"broker": "memory://net", "environment": {"PYE2_ROOT_TOPIC": "mine/"}}

    assert client_settings(broker="memory://net", environment={}).root_topic == "naeural"
    assert client_settings(**given_one).root_topic == "mine"
    assert client_settings(**given_one, root_topic="yours").root_topic == "yours"


@pytest.mark.parametrize("root", ["a/#", "+", "/"])
def test_a_root_topic_that_is_a_pattern_is_refused(root):
    with pytest.raises(SettingsError, match=r"root_topic"):
        client_settings(broker="memory://net", root_topic=root, environment={})


@given(user=texts, password=texts)
def test_any_credentials_of_a_variable_arrive_unchanged(user, password):
    variables = {"EE_HOSTNAME": "broker.lan", "EE_USERNAME": user, "EE_PASSWORD": password}

    found = broker(environment=variables)

    assert (found.user, found.password) == (user, password)


@given(value=st.text(), setting=st.sampled_from(["PORT", "SECURED", "HOSTNAME", "USERNAME"]))
def test_whatever_a_variable_holds_the_answer_is_settings_or_a_settings_error(value, setting):
    variables = {"EE_HOSTNAME": "broker.lan", f"EE_{setting}": value}

    try:
        found = client_settings(environment=variables)
    except SettingsError:
        return
    assert found.broker.host


def test_a_settings_object_shows_no_secret():
    found = client_settings(
        environment={"EE_HOSTNAME": "h", "EE_USERNAME": "u", "EE_PASSWORD": "hush-hush"}
    )

    assert "hush-hush" not in repr(found)


def test_the_clients_key_is_where_pye2_has_it():
    assert env.client_key_path() == Path("_local_cache/_data/_pk_sdk.pem")


def test_asking_for_a_url_imports_nothing_heavy():
    program = (
        "import sys; from pye2core.settings.environment import client_settings;"
        "client_settings(broker='mqtt://h', environment={});"
        "print(sorted({'dotenv', 'cattrs', 'cryptography', 'numpy'} & set(sys.modules)))"
    )

    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"


def test_a_transport_says_which_of_its_schemes_are_secured() -> None:
    schemes = {"pigeon": "falcon"}

    plain = client_settings(broker="pigeon://loft", environment={}, secured_schemes=schemes)
    secured = client_settings(
        broker="pigeon://loft", secured=True, environment={}, secured_schemes=schemes
    )

    assert plain.broker.tls is None
    assert (secured.broker.scheme, secured.broker.tls) == ("falcon", TlsSettings(None))


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """Files that are there; what is in them is looked at when connecting."""
    made = {name: tmp_path / f"{name}.pem" for name in ("ca", "certificate", "key")}
    for file in made.values():
        file.write_text("-")
    return made


@pytest.fixture
def tls_variables(files):
    return {
        "PYE2_TLS_CA_FILE": str(files["ca"]),
        "PYE2_TLS_CLIENT_CERTIFICATE": str(files["certificate"]),
        "PYE2_TLS_CLIENT_KEY": str(files["key"]),
        "PYE2_TLS_CLIENT_KEY_PASSPHRASE": "word",
        "PYE2_TLS_SERVER_NAME": "broker.lan",
    }


def test_every_tls_setting_has_a_variable(files, tls_variables):
    found = broker(environment={"PYE2_BROKER": "mqtts://10.0.0.1", **tls_variables})

    expected = TlsSettings(files["ca"], files["certificate"], files["key"], "word", "broker.lan")
    assert found.tls == expected


def test_they_hold_for_a_broker_that_an_argument_gives_too(files, tls_variables):
    found = broker(broker="amqps://10.0.0.1", environment=tls_variables)

    assert found.tls.ca_file == files["ca"]
    assert found.tls.server_name == "broker.lan"


def test_an_argument_counts_more_than_a_variable(files, tls_variables):
    found = broker(
        broker="mqtts://10.0.0.1",
        tls=TlsSettings(server_name="other.lan"),
        environment=tls_variables,
    )

    assert found.tls.server_name == "other.lan"
    assert found.tls.ca_file == files["ca"]


def test_two_arguments_for_one_authority_are_refused(files):
    with pytest.raises(SettingsError, match="both name an authority"):
        broker(broker="mqtts://h", cert_path=files["ca"], tls=TlsSettings(files["key"]))


def test_what_is_no_tls_settings_is_refused():
    with pytest.raises(SettingsError, match="should be a TlsSettings"):
        broker(broker="mqtts://h", tls=False)


@pytest.mark.parametrize("name", ["CA_FILE", "CLIENT_CERTIFICATE", "CLIENT_KEY"])
def test_a_file_that_is_not_there_is_told_by_its_variable(tls_variables, name):
    tls_variables[f"PYE2_TLS_{name}"] = "/nowhere/x.pem"

    with pytest.raises(SettingsError, match=f"PYE2_TLS_{name} names '/nowhere/x.pem'"):
        broker(broker="mqtts://h", environment=tls_variables)


@pytest.mark.parametrize("url", ["mqtt://10.0.0.1", "amqp://broker.lan"])
def test_tls_variables_for_a_broker_without_tls_are_refused(tls_variables, url):
    secured = url.replace("://", "s://").partition("10")[0].partition("broker")[0]

    with pytest.raises(SettingsError, match=f"PYE2_TLS_CA_FILE .* not secured.*{secured}"):
        broker(environment={"PYE2_BROKER": url, **tls_variables})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_tls_variables_do_not_forbid_a_broker_on_this_machine(tls_variables, host):
    assert broker(environment={"PYE2_BROKER": f"mqtt://{host}", **tls_variables}).tls is None


def test_tls_variables_do_not_forbid_an_argument_without_tls(tls_variables):
    assert broker(broker="mqtt://broker.lan", environment=tls_variables).tls is None


@pytest.mark.parametrize(
    "given",
    [{"ca_file": "ca.pem"}, {"client_certificate": "c.pem"}, {"server_name": "broker.lan"}],
)
def test_tls_settings_as_an_argument_for_a_broker_without_tls_are_refused(given):
    (name,) = given

    with pytest.raises(SettingsError, match=rf"tls\.{name} .* not secured"):
        broker(broker="mqtt://127.0.0.1", tls=TlsSettings(**given))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PYE2_TLS_CAFILE", "PYE2_TLS_CA_FILE"),
        ("PYE2_TLS_CLIENT_CERT", "PYE2_TLS_CLIENT_CERTIFICATE"),
        ("PYE2_SECURE", "PYE2_SECURED"),
        ("EE_SECURE", "EE_SECURED"),
        ("PYE2_TLS", "PYE2_TLS"),
        ("PYE2_SSL_VERIFY", "PYE2_TLS"),
    ],
)
def test_a_misspelt_variable_about_tls_is_refused(name, meant):
    with pytest.raises(SettingsError, match=f"{name} means nothing here.*{meant}") as refused:
        broker(broker="mqtt://127.0.0.1", environment={name: "true"})

    assert refused.value.setting == name


@pytest.mark.parametrize("value", ["treu", "tls", "2"])
def test_a_misspelt_wish_for_tls_is_refused(value):
    with pytest.raises(SettingsError, match=r"PYE2_SECURED is .* true or false"):
        broker(environment={"PYE2_BROKER": "amqp://h", "PYE2_SECURED": value})


def test_an_empty_wish_is_no_wish_that_one_could_guess():
    with pytest.raises(SettingsError, match="secured is '' and should be true or false"):
        broker(host="broker.lan", secured="")
