/**
 * Replaces uvu in a compiled test. It has the same functions, and writes each step as an event to the file in
 * ARGUS_TEST_EVENTS. Without that variable nothing is written.
 *
 * Below `.build/test/` the import `uvu` loads this file (compile.ts). A test that is run directly (`node --import tsx
 * FILE`) gets the original uvu.
 */
import { appendFileSync } from 'node:fs';
import type * as Uvu from 'uvu';
import type { TestEvent } from './events.ts';

/** Imported by its path, because here the name `uvu` is this file. */
const uvu: typeof Uvu = await import(new URL('../../../node_modules/uvu/dist/index.mjs', import.meta.url).href);

type Handler<T> = Uvu.Callback<T>;

const eventFile = process.env.ARGUS_TEST_EVENTS;
// Processes that a test starts inherit the environment; they are not tests.
delete process.env.ARGUS_TEST_EVENTS;

/** Synchronous, so that no event is lost when the process is killed. */
function emit(event: TestEvent): void {
  if (eventFile !== undefined) appendFileSync(eventFile, `${JSON.stringify(event)}\n`);
}

let suiteCount = 0;
let testCount = 0;

/** batch.ts calls this before it loads a file: tests that are registered from now on belong to that file. */
export function beginFile(file: string): void {
  emit({ kind: 'file', file });
}

/** batch.ts calls this for a file that throws while it loads. */
export function cannotLoad(file: string, error: unknown): void {
  emit({ kind: 'unloadable', file, message: error instanceof Error ? error.message : String(error) });
}

/** uvu's `suite`, observed. */
export function suite<T = Record<string, unknown>>(title = '', context?: T): Uvu.Test<T> {
  return observed(uvu.suite<T>(title, context), title);
}

export const exec = uvu.exec;

function observed<T>(real: Uvu.Test<T>, title: string): Uvu.Test<T> {
  let id = -1;
  /** Announced on first use, because uvu's default suite `test` exists in every file. */
  const announce = (): number => {
    if (id < 0) {
      id = suiteCount++;
      emit({ kind: 'suite', suite: id, name: title });
    }
    return id;
  };
  if (title !== '') announce();

  const register =
    (target: (name: string, handler: Handler<T>) => void, only: boolean) => (name: string, handler: Handler<T>) => {
      const test = testCount++;
      emit({ kind: 'test', suite: announce(), test, name, only });
      target(name, observedTest(test, handler));
    };
  const hook = (target: (handler: Handler<T>) => void, name: string) => (handler: Handler<T>) =>
    target(async (context) => {
      try {
        await handler(context);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        emit({ kind: 'hook-error', suite: announce(), hook: name, message });
        throw error;
      }
    });

  const each = (target: Uvu.Test<T>['before'], name: string): Uvu.Test<T>['before'] =>
    Object.assign(hook(target, name), { each: hook(target.each, `${name}.each`) });
  return Object.assign(register(real, false), {
    only: register(real.only, true),
    skip: (name = '(unnamed)') => {
      emit({ kind: 'skip', suite: announce(), name });
      real.skip(name);
    },
    before: each(real.before, 'before'),
    after: each(real.after, 'after'),
    run: () => {
      emit({ kind: 'run', suite: announce() });
      real.run();
    },
  });
}

function observedTest<T>(test: number, handler: Handler<T>): Handler<T> {
  return async (context) => {
    emit({ kind: 'start', test, at: performance.now() });
    try {
      await handler(context);
    } catch (error) {
      emit({ kind: 'end', test, ok: false, at: performance.now() });
      throw error;
    }
    emit({ kind: 'end', test, ok: true, at: performance.now() });
  };
}

/** uvu's default suite, observed. */
export const test = observed(uvu.test, '');
