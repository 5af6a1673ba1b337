"""Boxes and arrows without Graphviz: a layered layout, as SVG, as text, or through matplotlib."""

import html
import os

from kerasnp.saving.atomic import atomic_write
from kerasnp.viz.figures import finish, matplotlib

# Fill and border of each kind of node.
LOOKS = {
    "input": ("#F2F2F2", "#8C8C8C"),
    "weight": ("#FFF4D6", "#C99A1B"),
    "layer": ("#E3EEF8", "#3B78AF"),
    "convolution": ("#DDF0E6", "#2D8659"),
    "pooling": ("#EFE7F6", "#7D55A3"),
    "normalization": ("#FBE6E0", "#BF5B3D"),
    "recurrent": ("#E0F1F3", "#2A8792"),
    "shape": ("#F5F5F0", "#8A8A70"),
    "operator": ("#FFFFFF", "#555555"),
}
FONT, SMALL, LINE, PAD, GAP, LEVEL = 13, 11, 16, 10, 26, 38


class Node:
    """A box: a title, lines below it, a kind that decides its colours."""

    def __init__(self, title, lines=(), kind="operator", columns=()):
        self.title, self.lines, self.kind = str(title), [str(line) for line in lines if line], kind
        # What the text form shows after the title.
        self.columns = [str(c) for c in columns]
        self.sources: list = []

    @property
    def size(self):
        """(width, height) of the box."""
        width = max([0.62 * FONT * len(self.title), *(0.56 * SMALL * len(line) for line in self.lines)])
        return max(64.0, width + 2 * PAD), LINE * (1 + len(self.lines)) + PAD


class Diagram:
    """A drawing of a graph: `print` shows it as text, a notebook as a picture, `save` writes .svg, .txt, .png or .pdf.

    Attributes:
        nodes: the boxes, each after those it comes from.
    """

    def __init__(self, nodes, title="", rankdir="TB", tree=False):
        self.nodes, self.title, self.rankdir = list(nodes), title, rankdir
        self._tree = tree
        if rankdir not in ("TB", "LR"):
            raise ValueError(f"plot_model: rankdir must be 'TB' or 'LR'. Received: rankdir={rankdir!r}")

    def __str__(self):
        return tree_text(self.nodes) if self._tree else list_text(self.nodes, self.title)

    def __repr__(self):
        return f"<Diagram of {len(self.nodes)} nodes>\n{self}"

    def _repr_svg_(self):
        return self.svg()

    def _laid_out(self):
        """Places and routes, moved to the middle below the title, the size of the whole, and the room for the title."""
        places, routes, (width, height) = lay_out(self.nodes, self.rankdir == "LR")
        more = max(0.0, 0.6 * 15 * len(self.title) - width)
        places = [(x + more / 2, y) for x, y in places]
        routes = [[(x + more / 2, y) for x, y in points] for points in routes]
        return places, routes, width + more, height, 34 if self.title else 8

    def svg(self):
        """The drawing as the text of an SVG file."""
        places, routes, width, height, top = self._laid_out()
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + 16:.0f}" height="{height + top + 8:.0f}" '
            f'viewBox="0 0 {width + 16:.0f} {height + top + 8:.0f}" font-family="Helvetica, Arial, sans-serif">',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            '<path d="M0,0.8 L7.5,4 L0,7.2 z" fill="#666666"/></marker></defs>',
            '<rect width="100%" height="100%" fill="white"/>',
        ]
        if self.title:
            parts.append(
                f'<text x="{width / 2 + 8:.1f}" y="22" font-size="15" text-anchor="middle" fill="#222222">'
                f"{_text(self.title)}</text>"
            )
        parts.append(f'<g transform="translate(8,{top})">')
        for points in routes:
            parts.append(
                f'<path d="{_path(points, self.rankdir == "LR")}" fill="none" stroke="#666666" stroke-width="1.2" '
                'marker-end="url(#tip)"/>'
            )
        for node, (x, y) in zip(self.nodes, places):
            w, h = node.size
            fill, border = LOOKS[node.kind]
            parts.append(
                f'<rect x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w:.1f}" height="{h:.1f}" rx="5" '
                f'fill="{fill}" stroke="{border}"/>'
            )
            for j, line in enumerate([node.title, *node.lines]):
                style = f'font-size="{SMALL}" fill="#444444"' if j else f'font-size="{FONT}" font-weight="600" fill="#222222"'
                baseline = y - h / 2 + PAD / 2 + LINE * (j + 0.76)
                parts.append(f'<text x="{x:.1f}" y="{baseline:.1f}" {style} text-anchor="middle">{_text(line)}</text>')
        return "\n".join([*parts, "</g>", "</svg>", ""])

    def figure(self):
        """The drawing as a matplotlib Figure.

        Raises: ImportError where matplotlib is absent.
        """
        matplotlib()
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
        from matplotlib.path import Path

        places, routes, width, height, top = self._laid_out()
        figure = Figure(figsize=((width + 16) / 72, (height + top + 8) / 72), facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(-8, width + 8), ylim=(height + 8, -top))
        axes.set_axis_off()
        for points in routes:
            codes = [Path.MOVETO] + [Path.CURVE4] * (3 * (len(points) - 1))
            path = Path(_curve(points, self.rankdir == "LR"), codes)
            axes.add_patch(
                FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=9, color="#666666", linewidth=1, fill=True)
            )
        for node, (x, y) in zip(self.nodes, places):
            w, h = node.size
            fill, border = LOOKS[node.kind]
            box = FancyBboxPatch(
                (x - w / 2, y - h / 2), w, h, boxstyle="round,pad=0,rounding_size=5", facecolor=fill, edgecolor=border
            )
            axes.add_patch(box)
            for j, line in enumerate([node.title, *node.lines]):
                size, weight, color = (FONT * 0.87, "bold", "#222222") if j == 0 else (SMALL * 0.87, "normal", "#444444")
                baseline = y - h / 2 + PAD / 2 + LINE * (j + 0.76)
                axes.text(x, baseline, line, size=size, weight=weight, color=color, ha="center", va="baseline")
        if self.title:
            axes.text(width / 2, -top + 20, self.title, size=13, color="#222222", ha="center", va="baseline")
        return figure

    def save(self, path, dpi=150):
        """Write the drawing: `.svg` and `.txt` by itself, other formats through matplotlib; returns the diagram."""
        suffix = os.path.splitext(os.fspath(path))[1].lower()
        if suffix in (".svg", ".txt"):
            with atomic_write(path) as stream:
                stream.write((self.svg() if suffix == ".svg" else f"{self}\n").encode())
        else:
            finish(self.figure(), path, dpi)
        return self


def _text(line):
    return html.escape(line, quote=False)


def _path(points, across):
    (x, y), *rest = _curve(points, across)
    triples = zip(rest[::3], rest[1::3], rest[2::3])
    return f"M{x:.1f},{y:.1f} " + " ".join("C" + " ".join(f"{a:.1f},{b:.1f}" for a, b in triple) for triple in triples)


def _curve(points, across):
    """The points of cubic curves through `points` that leave and arrive along the direction of the ranks."""
    found = [points[0]]
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        middle = (x0 + x1) / 2 if across else (y0 + y1) / 2
        found += [(middle, y0), (middle, y1)] if across else [(x0, middle), (x1, middle)]
        found.append((x1, y1))
    return found


# -- layout ---------------------------------------------------------------------------------------------------------


def lay_out(nodes, across=False):
    """(centres of the nodes, points of each arrow, size of the whole), in ranks (Sugiyama, Tagawa and Toda, 1981).

    A node stands one rank below the lowest it comes from; an arrow over several ranks gets a place in each, so that it
    passes between the boxes; places in a rank are ordered by the mean place of their neighbours.
    """
    rank: dict = {}
    for node in nodes:
        rank[id(node)] = 1 + max((rank[id(s)] for s in node.sources), default=-1)
    # An input stands right above the first that reads it.
    readers: dict = {}
    for node in nodes:
        for s in node.sources:
            readers.setdefault(id(s), []).append(node)
    for node in nodes:
        if not node.sources and id(node) in readers:
            rank[id(node)] = min(rank[id(r)] for r in readers[id(node)]) - 1
    ranks: list = [[] for _ in range(1 + max(rank.values(), default=0))]
    extent, links, arrows = {}, {}, []
    for node in nodes:
        w, h = node.size
        extent[id(node)] = (h, w) if across else (w, h)
        ranks[rank[id(node)]].append(id(node))
    for node in nodes:
        for source in node.sources:
            chain = [id(source)]
            for r in range(rank[id(source)] + 1, rank[id(node)]):
                bend = ("bend", len(arrows), r)
                extent[bend] = (10.0, 0.0)
                ranks[r].append(bend)
                chain.append(bend)
            chain.append(id(node))
            arrows.append(chain)
            for a, b in zip(chain, chain[1:]):
                links.setdefault(a, []).append(b)
                links.setdefault(b, []).append(a)
    place = _order(ranks, links, extent)
    depth, depths, thickness = 0.0, [], []
    for row in ranks:
        thick = max(extent[key][1] for key in row)
        depths.append(depth + thick / 2)
        depth += thick + LEVEL
        thickness.append(thick)
    level = {key: depths[r] for r, row in enumerate(ranks) for key in row}
    turn = (lambda a, d: (d, a)) if across else (lambda a, d: (a, d))
    routes = []
    for chain in arrows:
        first, last = chain[0], chain[-1]
        points = [(place[first], level[first] + extent[first][1] / 2)]
        for bend in chain[1:-1]:
            # Straight past the boxes of the rank.
            points += [(place[bend], level[bend] + side * thickness[bend[2]] / 2) for side in (-1, 1)]
        points.append((place[last], level[last] - extent[last][1] / 2))
        routes.append([turn(*p) for p in points])
    breadth = max((place[key] + extent[key][0] / 2 for row in ranks for key in row), default=0.0)
    return [turn(place[id(n)], level[id(n)]) for n in nodes], routes, turn(breadth, max(0.0, depth - LEVEL))


def _order(ranks, links, extent):
    """The place of each entry within its rank: {key: centre}."""
    position = {key: i for row in ranks for i, key in enumerate(row)}
    number = {key: r for r, row in enumerate(ranks) for key in row}
    for sweep in range(8):
        rows = ranks if sweep % 2 == 0 else ranks[::-1]
        for row in rows:
            near = {}
            for key in row:
                others = [k for k in links.get(key, ()) if (number[k] < number[key]) == (sweep % 2 == 0)]
                near[key] = sum(position[k] for k in others) / len(others) if others else position[key]
            row.sort(key=near.__getitem__)
            for i, key in enumerate(row):
                position[key] = i
    place = {}
    for row in ranks:
        at = 0.0
        for key in row:
            place[key] = at + extent[key][0] / 2
            at += extent[key][0] + GAP
    for sweep in range(9):
        down = sweep % 2 == 0
        for row in ranks if down else ranks[::-1]:
            wish = []
            for key in row:
                near = [place[k] for k in links.get(key, ()) if (number[k] < number[key]) == down]
                wish.append(sum(near) / len(near) if near else place[key])
            _spread(row, wish, place, extent)
    left = min(place[key] - extent[key][0] / 2 for row in ranks for key in row)
    return {key: at - left for key, at in place.items()}


def _spread(row, wish, place, extent):
    """Put the entries of a row where they wish to be, without overlap: the mean of pushing right and pushing left."""
    right, left, at = [], [], float("-inf")
    for key, w in zip(row, wish):
        right.append(max(w, at + extent[key][0] / 2))
        at = right[-1] + extent[key][0] / 2 + GAP
    at = float("inf")
    for key, w in zip(reversed(row), reversed(wish)):
        left.append(min(w, at - extent[key][0] / 2))
        at = left[-1] - extent[key][0] / 2 - GAP
    for key, a, b in zip(row, right, reversed(left)):
        place[key] = (a + b) / 2


# -- text -----------------------------------------------------------------------------------------------------------


def list_text(nodes, title=""):
    """A line for each node, with an arrow where it comes from the one above and names where it does not."""
    count = max((len(n.columns) for n in nodes), default=0)
    table = [[n.title, *n.columns, *[""] * (count - len(n.columns))] for n in nodes]
    widths = [max(len(row[j]) for row in table) for j in range(count + 1)] if table else []
    lines = [title] if title else []
    for i, (node, row) in enumerate(zip(nodes, table)):
        before = nodes[i - 1] if i else None
        if node.sources and all(s is before for s in node.sources):
            lines.append("  ↓")
            names = ""
        else:
            lines += [""] if i and node.sources else []
            names = f"← {', '.join(s.title for s in node.sources)}" if node.sources else ""
        cells = [cell.ljust(w) for cell, w in zip(row, widths)]
        lines.append("  ".join([*cells, names]).rstrip())
    return "\n".join(lines)


def tree_text(nodes):
    """The last node, and below it what it was computed from, indented; what is shared is written out once."""
    used = {id(s) for n in nodes for s in n.sources}
    lines, seen = [], {}

    def write(node, lead, branch):
        text = "  ".join([node.title, *(c for c in node.columns if c)])
        if id(node) in seen and node.sources:
            lines.append(f"{branch}{node.title}  (the one above)")
            return
        seen[id(node)] = True
        lines.append(branch + text)
        for i, source in enumerate(node.sources):
            last = i == len(node.sources) - 1
            write(source, lead + ("   " if last else "│  "), lead + ("└─ " if last else "├─ "))

    for node in nodes:
        if id(node) not in used:
            write(node, "", "")
    return "\n".join(lines)
