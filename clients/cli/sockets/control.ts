/** `--control`: where a command finds the control socket of the broker. */
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { findConfig, type SearchPlaces } from '../../../broker/config/index.ts';
import { CONTROL_SOCKET, readOptions } from '../../../broker/index.ts';

const BROKER_CONFIG = 'argus.yaml';
const DEFAULT_CONTROL = '/run/argus/control.sock';

/** Options of every command that speaks to a running broker. */
export interface ControlFlags {
  readonly control?: string;
  /** Milliseconds. Undefined: the default of the control socket's client. */
  readonly timeout?: number;
}

export function withControl(command: Command): Command {
  return command
    .addOption(controlOption())
    .option('--timeout <duration>', 'how long to wait for the broker: 500ms, 30s, 2m (default: 10s)', parseTimeout);
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

function parseTimeout(text: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,6})(ms|s|m)$/.exec(text) ?? [];
  const milliseconds = Number(amount) * (UNIT_MS[unit] ?? 0);
  if (milliseconds > 0) return milliseconds;
  throw new InvalidArgumentError(`"${text}" is no time like 500ms, 30s or 2m`);
}

export function controlOption(): Option {
  return new Option(
    '--control <path>',
    `control socket of the broker (default: in "runtime" of ./argus.yaml or /etc/argus/argus.yaml, or ${DEFAULT_CONTROL})`,
  ).env('ARGUS_CONTROL');
}

/** @throws BrokerError when there is an argus.yaml and it is not in order */
export function controlSocket(given: string | undefined, places?: SearchPlaces): string {
  if (given !== undefined) return given;
  const file = findConfig(BROKER_CONFIG, places);
  return file === null ? DEFAULT_CONTROL : join(readOptions(file).runtime, CONTROL_SOCKET);
}
