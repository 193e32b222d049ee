/** How a command that lasts is ended by a signal, at any moment. */
import { EventEmitter } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { untilInterrupted, whenInterrupted } from '../../clients/cli/interrupt.ts';
import { WORKING_TREE } from '../support/program.ts';

const interrupt = suite('untilInterrupted');

/** Signals that the test sends itself. */
function signals(): { readonly source: EventEmitter; send: (signal: string) => void; heard: () => number } {
  const source = new EventEmitter();
  const heard = (): number => source.listenerCount('SIGTERM') + source.listenerCount('SIGINT');
  return { source, heard, send: (signal) => void source.emit(signal, signal) };
}

for (const signal of ['SIGTERM', 'SIGINT'])
  interrupt(`a ${signal} during the start is in force as soon as the command has started`, async () => {
    const { source, send, heard } = signals();
    const steps: string[] = [];
    let start = (): void => {};
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    const ended = untilInterrupted(
      async (interrupted) => {
        steps.push(`listens to ${heard()}`);
        await started;
        steps.push('started');
        await whenInterrupted(interrupted);
        steps.push('closed');
      },
      { source },
    );
    send(signal);
    start();
    await ended;
    assert.equal(steps, ['listens to 2', 'started', 'closed']);
    assert.is(heard(), 0);
  });

interrupt('what gives up for the signal ends in order; what fails by itself does not', async () => {
  const { source, send } = signals();
  const waits = untilInterrupted((signal) => delay(600_000, undefined, { signal }), { source });
  send('SIGTERM');
  await waits;
  const fails = untilInterrupted(
    async (interrupted) => {
      await whenInterrupted(interrupted);
      throw new Error('the log cannot be written');
    },
    { source },
  );
  send('SIGTERM');
  assert.is(await fails.catch((error: Error) => error.message), 'the log cannot be written');
});

interrupt('a signal after the last that is listened to ends the process, as it ends any program', async () => {
  for (const times of [1, 2] as const) {
    const { source, send, heard } = signals();
    const steps: string[] = [];
    await untilInterrupted(
      async (interrupted, again) => {
        void whenInterrupted(again).then(() => steps.push('again'));
        send('SIGINT');
        await whenInterrupted(interrupted);
        steps.push(`listens to ${heard()}`);
        send('SIGTERM');
        steps.push(`listens to ${heard()}`);
      },
      { source, times },
    );
    assert.equal(steps, times === 1 ? ['listens to 0', 'listens to 0'] : ['listens to 2', 'listens to 0', 'again']);
  }
});

interrupt('a command that ends by itself leaves no listener', async () => {
  const { source, heard } = signals();
  await untilInterrupted(async () => {}, { source });
  await untilInterrupted(() => Promise.reject(new Error('no')), { source }).catch(() => {});
  assert.is(heard(), 0);
});

/** Files that name a signal, and why. */
const NAME_SIGNALS: Readonly<Record<string, string>> = {
  'commands/broker.ts': 'SIGHUP reloads',
  'commands/demo.ts': 'passes each signal on to the demo, which has exit codes of its own',
  'full-screen.ts': 'the terminal says with SIGHUP that it is gone',
  'interrupt.ts': 'here',
};

interrupt('no command listens to the signals in a way of its own', () => {
  const root = join(WORKING_TREE, 'clients/cli');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const naming = files.filter((file) => /'SIG(TERM|INT|HUP)'/.test(readFileSync(join(root, file), 'utf8')));
  assert.equal(naming.sort(), Object.keys(NAME_SIGNALS));
});

interrupt.run();
