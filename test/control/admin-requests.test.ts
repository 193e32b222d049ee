/** Every request of an admin is recorded, whatever becomes of it. */
import type { IncomingMessage } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type MemoryAudit, memoryAudit } from '../../broker/audit/index.ts';
import { administer } from '../../broker/control/admin-requests.ts';
import type { CallerProcess } from '../../broker/control/caller-process.ts';
import type { ControlAnswer } from '../../broker/control/request-body.ts';

const admin = suite('requests of an admin');

const CALLER: CallerProcess = { pid: 77, uid: 0, login: 1_000, program: 'node' };

async function ask(
  answer: ControlAnswer,
  caller: CallerProcess | null = CALLER,
): Promise<MemoryAudit['records'][number] | undefined> {
  const audit = memoryAudit();
  const request = { name: 'grants.add', answer: async () => answer };
  const given = await administer({} as IncomingMessage, request, { audit, callerOf: async () => caller });
  assert.is(given, answer);
  // The first record is the start of the log.
  assert.is(audit.records.length, 2);
  return audit.records[1];
}

const ASKED = { by: 'alice', why: 'call', domain: 'chrome-vm', label: '@mic' };

admin('what was done says who, what, why, and the revision', async () => {
  const record = await ask({ code: 200, body: { ok: true, revision: 7, changed: true }, asked: ASKED });
  assert.equal([record?.event, record?.reason], ['admin.request', 'DONE']);
  assert.equal(record?.detail, { request: 'grants.add', ...ASKED, revision: 7, caller: { ...CALLER } });
});

admin('what changed nothing is recorded too', async () => {
  const record = await ask({ code: 200, body: { ok: true, revision: 7, changed: false }, asked: ASKED });
  assert.equal([record?.event, record?.reason], ['admin.request', 'UNCHANGED']);
});

admin('what was refused is recorded with its code, also when the body was none', async () => {
  const refused = await ask({ code: 422, body: { ok: false, code: 'ERR_BROKER_GRANT', message: 'no' }, asked: ASKED });
  assert.equal([refused?.event, refused?.reason], ['admin.refused', 'ERR_BROKER_GRANT']);
  const broken = await ask({ code: 400, body: { ok: false, code: 'ERR_CONTROL_BODY', message: 'x'.repeat(999) } });
  assert.equal([broken?.event, broken?.reason], ['admin.refused', 'ERR_CONTROL_BODY']);
  assert.is(String(broken?.detail?.message).length, 300);
});

admin('an unknown process is recorded as unknown and stops nothing', async () => {
  const record = await ask({ code: 200, body: { ok: true }, asked: ASKED }, null);
  assert.is(record?.detail?.caller, null);
});

admin('the request is carried out before the process is known', async () => {
  const order: string[] = [];
  const found: { resolve?: (caller: CallerProcess | null) => void } = {};
  const answered = administer(
    {} as IncomingMessage,
    {
      name: 'grants.revoke',
      answer: async () => {
        order.push('revoked');
        return { code: 200, body: { ok: true } };
      },
    },
    {
      audit: memoryAudit(),
      callerOf: () => new Promise((resolve) => Object.assign(found, { resolve })),
    },
  );
  assert.equal(order, ['revoked']);
  found.resolve?.(CALLER);
  await answered;
});

admin.run();
