/** assertions.csv and tests.csv hold at each load. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { codesOf, compileTexts, findingsOf, ONE_ROW } from '../compile.ts';

const assertions = suite('assertions');

assertions('what holds is counted', async () => {
  const policy = await compileTexts({
    assertions: '# comment\nneverallow, rogue-vm, @any, *, *\nmust-allow, @app, @audio, playback, send\n',
    tests: 'chrome-vm, audio-vm, playback, send, allow\nrogue-vm, audio-vm, playback, send, deny\n',
  });
  assert.equal(policy.checked, { assertions: 2, tests: 2 });
});

assertions('a violated neverallow names its line, the request, the row and the labels that led there', async () => {
  const [first, ...rest] = await findingsOf({ assertions: '\nneverallow, chrome-vm, @any, playback, *\n' });
  assert.equal(rest, []);
  assert.equal([first?.code, first?.file, first?.line], ['A-040', 'assertions.csv', 2]);
  assert.is(
    first?.message,
    'neverallow on line 2 of assertions.csv violated by allow chrome-vm audio-vm:playback { send } (policy.csv:1; chrome-vm is @app, audio-vm is @audio)',
  );
});

assertions('a deny row keeps a neverallow, wholly or not at all', async () => {
  const never = 'neverallow, @app, @audio, playback, send\n';
  const deny = (who: string): string => `${ONE_ROW}p, ${who}, @audio, playback, send, deny\n`;
  await compileTexts({ assertions: never, policy: deny('@app') });
  const [first] = await findingsOf({ assertions: never, policy: deny('chrome-vm') });
  assert.match(first?.message ?? '', 'allow mail-vm audio-vm:playback');
});

assertions('each violating row is reported', async () => {
  const policy = `${ONE_ROW}p, mail-vm, audio-vm, control, other, allow\n`;
  assert.equal(await codesOf({ policy, assertions: 'neverallow, @any, @any, *, *\n' }), ['A-040@1:1', 'A-040@1:1']);
});

assertions('neverallow reaches the broker only by name', async () => {
  const policy = `${ONE_ROW}p, rogue-vm, broker, argo, enable, allow\n`;
  await compileTexts({ policy, assertions: 'neverallow, rogue-vm, @any, *, *\n' });
  assert.equal(await codesOf({ policy, assertions: 'neverallow, rogue-vm, broker, argo, *\n' }), ['A-040@1:1']);
  assert.equal(await codesOf({ policy, assertions: 'neverallow, rogue-vm, broker, *, *\n' }), ['A-040@1:1']);
});

assertions('must-allow fails on the first pair that is denied, and says why', async () => {
  const policy = `${ONE_ROW}p, mail-vm, @audio, playback, send, deny\n`;
  const [first] = await findingsOf({ policy, assertions: 'must-allow, @app, @audio, playback, send\n' });
  assert.is(first?.code, 'A-041');
  assert.match(first?.message ?? '', 'mail-vm audio-vm:playback { send } is denied (policy.csv:2)');
  const [second] = await findingsOf({ assertions: 'must-allow, rogue-vm, @audio, playback, *\n' });
  assert.match(second?.message ?? '', 'is denied (no row allows it)');
});

const refused: readonly (readonly [string, string, string])[] = [
  ['an unknown kind', 'never-allow, @app, @app, argo, send', 'F-002@1:1'],
  ['a missing field', 'neverallow, @app, @app, argo', 'F-001@1:25'],
  ['a field too many', 'neverallow, @app, @app, argo, send, allow', 'F-001@1:37'],
  ['an unknown label', 'neverallow, @ap, @app, argo, send', 'E-011@1:13'],
  ['a class wildcard with a permission', 'neverallow, @app, @app, *, send', 'F-005@1:25'],
  ['a class wildcard in must-allow', 'must-allow, @app, @app, *, *', 'F-005@1:25'],
  ['a permission of another class', 'neverallow, @app, @app, argo, other', 'E-014@1:31'],
  ['enable of a domain', 'neverallow, @app, @app, argo, enable', 'E-054@1:19'],
];
for (const [what, line, expected] of refused) {
  assertions(`${what} is refused`, async () => {
    assert.equal(await codesOf({ assertions: `${line}\n` }), [expected]);
  });
}

const tests = suite('policy tests');

tests('a test that gets another decision fails the load and names the deciding row', async () => {
  const [first] = await findingsOf({ tests: 'chrome-vm, audio-vm, playback, send, deny\n' });
  assert.is(first?.code, 'A-050');
  assert.is(first?.message, 'chrome-vm audio-vm:playback { send } got allow (policy.csv:1), expected deny');
  assert.equal(await codesOf({ tests: 'rogue-vm, audio-vm, playback, send, allow\n' }), ['A-050@1:1']);
  assert.equal(await codesOf({ tests: 'rogue-vm, broker, argo, enable, allow\n' }), ['A-050@1:1']);
});

const refusedTests: readonly (readonly [string, string, string])[] = [
  ['a label', '@app, audio-vm, playback, send, allow', 'F-005@1:1'],
  ['a wildcard permission', 'chrome-vm, audio-vm, control, *, deny', 'F-005@1:31'],
  ['a missing expectation', 'chrome-vm, audio-vm, playback, send', 'F-001@1:32'],
  ['an unknown expectation', 'chrome-vm, audio-vm, playback, send, yes', 'E-015@1:38'],
  ['an unknown domain', 'chrom-vm, audio-vm, playback, send, allow', 'E-010@1:1'],
];
for (const [what, line, expected] of refusedTests) {
  tests(`${what} is refused`, async () => {
    assert.equal(await codesOf({ tests: `${line}\n` }), [expected]);
  });
}

assertions.run();
tests.run();
