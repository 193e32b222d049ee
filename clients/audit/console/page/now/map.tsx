/** The map: domains and labels on a circle, and arrows between them. It stays readable with 200 domains. */
import { useState } from 'preact/hooks';
import type { Arrow, MapNow, Unit } from '../../answers.ts';
import { bytes, count, plain, rate } from '../text.tsx';
import { curve, type Frame, layoutOf, type Spot } from './layout.ts';

/** Arrows on which something moves: more would make a page that is left open for a day cost a core. */
const MOVING_ARROWS = 24;
const HUES = 6;

/** What the user looks at: a unit, or an arrow between two. */
export interface Focus {
  readonly from: string;
  readonly to: string | null;
}

interface Props {
  readonly map: MapNow;
  readonly frame: Frame;
  /** Rates are of now. */
  readonly isLive: boolean;
  readonly focus: Focus | null;
  readonly onFocus: (focus: Focus | null) => void;
  readonly onOpen: (label: string) => void;
}

export function DomainMap({ map, frame, isLive, focus, onFocus, onOpen }: Props) {
  const [hovered, setHovered] = useState<string | null>(null);
  // One unit is reached by Tab, and the others by the arrow keys.
  const [stop, setStop] = useState<string | null>(null);
  const { spots, top, height } = layoutOf(map.units, frame, nameOf);
  const byId = new Map(spots.map((spot) => [spot.unit.id, spot]));
  const hues = huesOf(map.units);
  const most = Math.max(1, ...map.arrows.map((arrow) => arrow.bytes));
  const bright: Focus | null = hovered === null ? focus : { from: hovered, to: null };
  const tabStop = byId.has(stop ?? '') ? stop : (spots[0]?.unit.id ?? null);
  if (spots.length === 0) return <p class="empty">No domain has been seen yet. The map fills when a VM connects.</p>;
  const step = (event: KeyboardEvent, at: number): void => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = (at + by + spots.length) % spots.length;
    setStop(spots[next]?.unit.id ?? null);
    const nodes = (event.currentTarget as SVGElement).ownerSVGElement?.querySelectorAll<SVGElement>('.node');
    nodes?.[next]?.focus();
  };
  const take = ({ id, kind, name }: Unit): void => {
    setStop(id);
    if (kind === 'label') onOpen(name);
    else onFocus(focus?.from === id && focus.to === null ? null : { from: id, to: null });
  };
  return (
    <svg
      viewBox={`0 ${top} ${frame.size} ${height}`}
      class={frame.fontPx < 13 ? 'small' : ''}
      aria-label={`Map of ${spots.length} domains and labels, ${map.arrows.length} flows`}
    >
      <defs>
        {['allowed', 'denied'].map((kind) => (
          <marker key={kind} id={`arrow-${kind}`} class={kind} viewBox="0 0 6 6" refX="5" refY="3" {...MARKER}>
            <path d="M0 0 L6 3 L0 6 z" />
          </marker>
        ))}
      </defs>
      {map.arrows.map((arrow, at) => {
        const [from, to] = [byId.get(arrow.from), byId.get(arrow.to)];
        if (from === undefined || to === undefined) return null;
        return (
          <ArrowLine
            key={`${arrow.from}\n${arrow.to}`}
            arrow={arrow}
            path={curve(from, to, frame)}
            label={arrowText(arrow, from.unit, to.unit, isLive)}
            share={Math.log1p(arrow.bytes) / Math.log1p(most)}
            isFaint={!concerns(bright, arrow)}
            isMoving={isLive && at < MOVING_ARROWS && arrow.messageRate > 0}
            onFocus={() => onFocus(isSame(focus, arrow) ? null : { from: arrow.from, to: arrow.to })}
          />
        );
      })}
      {spots.map((spot, at) => (
        <UnitSpot
          key={spot.unit.id}
          spot={spot}
          hue={hues.get(spot.unit.label) ?? 0}
          isFaint={bright !== null && !isNear(spot.unit.id, bright, map.arrows)}
          isPressed={focus?.from === spot.unit.id && focus.to === null}
          isTabStop={spot.unit.id === tabStop}
          onTake={() => take(spot.unit)}
          onStep={(event) => step(event, at)}
          onHover={(isOver) => setHovered(isOver ? spot.unit.id : null)}
        />
      ))}
    </svg>
  );
}

const MARKER = { markerUnits: 'userSpaceOnUse', markerWidth: 10, markerHeight: 10, orient: 'auto' } as const;

interface ArrowProps {
  readonly arrow: Arrow;
  readonly path: string;
  readonly label: string;
  /** Of the most bytes. */
  readonly share: number;
  readonly isFaint: boolean;
  readonly isMoving: boolean;
  readonly onFocus: () => void;
}

function ArrowLine({ arrow, path, label, share, isFaint, isMoving, onFocus }: ArrowProps) {
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the list of flows under the map has the same by keyboard
    <g class={isFaint ? 'arrow faint' : 'arrow'} onClick={onFocus}>
      <title>{label}</title>
      {arrow.messages > 0 && (
        <path
          d={path}
          class="allowed"
          stroke-width={(1 + 3.5 * share).toFixed(2)}
          {...(arrow.from === arrow.to ? {} : { 'marker-end': 'url(#arrow-allowed)' })}
        />
      )}
      {isMoving && <path d={path} class="moving" stroke-width={(3 + 2.5 * share).toFixed(2)} />}
      {arrow.denied > 0 && <path d={path} class="denied" stroke-width="2.2" marker-end="url(#arrow-denied)" />}
      <path d={path} class="touch" stroke-width="14" />
    </g>
  );
}

interface SpotProps {
  readonly spot: Spot<Unit>;
  readonly hue: number;
  readonly isFaint: boolean;
  readonly isPressed: boolean;
  readonly isTabStop: boolean;
  readonly onTake: () => void;
  readonly onStep: (event: KeyboardEvent) => void;
  readonly onHover: (isOver: boolean) => void;
}

function UnitSpot({ spot, hue, isFaint, isPressed, isTabStop, onTake, onStep, onHover }: SpotProps) {
  const { unit, x, y, radius, text, turned } = spot;
  const state = unit.connected > 0 ? 'on' : 'off';
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no button
    <g
      class={`node ${unit.kind}${isFaint ? ' faint' : ''}${unit.refused > 0 ? ' refused' : ''}`}
      role="button"
      tabindex={isTabStop ? 0 : -1}
      aria-pressed={isPressed}
      aria-label={unitText(unit)}
      onClick={onTake}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return onStep(event);
        event.preventDefault();
        onTake();
      }}
      onMouseEnter={() => onHover(true)}
      onMouseLeave={() => onHover(false)}
    >
      <title>{unitText(unit)}</title>
      <circle class="ring" cx={x} cy={y} r={radius + 4} />
      <circle cx={x} cy={y} r={radius} class={state} data-hue={hue} />
      {unit.kind !== 'domain' && (
        <text class="number" x={x} y={y + 4} text-anchor="middle">
          {unit.domains}
        </text>
      )}
      <text
        class="name"
        x={text.x}
        y={text.y}
        text-anchor={text.anchor}
        {...(turned === 0
          ? {}
          : { transform: `rotate(${turned.toFixed(2)} ${text.x} ${text.y})`, 'dominant-baseline': 'central' })}
      >
        {spot.written}
      </text>
    </g>
  );
}

/** What a unit is called. */
export function nameOf({ kind, name }: Pick<Unit, 'kind' | 'name'>): string {
  if (kind === 'domain') return plain(name);
  if (kind === 'label') return name === '' ? 'no label' : plain(name);
  return name === '' ? 'other labels' : `more ${plain(name)}`;
}

function unitText(unit: Unit): string {
  const { kind, labels, domains, connected, refused } = unit;
  const denied = refused > 0 ? `, ${count(refused)} refused` : '';
  if (kind === 'domain')
    return `${nameOf(unit)}, ${connected > 0 ? 'connected' : 'not connected'}, labels ${plain(labels.join(' ') || 'none')}${denied}`;
  return `${nameOf(unit)}, ${domains} domains, ${connected} connected${denied}`;
}

function arrowText(arrow: Arrow, from: Unit, to: Unit, isLive: boolean): string {
  const now = isLive ? `, now ${rate(arrow.messageRate)} and ${bytes(arrow.byteRate)}/s` : '';
  const pairs = arrow.pairs > 1 ? `, ${arrow.pairs} pairs` : '';
  return `${nameOf(from)} to ${nameOf(to)}: ${count(arrow.messages)} messages, ${bytes(arrow.bytes)}${now}, ${count(arrow.denied)} denied${pairs}`;
}

/** One of six colours for each label; the name next to it says what the colour cannot. */
export function huesOf(units: readonly Unit[]): ReadonlyMap<string, number> {
  const labels = [...new Set(units.map(({ label }) => label))];
  return new Map(labels.map((label, at) => [label, at % HUES]));
}

function isSame(focus: Focus | null, { from, to }: Arrow): boolean {
  return focus !== null && focus.from === from && focus.to === to;
}

function concerns(bright: Focus | null, arrow: Arrow): boolean {
  if (bright === null) return true;
  if (bright.to !== null) return isSame(bright, arrow);
  return arrow.from === bright.from || arrow.to === bright.from;
}

function isNear(id: string, bright: Focus, arrows: readonly Arrow[]): boolean {
  if (id === bright.from || id === bright.to) return true;
  if (bright.to !== null) return false;
  return arrows.some(({ from, to }) => (from === bright.from && to === id) || (to === bright.from && from === id));
}
