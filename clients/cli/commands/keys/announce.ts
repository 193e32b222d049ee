/** `--control` of the commands that issue: brokers that get the entry of the register for their audit log at once. */
import { type Command, Option } from 'commander';
import type { Authority } from '../../../../keys/index.ts';
import { type RegisterDelivery, tryToAnnounce } from '../../../host/index.ts';
import { controlSocket } from '../../sockets/control.ts';
import { collect, quoted } from './format.ts';

export interface RegisterDeliveryOptions {
  readonly control?: readonly string[];
}

export function withAnnouncement(command: Command): Command {
  return command.addOption(
    new Option(
      '--control <path>',
      'control socket of a broker whose audit log gets it at once; may be repeated (default: that of a broker on this host)',
    ).argParser(collect),
  );
}

/** The credential is signed already, so a broker that cannot be reached is no failure: it gets the entry later. */
export function announce(
  authority: Authority,
  { control }: RegisterDeliveryOptions,
): Promise<readonly RegisterDelivery[]> {
  const sockets = control ?? [controlSocket(process.env.ARGUS_CONTROL)];
  return Promise.all(sockets.map((path) => tryToAnnounce(authority, path)));
}

export function describeAnnouncements(
  announcements: readonly RegisterDelivery[],
  authority: string,
): readonly string[] {
  const isMissing = announcements.some(({ problem }) => problem !== null);
  return [
    ...announcements.map(({ control, problem }) =>
      problem === null ? `in the audit log of the broker at ${control}` : `not in an audit log yet: ${problem}`,
    ),
    ...(isMissing ? [`  later: argus keys publish --authority ${quoted(authority)} --control SOCKET`] : []),
  ];
}
