/** Sound from one virtual machine to another, while the sender's machine is saved and restored, and its QEMU killed. */

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GUEST_PROGRAM, MESSAGES, SOUND_HASH, SoundCheck } from '../../clients/demo/vms/index.ts';
import type { Machine } from '../../clients/machines/index.ts';
import { closeVms, openVms, withMachines } from './vm-fixture.ts';

const restore = suite('machines that come back');

withMachines(
  restore,
  'sound goes on after save and restore in the middle of it, and after kill -9 of QEMU',
  async () => {
    const vms = await openVms(GUEST_PROGRAM);
    const bootChrome = (options = {}): Promise<Machine> =>
      vms.boot('chrome-vm', `node /guest.mjs source ${MESSAGES}`, options);
    try {
      const listening = new SoundCheck(await vms.boot('audio-vm', `node /guest.mjs sink ${MESSAGES}`));
      let chrome = await bootChrome();
      assert.is(await listening.nextHash(), SOUND_HASH, 'undisturbed');

      await listening.isPlaying();
      const state = vms.path('state');
      await chrome.save(state);
      await chrome.kill();
      chrome = await bootChrome({ restore: state });
      assert.is(await listening.nextHash(), SOUND_HASH, 'save and restore');

      await listening.isPlaying();
      await chrome.kill();
      await bootChrome();
      assert.is(await listening.nextHash(), SOUND_HASH, 'kill -9 of QEMU');
      assert.equal(listening.altered, [], 'what arrived whole was never altered');
    } finally {
      await closeVms(vms);
    }
  },
);

restore.run();
