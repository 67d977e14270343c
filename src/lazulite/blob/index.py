"""The SQLite index of blob storage: what a plain file cannot say of itself. Knows no file and no HTTP."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy
from sqlalchemy import JSON, BigInteger, Column, Connection, Index, Integer, MetaData, String, Table, bindparam
from sqlalchemy.dialects.sqlite import insert

from lazulite.artifacts.refs import BlobRef

BLOCK = "BlockBlob"
APPEND = "AppendBlob"
DIRECTORY = "Directory"

_NAMES_A_QUERY = 500

metadata = MetaData()

containers = Table(
    "containers",
    metadata,
    Column("account", String, primary_key=True),
    Column("container", String, primary_key=True),
    Column("etag", String, nullable=False),
    Column("modified_ns", BigInteger, nullable=False),
    Column("metadata", JSON, nullable=False),
    sqlite_with_rowid=False,
)

blobs = Table(
    "blobs",
    metadata,
    Column("account", String, primary_key=True),
    Column("container", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("file_ns", BigInteger, nullable=False),  # st_mtime_ns of the file that this row is about
    Column("etag", String, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("modified_ns", BigInteger, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("block_count", Integer, nullable=False),
    Column("block_list", JSON),  # [[id, size in bytes], ...]; long, so last and read only when asked for
    Index("directories", "account", "container", "name", sqlite_where=sqlalchemy.text("kind = 'Directory'")),
    sqlite_with_rowid=False,
)

blocks = Table(
    "blocks",
    metadata,
    Column("account", String, primary_key=True),
    Column("container", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("block_id", String, primary_key=True),
    Column("path", String, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("received_ns", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True)
class Blob:
    """A blob as its file and its row tell it together.

    kind: BLOCK, APPEND or DIRECTORY. headers: those that a GET repeats, lower-case: content-type, content-md5, ....
    path: the file, or the folder of a directory. Times are nanoseconds since 1970.
    """

    name: str
    kind: str
    size_bytes: int
    file_ns: int
    etag: str
    created_ns: int
    modified_ns: int
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    block_count: int = 0
    path: str = ""


@dataclass(frozen=True)
class Container:
    """A container. metadata: names as they were given."""

    account: str
    name: str
    etag: str
    modified_ns: int
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """An uncommitted block: a range of a file."""

    block_id: str
    path: str
    offset: int
    size_bytes: int


_COLUMNS = [column for column in blobs.c if column.name not in ("account", "container", "block_list")]


def _of(table: Table) -> Any:
    """Returns the condition that a row is about the blob given as account, container, name."""
    return sqlalchemy.and_(*(table.c[key] == bindparam(f"{key}_") for key in ("account", "container", "name")))


def _within(table: Table) -> Any:
    return sqlalchemy.and_(*(table.c[key] == bindparam(f"{key}_") for key in ("account", "container")))


def _below(table: Table, folder: str) -> Any:
    # LIKE would ignore case; "0" is the character after "/".
    return (table.c.name == folder) | ((table.c.name > folder + "/") & (table.c.name < folder + "0"))


def _key(ref: BlobRef) -> dict[str, str]:
    return {"account_": ref.account, "container_": ref.container, "name_": ref.name}


def _upsert(table: Table) -> Any:
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    return statement.on_conflict_do_update(
        index_elements=keys,
        set_={column.name: statement.excluded[column.name] for column in table.c if column.name not in keys},
    )


_GET = sqlalchemy.select(*_COLUMNS).where(_of(blobs))
_GET_BLOCK_LIST = sqlalchemy.select(blobs.c.block_list).where(_of(blobs))
_PUT = _upsert(blobs)
_DELETE = sqlalchemy.delete(blobs).where(_of(blobs))
_NAMED = sqlalchemy.select(*_COLUMNS).where(_within(blobs), blobs.c.name.in_(bindparam("names", expanding=True)))
_DIRECTORIES = (
    sqlalchemy.select(blobs.c.name)
    .where(
        _within(blobs),
        blobs.c.name > bindparam("after"),
        blobs.c.name >= bindparam("first"),
        sqlalchemy.text("kind = 'Directory'"),
    )
    .order_by(blobs.c.name)
    .limit(bindparam("limit"))
)
_GET_CONTAINER = sqlalchemy.select(containers).where(_within(containers))
_PUT_CONTAINER = _upsert(containers)
_GET_BLOCKS = sqlalchemy.select(blocks).where(_of(blocks)).order_by(blocks.c.received_ns)
_PUT_BLOCK = _upsert(blocks)
_DELETE_BLOCKS = sqlalchemy.delete(blocks).where(_of(blocks))


def get(connection: Connection, ref: BlobRef) -> Blob | None:
    """Returns what is written of a blob, whether its file still is that one or not."""
    row = connection.execute(_GET, _key(ref)).one_or_none()
    return Blob(*row) if row else None


def put(connection: Connection, ref: BlobRef, blob: Blob, block_list: list[tuple[str, int]] | None = None) -> None:
    """Writes a blob's row over the one there is."""
    values = {column.name: getattr(blob, column.name) for column in _COLUMNS if column.name != "name"}
    key = {"account": ref.account, "container": ref.container, "name": ref.name}
    connection.execute(_PUT, {**key, **values, "block_list": block_list})


def put_metadata(connection: Connection, ref: BlobRef, blob: Blob) -> None:
    """Writes a blob's row and keeps the committed block list."""
    listed = block_list(connection, ref)
    put(connection, ref, blob, listed)


def delete(connection: Connection, ref: BlobRef) -> None:
    """Removes a blob's row."""
    connection.execute(_DELETE, _key(ref))


def block_list(connection: Connection, ref: BlobRef) -> list[tuple[str, int]]:
    """Returns the blocks that a blob was committed from, in order: (id, size in bytes)."""
    listed = connection.execute(_GET_BLOCK_LIST, _key(ref)).scalar_one_or_none()
    return [(block_id, size) for block_id, size in listed or ()]


def named(connection: Connection, account: str, container: str, names: list[str]) -> dict[str, Blob]:
    """Returns the rows of the names that have one, by name."""
    rows: dict[str, Blob] = {}
    for start in range(0, len(names), _NAMES_A_QUERY):
        some = names[start : start + _NAMES_A_QUERY]
        found = connection.execute(_NAMED, {"account_": account, "container_": container, "names": some})
        rows.update((row.name, Blob(*row)) for row in found)
    return rows


def directories(
    connection: Connection, account: str, container: str, *, first: str, after: str, limit: int
) -> list[str]:
    """Returns names that are directories by their own row, in order: from `first` on, and after `after`."""
    key = {"account_": account, "container_": container, "first": first, "after": after, "limit": limit}
    return list(connection.execute(_DIRECTORIES, key).scalars())


def are_directories(connection: Connection, ref: BlobRef, names: Iterable[str]) -> set[str]:
    """Returns those of the names in ref's container that are directories by their own row."""
    statement = sqlalchemy.select(blobs.c.name).where(
        _within(blobs), blobs.c.name.in_(list(names)), sqlalchemy.text("kind = 'Directory'")
    )
    key = {"account_": ref.account, "container_": ref.container}
    return set(connection.execute(statement, key).scalars())


def move_below(connection: Connection, source: BlobRef, target: BlobRef) -> None:
    """Gives the rows of a folder and of all in it the names that they have below another folder."""
    key = {"account_": source.account, "container_": source.container}
    renamed = target.name + sqlalchemy.func.substr(blobs.c.name, len(source.name) + 1)
    moved = sqlalchemy.update(blobs).where(_within(blobs), _below(blobs, source.name))
    connection.execute(moved.values(container=target.container, name=renamed), key)


def delete_below(connection: Connection, ref: BlobRef) -> None:
    """Removes the rows of a folder and of all in it; of the whole container when the name is empty."""
    for table in (blobs, blocks):
        statement = sqlalchemy.delete(table).where(_within(table))
        if ref.name:
            statement = statement.where(_below(table, ref.name))
        connection.execute(statement, {"account_": ref.account, "container_": ref.container})


def get_container(connection: Connection, account: str, container: str) -> Container | None:
    """Returns what is written of a container."""
    row = connection.execute(_GET_CONTAINER, {"account_": account, "container_": container}).one_or_none()
    return Container(*row) if row else None


def put_container(connection: Connection, container: Container) -> None:
    """Writes a container's row over the one there is."""
    connection.execute(
        _PUT_CONTAINER,
        {
            "account": container.account,
            "container": container.name,
            "etag": container.etag,
            "modified_ns": container.modified_ns,
            "metadata": container.metadata,
        },
    )


def delete_container(connection: Connection, account: str, container: str) -> None:
    """Removes a container's row and all that is written of its blobs."""
    connection.execute(
        sqlalchemy.delete(containers).where(_within(containers)), {"account_": account, "container_": container}
    )
    delete_below(connection, BlobRef(account, container, ""))


def get_blocks(connection: Connection, ref: BlobRef) -> list[Block]:
    """Returns a blob's uncommitted blocks, the oldest first."""
    rows = connection.execute(_GET_BLOCKS, _key(ref))
    return [Block(row.block_id, row.path, row.offset, row.size_bytes) for row in rows]


def put_block(connection: Connection, ref: BlobRef, block: Block, received_ns: int) -> None:
    """Writes an uncommitted block over the one of the same id."""
    values = {
        "account": ref.account,
        "container": ref.container,
        "name": ref.name,
        "block_id": block.block_id,
        "path": block.path,
        "offset": block.offset,
        "size_bytes": block.size_bytes,
        "received_ns": received_ns,
    }
    connection.execute(_PUT_BLOCK, values)


def move_block(connection: Connection, ref: BlobRef, block_id: str, path: str, offset: int) -> None:
    """Says that an uncommitted block stands elsewhere now."""
    statement = sqlalchemy.update(blocks).where(_of(blocks), blocks.c.block_id == bindparam("id_"))
    connection.execute(statement.values(path=path, offset=offset), {**_key(ref), "id_": block_id})


def delete_blocks(connection: Connection, ref: BlobRef) -> None:
    """Forgets a blob's uncommitted blocks."""
    connection.execute(_DELETE_BLOCKS, _key(ref))


def drop_blocks_before(connection: Connection, moment_ns: int) -> set[tuple[str, BlobRef]]:
    """Forgets blocks received before a moment; returns the files of those that are left, each with its blob."""
    connection.execute(sqlalchemy.delete(blocks).where(blocks.c.received_ns < moment_ns))
    left = connection.execute(sqlalchemy.select(blocks.c.path, blocks.c.account, blocks.c.container, blocks.c.name))
    return {(row.path, BlobRef(row.account, row.container, row.name)) for row in left}
