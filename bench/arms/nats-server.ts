/** A nats-server for an arm, with the same environment whichever arm it is. */
import { SERVER_ENVIRONMENT } from '../../broker/carrier/index.ts';
import { type FindProgram, findProgram, type ServerProcess, startTcpServer } from './server-process.ts';

const PROGRAM = 'nats-server';

/** The package to install, or null. */
export async function natsServerMissing(find: FindProgram): Promise<string | null> {
  return (await find(PROGRAM)) === null ? PROGRAM : null;
}

/** The environment of the bench has priority: `GOGC=100 npm run bench` measures the server with its default. */
export async function startNatsServer(configFile: string, tcpPort: number): Promise<ServerProcess> {
  const program = (await findProgram(PROGRAM)) ?? PROGRAM;
  return startTcpServer(program, ['-c', configFile], tcpPort, { ...SERVER_ENVIRONMENT, ...process.env });
}
