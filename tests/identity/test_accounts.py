"""Storage accounts: names, keys, and signatures that the official client would have made itself."""

import re
from datetime import datetime, timezone
from urllib.parse import parse_qs, parse_qsl

import pytest
from azure.storage.blob import generate_blob_sas, generate_container_sas
from hypothesis import given
from hypothesis import strategies as st

from lazulite.identity import accounts
from lazulite.ids import WorkspaceId

SIGNING_KEY = bytes(range(64))
KEY = accounts.account_key(SIGNING_KEY, "acct")
LATER = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


@given(st.text(min_size=1, max_size=260))
def test_any_workspace_has_an_account_name_that_azure_would_take(workspace):
    assert re.fullmatch(r"[a-z0-9]{3,24}", accounts.account_name(WorkspaceId("s", "g", workspace)))


def test_names_begin_with_the_workspaces_and_differ_by_its_whole_id():
    one = accounts.account_name(WorkspaceId("s", "g", "Churn-dev"))
    assert one.startswith("churndevst")
    assert one == accounts.account_name(WorkspaceId("S", "G", "churn-DEV"))
    assert one != accounts.account_name(WorkspaceId("s", "other", "Churn-dev"))


def test_keys_belong_to_one_account_of_one_home():
    assert accounts.account_key(SIGNING_KEY, "acct") == KEY
    others = {
        KEY,
        accounts.account_key(SIGNING_KEY, "acct2"),
        accounts.account_key(SIGNING_KEY, "acct", generation=1),
        accounts.account_key(bytes(64), "acct"),
    }
    assert len(others) == 4
    assert len(KEY) == 88


@pytest.mark.parametrize("blob", ["model.pkl", "a/b c/dé+&=%.bin"])
def test_a_blobs_signature_is_the_one_the_official_client_checks_against(blob):
    theirs = dict(parse_qsl(generate_blob_sas("acct", "c", blob, account_key=KEY, permission="rw", expiry=LATER)))
    assert accounts.sas_signature(KEY, "acct", f"c/{blob}", theirs) == theirs["sig"]


def test_a_signature_covers_all_that_the_official_client_may_put_in():
    theirs = generate_blob_sas(
        "acct",
        "c",
        "b",
        snapshot="2029-01-01T00:00:00.0000000Z",
        account_key=KEY,
        permission="r",
        expiry=LATER,
        start=datetime(2020, 1, 1, tzinfo=timezone.utc),
        policy_id="policy",
        ip="1.2.3.4-1.2.3.9",
        protocol="https",
        cache_control="no-cache",
        content_disposition="attachment",
        content_encoding="gzip",
        content_language="en",
        content_type="text/plain",
        encryption_scope="scope",
    )
    # The snapshot is not in the SAS: the URL of a snapshot has it already.
    query = {**dict(parse_qsl(theirs)), "snapshot": "2029-01-01T00:00:00.0000000Z"}
    assert accounts.sas_signature(KEY, "acct", "c/b", query) == query["sig"]


def test_a_container_too():
    theirs = dict(parse_qsl(generate_container_sas("acct", "c", account_key=KEY, permission="rl", expiry=LATER)))
    assert accounts.sas_signature(KEY, "acct", "c", theirs) == theirs["sig"]


def test_our_own_signature_says_what_it_was_asked_to():
    blob = parse_qs(accounts.sign_sas("acct", KEY, "c", "a/b", "rcw", LATER))
    assert (blob["sr"], blob["sp"], blob["se"]) == (["b"], ["rcw"], ["2030-01-02T03:04:05Z"])
    container = dict(parse_qsl(accounts.sign_sas("acct", KEY, "c", None, "rl", LATER)))
    assert container["sr"] == "c"
    assert accounts.sas_signature(KEY, "acct", "c", container) == container["sig"]
    assert accounts.sas_signature(KEY, "acct", "other", container) != container["sig"]
