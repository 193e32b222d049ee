/** Events over time as stacked bars; drag over them to ask for that stretch. */
import { useState } from 'preact/hooks';
import { clockTime, count } from './text.tsx';

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

export function Histogram({ from, stepMs, allowed, denied, other, onRange }: Props) {
  const [drag, setDrag] = useState<{ readonly start: number; readonly end: number } | null>(null);
  const bars = allowed.length;
  const most = Math.max(1, ...allowed.map((value, at) => value + (denied[at] ?? 0) + (other[at] ?? 0)));
  const height = (value: number): number => (value === 0 ? 0 : Math.max(2, (HEIGHT * value) / most));
  const barAt = (event: PointerEvent): number => {
    const box = (event.currentTarget as SVGElement).getBoundingClientRect();
    return Math.min(bars - 1, Math.max(0, Math.floor((bars * (event.clientX - box.left)) / box.width)));
  };
  const [low, high] = drag === null ? [0, -1] : [Math.min(drag.start, drag.end), Math.max(drag.start, drag.end)];
  return (
    <figure class="histogram">
      <svg
        viewBox={`0 0 ${bars * BAR} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Events from ${clockTime(from)} to ${clockTime(from + bars * stepMs)}, at most ${count(most)} in a bar`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ start: barAt(event), end: barAt(event) });
        }}
        onPointerMove={(event) => {
          if (drag !== null) setDrag({ start: drag.start, end: barAt(event) });
        }}
        onPointerUp={() => {
          if (drag !== null && high > low) onRange(from + low * stepMs, from + (high + 1) * stepMs);
          setDrag(null);
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
        {high >= low && <rect class="brush" x={low * BAR} width={(high - low + 1) * BAR} y={0} height={HEIGHT} />}
      </svg>
      <figcaption class="dim">
        <span>{clockTime(from)}</span>
        <span>
          <i class="key allowed" /> allowed <i class="key denied" /> denied <i class="key other" /> other; drag to look
          closer
        </span>
        <span>{clockTime(from + bars * stepMs)}</span>
      </figcaption>
    </figure>
  );
}
