"""A nightly import of orders, with their lines, while the shop keeps selling.

The import keeps every good order, says which ones it left out and why, and no sale has to wait for
more than one batch of it.
"""

import tempfile
import threading
from pathlib import Path

from sqlalchemy import ForeignKey, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from hardlite import batched_unit_of_work, create_hardened_engine, get_sessionmaker


class Base(DeclarativeBase):
    pass


class Product(Base):
    __tablename__ = "product"
    sku: Mapped[str] = mapped_column(primary_key=True)
    sold: Mapped[int] = mapped_column(default=0)


class Order(Base):
    __tablename__ = "order"
    number: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[str]
    lines: Mapped[list["Line"]] = relationship()


class Line(Base):
    __tablename__ = "line"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_number: Mapped[int] = mapped_column(ForeignKey("order.number"))
    sku: Mapped[str] = mapped_column(ForeignKey("product.sku"))
    amount: Mapped[int]


def orders() -> list[dict[str, object]]:
    """Six hundred orders; every hundredth names a product that does not exist."""
    return [
        {
            "number": number,
            "customer": f"customer {number % 97}",
            "lines": [
                {"sku": "nut" if number % 100 else "unobtainium", "amount": 1 + number % 3},
                {"sku": "bolt", "amount": 2},
            ],
        }
        for number in range(1, 601)
    ]


def add_order(session: Session, order: dict) -> None:
    """Add one order with its lines: the work of the import."""
    lines = [Line(**line) for line in order["lines"]]
    session.add(Order(number=order["number"], customer=order["customer"], lines=lines))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = create_hardened_engine(f"sqlite:///{Path(folder) / 'shop.db'}")
        Base.metadata.create_all(engine)
        sessions = get_sessionmaker(engine)
        with sessions.begin() as session:
            session.add_all([Product(sku="nut"), Product(sku="bolt")])

        open_for_business, closing_time = threading.Event(), threading.Event()
        sales = []

        def sell() -> None:
            while not closing_time.is_set():
                with sessions.begin() as session:
                    bolts = select(Product).where(Product.sku == "bolt").with_for_update()
                    session.scalars(bolts).one().sold += 1
                sales.append(1)
                open_for_business.set()

        shop = threading.Thread(target=sell)
        shop.start()
        open_for_business.wait()
        report = batched_unit_of_work(
            sessions, orders(), add_order, batch_size=50, on_error="isolate"
        )
        closing_time.set()
        shop.join()

        print(report.summary())
        print("left out first:", report.rejections[0])
        with sessions.reader() as session:
            print("orders kept:", session.scalar(select(func.count(Order.number))))
            print("every sale counted:", session.get_one(Product, "bolt").sold == len(sales))
        engine.dispose()


if __name__ == "__main__":
    main()
