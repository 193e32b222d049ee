/** The reader of sources: what counts as an import, and what is only text. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bare } from './bare.ts';
import { unitOf } from './layers.ts';
import { parseSource } from './source.ts';

const source = suite('source');

const IMPORTS: readonly (readonly [label: string, text: string, specifiers: readonly string[]])[] = [
  ['named', `import { a, b } from './x.ts';`, ['./x.ts']],
  ['over several lines', `import {\n  a,\n  type B,\n} from './x.ts';`, ['./x.ts']],
  ['type', `import type { A } from "./x.ts";`, ['./x.ts']],
  ['namespace', `import * as x from './x.ts'`, ['./x.ts']],
  ['side effect', `import './x.ts';`, ['./x.ts']],
  ['re-export', `export { a } from './x.ts';\nexport type { B } from './y.ts';`, ['./x.ts', './y.ts']],
  ['dynamic', `const x = await import('./x.ts');`, ['./x.ts']],
  ['dynamic, template', 'const x = await import(`./x.ts`);', ['./x.ts']],
  ['type of a module', `let x: typeof import('./x.ts');`, ['./x.ts']],
  ['in a comment', `// import './x.ts'\n/* import './y.ts' */`, []],
  ['in a string', `const text = "import './x.ts'";`, []],
  ['in a template', "const text = `import './x.ts' ${f('`')} from './y.ts'`;", []],
  ['after a regular expression with quotes', `const quote = /['"\`/]/;\nimport './x.ts';`, ['./x.ts']],
  ['after a division', `const half = a / 2; const b = 'x'; const c = d / e;\nimport './x.ts';`, ['./x.ts']],
  ['a property of that name', `export const from = 1;\nconst a = 'b';`, []],
];

for (const [label, text, specifiers] of IMPORTS) {
  source(`imports: ${label}`, () => {
    const found = parseSource('keys/a.ts', text).imports.map((one) => one.specifier);
    assert.equal(found.sort(), [...specifiers].sort());
  });
}

source('bare text keeps its length, its lines and its code', () => {
  const text = "const a = `x${b ? `y${'z'}` : {}.c}w`; // note 'quoted'\nprocess.exit('bye');\n";
  const result = bare(text);
  assert.is(result.length, text.length);
  assert.is(result.split('\n').length, text.split('\n').length);
  assert.match(result, /process\.exit\(' {3}'\);/);
  assert.not.match(result, /note|bye|quoted/);
});

source('a path is reduced to the folder that the layers speak of', () => {
  assert.is(unitOf('keys/aead/noble.ts'), 'keys/aead');
  assert.is(unitOf('policy/index.ts'), 'policy');
  assert.is(unitOf('broker/main.ts'), 'broker');
  assert.is(unitOf('broker/carrier/nats/index.ts'), 'broker/carrier');
  assert.is(unitOf('clients/agents/audio/mixer/mixer.ts'), 'clients/agents/audio');
  assert.is(unitOf('clients/cli/commands/keys.ts'), 'clients/cli');
});

source('a folder without a row is a unit of its own, and not a part of the roof above it', () => {
  assert.is(unitOf('broker/sideways/index.ts'), 'broker/sideways');
  assert.is(unitOf('policy/rows/parse.ts'), 'policy/rows');
});

source.run();
