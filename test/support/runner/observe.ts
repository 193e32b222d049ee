/**
 * Preloaded into each test process by the runner: redirects `uvu` to observed-uvu.ts and writes its events to the file
 * that ARGUS_TEST_EVENTS names. Without that variable it does nothing.
 */
import { appendFileSync } from 'node:fs';
import { register } from 'node:module';

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

  const { reportTo } = await import('./observed-uvu.ts');
  // Synchronous: what was reported stays reported when the process is killed.
  reportTo((event) => appendFileSync(eventFile, `${JSON.stringify(event)}\n`));
}
