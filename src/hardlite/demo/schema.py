"""The tables: flights out of New York in 2013, and what the people in the foreground write."""

import datetime as dt
from typing import ClassVar

from sqlalchemy import Float, ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = ["Airline", "Airport", "Base", "Desk", "Flight", "Plane", "Visit", "Weather"]


class Base(DeclarativeBase):
    """All tables of the demo."""

    # SQLAlchemy 2.1 would write DOUBLE for a float, 2.0 FLOAT; SQLite keeps the same for both.
    type_annotation_map: ClassVar = {float: Float}


class Airline(Base):
    """A carrier and its name."""

    __tablename__ = "airlines"

    carrier: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Airport(Base):
    """An airport by the code that the FAA gave it."""

    __tablename__ = "airports"

    faa: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    lat: Mapped[float]
    lon: Mapped[float]
    alt: Mapped[int]
    tz: Mapped[int]
    dst: Mapped[str]
    tzone: Mapped[str | None]


class Plane(Base):
    """A plane in the FAA's registry, by its tail number."""

    __tablename__ = "planes"

    tailnum: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int | None]
    type: Mapped[str]
    manufacturer: Mapped[str]
    model: Mapped[str]
    engines: Mapped[int]
    seats: Mapped[int]
    speed: Mapped[int | None]
    engine: Mapped[str]


class Weather(Base):
    """An hour of weather at one of the three airports.

    The data has one hour of 3 November twice at each airport: clocks were set back.
    """

    __tablename__ = "weather"

    origin: Mapped[str] = mapped_column(ForeignKey(Airport.faa), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    month: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[int] = mapped_column(primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True)
    temp: Mapped[float | None]
    dewp: Mapped[float | None]
    humid: Mapped[float | None]
    wind_dir: Mapped[int | None]
    wind_speed: Mapped[float | None]
    wind_gust: Mapped[float | None]
    precip: Mapped[float]
    pressure: Mapped[float | None]
    visib: Mapped[float]
    time_hour: Mapped[dt.datetime]


class Flight(Base):
    """A flight, on time or not."""

    __tablename__ = "flights"

    id: Mapped[int] = mapped_column(primary_key=True)
    year: Mapped[int]
    month: Mapped[int]
    day: Mapped[int]
    dep_time: Mapped[int | None]
    sched_dep_time: Mapped[int]
    dep_delay: Mapped[int | None]
    arr_time: Mapped[int | None]
    sched_arr_time: Mapped[int]
    arr_delay: Mapped[int | None]
    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.carrier))
    flight: Mapped[int]
    tailnum: Mapped[str | None] = mapped_column(ForeignKey(Plane.tailnum))
    origin: Mapped[str] = mapped_column(ForeignKey(Airport.faa))
    dest: Mapped[str] = mapped_column(ForeignKey(Airport.faa))
    air_time: Mapped[int | None]
    distance: Mapped[int]
    hour: Mapped[int]
    minute: Mapped[int]
    time_hour: Mapped[dt.datetime]


class Desk(Base):
    """A service desk; each writer in the foreground has its own."""

    __tablename__ = "desks"

    id: Mapped[int] = mapped_column(primary_key=True)
    served: Mapped[int] = mapped_column(default=0)


class Visit(Base):
    """Somebody who was served at a desk."""

    __tablename__ = "visits"

    id: Mapped[int] = mapped_column(primary_key=True)
    desk_id: Mapped[int] = mapped_column(ForeignKey(Desk.id, ondelete="CASCADE"))
    number: Mapped[int]
