"""Renders lanterns.png: a tea house on a quay at dusk, which was never in front of a camera.

A path tracer in NumPy. The scene is a list of triangles with procedural materials; light comes from the sky, from paper
lanterns and from lit windows. The picture is rendered at four times its size and reduced by `keras_lisr.data.imresize`,
so that the rendering is the ground truth of the sample.

    python samples/render.py samples/lanterns.png --high-resolution lanterns_high_resolution.png
"""

import argparse
import functools
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_lisr.data import imresize

WIDTH, HEIGHT = 960, 640
SHRINK = 4
SAMPLES = 6
SEED = 20
BATCH = 1 << 18
FLOAT = np.float32

# The camera stands at the origin of x and z and looks along z, turned a little to the left. Like an architectural
# lens it is shifted, not tilted, and so upright edges stay upright. Metres, y upwards.
EYE = np.array([0.0, 1.75, 0.0], FLOAT)
YAW = math.radians(-10)
HALF_WIDTH, LOWEST, HIGHEST = 0.60, -0.45, 0.35

BOUNCES = 2
HAZE_DISTANCE = 260.0
HAZE = np.array([0.80, 0.52, 0.42], FLOAT)


# --- Noise -----------------------------------------------------------------------------------------------------------


def hashed(x, y=0, seed: int = 0) -> np.ndarray:
    """A number in [0, 1) for each pair of integers, the same at every call."""
    column, row = (np.atleast_1d(number).astype(np.int64).astype(np.uint32) for number in (x, y))
    bits = (column * np.uint32(0x9E3779B1)) ^ (row * np.uint32(0x85EBCA77) + np.uint32(seed * 7919))
    for shift, factor in ((15, 0x2C1B3C6D), (12, 0x297A2D39)):
        bits = (bits ^ (bits >> np.uint32(shift))) * np.uint32(factor)
    return ((bits ^ (bits >> np.uint32(15))) >> np.uint32(8)).astype(FLOAT) * FLOAT(2**-24)


def noise(x: np.ndarray, y: np.ndarray, octaves: int = 1) -> np.ndarray:
    """Smooth noise in [0, 1], each octave twice as fine and half as strong as the one before."""
    total, weight = np.zeros_like(x), 0.0
    for octave in range(octaves):
        column, row = np.floor(x), np.floor(y)
        s, t = (f * f * (3 - 2 * f) for f in (x - column, y - row))
        a, b = hashed(column, row, octave), hashed(column + 1, row, octave)
        c, d = hashed(column, row + 1, octave), hashed(column + 1, row + 1, octave)
        total += 0.5**octave * (a + s * (b - a) + t * (c - a) + s * t * (a - b - c + d))
        weight += 0.5**octave
        x, y = 2 * x + 17.3, 2 * y + 5.1
    return total / FLOAT(weight)


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth in between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(a, b, share: np.ndarray) -> np.ndarray:
    """Colours between `a` and `b`."""
    return np.asarray(a, FLOAT) + (np.asarray(b, FLOAT) - np.asarray(a, FLOAT)) * share[:, None]


# --- Shapes ----------------------------------------------------------------------------------------------------------


class Mesh(NamedTuple):
    """Triangles: `(triangles, 3 corners, 3)`, normals of the same shape, and texture coordinates in metres."""

    corners: np.ndarray
    normals: np.ndarray
    uv: np.ndarray


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length one in the same directions."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def joined(*meshes: Mesh) -> Mesh:
    """Several meshes as one."""
    return Mesh(*(np.concatenate(parts) for parts in zip(*meshes, strict=True)))


def rotation(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Matrix that turns by degrees about z (roll), then x (pitch), then y (yaw)."""
    matrix = np.eye(3)
    for angle, (i, j) in ((roll, (0, 1)), (pitch, (1, 2)), (yaw, (2, 0))):
        turn = np.eye(3)
        sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
        turn[i, i], turn[i, j], turn[j, i], turn[j, j] = cosine, -sine, sine, cosine
        matrix = turn @ matrix
    return matrix


def placed(mesh: Mesh, position, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, size: float = 1.0) -> Mesh:
    """The mesh resized, turned and moved."""
    matrix = rotation(yaw, pitch, roll)
    return Mesh(mesh.corners @ (size * matrix).T + np.asarray(position), mesh.normals @ matrix.T, mesh.uv)


def sheet(points: np.ndarray, uv: np.ndarray | None = None) -> Mesh:
    """A smooth surface through a grid of points, `(rows, columns, 3)`; by default uv counts the grid from 0 to 1."""
    rows, columns = points.shape[:2]
    if uv is None:
        uv = np.stack(np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows)), axis=-1)
    normals = unit(np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0)))

    def triangles(grid):
        a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]
        both = np.stack([np.stack([a, b, d], axis=2), np.stack([a, d, c], axis=2)], axis=2)
        return both.reshape(-1, 3, grid.shape[-1])

    return Mesh(triangles(points), triangles(normals), triangles(uv))


def panel(corner, along, up) -> Mesh:
    """A flat rectangle; uv in metres from `corner`, along `along` and `up`."""
    corner, along, up = (np.asarray(vector, float) for vector in (corner, along, up))
    points = np.array([[corner, corner + along], [corner + up, corner + along + up]])
    width, height = np.linalg.norm(along), np.linalg.norm(up)
    return sheet(points, np.array([[[0, 0], [width, 0]], [[0, height], [width, height]]]))


def box(low, high) -> Mesh:
    """An upright box between two corners; u runs horizontally and v upwards on its sides."""
    low, high = np.minimum(low, high).astype(float), np.maximum(low, high).astype(float)
    x, y, z = np.diag(high - low)
    sides = [panel(low, x, y), panel(low + z, x, y), panel(low, z, y), panel(low + x, z, y)]
    return joined(*sides, panel(low, x, z), panel(low + y, x, z))


def revolved(profile, segments: int = 24, wave: Callable[[np.ndarray], np.ndarray] | None = None) -> Mesh:
    """A profile of (radius, y) turned about the y axis; `wave(angle)` moves points outwards, the more the lower."""
    radius, y = np.asarray(profile, float).T
    angle = np.linspace(0, 2 * math.pi, segments + 1)
    radii = np.repeat(np.maximum(radius, 1e-4)[:, None], segments + 1, axis=1)
    if wave is not None:
        radii += np.outer((y.max() - y) / np.ptp(y), wave(angle))
    points = np.stack([radii * np.cos(angle), np.repeat(y[:, None], segments + 1, axis=1), radii * np.sin(angle)], -1)
    return sheet(points)


def ball(position, radius: float, flat: float = 1.0, segments: int = 20) -> Mesh:
    """A sphere, or a spheroid `flat` times as high."""
    angle = np.linspace(-math.pi / 2, math.pi / 2, segments // 2 + 1)
    profile = np.stack([radius * np.cos(angle), flat * radius * np.sin(angle)], axis=-1)
    return placed(revolved(profile, segments), position)


def tube(path, radius, sides: int = 6) -> Mesh:
    """A round bar along a path; uv in metres along and around it."""
    path = np.asarray(path, float)
    radius = np.broadcast_to(np.asarray(radius, float), len(path))
    along = unit(np.gradient(path, axis=0))
    helper = np.where(np.abs(along[:, 1:2]) > 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    side = unit(np.cross(along, helper))
    angle = np.linspace(0, 2 * math.pi, sides + 1)
    around = np.cos(angle)[:, None, None] * side + np.sin(angle)[:, None, None] * np.cross(along, side)
    length = np.concatenate([[0], np.linalg.norm(np.diff(path, axis=0), axis=1).cumsum()])
    uv = np.stack(np.broadcast_arrays(length, radius.mean() * angle[:, None]), axis=-1)
    return sheet(path + radius[:, None] * around, uv)


def hanging(start, end, sag: float, count: int = 25) -> np.ndarray:
    """Points of a slack cable between two ends."""
    t = np.linspace(0, 1, count)[:, None]
    return np.asarray(start) * (1 - t) + np.asarray(end) * t - [0, sag, 0] * (4 * t * (1 - t))


def ring(radius: float, thickness: float, segments: int = 40) -> Mesh:
    """A torus about the x axis: a tyre, a hoop."""
    angle = np.linspace(0, 2 * math.pi, segments + 1)
    return tube(radius * np.stack([0 * angle, np.cos(angle), np.sin(angle)], -1), thickness)


def leaves(stems: np.ndarray, length: float, generator: np.random.Generator, droop: float = 0.3) -> Mesh:
    """A leaf on each stem point: two triangles that meet in a fold, turned at random."""
    count = len(stems)
    size = length * generator.uniform(0.6, 1.2, (count, 1))
    along = unit(generator.normal(size=(count, 3)) - [0, droop, 0])
    across = unit(np.cross(along, generator.normal(size=(count, 3))))
    fold = np.cross(along, across) * 0.15 * size
    tip, middle = stems + along * size, stems + along * size * 0.45
    left, right = middle + across * size * 0.28 + fold, middle - across * size * 0.28 + fold
    corners = np.concatenate([np.stack([stems, left, tip], 1), np.stack([stems, tip, right], 1)])
    normals = unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    tone = np.tile(generator.random((count, 1, 1)), (2, 3, 1))
    side = np.broadcast_to([[[0.0], [0.5], [1.0]]], (2 * count, 3, 1))
    return Mesh(corners, np.repeat(normals[:, None], 3, axis=1), np.concatenate([tone, side], axis=-1))


# --- Materials -------------------------------------------------------------------------------------------------------


class Hit(NamedTuple):
    """Where rays meet surfaces: texture coordinates, positions, and the cosine between ray and normal."""

    uv: np.ndarray
    position: np.ndarray
    facing: np.ndarray

    @property
    def u(self) -> np.ndarray:
        """First texture coordinate."""
        return self.uv[:, 0]

    @property
    def v(self) -> np.ndarray:
        """Second texture coordinate."""
        return self.uv[:, 1]


class Material(NamedTuple):
    """What a surface looks like.

    Args:
        color: Share of the light that it scatters, a triple or a function of the hit.
        height: Relief in metres, a function of u and v.
        glow: Light that it gives off itself, likewise `color`.
        shine: Share of the light that it mirrors when looked at straight.
        roughness: Spread of that mirror.
        is_lamp: Whether the glow is that of one of the scene's lamps, which are looked for one by one.
        is_thin: Whether light from behind comes through, as through a leaf.
    """

    color: object
    height: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    glow: object = None
    shine: float = 0.0
    roughness: float = 0.2
    is_lamp: bool = False
    is_thin: bool = False


def look_up(value, hit: Hit) -> np.ndarray:
    """A property of a material at each hit."""
    if callable(value):
        return np.asarray(value(hit), FLOAT)
    return np.broadcast_to(np.asarray(value, FLOAT), (len(hit.uv), 3))


def courses(u, v, width: float, height: float, shift: float = 0.5):
    """Column and row in a bond of rectangles, and the distance to the nearest joint in metres."""
    row = np.floor(v / height)
    across = u / width + shift * (row % 2)
    column = np.floor(across)
    edge_u = np.minimum(across - column, column + 1 - across) * width
    edge_v = np.minimum(v / height - row, row + 1 - v / height) * height
    return column, row, np.minimum(edge_u, edge_v)


def brick_color(hit: Hit, tint=(0.40, 0.155, 0.095)) -> np.ndarray:
    """Brick by brick another red, in pale mortar, dirty near the ground."""
    column, row, edge = courses(hit.u, hit.v, 0.25, 0.085)
    tone = hashed(column, row)
    brick = mix(tint, (0.50, 0.26, 0.16), tone) * (0.55 + 0.7 * hashed(column, row, 5))[:, None]
    brick = brick * (0.8 + 0.4 * noise(hit.u * 90, hit.v * 90, 2))[:, None]
    stained = mix((0.40, 0.36, 0.31), brick, smoothstep(0.005, 0.010, edge))
    return stained * (0.62 + 0.38 * smoothstep(0.0, 0.8, hit.v + 0.4 * noise(hit.u * 3, hit.v * 2, 3)))[:, None]


def brick_height(u, v):
    """Bricks stand out from the mortar."""
    column, row, edge = courses(u, v, 0.25, 0.085)
    return 0.006 * smoothstep(0.002, 0.010, edge) + 0.003 * hashed(column, row, 2) + 0.002 * noise(u * 60, v * 60, 2)


def sett_cells(u, v):
    """Rows of cobble stones that are not quite straight."""
    u = u + 0.020 * noise(u * 3.1, v * 3.7)
    v = v + 0.030 * noise(u * 2.3 + 9, v * 2.9)
    return courses(u, v, 0.17, 0.13)


def sett_color(hit: Hit) -> np.ndarray:
    """Granite, with moss and sand in the joints."""
    column, row, edge = sett_cells(hit.u, hit.v)
    tone = hashed(column, row, 3)
    stone = mix((0.16, 0.15, 0.15), (0.33, 0.29, 0.26), tone)
    stone = stone * (0.65 + 0.7 * noise(hit.u * 110, hit.v * 110, 2))[:, None]
    joint = mix((0.05, 0.055, 0.035), (0.12, 0.10, 0.08), noise(hit.u * 2, hit.v * 2, 2))
    return mix(joint, stone, smoothstep(0.004, 0.018, edge))


def sett_height(u, v):
    """Worn stones, round at their edges and each a little tilted."""
    column, row, edge = sett_cells(u, v)
    tilt = (hashed(column, row, 7) - 0.5) * (u / 0.17 % 1) + (hashed(column, row, 8) - 0.5) * (v / 0.13 % 1)
    return 0.016 * np.sqrt(smoothstep(0.0, 0.045, edge)) + 0.006 * tilt + 0.002 * noise(u * 50, v * 50, 2)


def slab_color(hit: Hit) -> np.ndarray:
    """Long kerb stones."""
    column, row, edge = courses(hit.u, hit.v, 0.9, 0.5, 0.0)
    stone = np.outer(0.30 + 0.12 * hashed(column, row), [1.0, 0.95, 0.88])
    stone = stone * (0.6 + 0.8 * noise(hit.u * 40, hit.v * 40, 3))[:, None]
    return stone * (0.25 + 0.75 * smoothstep(0.002, 0.012, edge))[:, None]


def wood(dark, light, grain: float = 60.0, plank: float | None = None) -> Callable[[Hit], np.ndarray]:
    """Wood with its grain along u, in one piece or in planks of that width."""

    def color(hit):
        row, edge = np.zeros_like(hit.v), np.ones_like(hit.v)
        if plank is not None:
            row = np.floor(hit.v / plank)
            edge = np.minimum(hit.v - plank * row, plank * (row + 1) - hit.v)
        fibre = noise(hit.u * 2.5 + 31 * row, hit.v * grain, 3)
        tone = (0.75 + 0.5 * hashed(row, 4)) * (0.2 + 0.8 * smoothstep(0.0, 0.008, edge))
        return mix(dark, light, fibre) * tone[:, None]

    return color


def plaster_color(hit: Hit) -> np.ndarray:
    """Old plaster, streaked by rain."""
    streak = noise(hit.u * 7, hit.v * 0.8, 3)
    return np.outer(0.5 + 0.22 * streak + 0.12 * noise(hit.u * 30, hit.v * 30, 2), [0.86, 0.78, 0.66])


def roof_color(hit: Hit) -> np.ndarray:
    """Glazed tiles, each fired a little differently."""
    tone = hashed(np.floor(hit.u * 5), np.floor(hit.v * 4), 6)
    return mix((0.075, 0.085, 0.105), (0.17, 0.17, 0.18), tone)


def leaf_color(hit: Hit) -> np.ndarray:
    """Greens, a few of them turned yellow, paler along the midrib."""
    fresh = mix((0.06, 0.16, 0.035), (0.24, 0.34, 0.07), hit.u)
    return mix(fresh, (0.55, 0.28, 0.05), smoothstep(0.90, 0.94, hit.u)) * (0.8 + 0.3 * hit.v)[:, None]


def maple_color(hit: Hit) -> np.ndarray:
    """Leaves in autumn."""
    return mix((0.50, 0.085, 0.03), (0.72, 0.36, 0.06), hit.u) * (0.7 + 0.4 * hit.v)[:, None]


def petal_color(hit: Hit) -> np.ndarray:
    """Geraniums."""
    return mix((0.75, 0.05, 0.12), (0.85, 0.45, 0.55), smoothstep(0.5, 0.9, hit.u))


def water_height(u, v):
    """Small waves from two sides."""
    swell = np.sin(3.1 * u + 1.3 * v) + np.sin(-2.2 * u + 3.7 * v + 1)
    return 0.0022 * swell + 0.011 * noise(u * 1.6, v * 2.4, 3)


def check_color(hit: Hit) -> np.ndarray:
    """Table cloth in gingham."""
    x, z = hit.position[:, 0], hit.position[:, 2]
    down = np.maximum(0.74 - hit.position[:, 1], 0)
    along = np.where(down > 0.01, hit.u * 2.4, x * 0.9 + z * 0.43)
    across = np.where(down > 0.01, down, z * 0.9 - x * 0.43)
    bands = (np.floor(along / 0.045) % 2 + np.floor(across / 0.045) % 2) / 2
    weave = 0.92 + 0.08 * np.sin(along * 1500) * np.sin(across * 1500)
    return mix((0.82, 0.80, 0.75), (0.10, 0.16, 0.36), bands) * weave[:, None]


def orange_color(hit: Hit) -> np.ndarray:
    """Skin of an orange, a little green by the stem."""
    return mix((0.80, 0.30, 0.02), (0.86, 0.40, 0.03), noise(hit.u * 40, hit.v * 20, 2))


def orange_height(u, v):
    """Pores; u and v count from 0 to 1."""
    return 0.004 * noise(u * 90, v * 45)


def wicker_color(hit: Hit) -> np.ndarray:
    """Woven cane: over and under."""
    column, row = np.floor(hit.u / 0.02), np.floor(hit.v / 0.02)
    over = (column + row) % 2
    s = np.where(over > 0, hit.u / 0.02 % 1, hit.v / 0.02 % 1)
    return np.outer(0.25 + 0.75 * np.sin(math.pi * s), [0.50, 0.33, 0.16])


def far_front(seed: int, tint, bricks: bool) -> Callable[[Hit], np.ndarray]:
    """A house front with windows that are drawn, not built; v upwards."""

    def color(hit):
        wall = brick_color(hit, tint) if bricks else plaster_color(hit) * (np.asarray(tint, FLOAT) * 1.6)
        inside, frame, _ = far_windows(hit, seed)
        return mix(mix(wall, (0.55, 0.50, 0.42), frame), (0.03, 0.035, 0.045), inside)

    return color


def far_glow(seed: int) -> Callable[[Hit], np.ndarray]:
    """The lit ones among the windows of `far_front`."""

    def glow(hit):
        inside, _, lit = far_windows(hit, seed)
        curtain = 0.6 + 0.4 * np.sin(hit.u * 40)
        return np.outer(inside * lit * curtain, [1.5, 0.72, 0.24])

    return glow


def far_windows(hit: Hit, seed: int):
    """Masks of panes and frames, and which windows are lit."""
    column, row = np.floor(hit.u / 1.5), np.floor((hit.v - 0.2) / 2.3)
    x, y = hit.u / 1.5 % 1 - 0.5, (hit.v - 0.2) / 2.3 % 1 - 0.5
    inner = np.maximum(np.abs(x) / 0.25, np.abs(y) / 0.27)
    bar = (np.abs(x) > 0.012) & (np.abs(y - 0.08) > 0.012)
    inside = ((inner < 1) & bar).astype(FLOAT)
    frame = ((inner < 1.16) & (inside == 0)).astype(FLOAT)
    return inside, frame, (hashed(column, row, seed) < 0.42).astype(FLOAT)


def stone_color(hit: Hit) -> np.ndarray:
    """Ashlar of the bridge and of the quay wall, green near the water."""
    column, row, edge = courses(hit.u, hit.v, 0.55, 0.28)
    tone = (0.30 + 0.18 * hashed(column, row)) * (0.3 + 0.7 * smoothstep(0, 0.03, edge))
    stone = np.outer(tone, [1.0, 0.93, 0.82])
    wet = smoothstep(-0.5, -1.0, hit.position[:, 1])
    return mix(stone, (0.05, 0.07, 0.04), 0.8 * wet)


def stone_height(u, v):
    """Joints of the ashlar."""
    return 0.02 * smoothstep(0, 0.04, courses(u, v, 0.55, 0.28)[2])


def lantern_glow(warm) -> Callable[[Hit], np.ndarray]:
    """Paper over bamboo hoops, brightest where one looks towards the candle."""

    def glow(hit):
        hoops = 0.80 + 0.20 * np.cos(hit.v * 2 * math.pi * 11)
        candle = 0.30 + 0.70 * np.exp(-(((hit.v - 0.42) / 0.30) ** 2))
        return np.outer(hoops * candle * (0.25 + 0.75 * hit.facing**1.5), warm)

    return glow


def paper_glow(hit: Hit) -> np.ndarray:
    """A paper window with the lamp of the room behind it."""
    lamp = np.exp(-((hit.u - 1.3) ** 2 + (hit.v - 0.95) ** 2) / 0.5)
    return np.outer(0.25 + 0.75 * lamp, [0.70, 0.32, 0.10]) * (0.92 + 0.16 * noise(hit.u * 14, hit.v * 14, 3))[:, None]


def noren_color(hit: Hit) -> np.ndarray:
    """Indigo cloth with a white ring; u and v count from 0 to 1."""
    distance = np.hypot(hit.u - 0.5, (hit.v - 0.5) * 0.75)
    white = smoothstep(0.03, 0.02, np.abs(distance - 0.22))
    slit = smoothstep(0.004, 0.008, (hit.u * 3 % 1) / 3)
    return mix((0.03, 0.05, 0.16), (0.75, 0.75, 0.72), white) * (0.3 + 0.7 * slit)[:, None]


def painted(lines, size: tuple[int, int], ground, ink) -> Callable[[Hit], np.ndarray]:
    """A sign: lines of (text, height, centre) in shares of its size; u and v count from 0 to 1."""
    width, height = size
    image = Image.new("L", size)
    draw = ImageDraw.Draw(image)
    for text, share, centre in lines:
        font = ImageFont.load_default(share * height)
        draw.text((width / 2, centre * height), text, 255, font, anchor="mm", stroke_width=share * height / 28)
    ink_mask = np.asarray(image, FLOAT) / 255

    def color(hit):
        row = np.clip(((1 - hit.v) * height).astype(int), 0, height - 1)
        column = np.clip((hit.u * width).astype(int), 0, width - 1)
        worn = ink_mask[row, column] * (0.85 + 0.15 * noise(hit.u * 60, hit.v * 40, 2))
        base = np.asarray(ground, FLOAT) * (0.75 + 0.5 * noise(hit.u * 4, hit.v * 50, 3))[:, None]
        return mix(base, ink, worn)

    return color


# --- The scene -------------------------------------------------------------------------------------------------------

SETTS = Material(sett_color, sett_height, shine=0.05, roughness=0.08)
KERB = Material(slab_color, shine=0.02, roughness=0.2)
BRICK = Material(brick_color, brick_height)
PLASTER = Material(plaster_color)
TIMBER = Material(wood((0.045, 0.028, 0.018), (0.13, 0.075, 0.045)), shine=0.02)
PLANKS = Material(wood((0.13, 0.07, 0.035), (0.30, 0.17, 0.085), 40, 0.12), shine=0.02)
ROOF = Material(roof_color, shine=0.05, roughness=0.25)
IRON = Material((0.02, 0.022, 0.025), shine=0.06, roughness=0.2)
CABLE = Material((0.012, 0.012, 0.014))
WATER = Material((0.012, 0.03, 0.032), water_height, shine=0.03, roughness=0.0)
STONE = Material(stone_color, stone_height)
PAPER = Material((0.3, 0.25, 0.18), glow=paper_glow)
CLAY = Material((0.42, 0.17, 0.085), shine=0.02, roughness=0.3)
LEAF = Material(leaf_color, shine=0.03, roughness=0.3, is_thin=True)
MAPLE = Material(maple_color, is_thin=True)
PETAL = Material(petal_color, is_thin=True)
BARK = Material(wood((0.05, 0.035, 0.025), (0.14, 0.10, 0.07), 30))
CLOTH = Material(check_color)
CERAMIC = Material((0.62, 0.68, 0.62), shine=0.05, roughness=0.03)
TEA = Material((0.16, 0.20, 0.02), shine=0.03, roughness=0.0)
ORANGE = Material(orange_color, orange_height, shine=0.04, roughness=0.15)
WICKER = Material(wicker_color)
RED_PAINT = Material((0.40, 0.04, 0.03), shine=0.05, roughness=0.05)
GREEN_PAINT = Material((0.16, 0.42, 0.38), shine=0.05, roughness=0.05)
RUBBER = Material((0.02, 0.02, 0.02))
CHROME = Material((0.35, 0.35, 0.36), shine=0.5, roughness=0.1)
LEATHER = Material((0.16, 0.07, 0.03), shine=0.04)
NOREN = Material(noren_color, is_thin=True)
RED_LANTERN = Material((0.5, 0.10, 0.05), glow=lantern_glow((1.6, 0.25, 0.055)), is_lamp=True)
PALE_LANTERN = Material((0.35, 0.28, 0.18), glow=lantern_glow((1.10, 0.53, 0.16)), is_lamp=True)
FLAME = Material((0.5, 0.4, 0.2), glow=(4.0, 2.2, 0.8), is_lamp=True)
SIGN = Material(
    painted([("TEA", 0.47, 0.30), ("HOUSE", 0.40, 0.72)], (640, 400), (0.05, 0.09, 0.07), (0.85, 0.66, 0.30)),
    shine=0.02,
)
BOARD = Material(
    painted(
        [("TODAY", 0.15, 0.12), ("Sencha 3.20", 0.11, 0.33), ("Matcha 4.50", 0.11, 0.50), ("Mochi 2.80", 0.11, 0.67)]
        + [("* * *", 0.10, 0.86)],
        (360, 520),
        (0.035, 0.04, 0.04),
        (0.78, 0.78, 0.72),
    )
)


class Lamp(NamedTuple):
    """A glowing ball: where, how large, and its radiance."""

    position: tuple[float, float, float]
    radius: float
    radiance: tuple[float, float, float]


Part = tuple[Mesh, Material] | Lamp

RED_LIGHT, PALE_LIGHT, CANDLE_LIGHT = (9.0, 2.6, 0.8), (10.0, 5.4, 2.0), (45.0, 24.0, 9.0)


def quay() -> Iterator[Part]:
    """The ground, the canal, and the railing between them."""
    yield panel((-14, 0, -2), (15.4, 0, 0), (0, 0, 72)), SETTS
    yield box((1.35, -0.2, -2), (1.75, 0.05, 70)), KERB
    yield panel((1.75, -1.0, -2), (0, 0, 70), (0, 1, 0)), STONE
    yield panel((1.7, -0.65, -2), (10, 0, 0), (0, 0, 120)), WATER
    yield panel((7.2, -1.0, 0), (0, 0, 80), (0, 1.1, 0)), STONE
    yield panel((7.2, 0.1, 0), (14, 0, 0), (0, 0, 80)), KERB
    for y in (0.16, 0.90, 1.02):
        yield tube([(1.52, y, 0.5), (1.52, y, 21)], 0.022 if y > 1 else 0.014), IRON
    for i, z in enumerate(np.arange(0.6, 21, 0.17)):
        yield box((1.513, 0.05, z - 0.007), (1.527, 0.9, z + 0.007)), IRON
        if i % 9 == 0:
            yield box((1.49, 0.05, z - 0.03), (1.55, 1.1, z + 0.03)), IRON
            yield ball((1.52, 1.14, z), 0.05, segments=12), IRON


def tea_house() -> Iterator[Part]:
    """The brick house on the left."""
    wall, end = -3.0, 9.6
    yield panel((wall, 0, -2), (0, 0, end + 2), (0, 3.3, 0)), BRICK
    yield panel((wall, 3.3, -2), (0, 0, end + 2), (0, 4, 0)), PLASTER
    yield panel((wall, 0, end), (-6, 0, 0), (0, 7, 0)), BRICK
    yield box((wall, 0, -2), (wall + 0.06, 0.28, end + 0.03)), STONE
    for z in (0.2, 2.95, 6.1, 7.45, 9.5):
        yield box((wall, 0, z - 0.07), (wall + 0.07, 3.2, z + 0.07)), TIMBER
    for z in np.arange(0.5, end, 1.5):
        yield box((wall, 3.3, z - 0.05), (wall + 0.05, 7, z + 0.05)), TIMBER
    yield box((wall, 4.3, -2), (wall + 0.05, 4.42, end)), TIMBER

    yield from paper_window(wall, 3.35, 5.75, 0.95, 2.35)
    yield from paper_window(wall, 5.2, 6.0, 3.75, 4.25)
    yield from paper_window(wall, 8.2, 9.0, 3.75, 4.25)
    yield from flower_box(wall, 3.4, 5.7)
    yield from door(wall, 7.75, 9.0)
    yield from pent_roof(wall, end)

    yield tube([(wall, 2.72, 4.15), (-1.6, 2.72, 4.15)], 0.018), IRON
    yield tube([(wall, 2.35, 4.15), (-2.3, 2.72, 4.15)], 0.012), IRON
    for x in (-2.65, -1.75):
        yield tube([(x, 2.72, 4.15), (x, 2.62, 4.15)], 0.008), IRON
    yield box((-2.80, 1.94, 4.13), (-1.60, 2.64, 4.17)), TIMBER
    left, right, low, high, front = -2.76, -1.64, 1.98, 2.60, 4.12
    face = [[(left, low, front), (right, low, front)], [(left, high, front), (right, high, front)]]
    yield sheet(np.array(face)), SIGN


def paper_window(wall: float, z0: float, z1: float, y0: float, y1: float) -> Iterator[Part]:
    """A window of paper behind a wooden lattice."""
    yield panel((wall + 0.02, y0, z0), (0, 0, z1 - z0), (0, y1 - y0, 0)), PAPER
    for z in np.linspace(z0, z1, round((z1 - z0) / 0.2) + 1):
        yield box((wall, y0, z - 0.012), (wall + 0.05, y1, z + 0.012)), TIMBER
    for y in np.linspace(y0, y1, round((y1 - y0) / 0.28) + 1):
        yield box((wall, y - 0.012, z0), (wall + 0.045, y + 0.012, z1)), TIMBER
    for low, high in (((y0 - 0.08, z0 - 0.08), (y0, z1 + 0.08)), ((y1, z0 - 0.08), (y1 + 0.08, z1 + 0.08))):
        yield box((wall, *low), (wall + 0.09, *high)), TIMBER
    for z in (z0 - 0.04, z1 + 0.04):
        yield box((wall, y0, z - 0.04), (wall + 0.09, y1, z + 0.04)), TIMBER


def flower_box(wall: float, z0: float, z1: float) -> Iterator[Part]:
    """Geraniums below the window."""
    generator = np.random.default_rng(SEED + 1)
    yield box((wall, 0.62, z0), (wall + 0.24, 0.84, z1)), PLANKS
    spread = generator.uniform((wall + 0.02, 0.84, z0), (wall + 0.24, 0.98, z1), (900, 3))
    yield leaves(spread, 0.07, generator, droop=-0.2), LEAF
    heads = generator.uniform((wall + 0.06, 0.98, z0), (wall + 0.26, 1.10, z1), (40, 3))
    yield leaves(np.repeat(heads, 14, axis=0) + generator.normal(0, 0.018, (560, 3)), 0.035, generator, 0), PETAL


def door(wall: float, z0: float, z1: float) -> Iterator[Part]:
    """The way in: warm light behind a short curtain."""
    yield panel((wall + 0.02, 0.1, z0), (0, 0, z1 - z0), (0, 2.3, 0)), PAPER
    for z in (z0, z1):
        yield box((wall, 0, z - 0.06), (wall + 0.1, 2.5, z + 0.06)), TIMBER
    yield box((wall, 2.4, z0 - 0.15), (wall + 0.12, 2.52, z1 + 0.15)), TIMBER
    yield box((wall, 0.1, z0), (wall + 0.06, 0.75, z1)), PLANKS
    for z in np.linspace(z0, z1, 6)[1:-1]:
        yield box((wall, 0.7, z - 0.015), (wall + 0.05, 2.4, z + 0.015)), TIMBER
    z = np.linspace(z0 + 0.05, z1 - 0.05, 40)
    y = np.linspace(1.55, 2.33, 8)
    fold = 0.02 * np.sin(z * 30) * np.linspace(1, 0.2, 8)[:, None]
    yield sheet(np.stack(np.broadcast_arrays(wall + 0.14 + fold, y[:, None], z), -1)), NOREN


def pent_roof(wall: float, end: float) -> Iterator[Part]:
    """The tiled roof over the ground floor, with its rafters."""
    z = np.arange(-2, end + 0.3, 0.0222)
    rows = 5
    t = np.sort(np.concatenate([np.arange(rows) / rows, np.arange(1, rows + 1) / rows - 0.004]))
    lift = 0.05 * np.abs(np.sin(math.pi * z / 0.2)) ** 0.7 + 0.03 * ((t * rows) % 1)[:, None]
    x, y = wall + 0.95 * t, 3.42 - 0.42 * t
    uv = np.stack(np.broadcast_arrays(z, t[:, None] * rows / 4), axis=-1)
    yield sheet(np.stack(np.broadcast_arrays(x[:, None], y[:, None] + lift, z), axis=-1), uv), ROOF
    yield panel((wall, 3.38, -2), (0, 0, end + 2.2), (0.95, -0.42, 0)), PLANKS
    yield box((wall + 0.86, 2.90, -2), (wall + 0.94, 3.0, end + 0.2)), TIMBER
    for z in np.arange(0.3, end, 0.45):
        rafter = box((0, -0.06, -0.03), (1.0, 0.0, 0.03))
        yield placed(rafter, (wall, 3.34, z), roll=-23.8), TIMBER


def lanterns() -> Iterator[Part]:
    """Strings of lanterns from the eaves to the poles by the water, with the light that they give."""
    generator = np.random.default_rng(SEED + 2)
    for string, (z, count, pale) in enumerate(((4.55, 5, 0), (7.3, 6, 1), (10.6, 6, 0), (14.4, 5, 1), (19.0, 5, 0))):
        start, end = (-2.1, 3.02 + 0.1 * (string > 0), z), (1.52, 3.45, z + 0.7)
        path = hanging(start, end, 0.42)
        yield tube(path, 0.009, 4), CABLE
        yield tube([(1.52, 0, z + 0.7), (1.52, 3.5, z + 0.7)], 0.04, 10), IRON
        for i in range(count):
            knot = path[round((i + 0.6) / (count + 0.2) * 24)]
            yield from lantern(knot, generator.uniform(0.18, 0.24), (i + pale) % 2 == 1)
    yield from lantern(np.array([-2.3, 2.80, 3.0]), 0.21, False)
    yield from lantern(np.array([-2.15, 2.92, 6.9]), 0.22, False)
    yield from lantern(np.array([-2.15, 2.92, 9.3]), 0.22, False)
    yield from lantern(np.array([3.55, 0.72, 12.0]), 0.17, False)
    yield tube([(3.6, -0.6, 12.3), (3.58, 0.75, 12.1), (3.55, 0.72, 12.0)], 0.02), TIMBER


def lantern(knot: np.ndarray, radius: float, pale: bool) -> Iterator[Part]:
    """One lantern below a knot of its string."""
    high = radius * (1.15 if pale else 0.92)
    centre = knot - [0, high + 0.14, 0]
    angle = np.linspace(-1.25, 1.25, 45)
    hoops = 1 + 0.018 * np.cos(np.linspace(0, 1, 45) * 2 * math.pi * 11)
    profile = np.stack([radius * np.cos(angle) ** 0.75 * hoops, high * angle / 1.25], axis=-1)
    yield placed(revolved(profile, 28), centre), PALE_LANTERN if pale else RED_LANTERN
    cap = [(0.0, 0.03), (0.42 * radius, 0.03), (0.44 * radius, -0.02), (0.42 * radius, -0.02)]
    for side in (-1, 1):
        yield placed(revolved(cap, 16), centre + [0, side * high, 0]), CABLE
    yield tube([knot, centre + [0, high, 0]], 0.006, 4), CABLE
    yield tube([centre - [0, high, 0], centre - [0, high + 0.13, 0]], [0.006, 0.016], 6), RED_PAINT
    yield Lamp(tuple(centre), 0.8 * radius, PALE_LIGHT if pale else RED_LIGHT)


def terrace() -> Iterator[Part]:
    """A table with tea for two and a candle, and the board with the prices."""
    x, z, top = 0.46, 3.05, 0.74
    hem = [(0.0, top), (0.30, top), (0.395, top), (0.405, top - 0.01), (0.41, top - 0.1), (0.415, top - 0.3)]
    cloth = revolved(hem, 96, lambda angle: 0.035 * np.sin(9 * angle) + 0.03)
    yield placed(cloth, (x, 0, z)), CLOTH
    yield tube([(x, 0, z), (x, top, z)], 0.03, 10), IRON
    pot = [(0.0, 0.0), (0.055, 0.0), (0.085, 0.03), (0.095, 0.065), (0.085, 0.10), (0.055, 0.13), (0.04, 0.135)]
    lid = [(0.045, 0.135), (0.03, 0.150), (0.010, 0.156), (0.012, 0.165), (0.015, 0.172), (0.0, 0.18)]
    teapot = (x - 0.13, top, z + 0.12)
    yield placed(revolved(pot, 32), teapot), CERAMIC
    yield placed(revolved(lid, 32), teapot), CERAMIC
    spout = np.array([(-0.08, 0.05, 0), (-0.12, 0.065, 0), (-0.14, 0.10, 0), (-0.165, 0.125, 0)])
    yield placed(tube(spout, [0.024, 0.018, 0.013, 0.010], 12), teapot, yaw=-25), CERAMIC
    angle = np.linspace(-1.3, 1.3, 13)
    grip = np.stack([0.075 + 0.065 * np.cos(angle), 0.075 + 0.05 * np.sin(angle), 0 * angle], axis=-1)
    yield placed(tube(grip, 0.008, 8), teapot, yaw=-25), CERAMIC
    cup = [(0.022, 0.0), (0.034, 0.015), (0.040, 0.06), (0.037, 0.06), (0.034, 0.05), (0.0, 0.05)]
    for dx, dz in ((-0.20, -0.12), (0.10, -0.20)):
        yield placed(revolved(cup[:4], 24), (x + dx, top, z + dz)), CERAMIC
        yield placed(revolved(cup[4:], 24), (x + dx, top, z + dz)), TEA
        yield placed(revolved([(0.0, 0.0), (0.04, 0.003), (0.065, 0.012)], 24), (x + dx, top, z + dz)), CERAMIC
    bowl = [(0.04, 0.0), (0.10, 0.02), (0.135, 0.06), (0.14, 0.075), (0.13, 0.07), (0.09, 0.03)]
    yield placed(revolved(bowl, 32), (x + 0.16, top, z + 0.06)), CERAMIC
    for dx, dy, dz in ((-0.05, 0.07, -0.03), (0.045, 0.07, -0.045), (0.0, 0.07, 0.055), (0.0, 0.125, -0.005)):
        yield ball((x + 0.16 + dx, top + dy, z + 0.06 + dz), 0.046, 0.94, 24), ORANGE
    glass = [(0.02, 0.0), (0.026, 0.01), (0.028, 0.055), (0.020, 0.06)]
    yield placed(revolved(glass, 16), (x, top, z - 0.06)), FLAME
    yield Lamp((x, top + 0.05, z - 0.06), 0.028, CANDLE_LIGHT)
    board = sheet(np.array([[[-0.27, 0.08, 0], [0.27, 0.08, 0]], [[-0.27, 0.90, 0.16], [0.27, 0.90, 0.16]]]))
    frame = joined(
        *(tube([(s * 0.29, 0, -0.01), (s * 0.29, 0.95, 0.17)], 0.022, 4) for s in (-1, 1)),
        *(tube([(-0.29, y, y * 0.19 - 0.012), (0.29, y, y * 0.19 - 0.012)], 0.022, 4) for y in (0.08, 0.92)),
        *(tube([(s * 0.29, 0, 0.45), (s * 0.29, 0.95, 0.18)], 0.018, 4) for s in (-1, 1)),
    )
    yield placed(board, (-0.72, 0, 5.2), yaw=8), BOARD
    yield placed(frame, (-0.72, 0, 5.2), yaw=8), PLANKS


def chair(position, yaw: float) -> Iterator[Part]:
    """A café chair with a woven seat; one sits on it looking along -z."""
    legs = [tube([(s * 0.2, 0, t * 0.2), (s * 0.19, 0.45, t * 0.18)], 0.013) for s in (-1, 1) for t in (-1, 1)]
    angle = np.linspace(0, math.pi, 20)
    back = np.stack([0.19 * np.cos(angle), 0.62 + 0.28 * np.sin(angle) ** 0.6, 0.2 + 0.0 * angle], -1)
    back = np.concatenate([[(0.19, 0.45, 0.18)], back, [(-0.19, 0.45, 0.18)]])
    yield placed(joined(*legs, tube(back, 0.014)), position, yaw), TIMBER
    y = np.linspace(0.55, 0.86, 8)[:, None]
    x = np.linspace(-1, 1, 12) * 0.185 * np.sqrt(np.maximum(1 - ((y - 0.55) / 0.36) ** 4, 0))
    woven = np.stack(np.broadcast_arrays(x, y, 0.2), axis=-1)
    yield placed(sheet(woven, woven[..., :2]), position, yaw), WICKER
    yield placed(box((-0.2, 0.435, -0.2), (0.2, 0.465, 0.2)), position, yaw), WICKER


def bicycle(position, yaw: float, roll: float) -> Iterator[Part]:
    """A roadster along z that leans on something; its front wheel is at the far end."""
    put = functools.partial(placed, position=position, yaw=yaw, roll=roll)
    hub, rear, front = 0.34, -0.52, 0.55
    for z in (rear, front):
        yield put(placed(ring(0.325, 0.017), (0, hub, z))), RUBBER
        yield put(placed(ring(0.305, 0.008), (0, hub, z))), CHROME
        for angle in np.arange(24) * math.pi / 12:
            rim = (0, hub + 0.305 * math.cos(angle), z + 0.305 * math.sin(angle))
            yield put(tube([(0.02, hub, z), rim], 0.0017, 3)), CHROME
    crank, seat, head, fork = (0, 0.30, -0.05), (0, 0.80, -0.24), (0, 0.82, 0.33), (0, 0.66, 0.38)
    for a, b in ((crank, seat), (seat, head), (crank, fork), (crank, (0, hub, rear)), (seat, (0, hub, rear))):
        yield put(tube([a, b], 0.015, 8)), GREEN_PAINT
    yield put(tube([head, fork, (0, hub, front)], 0.014, 8)), GREEN_PAINT
    yield put(tube([head, (0, 1.0, 0.30)], 0.012, 8)), CHROME
    bar = [(-0.28, 0.98, 0.12), (-0.24, 1.03, 0.28), (0, 1.0, 0.31), (0.24, 1.03, 0.28), (0.28, 0.98, 0.12)]
    yield put(tube(bar, 0.011)), CHROME
    yield put(tube([seat, (0, 0.92, -0.27)], 0.012, 8)), CHROME
    yield put(tube([(0, 0.95, -0.40), (0, 0.95, -0.25), (0, 0.94, -0.10)], [0.08, 0.06, 0.02], 8)), LEATHER
    yield put(placed(ring(0.09, 0.01, 24), (0.03, 0.30, -0.05))), CHROME
    for z in (rear, front):
        angle = np.linspace(-0.4, 2.2, 14) if z == rear else np.linspace(-1.5, 1.0, 14)
        guard = np.stack([0 * angle, hub + 0.36 * np.cos(angle), z - 0.36 * np.sin(angle)], axis=-1)
        yield put(tube(guard, 0.02, 4)), GREEN_PAINT
    yield put(box((-0.14, 0.86, 0.42), (0.14, 1.04, 0.70))), WICKER


def plants() -> Iterator[Part]:
    """Shrubs in pots, and the maple whose branch hangs into the picture."""
    generator = np.random.default_rng(SEED)
    pot = [(0.0, 0.0), (0.15, 0.0), (0.20, 0.32), (0.23, 0.34), (0.23, 0.38), (0.20, 0.38), (0.18, 0.34)]
    for x, z, size, count in ((-2.55, 3.05, 1.0, 900), (-2.6, 7.55, 0.8, 500), (-2.55, 9.35, 1.0, 500)):
        yield placed(revolved(pot, 28), (x, 0, z), size=size), CLAY
        crown = unit(generator.normal(size=(count, 3))) * generator.random((count, 1)) ** 0.4
        stems = size * crown * (0.36, 0.48, 0.36) + [x, 0.80 * size, z]
        yield leaves(stems, 0.13 * size, generator), LEAF
    limbs = [hanging((1.9, 2.95, 3.5), (0.30, 2.42, 2.95), -0.1, 12)]
    for start, reach in ((3, -0.35), (5, 0.25), (6, -0.30), (8, 0.22), (9, -0.2)):
        base = limbs[0][start]
        limbs.append(hanging(base, base + [-0.42, reach * 0.7 - 0.1, reach], 0.04, 9))
    for i, limb in enumerate(limbs):
        thick, thin = (0.008, 0.003) if i else (0.02, 0.006)
        yield tube(limb, np.linspace(thick, thin, len(limb)), 6), BARK
        stems = np.repeat(limb, 18 if i else 14, axis=0)
        yield leaves(stems + generator.normal(0, 0.06, stems.shape), 0.07, generator, droop=0.5), MAPLE
    yield tube([(7.8, 0, 20), (7.7, 2.2, 20.1), (7.8, 4.0, 20)], [0.2, 0.15, 0.05], 8), BARK
    crown = unit(generator.normal(size=(1600, 3))) * generator.random((1600, 1)) ** 0.35
    yield leaves(crown * (1.3, 1.6, 1.4) + [7.8, 3.7, 20], 0.3, generator), LEAF


def boat() -> Iterator[Part]:
    """A rowing boat on the canal."""
    t = np.linspace(-1, 1, 25)
    s = np.linspace(-1, 1, 13)
    half = 0.62 * (1 - np.abs(t) ** 2.6)[:, None] + 0.01
    rim = 0.42 + 0.16 * t[:, None] ** 2
    x = half * np.sign(s) * np.abs(s) ** 0.6
    y = rim * np.abs(s) ** 2.2
    hull = np.stack(np.broadcast_arrays(x, y, 1.9 * t[:, None]), axis=-1)
    uv = np.stack(np.broadcast_arrays(1.9 * t[:, None], y), axis=-1)
    position, yaw = (3.35, -0.80, 12.6), 12
    yield placed(sheet(hull, uv), position, yaw), PLANKS
    for side in (0, -1):
        yield placed(tube(hull[:, side], 0.025), position, yaw), RED_PAINT
    for z in (-0.8, 0.1, 0.9):
        yield placed(box((-0.5, 0.30, z), (0.5, 0.33, z + 0.22)), position, yaw), PLANKS
    yield tube([(2.95, -0.2, 10.8), (2.2, -0.25, 10.2), (1.55, 0.1, 10.0)], 0.01, 4), CABLE


def town() -> Iterator[Part]:
    """What lies behind: more houses, the bridge, and cables over the canal."""
    yield from house((-8, -3.5), (10.9, 17.0), 4.9, "x", 3, (0.62, 0.50, 0.36), False)
    yield from house((-8, -2.9), (17.6, 25.0), 6.0, "x", 8, (0.40, 0.155, 0.095), True)
    yield from house((-8, -3.2), (25.5, 40.0), 5.0, "x", 11, (0.45, 0.50, 0.52), False)
    for i, (z0, z1, top) in enumerate(((14.0, 18.3, 5.6), (21.5, 26.5, 4.6), (26.7, 32, 6.2), (32.2, 40, 5.2))):
        tint = ((0.44, 0.20, 0.12), (0.60, 0.46, 0.30), (0.36, 0.13, 0.09), (0.5, 0.5, 0.5))[i]
        yield from house((8.8, 15), (z0, z1), top, "x", 20 + i, tint, i % 2 == 0)
    yield from house((-9, 4.5), (52, 60), 5.5, "z", 31, (0.5, 0.42, 0.36), False)
    yield from house((5, 12), (50, 58), 6.5, "z", 35, (0.42, 0.2, 0.14), True)
    yield from bridge(24.0)
    for height, x in ((5.2, -3.2), (5.0, -3.1), (4.7, -3.0)):
        yield tube(hanging((x, height, 9.3), (8.5, height + 0.4, 19), 0.5, 40), 0.014, 4), CABLE


def house(x, z, top: float, front: str, seed: int, tint, bricks: bool) -> Iterator[Part]:
    """A house between two x and two z; its front with windows faces the canal ("x") or the camera ("z")."""
    material = Material(far_front(seed, tint, bricks), glow=far_glow(seed))
    (x0, x1), (z0, z1) = x, z
    face = x1 if x1 < 0 else x0
    back = x0 if x1 < 0 else x1
    yield panel((face, 0, z0), (0, 0, z1 - z0), (0, top, 0)), material if front == "x" else PLASTER
    yield panel((x0, 0, z0), (x1 - x0, 0, 0), (0, top, 0)), material if front == "z" else PLASTER
    ridge = top + 0.45 * (z1 - z0 if front == "z" else min(abs(x1 - x0), 5)) / 1.2
    if front == "z":
        yield panel((x0 - 0.2, top - 0.1, z0 - 0.3), (x1 - x0 + 0.4, 0, 0), (0, ridge - top, (z1 - z0) / 2)), ROOF
        return
    toward = math.copysign(1, back - face)
    eave, middle = face - 0.3 * toward, (face + face + 5 * toward) / 2
    lines = np.arange(z0 - 0.15, z1 + 0.3, 0.1)
    t = np.linspace(0, 1, 2)[:, None]
    wave = 0.03 * np.sin(2 * math.pi * lines / 0.3)
    slope = np.stack(np.broadcast_arrays(eave + (middle - eave) * t, top - 0.1 + (ridge - top) * t + wave, lines), -1)
    yield sheet(slope, np.stack(np.broadcast_arrays(lines, 6 * t), axis=-1)), ROOF
    for side in (z0, z1):
        near, peak, far = (face, top, side), (middle, ridge - 0.1, side), (2 * middle - face, top, side)
        yield sheet(np.array([[near, peak], [near, far]])), PLASTER
    yield box((middle - 0.3, ridge - 0.8, z0 + 0.8), (middle + 0.3, ridge + 0.7, z0 + 1.4)), BRICK


def bridge(z: float) -> Iterator[Part]:
    """A stone arch over the canal."""
    x = np.linspace(1.3, 7.8, 49)
    middle, half = 4.5, 2.3
    deck = 0.55 + 1.05 * np.cos((x - middle) / 3.4 * 1.4)
    arch = -1.0 + 2.1 * np.sqrt(np.maximum(1 - ((x - middle) / half) ** 2, 0))
    for depth in (0, 2.5):
        face = np.stack([np.stack([x, arch, 0 * x + z + depth], -1), np.stack([x, deck, 0 * x + z + depth], -1)])
        yield sheet(face, face[..., :2]), STONE
        yield tube(np.stack([x, deck + 0.62, 0 * x + z + depth], -1), 0.05, 6), STONE
        for i in range(0, 49, 2):
            yield box((x[i] - 0.05, deck[i], z + depth - 0.05), (x[i] + 0.05, deck[i] + 0.6, z + depth + 0.05)), STONE
    for curve in (arch, deck):
        under = np.stack([np.stack([x, curve, 0 * x + z + depth], -1) for depth in (0, 2.5)])
        yield sheet(under, under[..., ::2]), STONE


class Scene(NamedTuple):
    """All triangles, with the number of each one's material, and the lamps."""

    mesh: Mesh
    owner: np.ndarray
    materials: list[Material]
    lamps: list[Lamp]


def build_scene() -> Scene:
    """Puts everything in its place."""
    chairs = itertools.chain(chair((-0.28, 0, 3.35), 100), chair((1.05, 0, 3.6), -130))
    rest = itertools.chain(bicycle((-2.5, 0, 6.15), 0, 9), plants(), boat(), town())
    parts = list(itertools.chain(quay(), tea_house(), lanterns(), terrace(), chairs, rest))
    lamps = [part for part in parts if isinstance(part, Lamp)]
    pieces = [part for part in parts if not isinstance(part, Lamp)]
    materials = list(dict.fromkeys(material for _, material in pieces))
    owner = np.concatenate([np.full(len(mesh.corners), materials.index(material)) for mesh, material in pieces])
    return Scene(joined(*(mesh for mesh, _ in pieces)), owner, materials, lamps)


# --- Rays ------------------------------------------------------------------------------------------------------------


class Tree:
    """Boxes in boxes around the triangles.

    Rays go down together: each box is compared with all rays that reached it in a few NumPy operations, which is what
    makes this bearable in Python. In a leaf, a matrix takes each ray to a frame in which a triangle is the unit one
    (Baldwin and Weber, 2016).
    """

    LEAF = 12

    def __init__(self, corners: np.ndarray):
        self.lower, self.upper = corners.min(axis=1), corners.max(axis=1)
        self.middle = (self.lower + self.upper) / 2
        self.nodes: list[tuple] = []
        self.leaves: dict[int, np.ndarray] = {}
        self._split(np.arange(len(corners)))
        edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=-1)
        normal = np.cross(edges[..., 0], edges[..., 1])
        frame = np.concatenate([edges, normal[..., None]], axis=-1)
        inverse = np.linalg.inv(frame + 1e-12 * np.eye(3))
        shift = -np.einsum("nij,nj->ni", inverse, corners[:, 0])
        self.matrices = np.concatenate([inverse, shift[..., None]], axis=-1).astype(FLOAT)  # (triangles, 3, 4)

    def _split(self, members: np.ndarray) -> int:
        """Adds the box around some triangles, and those within it; returns its number."""
        number = len(self.nodes)
        lower = self.lower[members].min(axis=0).astype(FLOAT) - FLOAT(1e-5)
        upper = self.upper[members].max(axis=0).astype(FLOAT) + FLOAT(1e-5)
        self.nodes.append(())
        if len(members) <= self.LEAF:
            self.leaves[number] = members
            self.nodes[number] = (lower, upper, -1, -1, -1)
            return number
        axis = int(np.argmax(np.ptp(self.middle[members], axis=0)))
        order = members[np.argsort(self.middle[members, axis], kind="stable")]
        cut = self._best_cut(order)
        left, right = self._split(order[:cut]), self._split(order[cut:])
        self.nodes[number] = (lower, upper, axis, left, right)
        return number

    def _best_cut(self, order: np.ndarray) -> int:
        """Where to cut a sorted row of triangles: least total surface of the halves, weighted by their members."""

        def surfaces(members):
            size = np.maximum.accumulate(self.upper[members]) - np.minimum.accumulate(self.lower[members])
            return size[:, 0] * size[:, 1] + size[:, 1] * size[:, 2] + size[:, 2] * size[:, 0]

        count = np.arange(1, len(order))
        cost = surfaces(order)[:-1] * count + surfaces(order[::-1])[::-1][1:] * count[::-1]
        return int(np.argmin(cost)) + 1

    def nearest(self, origins: np.ndarray, directions: np.ndarray, reach, any_hit: bool = False):
        """First triangle along each ray within its reach.

        Args:
            origins: `(rays, 3)`.
            directions: `(rays, 3)`.
            reach: How far each ray goes, in lengths of its direction.
            any_hit: Whether any triangle will do, not the first.

        Returns:
            Distance, number of the triangle (-1 for none) and the two coordinates within it.
        """
        rays = Rays(origins, directions, reach)
        octant = (directions > 0) @ np.array([1, 2, 4])
        for code in range(8):
            members = np.flatnonzero(octant == code)
            if len(members):
                self._descend(rays, members, code, any_hit)
        return rays.distance, rays.triangle, rays.u, rays.v

    def _descend(self, rays: "Rays", members: np.ndarray, code: int, any_hit: bool) -> None:
        """Takes rays of one octant through the tree, near boxes first."""
        forward = [bool(code >> axis & 1) for axis in range(3)]
        stack = [(0, members)]
        while stack:
            number, members = stack.pop()
            lower, upper, split, left, right = self.nodes[number]
            near, far = 0, rays.distance[members]
            for axis in range(3):
                first, last = (lower, upper) if forward[axis] else (upper, lower)
                inverse = rays.inverse[axis][members]
                offset = rays.offset[axis][members]
                near = np.maximum(near, first[axis] * inverse - offset)
                far = np.minimum(far, last[axis] * inverse - offset)
            members = members[near < far]
            if not len(members):
                continue
            if split < 0:
                self._meet(rays, members, self.leaves[number], any_hit)
            else:
                pair = [(right, members), (left, members)]
                stack.extend(pair if forward[split] else pair[::-1])

    def _meet(self, rays: "Rays", members: np.ndarray, triangles: np.ndarray, any_hit: bool) -> None:
        """Compares rays with the triangles of a leaf."""
        matrices = self.matrices[triangles].transpose(1, 0, 2).reshape(-1, 4)
        for start in range(0, len(members), 4096):
            chosen = members[start : start + 4096]
            origin = (matrices @ rays.origin[:, chosen]).reshape(3, len(triangles), -1)
            direction = (matrices[:, :3] @ rays.direction[:, chosen]).reshape(3, len(triangles), -1)
            t = -origin[2] / np.where(direction[2] == 0, FLOAT(1e-30), direction[2])
            u = origin[0] + t * direction[0]
            v = origin[1] + t * direction[1]
            hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < rays.distance[chosen])
            t[~hit] = np.inf
            best = t.argmin(axis=0)
            column = np.arange(len(chosen))
            t = t[best, column]
            found = t < np.inf
            index, best, column = chosen[found], best[found], column[found]
            rays.distance[index] = 0 if any_hit else t[found]
            rays.triangle[index] = triangles[best]
            rays.u[index], rays.v[index] = u[best, column], v[best, column]


class Rays:
    """Rays on their way through a `Tree`, and what they have met so far."""

    def __init__(self, origins: np.ndarray, directions: np.ndarray, reach):
        count = len(origins)
        self.origin = np.ones((4, count), FLOAT)
        self.origin[:3] = origins.T
        self.direction = np.ascontiguousarray(directions.T, FLOAT)
        safe = np.where(np.abs(self.direction) < 1e-9, FLOAT(1e-9), self.direction)
        self.inverse = 1 / safe
        self.offset = self.origin[:3] * self.inverse
        self.distance = np.array(np.broadcast_to(reach, count), FLOAT)
        self.triangle = np.full(count, -1)
        self.u, self.v = np.zeros((2, count), FLOAT)


# --- Light -----------------------------------------------------------------------------------------------------------


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Inner products of rows."""
    return np.einsum("ij,ij->i", a, b)


def sky(directions: np.ndarray) -> np.ndarray:
    """Light from the sky: the sun has just set at the end of the canal."""
    x, y, z = directions.T
    height = np.maximum(y, 0)
    west = np.clip(z * 0.96 + x * 0.28, -1, 1) * 0.5 + 0.5
    horizon = mix((0.42, 0.38, 0.50), (1.45, 0.72, 0.36), west**3)
    middle = mix((0.24, 0.33, 0.58), (0.52, 0.50, 0.66), west**2)
    zenith = np.array([0.17, 0.30, 0.60], FLOAT)
    low, high = smoothstep(0.0, 0.22, height)[:, None], smoothstep(0.12, 0.55, height)[:, None]
    color = (horizon * (1 - low) + middle * low) * (1 - high) + zenith * high
    u, v = x / (height + 0.12), z / (height + 0.12)
    cloud = smoothstep(0.45, 0.62, noise(u * 0.9 + 3, v * 0.35, 5)) * smoothstep(0.02, 0.12, height)
    lit = mix((0.38, 0.33, 0.42), (1.25, 0.62, 0.42), west**2 * (1 - 0.6 * high[:, 0]))
    return (color + (lit - color) * (0.7 * cloud)[:, None]).astype(FLOAT)


class Dice:
    """Numbers in [0, 1) that decide what becomes of each ray.

    All rays that end up in one pixel of the reduced picture share a sequence, so that between them they try everything
    evenly: multiples of an irrational number, another one at each throw, from a start that is random for the pixel.
    """

    STEPS = np.sqrt([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89]) % 1

    def __init__(self, x: np.ndarray, y: np.ndarray, sample: int):
        self.column, self.row = x // SHRINK, y // SHRINK
        self.turn = ((sample * SHRINK + y % SHRINK) * SHRINK + x % SHRINK).astype(FLOAT)
        self.throws = 0

    def throw(self, rays: np.ndarray | slice = slice(None)) -> np.ndarray:
        """One number for each of the rays."""
        step = FLOAT(self.STEPS[self.throws % len(self.STEPS)])
        self.throws += 1
        return (hashed(self.column[rays], self.row[rays], SEED + self.throws) + self.turn[rays] * step) % 1

    def directions(self, rays: np.ndarray) -> np.ndarray:
        """Directions, all equally likely."""
        height, angle = 1 - 2 * self.throw(rays), 2 * math.pi * self.throw(rays)
        around = np.sqrt(1 - height**2)
        return np.stack([around * np.cos(angle), height, around * np.sin(angle)], axis=-1).astype(FLOAT)


class Surface(NamedTuple):
    """What rays found: places, normals with relief, and what the materials say."""

    position: np.ndarray
    flat_normal: np.ndarray
    normal: np.ndarray
    color: np.ndarray
    glow: np.ndarray
    shine: np.ndarray
    roughness: np.ndarray
    is_lamp: np.ndarray
    is_thin: np.ndarray


class Renderer:
    """A scene that is ready for rays."""

    def __init__(self, scene: Scene):
        self.scene = scene
        corners, normals, uv = (part.astype(FLOAT) for part in scene.mesh)
        self.tree = Tree(scene.mesh.corners)
        self.corners, self.normals, self.uv = corners, normals, uv
        self.tangents = self._tangents()
        self.lamp_position = np.array([lamp.position for lamp in scene.lamps], FLOAT)
        self.lamp_radius = np.array([lamp.radius for lamp in scene.lamps], FLOAT)
        self.lamp_radiance = np.array([lamp.radiance for lamp in scene.lamps], FLOAT)

    def _tangents(self) -> np.ndarray:
        """Change of u and v along each triangle, `(triangles, 2, 3)`, to slope normals by."""
        edges = self.corners[:, 1:] - self.corners[:, :1]
        changes = self.uv[:, 1:] - self.uv[:, :1]
        gram = np.einsum("nik,njk->nij", edges, edges) + 1e-12 * np.eye(2, dtype=FLOAT)
        return np.einsum("nik,nij,njl->nkl", changes, np.linalg.inv(gram), edges).astype(FLOAT)

    def surface(self, origins, directions, distance, triangle, u, v) -> Surface:
        """Evaluates the materials where rays met triangles."""
        weights = np.stack([1 - u - v, u, v], axis=-1)
        uv = np.einsum("ni,nij->nj", weights, self.uv[triangle])
        normal = unit(np.einsum("ni,nij->nj", weights, self.normals[triangle]))
        position = origins + directions * distance[:, None]
        edge1, edge2 = (self.corners[triangle, i] - self.corners[triangle, 0] for i in (1, 2))
        flat = unit(np.cross(edge1, edge2))
        flat = flat * -np.sign(dot(flat, directions))[:, None]
        normal = normal * np.sign(dot(normal, flat) + 1e-9)[:, None]
        hit = Hit(uv, position, np.abs(dot(normal, directions)))
        count = len(triangle)
        color, glow = np.zeros((2, count, 3), FLOAT)
        shine, roughness = np.zeros((2, count), FLOAT)
        is_lamp, is_thin = np.zeros((2, count), bool)
        owner = self.scene.owner[triangle]
        for number in np.unique(owner):
            mine = np.flatnonzero(owner == number)
            material, part = self.scene.materials[number], Hit(*(values[mine] for values in hit))
            color[mine] = look_up(material.color, part)
            if material.glow is not None:
                glow[mine] = look_up(material.glow, part)
            shine[mine], roughness[mine], is_lamp[mine] = material.shine, material.roughness, material.is_lamp
            is_thin[mine] = material.is_thin
            if material.height is not None:
                normal[mine] = self._relief(material.height, part, normal[mine], self.tangents[triangle[mine]])
        return Surface(position, flat, normal, color, glow, shine, roughness, is_lamp, is_thin)

    @staticmethod
    def _relief(height, hit: Hit, normal: np.ndarray, tangents: np.ndarray) -> np.ndarray:
        """Normals of a surface with relief."""
        step = FLOAT(0.003)
        base = height(hit.u, hit.v)
        slope_u, slope_v = height(hit.u + step, hit.v) - base, height(hit.u, hit.v + step) - base
        change = tangents[:, 0] * slope_u[:, None] + tangents[:, 1] * slope_v[:, None]
        return unit(normal - change / step)

    def lamp_light(self, surface: Surface, dice: Dice, rays: np.ndarray) -> np.ndarray:
        """Light from one lamp, chosen for each place by how much it could give, unless something is in between."""
        towards = self.lamp_position[None] - surface.position[:, None]
        squared = np.maximum(np.einsum("nlk,nlk->nl", towards, towards), 0.05)
        share = self.lamp_radiance.sum(axis=1) * self.lamp_radius**2 / squared
        share *= np.maximum(np.einsum("nlk,nk->nl", towards, surface.normal), 0) / np.sqrt(squared) + 0.02
        total = share.cumsum(axis=1)
        pick = (total < dice.throw(rays)[:, None] * total[:, -1:]).sum(axis=1)
        pick = np.minimum(pick, len(self.lamp_radius) - 1)
        row = np.arange(len(pick))
        chance = share[row, pick] / total[:, -1]
        radius = self.lamp_radius[pick]
        target = self.lamp_position[pick] + dice.directions(rays) * (0.7 * radius)[:, None]
        path = (target - surface.position).astype(FLOAT)
        distance = np.linalg.norm(path, axis=1)
        cosine = np.maximum(dot(surface.normal, path) / distance, 0)
        light = self.lamp_radiance[pick] * (radius**2 * cosine / np.maximum(distance**2, 0.05) / chance)[:, None]
        wanted = np.flatnonzero((cosine > 0) & (dot(surface.flat_normal, path) > 0))
        start = surface.position[wanted] + surface.flat_normal[wanted] * FLOAT(1e-3)
        # The ray ends short of the lamp, whose own paper would be in its way.
        reach = np.maximum(1 - 2.1 * radius[wanted] / distance[wanted], 0.01)
        blocked = self.tree.nearest(start, path[wanted], reach, any_hit=True)[1] >= 0
        visible = np.zeros(len(pick), FLOAT)
        visible[wanted[~blocked]] = 1
        return light * visible[:, None]

    def radiance(self, origins: np.ndarray, directions: np.ndarray, dice: Dice) -> np.ndarray:
        """Light that comes back along rays."""
        color = np.zeros((len(origins), 3), FLOAT)
        weight = np.ones((len(origins), 3), FLOAT)
        rays = np.arange(len(origins))
        mirrored = np.ones(len(origins), bool)
        air = np.ones(len(origins), FLOAT)
        for bounce in range(BOUNCES + 1):
            distance, triangle, u, v = self.tree.nearest(origins, directions, FLOAT(1e6))
            missed = triangle < 0
            color[rays[missed]] += weight[rays[missed]] * sky(directions[missed])
            found = np.flatnonzero(~missed)
            if not len(found):
                break
            rays, mirrored = rays[found], mirrored[found]
            if bounce == 0:
                air[rays] = np.exp(-distance[found] / HAZE_DISTANCE)
            surface = self.surface(
                origins[found], directions[found], distance[found], triangle[found], u[found], v[found]
            )
            seen = mirrored | ~surface.is_lamp
            color[rays] += weight[rays] * surface.glow * seen[:, None]
            if bounce == BOUNCES:
                # What further bounces would bring.
                color[rays] += weight[rays] * surface.color * FLOAT(0.18)
                break
            facing = np.clip(-dot(surface.normal, directions[found]), 0, 1)
            fresnel = surface.shine + (1 - surface.shine) * (1 - facing) ** 5 * (1 - surface.roughness) ** 2
            fresnel = np.where(surface.shine > 0, fresnel, 0)
            mirrored = dice.throw(rays) < fresnel
            # Half of what a leaf scatters comes from behind it.
            behind = surface.is_thin & ~mirrored & (dice.throw(rays) < 0.5)
            side = np.where(behind, FLOAT(-1), FLOAT(1))[:, None]
            surface = surface._replace(flat_normal=surface.flat_normal * side, normal=surface.normal * side)
            lamp = self.lamp_light(surface, dice, rays) * surface.color
            color[rays] += weight[rays] * lamp * ~mirrored[:, None]
            anywhere = dice.directions(rays)
            facet = unit(surface.normal + anywhere * (surface.roughness * dice.throw(rays))[:, None])
            incoming = directions[found]
            mirror = incoming - 2 * dot(incoming, facet)[:, None] * facet
            directions = unit(np.where(mirrored[:, None], mirror, surface.normal + FLOAT(0.999) * anywhere))
            # Relief may send a ray into the wall.
            below = np.minimum(dot(directions, surface.flat_normal) - FLOAT(0.02), 0)
            directions = unit(directions - 2 * below[:, None] * surface.flat_normal).astype(FLOAT)
            origins = surface.position + surface.flat_normal * FLOAT(1e-3)
            weight[rays] *= np.where(mirrored[:, None], FLOAT(1), surface.color)
        return np.minimum(color * air[:, None] + HAZE * (1 - air)[:, None], 4)


# --- The picture -----------------------------------------------------------------------------------------------------


def camera_rays(x: np.ndarray, y: np.ndarray, width: int, height: int) -> np.ndarray:
    """Directions through points of the picture, in pixels from its upper left corner."""
    right = HALF_WIDTH * (2 * x / width - 1)
    up = HIGHEST + (LOWEST - HIGHEST) * y / height
    directions = np.stack([right, up, np.ones_like(right)], axis=-1) @ rotation(yaw=-math.degrees(YAW))
    return unit(directions).astype(FLOAT)


def render(width: int, height: int, samples: int, report: Callable[[str], None]) -> np.ndarray:
    """Linear light, `(height, width, 3)`."""
    renderer = Renderer(build_scene())
    report(f"{len(renderer.corners):,} triangles, {len(renderer.lamp_radius)} lamps")
    picture = np.zeros((height * width, 3), FLOAT)
    rows = max(BATCH // width, 1)
    for sample in range(samples):
        for top in range(0, height, rows):
            y, x = np.mgrid[top : min(top + rows, height), :width].reshape(2, -1)
            dice = Dice(x, y, sample)
            directions = camera_rays(x + dice.throw(), y + dice.throw(), width, height)
            light = renderer.radiance(np.broadcast_to(EYE, directions.shape), directions, dice)
            picture[top * width : top * width + len(light)] += light / samples
        report(f"sample {sample + 1} of {samples}")
    return picture.reshape(height, width, 3)


def blurred(light: np.ndarray, radius: float) -> np.ndarray:
    """Light spread by a Gaussian."""
    taps = np.exp(-0.5 * (np.arange(-round(3 * radius), round(3 * radius) + 1) / radius) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        light = np.apply_along_axis(np.convolve, axis, light, taps, mode="same")
    return light


def developed(light: np.ndarray) -> np.ndarray:
    """8-bit sRGB from linear light: glow of the lens, fading corners, a film's curve."""
    height, width = light.shape[:2]
    glow = np.zeros_like(light)
    for share, radius in ((0.06, width / 150), (0.06, width / 30)):
        glow += share * blurred(np.maximum(light - 0.8, 0), radius)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    corners = 1 - 0.10 * (x**2 + y**2)
    exposed = 1.2 * (light + glow) * corners[..., None]
    film = exposed * (2.51 * exposed + 0.03) / (exposed * (2.43 * exposed + 0.59) + 0.14)
    film = np.clip(film, 0, 1)
    encoded = np.where(film < 0.0031308, 12.92 * film, 1.055 * film ** (1 / 2.4) - 0.055)
    return np.floor(255 * encoded + 0.5).astype(np.uint8)


def main() -> int:
    """Renders the picture that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="PNG file, a quarter of the rendering's size")
    parser.add_argument("--high-resolution", type=Path, metavar="FILE", help="where to write the rendering itself")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="rays per pixel of the rendering")
    parser.add_argument("--width", type=int, default=WIDTH, help="pixels of the rendering, for drafts")
    arguments = parser.parse_args()
    start = time.monotonic()

    def report(message):
        sys.stderr.write(f"{time.monotonic() - start:5.0f} s  {message}\n")

    width = arguments.width
    high_resolution = developed(render(width, width * HEIGHT // WIDTH, arguments.samples, report))
    if arguments.high_resolution:
        Image.fromarray(high_resolution).save(arguments.high_resolution)
    Image.fromarray(imresize(high_resolution, 1 / SHRINK)).save(arguments.output, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
