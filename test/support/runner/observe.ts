/**
 * Preloaded into each test process by the runner: redirects `uvu` to observed-uvu.ts and writes its events to the file
 * that ARGUS_TEST_EVENTS names. Without that variable it does nothing.
 */
import { appendFileSync } from 'node:fs';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';

declare global {
  var UVU_DEFER: boolean | undefined;
}

const eventFile = process.env.ARGUS_TEST_EVENTS;
// Processes and workers that a test starts inherit the environment (and `fork` these arguments); they are not tests.
delete process.env.ARGUS_TEST_EVENTS;

if (eventFile !== undefined) {
  const observedUvu = new URL('./observed-uvu.ts', import.meta.url).href;
  const hooks = `export function resolve(specifier, context, next) {
    if (specifier !== 'uvu' || context.parentURL?.startsWith(${JSON.stringify(observedUvu)})) return next(specifier, context);
    return { url: ${JSON.stringify(observedUvu)}, format: 'module', shortCircuit: true };
  }`;
  register(`data:text/javascript,${encodeURIComponent(hooks)}`);

  // uvu looks at this when it is loaded: batch.ts says itself when its files run.
  if (process.argv[1] === fileURLToPath(new URL('./batch.ts', import.meta.url))) globalThis.UVU_DEFER = true;
  const { reportTo } = await import('./observed-uvu.ts');
  // Synchronous: what was reported stays reported when the process is killed.
  reportTo((event) => appendFileSync(eventFile, `${JSON.stringify(event)}\n`));
}
