/** `--control`: where a command finds the control socket of the broker. */
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { findConfig, type SearchPlaces } from '../../../broker/config/index.ts';
import { CONTROL_SOCKET, readOptions } from '../../../broker/index.ts';
import { parseTimeout } from '../durations.ts';

export const BROKER_CONFIG = 'argus.yaml';
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
