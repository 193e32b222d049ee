/** The screen of `argus top`, line by line, and what its keys mean. Pure. */

import type { BrokerStatus, DomainStatus, GrantStatus } from '../../../../broker/index.ts';
import type { Key } from '../../full-screen.ts';
import { printable } from '../../output.ts';
import type { FlowLine, TopModel } from './model.ts';

export const PANELS = ['domains', 'flows', 'denials', 'grants'] as const;
export type Panel = (typeof PANELS)[number];

export interface TopState {
  readonly panel: Panel;
  readonly selected: number;
  /** `look`: the selected domain in full. `revoke`: the question whether to take the selected grant back. */
  readonly mode: 'list' | 'look' | 'revoke';
  /** The last thing that went wrong; empty: nothing. */
  readonly problem: string;
}

export const FIRST_STATE: TopState = Object.freeze({ panel: 'domains', selected: 0, mode: 'list', problem: '' });

interface Screen {
  readonly columns: number;
  readonly rows: number;
}

/** Lines around the list: health, panels, keys. */
const FRAME_ROWS = 3;

export function drawTop(model: TopModel, state: TopState, wall: number, { columns, rows }: Screen): string[] {
  const cut = (line: string): string => line.slice(0, columns);
  const room = Math.max(1, rows - FRAME_ROWS);
  const lines = linesOf(model, state, wall);
  const at = Math.min(state.selected, Math.max(0, lines.length - 1));
  const first = Math.max(0, Math.min(at - room + 1, lines.length - room));
  const isList = state.mode !== 'look';
  const body = lines.slice(first, first + room).map((line, index) => {
    const text = cut(` ${line}`);
    return isList && first + index === at ? `\x1b[7m${text.padEnd(columns)}\x1b[0m` : text;
  });
  while (body.length < room) body.push('');
  return [cut(health(model)), cut(panelLine(state, lines.length, room)), ...body, cut(footer(model, state))].slice(
    0,
    rows,
  );
}

function health(model: TopModel): string {
  const status = model.now?.status;
  if (status === undefined) return ' argus: waiting for the broker';
  const { messages, bytes, refused } = model.rates;
  const troubles = troublesOf(status);
  const trouble = troubles.length === 0 ? 'ok' : troubles.join(', ');
  return ` ${status.broker} ${trouble}  rev ${status.policy.revision}  ${messages.toFixed(0)} msg/s  ${size(bytes)}/s  ${refused.toFixed(0)} refused/s  up ${duration(status.uptimeSeconds)}`;
}

function troublesOf({ audit, policy, keys }: BrokerStatus): string[] {
  return [
    ...(audit.healthy ? [] : ['LOG FAILED: SENDS STOPPED']),
    ...(policy.permissive.length === 0 ? [] : [`PERMISSIVE: ${policy.permissive.join(' ')}`]),
    ...(policy.refusal === null ? [] : ['POLICY ON DISK REFUSED']),
    ...(keys.isStale ? ['KEYS STALE'] : []),
    ...(keys.incidents.length === 0 ? [] : [`${keys.incidents.length} KEY INCIDENTS`]),
  ];
}

function panelLine({ panel }: TopState, count: number, room: number): string {
  const tabs = PANELS.map((each) => (each === panel ? `[${each}]` : ` ${each} `)).join('');
  return ` ${tabs}${count > room ? `  ${count}` : ''}`;
}

function footer({ now }: TopModel, { panel, mode, selected, problem }: TopState): string {
  if (mode === 'revoke') {
    const grant = now?.grants[selected];
    return grant === undefined ? '' : ` take back ${grant.label} of ${grant.domain}? y/n`;
  }
  if (problem !== '') return ` ${printable(problem)}`;
  if (mode === 'look') return ' esc back  q quit';
  const own = { domains: '  enter look', grants: '  r revoke', flows: '', denials: '' }[panel];
  return ` q quit  tab next${own}  up/down select`;
}

function linesOf(model: TopModel, { panel, mode, selected }: TopState, wall: number): string[] {
  const domains = model.now?.status.domains ?? [];
  const grants = model.now?.grants ?? [];
  const domain = domains[selected];
  if (mode === 'look' && domain !== undefined) return lookAt(model, domain, grants, wall);
  switch (panel) {
    case 'domains': {
      const width = Math.max(2, ...domains.map(({ name }) => name.length));
      return domains.map((each) => domainLine(model, each, width));
    }
    case 'flows':
      return orNone(
        model.flows.map((each) => flowLine(each, model.rateOf(each))),
        'no flow in the log yet: they are written every 10 s',
      );
    case 'denials':
      return orNone(
        model.denials.map(
          ({ time, what, reason, count }) => `${time} ${what}  ${reason}${count === 1 ? '' : ` x${count}`}`,
        ),
        'no denial in the log yet',
      );
    case 'grants':
      return orNone(
        grants.map((each) => grantLine(each, wall)),
        'nothing is granted',
      );
  }
}

function orNone(lines: string[], none: string): string[] {
  return lines.length === 0 ? [none] : lines;
}

function flowLine({ what, messages, bytes }: FlowLine, rate: number | null): string {
  const pace = rate === null ? '' : `${rate.toFixed(rate < 10 ? 1 : 0)} msg/s, `;
  return `${what}  ${pace}${messages} messages, ${size(bytes)}`;
}

function domainLine(model: TopModel, domain: DomainStatus, width: number): string {
  const { name, session, memory, rings } = domain;
  const used = rings.reduce((sum, ring) => sum + ring.used, 0);
  const presence = session === null ? 'away  ' : 'online';
  const heldBack = domain.work.heldBack + memory.heldBack;
  const note = heldBack === 0 ? '' : `  held back ${heldBack}`;
  return `${name.padEnd(width)}  ${presence}  cpu ${model.workOf(domain).toFixed(0).padStart(4)} ms/s  mem ${size(memory.held).padStart(9)}  rings ${rings.length} ${size(used)}${note}`;
}

function grantLine({ domain, label, expiresAt, by, reason, keep }: GrantStatus, wall: number): string {
  const left = expiresAt === null ? (keep ? 'kept' : 'session') : duration((Date.parse(expiresAt) - wall) / 1_000);
  return `${domain} ${label}  ${left}  by ${printable(by)}${reason === '' ? '' : `: ${printable(reason)}`}`;
}

function lookAt(model: TopModel, domain: DomainStatus, grants: readonly GrantStatus[], wall: number): string[] {
  const { name, domid, labels, session, carrier, suite, memory, work, log, rings } = domain;
  return [
    `${name}  domid ${domid}  ${labels.join(' ') || 'no label'}`,
    session === null ? 'not connected' : `session ${session}  ${carrier ?? '-'}  ${suite ?? '-'}`,
    `cpu ${model.workOf(domain).toFixed(0)} ms/s, ${work.milliseconds} ms in all, held back ${work.heldBack}`,
    `memory ${size(memory.held)} of ${size(memory.share)}, held back ${memory.heldBack}`,
    `log ${log.left === null ? 'unused' : `${size(log.left)} left`}, withheld ${log.withheld}`,
    ...rings.map(({ port, partner, used, length }) => `ring ${port} from ${partner}: ${used} of ${length} bytes`),
    ...grants.filter((grant) => grant.domain === name).map((grant) => `granted ${grantLine(grant, wall)}`),
    ...model.denials
      .filter(({ what }) => what.startsWith(`${name} `))
      .map(({ time, what, reason }) => `${time} denied ${what} ${reason}`),
  ];
}

function size(bytes: number): string {
  if (bytes < 1_024) return `${bytes.toFixed(0)} B`;
  return bytes < 1_048_576 ? `${(bytes / 1_024).toFixed(1)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 120) return `${whole} s`;
  return whole < 7_200 ? `${Math.floor(whole / 60)} min` : `${Math.floor(whole / 3_600)} h`;
}

type KeyAction =
  | { readonly kind: 'quit' }
  | { readonly kind: 'state'; readonly state: TopState }
  | { readonly kind: 'revoke'; readonly grant: GrantStatus; readonly state: TopState };

/** Null: the key means nothing here. */
export function keyAction(model: TopModel, state: TopState, { name, ctrl }: Key): KeyAction | null {
  if (ctrl === true && (name === 'c' || name === 'd')) return { kind: 'quit' };
  const to = (change: Partial<TopState>): KeyAction => ({ kind: 'state', state: { ...state, problem: '', ...change } });
  const grant = model.now?.grants[state.selected];
  if (state.mode === 'revoke') {
    if (name === 'y' && grant !== undefined) return { kind: 'revoke', grant, state: { ...state, mode: 'list' } };
    return to({ mode: 'list' });
  }
  if (name === 'q') return { kind: 'quit' };
  if (state.mode === 'look') return name === 'escape' || name === 'return' ? to({ mode: 'list' }) : null;
  const count = {
    domains: model.now?.status.domains.length ?? 0,
    grants: model.now?.grants.length ?? 0,
    flows: model.flows.length,
    denials: model.denials.length,
  }[state.panel];
  switch (name) {
    case 'tab':
      return to({ panel: PANELS[(PANELS.indexOf(state.panel) + 1) % PANELS.length] ?? 'domains', selected: 0 });
    case 'up':
    case 'k':
      return to({ selected: Math.max(0, Math.min(state.selected, count - 1) - 1) });
    case 'down':
    case 'j':
      return to({ selected: Math.max(0, Math.min(state.selected + 1, count - 1)) });
    case 'return':
      return state.panel === 'domains' && count > 0 ? to({ mode: 'look' }) : null;
    case 'r':
      return state.panel === 'grants' && grant !== undefined ? to({ mode: 'revoke' }) : null;
    default:
      return null;
  }
}
