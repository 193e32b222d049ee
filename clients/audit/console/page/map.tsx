/** The map: domains on a circle, grouped by their first label, and curves between them. Stays readable with 200. */
import { useState } from 'preact/hooks';
import type { NowAnswer } from './now.tsx';
import { bytes, count, plain } from './text.tsx';

const SIZE = 640;
const MIDDLE = SIZE / 2;
/** More names than this would lie over each other: only those that matter at the moment are written. */
const NAMED = 60;

interface Spot {
  readonly name: string;
  readonly labels: readonly string[];
  readonly isConnected: boolean;
  readonly x: number;
  readonly y: number;
  readonly angle: number;
}

export function DomainMap({
  now,
  focus,
  onFocus,
}: {
  readonly now: NowAnswer;
  readonly focus: string | null;
  readonly onFocus: (name: string | null) => void;
}) {
  const [hovered, setHovered] = useState<string | null>(null);
  const spots = spotsOf(now.domains);
  const byName = new Map(spots.map((spot) => [spot.name, spot]));
  const most = Math.max(1, ...now.edges.map(({ messages }) => messages));
  const bright = hovered ?? focus;
  if (spots.length === 0) return <p class="dim">no domain has been seen yet</p>;
  const edges = now.edges.filter(({ src, dst }) => src !== dst);
  return (
    <svg viewBox={`0 50 ${SIZE} ${SIZE - 100}`} aria-label={`Map of ${spots.length} domains and ${edges.length} flows`}>
      <defs>
        <marker
          id="arrow"
          viewBox="0 0 6 6"
          refX="5"
          refY="3"
          markerUnits="userSpaceOnUse"
          markerWidth="11"
          markerHeight="11"
          orient="auto"
        >
          <path d="M0 0 L6 3 L0 6 z" />
        </marker>
      </defs>
      {edges.map(({ src, dst, messages, bytes: size, denied }) => {
        const [from, to] = [byName.get(src), byName.get(dst)];
        if (from === undefined || to === undefined) return null;
        const isDim = bright !== null && src !== bright && dst !== bright;
        const path = curve(from, to);
        const text = `${plain(src)} to ${plain(dst)}: ${count(messages)} messages, ${bytes(size)}, ${count(denied)} denied`;
        return (
          <g key={`${src} ${dst}`} class={isDim ? 'edge faint' : 'edge'}>
            <title>{text}</title>
            {messages > 0 && (
              <path
                d={path}
                class="allowed"
                stroke-width={1 + (3.5 * Math.log1p(messages)) / Math.log1p(most)}
                marker-end="url(#arrow)"
              />
            )}
            {denied > 0 && <path d={path} class="denied" stroke-width={2} stroke-dasharray="6 4" />}
          </g>
        );
      })}
      {spots.map((spot) => {
        const isNamed = spots.length <= NAMED || spot.name === bright || spot.name === focus;
        const isDim = bright !== null && !isNear(spot.name, bright, edges);
        return (
          // biome-ignore lint/a11y/useSemanticElements: SVG has no button
          <g
            key={spot.name}
            class={isDim ? 'node faint' : 'node'}
            role="button"
            tabindex={0}
            aria-pressed={spot.name === focus}
            aria-label={`${plain(spot.name)}, ${spot.isConnected ? 'connected' : 'not connected'}, labels ${plain(spot.labels.join(' ') || 'none')}`}
            onClick={() => onFocus(spot.name === focus ? null : spot.name)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' && event.key !== ' ') return;
              event.preventDefault();
              onFocus(spot.name === focus ? null : spot.name);
            }}
            onMouseEnter={() => setHovered(spot.name)}
            onMouseLeave={() => setHovered(null)}
          >
            <circle
              cx={spot.x}
              cy={spot.y}
              r={spots.length > NAMED ? 5 : 9}
              class={spot.isConnected ? 'on' : 'off'}
              data-hue={hueOf(spot.labels[0] ?? '')}
            />
            {isNamed && (
              <text
                x={spot.x + 15 * Math.cos(spot.angle)}
                y={spot.y + 15 * Math.sin(spot.angle) + 4}
                text-anchor={anchorOf(spot.angle)}
              >
                {plain(spot.name).slice(0, 14)}
              </text>
            )}
          </g>
        );
      })}
    </svg>
  );
}

function spotsOf(domains: NowAnswer['domains']): readonly Spot[] {
  const sorted = domains.toSorted(
    (a, b) => (a.labels[0] ?? '').localeCompare(b.labels[0] ?? '') || a.name.localeCompare(b.name),
  );
  const radius = MIDDLE - 90;
  return sorted.map((domain, at) => {
    const angle = (2 * Math.PI * at) / sorted.length - Math.PI / 2;
    return { ...domain, angle, x: MIDDLE + radius * Math.cos(angle), y: MIDDLE + radius * Math.sin(angle) };
  });
}

/** Bends to the middle, and to its right, so that the two directions lie side by side. */
function curve(from: Spot, to: Spot): string {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const [cx, cy] = [(from.x + to.x) / 2, (from.y + to.y) / 2];
  const bend = { x: cx + (MIDDLE - cx) * 0.4 - (dy / length) * 18, y: cy + (MIDDLE - cy) * 0.4 + (dx / length) * 18 };
  const end = { x: to.x - (12 * (to.x - bend.x)) / dist(to, bend), y: to.y - (12 * (to.y - bend.y)) / dist(to, bend) };
  return `M${from.x.toFixed(1)} ${from.y.toFixed(1)} Q${bend.x.toFixed(1)} ${bend.y.toFixed(1)} ${end.x.toFixed(1)} ${end.y.toFixed(1)}`;
}

function dist(a: { x: number; y: number }, b: { x: number; y: number }): number {
  return Math.hypot(a.x - b.x, a.y - b.y) || 1;
}

function anchorOf(angle: number): 'start' | 'middle' | 'end' {
  const side = Math.cos(angle);
  return side > 0.3 ? 'start' : side < -0.3 ? 'end' : 'middle';
}

/** One of six colours for a label; the name beside it says what the colour cannot. */
function hueOf(label: string): number {
  let sum = 0;
  for (const one of label) sum = (sum * 31 + (one.codePointAt(0) ?? 0)) % 997;
  return sum % 6;
}

function isNear(name: string, bright: string, edges: NowAnswer['edges']): boolean {
  if (name === bright) return true;
  return edges.some(({ src, dst }) => (src === bright && dst === name) || (dst === bright && src === name));
}
