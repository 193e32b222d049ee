/**
 * Where the map's units stand: on a circle, grouped by label, each with room for its name. Pure.
 *
 * The names of few units are written level; the names of many point away from the middle, where each has a line height
 * of the circle for itself. The server keeps the number of units bounded, so names never lie over each other.
 */

export interface Sized {
  readonly id: string;
  readonly kind: 'domain' | 'label' | 'rest';
  readonly label: string;
  readonly domains: number;
}

export interface Spot<U extends Sized> {
  readonly unit: U;
  /** Its name, cut to what there is room for. */
  readonly written: string;
  readonly x: number;
  readonly y: number;
  /** Of the circle, 0 is to the right. */
  readonly angle: number;
  readonly radius: number;
  /** Where its name begins or ends. */
  readonly text: { readonly x: number; readonly y: number; readonly anchor: 'start' | 'middle' | 'end' };
  /** Degrees; 0: level. */
  readonly turned: number;
}

export interface Frame {
  /** Of the square in which the map is drawn. */
  readonly size: number;
  readonly fontPx: number;
  /** Units that the circle has room for. */
  readonly most: number;
  /** Characters of a name. */
  readonly letters: number;
}

export const WIDE: Frame = { size: 680, fontPx: 13, most: 64, letters: 15 };
export const NARROW: Frame = { size: 400, fontPx: 12, most: 24, letters: 12 };

/** A unit that stands for several domains takes the room of so many. */
const WIDE_UNITS = 2;
/** Between two labels, in the same measure. */
const GAP = 0.6;
/** Level names need so much of the circle each. */
const LEVEL_PX = 130;
const DOMAIN_RADIUS = 8;
const MAX_RADIUS = 24;
/** Between a unit and its name. */
const NAME_GAP = 7;
/** Between a name and the edge of the map. */
const EDGE = 2;
/** Of the height of a font: no usual font has wider letters in the mean. */
export const LETTER_WIDTH = 0.62;

interface Layout<U extends Sized> {
  readonly spots: readonly Spot<U>[];
  /** Of the part of the square that holds something. */
  readonly top: number;
  readonly height: number;
}

/** @param nameOf what is written at a unit, in full */
export function layoutOf<U extends Sized>(
  units: readonly U[],
  { size, fontPx, letters }: Frame,
  nameOf: (unit: U) => string,
): Layout<U> {
  const names = units.map((unit) => cut(nameOf(unit), letters));
  const reach = units.map(
    (unit, at) => radiusOf(unit) + NAME_GAP + (names[at]?.length ?? 0) * fontPx * LETTER_WIDTH + EDGE,
  );
  const margin = Math.max(MAX_RADIUS * 2, ...reach);
  const [middle, circle] = [size / 2, size / 2 - margin];
  const isLevel = (2 * Math.PI * circle) / Math.max(1, units.length) >= LEVEL_PX;
  const angles = anglesOf(units);
  const spots = units.map((unit, at) => {
    const angle = angles[at] ?? 0;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const radius = radiusOf(unit);
    const away = circle + radius + NAME_GAP;
    const side = !isLevel ? (cos >= 0 ? 1 : -1) : cos > 0.3 ? 1 : cos < -0.3 ? -1 : 0;
    const anchor = side > 0 ? 'start' : side < 0 ? 'end' : 'middle';
    const drop = isLevel ? fontPx * (0.35 + 0.45 * sin) : 0;
    return {
      unit,
      written: names[at] ?? '',
      x: middle + circle * cos,
      y: middle + circle * sin,
      radius,
      angle,
      text: { x: middle + away * cos, y: middle + away * sin + drop, anchor } as const,
      turned: isLevel ? 0 : (angle * 180) / Math.PI + (cos >= 0 ? 0 : 180),
    };
  });
  // Level names need no more than their height above and below the circle.
  const height = isLevel ? 2 * (circle + MAX_RADIUS + fontPx * 2) : size;
  return { spots, top: (size - height) / 2, height };
}

/** Labels lie apart, and a unit that stands for several has more room. */
function anglesOf(units: readonly Sized[]): readonly number[] {
  const groups = new Set(units.map(({ label }) => label)).size;
  const gap = groups > 1 ? GAP : 0;
  const width = ({ kind }: Sized): number => (kind === 'domain' ? 1 : WIDE_UNITS);
  const total = units.reduce((sum, unit) => sum + width(unit), 0) + gap * groups;
  let at = 0;
  return units.map((unit, index) => {
    if (index > 0 && unit.label !== units[index - 1]?.label) at += gap;
    at += width(unit);
    return (2 * Math.PI * (at - width(unit) / 2)) / total - Math.PI / 2;
  });
}

function cut(name: string, letters: number): string {
  return name.length > letters ? `${name.slice(0, letters - 1)}…` : name;
}

function radiusOf({ kind, domains }: Sized): number {
  return kind === 'domain' ? DOMAIN_RADIUS : Math.min(MAX_RADIUS, 10 + 1.2 * Math.sqrt(domains));
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Bends to the middle, and to its right, so that the two directions lie side by side. A loop bends outwards. */
export function curve(from: Spot<Sized>, to: Spot<Sized>, { size }: Frame): string {
  const middle = size / 2;
  if (from === to) return loop(from);
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const [cx, cy] = [(from.x + to.x) / 2, (from.y + to.y) / 2];
  const bend = { x: cx + (middle - cx) * 0.45 - (dy / length) * 16, y: cy + (middle - cy) * 0.45 + (dx / length) * 16 };
  const start = towards(from, bend, from.radius + 2);
  const end = towards(to, bend, to.radius + 4);
  return `M${point(start)} Q${point(bend)} ${point(end)}`;
}

function loop({ x, y, angle, radius }: Spot<Sized>): string {
  const at = (turn: number, far: number): Point => ({
    x: x - far * Math.cos(angle + turn),
    y: y - far * Math.sin(angle + turn),
  });
  return `M${point(at(0.6, radius + 2))} C${point(at(0.7, radius + 44))} ${point(at(-0.7, radius + 44))} ${point(at(-0.6, radius + 4))}`;
}

function towards(from: Point, to: Point, far: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  return { x: from.x + ((to.x - from.x) * far) / length, y: from.y + ((to.y - from.y) * far) / length };
}

function point({ x, y }: Point): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}
