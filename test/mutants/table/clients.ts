/** Lines of the programs around the broker: commands, agents, SDK. */
import type { Mutant } from '../mutant.ts';

const SOCKETS = ['test/cli/sockets.test.ts'];

export const CLIENTS: readonly Mutant[] = [
  {
    in: 'clients/cli/sockets/find.ts',
    find: 'if (isOwn(here) && isOwn(own)) return own;',
    replace: 'if (isOwn(own)) return own;',
    promise: 'commands reach their own broker',
    tests: SOCKETS,
  },
  {
    in: 'clients/cli/sockets/find.ts',
    find: '(uid === 0 || uid === process.geteuid?.()) && (mode & GROUP_OR_OTHERS_MAY_WRITE) === 0',
    replace: '(mode & GROUP_OR_OTHERS_MAY_WRITE) === 0',
    promise: 'commands reach their own broker',
    tests: SOCKETS,
  },
  {
    in: 'clients/cli/sockets/find.ts',
    find: '(mode & GROUP_OR_OTHERS_MAY_WRITE) === 0',
    replace: 'mode >= 0',
    promise: 'commands reach their own broker',
    tests: SOCKETS,
  },
  {
    in: 'clients/agents/guest/agent.ts',
    find: 'await requireFree(config.socket);',
    replace: '',
    promise: 'a second agent leaves the first alone',
    tests: ['test/agents/guest/local.test.ts'],
  },
  {
    in: 'broker/service/grants.ts',
    find: "if (unknown !== null) return refused('ERR_BROKER_GRANT', unknown);",
    replace: '',
    promise: 'commands reach their own broker',
    tests: ['test/service/control.serial.test.ts'],
  },
  {
    in: 'clients/audit/table.ts',
    find: "typeof cell === 'string' && /^[=+\\-@\\t\\r]/.test(cell)",
    replace: 'false',
    promise: 'a table runs nothing',
    tests: ['test/audit/questions.test.ts'],
  },
  {
    in: 'clients/audit/table.ts',
    find: `text.replaceAll('"', '""')`,
    replace: 'text',
    promise: 'a table runs nothing',
    tests: ['test/audit/questions.test.ts'],
  },
  {
    in: 'clients/agents/network/dhcp/message.ts',
    find: 'if (message.op === BOOTREQUEST && !isMac) options',
    replace: 'if (false) options',
    promise: 'payloads are of their class',
    tests: ['test/agents/network/dhcp/dhcp-message.test.ts'],
  },
  {
    in: 'clients/agents/network/routes/announce.ts',
    find: 'if (isClosed) return Promise.resolve();',
    replace: '',
    promise: 'routes go with their router',
    tests: ['test/agents/network/routes/routes-lifecycle.test.ts'],
  },
  {
    in: 'clients/agents/network/routes/announce.ts',
    find: 'await Promise.allSettled(underWay);',
    replace: '',
    promise: 'routes go with their router',
    tests: ['test/agents/network/routes/routes-lifecycle.test.ts'],
  },
  {
    in: 'clients/agents/network/routes/apply.ts',
    find: "if (domid === routerId && (port === null || port === ROUTE_PORT)) lose('is gone');",
    replace: '',
    promise: 'routes go with their router',
    tests: ['test/agents/network/routes/routes-lifecycle.test.ts'],
  },
  {
    in: 'clients/agents/network/routes/apply.ts',
    find: "if (closed.port === ROUTE_PORT) lose('may no longer announce');",
    replace: '',
    promise: 'routes go with their router',
    tests: ['test/agents/network/routes/routes-lifecycle.test.ts'],
  },
  {
    in: 'clients/agents/network/routes/apply.ts',
    find: 'if (learned.dropDoubted()) say(',
    replace: 'if (false) say(',
    promise: 'routes go with their router',
    tests: ['test/agents/network/routes/routes-lifecycle.test.ts'],
  },
  {
    in: 'clients/agents/network/routes/apply.ts',
    find: "lose('has been silent for too long');",
    replace: '',
    promise: 'routes go with their router',
    tests: ['test/agents/network/routes/routes-lifecycle.test.ts'],
  },
];
