"""The store: never older than already seen, never holding what is gone."""

import pytest

from crm_monitoring.cluster.store import STALE_SECONDS, Store
from crm_monitoring.errors import Unavailable
from crm_monitoring.manifest import CONFIG_MAP, ObjectKey
from unit.cluster.server import config_map


def key(name, namespace="shop"):
    return ObjectKey(CONFIG_MAP, namespace, name)


def owned(name, version, *uids):
    manifest = config_map(name, version)
    manifest["metadata"]["ownerReferences"] = [{"uid": uid} for uid in uids]
    return manifest


@pytest.fixture
def store():
    return Store(CONFIG_MAP)


@pytest.fixture
def changes(store):
    seen = []
    store.subscribe(lambda key, old, new: seen.append((key.name, _version(old), _version(new))))
    return seen


def _version(manifest):
    return manifest and manifest["metadata"]["resourceVersion"]


def test_a_new_store_knows_nothing(store):
    assert not store.synced
    assert not store.served
    assert list(store) == []


def test_a_list_replaces_the_content_and_reports_what_vanished(store, changes):
    store.replace([config_map("a", 1), config_map("b", 2)], "5")
    store.replace([config_map("b", 2), config_map("c", 6)], "7")
    assert changes == [("a", None, "1"), ("b", None, "2"), ("a", "1", None), ("c", None, "6")]
    assert store.synced
    assert store.served
    assert key("a") not in store
    assert len(store) == 2


def test_an_older_version_is_ignored_and_an_equal_one_changes_nothing(store, changes):
    store.observe(config_map("a", 9))
    store.observe(config_map("a", 8))
    store.put(config_map("a", 9))
    store.observe(config_map("a", 10))
    assert changes == [("a", None, "9"), ("a", "9", "10")]


def test_versions_are_compared_as_numbers(store):
    store.observe(config_map("a", 9))
    store.observe(config_map("a", 10))
    assert _version(store.get(key("a"))) == "10"


def test_an_own_write_during_a_list_survives_it(store):
    replacement = store.replacing()
    replacement.add([config_map("a", 3)])
    store.put(config_map("a", 11))
    store.put(config_map("b", 12))
    replacement.commit("10")
    assert _version(store.get(key("a"))) == "11"
    assert key("b") in store


def test_a_late_answer_does_not_bring_back_what_was_deleted_since(store):
    store.observe(config_map("a", 10))
    store.forget(config_map("a", 12))
    store.put(config_map("a", 10))
    assert key("a") not in store
    store.put(config_map("a", 13))
    assert key("a") in store


def test_a_late_deletion_does_not_remove_what_was_made_again(store):
    store.put(config_map("a", 15))
    store.forget(config_map("a", 12))
    assert key("a") in store


def test_a_bookmark_counts_as_seen(store):
    store.advance("20")
    store.put(config_map("a", 19))
    assert key("a") not in store


def test_a_restored_backup_with_lower_versions_is_believed_when_it_stays():
    now = [1000.0]
    store = Store(CONFIG_MAP, clock=lambda: now[0])
    store.replace([config_map("a", 100), config_map("b", 101)], "110")
    for now[0] in (1000.0, 1000.0 + STALE_SECONDS - 1):
        with pytest.raises(Unavailable):
            store.replace([config_map("a", 40)], "50")
        assert (_version(store.get(key("a"))), key("b") in store) == ("100", True)
    now[0] = 1000.0 + STALE_SECONDS
    store.replace([config_map("a", 40)], "50")
    assert _version(store.get(key("a"))) == "40"
    assert key("b") not in store


def test_a_stale_list_is_refused_anew_after_a_good_one():
    now = [1000.0]
    store = Store(CONFIG_MAP, clock=lambda: now[0])
    store.replace([config_map("a", 100)], "110")
    for now[0] in (1001.0, 1001.0 + STALE_SECONDS):
        with pytest.raises(Unavailable):
            store.replace([], "50")
        store.replace([config_map("a", 100)], "111")
    assert key("a") in store


def test_events_that_overtake_a_list_are_no_restored_backup(store, changes):
    store.replace([config_map("a", 100)], "110")
    listing = store.replacing()
    listing.add([config_map("a", 112)])
    store.observe(config_map("a", 114))
    store.observe(config_map("b", 115))

    listing.commit("113")

    assert _version(store.get(key("a"))) == "114"
    assert _version(store.get(key("b"))) == "115"
    assert changes == [("a", None, "100"), ("a", "100", "114"), ("b", None, "115")]


def test_a_list_does_not_bring_back_what_was_deleted_while_it_was_under_way(store):
    store.replace([config_map("a", 100)], "110")
    listing = store.replacing()
    listing.add([config_map("a", 100)])
    store.forget(config_map("a", 112))

    listing.commit("111")

    assert key("a") not in store


def test_a_list_shows_what_was_made_again_after_a_deletion(store):
    store.replace([config_map("a", 100)], "110")
    listing = store.replacing()
    store.forget(config_map("a", 112))
    listing.add([config_map("a", 113)])

    listing.commit("114")

    assert _version(store.get(key("a"))) == "113"


def test_objects_are_found_by_owner_and_by_namespace(store):
    store.observe(owned("a", 1, "u1"))
    store.observe(owned("b", 2, "u1", "u2"))
    store.observe(config_map("c", 3, namespace="other"))
    assert [item["metadata"]["name"] for item in store.by_owner("u1")] == ["a", "b"]
    assert [item["metadata"]["name"] for item in store.in_namespace("other")] == ["c"]
    store.observe(owned("a", 4, "u2"))
    assert [item["metadata"]["name"] for item in store.by_owner("u1")] == ["b"]
    store.remove(key("b"))
    assert store.by_owner("u1") == ()
    assert [item["metadata"]["name"] for item in store.by_owner("u2")] == ["a"]
    assert [item["metadata"]["name"] for item in store.in_namespace("shop")] == ["a"]


def test_a_kind_that_is_not_served_has_no_objects_and_is_known(store, changes):
    store.replace([config_map("a", 1)], "5")
    store.unserve()
    assert changes[-1] == ("a", "1", None)
    assert store.synced
    assert not store.served
    assert len(store) == 0


def test_objects_are_transformed_at_the_border():
    store = Store(CONFIG_MAP, transform=lambda item: {**item, "data": None})
    store.observe(config_map("a", 1, password="x"))
    store.replace([config_map("b", 2, password="x")], "3")
    assert store.get(key("b"))["data"] is None


def test_odd_versions_are_taken_as_they_come(store):
    odd = config_map("a", 1)
    odd["metadata"]["resourceVersion"] = "abc"
    store.observe(odd)
    store.observe(config_map("a", 2))
    assert _version(store.get(key("a"))) == "2"


def test_a_subscription_can_end(store):
    seen = []
    end = store.subscribe(lambda *change: seen.append(change))
    end()
    store.observe(config_map("a", 1))
    assert seen == []


def test_an_answer_of_metadata_alone_is_completed_by_its_echo_without_a_word(store):
    told = []
    store.put({name: value for name, value in config_map("a", 5).items() if name != "data"}, brief=True)
    store.subscribe(lambda *change: told.append(change))
    store.observe(config_map("a", 5))
    assert [known["data"] for known in store] == [config_map("a", 5)["data"]]
    store.put({name: value for name, value in config_map("a", 5).items() if name != "data"}, brief=True)
    assert [known["data"] for known in store] == [config_map("a", 5)["data"]]
    assert told == []


def test_what_is_handed_out_is_a_copy(store):
    store.observe(config_map("a", 5))
    for known in store:
        known["data"] = None
    assert [known["data"] for known in store] == [config_map("a", 5)["data"]]
