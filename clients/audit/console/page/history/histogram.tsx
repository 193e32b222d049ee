/** Events over time as stacked bars; a stretch is chosen by dragging over them, or with two sliders by keyboard. */
import { useEffect, useState } from 'preact/hooks';
import { clockTime, count } from '../text.tsx';

const HEIGHT = 120;
const BAR = 8;

interface Props {
  readonly from: number;
  readonly stepMs: number;
  readonly allowed: readonly number[];
  readonly denied: readonly number[];
  readonly other: readonly number[];
  readonly onRange: (since: number, until: number) => void;
}

interface Brush {
  readonly start: number;
  readonly end: number;
}

export function Histogram({ from, stepMs, allowed, denied, other, onRange }: Props) {
  const [brush, setBrush] = useState<Brush | null>(null);
  const [isDragging, setDragging] = useState(false);
  // Another answer has other bars.
  useEffect(() => setBrush(null), [from, stepMs]);
  const bars = allowed.length;
  const most = Math.max(1, ...allowed.map((value, at) => value + (denied[at] ?? 0) + (other[at] ?? 0)));
  const height = (value: number): number => (value === 0 ? 0 : Math.max(2, (HEIGHT * value) / most));
  const barAt = (event: PointerEvent): number => {
    const box = (event.currentTarget as SVGElement).getBoundingClientRect();
    return Math.min(bars - 1, Math.max(0, Math.floor((bars * (event.clientX - box.left)) / box.width)));
  };
  const low = brush === null ? 0 : Math.min(brush.start, brush.end);
  const high = brush === null ? bars - 1 : Math.max(brush.start, brush.end);
  const isWhole = low === 0 && high === bars - 1;
  const look = (): void => {
    if (!isWhole) onRange(from + low * stepMs, from + (high + 1) * stepMs);
    setBrush(null);
  };
  const slide = (start: number, end: number): void =>
    setBrush({ start: Math.min(start, end), end: Math.max(start, end) });
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter') look();
    else if (event.key === 'Escape') setBrush(null);
    else return;
    event.preventDefault();
  };
  return (
    <figure class="histogram">
      <div class="brushed">
        <svg
          viewBox={`0 0 ${bars * BAR} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`Events from ${clockTime(from)} to ${clockTime(from + bars * stepMs)}, at most ${count(most)} in a bar`}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            setDragging(true);
            setBrush({ start: barAt(event), end: barAt(event) });
          }}
          onPointerMove={(event) => {
            if (isDragging && brush !== null) setBrush({ start: brush.start, end: barAt(event) });
          }}
          onPointerUp={() => {
            setDragging(false);
            if (high > low) look();
            else setBrush(null);
          }}
          onPointerCancel={() => {
            setDragging(false);
            setBrush(null);
          }}
        >
          {allowed.map((value, at) => {
            const [a, d, o] = [height(value), height(denied[at] ?? 0), height(other[at] ?? 0)];
            return (
              <g key={at}>
                <rect class="other" x={at * BAR} width={BAR - 1} y={HEIGHT - o} height={o} />
                <rect class="allowed" x={at * BAR} width={BAR - 1} y={HEIGHT - o - a} height={a} />
                <rect class="denied" x={at * BAR} width={BAR - 1} y={HEIGHT - o - a - d} height={d} />
              </g>
            );
          })}
          {brush !== null && <rect class="brush" x={low * BAR} width={(high - low + 1) * BAR} y={0} height={HEIGHT} />}
        </svg>
        <input
          type="range"
          aria-label="Beginning of the stretch"
          aria-valuetext={clockTime(from + low * stepMs)}
          min={0}
          max={bars - 1}
          value={low}
          onInput={(event) => slide(Number(event.currentTarget.value), high)}
          onKeyDown={onKeyDown}
        />
        <input
          type="range"
          aria-label="End of the stretch"
          aria-valuetext={clockTime(from + (high + 1) * stepMs)}
          min={0}
          max={bars - 1}
          value={high}
          onInput={(event) => slide(low, Number(event.currentTarget.value))}
          onKeyDown={onKeyDown}
        />
      </div>
      <figcaption class="dim">
        <span>{clockTime(from + low * stepMs)}</span>
        {isWhole ? (
          <span>
            <i class="key allowed" /> allowed <i class="key denied" /> denied <i class="key other" /> other; at most{' '}
            {count(most)} in a bar; drag, or move the sliders, to look closer
          </span>
        ) : (
          <button type="button" class="link" onClick={look}>
            look closer at this stretch
          </button>
        )}
        <span>{clockTime(from + (high + 1) * stepMs)}</span>
      </figcaption>
    </figure>
  );
}
