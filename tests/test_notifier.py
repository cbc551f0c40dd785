"""Where the addresses come from, and what of them must never be shown."""

import pytest

from oncall.notify.notifier import AddressError, Addresses, addresses


def test_typed_addresses_win_over_the_environment_and_that_over_the_file():
    """The nearest one counts, as for every other secret."""
    environment = {"ONCALL_PING": "http://environment/x", "ONCALL_NOTIFY": " json://a  json://b\n"}
    file = {"ONCALL_PING": "http://file/x", "ONCALL_NOTIFY": "json://file"}

    assert addresses("http://typed/x", ["json://typed"], environment, file) == Addresses(
        "http://typed/x", ("json://typed",)
    )
    assert addresses(None, None, environment, file) == Addresses("http://environment/x", ("json://a", "json://b"))
    assert addresses(None, None, {"ONCALL_PING": " "}, file) == Addresses("http://file/x", ("json://file",))
    assert addresses(None, None, {}) == Addresses()


@pytest.mark.parametrize(("ping", "notify"), [("ftp://secret-token", None), (None, ["secret-token"])])
def test_wrong_typed_address_is_refused_without_being_repeated(ping, notify):
    """Exit 4 is one sentence, and a token in it would land in a mail."""
    with pytest.raises(AddressError) as refused:
        addresses(ping, notify, {})

    assert str(refused.value).startswith("--ping must be" if ping else "--notify must be")
    assert "secret" not in str(refused.value)


def test_wrong_address_from_elsewhere_costs_no_diagnosis():
    """An outage run must not end because of a variable that the night run needs."""
    assert addresses(None, None, {"ONCALL_PING": "nonsense"}).ping == "nonsense"


@pytest.mark.parametrize(
    ("address", "secret", "shown"),
    [
        ("https://hc-ping.com/5f2b9c1e-aaaa", ["5f2b9c1e-aaaa"], ["hc-ping.com"]),
        ("https://hc-ping.com/abcdefghijklmnopqrstuv/nightly", ["abcdefghijklmnopqrstuv"], ["nightly"]),
        ("https://uptime.example/api/push/Xy7Kq2mN?status=up&msg=OK", ["Xy7Kq2mN"], ["status", "up", "push"]),
        ("https://ops:hunter2@mail.example/x", ["hunter2"], ["ops", "mail.example"]),
        (
            "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
            ["T1JJ3T3L2", "TIiajkdnlazkcOXrIdevi7FQ"],
            ["general"],
        ),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", ["123456789:abcdefg_hijklmnop", "123456789"], []),
        ("mailto://ops%40x:pa%2Fss@mail.example?to=a@b.example", ["pa%2Fss", "pa/ss"], ["mail.example"]),
        ("json://localhost:8080/database", [], ["localhost", "localhost:8080", "8080", "database"]),
        ("https://[::1]:8443/Xy7Kq2mN", ["Xy7Kq2mN"], ["[::1]:8443"]),
        ("http://[::1", [], []),
    ],
)
def test_tokens_are_secrets_and_words_are_not(address, secret, shown):
    """Services put tokens anywhere in an address; a host's name or a plain word would mask half of a diagnosis."""
    learned = set(Addresses(address).secrets())

    assert {address, *secret} <= learned
    assert not learned & set(shown)


def test_addresses_do_not_show_themselves():
    """A traceback prints what stands around."""
    assert repr(Addresses("http://x/secret", ("json://secret",))) == "Addresses()"
