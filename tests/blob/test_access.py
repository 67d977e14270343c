"""Who may do what: account keys, shared access signatures of every kind, bearer tokens, and nobody else."""

import base64
from datetime import datetime, timedelta, timezone

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.storage.blob import (
    BlobClient,
    ContainerClient,
    ContainerSasPermissions,
    UserDelegationKey,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)
from azure.storage.filedatalake import generate_directory_sas

from lazulite.identity import accounts, tokens
from tests.blob.served import SIGNING_KEY, Account

HOUR = timedelta(hours=1)


def moment(after: timedelta) -> datetime:
    return datetime.now(timezone.utc) + after


@pytest.fixture
def blob(container: ContainerClient) -> BlobClient:
    return container.upload_blob("dir/sub/b", b"x")


def read(blob: BlobClient, query: str) -> requests.Response:
    return requests.get(f"{blob.url}?{query}", timeout=20)


def bearer(audience: str = "https://storage.azure.com", age: timedelta = timedelta(0)) -> dict[str, str]:
    token = tokens.issue(SIGNING_KEY, audience, tenant="t", oid="o", name="n", now=moment(-age))
    return {"Authorization": f"Bearer {token}", "x-ms-version": "2024-11-04"}


def test_another_accounts_key_opens_nothing(account: Account, blob: BlobClient) -> None:
    wrong = {"account_name": account.name, "account_key": accounts.account_key(SIGNING_KEY, "another")}
    with pytest.raises(ClientAuthenticationError) as error:
        account.blobs(credential=wrong).get_blob_client("con", "dir/sub/b").download_blob()
    assert (error.value.status_code, error.value.error_code) == (403, "AuthenticationFailed")


def test_nobody_reads_without_saying_who(account: Account, blob: BlobClient) -> None:
    for url in (blob.url, f"{account.url}/con?restype=container&comp=list"):
        answer = requests.get(url, timeout=20)
        assert (answer.status_code, answer.headers["x-ms-error-code"]) == (401, "NoAuthenticationInformation")
        assert "resource_id=https://storage.azure.com" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("value", ["SharedKey x", "SharedKey x:y", "Bearer", "Bearer x", "Basic eDp5", "SharedKey :"])
def test_authorization_that_is_none_is_refused(blob: BlobClient, value: str) -> None:
    answer = requests.get(blob.url, headers={"Authorization": value, "x-ms-date": "never"}, timeout=20)
    assert answer.status_code in (401, 403)


def test_a_request_signed_long_ago_is_refused(blob: BlobClient, account: Account) -> None:
    headers = {"x-ms-date": "Fri, 01 Jan 2021 00:00:00 GMT", "Authorization": f"SharedKey {account.name}:AAAA"}
    answer = requests.get(blob.url, headers=headers, timeout=20)
    assert answer.status_code == 403 and "15 minutes" in answer.text


def test_metadata_with_underscores_is_signed_in_azures_order(container: ContainerClient) -> None:
    told = {"upload_status": "completed", "upload2": "a", "uploada": "b", "a_b": "c", "a1": "d"}
    assert container.upload_blob("m", b"x", metadata=told).get_blob_properties().metadata == told


def test_the_spelling_that_a_local_address_leads_to_is_understood(blob: BlobClient, account: Account) -> None:
    """The SDK takes `127.0.0.1:1/_blob/acct` for an account's name. Source: wire notes on accountName."""
    local = f"http://127.0.0.1:{account.port}/_blob/{account.name}.blob.core.windows.net"
    client = BlobClient(local, "con", "dir/sub/b", credential=account.key)
    assert client.download_blob().readall() == b"x"
    name = f"127.0.0.1:{account.port}/_blob/{account.name}"
    sas = generate_blob_sas(name, "con", "dir/sub/b", account_key=account.key, permission="r", expiry=moment(HOUR))
    assert requests.get(f"{local}/con/dir/sub/b?{sas}", timeout=20).content == b"x"


def test_a_signature_for_a_blob_is_for_that_blob_alone(account: Account, blob: BlobClient) -> None:
    sas = generate_blob_sas(
        account.name, "con", "dir/sub/b", account_key=account.key, permission="r", expiry=moment(HOUR)
    )
    assert read(blob, sas).content == b"x"
    assert read(blob, account.sas("con", "dir/sub/b", "r")).content == b"x"
    refused = requests.get(f"{account.url}/con/other?{sas}", timeout=20)
    assert (refused.status_code, refused.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
    assert (
        requests.delete(f"{blob.url}?{sas}", timeout=20).headers["x-ms-error-code"] == "AuthorizationPermissionMismatch"
    )


@pytest.mark.parametrize(("start", "expiry"), [(-2 * HOUR, -HOUR), (HOUR, 2 * HOUR)])
def test_a_signature_has_its_time(account: Account, blob: BlobClient, start: timedelta, expiry: timedelta) -> None:
    times = {"start": moment(start), "expiry": moment(expiry)}
    sas = generate_container_sas(account.name, "con", account.key, permission="r", **times)
    answer = read(blob, sas)
    assert answer.status_code == 403 and "not valid in the specified time frame" in answer.text


@pytest.mark.parametrize(
    "change", ["sp=rw", "se=2999-01-01", "sr=b", "sv=2019-12-12", "sig=AAAA", "sig=%ff", "sv=2012-02-12"]
)
def test_a_signature_that_was_tampered_with_is_refused(account: Account, blob: BlobClient, change: str) -> None:
    fields = dict(pair.split("=", 1) for pair in account.sas("con", None, "r").split("&"))
    fields |= dict([change.split("=", 1)])
    answer = read(blob, "&".join(f"{name}={value}" for name, value in fields.items()))
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize("version", ["2015-04-05", "2018-11-09", "2020-12-06"])
def test_signatures_of_older_versions(account: Account, blob: BlobClient, version: str) -> None:
    """What is signed grew with the versions. Source: create-service-sas, version history."""
    query = {"sp": "r", "se": "2999-01-01", "sv": version, "sr": "c"}
    lines = ["r", "", "2999-01-01", f"/blob/{account.name}/con", "", "", "", version]
    lines += ["c", ""] if version >= "2018-11-09" else []
    lines += [""] if version >= "2020-12-06" else []
    query["sig"] = accounts.sign(account.key, "\n".join([*lines, "", "", "", "", ""]))
    assert requests.get(blob.url, params=query, timeout=20).content == b"x"


def test_who_may_create_may_not_replace(account: Account, blob: BlobClient) -> None:
    client = ContainerClient(account.url, "con", credential=account.sas("con", None, "c"), retry_total=0)
    client.upload_blob("new", b"1")
    with pytest.raises(HttpResponseError) as error:
        client.upload_blob("new", b"2", overwrite=True)
    assert error.value.error_code == "UnauthorizedBlobOverwrite"


def test_a_container_signature_lists_but_does_not_delete_the_container(account: Account, blob: BlobClient) -> None:
    client = ContainerClient(account.url, "con", credential=account.sas("con", None, "racwdl"), retry_total=0)
    assert [one.name for one in client.list_blobs()] == ["dir/sub/b"]
    with pytest.raises(HttpResponseError) as error:
        client.delete_container()
    assert error.value.error_code == "AuthorizationFailure"


def test_an_account_signature_is_bound_to_services_and_resource_types(account: Account, blob: BlobClient) -> None:
    def sas(types: str, permissions: str) -> str:
        return generate_account_sas(account.name, account.key, types, permissions, moment(HOUR))

    assert read(blob, sas("o", "r")).content == b"x"
    assert read(blob, sas("sc", "r")).headers["x-ms-error-code"] == "AuthorizationResourceTypeMismatch"
    assert [one.name for one in account.blobs(credential=sas("s", "l")).list_containers()] == ["con"]
    assert read(blob, sas("o", "r").replace("ss=b", "ss=q")).status_code == 403


def test_a_signature_for_https_or_another_address_is_refused(account: Account, blob: BlobClient) -> None:
    for bound in ({"protocol": "https"}, {"ip": "10.0.0.1-10.0.0.9"}):
        sas = generate_container_sas(account.name, "con", account.key, permission="r", expiry=moment(HOUR), **bound)
        assert read(blob, sas).status_code == 403
    sas = generate_container_sas(account.name, "con", account.key, permission="r", expiry=moment(HOUR), ip="127.0.0.1")
    assert read(blob, sas).content == b"x"


def test_a_signature_says_what_headers_an_answer_has_and_cannot_break_them(account: Account, blob: BlobClient) -> None:
    given = {"permission": "r", "expiry": moment(HOUR), "account_key": account.key}
    sas = generate_blob_sas(account.name, "con", "dir/sub/b", content_type="text/html", **given)
    assert read(blob, sas).headers["content-type"] == "text/html"
    split = generate_blob_sas(account.name, "con", "dir/sub/b", content_disposition="a\r\nX-Evil: 1", **given)
    answer = read(blob, split)
    assert answer.status_code == 400 and "x-evil" not in answer.headers


def test_a_directory_signature_reaches_below_it(account: Account, blob: BlobClient) -> None:
    sas = generate_directory_sas(account.name, "con", "dir", account.key, permission="r", expiry=moment(HOUR))
    assert read(blob, sas).content == b"x"
    assert requests.get(f"{account.url}/con/other?{sas}", timeout=20).status_code == 403


def test_a_bearer_token_for_storage_opens_it_and_others_do_not(account: Account, blob: BlobClient) -> None:
    assert requests.get(blob.url, headers=bearer(), timeout=20).content == b"x"
    own = f"https://{account.name}.blob.core.windows.net"
    assert requests.get(blob.url, headers=bearer(own), timeout=20).content == b"x"
    for headers in (bearer("https://management.azure.com"), bearer(age=timedelta(days=3))):
        answer = requests.get(blob.url, headers=headers, timeout=20)
        assert (answer.status_code, answer.headers["x-ms-error-code"]) == (401, "InvalidAuthenticationInfo")


def test_a_user_delegation_key_signs_for_a_bearer(account: Account, blob: BlobClient) -> None:
    times = [f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in (moment(-HOUR), moment(HOUR))]
    body = f"<KeyInfo><Start>{times[0]}</Start><Expiry>{times[1]}</Expiry></KeyInfo>"
    url = f"{account.url}/?restype=service&comp=userdelegationkey"
    answer = requests.post(url, data=body, headers=bearer(), timeout=20)
    assert answer.status_code == 200, answer.text
    key = UserDelegationKey()
    for field in ("SignedOid", "SignedTid", "SignedStart", "SignedExpiry", "SignedService", "SignedVersion", "Value"):
        name = "value" if field == "Value" else "signed_" + field[6:].lower()
        setattr(key, name, answer.text.split(f"<{field}>")[1].split("<")[0])
    assert len(base64.b64decode(str(key.value))) == 32
    sas = generate_container_sas(
        account.name, "con", user_delegation_key=key, permission=ContainerSasPermissions(read=True), expiry=moment(HOUR)
    )
    assert read(blob, sas).content == b"x"
    assert read(blob, sas.replace("skoid=o", "skoid=p")).status_code == 403
    assert requests.post(f"{url}&{account.sas('con', None, 'r')}", data=body, timeout=20).status_code == 403
