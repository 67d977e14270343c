"""What no client sends by mistake: each gets a clear answer in Azure's shape, and changes nothing."""

import http.client
from xml.etree import ElementTree

import pytest
from azure.storage.blob import ContainerClient

from tests.blob.served import Account

BLOB = {"x-ms-blob-type": "BlockBlob"}


def code(text: str) -> str | None:
    return ElementTree.fromstring(text.encode()).findtext("Code")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "expected"),
    [
        ("PUT", "con/b", {}, 400, "MissingRequiredHeader"),
        ("PUT", "con/b", {"x-ms-blob-type": "Blob"}, 400, "InvalidHeaderValue"),
        ("PUT", "con/b", {"x-ms-blob-type": "PageBlob"}, 501, "NotImplemented"),
        ("PUT", "con/b", {**BLOB, "Content-MD5": "x"}, 400, "InvalidMd5"),
        ("PUT", "con/b", {**BLOB, "x-ms-blob-content-md5": "AAAA"}, 400, "InvalidMd5"),
        ("PUT", "con/b", {**BLOB, "x-ms-content-crc64": "AAAAAAAAAAA="}, 501, "NotImplemented"),
        ("PUT", "con/b", {**BLOB, "x-ms-structured-body": "XSM/1.0; properties=crc64"}, 501, "NotImplemented"),
        ("PUT", "con/b", {**BLOB, "x-ms-encryption-key": "AAAA"}, 501, "NotImplemented"),
        ("PUT", "con/b", {**BLOB, "x-ms-tags": "a=b"}, 501, "NotImplemented"),
        ("PUT", "con/kept", {**BLOB, "x-ms-lease-id": "1"}, 412, "LeaseNotPresentWithBlobOperation"),
        ("PUT", "con/b", {**BLOB, "x-ms-meta-a-b": "1"}, 400, "InvalidMetadata"),
        ("PUT", "con/b", {**BLOB, "x-ms-meta-a": "1" * 9000}, 400, "MetadataTooLarge"),
        ("PUT", "con/b", {**BLOB, "x-ms-access-tier": "Lukewarm"}, 400, "InvalidHeaderValue"),
        ("PUT", "con/kept", {**BLOB, "If-Unmodified-Since": "yesterday"}, 400, "InvalidHeaderValue"),
        ("PUT", "con/b?comp=metadata", {}, 404, "BlobNotFound"),
        ("PUT", "con/b?comp=block", {}, 400, "MissingRequiredQueryParameter"),
        ("PUT", "con/kept?comp=appendblock", {}, 409, "InvalidBlobType"),
        ("PUT", "con/b?comp=lease", {}, 501, "NotImplemented"),
        ("PUT", "con/b?comp=nonsense", {}, 501, "NotImplemented"),
        ("GET", "con/kept?snapshot=2024-01-01T00:00:00.0000000Z", {}, 404, "BlobNotFound"),
        ("GET", "con/kept?comp=blocklist&blocklisttype=some", {}, 400, "InvalidQueryParameterValue"),
        ("POST", "con/b", {}, 501, "NotImplemented"),
        ("TRACE", "con/b", {}, 405, "UnsupportedHttpVerb"),
        ("DELETE", "con/b", {}, 404, "BlobNotFound"),
        ("GET", "con/b?" + "&".join(f"a{n}=1" for n in range(100)), {}, 400, "InvalidUri"),
        ("GET", "nowhere/b", {}, 404, "ContainerNotFound"),
    ],
)  # fmt: skip
def test_it_is_refused_with_azures_code(
    account: Account,
    container: ContainerClient,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
    expected: str,
) -> None:
    container.upload_blob("kept", b"kept")
    answer = account.ask(method, path, headers=headers, data=b"x" if method == "PUT" else None)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (status, expected)
    assert code(answer.text) == expected
    assert [one.name for one in container.list_blobs()] == ["kept"]
    assert container.download_blob("kept").readall() == b"kept"


def test_a_body_of_unknown_length_is_refused(account: Account, container: ContainerClient) -> None:
    answer = account.ask("PUT", "con/b", headers=BLOB, data=iter([b"x"]))
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (411, "MissingContentLengthHeader")


def test_a_body_over_the_limit_is_refused_before_it_is_sent(account: Account, container: ContainerClient) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", account.port, timeout=20)
    connection.putrequest("PUT", f"/_blob/{account.name}/con/b?{account.sas('con', None, 'w')}")
    connection.putheader("Content-Length", str(6 << 30))
    connection.putheader("x-ms-blob-type", "BlockBlob")
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.headers["x-ms-error-code"]) == (413, "RequestBodyTooLarge")
    connection.close()


@pytest.mark.parametrize(
    "path", ["/", "/_blob/", "/_blob", "/_blob/../etc/passwd", "/_blob/%2e%2e/%2e%2e/etc", "/_blob/a"]
)
def test_paths_that_lead_to_no_account_are_refused(account: Account, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", account.port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert 400 <= answer.status < 500 or answer.status == 501
    assert answer.headers["x-ms-error-code"]
    connection.close()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", b""),
        ("multipart/mixed", b""),
        ("multipart/mixed; boundary=b", b"--b\r\n"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\nGET / HTTP/1.1\r\n\r\n--b--"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\nPUT /con/x HTTP/1.1\r\n\r\n--b--"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\nDELETE /con/x HTTP/1.1\r\n\r\n" * 300 + b"--b--"),
    ],
)
def test_batches_that_are_none_are_refused(
    account: Account, container: ContainerClient, kind: str, body: bytes
) -> None:
    answer = account.ask("POST", "con?restype=container&comp=batch", data=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "InvalidInput")


def test_a_batch_gives_no_rights_that_its_requests_do_not_have(account: Account, container: ContainerClient) -> None:
    container.upload_blob("kept", b"kept")
    body = b"--b\r\nContent-ID: 0\r\n\r\nDELETE /con/kept HTTP/1.1\r\nContent-Length: 0\r\n\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    answer = account.ask("POST", "con?restype=container&comp=batch", data=body, headers=headers)
    assert answer.status_code == 202 and "HTTP/1.1 401" in answer.text
    assert container.get_blob_client("kept").exists()


def test_public_access_is_refused_as_on_a_new_account(account: Account) -> None:
    container = account.blobs().get_container_client("open")
    answer = account.ask("GET", "open?restype=container")
    assert answer.status_code == 403
    with pytest.raises(Exception, match="Public access is not permitted"):
        container.create_container(public_access="blob")
    assert not container.exists()


def test_containers_live_and_die(account: Account) -> None:
    client = account.blobs()
    container = client.create_container("con", metadata={"k": "v"})
    with pytest.raises(Exception, match="ContainerAlreadyExists"):
        client.create_container("con")
    container.upload_blob("a/b", b"x")
    assert container.get_container_properties().metadata == {"k": "v"}
    container.set_container_metadata({"l": "w"})
    assert container.get_container_properties().metadata == {"l": "w"}
    assert container.get_container_access_policy() == {"public_access": None, "signed_identifiers": []}
    assert client.get_account_information()["account_kind"] == "StorageV2"
    assert client.get_service_properties()["static_website"].enabled is False
    container.delete_container()
    assert not container.exists() and not (account.folder / "con").exists()
    client.create_container("con")
    assert list(container.list_blobs()) == []
