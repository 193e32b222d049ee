import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ParsedLine, parseLine } from '../../../broker/audit/chain.ts';
import { AUDIT_EVENTS, type AuditEventName } from '../../../broker/record/index.ts';
import { cefLine, ecsDocument } from '../../../clients/audit/index.ts';
import { denialOf, durable, named, openOn, permitOf } from '../fixtures.ts';

const exported = suite('audit export');

async function sample(): Promise<readonly ParsedLine[]> {
  const { log, disk } = await openOn();
  log.record({ event: 'policy.load', revision: 1, policy: 'ab'.repeat(32) });
  log.record({
    event: 'session.refused',
    src: null,
    reason: 'BAD|SIG=1\\2\nCEF:0|forged',
    detail: { carrier: 'tcp\u202e' },
  });
  log.denied(denialOf(), 4_000_000_000, 10, { session: 's1' });
  log.record({ event: 'send.allowed', by: permitOf(), port: 7, bytes: 3 });
  log.record({ event: 'ring.register', by: permitOf(), port: 7, ringBytes: 4_096 });
  log.record({ event: 'peer.fault', src: named('rogue-vm'), reason: 'BAD_FRAME' });
  await durable(log);
  await log.close();
  const lines = disk
    .text()
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => parseLine(Buffer.from(line))).filter((parsed) => typeof parsed !== 'string');
}

async function only(event: AuditEventName): Promise<ParsedLine> {
  const found = (await sample()).find((parsed) => parsed.event === event);
  if (found === undefined) throw new Error(`no record of ${event}`);
  return found;
}

/** The fields of a CEF line: unescaped pipes part the header, unescaped `key=` the extension. */
function readCef(line: string): { header: readonly string[]; extension: ReadonlyMap<string, string> } {
  const parts = line.split(/(?<!(?<!\\)(?:\\\\)*\\)\|/);
  // A pipe needs no escape behind the header.
  const rest = parts.slice(7).join('|');
  const extension = new Map<string, string>();
  for (const [, key = '', value = ''] of rest.matchAll(/(\w+)=((?:\\.|[^\\=])*)(?= \w+=|$)/g))
    extension.set(key, value.replace(/\\(.)/g, '$1'));
  return { header: parts.slice(0, 7).map((part) => part.replace(/\\(.)/g, '$1')), extension };
}

exported('every event has a kind in ECS, and a category and a type', async () => {
  const [any] = await sample();
  if (any === undefined) throw new Error('no record');
  for (const event of AUDIT_EVENTS) {
    const { event: ecs } = ecsDocument({ ...any, event }) as {
      event: { category: string[]; type: string[]; action: string };
    };
    assert.is(ecs.action, event);
    assert.ok(ecs.category.length > 0 && ecs.type.length > 0, event);
  }
});

exported('a blocked message is a success of type denied in ECS, as of a firewall', async () => {
  const parsed = await only('send.denied');
  const document = JSON.parse(JSON.stringify(ecsDocument(parsed)));
  assert.equal(document.event.type, ['connection', 'denied']);
  assert.is(document.event.outcome, 'success');
  assert.equal([document.event.sequence, document.event.code], [parsed.seq, 'A4001W']);
  assert.equal([document.source.address, document.destination.address], ['rogue-vm', 'audio-vm']);
  assert.is(document.network.bytes, 10);
  assert.equal([document.argus.port, document.argus.session], [4_000_000_000, 's1']);
  const allowed = JSON.parse(JSON.stringify(ecsDocument(await only('send.allowed'))));
  assert.equal(allowed.event.type, ['connection', 'allowed']);
  assert.equal(allowed.rule, { id: 'policy.csv:1', ruleset: 'policy.csv', version: 'abababababababab' });
});

exported('CEF says who, whom, what and why, with the weight of the code', async () => {
  const { header, extension } = readCef(cefLine(await only('send.denied')));
  assert.equal(header, ['CEF:0', 'Argus', 'argus-broker', '1', 'A4001W', 'send.denied', '5']);
  const told = ['act', 'shost', 'dhost', 'out', 'cs2', 'cs5', 'cn1'].map((key) => extension.get(key));
  assert.equal(told, ['deny', 'rogue-vm', 'audio-vm', '10', 'audio-playback', 's1', '4000000000']);
  assert.ok(Number(extension.get('rt')) > 0);
  assert.is(readCef(cefLine(await only('policy.load'))).header[6], '2');
});

exported('no value can forge a line, a header or a field of CEF', async () => {
  const line = cefLine(await only('session.refused'));
  assert.not.match(line, /[\p{Cc}\p{Cf}]/u);
  const { header, extension } = readCef(line);
  assert.is(header.length, 7);
  assert.is(extension.get('reason'), 'BAD|SIG=1\\2\\u000aCEF:0|forged');
  const renamed = cefLine({ ...(await only('peer.fault')), event: 'a|b\nc' });
  assert.is(readCef(renamed).header[5], 'a|b\\u000ac');
});

exported('an event of a later version is exported all the same', async () => {
  const parsed = await only('peer.fault');
  const document = ecsDocument({ ...parsed, event: 'peer.praise' }) as { event: { action: string } };
  assert.is(document.event.action, 'peer.praise');
  assert.is(readCef(cefLine({ ...parsed, event: 'peer.praise', fields: {} })).header[4], 'A0000I');
});

exported.run();
