/** Which requests pass the control sockets: a key that is proved for this one request, and a role that may ask for it. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { memoryAudit } from '../../broker/audit/index.ts';
import { type GateResult, KeyGate } from '../../broker/control/gate.ts';
import { digestOf, type ProofClaims, proofHeaders } from '../../broker/control/proof.ts';
import { Refusals } from '../../broker/control/refusals.ts';
import { type ControlRoute, ROUTES } from '../../broker/control/routes.ts';
import { auditCommand } from '../../clients/cli/commands/audit.ts';
import { type Credential, createAuthority, type Identity, issueIdentity, type Role } from '../../keys/index.ts';
import { FakeClock } from '../support/clock.ts';
import { temporaryDirectory } from '../support/temp.ts';

const gates = suite('the gate of the control sockets');

const directory = temporaryDirectory();
const authority = await createAuthority(join(directory, 'authority'), 'unsealed');
const other = await createAuthority(join(directory, 'other'), 'unsealed');
let made = 0;

function issue(name: string, role: Role, from = authority): Promise<Identity> {
  return issueIdentity(from, join(directory, `key-${made++}`), { name, role, ttlSeconds: 3_600 }, 'unsealed');
}

const BROKER = await issue('argus', 'broker');
const ADMIN = await issue('alice', 'admin');
const AUDITOR = await issue('bob', 'auditor');

interface Fixture {
  readonly gate: KeyGate;
  readonly proven: Credential[];
}

function fixture(isRevoked: (credential: Credential) => boolean = () => false, isProven = true): Fixture {
  const proven: Credential[] = [];
  const keys = {
    isRevoked,
    proven: (credential: Credential): boolean => {
      proven.push(credential);
      return isProven;
    },
  };
  return { gate: new KeyGate({ identity: BROKER, keys, clock: { wall: Date.now }, randomBytes }), proven };
}

const RELOAD = 'POST /v1/policy/reload';
const STATUS = 'GET /v1/status';

interface Asked {
  readonly operation?: string;
  /** What the statement says, where it is not the truth. */
  readonly said?: Partial<ProofClaims>;
  /** The statement of another holder, with the credential of this one. */
  readonly signer?: Identity;
  readonly withoutCredential?: boolean;
  readonly withoutChallenge?: boolean;
}

function routeOf(operation: string): ControlRoute {
  const route = ROUTES.get(operation);
  if (route === undefined) throw new Error(operation);
  return route;
}

async function ask(gate: KeyGate, identity: Identity, asked: Asked = {}): Promise<GateResult> {
  const { operation = RELOAD, said = {}, signer = identity } = asked;
  const [method = '', path = ''] = operation.split(' ');
  const socket = {};
  const challenge = asked.withoutChallenge === true ? 'none' : gate.challenge(socket);
  const claims = { challenge, method, path, body: digestOf(Buffer.from('{}')), ...said };
  const headers: Record<string, string> = {
    ...(await proofHeaders(signer, claims)),
    'argus-credential': identity.credentialJwt,
  };
  if (asked.withoutCredential === true) delete headers['argus-credential'];
  return gate.admit({ method, url: path, headers, socket }, routeOf(operation), true);
}

function codeOf(result: GateResult): string {
  return result.ok ? 'ok' : result.code;
}

gates('the own socket needs no key, the shared one does', async () => {
  const { gate } = fixture();
  const bare = { method: 'GET', url: '/v1/status', headers: {}, socket: {} };
  assert.equal(await gate.admit(bare, routeOf(STATUS), false), { ok: true, holder: null, digest: null });
  assert.is(codeOf(await gate.admit(bare, routeOf(STATUS), true)), 'ERR_CONTROL_KEY');
});

gates('an admin passes, with name, role, key and the digest of the signed body', async () => {
  const { gate, proven } = fixture();
  assert.equal(await ask(gate, ADMIN), {
    ok: true,
    holder: { name: 'alice', role: 'admin', key: ADMIN.thumbprint },
    digest: digestOf(Buffer.from('{}')),
  });
  assert.equal(
    proven.map(({ name }) => name),
    ['alice'],
    'an older key of alice is refused from now on',
  );
});

gates('each role may ask for its own operations alone', async () => {
  const { gate } = fixture();
  const holders = [ADMIN, AUDITOR, BROKER, await issue('chrome-vm', 'domain'), await issue('carol', 'witness')];
  const asked = await Promise.all(
    [...ROUTES.keys()].map(async (operation) => {
      const results = await Promise.all(holders.map((holder) => ask(gate, holder, { operation })));
      return [operation, results.map((result) => (result.ok ? 'yes' : result.code.slice(12))).join(' ')];
    }),
  );
  const [reads, changes] = ['yes yes ROLE ROLE ROLE', 'yes ROLE ROLE ROLE ROLE'];
  assert.equal(asked, [
    ['GET /v1/status', reads],
    ['GET /metrics', reads],
    ['GET /v1/policy/files', reads],
    ['GET /v1/grants', reads],
    ['GET /v1/modes', reads],
    ['GET /v1/keys', reads],
    ['GET /v1/keys/register', reads],
    ['POST /v1/policy/reload', changes],
    ['POST /v1/policy/apply', changes],
    ['POST /v1/policy/stage', changes],
    ['POST /v1/grants', changes],
    ['POST /v1/grants/revoke', changes],
    ['POST /v1/modes', changes],
    ['POST /v1/keys/revocations', changes],
    ['POST /v1/keys/register', changes],
    ['POST /v1/audit/review', 'ROLE yes ROLE ROLE ROLE'],
    ['POST /v1/audit/read', reads],
    ['POST /v1/audit/export', reads],
  ]);
});

gates('no key can remove records: nothing at the sockets prunes the log, and no command does', async () => {
  const names = [...ROUTES.values()].map(({ name }) => name);
  assert.equal(
    names.filter((name) => name.startsWith('audit.')),
    ['audit.review', 'audit.read', 'audit.export'],
  );
  const { commands } = auditCommand();
  for (const name of [...names, ...commands.map((command) => command.name())])
    assert.not.match(name, /prune|purge|delete|remove|truncate|rotate/);
});

gates('a refusal by role says who asked for what, and whose key is needed', async () => {
  const result = await ask(fixture().gate, AUDITOR);
  assert.ok(!result.ok);
  assert.is(result.message, '"bob" is an auditor, and policy.reload needs the key of an admin');
  assert.is(result.holder?.key, AUDITOR.thumbprint);
});

gates('a proof that is not for this request, this connection and this key is refused', async () => {
  const foreign = await issue('alice', 'admin', other);
  const table: readonly (readonly [string, Identity, Asked])[] = [
    ['another method', ADMIN, { said: { method: 'GET' } }],
    ['another path', ADMIN, { said: { path: '/v1/grants' } }],
    ['another challenge', ADMIN, { said: { challenge: 'other' } }],
    ['no challenge was asked for', ADMIN, { withoutChallenge: true }],
    ['a proof without a credential', ADMIN, { withoutCredential: true }],
    ['the credential of an admin with the signature of an auditor', ADMIN, { signer: AUDITOR }],
    ['another authority', foreign, {}],
  ];
  for (const [label, identity, asked] of table) {
    const { gate, proven } = fixture();
    assert.is(codeOf(await ask(gate, identity, asked)), 'ERR_CONTROL_KEY', label);
    assert.is(proven.length, 0, label);
  }
});

gates('a request that is sent a second time is refused', async () => {
  const { gate } = fixture();
  const socket = {};
  const claims = {
    challenge: gate.challenge(socket),
    method: 'GET',
    path: '/v1/status',
    body: digestOf(Buffer.alloc(0)),
  };
  const request = { method: 'GET', url: '/v1/status', headers: await proofHeaders(ADMIN, claims), socket };
  assert.is(codeOf(await gate.admit(request, routeOf(STATUS), true)), 'ok');
  assert.is(codeOf(await gate.admit(request, routeOf(STATUS), true)), 'ERR_CONTROL_KEY');
  gate.challenge(socket);
  assert.is(
    codeOf(await gate.admit(request, routeOf(STATUS), true)),
    'ERR_CONTROL_KEY',
    'a new challenge is another one',
  );
});

gates('a revoked key and an older key are refused, whatever their role', async () => {
  const revoked = fixture(({ thumbprint }) => thumbprint === ADMIN.thumbprint);
  assert.is(codeOf(await ask(revoked.gate, ADMIN)), 'ERR_CONTROL_KEY');
  assert.is(codeOf(await ask(revoked.gate, AUDITOR, { operation: STATUS })), 'ok');
  assert.is(codeOf(await ask(fixture(() => false, false).gate, ADMIN)), 'ERR_CONTROL_KEY');
});

gates('equal refusals are recorded once a minute, with their exact count', () => {
  const [audit, clock] = [memoryAudit(), new FakeClock()];
  const refusals = new Refusals(audit, clock);
  const refusal = { code: 'ERR_CONTROL_KEY', detail: { request: 'status' } };
  for (let count = 0; count < 5; count++) refusals.add('one', refusal);
  refusals.add('two', refusal);
  const counts = (): unknown[] => audit.records.slice(1).map(({ detail }) => detail?.count);
  assert.equal(counts(), [1, 1]);
  clock.advance(60_000);
  assert.equal(counts(), [1, 1, 4]);
  refusals.add('one', refusal);
  refusals.add('one', refusal);
  refusals.close();
  assert.equal(counts(), [1, 1, 4, 1, 1]);
  assert.ok(audit.records.slice(1).every(({ event }) => event === 'admin.refused'));
});

gates('causes beyond the limit are not kept, and none is lost', () => {
  const [audit, clock] = [memoryAudit(), new FakeClock()];
  const refusals = new Refusals(audit, clock);
  for (let round = 0; round < 2; round++)
    for (let cause = 0; cause < 100; cause++)
      refusals.add(`cause ${cause}`, { code: 'ERR_CONTROL_KEY', detail: { request: 'status' } });
  refusals.close();
  const total = audit.records.slice(1).reduce((sum, { detail }) => sum + Number(detail?.count), 0);
  assert.is(total, 200);
});

gates.run();
