"""The settings as values: defaults, presets, what is refused, and the way into a URL and back."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardlite import ConfigurationError, Profile
from hardlite.profile import profile_from

SECONDS = st.floats(min_value=0, max_value=2_000_000) | st.integers(0, 2_000_000)
PROFILES = st.builds(
    Profile,
    journal_mode=st.sampled_from(["wal", "delete", "truncate", "persist", "memory", "off"]),
    synchronous=st.sampled_from(["off", "normal", "full", "extra"]),
    foreign_keys=st.booleans(),
    busy_timeout=SECONDS,
    timeout=SECONDS | st.just(math.inf),
    cache_size=st.integers(),
    temp_store=st.sampled_from(["default", "file", "memory"]),
    wal_autocheckpoint=st.integers(),
    journal_size_limit=st.integers(),
    mmap_size=st.none() | st.integers(),
    transaction=st.sampled_from(["relaxed", "snapshot", "immediate"]),
    warn_wait=SECONDS,
    warn_hold=SECONDS,
    network=st.sampled_from(["fallback", "refuse"]),
    track_checkouts=st.booleans(),
)


def test_the_defaults_are_the_promised_ones() -> None:
    assert dataclasses.asdict(Profile()) == {
        "journal_mode": "wal",
        "synchronous": "normal",
        "foreign_keys": True,
        "track_checkouts": False,
        "busy_timeout": 5.0,
        "timeout": 30.0,
        "cache_size": -64000,
        "temp_store": "memory",
        "wal_autocheckpoint": 1000,
        "journal_size_limit": 64 * 1024 * 1024,
        "mmap_size": None,
        "transaction": "relaxed",
        "warn_wait": 1.0,
        "warn_hold": 2.0,
        "network": "fallback",
        "driver": "sqlite3",
    }


def test_a_preset_changes_one_setting_and_leaves_the_others() -> None:
    assert Profile.durable() == Profile(synchronous="full")
    assert Profile.strict() == Profile(transaction="snapshot")


def test_a_profile_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Profile().timeout = 1  # type: ignore[misc]


def test_settings_are_given_by_name_only() -> None:
    with pytest.raises(TypeError):
        Profile("wal")  # type: ignore[call-arg]


@given(PROFILES)
def test_a_profile_written_as_text_and_read_again_is_the_same(profile: Profile) -> None:
    assert Profile().evolve_from_text(profile.as_text()) == profile


def test_the_default_profile_needs_no_text() -> None:
    assert Profile().as_text() == {}


def test_text_holds_only_what_differs_from_the_default() -> None:
    profile = Profile(foreign_keys=False, timeout=2.5, journal_mode="delete", mmap_size=0)

    assert profile.as_text() == {
        "foreign_keys": "off",
        "journal_mode": "delete",
        "mmap_size": "0",
        "timeout": "2.5",
    }


@pytest.mark.parametrize("text", ["on", "true", "yes", "1", " On "])
def test_a_switch_in_text_is_on(text: str) -> None:
    profile = Profile(foreign_keys=False).evolve_from_text({"foreign_keys": text})

    assert profile.foreign_keys is True


@pytest.mark.parametrize("text", ["off", "false", "no", "0", "OFF"])
def test_a_switch_in_text_is_off(text: str) -> None:
    assert Profile().evolve_from_text({"foreign_keys": text}).foreign_keys is False


def test_words_and_numbers_in_text_may_be_in_any_case_and_have_spaces_round_them() -> None:
    profile = Profile().evolve_from_text(
        {"journal_mode": "DELETE", "busy_timeout": " 2 ", "cache_size": " -100", "mmap_size": "7"}
    )

    assert profile == Profile(journal_mode="delete", busy_timeout=2.0, cache_size=-100, mmap_size=7)


def test_evolving_changes_a_copy() -> None:
    profile = Profile()

    assert profile.evolve({"timeout": 1}) == Profile(timeout=1)
    assert profile == Profile()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("journal_mode", "wall", "wal or delete or truncate or persist or memory or off"),
        ("journal_mode", "WAL", "wal or delete"),
        ("synchronous", 1, "off or normal or full or extra"),
        ("temp_store", None, "default or file or memory"),
        ("transaction", "deferred", "relaxed or snapshot or immediate"),
        ("foreign_keys", 1, "True or False; in a URL, on or off"),
        ("foreign_keys", "on", "True or False"),
        ("busy_timeout", -1, "a number of seconds, 0 or more"),
        ("busy_timeout", "5", "a number of seconds"),
        ("busy_timeout", 2_147_484, "at most 2147483 seconds"),
        ("busy_timeout", math.inf, "at most 2147483 seconds"),
        ("timeout", None, "a number of seconds"),
        ("timeout", True, "a number of seconds"),
        ("timeout", math.nan, "a number of seconds"),
        ("warn_wait", -0.1, "a number of seconds"),
        ("warn_hold", "1", "a number of seconds"),
        ("cache_size", 1.5, "a whole number"),
        ("cache_size", True, "a whole number"),
        ("wal_autocheckpoint", None, "a whole number"),
        ("journal_size_limit", "64", "a whole number"),
        ("mmap_size", 1.0, "a whole number"),
        ("mmap_size", False, "a whole number"),
    ],
)
def test_a_wrong_value_is_refused_with_the_setting_and_what_it_takes(
    name: str, value: object, expected: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Profile().evolve({name: value})

    assert f"The setting {name} cannot be {value!r}" in str(caught.value)
    assert expected in caught.value.hint


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("foreign_keys", "maybe"),
        ("busy_timeout", "5 s"),
        ("timeout", ""),
        ("timeout", "nan"),
        ("cache_size", "1.5"),
        ("mmap_size", "none"),
        ("journal_mode", "walk"),
    ],
)
def test_text_that_is_no_value_is_refused(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"The setting {name} cannot be"):
        Profile().evolve_from_text({name: text})


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("busy_timeot", "busy_timeout"),
        ("foreign_key", "foreign_keys"),
        ("synchronus", "synchronous"),
        ("transactions", "transaction"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest_name(name: str, near: str) -> None:
    with pytest.raises(ConfigurationError, match=f"hardlite has no setting {name!r}") as caught:
        Profile().evolve({name: 1})

    assert caught.value.hint == f"Did you mean {near!r}?"


def test_an_unknown_setting_that_is_near_to_none_is_refused_with_all_names() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Profile().evolve_from_text({"x": "1"})

    assert caught.value.hint == f"The settings are: {', '.join(sorted(Profile.names()))}."


def test_no_profile_is_the_default_one_and_anything_else_is_refused() -> None:
    mine = Profile(timeout=1)

    assert profile_from(None, argument="profile") == Profile()
    assert profile_from(mine, argument="profile") is mine
    with pytest.raises(ConfigurationError, match="profile= cannot be 'strict'"):
        profile_from("strict", argument="profile")
