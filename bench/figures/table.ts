/** The report for people: a table per size, every figure with its ratio to the baseline, and what the figures do not say. */
import Table from 'cli-table3';
import type { ArmName } from '../arms/arm.ts';
import type { Limit } from './limit.ts';
import type { Cell, CellRatio, Report } from './report.ts';

/** Without colours the same text serves a terminal, a pipe and a document. */
export const TABLE_STYLE = { head: [], border: [], compact: true };
const COLUMNS = [
  ...['arm', 'msg/s', '×', 'broker µs/msg', '×', 'broker MiB'],
  ...['p50 µs', '×', 'p99 µs', '×', 'p99.9 µs', 'note'],
];
const FIGURES = COLUMNS.length - 2;
const MIB = 1024 * 1024;

export function renderReport(report: Report, order: readonly ArmName[]): string {
  const sizes = [...new Set(report.arms.map(({ size }) => size))];
  const tables = sizes.map((size) => `${sizeTitle(size)}\n${renderSize(report, size, order)}`);
  return [...tables, ...footnotes(report)].join('\n');
}

function renderSize(report: Report, size: number, order: readonly ArmName[]): string {
  const table = new Table({
    head: COLUMNS,
    style: TABLE_STYLE,
    colAligns: ['left', ...Array(FIGURES).fill('right'), 'left'],
  });
  for (const arm of order) {
    const cell = report.arms.find((one) => one.arm === arm && one.size === size);
    const ratios = report.ratios.cells.find((one) => one.arm === arm && one.size === size);
    if (cell !== undefined && ratios !== undefined) table.push(cellRow(cell, ratios));
    else table.push([arm, ...Array(FIGURES).fill('-'), absence(report, arm, size)]);
  }
  return table.toString();
}

function cellRow(cell: Cell, ratios: CellRatio): string[] {
  return [
    cell.arm,
    thousands(cell.messagesPerSecond),
    times(ratios.messagesPerSecond),
    micros(cell.brokerMicrosPerMessage),
    times(ratios.brokerMicrosPerMessage),
    thousands(cell.memoryBytes / MIB),
    micros(cell.latency.p50Micros),
    times(ratios.p50Micros),
    micros(cell.latency.p99Micros),
    times(ratios.p99Micros),
    micros(cell.latency.p999Micros),
    cell.clientBound === null ? '' : `${cell.clientBound}-bound`,
  ];
}

function absence(report: Report, arm: ArmName, size: number): string {
  const missing = report.missing.find((one) => one.arm === arm);
  if (missing !== undefined) return `missing: install ${missing.package}`;
  const failed = report.failed.find((one) => one.arm === arm && (one.size === null || one.size === size));
  return failed === undefined ? 'not run' : 'failed';
}

function footnotes(report: Report): string[] {
  const { host, ratios, missing, failed, arms } = report;
  const versions = Object.entries(host.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `× = in units of ${ratios.baseline} in this run (msg/s: more is better; the others: less is better)`,
    ...(arms.some(({ clientBound }) => clientBound !== null)
      ? ['sender-bound, receiver-bound: that client used a whole core; the broker could do more']
      : []),
    ...missing.map((one) => `${one.arm} is missing: install the package ${one.package}`),
    ...failed.map((one) => `${one.arm} failed${one.size === null ? '' : ` at ${one.size} B`}: ${one.reason}`),
    `${host.cpu}, ${host.cores} cores, ${host.platform}; node ${host.node}; ${versions.join(', ')}`,
  ];
}

function sizeTitle(size: number): string {
  return `\n${thousands(size)} bytes`;
}

/** The broker's distance from the physical limit, a row per size. */
export function renderLimits(limits: readonly Limit[]): string {
  const table = new Table({
    head: ['size', 'relay', 'two AEAD', 'copy', 'limit µs', 'broker µs', 'broker / limit'],
    style: TABLE_STYLE,
    colAligns: Array(7).fill('right'),
  });
  for (const { size, relayMicros, aeadMicros, copyMicros, limitMicros, brokerMicros, ratio } of limits) {
    const figures = [relayMicros, aeadMicros, copyMicros, limitMicros, brokerMicros];
    table.push([`${thousands(size)} B`, ...figures.map((each) => each.toFixed(3)), ratio.toFixed(2)]);
  }
  return `\nphysical limit of this machine, µs of CPU per message\n${table.toString()}`;
}

export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');
}

function micros(value: number): string {
  return value < 100 ? value.toFixed(value < 10 ? 2 : 1) : thousands(value);
}

function times(value: number | null): string {
  return value === null ? '' : value.toFixed(2);
}
