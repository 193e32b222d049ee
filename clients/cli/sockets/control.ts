/** `--control`: where a command finds the control socket of the broker. */
import { join } from 'node:path';
import { Option } from 'commander';
import { CONTROL_SOCKET, readOptions } from '../../../broker/index.ts';
import { findConfig, type SearchPlaces } from './find.ts';

const BROKER_CONFIG = 'argus.yaml';
const DEFAULT_CONTROL = '/run/argus/control.sock';

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
