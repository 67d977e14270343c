"""Sobol's sequence: places of the unit cube that fill it evenly. Held to SciPy's by a test.

Source: S. Joe and F. Y. Kuo, Constructing Sobol sequences with better two-dimensional projections, SIAM J. Sci. Comput.
30 (2008), the direction numbers new-joe-kuo-6.
"""

from collections.abc import Sequence

_BITS = 30
# Of each dimension after the first: its polynomial's degree and coefficients, as bits, and the first direction numbers.
_DIRECTIONS: Sequence[tuple[int, int, Sequence[int]]] = (
    (1, 0, (1,)),
    (2, 1, (1, 3)),
    (3, 1, (1, 3, 1)),
    (3, 2, (1, 1, 1)),
    (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)),
    (5, 2, (1, 1, 5, 5, 17)),
    (5, 4, (1, 1, 5, 5, 5)),
    (5, 7, (1, 1, 7, 11, 19)),
    (5, 11, (1, 1, 5, 1, 1)),
    (5, 13, (1, 1, 1, 3, 11)),
    (5, 14, (1, 3, 5, 5, 31)),
    (6, 1, (1, 3, 3, 9, 7, 49)),
    (6, 13, (1, 1, 1, 15, 21, 21)),
    (6, 16, (1, 3, 1, 13, 27, 49)),
    (6, 19, (1, 1, 1, 15, 7, 5)),
    (6, 22, (1, 3, 1, 15, 13, 25)),
    (6, 25, (1, 1, 5, 5, 19, 61)),
    (7, 1, (1, 3, 7, 11, 23, 15, 103)),
    (7, 4, (1, 3, 7, 13, 13, 15, 69)),
)
MOST_DIMENSIONS = len(_DIRECTIONS) + 1


def place(number: int, shifts: Sequence[int]) -> list[float]:
    """Returns the place of that number, from 0, in as many dimensions as there are shifts.

    shifts: whole numbers below 2**30, which move the whole sequence: another for each seed, all 0 for none.
    """
    gray = number ^ (number >> 1)
    return [_coordinate(gray, _numbers(dimension), shift) for dimension, shift in enumerate(shifts)]


def _coordinate(gray: int, numbers: Sequence[int], shift: int) -> float:
    found = shift
    for bit, direction in enumerate(numbers):
        if gray >> bit & 1:
            found ^= direction
    return float(found) / (1 << _BITS)


def _numbers(dimension: int) -> list[int]:
    if dimension == 0:
        return [1 << (_BITS - 1 - bit) for bit in range(_BITS)]
    degree, polynomial, first = _DIRECTIONS[dimension - 1]
    found = [one << (_BITS - 1 - bit) for bit, one in enumerate(first)]
    for bit in range(degree, _BITS):
        new = found[bit - degree] ^ (found[bit - degree] >> degree)
        for back in range(1, degree):
            if polynomial >> (degree - 1 - back) & 1:
                new ^= found[bit - back]
        found.append(new)
    return found
