/** Lines of the control sockets: the key of a request, its role, and what is recorded of refusals. */
import type { Mutant } from '../../mutant.ts';

const GATE = ['test/control/gate.test.ts'];
const SOCKET = ['test/control/shared-socket.test.ts'];

type Row = readonly [file: string, find: string, replace: string, tests: readonly string[]];

const ROWS: readonly Row[] = [
  ['gate', 'this.#challenges.delete(request.socket);', '', GATE],
  [
    'gate',
    "if (claims === null) return refuse('the request is not signed by the key of its credential');",
    'if (claims === null) return OPEN;',
    GATE,
  ],
  ['gate', 'if (claims.challenge !== challenge)', 'if (false)', GATE],
  ['gate', 'if (claims.method !== request.method || claims.path !== request.url)', 'if (false)', GATE],
  ['gate', 'if (this.#isRevoked(credential))', 'if (false)', GATE],
  ['gate', ' || !this.#parts.keys.proven(credential)', '', GATE],
  ['gate', 'if (!route.roles.includes(credential.role)) {', 'if (false) {', GATE],
  ['gate', 'return needsKey ? refuse', 'return false ? refuse', GATE],
  [
    'routes',
    'return { name, roles: ADMIN, isChange: true };',
    'return { name, roles: READERS, isChange: true };',
    GATE,
  ],
  ['refusals', 'waiting.count += 1;', '', GATE],
  ['request-body', 'if (request.digest !== null && digestOf(body) !== request.digest)', 'if (false)', SOCKET],
];

export const CONTROL: readonly Mutant[] = ROWS.map(([file, find, replace, tests]) => ({
  in: `broker/control/${file}.ts`,
  find,
  replace,
  promise: 'each role does its own things',
  tests,
}));
