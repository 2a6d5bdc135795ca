"""The city's thirteen kecamatan and what position lies where. Centroids are of coarse public polygons."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

_EARTH_RADIUS_M = 6_371_000
_PAD_DEGREES = 0.02  # a phone at the border may place itself just outside
_SOUTH, _NORTH, _WEST, _EAST = -6.2561, -6.0971, 106.5515, 106.7476


@dataclass(frozen=True, slots=True)
class Kecamatan:
    """A district by its Kemendagri code, with its centroid in degrees."""

    code: str
    name: str
    lat: float
    lon: float


KECAMATAN = (
    Kecamatan("36.71.01", "Tangerang", -6.189, 106.641),
    Kecamatan("36.71.02", "Jatiuwung", -6.198, 106.575),
    Kecamatan("36.71.03", "Batuceper", -6.162, 106.670),
    Kecamatan("36.71.04", "Benda", -6.130, 106.666),
    Kecamatan("36.71.05", "Cipondoh", -6.186, 106.683),
    Kecamatan("36.71.06", "Ciledug", -6.239, 106.706),
    Kecamatan("36.71.07", "Karawaci", -6.181, 106.618),
    Kecamatan("36.71.08", "Periuk", -6.168, 106.594),
    Kecamatan("36.71.09", "Cibodas", -6.206, 106.608),
    Kecamatan("36.71.10", "Neglasari", -6.143, 106.630),
    Kecamatan("36.71.11", "Pinang", -6.215, 106.666),
    Kecamatan("36.71.12", "Karang Tengah", -6.210, 106.710),
    Kecamatan("36.71.13", "Larangan", -6.239, 106.733),
)


def is_in_city(lat: float, lon: float) -> bool:
    """Tell whether a position is inside the city's padded bounding box; outside is no reason to refuse."""
    return _SOUTH - _PAD_DEGREES <= lat <= _NORTH + _PAD_DEGREES and _WEST - _PAD_DEGREES <= lon <= _EAST + _PAD_DEGREES


def nearest_kecamatan(lat: float, lon: float, among: Iterable[Kecamatan] = KECAMATAN) -> Kecamatan:
    """Return the kecamatan whose centroid is closest: an approximation, say so where it is shown."""
    return min(among, key=lambda place: distance_m(lat, lon, place.lat, place.lon))


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Return the great-circle distance in metres (haversine)."""
    dlat, dlon = radians(lat2 - lat1), radians(lon2 - lon1)
    chord = sin(dlat / 2) ** 2 + cos(radians(lat1)) * cos(radians(lat2)) * sin(dlon / 2) ** 2
    return 2 * _EARTH_RADIUS_M * asin(min(1.0, sqrt(chord)))
