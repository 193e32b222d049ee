/** The broker's process in the argus arm: nothing but `startBroker`, called as an embedding program would call it. */
import { type BrokerConfig, loadBroker } from '../arms/argus-package.ts';

const { startBroker } = await loadBroker();
const broker = await startBroker(JSON.parse(process.argv[2] ?? '{}') as BrokerConfig);

process.on('SIGINT', () => {});
process.on('SIGTERM', () => void broker.close().finally(() => process.exit()));
process.on('disconnect', () => process.exit());
process.send?.('ready');
