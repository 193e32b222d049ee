/**
 * A picture of the flows, without a program that draws: the domains stand on a circle, and an arrow is a curve past the
 * middle, so that the two directions between two domains are two curves. A browser shows the classes of an arrow when
 * the pointer rests on it.
 */
import type { Domain } from '../contract/index.ts';
import { type FlowGraph, shownClasses } from './flow.ts';

/** Pixels of the drawing. */
const BOX_WIDTH = 120;
const BOX_HEIGHT = 26;
const MARGIN = 20;
/** Between two neighbours on the circle. */
const SPACING = 150;
const MIN_RADIUS = 150;
/** How far a curve bends to the right of the straight line, as a part of its length. */
const BEND = 0.12;

interface Point {
  readonly x: number;
  readonly y: number;
}

export function formatSvg({ domains, steps }: FlowGraph): string {
  const radius = Math.max(MIN_RADIUS, (domains.length * SPACING) / (2 * Math.PI));
  const width = 2 * (radius + BOX_WIDTH / 2 + MARGIN);
  const height = 2 * (radius + BOX_HEIGHT / 2 + MARGIN);
  const places = new Map(
    domains.map((domain, index) => [domain, placeOf(index, domains.length, radius, width, height)]),
  );
  const arrows = steps.flatMap((row) =>
    row.flatMap((step) => {
      const from = step === undefined ? undefined : places.get(step.from);
      const to = step === undefined ? undefined : places.get(step.to);
      if (step === undefined || from === undefined || to === undefined) return [];
      return [arrow(from, to, `${step.from.name} -> ${step.to.name}: ${shownClasses(step).join(', ')}`)];
    }),
  );
  const boxes = [...places].map(([domain, place]) => box(domain, place));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${round(height)}" font-family="sans-serif" font-size="12">`,
    '<title>Information flows that the policy allows</title>',
    '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>',
    '<g fill="none" stroke="#555" marker-end="url(#head)">',
    ...arrows,
    '</g>',
    ...boxes,
    '</svg>',
  ].join('\n');
}

/** The first domain is at the top, and the others follow clockwise. */
function placeOf(index: number, count: number, radius: number, width: number, height: number): Point {
  const angle = (2 * Math.PI * index) / Math.max(1, count) - Math.PI / 2;
  return { x: width / 2 + radius * Math.cos(angle), y: height / 2 + radius * Math.sin(angle) };
}

function arrow(from: Point, to: Point, title: string): string {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const bend = { x: (from.x + to.x) / 2 - BEND * dy, y: (from.y + to.y) / 2 + BEND * dx };
  const [start, end] = [edgeOf(from, bend), edgeOf(to, bend)];
  const path = `M${round(start.x)} ${round(start.y)} Q${round(bend.x)} ${round(bend.y)} ${round(end.x)} ${round(end.y)}`;
  return `<path d="${path}"><title>${escaped(title)}</title></path>`;
}

/** Where the line from the centre of a box to `towards` leaves the box. */
function edgeOf(centre: Point, towards: Point): Point {
  const [dx, dy] = [towards.x - centre.x, towards.y - centre.y];
  const part = Math.min(BOX_WIDTH / 2 / Math.max(Math.abs(dx), 1), BOX_HEIGHT / 2 / Math.max(Math.abs(dy), 1), 1);
  return { x: centre.x + part * dx, y: centre.y + part * dy };
}

function box({ name, labels }: Domain, { x, y }: Point): string {
  const [left, top] = [round(x - BOX_WIDTH / 2), round(y - BOX_HEIGHT / 2)];
  const frame = `<rect x="${left}" y="${top}" width="${BOX_WIDTH}" height="${BOX_HEIGHT}" rx="4" fill="#fff" stroke="#222"/>`;
  const text = `<text x="${round(x)}" y="${round(y + 4)}" text-anchor="middle"${squeezed(name)}>${escaped(name)}</text>`;
  return `<g>${frame}${text}<title>${escaped([name, ...labels].join(' '))}</title></g>`;
}

/** A long name is drawn as wide as its box allows. */
function squeezed(name: string): string {
  return name.length > 16 ? ` textLength="${BOX_WIDTH - 8}" lengthAdjust="spacingAndGlyphs"` : '';
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
