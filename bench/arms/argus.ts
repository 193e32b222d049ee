/** `argus-unix`: the broker as it ships (sealed on both hops, decided per frame, audited), over its unix sockets. */
import { access } from 'node:fs/promises';
import { type Arm, endpointValue, type RunningServer, type SenderLink } from './arm.ts';
import { startRoleServer } from './server-process.ts';

export const argusUnix: Arm = {
  missing: async () => ((await isBuilt()) ? null : 'argus-broker (npm run build)'),

  async start(folder): Promise<RunningServer> {
    const server = await startRoleServer('argus-broker.ts', { folder });
    return { pid: server.pid, endpoint: {}, stop: server.stop };
  },

  async openSender(endpoint): Promise<SenderLink> {
    throw new Error(`not wired: ${endpointValue(endpoint, 'sender')}`);
  },

  async openReceiver(endpoint): Promise<void> {
    throw new Error(`not wired: ${endpointValue(endpoint, 'receiver')}`);
  },
};

/** The arm measures the built package, through the names that users import. */
async function isBuilt(): Promise<boolean> {
  try {
    await Promise.all(
      ['../../dist/broker/index.js', '../../dist/clients/sdk/index.js'].map((path) =>
        access(new URL(path, import.meta.url)),
      ),
    );
    return true;
  } catch {
    return false;
  }
}
