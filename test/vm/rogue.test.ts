/** What a hostile guest can do through its port: nothing, and each attempt leaves a trace. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { soundHash } from './guest/sound.ts';
import { House, withMachines } from './house.ts';
import type { Entry } from './image/cpio.ts';

const MESSAGES = 100;

const rogue = suite('hostile machine');

withMachines(rogue, 'a guest without rights gets nowhere, while two others go on undisturbed', async () => {
  const house = await House.build();
  try {
    // Its own kernel, its own software: rogue-vm has even got hold of chrome-vm's private key.
    const files = new Map<string, Entry>();
    house.addIdentity(files, 'chrome-vm', 'stolen');
    const audio = await house.boot('audio-vm', `node /guest.mjs sink ${MESSAGES}`);
    await audio.line(/^listening$/);
    const chrome = await house.boot('chrome-vm', `node /guest.mjs source ${MESSAGES} 1000000`);
    const crash = 'node /guest.mjs crash; echo "crashed with $?"';
    const attacks = [crash, 'node /guest.mjs garbage', 'node /guest.mjs thief /stolen', 'node /guest.mjs rogue'].join(
      '\n',
    );
    const attacker = await house.boot('rogue-vm', attacks, { files });
    await attacker.line(/^crashed with 1$/);
    await attacker.line(/^guest: main ended$/);

    const outcomes = attacker.console.split('\n').filter((line) => line.startsWith('rogue: '));
    assert.equal(outcomes, [
      'rogue: be chrome-vm: ERR_CLIENT_WRONG_CARRIER',
      'rogue: play sound: EACCES',
      'rogue: open the microphone: EACCES',
      'rogue: send to an app: EACCES',
      'rogue: send to a domain that does not exist: EACCES',
      'rogue: hear everybody: EACCES',
      'rogue: hear the apps: EACCES',
    ]);
    const refusals = house.audited('session.refused').filter((record) => nameOf(record.src) === 'rogue-vm');
    assert.ok(refusals.some(({ reason }) => reason === 'WRONG_PEER'));

    const whole = /^played chrome-vm ([0-9a-f]{64}) /;
    const seen = audio.console.split('\n').filter((line) => whole.test(line)).length;
    const [, hash] = await audio.line(whole, seen + 2);
    assert.is(hash, soundHash(MESSAGES));
    assert.not.match(audio.console, /rogue-vm|^lost|cut off/m);
    assert.not.match(chrome.console, /lost|stopped/);
  } finally {
    await house.close();
  }
});

rogue.run();

function nameOf(domain: unknown): unknown {
  return typeof domain === 'object' && domain !== null && 'domain' in domain ? domain.domain : null;
}
