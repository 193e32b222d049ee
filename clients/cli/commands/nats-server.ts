/** Rewriting the configuration of a NATS server after its users have changed. */
import { INSPECTORS, NatsServerDirectory, type NatsSetup, natsMembersOf, type Written } from '../../../broker/index.ts';
import { loadPolicy } from '../../../policy/index.ts';

export async function rewriteServer(directory: NatsServerDirectory, setup: NatsSetup): Promise<Written> {
  const policy = await loadPolicy(setup.policy, { revision: 1, inspectors: INSPECTORS });
  return directory.write(setup, natsMembersOf(policy.domains.all, setup.broker), Date.now());
}

/** Removes one user: its connections end, and it cannot connect again. @throws NatsCarrierError ERR_NATS_USER, ERR_NATS_FILE */
export async function removeUser(path: string, name: string): Promise<Written> {
  const directory = new NatsServerDirectory(path, 'sealed');
  const setup = await directory.setup();
  await directory.revoke(name);
  return rewriteServer(directory, setup);
}
