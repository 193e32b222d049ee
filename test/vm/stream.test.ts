/** Sound from one virtual machine to another, through resets and a killed broker; the guests have no wire but their port. */
import { suite } from 'uvu';
import { withMachines } from './house.ts';
import { SoundScene } from './sound-scene.ts';

const stream = suite('stream between machines');

withMachines(stream, 'sound arrives byte for byte, and goes on after resets and kill -9 of the broker', async () => {
  const scene = await SoundScene.open();
  const { audio, house } = scene;
  try {
    await scene.isPlaying();
    await scene.chrome.reset();
    await scene.chrome.line(/^session chrome-vm/, 2);
    await scene.isWholeAgain('the sender’s reset');

    await scene.isPlaying();
    await house.killBroker();
    await audio.line(/^lost /);
    await house.startBroker();
    await audio.line(/^again$/);
    await scene.isWholeAgain('kill -9 of the broker');

    await scene.isPlaying();
    await audio.reset();
    await audio.line(/^listening$/, 2);
    await scene.isWholeAgain('the receiver’s reset');
  } finally {
    await scene.close();
  }
});

stream.run();
