/** AVC lines, read by the programs of Debian that read those of SELinux. */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ParsedLine, parseLine } from '../../../broker/audit/chain.ts';
import { avcLine } from '../../../clients/audit/index.ts';
import { findBinary, needs } from '../../support/needs.ts';
import { temporaryDirectory } from '../../support/temp.ts';
import { denialOf, durable, knownDenial, openOn, permitOf } from '../fixtures.ts';

const avc = suite('audit AVC lines');
const withAusearch = needs('ausearch', 'auditd');
const withCheckpolicy = needs('checkpolicy', 'checkpolicy policycoreutils-python-utils');

async function records(): Promise<readonly ParsedLine[]> {
  const { log, disk } = await openOn();
  log.denied(denialOf(), 4_713, 10);
  log.denied(denialOf(), 4_713, 10);
  log.record({ event: 'send.allowed', by: permitOf(), port: 4_713, bytes: 3 });
  log.denied(denialOf('audio-vm', 'net-vm'), 7, 1, { permissive: true });
  log.denied(knownDenial(), 7, 1);
  await durable(log);
  await log.close();
  const lines = disk.text().trimEnd().split('\n');
  return lines.map((line) => parseLine(Buffer.from(line))).filter((parsed) => typeof parsed !== 'string');
}

/** The file that `argus audit list --format avc` writes. */
async function exported(): Promise<string> {
  const file = join(temporaryDirectory(), 'audit.log');
  const lines = (await records()).map(avcLine).filter((line) => line !== null);
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  return file;
}

avc('spaces and order are those of libselinux; what is no decision, or was only counted, has no line', async () => {
  assert.equal((await records()).map(avcLine), [
    null,
    'type=AVC msg=audit(1700000000.000:2): avc:  denied  { send } for  pid=0 comm="argus" dest=4713 count=2 scontext=argus_u:argus_r:rogue-vm:s0 tcontext=argus_u:argus_r:audio-vm:s0 tclass=audio-playback permissive=0',
    'type=AVC msg=audit(1700000000.000:3): avc:  granted  { send } for  pid=0 comm="argus" dest=4713 scontext=argus_u:argus_r:chrome-vm:s0 tcontext=argus_u:argus_r:audio-vm:s0 tclass=audio-playback permissive=0',
    'type=AVC msg=audit(1700000000.000:4): avc:  denied  { send } for  pid=0 comm="argus" dest=7 scontext=argus_u:argus_r:audio-vm:s0 tcontext=argus_u:argus_r:net-vm:s0 tclass=audio-playback permissive=1',
    null,
    null,
  ]);
});

avc('a hostile name ends no field and no line', async () => {
  const [, denied] = await records();
  if (denied === undefined) throw new Error('no record');
  const src = { domain: 'x tcontext=forged\ntype=AVC' };
  const line = avcLine({ ...denied, fields: { ...denied.fields, src, time: 'yesterday' } });
  assert.match(line ?? '', 'msg=audit(0.000:2)');
  assert.match(line ?? '', 'scontext=argus_u:argus_r:x?tcontext?forged?type?AVC:s0 tcontext=');
});

withAusearch(avc, 'ausearch finds them by outcome, subject and event, and aureport counts them', async () => {
  const file = await exported();
  const search = (...words: string[]): readonly string[] => {
    const { stdout } = spawnSync(findBinary('ausearch') ?? '', ['-if', file, '--format', 'raw', ...words]);
    return [...stdout.toString().matchAll(/:(\d+)\): avc:/g)].map(([, seq = '']) => seq);
  };
  assert.equal(search('-m', 'AVC'), ['2', '3', '4']);
  assert.equal(search('-su', 'argus_u:argus_r:rogue-vm:s0'), ['2']);
  assert.equal(search('-o', 'net-vm'), ['4']);
  assert.equal(search('-a', '3'), ['3']);
  const report = execFileSync(findBinary('aureport') ?? '', ['-if', file, '--avc']).toString();
  assert.match(report, /argus_u:argus_r:rogue-vm:s0 \S+ audio-playback send argus_u:argus_r:audio-vm:s0 denied 2/);
});

const POLICY = `class audio-playback
sid kernel
class audio-playback { send }
sensitivity s0;
dominance { s0 }
category c0;
level s0:c0;
mlsconstrain audio-playback { send } ( l1 eq l2 );
type rogue-vm; type chrome-vm; type audio-vm; type net-vm;
role argus_r; role argus_r types { rogue-vm chrome-vm audio-vm net-vm };
allow chrome-vm audio-vm:audio-playback send;
user argus_u roles { argus_r } level s0 range s0 - s0:c0;
sid kernel argus_u:argus_r:net-vm:s0
`;

withCheckpolicy(avc, 'audit2allow proposes the rows that are missing, audit2why says why', async () => {
  const directory = temporaryDirectory();
  const [source, policy, file] = [join(directory, 'policy.conf'), join(directory, 'policy'), await exported()];
  writeFileSync(source, POLICY);
  execFileSync(findBinary('checkpolicy') ?? '', ['-M', '-o', policy, source], { stdio: 'pipe' });
  const read = (program: string): string =>
    execFileSync(findBinary(program) ?? '', ['-p', policy, '-i', file], { stdio: 'pipe' }).toString();
  const allowed = read('audit2allow');
  for (const row of ['allow rogue-vm audio-vm:audio-playback send;', 'allow audio-vm net-vm:audio-playback send;'])
    assert.match(allowed, row);
  assert.not.match(allowed, 'allow chrome-vm');
  const why = read('audit2why');
  assert.is(why.split('Missing type enforcement (TE) allow rule').length - 1, 2);
});

avc.run();
