/** A domain in a process of its own, for a test to stop with SIGSTOP: registers a ring and takes nothing from it. */
import { connect } from '../../clients/sdk/index.ts';

const { carrier, identity, port, length } = JSON.parse(process.argv[2] ?? '{}') as {
  readonly carrier: string;
  readonly identity: string;
  readonly port: number;
  readonly length: number;
};
const vm = await connect({ carrier, identity });
await vm.registerRing({ port, partner: 'a', length });
process.on('disconnect', () => process.exit());
process.send?.('ready');
