/** Sound from one virtual machine to another, while the sender's machine is saved and restored, and its QEMU killed. */
import { suite } from 'uvu';
import { withMachines } from './house.ts';
import { SoundScene } from './sound-scene.ts';

const restore = suite('machines that come back');

withMachines(
  restore,
  'sound goes on after save and restore in the middle of it, and after kill -9 of QEMU',
  async () => {
    const scene = await SoundScene.open();
    try {
      await scene.isPlaying();
      const state = scene.house.path('state');
      await scene.chrome.save(state);
      await scene.chrome.kill();
      await scene.bootChrome(state);
      await scene.isWholeAgain('save and restore');

      await scene.isPlaying();
      await scene.chrome.kill();
      await scene.bootChrome();
      await scene.isWholeAgain('kill -9 of QEMU');
    } finally {
      await scene.close();
    }
  },
);

restore.run();
