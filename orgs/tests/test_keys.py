"""Secret keys: how they look, and that only the right one matches."""

import binascii
import hashlib
import hmac
import re
import string

import pytest

from orgs.keys import make_key, matches, prefix_of

SHAPE = r"vis_dev_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}"


def test_a_key_has_a_kind_a_prefix_a_secret_and_a_checksum():
    new = make_key("dev")
    assert re.fullmatch(SHAPE, new.text)
    assert new.text.split("_")[2] == new.prefix == prefix_of(new.text, "dev")


def test_what_is_stored_is_a_keyed_digest_and_not_the_key(settings):
    settings.VISANT_KEY_PEPPERS = {1: b"pepper"}
    new = make_key("dev")
    assert new.digest == hmac.new(b"pepper", new.text.encode(), hashlib.sha256).hexdigest()
    assert new.pepper_id == 1
    assert new.text.split("_")[3] not in new.digest


def test_no_two_keys_are_alike():
    keys = [make_key("dev") for _ in range(200)]
    for part in ("text", "prefix", "digest"):
        assert len({getattr(key, part) for key in keys}) == 200


def test_the_checksum_is_the_crc_32_in_base_62():
    text = make_key("dev").text
    body, checksum = text[:-6], text[-6:]
    alphabet = string.digits + string.ascii_letters
    number = 0
    for letter in checksum:
        number = number * 62 + alphabet.index(letter)
    assert number == binascii.crc32(body.encode())


def test_every_slip_of_one_letter_is_noticed_without_a_look_at_the_database():
    text = make_key("dev").text
    for at, letter in enumerate(text):
        for other in ("0", "Z", "_"):
            if other != letter:
                assert prefix_of(text[:at] + other + text[at + 1 :], "dev") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: f" {text}",
        lambda text: f"{text}\n",
        lambda text: text.upper(),
        lambda text: text.replace("vis_", "viz_"),
        lambda text: text[:-1] + "é",
        lambda text: text[:-1] + "٣",  # a digit, but not one of ours
        lambda text: "\x00" * len(text),
    ],
)
def test_what_is_not_a_key_has_no_prefix(change):
    assert prefix_of(change(make_key("dev").text), "dev") is None


def test_a_key_of_another_kind_is_no_key_here():
    assert prefix_of(make_key("usr").text, "dev") is None
    assert prefix_of(make_key("dev").text, "usr") is None


def test_only_the_key_itself_matches():
    new, other = make_key("dev"), make_key("dev")
    assert matches(new.text, digest=new.digest, pepper_id=new.pepper_id)
    assert not matches(other.text, digest=new.digest, pepper_id=new.pepper_id)
    assert not matches(new.text[:-1], digest=new.digest, pepper_id=new.pepper_id)


def test_new_keys_take_the_newest_pepper_and_old_keys_keep_theirs(settings):
    settings.VISANT_KEY_PEPPERS = {1: b"old"}
    old = make_key("dev")
    settings.VISANT_KEY_PEPPERS = {1: b"old", 2: b"new"}
    new = make_key("dev")
    assert (old.pepper_id, new.pepper_id) == (1, 2)
    assert matches(old.text, digest=old.digest, pepper_id=1)
    assert matches(new.text, digest=new.digest, pepper_id=2)
    assert not matches(old.text, digest=old.digest, pepper_id=2)


def test_a_key_whose_pepper_was_taken_away_matches_nothing(settings):
    settings.VISANT_KEY_PEPPERS = {1: b"old"}
    old = make_key("dev")
    settings.VISANT_KEY_PEPPERS = {2: b"new"}
    assert not matches(old.text, digest=old.digest, pepper_id=1)
