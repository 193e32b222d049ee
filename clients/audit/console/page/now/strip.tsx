/** All traffic of the map's stretch of time as a strip of bars: allowed upwards, denied downwards. */
import { count } from '../text.tsx';

const BAR = 10;
const UP = 34;
const DOWN = 12;

interface Props {
  readonly answer: { readonly allowedOverTime: readonly number[]; readonly deniedOverTime: readonly number[] };
}

export function Strip({ answer: { allowedOverTime, deniedOverTime } }: Props) {
  const [mostAllowed, mostDenied] = [Math.max(1, ...allowedOverTime), Math.max(1, ...deniedOverTime)];
  const height = (value: number, most: number, room: number): number =>
    value === 0 ? 0 : Math.max(1.5, (room * value) / most);
  return (
    <svg
      class="strip"
      viewBox={`0 0 ${allowedOverTime.length * BAR} ${UP + DOWN + 1}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Traffic over time: at most ${count(mostAllowed)} messages and ${count(Math.max(0, ...deniedOverTime))} denials in a bar`}
    >
      {allowedOverTime.map((allowed, at) => {
        const [up, down] = [height(allowed, mostAllowed, UP), height(deniedOverTime[at] ?? 0, mostDenied, DOWN)];
        return (
          <g key={at}>
            <rect class="allowed" x={at * BAR + 1} width={BAR - 2} y={UP - up} height={up} />
            <rect class="denied" x={at * BAR + 1} width={BAR - 2} y={UP + 1} height={down} />
          </g>
        );
      })}
      <line x1="0" x2={allowedOverTime.length * BAR} y1={UP + 0.5} y2={UP + 0.5} />
    </svg>
  );
}
