/** Lines of the console that decide who may change something with it, and what. */
import type { Mutant } from '../../mutant.ts';

const CASES = ['test/audit/console/console-cases.test.ts'];
const PAGE_ONLY = 'a console writes only what its auditor signs';

export const CONSOLE: readonly Mutant[] = [
  {
    in: 'clients/cli/commands/audit/evidence/configured-witnesses.ts',
    find: 'const keys = [await keyOf(one, join(options.identity, TRUSTED_AUTHORITY))];',
    replace: 'const keys: VerifierKey[] = [];',
    promise: 'a witness without a trusted key does not count',
    tests: ['test/cli/configured-witnesses.test.ts'],
  },
  {
    in: 'clients/cli/commands/audit/evidence/configured-witnesses.ts',
    find: 'if (name !== undefined && key.name !== name)',
    replace: 'if (false)',
    promise: 'a witness without a trusted key does not count',
    tests: ['test/cli/configured-witnesses.test.ts'],
  },
  {
    in: 'clients/cli/commands/audit/evidence/configured-witnesses.ts',
    find: 'return options !== null && realpathSync(options.audit) === realpathSync(directory) ? options : null;',
    replace: 'return options;',
    promise: 'a witness without a trusted key does not count',
    tests: ['test/cli/configured-witnesses.test.ts'],
  },
  {
    in: 'broker/audit/verify/witnesses.ts',
    find: 'return [...new Set(reports.map(({ from, name }) => name ?? from))];',
    replace: 'return reports.map(({ from, name }) => name ?? from);',
    promise: 'a witness without a trusted key does not count',
    tests: ['test/audit/witness/witness.test.ts'],
  },
  {
    in: 'clients/audit/console/guard.ts',
    find: "return isSame(String(headers[WRITE_HEADER] ?? ''), this.#writeToken);",
    replace: 'return true;',
    promise: PAGE_ONLY,
    tests: CASES,
  },
  {
    in: 'clients/audit/console/guard.ts',
    find: "if (headers['content-type'] !== 'application/json') return false;",
    replace: '',
    promise: PAGE_ONLY,
    tests: CASES,
  },
  {
    in: 'clients/audit/console/guard.ts',
    find: 'if (headers.origin === undefined) return false;',
    replace: '',
    promise: PAGE_ONLY,
    tests: CASES,
  },
  {
    in: 'clients/audit/console/guard.ts',
    find: "if (headers.origin !== undefined && !this.#hosts.has(headers.origin.replace(/^http:\\/\\//, ''))) return 'refused';",
    replace: '',
    promise: PAGE_ONLY,
    tests: CASES,
  },
  {
    in: 'clients/audit/console/guard.ts',
    find: "if (!this.#hosts.has(headers.host ?? '')) return 'refused';",
    replace: '',
    promise: PAGE_ONLY,
    tests: CASES,
  },
  {
    in: 'clients/audit/console/guard.ts',
    find: "return isSame(cookieOf(headers.cookie), this.#cookie) ? 'admitted' : 'refused';",
    replace: "return 'admitted';",
    promise: PAGE_ONLY,
    tests: CASES,
  },
  {
    in: 'clients/audit/console/server.ts',
    find: "if (!this.#guard.mayWrite(request.headers)) response.writeHead(403, { Connection: 'close' }).end();",
    replace: 'if (false) response.end();',
    promise: PAGE_ONLY,
    tests: CASES,
  },
  {
    in: 'clients/audit/console/server.ts',
    find: "if (request.method === 'POST' && url.pathname === '/api/cases') {",
    replace: "if (request.method === 'POST') {",
    promise: PAGE_ONLY,
    tests: CASES,
  },
  {
    in: 'clients/audit/console/views/cases.ts',
    find: "return this.#desk?.author.role === 'auditor';",
    replace: 'return true;',
    promise: PAGE_ONLY,
    tests: CASES,
  },
  {
    in: 'clients/audit/console/body.ts',
    find: 'if (length > MAX_BODY_BYTES) return undefined;',
    replace: '',
    promise: PAGE_ONLY,
    tests: CASES,
  },
  {
    in: 'clients/audit/console/views/cases.ts',
    find: "if (!parsed.success) throw refused('this is not a case');",
    replace: '',
    promise: PAGE_ONLY,
    tests: CASES,
  },
  {
    in: 'clients/audit/cases/case-folder.ts',
    find: 'return /^[a-z0-9][\\w.-]{0,120}\\.case$/i.test(name);',
    replace: 'return true;',
    promise: PAGE_ONLY,
    tests: CASES,
  },
  {
    in: 'broker/files/create-file.ts',
    find: 'await link(draft, path);',
    replace: 'await rename(draft, path);',
    promise: PAGE_ONLY,
    tests: CASES,
  },
];
