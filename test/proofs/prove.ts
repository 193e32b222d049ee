/** `npm run prove`: each model as it is, and without each of its parts. Exits with 1 when one of them is not as expected. */
import { MODELS } from './models.ts';
import { check, missingForProofs } from './spin.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function prove(): Promise<number> {
  const missing = missingForProofs();
  if (missing !== null) {
    process.stderr.write(`prove: ${missing} is not installed\n`);
    return 2;
  }
  let wrong = 0;
  for (const { file, variants } of MODELS)
    for (const { lacks, bounds = [], expected } of variants) {
      const { outcome, states, broken } = await check(file, [...lacks, ...bounds]);
      const isExpected = outcome === expected;
      if (!isExpected) wrong++;
      const added = bounds.filter((bound) => !bound.includes('='));
      const name = [...lacks, ...added].join(' ') || 'as it is';
      print(
        `${isExpected ? 'ok  ' : 'FAIL'}  ${file}  ${name}: ${outcome}, ${states} states${broken === null ? '' : `; breaks ${broken}`}`,
      );
    }
  print(wrong === 0 ? 'proved' : `${wrong} not as expected`);
  return wrong === 0 ? 0 : 1;
}

process.exitCode = await prove();
