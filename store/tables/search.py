"""Tables of search. The full-text indexes are made by hand in migrations, because each database has its own."""

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel

from store.tables.columns import of_thread


class VectorRow(SQLModel, table=True):
    """The embedding of a message. A message may have none yet; an empty vector means that it has no text."""

    __tablename__ = "message_vectors"
    __table_args__ = (
        of_thread(),
        {"sqlite_with_rowid": False},  # a thread's vectors lie side by side, as they are read
    )
    owner_id: str = Field(primary_key=True)
    thread_id: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    pk: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))  # the message's
    vector: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
